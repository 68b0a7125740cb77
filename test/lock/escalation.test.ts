/** A table in place of its keys: what is given back, what others may do then, and when it is refused. */
import { beforeEach, describe, expect, test } from 'vitest'
import { coversKeys, LockMode, type LockModeName } from '../../src/lock/lock-mode.ts'
import type { LockOwner } from '../../src/lock/lock-owner.ts'
import { bytesOf, LockBench, makeOwner } from './support.ts'

let bench: LockBench
let T1: LockOwner
let T2: LockOwner

beforeEach(() => {
  bench = new LockBench()
  T1 = makeOwner(1)
  T2 = makeOwner(2)
})

/** The bench's space is that of the table names; keys of the table `t` are in this one. */
const TREE = 7
const OTHER_TREE = 8

function lockKey(owner: LockOwner, mode: LockModeName, key: string, tree = TREE): Promise<void> | undefined {
  const bytes = bytesOf(key)
  return bench.locks.acquire(owner, tree, bytes, LockMode[mode], Number.POSITIVE_INFINITY)
}
const isLocked = (key: string, tree = TREE): boolean => {
  const bytes = bytesOf(key)
  return bench.locks.isLocked(tree, bytes, 0, bytes.length)
}
const escalate = (owner: LockOwner, mode: LockModeName): boolean =>
  bench.locks.escalate(owner, bytesOf('t'), TREE, LockMode[mode])

describe('escalation', () => {
  test('to X gives back all keys of the table and no others; all of it counts as locked until the end', () => {
    bench.lock(T1, 'IX', 't')
    for (const key of ['a', 'b', 'c']) lockKey(T1, key === 'b' ? 'S+gapS' : 'X', key)
    lockKey(T1, 'X', 'other', OTHER_TREE)
    expect(bench.locks.keepsGapsIn(TREE)).toBe(true)
    expect(escalate(T1, 'X')).toBe(true)
    expect(bench.state()).toEqual(['t: T1 X', 'other: T1 X'])
    expect(bench.locks.keepsGapsIn(TREE)).toBe(false)
    expect(bench.locks.stats).toMatchObject({ held: 2, escalations: 1 })
    expect([isLocked('a'), isLocked('never'), isLocked('a', OTHER_TREE)]).toEqual([true, true, false])
    // What is locked afterwards is found again at the end.
    lockKey(T1, 'X', 'more', OTHER_TREE)
    bench.locks.releaseAll(T1)
    expect(bench.state()).toEqual([])
    expect(isLocked('a')).toBe(false)
    expect(bench.locks.stats).toMatchObject({ held: 0, escalations: 1 })
  })

  test('to S gives back what only reads; the keys that were written keep their locks', () => {
    bench.lock(T1, 'IX', 't')
    for (const mode of ['S', 'X', 'gapS', 'gapI', 'S+gapS', 'X+gapS', 'S+gapI'] as const) lockKey(T1, mode, mode)
    expect(escalate(T1, 'S')).toBe(true)
    expect(bench.state()).toEqual(['t: T1 SIX', 'S+gapI: T1 S+gapI', 'X: T1 X', 'X+gapS: T1 X+gapS', 'gapI: T1 gapI'])
    expect(isLocked('S')).toBe(false)
  })

  test('is refused while another uses the table in a way that does not fit, and changes nothing then', () => {
    bench.lock(T1, 'IX', 't')
    bench.lock(T2, 'IS', 't')
    lockKey(T1, 'X', 'a')
    lockKey(T1, 'S', 'b')
    expect(escalate(T1, 'X')).toBe(false)
    expect(bench.state()).toEqual(['t: T1 IX, T2 IS', 'a: T1 X', 'b: T1 S'])
    expect(bench.locks.stats.escalations).toBe(0)
    expect(escalate(T1, 'S')).toBe(true)
    expect(bench.state()).toEqual(['t: T1 SIX, T2 IS', 'a: T1 X'])
    bench.locks.releaseAll(T2)
    expect(escalate(T1, 'X')).toBe(true)
    expect(bench.state()).toEqual(['t: T1 X'])
  })

  test('others wait for the table then, in order, and get it at the end', async () => {
    bench.lock(T1, 'IX', 't')
    lockKey(T1, 'X', 'a')
    escalate(T1, 'X')
    expect(bench.lock(T2, 'IS', 't')).toBe('waits')
    bench.locks.releaseAll(T1)
    expect(await bench.drain()).toEqual(['T2 granted t'])
  })

  test('wakes who waits for a key that is given back', async () => {
    bench.lock(T1, 'IS', 't')
    lockKey(T1, 'S', 'a')
    // Nobody does this without the table, but a wait is never forgotten.
    const wait = lockKey(T2, 'X', 'a')
    escalate(T1, 'S')
    await wait
    expect(bench.state()).toEqual(['t: T1 S', 'a: T2 X'])
  })

  test('two that locked one space as a whole: it stays locked until both have ended', () => {
    // The page of a tree whose making was rolled back serves another table later.
    bench.locks.cover(T1, TREE, LockMode.X)
    bench.locks.cover(T1, TREE, LockMode.X)
    bench.locks.cover(T2, TREE, LockMode.X)
    bench.locks.releaseAll(T1)
    expect(isLocked('a')).toBe(true)
    bench.locks.releaseAll(T2)
    expect(isLocked('a')).toBe(false)
  })
})

test.each([
  ['X', 'S X gapS gapI gapSI S+gapS S+gapI S+gapSI X+gapS X+gapI X+gapSI'],
  ['SIX', 'S gapS S+gapS'],
  ['S', 'S gapS S+gapS'],
  ['IX', ''],
  ['IS', ''],
] as const)('a table held in %s covers %s', (table, covered) => {
  const keyModes = Object.keys(LockMode).filter((name) => !['IS', 'IX', 'SIX'].includes(name)) as LockModeName[]
  expect(keyModes.filter((mode) => coversKeys(LockMode[table], LockMode[mode])).join(' ')).toBe(covered)
})
