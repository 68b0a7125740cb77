/** A log that was closed cleanly ends where its last record does, in its last segment (I38). */
import { describe, expect, test } from 'vitest'
import { asLsn, type Lsn } from '../../src/common/ids.ts'
import type { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { encodeSegmentHeader, recordStartBehind, segmentName } from '../../src/log/segment.ts'
import { Segments } from '../../src/log/segments.ts'
import { analyse, checkLogEnd } from '../../src/recovery/analysis.ts'
import { FIRST_LSN, IDENTITY, LogBench, SEGMENT_BYTES } from './support.ts'

/** A log with records of `lengths`, its end durable, and more room than it needs. */
async function written(...lengths: number[]): Promise<LogBench> {
  const bench = new LogBench()
  for (const length of lengths) bench.append(length)
  await bench.log.flush()
  while (bench.segments.count < bench.segments.numberOf(bench.log.nextLsn) + 3) bench.segments.append()
  return bench
}

async function closed(...lengths: number[]): Promise<{ disk: SimulatedFileSystem; endLsn: Lsn }> {
  const bench = await written(...lengths)
  bench.log.room.cutBehindEnd()
  bench.log.close()
  return { disk: bench.disk, endLsn: bench.log.nextLsn }
}

/** Every segment with its size. */
function sizesOf(disk: SimulatedFileSystem): Record<string, number> {
  return Object.fromEntries(disk.list().map((name) => [name, disk.contentOf(name).length]))
}

const benchOn = (disk: SimulatedFileSystem, endLsn: Lsn): LogBench => new LogBench(disk, endLsn)

/** What restart makes of the log: where it ends, or the code of the error. */
function endOf(disk: SimulatedFileSystem): number | string {
  try {
    const reader = benchOn(disk, FIRST_LSN).reader()
    const { endLsn } = analyse(reader, FIRST_LSN)
    checkLogEnd(reader, endLsn, FIRST_LSN, SEGMENT_BYTES)
    return endLsn
  } catch (error) {
    return (error as { code: string }).code
  }
}

function truncate(disk: SimulatedFileSystem, name: string, size: number): void {
  const file = disk.open(name, 'write')
  file.truncate(size)
  file.syncBlocking()
  file.close()
}

/** Lengths that, with two flush markers, leave 16 bytes of segment 0: too few for a record. */
const UP_TO_THE_END = [...Array.from({ length: 15 }, () => 4064), 3904]

describe('a closed log', () => {
  test('ends with its last record, and nothing lies ahead of it, durably', async () => {
    const { disk, endLsn } = await closed(300, 200)
    for (const image of [disk, disk.crash({ mode: 'none' })]) {
      expect(sizesOf(image)).toEqual({ [segmentName(0)]: endLsn })
      expect(endOf(image)).toBe(endLsn)
    }
  })

  test('that ends with its segment keeps the header of the next one', async () => {
    const { disk, endLsn } = await closed(...UP_TO_THE_END)
    expect(recordStartBehind(endLsn, SEGMENT_BYTES)).toBe(SEGMENT_BYTES + 64)
    expect(sizesOf(disk)).toEqual({ [segmentName(0)]: SEGMENT_BYTES, [segmentName(1)]: 64 })
    expect(endOf(disk)).toBe(endLsn)
    const bench = benchOn(disk, endLsn)
    bench.segments.wipeFrom(endLsn)
    expect(sizesOf(disk)).toEqual({ [segmentName(0)]: SEGMENT_BYTES, [segmentName(1)]: SEGMENT_BYTES })
    const lsn = bench.append(100)
    await bench.log.flush()
    expect(
      benchOn(disk.crash({ mode: 'none' }), endLsn)
        .scan()
        .records.at(-1)?.lsn,
    ).toBe(lsn)
  })

  test('of no record at all is a header', async () => {
    const { disk } = await closed()
    expect(sizesOf(disk)).toEqual({ [segmentName(0)]: 64 })
    expect(endOf(disk)).toBe(FIRST_LSN)
  })

  test('is whole again before the next record, durably', async () => {
    const { disk, endLsn } = await closed(300)
    new Segments(disk, IDENTITY).wipeFrom(endLsn)
    expect(sizesOf(disk.crash({ mode: 'none' }))).toEqual({ [segmentName(0)]: SEGMENT_BYTES })
  })

  test.each([1000, 65_000])('cut short anywhere is damage, with %i bytes of records', async (bytes) => {
    const { disk, endLsn } = await closed(...Array.from({ length: Math.ceil(bytes / 4000) }, () => bytes % 4000))
    for (const size of [0, 40, 63, 64, 100, 512, endLsn - 512, endLsn - 8, endLsn - 1]) {
      const image = disk.crash({ mode: 'none' })
      truncate(image, segmentName(0), size)
      expect(endOf(image), `at ${size}`).toBe('LOG_CORRUPT')
    }
  })

  test('proves its end: a damaged last record is no torn tail', async () => {
    const bench = await written(300)
    const lsn = bench.append(300)
    await bench.log.flush()
    bench.log.room.cutBehindEnd()
    bench.disk.flipBit(segmentName(0), lsn + 50, 1)
    expect(endOf(bench.disk)).toBe('LOG_CORRUPT')
  })

  test('with a flipped bit in its mark is damaged', async () => {
    const { disk, endLsn } = await closed(300)
    for (let bit = 0; bit < 64; bit++) {
      const image = disk.crash({ mode: 'none' })
      image.flipBit(segmentName(0), 44 + (bit >> 3), bit & 7)
      expect(endOf(image), `bit ${bit}`).toBe('LOG_CORRUPT')
    }
    expect(endOf(disk)).toBe(endLsn)
  })

  test('whose mark was written in part has none, and takes another', async () => {
    const bench = await written(300)
    const endLsn = bench.log.nextLsn
    const marked = encodeSegmentHeader(IDENTITY, 0, endLsn)
    for (const length of [45, 46, 48, 50, 51]) {
      const disk = bench.disk.crash({ mode: 'kill' })
      disk.open(segmentName(0), 'write').writeAt(marked, 0, length, 0)
      expect(endOf(disk)).toBe(endLsn)
      new Segments(disk, IDENTITY).wipeFrom(endLsn)
      expect(disk.contentOf(segmentName(0)).subarray(0, 64)).toEqual(encodeSegmentHeader(IDENTITY, 0))
      new Segments(disk, IDENTITY).cutBehind(endLsn)
      expect(endOf(disk)).toBe(endLsn)
    }
  })

  test('that has gone on since is damaged by every cut, also by the one that the close had made', async () => {
    const { disk, endLsn } = await closed(300)
    const bench = benchOn(disk, endLsn)
    bench.segments.wipeFrom(endLsn)
    bench.append(200)
    await bench.log.flush()
    const after = disk.crash({ mode: 'none' })
    expect(endOf(after)).toBe(bench.log.nextLsn)
    for (const size of [endLsn, endLsn + 8, bench.log.nextLsn, SEGMENT_BYTES - 1]) {
      const image = after.crash({ mode: 'none' })
      truncate(image, segmentName(0), size)
      expect(endOf(image), `at ${size}`).toBe('LOG_CORRUPT')
    }
  })
})

describe('a power cut', () => {
  /** What is there after a cut at each operation of `work`, in several ways of surviving. */
  async function* cuts(
    start: () => Promise<SimulatedFileSystem>,
    work: (disk: SimulatedFileSystem) => void,
  ): AsyncGenerator<SimulatedFileSystem> {
    for (let count = 1, isOff = true; isOff; count++) {
      const disk = await start()
      disk.crashAfter(count)
      try {
        work(disk)
      } catch (error) {
        if (!disk.poweredOff) throw error
      }
      isOff = disk.poweredOff
      for (const mode of ['all', 'none', 'kill'] as const) yield disk.crash({ mode })
      for (let seed = 0; seed < 8; seed++) yield disk.crash(seed)
    }
  }

  /** The log ends where it did, is taken up again, and holds what is appended. */
  async function expectSound(disk: SimulatedFileSystem, endLsn: Lsn): Promise<void> {
    expect(endOf(disk)).toBe(endLsn)
    const bench = benchOn(disk, endLsn)
    bench.segments.wipeFrom(endLsn)
    expect(bench.segments.file(bench.segments.numberOf(recordStartBehind(endLsn, SEGMENT_BYTES))).size()).toBe(
      SEGMENT_BYTES,
    )
    const lsn = bench.append(500)
    await bench.log.flush()
    const { records } = benchOn(disk.crash({ mode: 'none' }), endLsn).scan()
    expect(records.at(-1)?.lsn).toBe(lsn)
  }

  test.each([[[300, 200]], [UP_TO_THE_END]])('in a close leaves a sound log', async (lengths) => {
    const { endLsn } = await closed(...lengths)
    const images = cuts(
      async () => (await written(...lengths)).disk,
      (disk) => new Segments(disk, IDENTITY).cutBehind(endLsn),
    )
    for await (const image of images) await expectSound(image, endLsn)
  })

  test.each([[[300, 200]], [UP_TO_THE_END]])('while a closed log is made whole leaves a sound one', async (lengths) => {
    const { endLsn } = await closed(...lengths)
    const images = cuts(
      async () => (await closed(...lengths)).disk,
      (disk) => new Segments(disk, IDENTITY).wipeFrom(endLsn),
    )
    for await (const image of images) await expectSound(image, endLsn)
  })
})

test.each([[[4000, 4000]], [UP_TO_THE_END]])(
  'no mark stays where the log goes on, whichever sync failed',
  async (lengths) => {
    for (let skip = 0, hasFailed = true; hasFailed; skip++) {
      const { disk, endLsn } = await closed(...lengths)
      disk.failNext('sync', { errno: 'EIO', skip })
      hasFailed = false
      try {
        new Segments(disk, IDENTITY).wipeFrom(endLsn)
      } catch {
        hasFailed = true
      }
      disk.clearFaults()
      const bench = benchOn(disk, endLsn)
      bench.segments.wipeFrom(endLsn)
      bench.append(200)
      await bench.log.flush()
      const start = recordStartBehind(endLsn, SEGMENT_BYTES)
      const after = disk.crash({ mode: 'none' })
      expect(endOf(after)).toBe(bench.log.nextLsn)
      truncate(after, segmentName(bench.segments.numberOf(start)), start % SEGMENT_BYTES)
      expect(endOf(after), `sync ${skip + 1} failed`).toBe('LOG_CORRUPT')
    }
  },
)

test('a full disk shows when a closed log is made whole, and it can be tried again', async () => {
  const { disk, endLsn } = await closed(300)
  disk.capacityBytes = endLsn + 30_000
  for (let i = 0; i < 2; i++) {
    expect(() => new Segments(disk, IDENTITY).wipeFrom(endLsn)).toThrow('DISK_FULL')
    expect(endOf(disk.crash({ mode: 'kill' }))).toBe(endLsn)
  }
  disk.capacityBytes = Number.POSITIVE_INFINITY
  new Segments(disk, IDENTITY).wipeFrom(asLsn(endLsn))
  expect(sizesOf(disk)).toEqual({ [segmentName(0)]: SEGMENT_BYTES })
})
