/** The log of an open database, seen from outside. */
import { expect, test } from 'vitest'
import { lastRecords } from '../../src/inspect/live-log.ts'
import { type LogRecordView, RecordType } from '../../src/log/log-record.ts'
import { LogBench, SEGMENT_BYTES } from './support.ts'

/** How many members arrays have given out one by one, as spreading one does. */
function membersGiven(work: () => void): number {
  const { prototype } = Array
  const original = prototype[Symbol.iterator]
  let count = 0
  prototype[Symbol.iterator] = function* (this: unknown[]) {
    for (let i = 0; i < this.length; i++) {
      count++
      yield this[i]
    }
  } as typeof original
  try {
    work()
  } finally {
    prototype[Symbol.iterator] = original
  }
  return count
}

test('the last records of a log of many segments are found without going over the others again and again', () => {
  const bench = new LogBench()
  const lsns: number[] = []
  while (bench.log.nextLsn < 40 * SEGMENT_BYTES) lsns.push(bench.append(1000))
  const last = (count: number): LogRecordView[] => lastRecords(bench.log, SEGMENT_BYTES, count)
  const lsnsOf = (records: LogRecordView[]): number[] =>
    records.filter(({ type }) => type !== RecordType.FLUSH_MARKER).map(({ lsn }) => lsn)
  let all: LogRecordView[] = []
  const given = membersGiven(() => {
    all = last(Number.POSITIVE_INFINITY)
  })
  expect(given).toBeLessThanOrEqual(all.length)
  expect(lsnsOf(all)).toEqual(lsns)
  for (const count of [0, 1, 100]) expect(last(count)).toEqual(all.slice(all.length - count))
})
