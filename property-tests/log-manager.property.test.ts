/**
 * The log manager alone, on a disk whose syncs take time: records of all sizes, flushes that wait and
 * flushes that do not, segments recycled behind it. Whatever record is asked for is given back as it was
 * appended, wherever it is by then (I5, I6); what counts as durable survives a power cut at any moment,
 * whichever syncs are under way (I2); and what a recycled segment held before is never taken for a record
 * (I24, I31).
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareBytes } from '../src/common/bytes.ts'
import { asLsn, asTxnId, type Lsn, NO_PAGE, NULL_LSN } from '../src/common/ids.ts'
import { FailStop } from '../src/io/fail-stop.ts'
import { SimulatedFileSystem } from '../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../src/io/simulated-runtime.ts'
import { makeIdentity } from '../src/log/identity.ts'
import { LogManager } from '../src/log/log-manager.ts'
import { LogReader } from '../src/log/log-reader.ts'
import { type LogRecordView, RecordType } from '../src/log/log-record.ts'
import { ResourceId } from '../src/log/resource-manager.ts'
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES } from '../src/log/segment.ts'
import { Segments } from '../src/log/segments.ts'
import { idle, PAGE_SIZE, SEGMENT_BYTES } from './lab.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const RUNS = 300
const SYNC_MS = 5
/**
 * In a uniform run every record is as long as a flush marker, so that behind the end of the log in a
 * recycled segment there is a record of its earlier life, and each append makes so many of them.
 */
const UNIFORM = { bytes: 8, times: 25 }
const IDENTITY = makeIdentity(new Uint8Array(16).fill(5), PAGE_SIZE, SEGMENT_BYTES)

type Step =
  | { readonly do: 'append'; readonly count: number; readonly bytes: number }
  /** Reads `count` records backward, as a rollback does, `back` of a thousand of the log before its end. */
  | { readonly do: 'read'; readonly back: number; readonly count: number }
  | { readonly do: 'writeOut' | 'waitDurable' | 'flushTo' | 'segments' | 'look' }
  | { readonly do: 'time'; readonly ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      count: fc.integer({ min: 1, max: 20 }),
      bytes: fc.oneof(fc.nat(100), fc.nat(PAGE_SIZE)),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      back: fc.oneof(fc.nat(1000), fc.nat(200)),
      count: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('writeOut', 'waitDurable', 'waitDurable', 'flushTo', 'segments', 'look'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('time' as const), ms: fc.integer({ min: 1, max: SYNC_MS }) }) },
)
const steps = fc.array(step, { minLength: 5, maxLength: 60, size: 'max' })

interface Appended {
  readonly lsn: Lsn
  readonly payload: Uint8Array
}

class Run {
  readonly #disk = new SimulatedFileSystem()
  readonly #runtime = new SimulatedRuntime(1)
  readonly #segments: Segments
  readonly #log: LogManager
  readonly #records: Appended[] = []
  /** The highest LSN that somebody was told is durable. */
  #acknowledged = 0
  #failure: unknown
  #segmentSteps: Promise<unknown> | undefined

  readonly #isUniform: boolean

  constructor(isUniform: boolean) {
    this.#isUniform = isUniform
    this.#segments = new Segments(this.#disk, IDENTITY)
    this.#segments.append()
    this.#log = new LogManager(this.#segments, IDENTITY, this.#runtime, new FailStop(), asLsn(SEGMENT_HEADER_BYTES))
    this.#disk.runtime = this.#runtime
    this.#disk.inject('sync', { effect: 'slow', delayMs: SYNC_MS }, { times: Number.POSITIVE_INFINITY })
  }

  async take(each: Step): Promise<void> {
    this.#take(each)
    await idle()
    if (this.#failure !== undefined) throw this.#failure
  }

  #take(each: Step): void {
    const last = this.#records.at(-1)
    if (each.do === 'append') this.#appendAll(each.count, each.bytes)
    else if (each.do === 'read') this.#read(each.back, each.count)
    else if (each.do === 'time') this.#runtime.advance(each.ms)
    else if (each.do === 'writeOut') this.#log.writeOut()
    else if (each.do === 'segments') this.#stepOnSegments()
    else if (each.do === 'look') this.look()
    else if (last !== undefined && each.do === 'waitDurable') this.#waitDurable(last.lsn)
    else if (last !== undefined) this.#flushTo(last.lsn)
  }

  /** As the background does it: the next step when this one is done. */
  #stepOnSegments(): void {
    this.#segmentSteps ??= this.#log.room
      .step(this.#log.flushedLsn)
      .catch((error: unknown) => {
        this.#failure ??= error
      })
      .finally(() => {
        this.#segmentSteps = undefined
      })
  }

