/**
 * The queues of redo, with records of any length and queues of any size: each record is redone once, as it is in
 * the log, and those of a page in the order of the log (I14).
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RedoQueues } from '../src/recovery/redo-queues.ts'
import { recordOf, type Seen, seenOf } from '../test/recovery/redo-records.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const RUNS = 200
const PAGES = 12

/** Mostly short records, as most are, and some that no queue or hardly one has room for. */
const payloadBytes = fc.oneof(
  { weight: 8, arbitrary: fc.nat(300) },
  { weight: 1, arbitrary: fc.integer({ min: 3900, max: 4200 }) },
  { weight: 1, arbitrary: fc.nat(6000) },
)
const log = fc
  .array(fc.record({ pageId: fc.nat(PAGES - 1), payloadBytes }), { maxLength: 80, size: 'max' })
  .map((records) =>
    records.map(({ pageId, payloadBytes }, i): Seen => {
      const payload = Array.from({ length: payloadBytes }, (_, at) => (i + at) & 255)
      return { lsn: 2 ** 33 + i * 8192, pageId, payload }
    }),
  )

test(
  'each record is redone once, and those of a page in the order of the log',
  async () => {
    const property = fc.asyncProperty(fc.nat(65_536), log, async (queueBytes, records) => {
      const redone: Seen[] = []
      const queues = new RedoQueues(queueBytes, (record) => redone.push(seenOf(record)))
      for (const record of records) queues.add(recordOf(record))
      queues.emptyAll()
      for (let page = 0; page < PAGES; page++) {
        const ofPage = ({ pageId }: Seen): boolean => pageId === page
        expect(redone.filter(ofPage), `page ${page}`).toEqual(records.filter(ofPage))
      }
    })
    const printed = ([queueBytes, records]: [number, Seen[]]): string =>
      [
        `queues of ${queueBytes} bytes`,
        ...records.map(({ pageId, payload }) => `page ${pageId}, ${payload.length} bytes`),
      ].join('\n')
    await checkProperty(property, { numRuns: runsOf(RUNS) }, printed)
  },
  TIMEOUT_MS,
)
