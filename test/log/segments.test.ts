import { describe, expect, test } from 'vitest'
import type { AriesError } from '../../src/common/errors.ts'
import { asLsn } from '../../src/common/ids.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { makeIdentity } from '../../src/log/identity.ts'
import {
  encodeSegmentHeader,
  NEW_SEGMENT_NAME,
  SEGMENT_HEADER_BYTES,
  segmentName,
  segmentNumberOf,
} from '../../src/log/segment.ts'
import { Segments } from '../../src/log/segments.ts'
import { finishNew, IDENTITY, LogBench, PAGE_SIZE, SEGMENT_BYTES } from './support.ts'

function watchedDisk(): SimulatedFileSystem {
  const disk = new SimulatedFileSystem()
  disk.trace = []
  return disk
}

function openFiles({ trace = [] }: SimulatedFileSystem): number {
  const count = (kind: string): number =>
    trace.filter(({ operation, outcome }) => operation === kind && outcome === undefined).length
  return count('open') - count('close')
}

async function makeOne(segments: Segments): Promise<void> {
  segments.begin()
  await finishNew(segments)
}

/** These segments are there, whole. */
function expectSegments(disk: SimulatedFileSystem, numbers: readonly number[], identity = IDENTITY): void {
  const segments = new Segments(disk, identity)
  expect(segments.count).toBe(numbers.length)
  for (const number of numbers) {
    const header = new Uint8Array(SEGMENT_HEADER_BYTES)
    segments.file(number).readAt(header, 0, header.length, 0)
    expect(header).toEqual(encodeSegmentHeader(identity, number))
    expect(segments.file(number).size()).toBe(identity.segmentBytes)
  }
  segments.close()
}

describe('segment names', () => {
  test('a number gives a name and back; other names are not segments', () => {
    for (const number of [0, 1, 4096, 999_999_999_999]) expect(segmentNumberOf(segmentName(number))).toBe(number)
    for (const name of ['log-', 'log-1', 'log-new', 'log-0000000000001', 'log-00000000000x', 'data']) {
      expect(segmentNumberOf(name)).toBe(undefined)
    }
  })
})

test('there may be more segments than a call takes arguments', () => {
  const disk = new SimulatedFileSystem()
  disk.list = () => Array.from({ length: 150_000 }, (_, i) => segmentName(7 + i))
  const segments = new Segments(disk, IDENTITY)
  expect([segments.count, segments.firstLsn, segments.allocatedLsn]).toEqual([
    150_000,
    7 * SEGMENT_BYTES,
    150_007 * SEGMENT_BYTES,
  ])
})

describe('making segments', () => {
  test('a segment is whole and its name durable before it counts', () => {
    const disk = new SimulatedFileSystem()
    const segments = new Segments(disk, IDENTITY)
    segments.append()
    segments.append()
    expect(segments.allocatedLsn).toBe(2 * SEGMENT_BYTES)
    const after = new Segments(disk.crash({ mode: 'none' }), IDENTITY)
    expect([after.count, after.file(1).size()]).toEqual([2, SEGMENT_BYTES])
  })

  test('a crash while one is made leaves none', () => {
    for (let count = 1, crashed = true; crashed; count++) {
      const disk = new SimulatedFileSystem()
      new Segments(disk, IDENTITY).append()
      disk.crashAfter(count)
      try {
        new Segments(disk, IDENTITY).append()
        crashed = false
      } catch {
        expect(disk.poweredOff).toBe(true)
      }
      for (const mode of ['all', 'none'] as const) {
        const after = new Segments(disk.crash({ mode }), IDENTITY)
        for (let number = 0; number < after.count; number++) expect(after.file(number).size()).toBe(SEGMENT_BYTES)
        after.append()
        expect(after.file(after.count - 1).size()).toBe(SEGMENT_BYTES)
      }
    }
  })

  test('a full disk leaves nothing behind', () => {
    const disk = new SimulatedFileSystem({ capacityBytes: SEGMENT_BYTES * 1.5 })
    const segments = new Segments(disk, IDENTITY)
    segments.append()
    expect(() => segments.append()).toThrow('DISK_FULL')
    expect(disk.list()).toEqual([segmentName(0)])
    expect(segments.allocatedLsn).toBe(SEGMENT_BYTES)
    expect(disk.list()).not.toContain(NEW_SEGMENT_NAME)
  })
})

