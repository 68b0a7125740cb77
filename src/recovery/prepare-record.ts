/**
 * PREPARE: the transaction will do nothing more by itself, and can from here on be committed and be rolled
 * back, whatever happens to the process (Mohan et al., TODS 1992, sections 5 and 6; the participant's half
 * of two-phase commit). It is the last record of its transaction until the outcome, so restart finds it at
 * the entry's lastLsn, however many checkpoints lie in between.
 *
 * | OFFSET | SIZE | FIELD (payload)                                                   |
 * |--------|------|-------------------------------------------------------------------|
 * | 0      | 8    | LSN of the last PENDING, 0 = none, as in COMMIT                    |
 * | 8      | 8    | log bytes held back for its rollback, which restart holds back again (I19) |
 * | 16     | ...  | its name, UTF-8, 1 to 255 bytes                                    |
 */
import { getU53, setU53 } from '../common/bytes.ts'
import { type Lsn, NULL_LSN } from '../common/ids.ts'
import { type LogRecordView, RecordType } from '../log/log-record.ts'
import { type PageWriter, RESERVE_TRANSACTION_BYTES } from './page-writer.ts'
import { type TransactionEntry, TxnStatus } from './transaction-table.ts'

const RESERVED_BYTES = 8
const NAME = 16
const NAME_BYTES_MAX = 255

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Whether a name can be prepared under: it has a length that fits, and the log gives it back as it was. */
export function isTransactionName(name: string): boolean {
  const bytes = encoder.encode(name)
  return bytes.length > 0 && bytes.length <= NAME_BYTES_MAX && decoder.decode(bytes) === name
}

/**
 * Appends PREPARE. A transaction that has changed nothing is in the log from here on too, and so it has to
 * have room for its end. @throws `DISK_FULL`; nothing has happened then
 */
export function logPrepare(writer: PageWriter, entry: TransactionEntry, name: string): Lsn {
  const nameBytes = encoder.encode(name)
  const payloadBytes = NAME + nameBytes.length
  const reserve = entry.reservedBytes === 0 ? RESERVE_TRANSACTION_BYTES : 0
  writer.log.reserve(reserve, payloadBytes)
  entry.reservedBytes += reserve
  const at = writer.append(entry, RecordType.PREPARE, NULL_LSN, payloadBytes)
  setU53(writer.log.view, at, entry.lastPendingLsn)
  setU53(writer.log.view, at + RESERVED_BYTES, entry.reservedBytes)
  writer.log.bytes.set(nameBytes, at + NAME)
  entry.status = TxnStatus.PREPARED
  return writer.finish()
}

/** What PREPARE says. */
export interface PrepareRecord {
  readonly name: string
  readonly reservedBytes: number
}

export function decodePrepare(record: LogRecordView): PrepareRecord {
  const { bytes, view, payloadStart, payloadEnd } = record
  return {
    name: decoder.decode(bytes.subarray(payloadStart + NAME, payloadEnd)),
    reservedBytes: getU53(view, payloadStart + RESERVED_BYTES),
  }
}
