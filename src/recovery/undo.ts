/**
 * Undo: writes compensation log records and follows undoNextLsn, so that nothing is undone twice, no
 * matter how often a crash interrupts it (Mohan et al., TODS 1992, sections 5.2 and 6.3, figure 12). The
 * same step serves the abort of one transaction, the rollback to a savepoint, the clean-up of a failed
 * nested top action, and the undo pass of restart.
 *
 * ```
 *    log:    u1 <--- u2 <--- u3      CLR3        CLR2        CLR1     END
 *                                 undoNext=u2  undoNext=u1  undoNext=0
 * ```
 *
 * A CLR changes one page. When what a record has done lies on several by now, its undo is several CLRs: the
 * undoNextLsn of each but the last is the record itself, so that undo comes back to it, also after a crash.
 *
 * INVARIANTS
 * - I6  undoNextLsn is the prevLsn of the undone record, or for a part of it the record itself
 * - I7  nothing is compensated twice
 * - I8  a nested top action that does not reach its closing CLR is undone; one that does is passed over
 * - I9  END is the last record of a transaction, and after ABORT there is no COMMIT
 * - I19 the room for it was reserved
 */
import { assert } from '../common/assert.ts'
import { Heap } from '../common/heap.ts'
import { type Lsn, NULL_LSN } from '../common/ids.ts'
import type { UndoPassReason } from '../common/trace.ts'
import { SILENT, type Tracer } from '../common/tracer.ts'
import type { LogManager } from '../log/log-manager.ts'
import { CLR_HEADER_BYTES, type LogRecordView, RecordType } from '../log/log-record.ts'
import type { ResourceManagers } from '../log/resource-manager.ts'
import type { PageWriter } from './page-writer.ts'
import { type TransactionEntry, type TransactionTable, TxnStatus } from './transaction-table.ts'

export class Rollback {
  readonly #writer: PageWriter
  readonly #managers: ResourceManagers<TransactionEntry>
  readonly #table: TransactionTable
  tracer: Tracer = SILENT

  constructor(writer: PageWriter, managers: ResourceManagers<TransactionEntry>, table: TransactionTable) {
    this.#writer = writer
    this.#managers = managers
    this.#table = table
  }

  /**
   * Undoes every change of `entry` above `toLsn` that is not undone yet; 0 undoes all.
   * @throws `PAGE_CORRUPT`, `LOG_CORRUPT`, `IO_ERROR`, `DISK_FULL`; what is undone stays undone, and
   *   calling again goes on
   */
  rollback(entry: TransactionEntry, toLsn: Lsn): void {
    while (entry.undoNextLsn > toLsn) this.undoNext(entry)
  }

  /** Looks at the record `entry.undoNextLsn` names: compensates it, or passes over it. */
  undoNext(entry: TransactionEntry): void {
    const record = this.#writer.log.read(entry.undoNextLsn)
    assert(record.txnId === entry.id, 'a transaction undoes its own records (I5)')
    if (record.type === RecordType.CLR) {
      assert(record.undoNextLsn < record.lsn, 'undoNextLsn goes back (I6)')
      entry.undoNextLsn = record.undoNextLsn
      this.#tracePass(entry, record, 'clr')
    } else if (record.type === RecordType.UPDATE && !record.isRedoOnly) {
      this.#compensate(entry, record)
    } else {
      entry.undoNextLsn = record.prevLsn
      this.#tracePass(entry, record, record.isRedoOnly ? 'redo-only' : 'not-undoable')
    }
  }