/** Segments of several pieces. */
const LONG = makeIdentity(new Uint8Array(16).fill(7), PAGE_SIZE, 3 << 18)

describe('making a segment in steps', () => {
  test('a piece a step, then the sync, then the name; it counts at the end', async () => {
    const disk = new SimulatedFileSystem()
    const segments = new Segments(disk, LONG)
    segments.begin()
    disk.trace = []
    const seen: string[][] = []
    while (segments.isMaking) {
      await segments.makeStep()
      seen.push(disk.trace.map(({ operation }) => operation))
      expect(segments.count).toBe(segments.isMaking ? 0 : 1)
      disk.trace = []
    }
    expect(seen).toEqual([['write'], ['write'], ['write', 'write', 'sync'], ['close', 'rename', 'syncDirectory']])
    expectSegments(disk.crash({ mode: 'none' }), [0], LONG)
  })

  test('while its name is being made durable it is not used yet, and who needs it then finishes it on the spot', async () => {
    for (const isNeeded of [false, true]) {
      const disk = new SimulatedFileSystem()
      const segments = new Segments(disk, LONG)
      segments.begin()
      for (let i = 0; i < 3; i++) await segments.makeStep()
      const last = segments.makeStep()
      expect([disk.list(), segments.isMaking, segments.count]).toEqual([[segmentName(0)], true, 0])
      if (isNeeded) {
        segments.append()
        expectSegments(disk.crash({ mode: 'none' }), [0], LONG)
      }
      await last
      expect([segments.isMaking, segments.count]).toEqual([false, 1])
      expectSegments(disk.crash({ mode: 'none' }), [0], LONG)
    }
  })

  test.each([0, 1, 2, 3])('who needs it after %i steps finishes it on the spot', async (count) => {
    const disk = watchedDisk()
    const segments = new Segments(disk, LONG)
    segments.begin()
    for (let i = 0; i < count; i++) await segments.makeStep()
    segments.append()
    const written = disk.trace?.filter(({ length }) => length === 1 << 18)
    expect([written?.length, segments.isMaking, segments.count]).toEqual([3, false, 1])
    expectSegments(disk.crash({ mode: 'none' }), [0], LONG)
    segments.close()
    expect(openFiles(disk)).toBe(0)
  })

  test.each([true, false])(
    'who needs it while it is synced finishes it too; that sync succeeds: %s',
    async (succeeds) => {
      const disk = new SimulatedFileSystem()
      const segments = new Segments(disk, IDENTITY)
      if (!succeeds) disk.failNext('sync', { errno: 'EIO' })
      segments.begin()
      const step = segments.makeStep().catch((error: AriesError) => error.code)
      segments.append()
      segments.append()
      expect(await step).toBe(succeeds ? undefined : 'IO_ERROR')
      expect([segments.isMaking, segments.count]).toEqual([false, 2])
      expect(disk.list()).toEqual([0, 1].map(segmentName))
      expectSegments(disk.crash({ mode: 'none' }), [0, 1])
    },
  )

  test('a crash on the way is harmless, at every step', async () => {
    for (let count = 1, hasCrashed = true; hasCrashed; count++) {
      const disk = new SimulatedFileSystem()
      const segments = new Segments(disk, LONG)
      segments.append()
      disk.crashAfter(count)
      await makeOne(segments).catch(() => undefined)
      hasCrashed = disk.poweredOff
      for (const mode of ['all', 'none'] as const) {
        const image = disk.crash({ mode })
        const after = new Segments(image, LONG)
        const found = after.count
        after.append()
        expectSegments(
          image,
          Array.from({ length: found + 1 }, (_, i) => i),
          LONG,
        )
        expect(image.list()).not.toContain(NEW_SEGMENT_NAME)
      }
    }
  })

  test('a failure leaves nothing behind, and the next try is made when the room is needed', async () => {
    for (const kind of ['open', 'write', 'sync', 'rename', 'syncDirectory'] as const) {
      const disk = watchedDisk()
      const segments = new Segments(disk, IDENTITY)
      disk.failNext(kind, { errno: 'ENOSPC' })
      await expect(makeOne(segments), kind).rejects.toMatchObject({ code: 'DISK_FULL' })
      expect([disk.list(), segments.isMaking, segments.hasFailed], kind).toEqual([[], false, true])
      segments.append()
      expect(segments.hasFailed).toBe(false)
      segments.close()
      expect(openFiles(disk), kind).toBe(0)
    }
  })

  test('one that is given up leaves neither file nor handle', async () => {
    for (const count of [0, 1, 2, 3]) {
      const disk = watchedDisk()
      const segments = new Segments(disk, LONG)
      segments.begin()
      for (let i = 0; i < count; i++) await segments.makeStep()
      segments.discardNew()
      expect([disk.list(), openFiles(disk)]).toEqual([[], 0])
    }
  })
})

