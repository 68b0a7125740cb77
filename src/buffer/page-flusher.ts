/**
 * The page flusher: takes copies of dirty pages to disk, in this order:
 *
 *   1. the log, up to the highest pageLsn among them (the WAL rule, I1)
 *   2. the double-write file, synced (I25)
 *   3. the pages in their places, synced; only then is the double-write area free again (I33)
 *
 * Several batches may be under way at once, each in an area of its own; they share syncs, and so each step is done
 * in the same order of batches. Writing in place takes the longest, so it is done in slices, each in a turn of the
 * event loop of its own; batches whose copies became durable together would hold everybody up otherwise:
 *
 * ```
 *   copies of A and B durable   | A | A, B | B | sync of the data file for both ...      | turn | turn | turn
 * ```
 *
 * The same steps exist twice, waiting for the syncs without and with stopping the event loop.
 *
 * INVARIANTS
 * - I1  no page is written before the log is durable up to its pageLsn, asserted in `#writeInPlace` and `stampCheckpoint`
 * - I25 pages go through the double-write file, unless the file system writes pages atomically
 * - I28 nothing is written after a failed write or sync
 */
import { assert } from '../common/assert.ts'
import { BitSet } from '../common/bit-set.ts'
import { AriesError } from '../common/errors.ts'
import type { Lsn, PageId } from '../common/ids.ts'
import { SILENT, type Tracer } from '../common/tracer.ts'
import type { FailStop } from '../io/fail-stop.ts'
import { laterTurn, type Runtime } from '../io/runtime.ts'
import { pageIdOf, pageLsnOf } from '../page/page.ts'
import type { DataFile } from './data-file.ts'
import type { DoubleWrite } from './double-write.ts'
import type { PageBatch } from './staging.ts'

/** What the buffer needs of the log: to force it, and to know where it ends. */
export interface LogPort {
  readonly flushedLsn: Lsn
  readonly nextLsn: Lsn
  /** Where it ended when it was opened. */
  readonly openedLsn: Lsn
  flushTo(lsn: Lsn): void
  waitDurable(lsn: Lsn): Promise<void>
}

/** Writing in place gives way to everybody after so long. */
const SLICE_MS = 1

/** By which the flusher gives way. */
export type SliceClock = Pick<Runtime, 'nextTurn' | 'nowMs'>

export class PageFlusher {
  readonly #pageSize: number
  readonly #log: LogPort
  readonly #dataFile: DataFile
  readonly #doubleWrite: DoubleWrite | undefined
  readonly #failStop: FailStop
  readonly #runtime: SliceClock
  /** Batches whose copies are durable, in the order in which they go in place. */
  readonly #ready: PageBatch[] = []
  readonly #written = new BitSet()
  /** The writing in place of all that are ready, and the sync for all; until the sync has begun more may join. */
  #round: Promise<void> | undefined
  tracer: Tracer = SILENT

  constructor(
    pageSize: number,
    log: LogPort,
    dataFile: DataFile,
    doubleWrite: DoubleWrite | undefined,
    failStop: FailStop,
    runtime: SliceClock,
  ) {
    this.#pageSize = pageSize
    this.#log = log
    this.#dataFile = dataFile
    this.#doubleWrite = doubleWrite
    this.#failStop = failStop
    this.#runtime = runtime
  }

  /**
   * Rejects with `DISK_FULL` when nothing has been written in place and it can be tried again, with
   * `DB_FAILED` otherwise.
   */
  async flush(batch: PageBatch): Promise<void> {
    await this.#log.waitDurable(batch.maxPageLsn)
    const sequence = this.#writeDoubly(batch)
    if (this.#doubleWrite !== undefined) await this.#orFail(this.#doubleWrite.sync())
    this.#ready.push(batch)
    this.#round ??= this.#writeReady()
    await this.#round
    this.#doubleWrite?.completed(batch.area, sequence)
  }

  /** The same, done when it returns. @throws as `flush` */
  flushBlocking(batch: PageBatch): void {
    this.#log.flushTo(batch.maxPageLsn)
    const sequence = this.#writeDoubly(batch)
    if (this.#doubleWrite !== undefined) this.#orFailNow(() => this.#doubleWrite?.syncBlocking())
    for (let i = 0; i < batch.pageIds.length; i++) this.#writeInPlace(batch, i)
    this.#orFailNow(() => this.#dataFile.syncBlocking())
    this.#doubleWrite?.completed(batch.area, sequence)
  }

  /**
   * Makes the data file say, durably, that it has seen the checkpoint at `checkpointLsn`, which is durable in the log.
   * Rejects with `DB_FAILED`.
   */
  async stampCheckpoint(checkpointLsn: Lsn): Promise<void> {
    this.#failStop.check()
    assert(
      this.#log.flushedLsn > checkpointLsn,
      'the log is durable up to a checkpoint before the data file names it (I1)',
    )
    this.#orFailNow(() => this.#dataFile.writeMetaPage(checkpointLsn))
    await this.#orFail(this.#dataFile.sync())
  }

  /** Whether the page in its place is one that was written here: all others are of before the log was opened. */
  hasWritten(pageId: PageId): boolean {
    return this.#written.has(pageId)
  }

  /** Writes what is ready in place, in slices, and then syncs. Rejects with `DB_FAILED`. */
  async #writeReady(): Promise<void> {
    // The others whose copies became durable by the same sync come in this turn too.
    await undefined
    try {
      let startedMs = this.#runtime.nowMs()
      for (let batch = this.#ready.shift(); batch !== undefined; batch = this.#ready.shift()) {
        for (let i = 0; i < batch.pageIds.length; i++) {
          if (this.#runtime.nowMs() - startedMs >= SLICE_MS) {
            await laterTurn(this.#runtime)
            startedMs = this.#runtime.nowMs()
          }
          this.#writeInPlace(batch, i)
        }
      }
    } finally {
      this.#round = undefined
    }
    await this.#orFail(this.#dataFile.sync())
  }

  #writeDoubly(batch: PageBatch): number {
    this.#failStop.check()
    try {
      return this.#doubleWrite?.write(batch.area, batch.pageIds, batch.staging) ?? 0
    } catch (error) {
      // A full disk is met before anything went in place, so it can be tried again; nothing else can.
      if (AriesError.is(error) && error.code === 'DISK_FULL') throw error
      throw this.#failStop.fail(error)
    }
  }

  /** The one place that writes a page of the pool where it belongs. */
  #writeInPlace(batch: PageBatch, i: number): void {
    this.#failStop.check()
    assert(this.#log.flushedLsn > batch.maxPageLsn, 'the log is durable up to pageLSN before the page is written (I1)')
    const pageId = batch.pageIds[i] as PageId
    const page = i * this.#pageSize
    assert(pageIdOf(batch.view, page) === pageId, 'a page is written to its own place')
    this.#orFailNow(() => this.#dataFile.write(pageId, batch.staging, page))
    this.#written.add(pageId)
    this.tracer.listener?.({ kind: 'page-written', pageId, pageLsn: pageLsnOf(batch.view, page) })
  }

  async #orFail(work: Promise<void>): Promise<void> {
    try {
      await work
    } catch (error) {
      throw this.#failStop.fail(error)
    }
    this.#failStop.check()
  }

  #orFailNow(work: () => void): void {
    try {
      work()
    } catch (error) {
      throw this.#failStop.fail(error)
    }
  }
}
