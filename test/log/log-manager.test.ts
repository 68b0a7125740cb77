/** Appending, edges of segments, group commit, failure. */
import { describe, expect, test } from 'vitest'
import { asLsn, NULL_LSN } from '../../src/common/ids.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { alignRecord, RECORD_HEADER_BYTES, RecordType } from '../../src/log/log-record.ts'
import { FIRST_LSN, LogBench, MARKER_BYTES, SEGMENT_BYTES } from './support.ts'

/** Payload of a record that starts at `lsn` and ends `before` bytes in front of the end of its segment. */
const payloadUpTo = (lsn: number, before: number): number =>
  SEGMENT_BYTES - (lsn % SEGMENT_BYTES) - before - RECORD_HEADER_BYTES

describe('records', () => {
  test('come back with all their fields, each starting where the last ended (I5)', () => {
    const bench = new LogBench()
    const lsns = [0, 1, 7, 8, 100, 4000].map((length, i) => bench.append(length, i + 1, asLsn(i)))
    bench.log.writeOut()
    const { records, endLsn } = bench.scan()
    expect(records.map((record) => record.lsn)).toEqual(lsns)
    let next = FIRST_LSN + MARKER_BYTES
    for (const [i, record] of records.entries()) {
      expect(record.lsn).toBe(next)
      next += alignRecord(record.length)
      expect(record).toMatchObject({
        type: RecordType.UPDATE,
        resource: 2,
        operation: 3,
        pageId: 5,
        txnId: 9,
        prevLsn: i,
      })
      expect(record.bytes.subarray(record.payloadStart, record.payloadEnd).every((byte) => byte === i + 1)).toBe(true)
    }
    expect(endLsn).toBe(next)
    expect(bench.log.nextLsn).toBe(next)
  })

  test('can be read by LSN from the buffer and from the files', async () => {
    const bench = new LogBench()
    const lsns = Array.from({ length: 2100 }, (_, i) => bench.append(1000, i % 251))
    expect(bench.log.nextLsn).toBeGreaterThan(2 << 20)
    for (const i of [0, 1, 500, 999, 1000, 1500, 1998, 1999, 3, 700]) {
      const record = bench.log.read(lsns[i]!)
      expect(record.lsn).toBe(lsns[i])
      expect(record.bytes[record.payloadStart]).toBe(i % 251)
    }
  })

  test('reading one just before the buffer does not hide what is written behind it later', () => {
    const bench = new LogBench()
    const lsns = Array.from({ length: 1500 }, (_, i) => bench.append(1000, i % 251))
    const at = (lsn: number): number => lsns.findIndex((found) => found >= lsn)
    // The buffer has moved on once, at about 1,042,000: what follows is in no file yet.
    const before = at(1_035_000)
    // In the same segment, and so in the block that is read with it.
    const behind = at(1_044_000)
    expect(bench.log.read(lsns[before]!).bytes[32]).toBe(before % 251)
    for (let i = 0; i < 1200; i++) bench.append(1000, 4)
    expect(bench.log.read(lsns[behind]!).bytes[32]).toBe(behind % 251)
  })
})

describe('the edge of a segment', () => {
  // How much the last record leaves: nothing, less than a header, just a header, a little more.
  test.each([0, 8, 24, 32, 40, 72, 200])(
    '%i bytes are left, and the next record follows in the next segment',
    (rest) => {
      const bench = new LogBench()
      while (bench.log.nextLsn < SEGMENT_BYTES - 4096) bench.append(1000)
      const lsn = bench.append(payloadUpTo(bench.log.nextLsn, rest))
      expect(bench.log.nextLsn).toBe(SEGMENT_BYTES - rest)
      const next = bench.append(500, 7)
      expect(next).toBe(SEGMENT_BYTES + 64)
      bench.log.writeOut()
      const { records, endLsn } = bench.scan()
      expect(records.at(-2)?.lsn).toBe(lsn)
      expect(records.at(-1)?.lsn).toBe(next)
      expect(endLsn).toBe(bench.log.nextLsn)
      expect(bench.log.read(next).bytes[32]).toBe(7)
    },
  )

  test.each([0, 8, 24, 32, 200])('the log ends %i bytes before it, and goes on after a reopen', (rest) => {
    const bench = new LogBench()
    while (bench.log.nextLsn < SEGMENT_BYTES - 4096) bench.append(1000)
    bench.append(payloadUpTo(bench.log.nextLsn, rest))
    bench.log.flushTo(asLsn(bench.log.nextLsn - 1))
    const { endLsn } = bench.scan()
    const again = new LogBench(bench.disk.crash({ mode: 'none' }), endLsn)
    const lsn = again.append(300, 9)
    again.log.writeOut()
    expect(again.scan().records.at(-1)?.lsn).toBe(lsn)
  })

  test('a record that fits no more goes whole into the next; none crosses', () => {
    const bench = new LogBench()
    for (let i = 0; i < 200; i++) bench.append((i * 997) % 4000, i)
    bench.log.writeOut()
    const { records } = bench.scan()
    expect(records).toHaveLength(200)
    for (const record of records) {
      expect(Math.floor(record.lsn / SEGMENT_BYTES)).toBe(Math.floor((record.lsn + record.length - 1) / SEGMENT_BYTES))
      expect(record.lsn % SEGMENT_BYTES).toBeGreaterThanOrEqual(64)
    }
  })
})

