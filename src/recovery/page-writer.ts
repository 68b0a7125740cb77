/**
 * The page writer: the only way a page changes. Every change takes the same steps, in this order
 * (compare PostgreSQL's "Write-Ahead Log Coding"):
 *
 *   1. the caller fixes the page and decides what to change,
 *   2. `update` (or `redoOnly`, `compensate`, `closeNestedTopAction`) starts a record in the log
 *      buffer and returns where its payload goes,
 *   3. the caller writes the payload there,
 *   4. `finish` seals the record, which gives it its LSN,
 *   5. marks the page dirty, with that LSN as recLsn when it was clean (I10),
 *   6. applies the record by the resource manager's `redo`, the same function restart uses (I26),
 *   7. stamps the page with the LSN (I3, I4).
 *
 * Nothing in between can wait or fail: log room is made in step 2, before anything is changed.
 *
 * A NESTED TOP ACTION (section 9 of the paper) is a run of records that survives the rollback of the
 * transaction around it. It is closed by a CLR whose undoNextLsn is what `lastLsn` was before it. The
 * paper's closing CLR is a dummy; ours may carry the last change itself, so that this change needs no
 * undo information: either the CLR is in the log and the action is whole, or it is not and the rest
 * is undone.
 */

import type { BufferManager } from '../buffer/buffer-manager.ts'
import { assert } from '../common/assert.ts'
import { type Lsn, NO_PAGE, NULL_LSN } from '../common/ids.ts'
import type { LogManager } from '../log/log-manager.ts'
import { CLR_HEADER_BYTES, FLAG_REDO_ONLY, RecordType } from '../log/log-record.ts'
import { type Compensation, ResourceId, type ResourceManagers } from '../log/resource-manager.ts'
import { pageIdOf, pageLsnOf, setPageLsn } from '../page/page.ts'
import type { TransactionEntry, TransactionTable } from './transaction-table.ts'

/** Reserved beside each CLR for alignment and the filling of segments. */
const RESERVE_SLACK_BYTES = 24
/** Reserved once a transaction: ABORT, END, and a batch marker or two. */
export const RESERVE_TRANSACTION_BYTES = 256

export class PageWriter {
  readonly log: LogManager
  readonly buffer: BufferManager
  readonly #managers: ResourceManagers<TransactionEntry>
  readonly #table: TransactionTable
  #page = 0
  #entry: TransactionEntry | undefined

  constructor(
    log: LogManager,
    buffer: BufferManager,
    managers: ResourceManagers<TransactionEntry>,
    table: TransactionTable,
  ) {
    this.log = log
    this.buffer = buffer
    this.#managers = managers
    this.#table = table
  }

  /**
   * Starts an undoable change of the fixed page at `page`. `undoPayloadBytes` bounds the payload of the CLR
   * that would undo it, or of each of at most `clrs`; that room stays reserved until the transaction ends (I19).
   * Returns the offset in `log.bytes` where `payloadBytes` of payload belong; call `finish` next.
   * @throws `DISK_FULL` when the log has no room; nothing has happened then.
   */
  update(
    entry: TransactionEntry,
    resource: number,
    operation: number,
    page: number,
    payloadBytes: number,
    undoPayloadBytes: number,
    clrs = 1,
  ): number {
    let reserve = clrs * (CLR_HEADER_BYTES + undoPayloadBytes + RESERVE_SLACK_BYTES)
    if (entry.reservedBytes === 0) reserve += RESERVE_TRANSACTION_BYTES
    this.log.reserve(reserve, payloadBytes)
    entry.reservedBytes += reserve
    return this.#start(entry, RecordType.UPDATE, resource, operation, 0, page, NULL_LSN, payloadBytes)
  }

  /** Starts a change that undo passes over, such as formatting a page whose allocation is undone instead. */
  redoOnly(entry: TransactionEntry, resource: number, operation: number, page: number, payloadBytes: number): number {
    this.log.reserve(0, payloadBytes)
    return this.#start(entry, RecordType.UPDATE, resource, operation, FLAG_REDO_ONLY, page, NULL_LSN, payloadBytes)
  }

