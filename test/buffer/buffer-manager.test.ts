/** The buffer manager: its pool, what it writes and when, and the files below it. */
import { describe, expect, test } from 'vitest'
import { FRAMES_MIN } from '../../src/buffer/buffer-manager.ts'
import { DATA_FILE_NAME, DataFile } from '../../src/buffer/data-file.ts'
import { areaPages } from '../../src/buffer/double-write.ts'
import { asLsn, asPageId } from '../../src/common/ids.ts'
import type { File } from '../../src/io/file-system.ts'
import type { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import type { Call } from '../../src/io/simulated-trace.ts'
import { Bench, IDENTITY, PAGE_SIZE } from './support.ts'

describe('the pool', () => {
  test('has at least what one structure change pins, and steals: ten times as many pages go through it', () => {
    const bench = new Bench()
    expect(bench.buffer.frameCount).toBe(FRAMES_MIN)
    for (let pageId = 1; pageId <= 80; pageId++) bench.make(pageId, pageId * 10)
    for (let pageId = 1; pageId <= 80; pageId++) expect(bench.fillOf(pageId)).toBe(pageId)
    expect(bench.buffer.statistics.evictions).toBeGreaterThan(70)
    expect(bench.buffer.pinnedCount).toBe(0)
  })

  test('a clean page goes before colder ones that would have to be written first', async () => {
    const bench = new Bench()
    for (let pageId = 2; pageId < 2 + FRAMES_MIN; pageId++) bench.make(pageId, 10 + pageId)
    await bench.buffer.writeAll()
    for (let pageId = 2; pageId < 2 + 5; pageId++) bench.change(pageId, 100 + pageId, 1)
    for (let pageId = 20; pageId < 23; pageId++) bench.buffer.unfix(bench.buffer.fixNew(asPageId(pageId)))
    expect(bench.buffer.statistics).toMatchObject({ demandBatches: 0, evictions: 3 })
    expect(bench.dirty.map(([pageId]) => pageId).sort()).toEqual([2, 3, 4, 5, 6])
  })

  test('the reserve is low when what would go next is dirty, and write-back mends that', async () => {
    const bench = new Bench(undefined, 64)
    for (let pageId = 2; pageId < 2 + 63; pageId++) bench.make(pageId, 10 + pageId)
    expect(bench.buffer.isReserveLow, 'there is a free frame').toBe(false)
    bench.make(70, 90)
    expect(bench.buffer.isReserveLow).toBe(true)
    expect(await bench.buffer.writeBack(asLsn(0), 64), 'no more dirty than allowed').toBeGreaterThan(0)
    expect(bench.buffer.isReserveLow).toBe(false)
    expect(await bench.buffer.writeBack(asLsn(0), 64)).toBe(0)
  })

  test('with every frame pinned there is POOL_EXHAUSTED, and it works again when one is let go', () => {
    const bench = new Bench()
    for (let pageId = 1; pageId <= 9; pageId++) bench.make(pageId, 10)
    const pins = Array.from({ length: 8 }, (_, i) => bench.buffer.fix(asPageId(i + 1)))
    expect(() => bench.buffer.fix(asPageId(9))).toThrow('all 8 frames of the buffer pool are in use; raise poolBytes')
    expect(bench.buffer.fix(asPageId(3))).toBe(pins[2])
    bench.buffer.unfix(pins[2]!)
    bench.buffer.unfix(pins[2]!)
    expect(bench.fillOf(9)).toBe(9)
    for (const [i, page] of pins.entries()) if (i !== 2) bench.buffer.unfix(page)
    expect(() => bench.buffer.unfix(pins[0]!)).toThrow('I27')
  })
})

describe('the log goes first (I1)', () => {
  test('a page is written only when the log is durable beyond its pageLsn', async () => {
    const bench = new Bench()
    bench.make(1, 500)
    await bench.buffer.writeAll()
    expect(bench.log.flushedLsn).toBe(501)
  })

  test('with a log that lies nothing is written in place', async () => {
    const bench = new Bench()
    bench.make(1, 500)
    bench.log.lies = true
    const before = bench.disk.crash({ mode: 'all' })
    await expect(bench.buffer.writeAll()).rejects.toThrow('I1')
    const read = (disk: SimulatedFileSystem): Uint8Array => {
      const bytes = new Uint8Array(PAGE_SIZE)
      disk.open(DATA_FILE_NAME, 'read').readAt(bytes, 0, PAGE_SIZE, PAGE_SIZE)
      return bytes
    }
    expect(Buffer.from(read(bench.disk)).equals(read(before))).toBe(true)
  })

  test('a page newer than the log is refused', async () => {
    const bench = new Bench()
    bench.make(1, 500)
    await bench.buffer.writeAll()
    const again = new Bench(bench.disk.crash({ mode: 'none' }))
    again.log.nextLsn = again.log.openedLsn = asLsn(500)
    expect(() => again.buffer.fix(asPageId(1))).toThrow('the log ends at LSN 500')
    // What is appended now has LSNs of what was lost.
    again.log.nextLsn = asLsn(900)
    expect(() => again.buffer.fix(asPageId(1))).toThrow('the log ended at LSN 500')
    again.log.openedLsn = asLsn(501)
    expect(again.fillOf(1)).toBe(1)
  })
})

describe('dirty pages (I10, I11)', () => {
  test('have the LSN of their first change since they were clean', async () => {
    const bench = new Bench()
    bench.make(1, 100)
    bench.change(1, 200, 7)
    bench.make(2, 150)
    expect(bench.dirty).toEqual([
      [1, 100],
      [2, 150],
    ])
    expect(bench.buffer.minRecLsn()).toBe(100)
    expect(await bench.buffer.writeBack(asLsn(120), 100)).toBe(1)
    expect(bench.dirty).toEqual([[2, 150]])
    bench.change(1, 300, 8)
    expect(bench.dirty).toEqual([
      [1, 300],
      [2, 150],
    ])
    await bench.buffer.writeAll()
    expect(bench.dirty).toEqual([])
    expect([bench.buffer.dirtyCount, bench.buffer.minRecLsn()]).toEqual([0, 0])
  })

  test('while they are written keep the old one; changed meanwhile they stay dirty with the new one', async () => {
    const bench = new Bench()
    bench.make(1, 100)
    const writing = bench.buffer.writeAll()
    bench.change(1, 400, 9)
    expect(bench.dirty).toEqual([[1, 100]])
    // What is written is the page as it was when the batch was made.
    await bench.buffer.writeBack(asLsn(0), 100)
    await writing
    expect(bench.dirty).toEqual([])
    expect(new Bench(bench.disk.crash({ mode: 'none' })).fillOf(1)).toBe(9)
  })

  test('changed while they are written count with the new one afterwards, however many became dirty meanwhile', async () => {
    const bench = new Bench(undefined, 128)
    bench.make(2, 10)
    const writing = bench.buffer.writeBack(asLsn(11), 128)
    bench.change(2, 20, 9)
    for (let pageId = 3; pageId < 103; pageId++) bench.make(pageId, 100 + pageId)
    expect(bench.buffer.minRecLsn()).toBe(10)
    expect(await writing).toBe(1)
    expect(bench.buffer.minRecLsn()).toBe(20)
    expect(await bench.buffer.writeBack(asLsn(21), 128), 'the page is found again').toBe(1)
  })

  test('go out in several batches at once, a quarter of the pool together, which end in their order', async () => {
    const bench = new Bench(undefined, 16)
    const runtime = new SimulatedRuntime(1)
    bench.disk.runtime = runtime
    bench.disk.inject('sync', { effect: 'slow', delayMs: 4 }, { times: Number.POSITIVE_INFINITY })
    for (let pageId = 1; pageId <= 12; pageId++) bench.make(pageId, 100 * pageId)
    const ended: number[] = []
    const start = (horizon: number): number => {
      const batch = bench.buffer.startWriteBack(asLsn(horizon), 16)
      void batch?.then((pages) => ended.push(pages))
      return batch === undefined ? 0 : 1
    }
    expect([start(101), start(301), start(1301), start(1301)], 'of 1, 2 and 1 pages').toEqual([1, 1, 1, 0])
    while (ended.length < 3) {
      runtime.advance(4)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(ended).toEqual([1, 2, 1])
    expect(bench.dirty.map(([pageId]) => pageId)).toEqual([5, 6, 7, 8, 9, 10, 11, 12])
  })

  test('go in place in slices, each in a turn of its own, and those that can go together share a sync', async () => {
    const turns: (() => void)[] = []
    const written: number[] = []
    // Two pages take a millisecond.
    const clock = { nowMs: () => written.length / 2, nextTurn: (callback: () => void) => turns.push(callback) }
    const bench = new Bench(undefined, 32, clock)
    bench.buffer.tracer = { listener: (event) => event.kind === 'page-written' && written.push(event.pageId) }
    const runtime = new SimulatedRuntime(1)
    bench.disk.runtime = runtime
    bench.disk.inject('sync', { effect: 'slow', delayMs: 4 }, { times: Number.POSITIVE_INFINITY })
    for (let pageId = 1; pageId <= 8; pageId++) bench.make(pageId, 100 * pageId)
    const calls: Call[] = []
    bench.disk.trace = calls
    const pass = async (): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve))
      runtime.advance(4)
      await new Promise((resolve) => setImmediate(resolve))
    }
    const batches = [101, 401, 801].map((horizon) => bench.buffer.startWriteBack(asLsn(horizon), 32))
    await pass()
    expect([written, turns.length], 'the copies of the others are synced after those of the first').toEqual([[1], 0])
    for (const end of [3, 5, 7]) {
      await pass()
      expect([written.at(-1), turns.length, bench.dirty.length]).toEqual([end, 1, 7])
      turns.shift()?.()
    }
    await pass()
    await pass()
    expect([written, turns.length]).toEqual([[1, 2, 3, 4, 5, 6, 7, 8], 0])
    expect(await Promise.all(batches)).toEqual([1, 3, 4])
    expect(calls.filter(({ operation, file }) => operation === 'sync' && file === 'data')).toHaveLength(2)
  })

  test('of a batch that met a full disk are dirty as before, and go out later', async () => {
    const bench = new Bench()
    bench.make(1, 100)
    bench.disk.failNext('write', { errno: 'ENOSPC', file: /double-write/ })
    const writing = bench.buffer.writeBack(asLsn(101), 0)
    bench.change(1, 400, 9)
    await expect(writing).rejects.toMatchObject({ code: 'DISK_FULL' })
    expect(bench.dirty).toEqual([[1, 100]])
    expect([bench.buffer.dirtyCount, bench.buffer.statistics.deferredBatches]).toEqual([1, 1])
    expect(bench.failStop.failed).toBe(false)
    await bench.buffer.writeAll()
    expect(new Bench(bench.disk.crash({ mode: 'none' })).fillOf(1)).toBe(9)
  })

  test('that are quarantined count as dirty and cannot be used, until they are made anew', () => {
    const bench = new Bench()
    bench.buffer.grow(10)
    bench.buffer.quarantine(asPageId(4), asLsn(77))
    expect(bench.dirty).toEqual([[4, 77]])
    expect(bench.buffer.minRecLsn()).toBe(77)
    expect(() => bench.buffer.fix(asPageId(4))).toThrow('PAGE_CORRUPT')
    bench.make(4, 100)
    expect(bench.buffer.quarantined).toEqual([])
    expect(bench.fillOf(4)).toBe(4)
  })

  test('that are quarantined may be more than a call takes arguments', () => {
    const { buffer } = new Bench()
    for (let i = 1; i <= 150_000; i++) buffer.quarantine(asPageId(i), asLsn(1000 + i))
    expect(buffer.minRecLsn()).toBe(1001)
  })
})

