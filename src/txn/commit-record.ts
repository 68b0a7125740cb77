/**
 * The COMMIT record. It is the decision: what is behind it in the log is not of this transaction but for PENDING_DONE
 * and END (I9).
 *
 * | OFFSET | SIZE | FIELD                                                              |
 * |--------|------|--------------------------------------------------------------------|
 * | 0      | 8    | LSN of the last PENDING, 0 when nothing is to be done after commit |
 */
import { setU53 } from '../common/bytes.ts'
import { type Lsn, NULL_LSN } from '../common/ids.ts'
import { RecordType } from '../log/log-record.ts'
import type { PageWriter } from '../recovery/page-writer.ts'
import { type TransactionEntry, TxnStatus } from '../recovery/transaction-table.ts'

export const COMMIT_PAYLOAD_BYTES = 8

/** Appends the COMMIT of a transaction that has logged something, for which there is room; its LSN. */
export function logCommit(writer: PageWriter, entry: TransactionEntry): Lsn {
  const at = writer.append(entry, RecordType.COMMIT, NULL_LSN, COMMIT_PAYLOAD_BYTES)
  setU53(writer.log.view, at, entry.lastPendingLsn)
  entry.status = TxnStatus.COMMITTING
  return writer.finish()
}