  #flushTo(lsn: Lsn): void {
    this.#log.flushTo(lsn)
    this.#acknowledge(lsn)
  }

  #appendAll(count: number, bytes: number): void {
    const records = this.#isUniform ? count * UNIFORM.times : count
    for (let i = 0; i < records; i++) this.#append(this.#isUniform ? UNIFORM.bytes : bytes)
  }

  #append(bytes: number): void {
    const number = this.#records.length
    const payload = new Uint8Array(bytes).fill(number & 0xff)
    this.#log.reserve(0, bytes)
    const { UPDATE } = RecordType
    const previous = this.#records.at(-1)?.lsn ?? NULL_LSN
    const at = this.#log.start(UPDATE, ResourceId.BTREE, 1, 0, NO_PAGE, asTxnId(1), previous, NULL_LSN, bytes)
    this.#log.bytes.set(payload, at)
    const { lsn } = this.#log.finish()
    if (lsn <= previous) throw new Error(`the record behind ${previous} is at ${lsn} (I5)`)
    this.#records.push({ lsn, payload })
  }

  #read(back: number, count: number): void {
    const end = Math.ceil((this.#records.length * (1001 - back)) / 1001)
    for (const each of this.#records.slice(Math.max(0, end - count), end).reverse()) {
      if (each.lsn >= this.#log.retention.firstLsn) expectSame(this.#log.read(each.lsn), each)
    }
  }

  #waitDurable(lsn: Lsn): void {
    this.#log.waitDurable(lsn).then(
      () => this.#acknowledge(lsn),
      (error: unknown) => {
        this.#failure ??= error
      },
    )
  }

  #acknowledge(lsn: Lsn): void {
    this.#acknowledged = Math.max(this.#acknowledged, lsn)
  }

  /** What a power cut would leave now: all that is durable, and nothing that was not appended (I2, I31). */
  look(): void {
    const { flushedLsn, retention } = this.#log
    const disk = this.#disk.crash({ mode: 'none' })
    const segments = new Segments(disk, IDENTITY)
    this.#expectRoom(segments)
    const reader = new LogReader(segments, IDENTITY)
    const expected = this.#records.filter(({ lsn }) => lsn >= retention.firstLsn)
    const durable = expected.filter(({ lsn }) => lsn < flushedLsn || lsn <= this.#acknowledged)
    reader.seek(retention.firstLsn)
    let count = 0
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      if (record.type === RecordType.FLUSH_MARKER) continue
      const appended = expected[count++]
      if (appended === undefined) throw new Error(`a record at ${record.lsn}, which was never appended (I31)`)
      expectSame(record, appended)
    }
    expect(count, 'records that are durable (I2)').toBeGreaterThanOrEqual(durable.length)
    segments.close()
  }

  /** What counts as room is there in `durable`, whole: the log may come near it at any moment. */
  #expectRoom(durable: Segments): void {
    const { firstLsn, allocatedLsn } = this.#segments
    for (let number = firstLsn / SEGMENT_BYTES; number < allocatedLsn / SEGMENT_BYTES; number++) {
      const bytes = new Uint8Array(SEGMENT_HEADER_BYTES)
      if (durable.has(number)) durable.file(number).readAt(bytes, 0, bytes.length, 0)
      const hasHeader = compareBytes(bytes, encodeSegmentHeader(IDENTITY, number)) === 0
      if (hasHeader && durable.file(number).size() === SEGMENT_BYTES) continue
      throw new Error(`segment ${number} is in use, and not durable (I2)`)
    }
  }
}

/** `expect` would take most of the run. */
function expectSame(found: LogRecordView, { lsn, payload }: Appended): void {
  const bytes = found.bytes.subarray(found.payloadStart, found.payloadEnd)
  if (found.lsn === lsn && compareBytes(bytes, payload) === 0) return
  throw new Error(`the record at ${lsn} is not as it was appended; found is one at ${found.lsn}`)
}

describe('the log on a slow disk', () => {
  test(
    'gives back what was appended, and keeps what it calls durable',
    async () => {
      const property = fc.asyncProperty(steps, fc.boolean(), async (list, isUniform) => {
        const run = new Run(isUniform)
        for (const each of list) await run.take(each)
        run.look()
      })
      await checkProperty(property, { numRuns: runsOf(RUNS) }, ([list]) =>
        list.map((s) => JSON.stringify(s)).join('\n'),
      )
    },
    TIMEOUT_MS,
  )
})
