/**
 * Deferred redo: restart only notes which records each page may lack, and a page is brought up to date when it is
 * first wanted, or in the background (Mohan et al., TODS 1992, section 6.4, "selective or deferred restart"; on
 * demand, page by page: Graefe, Guy and Sauer, "Instant Recovery with Write-Ahead Logging", 2nd edition, 2016).
 *
 * ```
 *   oldest recLsn            checkpoint                    crash
 *   |------- run notes ----------|----- analysis notes -----|         in the records of each page (page-records.ts)
 *        ^        ^                    ^        ^
 *        +--------+------ page 7 ------+--------+                     read again, and redone, when it is wanted
 * ```
 *
 * They go through `Redo` like any others, so it is the same test of pageLsn that decides, and what redo does about
 * a page that cannot be read it does here.
 *
 * Until its turn comes a page stays in the dirty page table with the recLsn that analysis gave it. A crash
 * meanwhile is a crash in the middle of redo: the next restart finds it there (I16). Its records are kept, since
 * the low-water mark cannot pass `startLsn` before all pages are up to date (I12).
 *
 * INVARIANTS: I10, I11, I12, I14 (nobody sees a page before its redo), I16.
 */
import type { BufferManager } from '../buffer/buffer-manager.ts'
import type { DeferredPages } from '../buffer/deferred-pages.ts'
import type { DirtyPageTable } from '../buffer/dirty-page-table.ts'
import { AriesError } from '../common/errors.ts'
import { type Lsn, NULL_LSN, type PageId } from '../common/ids.ts'
import type { FailStop } from '../io/fail-stop.ts'
import type { LogReader } from '../log/log-reader.ts'
import type { LogRecordView } from '../log/log-record.ts'
import type { Analysis } from './analysis.ts'
import type { PageRecords } from './page-records.ts'
import type { Redo, RedoResult } from './redo.ts'
import { visitRecords } from './redo-scan.ts'

/** What redo comes to when all of it is still to be done. */
export interface DeferredResult extends RedoResult {
  readonly deferredPages: number
}

export class DeferredRedo implements DeferredPages {
  readonly #records: PageRecords
  readonly #buffer: BufferManager
  readonly #reader: Pick<LogReader, 'recordAt'>
  readonly #failStop: FailStop
  #redo!: Redo
  #analysis!: Analysis
  /** The page that is being brought up to date: to the buffer manager it is like any other. */
  #current: PageId | undefined
  /** Whose turn it is in the background. */
  #turn: Iterator<PageId>

  /** `records` are those that analysis has read; `reader` is for single ones. */
  constructor(records: PageRecords, buffer: BufferManager, reader: Pick<LogReader, 'recordAt'>, failStop: FailStop) {
    this.#records = records
    this.#buffer = buffer
    this.#reader = reader
    this.#failStop = failStop
    this.#turn = records.pages()
  }

  /**
   * Puts `redo` off: notes the records that analysis has not read, and from then on is asked by the buffer manager.
   * @throws `LOG_CORRUPT`, `DISK_FULL`, `IO_ERROR`
   */
  run(redo: Redo, analysis: Analysis, reader: LogReader, onRecord?: (lsn: Lsn) => void): DeferredResult {
    this.#redo = redo
    this.#analysis = analysis
    if (redo.startLsn !== NULL_LSN) {
      visitRecords(reader, redo.startLsn, analysis.startLsn, (record) => {
        if (redo.needsPage(record)) this.#records.add(record)
        onRecord?.(record.lsn)
      })
    }
    if (this.count > 0) {
      // A full disk shows here, and not where somebody reads.
      this.#buffer.grow(this.#pageCount)
      this.#buffer.deferred = this
    }
    return { ...redo.result(this.#records.count), deferredPages: this.count }
  }

  get count(): number {
    return this.#records.pageCount
  }

  /** The data file has to have so many. */
  get #pageCount(): number {
    let count = 0
    for (const pageId of this.#records.pages()) count = Math.max(count, pageId + 1)
    return count
  }

  get startLsn(): Lsn {
    return this.#redo.startLsn
  }

  bringUpToDate(pageId: PageId): boolean {
    if (pageId === this.#current || !this.#records.has(pageId)) return false
    this.#current = pageId
    try {
      for (const lsn of this.#records.of(pageId)) this.#redo.take(this.#recordAt(lsn))
    } catch (error) {
      // Once the page is in the pool, only a programmer's error can come in between, and leaves it half done.
      throw AriesError.is(error) ? error : this.#failStop.fail(error)
    } finally {
      this.#current = undefined
    }
    this.#records.delete(pageId)
    return true
  }

  /** Restart has read and checked it. If that cannot be done again, the page cannot be left as far on as it is now. */
  #recordAt(lsn: Lsn): LogRecordView {
    try {
      return this.#reader.recordAt(lsn)
    } catch (error) {
      throw this.#failStop.fail(error)
    }
  }

  addTo(table: DirtyPageTable): void {
    for (const pageId of this.#records.pages()) table.add(pageId, this.#analysis.dirtyPages.get(pageId) as Lsn)
  }

  /** A page that shows that the end of the log was lost stops the engine: commits would get the LSNs of lost ones. */
  step(): boolean {
    if (this.count === 0) {
      this.#buffer.deferred = undefined
      return false
    }
    const { value: pageId } = this.#turn.next()
    // Once around, only those are left that could not be brought up to date.
    if (pageId === undefined) this.#turn = this.#records.pages()
    else this.#bringUpToDateOrStop(pageId)
    return true
  }

  #bringUpToDateOrStop(pageId: PageId): void {
    try {
      this.bringUpToDate(pageId)
    } catch (error) {
      if (AriesError.is(error) && error.code === 'PAGE_LSN_BEYOND_LOG') throw this.#failStop.fail(error)
      throw error
    }
  }
}