  /** Starts the change that closes a nested top action begun when `entry.lastLsn` was `savedLsn` (I8). */
  closeNestedTopAction(
    entry: TransactionEntry,
    savedLsn: Lsn,
    resource: number,
    operation: number,
    page: number,
    payloadBytes: number,
  ): number {
    this.log.reserve(0, payloadBytes)
    return this.#start(entry, RecordType.CLR, resource, operation, 0, page, savedLsn, payloadBytes)
  }

  /** Closes a nested top action by a dummy CLR (I8). */
  closeWithDummyClr(entry: TransactionEntry, savedLsn: Lsn): void {
    this.log.reserve(0, 0)
    this.append(entry, RecordType.CLR, savedLsn, 0)
    this.finish()
  }

  /**
   * Writes the CLR for a compensation and applies it. `undoNextLsn` is the prevLsn of the record it
   * compensates (I6).
   */
  compensate(entry: TransactionEntry, resource: number, compensation: Compensation, undoNextLsn: Lsn): Lsn {
    const { operation, pageId, payload } = compensation
    const page = this.buffer.fix(pageId)
    try {
      const at = this.#start(entry, RecordType.CLR, resource, operation, 0, page, undoNextLsn, payload.length)
      this.log.bytes.set(payload, at)
      return this.finish()
    } finally {
      this.buffer.unfix(page)
    }
  }

  /**
   * Starts a record without a page (BEGIN, PREPARE, COMMIT, ABORT, END, PENDING, dummy CLR); returns where its
   * payload belongs; call `finish` next.
   */
  append(entry: TransactionEntry, type: number, undoNextLsn: Lsn, payloadBytes: number): number {
    assert(this.#entry === undefined, 'one record at a time')
    const at = this.log.start(type, ResourceId.NONE, 0, 0, NO_PAGE, entry.id, entry.lastLsn, undoNextLsn, payloadBytes)
    this.#entry = entry
    this.#page = -1
    return at
  }

  /** Seals the started record, applies it and stamps its page. Returns its LSN. */
  finish(): Lsn {
    const entry = this.#entry
    assert(entry !== undefined, 'finish without start')
    this.#entry = undefined
    const record = this.log.finish()
    const lsn = record.lsn
    if (this.#page >= 0) {
      const { buffer } = this
      assert(pageLsnOf(buffer.view, this.#page) < lsn, 'pageLsn rises (I3)')
      buffer.markDirty(this.#page, lsn)
      this.#managers.of(record.resource).redo(record, this.#page)
      setPageLsn(buffer.view, this.#page, lsn)
    }
    this.#advance(entry, record.type, lsn, record.undoNextLsn, record.length)
    return lsn
  }

  #start(
    entry: TransactionEntry,
    type: number,
    resource: number,
    operation: number,
    flags: number,
    page: number,
    undoNextLsn: Lsn,
    payloadBytes: number,
  ): number {
    assert(this.#entry === undefined, 'one record at a time')
    const { id, lastLsn } = entry
    const pageId = pageIdOf(this.buffer.view, page)
    // It may have to write the log's buffer out, and that may fail: then no record has been started.
    const at = this.log.start(type, resource, operation, flags, pageId, id, lastLsn, undoNextLsn, payloadBytes)
    this.#entry = entry
    this.#page = page
    return at
  }

  #advance(entry: TransactionEntry, type: number, lsn: Lsn, undoNextLsn: Lsn, length: number): void {
    if (entry.firstLsn === NULL_LSN) {
      entry.firstLsn = lsn
      this.#table.add(entry)
    }
    entry.lastLsn = lsn
    entry.undoNextLsn = type === RecordType.CLR ? undoNextLsn : lsn
    entry.logBytes += length
  }
}
