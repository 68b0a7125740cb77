import { describe, expect, test } from 'vitest'
import { Replacer } from '../../src/buffer/replacer.ts'
import { asPageId } from '../../src/common/ids.ts'
import { randomBelow, randomFrom } from '../../src/common/random.ts'

/** A pool that knows only which page is in which frame. */
class Pool {
  readonly replacer: Replacer
  readonly pages: number[]
  readonly frames = new Map<number, number>()
  readonly pinned = new Set<number>()
  misses = 0

  constructor(frameCount: number) {
    this.replacer = new Replacer(frameCount)
    this.pages = new Array<number>(frameCount).fill(-1)
  }

  /** Reads a page; false when every frame is pinned. */
  get(page: number): boolean {
    const frame = this.frames.get(page)
    if (frame !== undefined) {
      this.replacer.touch(frame)
      return true
    }
    this.misses++
    let free = this.pages.indexOf(-1)
    if (free < 0) {
      free = this.replacer.victim(
        (candidate) => !this.pinned.has(candidate),
        (candidate) => asPageId(this.pages[candidate] as number),
      )
      if (free < 0) return false
      expect(this.pinned.has(free)).toBe(false)
      this.frames.delete(this.pages[free] as number)
    }
    this.pages[free] = page
    this.frames.set(page, free)
    this.replacer.insert(free, asPageId(page))
    return true
  }
}

describe('the replacement policy', () => {
  test('a hot set survives a scan ten times the pool', () => {
    const pool = new Pool(100)
    for (let round = 0; round < 5; round++) for (let page = 1; page <= 50; page++) pool.get(page)
    for (let page = 1000; page < 2000; page++) pool.get(page)
    pool.misses = 0
    for (let page = 1; page <= 50; page++) pool.get(page)
    expect(pool.misses).toBe(0)
  })

  test('a page that comes back soon after its eviction is kept longer', () => {
    const pool = new Pool(20)
    for (let page = 1; page <= 20; page++) pool.get(page)
    for (let page = 100; page < 110; page++) pool.get(page)
    // The first pages are gone by now, and remembered.
    expect(pool.frames.has(1)).toBe(false)
    pool.get(1)
    for (let page = 200; page < 215; page++) pool.get(page)
    expect(pool.frames.has(1)).toBe(true)
  })

  test('a page that comes back late is one like any other', () => {
    const pool = new Pool(20)
    for (let page = 1; page <= 20; page++) pool.get(page)
    // As many evictions as are remembered, and the first ones.
    for (let page = 100; page < 150; page++) pool.get(page)
    expect(pool.frames.has(1)).toBe(false)
    pool.get(1)
    for (let page = 200; page < 225; page++) pool.get(page)
    expect(pool.frames.has(1)).toBe(false)
  })

  test('a new hot set takes over', () => {
    const pool = new Pool(50)
    for (let round = 0; round < 10; round++) for (let page = 1; page <= 40; page++) pool.get(page)
    for (let round = 0; round < 30; round++) for (let page = 100; page < 140; page++) pool.get(page)
    pool.misses = 0
    for (let page = 100; page < 140; page++) pool.get(page)
    expect(pool.misses).toBe(0)
  })

  test('never a pinned frame; none when all are pinned, and one again when one is let go', () => {
    const random = randomFrom(5)
    const pool = new Pool(8)
    for (let i = 0; i < 5000; i++) {
      pool.pinned.clear()
      for (let pins = randomBelow(random, 8); pins > 0; pins--) pool.pinned.add(randomBelow(random, 8))
      expect(pool.get(1 + randomBelow(random, 60))).toBe(true)
    }
    for (let frame = 0; frame < 8; frame++) pool.pinned.add(frame)
    expect(pool.get(1000)).toBe(false)
    pool.pinned.delete(5)
    expect(pool.get(1001)).toBe(true)
    expect(pool.frames.get(1001)).toBe(5)
  })

  test('the coldest come first, and visiting changes nothing', () => {
    const pool = new Pool(10)
    for (let page = 1; page <= 10; page++) pool.get(page)
    const visit = (): number[] => {
      const seen: number[] = []
      pool.replacer.coldest((frame) => seen.push(pool.pages[frame] as number) < 4)
      return seen
    }
    expect(visit()).toEqual([1, 2, 3, 4])
    expect(visit()).toEqual([1, 2, 3, 4])
  })
})