describe('recycling', () => {
  const bench = (count: number): LogBench => {
    const made = new LogBench()
    while (made.segments.count < count) made.segments.append()
    return made
  }

  const recycle = async (segments: Segments, lsn: number): Promise<boolean> => {
    const hasBegun = segments.recycleOne(asLsn(lsn), asLsn(lsn))
    await finishNew(segments)
    return hasBegun
  }

  test('only what lies wholly below the low-water mark, one segment a call', async () => {
    const { segments, disk } = bench(3)
    expect(await recycle(segments, SEGMENT_BYTES - 1)).toBe(false)
    expect(disk.list()).toEqual([0, 1, 2].map(segmentName))
    expect(await recycle(segments, 2 * SEGMENT_BYTES)).toBe(true)
    expect(disk.list()).toEqual([1, 2, 3].map(segmentName))
    expect(await recycle(segments, 2 * SEGMENT_BYTES)).toBe(true)
    expect(disk.list()).toEqual([2, 3, 4].map(segmentName))
    expect(await recycle(segments, 2 * SEGMENT_BYTES)).toBe(false)
    expect([segments.firstLsn, segments.allocatedLsn]).toEqual([2 * SEGMENT_BYTES, 5 * SEGMENT_BYTES])
  })

  test('with enough spare segments ahead the old ones are removed', async () => {
    const { segments, disk } = bench(14)
    await recycle(segments, 4 * SEGMENT_BYTES)
    expect(disk.list()).toHaveLength(13)
    expect(disk.list()[0]).toBe(segmentName(1))
  })

  test('does not count before its new header and name are durable', async () => {
    const { segments, disk } = bench(2)
    segments.recycleOne(asLsn(SEGMENT_BYTES), asLsn(SEGMENT_BYTES))
    expect(segments.allocatedLsn).toBe(2 * SEGMENT_BYTES)
    await segments.makeStep()
    expect(segments.allocatedLsn).toBe(2 * SEGMENT_BYTES)
    await segments.makeStep()
    expect(segments.allocatedLsn).toBe(3 * SEGMENT_BYTES)
    expectSegments(disk.crash({ mode: 'none' }), [1, 2])
  })

  test('after a recycling that failed midway the segment is made anew, under the same name', async () => {
    for (const kind of ['write', 'sync', 'syncDirectory'] as const) {
      const { segments, disk } = bench(2)
      disk.failNext(kind, { errno: 'EIO' })
      await expect(recycle(segments, SEGMENT_BYTES)).rejects.toMatchObject({ code: 'IO_ERROR' })
      expect(disk.list()).toEqual([segmentName(1)])
      segments.append()
      const file = segments.file(2)
      const mark = new Uint8Array([1, 2, 3])
      file.writeAt(mark, 0, 3, 1000)
      await file.sync()
      const read = new Uint8Array(3)
      const after = disk.crash({ mode: 'none' }).open(segmentName(2), 'read')
      after.readAt(read, 0, 3, 1000)
      expect(read, kind).toEqual(mark)
    }
  })
})

test('wiping from the very start of a segment keeps its header', () => {
  const disk = new SimulatedFileSystem()
  const segments = new Segments(disk, IDENTITY)
  segments.append()
  segments.append()
  segments.file(1).writeAt(Uint8Array.of(1, 2, 3), 0, 3, 500)
  segments.wipeFrom(asLsn(SEGMENT_BYTES))
  const bytes = new Uint8Array(600)
  segments.file(1).readAt(bytes, 0, 600, 0)
  expect([...bytes.subarray(0, 64)]).toEqual([...encodeSegmentHeader(IDENTITY, 1)])
  expect(bytes.subarray(64).every((byte) => byte === 0)).toBe(true)
})