describe('room (I19)', () => {
  test('what is reserved is there when it is needed, on a full disk too', () => {
    const bench = new LogBench()
    for (let i = 0; i < 50; i++) {
      bench.log.reserve(3000, 100)
      bench.append(60)
    }
    bench.disk.capacityBytes = bench.segments.count * SEGMENT_BYTES
    expect(() => {
      for (let i = 0; i < 1000; i++) bench.append(3000)
    }).toThrow('DISK_FULL')
    for (let i = 0; i < 50; i++) {
      bench.log.release(3000)
      const at = bench.log.start(RecordType.UPDATE, 2, 3, 0, 5 as never, 9 as never, NULL_LSN, NULL_LSN, 2900)
      bench.log.bytes.fill(1, at, at + 2900)
      bench.log.finish()
    }
    expect(bench.log.reservedBytes).toBe(0)
  })

  test('a failed reservation reserves nothing; more cannot be given back than was taken', () => {
    const bench = new LogBench(new SimulatedFileSystem({ capacityBytes: SEGMENT_BYTES }))
    expect(() => bench.log.reserve(1 << 20, 0)).toThrow('DISK_FULL')
    expect(bench.log.reservedBytes).toBe(0)
    bench.log.reserve(100, 0)
    expect(() => bench.log.release(101)).toThrow('I19')
  })
})

describe('durability', () => {
  const syncs = (disk: SimulatedFileSystem): number =>
    (disk.trace ?? []).filter((entry) => entry.operation === 'sync').length

  test('all who ask in one turn share one sync; those who ask during it share the next', async () => {
    const { log, disk, ...bench } = withAppend()
    disk.trace = []
    const waits = Array.from({ length: 50 }, () => log.waitDurable(bench.append(50)))
    await Promise.all(waits)
    expect(syncs(disk)).toBe(1)
    const first = log.waitDurable(bench.append(50))
    const during: Promise<void>[] = []
    queueMicrotask(() => {
      for (let i = 0; i < 20; i++) during.push(log.waitDurable(bench.append(50)))
    })
    await first
    await Promise.all(during)
    expect(syncs(disk)).toBeLessThanOrEqual(3)
    expect(log.statistics.flushes).toBe(syncs(disk))
  })

  test('what is durable is asked for without a sync; flush of nothing does nothing', async () => {
    const { log, disk, append } = withAppend()
    const lsn = append(10)
    await log.waitDurable(lsn)
    disk.trace = []
    await log.waitDurable(lsn)
    log.flushTo(lsn)
    await log.flush()
    expect(disk.trace).toEqual([])
    expect(log.flushedLsn).toBe(log.nextLsn)
  })

  test('a segment that a flush in flight still syncs is not recycled, though it is durable by now (I12)', async () => {
    const bench = new LogBench()
    const { disk, failStop, log } = bench
    const runtime = new SimulatedRuntime()
    disk.runtime = runtime
    disk.inject('sync', { effect: 'slow', delayMs: 5 }, { times: Number.POSITIVE_INFINITY })
    while (log.nextLsn < 2 * SEGMENT_BYTES) bench.append(1000)
    let isFlushed = false
    const flushed = log.flush().then(() => {
      isFlushed = true
    })
    await new Promise(setImmediate)
    log.flushTo(asLsn(log.nextLsn - 1))
    const step = log.room.step(log.flushedLsn)
    expect(log.retention.firstLsn).toBe(0)
    for (; !isFlushed && !failStop.failed; runtime.advance(5)) await new Promise(setImmediate)
    await flushed
    expect(failStop.failed).toBe(false)
    disk.clearFaults()
    for (let isMore = await step; isMore; ) isMore = await log.room.step(log.flushedLsn)
    expect(log.retention.firstLsn).toBe(2 * SEGMENT_BYTES)
  })

  test('flushTo is durable when it returns, over several segments', () => {
    const { bench, log, append } = withAppend()
    let lsn = append(10)
    for (let i = 0; i < 100; i++) lsn = append(3000)
    log.flushTo(lsn)
    expect(log.flushedLsn).toBeGreaterThan(lsn)
    const after = new LogBench(bench.disk.crash({ mode: 'none' }))
    expect(after.scan().records.at(-1)?.lsn).toBe(lsn)
  })

  test.each(['write', 'sync'] as const)(
    'a failed %s rejects all who wait, and nothing is written any more (I28)',
    async (kind) => {
      const { log, disk, append, failStop } = withAppend()
      disk.failNext(kind, { errno: 'EIO' })
      const results = await Promise.allSettled([log.waitDurable(append(10)), log.waitDurable(append(10))])
      for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'DB_FAILED' } })
      expect(failStop.failed).toBe(true)
      const { mutations } = disk
      await expect(log.waitDurable(asLsn(log.nextLsn - 1))).rejects.toMatchObject({ code: 'DB_FAILED' })
      expect(() => log.flushTo(asLsn(log.nextLsn - 1))).toThrow('DB_FAILED')
      expect(() => log.writeOut()).toThrow('DB_FAILED')
      log.close()
      expect(disk.mutations).toBe(mutations)
    },
  )

  test('short writes are gone on with', async () => {
    const disk = new SimulatedFileSystem({ shortWrites: true })
    const bench = new LogBench(disk)
    const lsns = Array.from({ length: 100 }, (_, i) => bench.append(2000, i))
    await bench.log.flush()
    expect(bench.scan().records.map((record) => record.lsn)).toEqual(lsns)
  })
})

function withAppend(): {
  bench: LogBench
  log: LogBench['log']
  disk: SimulatedFileSystem
  failStop: LogBench['failStop']
  append: (length: number) => ReturnType<LogBench['append']>
} {
  const bench = new LogBench()
  return { bench, log: bench.log, disk: bench.disk, failStop: bench.failStop, append: (length) => bench.append(length) }
}