  #tracePass({ id, undoNextLsn }: TransactionEntry, { lsn }: LogRecordView, reason: UndoPassReason): void {
    this.tracer.listener?.({ kind: 'undo-passed', lsn, txnId: id, reason, nextLsn: undoNextLsn })
  }

  #compensate(entry: TransactionEntry, record: LogRecordView): void {
    const compensation = this.#managers.of(record.resource).undo(record, entry)
    if (compensation === undefined) {
      entry.undoNextLsn = record.prevLsn
      this.#tracePass(entry, record, 'nothing-left')
      return
    }
    this.spendReserve(entry, CLR_HEADER_BYTES + compensation.payload.length)
    const { lsn, prevLsn, resource } = record
    const undoNextLsn = compensation.isPart === true ? lsn : prevLsn
    const clrLsn = this.#writer.compensate(entry, resource, compensation, undoNextLsn)
    this.tracer.listener?.({ kind: 'undone', lsn, txnId: entry.id, clrLsn, undoNextLsn })
  }

  /**
   * Turns held-back room into room for the next record, which therefore cannot meet a full disk (I19).
   * At restart nothing is held back yet, and room is made.
   */
  spendReserve(entry: TransactionEntry, bytes: number): void {
    if (entry.reservedBytes < bytes) {
      this.#writer.log.reserve(0, bytes)
    } else {
      entry.reservedBytes -= bytes
      this.#writer.log.release(bytes)
    }
  }

  /** Writes ABORT: from here on `entry` only rolls back. */
  begin(entry: TransactionEntry): void {
    entry.status = TxnStatus.ABORTING
    if (entry.lastLsn === NULL_LSN) return
    const { undoNextLsn } = entry
    this.spendReserve(entry, CLR_HEADER_BYTES)
    this.#writer.append(entry, RecordType.ABORT, NULL_LSN, 0)
    this.#writer.finish()
    entry.undoNextLsn = undoNextLsn
  }

  /** Writes END: nothing is left to do for `entry`, and it leaves the table. */
  end(entry: TransactionEntry): Lsn {
    this.spendReserve(entry, CLR_HEADER_BYTES)
    this.#writer.append(entry, RecordType.END, NULL_LSN, 0)
    const lsn = this.#writer.finish()
    this.#writer.log.release(entry.reservedBytes)
    entry.reservedBytes = 0
    this.#table.remove(entry)
    return lsn
  }

  /**
   * Runs `action` as a nested top action of `entry`. The action closes itself with a CLR whose
   * undoNextLsn is the `savedLsn` it is given. When it throws, what it logged is undone.
   */
  nestedTopAction<T>(entry: TransactionEntry, action: (savedLsn: Lsn) => T): T {
    const savedLsn = entry.lastLsn
    const { undoNextLsn } = entry
    try {
      const result = action(savedLsn)
      entry.undoNextLsn = undoNextLsn
      return result
    } catch (error) {
      this.rollback(entry, savedLsn)
      entry.undoNextLsn = undoNextLsn
      throw error
    }
  }

  /**
   * The undo pass of restart: one backward sweep over the log for all losers together, always the
   * record with the highest LSN that any of them has left (section 6.3).
   */
  undoLosers(losers: Iterable<TransactionEntry>, onRecord?: (lsn: Lsn) => void): number {
    const left = new Heap<TransactionEntry>((a, b) => a.undoNextLsn > b.undoNextLsn)
    for (const entry of losers) {
      if (entry.undoNextLsn === NULL_LSN) this.#endLoser(entry)
      else left.push(entry)
    }
    let undone = 0
    for (let entry = left.first; entry !== undefined; entry = left.first) {
      const before = entry.lastLsn
      onRecord?.(entry.undoNextLsn)
      this.undoNext(entry)
      if (entry.lastLsn !== before) undone++
      if (entry.undoNextLsn === NULL_LSN) {
        left.shift()
        this.#endLoser(entry)
      } else {
        left.firstChanged()
      }
    }
    return undone
  }

  /** Nothing is left of it to undo: that is said before anything else is undone. */
  #endLoser(entry: TransactionEntry): void {
    const endLsn = this.end(entry)
    this.tracer.listener?.({ kind: 'rolled-back', txnId: entry.id, endLsn })
  }
}

/**
 * The changes of a transaction that are not undone, the last one first. Each record holds until the next.
 * @throws `LOG_CORRUPT`, `IO_ERROR`
 */
export function* changesOf(log: LogManager, entry: TransactionEntry): Generator<LogRecordView> {
  for (let lsn = entry.undoNextLsn; lsn !== NULL_LSN; ) {
    const record = log.read(lsn)
    lsn = record.type === RecordType.CLR ? record.undoNextLsn : record.prevLsn
    if (record.type === RecordType.UPDATE && !record.isRedoOnly) yield record
  }
}
