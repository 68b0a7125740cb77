/** The queues of redo: nothing is lost or changed, and the records of a page keep their order. */
import { describe, expect, test } from 'vitest'
import { RedoQueues } from '../../src/recovery/redo-queues.ts'
import { recordOf, type Seen, seenOf } from './redo-records.ts'

/** Records of `pages` pages in turn, of lengths from nothing to beyond what a queue holds. */
const recordsOf = (count: number, pages: number): Seen[] =>
  Array.from({ length: count }, (_, i) => ({
    lsn: 2 ** 33 + i * 8192,
    pageId: (i * 7) % pages,
    payload: Array.from({ length: i % 50 === 49 ? 5000 : (i * 13) % 301 }, (_, at) => (i + at) & 255),
  }))

function run(bytes: number, records: readonly Seen[]): { early: Seen[]; all: Seen[] } {
  const all: Seen[] = []
  const queues = new RedoQueues(bytes, (record) => all.push(seenOf(record)))
  for (const record of records) queues.add(recordOf(record))
  const early = [...all]
  queues.emptyAll()
  return { early, all }
}

describe('the queues of redo', () => {
  const records = recordsOf(1490, 40)

  test.each([4096, 16_384, 1 << 20])(
    'with %i bytes: each record comes once, as it is in the log, and those of a page in order',
    (bytes) => {
      const { early, all } = run(bytes, records)
      expect([...all].sort((a, b) => a.lsn - b.lsn)).toEqual(records)
      for (let page = 0; page < 40; page++) {
        expect(all.filter(({ pageId }) => pageId === page)).toEqual(records.filter(({ pageId }) => pageId === page))
      }
      expect(early.length).toBeLessThan(all.length)
      expect(early.length > 1000).toBe(bytes < 1 << 20)
    },
  )

  test('the records of a page come together', () => {
    const changes = (all: Seen[]): number => all.filter(({ pageId }, i) => pageId !== all[i - 1]?.pageId).length
    const short = records.filter(({ payload }) => payload.length < 400)
    expect(changes(run(0, short).all)).toBe(short.length)
    // 40 pages have a queue each, and fill it now and then.
    expect(changes(run(40 * 16_384, short).all)).toBeLessThan(short.length / 10)
  })

  test('without memory no record waits', () => {
    const { early, all } = run(0, records)
    expect(early).toEqual(records)
    expect(all).toEqual(records)
  })

  test('what has been emptied can be filled again', () => {
    const all: Seen[] = []
    const queues = new RedoQueues(8192, (record) => all.push(seenOf(record)))
    const [first, second] = records as [Seen, Seen]
    queues.add(recordOf(first))
    queues.emptyAll()
    queues.add(recordOf(second))
    expect(all).toEqual([first])
    queues.emptyAll()
    queues.emptyAll()
    expect(all).toEqual([first, second])
  })
})
