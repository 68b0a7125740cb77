/** A log record for people and for programs. */
import { describeTree } from '../btree/describe.ts'
import { decodePending, PendingKind } from '../btree/pending.ts'
import { NO_PAGE, NO_TXN, NULL_LSN } from '../common/ids.ts'
import { printableKey } from '../common/text.ts'
import { flushedLsnOf } from '../log/log-reader.ts'
import { type LogRecordView, RECORD_TYPE_NAMES, RecordType } from '../log/log-record.ts'
import { ResourceId } from '../log/resource-manager.ts'
import { pendingLsnOf } from '../recovery/analysis.ts'
import { decodeCheckpointPart } from '../recovery/checkpoint-record.ts'
import { decodePrepare } from '../recovery/prepare-record.ts'
import { describeSpace } from '../space/space-log.ts'
import { counted } from './numbers.ts'

export interface ShownRecord {
  readonly lsn: number
  /** In bytes, with its header. */
  readonly length: number
  readonly type: string
  readonly txn: number | null
  readonly prevLsn: number | null
  readonly page: number | null
  /** Of a CLR; null when nothing is left to undo. Other records have none. */
  readonly undoNextLsn?: number | null
  /** Undo passes over it. */
  readonly redoOnly?: true
  readonly description: string
}

export function shownRecord(record: LogRecordView): ShownRecord {
  return {
    lsn: record.lsn,
    length: record.length,
    type: typeNameOf(record),
    txn: record.txnId === NO_TXN ? null : record.txnId,
    prevLsn: lsnOrNull(record.prevLsn),
    page: record.pageId === NO_PAGE || !hasPage(record) ? null : record.pageId,
    ...(record.type === RecordType.CLR ? { undoNextLsn: lsnOrNull(record.undoNextLsn) } : {}),
    ...(record.isRedoOnly ? { redoOnly: true as const } : {}),
    description: describeRecord(record),
  }
}

export const typeNameOf = (record: LogRecordView): string => RECORD_TYPE_NAMES[record.type] ?? `type ${record.type}`

const lsnOrNull = (lsn: number): number | null => (lsn === NULL_LSN ? null : lsn)

const hasPage = ({ type }: LogRecordView): boolean => type === RecordType.UPDATE || type === RecordType.CLR

/** One line that says what the record is about. */
export function describeRecord(record: LogRecordView): string {
  switch (record.type) {
    case RecordType.UPDATE:
      return `${describeChange(record)}${record.isRedoOnly ? ' (redo-only)' : ''}`
    case RecordType.CLR:
      return record.pageId === NO_PAGE ? 'closes a nested top action' : describeChange(record)
    case RecordType.PENDING:
      return describePending(record)
    case RecordType.PENDING_DONE:
      return `carried out what PENDING at LSN ${pendingLsnOf(record)} asked for`
    case RecordType.PREPARE:
      return `in doubt from here on, as ${printableKey(new TextEncoder().encode(decodePrepare(record).name))}`
    case RecordType.COMMIT: {
      const pendingLsn = pendingLsnOf(record)
      return pendingLsn === NULL_LSN ? '' : `pending actions from LSN ${pendingLsn} back`
    }
    case RecordType.ABORT:
      return 'rollback begins'
    case RecordType.END_CHECKPOINT: {
      const { index, count, transactions, dirtyPages } = decodeCheckpointPart(record)
      const part = count === 1 ? '' : `part ${index + 1} of ${count}: `
      return `${part}${counted(transactions.length, 'transaction')}, ${counted(dirtyPages.length, 'dirty page')}`
    }
    case RecordType.FLUSH_MARKER:
      return `durable up to LSN ${flushedLsnOf(record)}`
    default:
      return ''
  }
}

function describeChange(record: LogRecordView): string {
  switch (record.resource) {
    case ResourceId.BTREE:
      return describeTree(record)
    case ResourceId.SPACE:
      return describeSpace(record)
    default:
      return `operation ${record.operation} of resource manager ${record.resource}`
  }
}

const LINK_BYTES = 8

function describePending(record: LogRecordView): string {
  const { kind, pageId } = decodePending(record.bytes.subarray(record.payloadStart + LINK_BYTES, record.payloadEnd))
  switch (kind) {
    case PendingKind.FREE_CHAIN:
      return `after commit: free the overflow chain at page ${pageId}`
    case PendingKind.FREE_TREE:
      return `after commit: free the tree at page ${pageId}`
    default:
      return `after commit: action ${kind} on page ${pageId}`
  }
}
