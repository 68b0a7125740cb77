import { describe, expect, test } from 'vitest'
import { DirtyOrder } from '../../src/buffer/dirty-order.ts'

/** What is dirty, by frame, and the order of it. */
class Bench {
  readonly recLsns = new Map<number, number>()
  readonly order = new DirtyOrder((frame, recLsn) => this.recLsns.get(frame) === recLsn)

  dirty(frame: number, recLsn: number): void {
    this.recLsns.set(frame, recLsn)
    this.order.add(frame, recLsn)
  }

  clean(frame: number): void {
    this.recLsns.delete(frame)
  }

  below(horizonLsn: number): number[] {
    const frames: number[] = []
    this.order.below(horizonLsn, (frame) => {
      frames.push(frame)
      return true
    })
    return frames
  }
}

describe('the order in which frames became dirty', () => {
  test('has the oldest recLSN in front, and none when all is clean', () => {
    const bench = new Bench()
    expect(bench.order.oldest()).toBe(Number.POSITIVE_INFINITY)
    bench.dirty(7, 8)
    bench.dirty(3, 40)
    expect(bench.order.oldest()).toBe(8)
    bench.clean(7)
    bench.dirty(7, 96)
    expect(bench.order.oldest()).toBe(40)
    bench.clean(3)
    expect(bench.order.oldest()).toBe(96)
    bench.clean(7)
    expect(bench.order.oldest()).toBe(Number.POSITIVE_INFINITY)
  })

  test('visits those below a horizon, the oldest first, each once, for as long as it is wanted', () => {
    const bench = new Bench()
    for (const [frame, lsn] of [
      [5, 10],
      [2, 20],
      [9, 30],
      [1, 40],
    ] as const)
      bench.dirty(frame, lsn)
    bench.clean(5)
    bench.dirty(5, 50)
    expect(bench.below(40)).toEqual([2, 9])
    expect(bench.below(100)).toEqual([2, 9, 1, 5])
    const first: number[] = []
    bench.order.below(100, (frame) => first.push(frame) < 2)
    expect(first).toEqual([2, 9])
  })

  test('a write that fails makes its frame as old as it was', () => {
    const bench = new Bench()
    bench.dirty(1, 10)
    // While it is being written the old recLSN counts, although the frame has changed again since.
    bench.order.add(1, 30)
    bench.dirty(2, 40)
    expect(bench.order.oldest()).toBe(10)
    expect(bench.below(100)).toEqual([1, 2])
  })

  test('is that of the recLSNs, in whatever order redo has come to the pages', () => {
    const bench = new Bench()
    for (const [frame, lsn] of [
      [1, 40],
      [2, 20],
      [3, 70],
      [4, 10],
      [5, 50],
    ] as const)
      bench.dirty(frame, lsn)
    bench.clean(4)
    expect(bench.order.oldest()).toBe(20)
    bench.dirty(6, 60)
    expect(bench.below(100)).toEqual([2, 1, 5, 6, 3])
    bench.clean(2)
    expect(bench.below(60)).toEqual([1, 5])
    bench.dirty(7, 30)
    expect(bench.order.oldest()).toBe(30)
  })

  test('stays small however often the same frames become dirty, and holds many at once', () => {
    const bench = new Bench()
    let lsn = 0
    for (let round = 0; round < 1000; round++) for (let frame = 0; frame < 10; frame++) bench.dirty(frame, ++lsn)
    expect(bench.order.oldest()).toBe(lsn - 9)
    for (let frame = 0; frame < 1000; frame++) bench.dirty(frame, ++lsn)
    expect(bench.order.oldest()).toBe(lsn - 999)
    expect(bench.below(Number.POSITIVE_INFINITY)).toHaveLength(1000)
  })
})