describe('a failed write or sync (I28)', () => {
  test.each([
    ['write', /double-write/],
    ['sync', /double-write/],
    ['write', /data/],
    ['sync', /data/],
  ] as const)('%s of %s stops all writing', async (kind, file) => {
    const bench = new Bench()
    for (let pageId = 1; pageId <= 5; pageId++) bench.make(pageId, 100)
    bench.disk.failNext(kind, { errno: 'EIO', file })
    await expect(bench.buffer.writeAll()).rejects.toMatchObject({ code: 'DB_FAILED' })
    const { mutations } = bench.disk
    await expect(bench.buffer.writeAll()).rejects.toMatchObject({ code: 'DB_FAILED' })
    expect(bench.disk.mutations).toBe(mutations)
    expect(bench.dirty).toHaveLength(5)
  })
})

describe('the data file', () => {
  test('tells missing, never written and damaged pages apart', async () => {
    const bench = new Bench()
    bench.make(1, 100)
    await bench.buffer.writeAll()
    bench.disk.flipBit(DATA_FILE_NAME, PAGE_SIZE + 3000, 2)
    const again = new Bench(bench.disk)
    expect(() => again.buffer.fix(asPageId(1))).toThrow('page 1 of data fails its checksum')
    expect(() => again.buffer.fix(asPageId(2))).toThrow('page 2 of data was never written')
    expect(() => again.buffer.fix(asPageId(100_000))).toThrow('page 100000 of data lies beyond the end')
    // The frames of the failed reads are free again.
    for (let pageId = 10; pageId < 40; pageId++) again.make(pageId, 100)
    expect(again.fillOf(10)).toBe(10)
  })

  test('a transient bad read is repeated', async () => {
    const bench = new Bench()
    bench.make(1, 100)
    await bench.buffer.writeAll()
    const file = bench.disk.open(DATA_FILE_NAME, 'write')
    const readAt = file.readAt.bind(file)
    let reads = 0
    file.readAt = (target, start, length, offset) => {
      const count = readAt(target, start, length, offset)
      if (++reads === 1) target[start + 50] = (target[start + 50] as number) ^ 1
      return count
    }
    const bytes = new Uint8Array(PAGE_SIZE)
    expect(new DataFile(file, IDENTITY).read(asPageId(1), bytes, new DataView(bytes.buffer), 0)).toBe(undefined)
    expect(reads).toBe(2)
  })

  test('grows in zeros ahead of need, and a full disk leaves it as it was', () => {
    const bench = new Bench()
    bench.buffer.grow(3)
    const pages = bench.buffer.pageCount
    expect(pages).toBeGreaterThan(100)
    bench.disk.capacityBytes = 1
    bench.buffer.grow(pages)
    expect(() => bench.buffer.grow(pages + 1)).toThrow('DISK_FULL')
    expect(bench.buffer.pageCount).toBe(pages)
    expect(bench.buffer.syncedPageCount).toBe(0)
  })
})

