import { describe, expect, test } from 'vitest'
import { asLsn } from '../../src/common/ids.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { encodeSegmentHeader, NEW_SEGMENT_NAME, segmentName, segmentNumberOf } from '../../src/log/segment.ts'
import { Segments } from '../../src/log/segments.ts'
import { IDENTITY, LogBench, SEGMENT_BYTES } from './support.ts'

describe('segment names', () => {
  test('a number gives a name and back; other names are not segments', () => {
    for (const number of [0, 1, 4096, 999_999_999_999]) expect(segmentNumberOf(segmentName(number))).toBe(number)
    for (const name of ['log-', 'log-1', 'log-new', 'log-0000000000001', 'log-00000000000x', 'data']) {
      expect(segmentNumberOf(name)).toBe(undefined)
    }
  })
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

describe('recycling', () => {
  const bench = (count: number): LogBench => {
    const made = new LogBench()
    while (made.segments.count < count) made.segments.append()
    return made
  }

  test('only what lies wholly below the low-water mark, one segment a call', () => {
    const { segments, disk } = bench(3)
    expect(segments.recycleOne(asLsn(SEGMENT_BYTES - 1), asLsn(SEGMENT_BYTES))).toBe(false)
    expect(disk.list()).toEqual([0, 1, 2].map(segmentName))
    expect(segments.recycleOne(asLsn(2 * SEGMENT_BYTES), asLsn(2 * SEGMENT_BYTES))).toBe(true)
    expect(disk.list()).toEqual([1, 2, 3].map(segmentName))
    expect(segments.recycleOne(asLsn(2 * SEGMENT_BYTES), asLsn(2 * SEGMENT_BYTES))).toBe(false)
    expect(disk.list()).toEqual([2, 3, 4].map(segmentName))
    expect(segments.firstLsn).toBe(2 * SEGMENT_BYTES)
  })

  test('with enough spare segments ahead the old ones are removed', () => {
    const { segments, disk } = bench(14)
    segments.recycleOne(asLsn(4 * SEGMENT_BYTES), asLsn(4 * SEGMENT_BYTES))
    expect(disk.list()).toHaveLength(13)
    expect(disk.list()[0]).toBe(segmentName(1))
  })

  test('after a recycling that failed midway the segment is made anew, under the same name', async () => {
    for (const kind of ['write', 'sync', 'syncDirectory'] as const) {
      const { segments, disk } = bench(2)
      disk.failNext(kind, { errno: 'EIO' })
      expect(() => segments.recycleOne(asLsn(SEGMENT_BYTES), asLsn(SEGMENT_BYTES))).toThrow('IO_ERROR')
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
