/**
 * The log record: what it is, and where each field lies.
 *
 * | OFFSET | SIZE | FIELD                                                                       |
 * |--------|------|-----------------------------------------------------------------------------|
 * | 0      | 4    | length of the record in bytes, header and payload; the next one starts at the next multiple of 8 |
 * | 4      | 4    | CRC-32 of bytes [8, length), seeded with database id, LSN and length (I31)  |
 * | 8      | 1    | type, see `RecordType`                                                      |
 * | 9      | 1    | resource manager that redoes and undoes it, see `resource-manager.ts`       |
 * | 10     | 1    | operation of that resource manager                                          |
 * | 11     | 1    | flags: bit 0 = redo-only, passed over by undo                               |
 * | 12     | 4    | pageId, 0xffffffff = none                                                   |
 * | 16     | 8    | transaction, 0 = none                                                       |
 * | 24     | 8    | prevLsn: the record before it of the same transaction, 0 = none             |
 * | 32     | 8    | CLR only: undoNextLsn                                                       |
 * | 32/40  | ...  | payload                                                                     |
 *
 * Which type has which field (Mohan et al., TODS 1992, section 4.1; y = has it):
 *
 * | type             | page | txn | prevLsn | undoNextLsn | redone | undone | payload                        |
 * |------------------|------|-----|---------|-------------|--------|--------|--------------------------------|
 * | BEGIN            |      | y   |         |             |        |        | none; optional, the engine leaves it out: the first record of a transaction begins it |
 * | UPDATE           | y    | y   | y       |             | y      | unless redo-only | the resource manager's |
 * | CLR              | y or none (dummy) | y | y | y       | y, unless dummy |  | the resource manager's         |
 * | PENDING          |      | y   | y       |             |        |        | an action to carry out after commit, and the LSN of the PENDING before it |
 * | PENDING_DONE     |      | y   | y       |             |        |        | LSN of the PENDING carried out |
 * | PREPARE          |      | y   | y       |             |        |        | as COMMIT, then what an in-doubt transaction is known by, see `prepare-record.ts` |
 * | COMMIT           |      | y   | y       |             |        |        | LSN of the last PENDING, 0 = none |
 * | ABORT            |      | y   | y       |             |        |        | none; rollback has started     |
 * | END              |      | y   | y       |             |        |        | none; nothing of it is left to do |
 * | BEGIN_CHECKPOINT |      |     |         |             |        |        | none                           |
 * | END_CHECKPOINT   |      |     |         |             |        |        | part of the two tables, see `checkpoint-record.ts` |
 * | FLUSH_MARKER     |      |     |         |             |        |        | flushedLsn when this batch was written |
 * | PADDING          |      |     |         |             |        |        | fills a segment that has no room for the next record |
 *
 * INVARIANTS: I5 (LSNs rise, prevLsn is smaller and of the same transaction), I6 (undoNextLsn is
 * smaller than the CLR's LSN).
 */
import { getU53 } from '../common/bytes.ts'
import { asLsn, asPageId, asTxnId, type Lsn, NO_PAGE, NO_TXN, type PageId, type TxnId } from '../common/ids.ts'
import type { WorkEvent } from '../common/trace.ts'

export const RecordType = {
  BEGIN: 1,
  UPDATE: 2,
  CLR: 3,
  PENDING: 4,
  PENDING_DONE: 5,
  COMMIT: 6,
  ABORT: 7,
  END: 8,
  BEGIN_CHECKPOINT: 9,
  END_CHECKPOINT: 10,
  FLUSH_MARKER: 11,
  PADDING: 12,
  PREPARE: 13,
} as const

export const RECORD_TYPE_MAX = 13

/** Names by number, for messages and tools. */
export const RECORD_TYPE_NAMES: readonly string[] = [
  'invalid',
  'begin',
  'update',
  'clr',
  'pending',
  'pending-done',
  'commit',
  'abort',
  'end',
  'begin-checkpoint',
  'end-checkpoint',
  'flush-marker',
  'padding',
  'prepare',
]

export const RECORD_HEADER_BYTES = 32
export const CLR_HEADER_BYTES = 40
export const RECORD_ALIGNMENT = 8
export const FLAG_REDO_ONLY = 1

export const LENGTH = 0
export const CRC = 4
export const TYPE = 8
export const RESOURCE = 9
export const OPERATION = 10
export const FLAGS = 11
export const PAGE_ID = 12
export const TXN_ID = 16
export const PREV_LSN = 24
export const UNDO_NEXT_LSN = 32

/** Rounds a length up to where the next record may start. */
export const alignRecord = (length: number): number => (length + RECORD_ALIGNMENT - 1) & -RECORD_ALIGNMENT

export const headerBytesOf = (type: number): number =>
  type === RecordType.CLR ? CLR_HEADER_BYTES : RECORD_HEADER_BYTES

/**
 * A view of one record in place: the header decoded, the payload left where it is. The log manager
 * and the readers reuse one view each, so a view holds only until the next call of its maker; `copy`
 * makes one that lasts.
 */
export class LogRecordView {
  lsn: Lsn = asLsn(0)
  length = 0
  type = 0
  resource = 0
  operation = 0
  flags = 0
  pageId: PageId = asPageId(0)
  txnId: TxnId = asTxnId(0)
  prevLsn: Lsn = asLsn(0)
  undoNextLsn: Lsn = asLsn(0)
  bytes: Uint8Array = EMPTY
  view: DataView = EMPTY_VIEW
  payloadStart = 0
  payloadEnd = 0

  /** Points the view at the record that starts at `offset` of `bytes`. The record must be valid. */
  set(bytes: Uint8Array, view: DataView, offset: number, lsn: Lsn): this {
    this.lsn = lsn
    this.length = view.getUint32(offset + LENGTH, true)
    this.type = view.getUint8(offset + TYPE)
    this.resource = view.getUint8(offset + RESOURCE)
    this.operation = view.getUint8(offset + OPERATION)
    this.flags = view.getUint8(offset + FLAGS)
    this.pageId = asPageId(view.getUint32(offset + PAGE_ID, true))
    this.txnId = asTxnId(getU53(view, offset + TXN_ID))
    this.prevLsn = asLsn(getU53(view, offset + PREV_LSN))
    const isClr = this.type === RecordType.CLR
    this.undoNextLsn = asLsn(isClr ? getU53(view, offset + UNDO_NEXT_LSN) : 0)
    this.bytes = bytes
    this.view = view
    this.payloadStart = offset + headerBytesOf(this.type)
    this.payloadEnd = offset + this.length
    return this
  }

  get isRedoOnly(): boolean {
    return (this.flags & FLAG_REDO_ONLY) !== 0
  }

  /** A copy with its own bytes, for callers that keep it over further reads or appends. */
  copy(): LogRecordView {
    const start = this.payloadEnd - this.length
    const bytes = this.bytes.slice(start, this.payloadEnd)
    return new LogRecordView().set(bytes, new DataView(bytes.buffer), 0, this.lsn)
  }
}

/** What the trace says of a record that was appended. */
export function appendedEvent({ lsn, type, txnId, pageId }: LogRecordView): WorkEvent {
  return {
    kind: 'appended',
    lsn,
    type: RECORD_TYPE_NAMES[type] as string,
    txnId: txnId === NO_TXN ? undefined : txnId,
    pageId: pageId === NO_PAGE ? undefined : pageId,
  }
}

const EMPTY = new Uint8Array(0)
const EMPTY_VIEW = new DataView(EMPTY.buffer)