describe('the double-write file (I25)', () => {
  const FIRST_BACKGROUND_AREA = (areaPages(PAGE_SIZE) + 1) * PAGE_SIZE
  const torn = (disk: SimulatedFileSystem, pageId: number): void => {
    const file = disk.open(DATA_FILE_NAME, 'write')
    file.writeAt(new Uint8Array(512).fill(0xee), 0, 512, pageId * PAGE_SIZE + 1024)
    file.syncBlocking()
  }

  test('gives back pages of the last batch that are torn in place, and only those', async () => {
    const bench = new Bench()
    for (let pageId = 1; pageId <= 2; pageId++) bench.make(pageId, 100)
    await bench.buffer.writeAll()
    const after = bench.disk.crash({ mode: 'none' })
    torn(after, 2)
    const again = new Bench(after)
    expect(again.doubleWrite.restore(again.dataFile)).toEqual([2])
    expect([again.fillOf(1), again.fillOf(2)]).toEqual([1, 2])
    const third = new Bench(after.crash({ mode: 'none' }))
    expect(third.doubleWrite.restore(third.dataFile)).toEqual([])
  })

  test('a batch that is torn here is not restored from: nothing of it was written in place', async () => {
    const bench = new Bench()
    for (let pageId = 1; pageId <= 2; pageId++) bench.make(pageId, 100)
    await bench.buffer.writeAll()
    const after = bench.disk.crash({ mode: 'none' })
    torn(after, 2)
    for (const offset of [20, 33, 41, PAGE_SIZE * 2 + 2000]) {
      const image = after.crash({ mode: 'none' })
      image.flipBit('double-write', FIRST_BACKGROUND_AREA + offset, 1)
      const again = new Bench(image)
      expect(again.doubleWrite.restore(again.dataFile), `offset ${offset}`).toEqual([])
    }
  })

  test('an older copy in the other area is not restored from once newer batches are complete', async () => {
    const bench = new Bench()
    // Page 1 goes out on demand, to make room for others; later it is written again in the background.
    for (let pageId = 1; pageId <= 9; pageId++) bench.make(pageId, 100)
    expect(bench.buffer.statistics.demandBatches).toBe(1)
    bench.change(1, 200, 77)
    await bench.buffer.writeAll()
    bench.make(5, 300)
    await bench.buffer.writeBack(asLsn(301), 0)
    const after = bench.disk.crash({ mode: 'none' })
    torn(after, 1)
    const again = new Bench(after)
    expect(again.doubleWrite.restore(again.dataFile)).toEqual([])
    expect(() => again.buffer.fix(asPageId(1))).toThrow('PAGE_CORRUPT')
  })

  test('of two copies of a page the newer is taken, also when a batch begun before both is still open', async () => {
    const bench = new Bench(undefined, 16)
    const runtime = new SimulatedRuntime(1)
    bench.disk.runtime = runtime
    const pass = async (): Promise<void> => {
      runtime.advance(4)
      await new Promise((resolve) => setImmediate(resolve))
    }
    for (let pageId = 1; pageId <= 16; pageId++) bench.make(pageId, 100 * pageId)
    bench.disk.inject('sync', { effect: 'slow', delayMs: 4 }, { times: Number.POSITIVE_INFINITY })
    // Pages 15 and 16 are being written; page 1 goes out on demand, and again in the background after a change.
    const changed = bench.buffer.writePage(asPageId(16))
    await pass()
    bench.make(17, 1700)
    expect(bench.buffer.statistics.demandBatches).toBe(1)
    bench.change(1, 1800, 77)
    const written = bench.buffer.writePage(asPageId(1))
    for (let passes = 0; passes < 6; passes++) await pass()
    expect(await Promise.all([changed, written])).toEqual([true, true])
    const after = bench.disk.crash({ mode: 'none' })
    torn(after, 1)
    const again = new Bench(after)
    expect(again.doubleWrite.restore(again.dataFile)).toEqual([1])
    expect(again.fillOf(1)).toBe(77)
  })

  test('a crash at any change of a write-back leaves each page old or new, after restoring', async () => {
    for (let count = 1; count < 12; count++) {
      for (let seed = 1; seed < 12; seed++) {
        const bench = new Bench()
        for (let pageId = 1; pageId <= 5; pageId++) bench.make(pageId, 100, 10)
        await bench.buffer.writeAll()
        for (let pageId = 1; pageId <= 5; pageId++) bench.change(pageId, 200, 20)
        bench.disk.crashAfter(count)
        await bench.buffer.writeAll().catch(() => {})
        const again = new Bench(bench.disk.crash(seed))
        again.doubleWrite.restore(again.dataFile)
        for (let pageId = 1; pageId <= 5; pageId++) expect([10, 20]).toContain(again.fillOf(pageId))
      }
    }
  })
})

test('the data file has no more pages than numbers', () => {
  const pagesMax = 2 ** 32 - 1
  let written = 0
  const file = {
    size: () => (pagesMax - 10) * PAGE_SIZE,
    writeAt: (_source: Uint8Array, _start: number, length: number) => {
      written += length
      return length
    },
  } as unknown as File
  const dataFile = new DataFile(file, IDENTITY)
  expect(() => dataFile.grow(pagesMax + 1)).toThrow('DISK_FULL: data cannot have more than 4294967295 pages')
  expect([dataFile.pageCount, written]).toEqual([pagesMax - 10, 0])
  dataFile.grow(pagesMax - 5)
  expect([dataFile.pageCount, written]).toEqual([pagesMax, 10 * PAGE_SIZE])
})
