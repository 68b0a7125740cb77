import { describe, expect, test } from 'vitest'
import { chooseCrashPoints, spread } from '../../src/testing/crash-points.ts'
import type { OperationKind, TraceEntry } from '../../src/testing/index.ts'

const mutation = (operation: OperationKind): TraceEntry => ({ operation, file: 'f', offset: 0, length: 0 })

/** A hundred writes with a sync after every tenth. */
const mutations = Array.from({ length: 110 }, (_, index) => mutation(index % 11 === 10 ? 'sync' : 'write'))
const rehearsal = { mutations, workloadEnd: 90 }

describe('crash points', () => {
  test('are all of them when there is room, and the one past the end', () => {
    expect(chooseCrashPoints(rehearsal, 111, 1)).toEqual(Array.from({ length: 111 }, (_, index) => index + 1))
  })

  test('are every sync, what follows it, and the end of the workload first', () => {
    const points = chooseCrashPoints(rehearsal, 40, 1)
    expect(points).toHaveLength(40)
    for (let sync = 11; sync <= 110; sync += 11) expect(points).toEqual(expect.arrayContaining([sync, sync + 1]))
    expect(points).toContain(90)
    expect(points).toEqual([...new Set(points)].sort((a, b) => a - b))
  })

  test('are drawn from the syncs when even these are too many; the end of the workload stays', () => {
    const points = chooseCrashPoints(rehearsal, 5, 1)
    expect(points).toHaveLength(5)
    expect(points).toContain(90)
    expect(points.filter((point) => point % 11 > 1)).toEqual([90])
  })

  test('belong to the seed', () => {
    const of = (seed: number): number[] => chooseCrashPoints(rehearsal, 40, seed)
    expect(of(1)).toEqual(of(1))
    expect(of(1)).not.toEqual(of(2))
  })
})

test('spread takes one of each stretch', () => {
  expect(spread([1, 2, 3], 5, 1)).toEqual([1, 2, 3])
  expect(spread([1, 2, 3], 0, 1)).toEqual([])
  const drawn = spread(
    Array.from({ length: 100 }, (_, index) => index),
    10,
    3,
  )
  expect(drawn.map((value) => Math.floor(value / 10))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
})
