/**
 * END_CHECKPOINT: the transaction table and the dirty page table as of one moment, split over as many
 * records as they need. They follow BEGIN_CHECKPOINT directly, so nothing lies between the two.
 *
 * | OFFSET | SIZE  | FIELD (payload)                                                    |
 * |--------|-------|--------------------------------------------------------------------|
 * | 0      | 4     | index of this part                                                 |
 * | 4      | 4     | number of parts                                                    |
 * | 8      | 8     | next transaction id                                                |
 * | 16     | 4     | t: transactions in this part                                       |
 * | 20     | 4     | p: dirty pages in this part                                        |
 * | 24     | 48 t  | id 8, status 8, firstLsn 8, lastLsn 8, undoNextLsn 8, lastPendingLsn 8 |
 * | ...    | 12 p  | pageId 4, recLsn 8                                                 |
 */
import type { DirtyPageTable } from '../buffer/dirty-page-table.ts'
import { getU53, setU53 } from '../common/bytes.ts'
import { asLsn, asPageId, asTxnId, type Lsn, type PageId } from '../common/ids.ts'
import type { LogRecordView } from '../log/log-record.ts'
import { TransactionEntry, type TxnStatus } from './transaction-table.ts'

const HEADER_BYTES = 24
const TRANSACTION_BYTES = 48
const DIRTY_PAGE_BYTES = 12
const PART_BYTES_MAX = 4000

/** One part, decoded. */
export interface CheckpointPart {
  readonly index: number
  readonly count: number
  readonly nextTxnId: number
  readonly transactions: readonly TransactionEntry[]
  readonly dirtyPages: readonly (readonly [PageId, Lsn])[]
}

/** Encodes both tables into payloads of END_CHECKPOINT records, at least one. */
export function encodeCheckpoint(
  nextTxnId: number,
  transactions: readonly TransactionEntry[],
  dirtyPages: DirtyPageTable,
): Uint8Array[] {
  const room = PART_BYTES_MAX - HEADER_BYTES
  const transactionsPerPart = Math.floor(room / TRANSACTION_BYTES)
  const pagesPerPart = Math.floor(room / DIRTY_PAGE_BYTES)
  const withTransactions = Math.ceil(transactions.length / transactionsPerPart)
  const count = Math.max(1, withTransactions + Math.ceil(dirtyPages.count / pagesPerPart))
  return Array.from({ length: count }, (_, index) => {
    const ofPart = transactions.slice(index * transactionsPerPart, (index + 1) * transactionsPerPart)
    const from = Math.max(0, index - withTransactions) * pagesPerPart
    const to = index < withTransactions ? from : Math.min(from + pagesPerPart, dirtyPages.count)
    return encodePart({ index, count, nextTxnId, transactions: ofPart }, dirtyPages, from, to)
  })
}

/** Encodes a part with these transactions and the dirty pages [from, to). */
function encodePart(
  { index, count, nextTxnId, transactions }: Omit<CheckpointPart, 'dirtyPages'>,
  dirtyPages: DirtyPageTable,
  from: number,
  to: number,
): Uint8Array {
  const length = HEADER_BYTES + transactions.length * TRANSACTION_BYTES + (to - from) * DIRTY_PAGE_BYTES
  const view = new DataView(new ArrayBuffer(length))
  view.setUint32(0, index, true)
  view.setUint32(4, count, true)
  setU53(view, 8, nextTxnId)
  view.setUint32(16, transactions.length, true)
  view.setUint32(20, to - from, true)
  let at = HEADER_BYTES
  for (const entry of transactions) {
    const fields = [entry.id, entry.status, entry.firstLsn, entry.lastLsn, entry.undoNextLsn, entry.lastPendingLsn]
    for (const [i, field] of fields.entries()) setU53(view, at + 8 * i, field)
    at += TRANSACTION_BYTES
  }
  const { pageIds, recLsns } = dirtyPages
  for (let i = from; i < to; i++) {
    view.setUint32(at, pageIds[i] as number, true)
    setU53(view, at + 4, recLsns[i] as number)
    at += DIRTY_PAGE_BYTES
  }
  return new Uint8Array(view.buffer)
}

export function decodeCheckpointPart(record: LogRecordView): CheckpointPart {
  const { view, payloadStart: start } = record
  const transactionCount = view.getUint32(start + 16, true)
  const pageCount = view.getUint32(start + 20, true)
  let at = start + HEADER_BYTES
  const transactions = Array.from({ length: transactionCount }, () => {
    const entry = new TransactionEntry(asTxnId(getU53(view, at)))
    entry.status = getU53(view, at + 8) as TxnStatus
    entry.firstLsn = asLsn(getU53(view, at + 16))
    entry.lastLsn = asLsn(getU53(view, at + 24))
    entry.undoNextLsn = asLsn(getU53(view, at + 32))
    entry.lastPendingLsn = asLsn(getU53(view, at + 40))
    at += TRANSACTION_BYTES
    return entry
  })
  const dirtyPages = Array.from({ length: pageCount }, () => {
    const pair = [asPageId(view.getUint32(at, true)), asLsn(getU53(view, at + 4))] as const
    at += DIRTY_PAGE_BYTES
    return pair
  })
  return {
    index: view.getUint32(start, true),
    count: view.getUint32(start + 4, true),
    nextTxnId: getU53(view, start + 8),
    transactions,
    dirtyPages,
  }
}
