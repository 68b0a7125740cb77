/**
 * The redo pass (Mohan et al., TODS 1992, section 6.2, figure 11): repeats history, of losers too, so
 * that undo finds the pages as they were. A record is applied unless one of the numbered reasons of
 * `SkipReason` holds, tested in that order, the cheap ones first.
 *
 * Records of one page are redone in the order of the log, and only those have to be: until their turn
 * comes they wait in the queues of `redo-queues.ts`. When somebody listens, none waits, so that what is
 * told is in the order of the log.
 *
 * INVARIANTS: I14 (redo is idempotent, because of the test of pageLsn), I3, I4 (a page is stamped with the record that
 * was applied to it).
 */

import type { BufferManager } from '../buffer/buffer-manager.ts'
import { asLsn, type Lsn, NO_PAGE, NULL_LSN, type PageId } from '../common/ids.ts'
import type { SkipReason, Trace, TraceEvent } from '../common/trace.ts'
import type { LogReader } from '../log/log-reader.ts'
import type { LogRecordView } from '../log/log-record.ts'
import { ResourceId, type ResourceManagers } from '../log/resource-manager.ts'
import { pageLsnOf, setPageLsn } from '../page/page.ts'
import { RedoQueues } from './redo-queues.ts'
import { visitRecords } from './redo-scan.ts'
import type { TransactionEntry } from './transaction-table.ts'

/** Memory for records that wait, at most. */
const QUEUE_BYTES_MAX = 32 << 20

/** What the redo pass did. */
export interface RedoResult {
  readonly startLsn: Lsn
  readonly records: number
  readonly redone: number
  readonly skipped: Readonly<Record<SkipReason, number>>
}

export class Redo {
  readonly #buffer: BufferManager
  readonly #managers: ResourceManagers<TransactionEntry>
  readonly #dirtyPages: Map<PageId, Lsn>
  readonly #trace: Trace
  /** Where history starts to be repeated: the oldest recLsn, 0 when nothing was dirty. */
  readonly startLsn: Lsn
  #redone = 0
  /** What the last page that was looked at had. */
  #pageLsn = NULL_LSN
  readonly #skipped: Record<SkipReason, number> = {
    'not-redoable': 0,
    'not-in-dpt': 0,
    'lsn<recLsn': 0,
    'pageLsn>=lsn': 0,
    'page-damaged': 0,
  }

  constructor(
    buffer: BufferManager,
    managers: ResourceManagers<TransactionEntry>,
    dirtyPages: Map<PageId, Lsn>,
    trace: Trace,
  ) {
    this.#buffer = buffer
    this.#managers = managers
    this.#dirtyPages = dirtyPages
    this.#trace = trace
    this.startLsn = oldestOf(dirtyPages)
  }

  /**
   * Repeats history from the oldest recLsn to `endLsn`.
   * @throws `PAGE_LSN_BEYOND_LOG`, `LOG_CORRUPT`, `DISK_FULL`, `IO_ERROR`
   */
  run(reader: LogReader, endLsn: Lsn, onRecord?: (lsn: Lsn) => void): RedoResult {
    const { startLsn } = this
    if (startLsn === NULL_LSN) return this.result(0)
    const queues = new RedoQueues(this.#queueBytes(), (record) => this.take(record))
    const records = visitRecords(reader, startLsn, endLsn, (record) => {
      queues.add(record)
      onRecord?.(record.lsn)
    })
    queues.emptyAll()
    return this.result(records)
  }

  /** What has been done so far, with so many records read. */
  result(records: number): RedoResult {
    return { startLsn: this.startLsn, records, redone: this.#redone, skipped: { ...this.#skipped } }
  }

  /** A part of what the pool has: where it is small, memory is. */
  #queueBytes(): number {
    return this.#trace === undefined ? Math.min(QUEUE_BYTES_MAX, this.#buffer.bytes.length / 2) : 0
  }

  /** Redoes the record, unless there is a reason not to. Records of one page come in the order of the log. */
  take(record: LogRecordView): void {
    const reason = this.#skipReason(record) ?? this.#redo(record)
    if (reason === undefined) {
      this.#redone++
      this.#trace?.({ kind: 'redone', lsn: record.lsn, pageId: record.pageId, pageLsn: this.#pageLsn })
    } else {
      this.#skipped[reason]++
      if (this.#trace !== undefined) this.#trace(this.#traceOfSkip(record, reason))
    }
  }

  /** Whether that depends on what the page of the record is like. */
  needsPage(record: LogRecordView): boolean {
    return this.#skipReason(record) === undefined
  }

  #traceOfSkip(record: LogRecordView, reason: SkipReason): TraceEvent {
    const { lsn, pageId } = record
    return {
      kind: 'redo-skipped',
      lsn,
      reason,
      pageId: pageId === NO_PAGE ? undefined : pageId,
      recLsn: this.#dirtyPages.get(pageId),
      pageLsn: reason === 'pageLsn>=lsn' ? this.#pageLsn : undefined,
    }
  }

  #skipReason(record: LogRecordView): SkipReason | undefined {
    if (record.pageId === NO_PAGE || record.resource === ResourceId.NONE) return 'not-redoable'
    const recLsn = this.#dirtyPages.get(record.pageId)
    if (recLsn === undefined) return 'not-in-dpt'
    if (record.lsn < recLsn) return 'lsn<recLsn'
    return undefined
  }

  #redo(record: LogRecordView): SkipReason | undefined {
    const manager = this.#managers.of(record.resource)
    const page = this.#fix(record, manager.formatsPage(record.operation))
    if (page < 0) return 'page-damaged'
    try {
      this.#pageLsn = pageLsnOf(this.#buffer.view, page)
      if (this.#pageLsn >= record.lsn) return 'pageLsn>=lsn'
      this.#buffer.markDirty(page, record.lsn)
      manager.redo(record, page)
      setPageLsn(this.#buffer.view, page, record.lsn)
      return undefined
    } finally {
      this.#buffer.unfix(page)
    }
  }

  /**
   * A page that cannot be read is made anew when the record formats it. Otherwise it is quarantined
   * with the recLsn it has, so that the records it still needs are kept.
   */
  #fix(record: LogRecordView, formats: boolean): number {
    const found = this.#buffer.fixIfSound(record.pageId)
    if (typeof found === 'number') return found
    if (formats) return this.#buffer.fixNew(record.pageId)
    this.#buffer.quarantine(record.pageId, this.#dirtyPages.get(record.pageId) as Lsn)
    return -1
  }
}

function oldestOf(dirtyPages: Map<PageId, Lsn>): Lsn {
  let oldest: number = NULL_LSN
  for (const recLsn of dirtyPages.values()) if (oldest === NULL_LSN || recLsn < oldest) oldest = recLsn
  return asLsn(oldest)
}
