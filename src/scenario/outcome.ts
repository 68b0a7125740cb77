/**
 * What a whole log says of each transaction: committed or rolled back, and which records have been
 * compensated. It is worked out from the records alone, so it checks restart from outside.
 */
import { type Lsn, NO_TXN, NULL_LSN, type TxnId } from '../common/ids.ts'
import { type LogRecordView, RecordType } from '../log/log-record.ts'

export interface Outcome {
  readonly committed: readonly TxnId[]
  readonly rolledBack: readonly TxnId[]
  /** Records that were undone, with the undoNextLsn of their CLR, in log order. */
  readonly compensated: readonly { readonly undoes: Lsn; readonly undoNextLsn: Lsn }[]
}

/** Reads the outcome off the records of a log. */
export function outcomeOf(records: readonly LogRecordView[]): Outcome {
  const byLsn = new Map(records.map((record) => [record.lsn, record]))
  const committed = new Set<TxnId>()
  const rolledBack = new Set<TxnId>()
  const compensated: { undoes: Lsn; undoNextLsn: Lsn }[] = []
  for (const record of records) {
    const { txnId, type } = record
    if (txnId === NO_TXN) continue
    if (type === RecordType.COMMIT) committed.add(txnId)
    if (type === RecordType.END && !committed.has(txnId)) {
      // An END over changes that stand is a commit (the ARIES paper's, of a prepared transaction).
      if (nextToUndo(byLsn, record.prevLsn) === undefined) rolledBack.add(txnId)
      else committed.add(txnId)
    }
    if (type === RecordType.CLR) {
      const undone = nextToUndo(byLsn, record.prevLsn)
      // A CLR that leads elsewhere than past the next record to undo closes a nested top action.
      if (undone !== undefined && undone.prevLsn === record.undoNextLsn && undone.pageId === record.pageId) {
        compensated.push({ undoes: undone.lsn, undoNextLsn: record.undoNextLsn })
      }
    }
  }
  return { committed: [...committed], rolledBack: [...rolledBack], compensated }
}

/** The next update that a rollback would undo which starts at the record `lsn`. */
function nextToUndo(byLsn: ReadonlyMap<Lsn, LogRecordView>, lsn: Lsn): LogRecordView | undefined {
  for (let at = lsn; at !== NULL_LSN; ) {
    const record = byLsn.get(at)
    if (record === undefined || (record.type === RecordType.UPDATE && !record.isRedoOnly)) return record
    at = record.type === RecordType.CLR ? record.undoNextLsn : record.prevLsn
  }
  return undefined
}
