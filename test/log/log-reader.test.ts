/** Where the log ends, and when that end is damage. */
import { describe, expect, test } from 'vitest'
import { asLsn, type Lsn } from '../../src/common/ids.ts'
import { RecordType } from '../../src/log/log-record.ts'
import { SEGMENT_HEADER_BYTES, segmentName } from '../../src/log/segment.ts'
import { analyse, checkLogEnd } from '../../src/recovery/analysis.ts'
import { FIRST_LSN, finishNew, LogBench, SEGMENT_BYTES } from './support.ts'

/** Three synced batches of three records; returns the LSNs by batch. */
async function threeBatches(): Promise<{ bench: LogBench; batches: Lsn[][] }> {
  const bench = new LogBench()
  const batches: Lsn[][] = []
  for (let batch = 0; batch < 3; batch++) {
    batches.push([1, 2, 3].map((fill) => bench.append(200, fill)))
    await bench.log.flush()
  }
  return { bench, batches }
}

const endOf = (bench: LogBench): Lsn => analyse(bench.reader(), FIRST_LSN).endLsn
const check = (bench: LogBench, provenEndLsn = FIRST_LSN): void =>
  checkLogEnd(bench.reader(), endOf(bench), provenEndLsn, SEGMENT_BYTES)

describe('the end of the log', () => {
  test('is behind the last record, also with nothing in it', async () => {
    expect(new LogBench().scan()).toEqual({ records: [], endLsn: FIRST_LSN })
    const { bench, batches } = await threeBatches()
    expect(bench.scan().records.map((record) => record.lsn)).toEqual(batches.flat())
    expect(() => check(bench)).not.toThrow()
  })

  test('damage in the last batch looks like a torn tail', async () => {
    const { bench, batches } = await threeBatches()
    const damaged = batches[2]![1]!
    bench.disk.flipBit(segmentName(0), damaged + 50, 0)
    expect(endOf(bench)).toBe(damaged)
    expect(() => check(bench)).not.toThrow()
  })

  test('a record that is read wrong once is read again', async () => {
    const { bench, batches } = await threeBatches()
    const end = endOf(bench)
    const place = batches[2]![2]! + 50
    bench.disk.inject(
      'read',
      { effect: 'flip', bit: 8 * (place - FIRST_LSN) },
      { file: /^log-/, range: { offset: place, length: 1 } },
    )
    expect(endOf(bench)).toBe(end)
  })

  test('damage before a marker of a later batch is LOG_CORRUPT, naming file and LSNs', async () => {
    const { bench, batches } = await threeBatches()
    const damaged = batches[0]![1]!
    bench.disk.flipBit(segmentName(0), damaged + 50, 0)
    expect(() => check(bench)).toThrow(
      `${segmentName(0)} has no valid record at LSN ${damaged}, although the log was durable up to LSN`,
    )
    bench.disk.flipBit(segmentName(0), damaged + 50, 0)
    expect(() => check(bench)).not.toThrow()
  })

  test('every byte of what a later marker covers is found when it is flipped', async () => {
    const { bench, batches } = await threeBatches()
    const end = batches[1]![2]!
    for (let offset: number = FIRST_LSN; offset < end; offset += 7) {
      bench.disk.flipBit(segmentName(0), offset, offset % 8)
      expect(() => check(bench), `byte ${offset}`).toThrow('LOG_CORRUPT')
      bench.disk.flipBit(segmentName(0), offset, offset % 8)
    }
  })

  test('a marker proves nothing about its own batch', async () => {
    const bench = new LogBench()
    bench.append(100)
    await bench.log.flush()
    const lost = bench.append(100)
    bench.log.writeOut()
    bench.append(100)
    bench.log.writeOut()
    // Unsynced: the first of two batches is lost, the second is there.
    bench.disk.flipBit(segmentName(0), lost + 40, 1)
    expect(endOf(bench)).toBe(lost)
    expect(() => check(bench)).not.toThrow()
  })

  test('an end before what the master record saw is damage', async () => {
    const { bench } = await threeBatches()
    expect(() => check(bench, bench.log.nextLsn)).not.toThrow()
    expect(() => check(bench, asLsn(bench.log.nextLsn + 8))).toThrow('LOG_CORRUPT')
  })
})

describe('recycled segments', () => {
  test('old records under a new number are never valid (I31)', async () => {
    const bench = new LogBench()
    while (bench.log.nextLsn < 1.5 * SEGMENT_BYTES) bench.append(500)
    await bench.log.flush()
    const before = bench.segments.count
    expect(bench.segments.recycleOne(asLsn(SEGMENT_BYTES), bench.log.nextLsn)).toBe(true)
    await finishNew(bench.segments)
    expect(bench.segments.count).toBe(before)
    const reader = bench.reader()
    const recycled = (bench.segments.allocatedLsn / SEGMENT_BYTES - 1) * SEGMENT_BYTES
    for (let lsn = recycled + 64; lsn < recycled + SEGMENT_BYTES - 32; lsn += 8)
      expect(reader.isValidAt(lsn)).toBe(false)
  })

  test('the same bytes at another place or of another database are not valid', async () => {
    const bench = new LogBench()
    const lsn = bench.append(100)
    await bench.log.flush()
    const file = bench.disk.open(segmentName(0), 'write')
    const bytes = new Uint8Array(136)
    file.readAt(bytes, 0, 136, lsn)
    file.writeAt(bytes, 0, 136, lsn + 1000 - ((lsn + 1000) % 8))
    const reader = bench.reader()
    expect(reader.isValidAt(lsn)).toBe(true)
    expect(reader.isValidAt(lsn + 1000 - ((lsn + 1000) % 8))).toBe(false)
  })

  test('wiping behind the end leaves nothing that could become valid again', async () => {
    const { bench, batches } = await threeBatches()
    const end = batches[1]![0]!
    bench.segments.wipeFrom(end)
    const after = bench.disk.crash({ mode: 'none' })
    const reader = new LogBench(after).reader()
    for (const lsn of batches.flat().filter((lsn) => lsn >= end)) expect(reader.isValidAt(lsn)).toBe(false)
    expect(reader.isValidAt(batches[0]![2]!)).toBe(true)
    bench.disk.trace = []
    bench.segments.wipeFrom(end)
    const written = bench.disk.trace.filter(({ operation }) => operation === 'write')
    expect(
      written.map(({ offset, length }) => [offset, length]),
      'a second time',
    ).toEqual(written.map(() => [0, SEGMENT_HEADER_BYTES]))
  })
})

test('a read of a record that is not there names the file', async () => {
  const { bench } = await threeBatches()
  expect(() => bench.reader().readAt(asLsn(5000))).toThrow(`${segmentName(0)} has no valid record at LSN 5000`)
  expect(() => bench.reader().readAt(asLsn(50 * SEGMENT_BYTES + 64))).toThrow(segmentName(50))
  expect(bench.scan().records.every((record) => record.type === RecordType.UPDATE)).toBe(true)
})
