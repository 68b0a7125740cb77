/**
 * The analysis pass (Mohan et al., TODS 1992, section 6.1, figure 10): from the last complete
 * checkpoint to the end of the log it rebuilds the two tables as of the crash.
 *
 *   - a record of a transaction: it is in the transaction table, with this as its lastLsn
 *   - a record of a page: the page is in the dirty page table; the first such LSN is its recLsn
 *   - PREPARE, COMMIT, ABORT: the status advances; END: the transaction leaves the table
 *   - END_CHECKPOINT: the checkpoint's tables are merged in. Its recLsn of a page is what the engine
 *     knew and wins, older or, of a page written meanwhile, newer; of a transaction the larger lastLsn
 *     and the more advanced status win; a transaction that ended in between stays out. That is the
 *     checkpoint that analysis begins with. What a later one knew of pages that had been written does not
 *     count: the data file has not seen it, and may be older than it (I39).
 *
 * The dirty page table may name pages that had reached the disk: that costs a page read, never
 * correctness (I11).
 */
import { assert } from '../common/assert.ts'
import { getU53 } from '../common/bytes.ts'
import { AriesError } from '../common/errors.ts'
import { asLsn, type Lsn, NO_PAGE, NO_TXN, NULL_LSN, type PageId, type TxnId } from '../common/ids.ts'
import type { Trace, TraceEvent } from '../common/trace.ts'
import { flushedLsnOf, type LogReader } from '../log/log-reader.ts'
import { type LogRecordView, RECORD_TYPE_NAMES, RecordType } from '../log/log-record.ts'
import { segmentName } from '../log/segment.ts'
import { type CheckpointPart, decodeCheckpointPart } from './checkpoint-record.ts'
import { isFurther, TransactionEntry, TxnStatus, tracedTransaction } from './transaction-table.ts'

/** What the analysis pass found. */
export interface Analysis {
  readonly startLsn: Lsn
  /** Where the log ends: the LSN of the first invalid record. */
  readonly endLsn: Lsn
  /** The end of the checkpoint at `startLsn`: when it is `endLsn` too, nothing has happened since. */
  readonly checkpointEndLsn: Lsn
  /** Where the last flush marker says that the log had been durable; NULL_LSN when there is none. */
  readonly provenLsn: Lsn
  readonly records: number
  readonly transactions: Map<TxnId, TransactionEntry>
  readonly dirtyPages: Map<PageId, Lsn>
  readonly nextTxnId: number
}

/**
 * Scans from `startLsn`, a BEGIN_CHECKPOINT or the start of the log.
 * @throws `LOG_CORRUPT`, `LOG_FOREIGN`, `FORMAT_UNSUPPORTED`, `IO_ERROR`
 */
export function analyse(
  reader: LogReader,
  startLsn: Lsn,
  onRecord?: (record: LogRecordView) => void,
  trace?: Trace,
): Analysis {
  const tables = new Tables(startLsn)
  let records = 0
  let checkpointEndLsn = startLsn
  let provenLsn = NULL_LSN
  reader.seek(startLsn)
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    const { type } = record
    const continuesCheckpoint = type === RecordType.BEGIN_CHECKPOINT || type === RecordType.END_CHECKPOINT
    if (type === RecordType.FLUSH_MARKER) provenLsn = flushedLsnOf(record)
    if (continuesCheckpoint && tables.isEmptyOfWork) checkpointEndLsn = reader.position
    records++
    if (trace === undefined) tables.take(record)
    else trace(tables.takeTraced(record))
    onRecord?.(record)
  }
  const { transactions, dirtyPages, nextTxnId } = tables
  const endLsn = reader.position
  return { startLsn, endLsn, checkpointEndLsn, provenLsn, records, transactions, dirtyPages, nextTxnId }
}

/**
 * Decides whether the log really ends at `endLsn`. It does not when something proves that the log had
 * been durable beyond it: the master record or the data file, which say so with `provenEndLsn`, or a later flush marker.
 * @throws `LOG_CORRUPT` with file and LSN range
 */
export function checkLogEnd(reader: LogReader, endLsn: Lsn, provenEndLsn: Lsn, segmentBytes: number): void {
  const file = segmentName(Math.floor(endLsn / segmentBytes))
  const proof = endLsn < provenEndLsn ? provenEndLsn : reader.findProofBehind(endLsn)?.durableLsn
  if (proof === undefined) return
  throw new AriesError(
    'LOG_CORRUPT',
    `${file} has no valid record at LSN ${endLsn}, although the log was durable up to LSN ${proof}; nothing was changed; restore all files from one backup`,
    { file, lsn: endLsn, endLsn: proof, offset: endLsn % segmentBytes },
  )
}

class Tables {
  readonly transactions = new Map<TxnId, TransactionEntry>()
  readonly dirtyPages = new Map<PageId, Lsn>()
  nextTxnId = 1
  /** Whether only records of checkpoints have been seen. */
  isEmptyOfWork = true
  /**
   * Those that have ended since the checkpoint at the start began and before all of its tables were seen, which may have
   * them still. In the end of the log there may be more than a `Set` takes.
   */
  readonly #ended = new Set<TxnId>()
  #isMerged = false
  readonly #startLsn: Lsn
  #checkpointLsn: Lsn = NULL_LSN

  constructor(startLsn: Lsn) {
    this.#startLsn = startLsn
  }

  take(record: LogRecordView): void {
    if (record.type === RecordType.BEGIN_CHECKPOINT) this.#checkpointLsn = record.lsn
    const part = this.#partOf(record)
    if (part !== undefined) this.#mergeCheckpoint(part)
    if (record.txnId !== NO_TXN) this.#takeTransaction(record)
    if (record.pageId !== NO_PAGE && !this.dirtyPages.has(record.pageId)) {
      this.dirtyPages.set(record.pageId, record.lsn)
    }
  }

  /** Takes the record and tells what it has changed in the tables. */
  takeTraced(record: LogRecordView): TraceEvent {
    const { lsn, type, txnId, pageId } = record
    const isNewPage = pageId !== NO_PAGE && !this.dirtyPages.has(pageId)
    this.take(record)
    const merged = this.#partOf(record)
    const ids = [...(merged?.transactions.map(({ id }) => id) ?? []), ...(txnId === NO_TXN ? [] : [txnId])]
    const pages = [...(merged?.dirtyPages.map(([id]) => id) ?? []), ...(isNewPage ? [pageId] : [])]
    return {
      kind: 'analysed',
      lsn,
      type: RECORD_TYPE_NAMES[type] as string,
      transactions: ids.flatMap((id) => this.transactions.get(id) ?? []).map(tracedTransaction),
      ended: type === RecordType.END ? txnId : undefined,
      dirtyPages: pages.map((id) => ({ pageId: id, recLsn: this.dirtyPages.get(id) as Lsn })),
    }
  }

  /** What a part of the checkpoint at the start knew; undefined for other records. */
  #partOf(record: LogRecordView): CheckpointPart | undefined {
    return record.type === RecordType.END_CHECKPOINT && this.#isInCheckpoint ? decodeCheckpointPart(record) : undefined
  }

  /** Whether the last checkpoint to begin was that at the start, whose tables count. */
  get #isInCheckpoint(): boolean {
    return this.#checkpointLsn === this.#startLsn
  }

  #takeTransaction(record: LogRecordView): void {
    const { txnId, lsn } = record
    this.isEmptyOfWork = false
    this.nextTxnId = Math.max(this.nextTxnId, txnId + 1)
    if (record.type === RecordType.END) {
      this.transactions.delete(txnId)
      if (this.#isInCheckpoint && !this.#isMerged) this.#ended.add(txnId)
      return
    }
    let entry = this.transactions.get(txnId)
    if (entry === undefined) {
      entry = new TransactionEntry(txnId)
      entry.firstLsn = lsn
      this.transactions.set(txnId, entry)
    }
    entry.lastLsn = lsn
    entry.undoNextLsn = record.type === RecordType.CLR ? record.undoNextLsn : lsn
    if (record.type === RecordType.COMMIT || record.type === RecordType.PREPARE) {
      entry.status = record.type === RecordType.COMMIT ? TxnStatus.COMMITTING : TxnStatus.PREPARED
      entry.lastPendingLsn = pendingLsnOf(record)
    } else if (record.type === RecordType.ABORT) {
      entry.status = TxnStatus.ABORTING
    }
  }

  #mergeCheckpoint(part: CheckpointPart): void {
    this.nextTxnId = Math.max(this.nextTxnId, part.nextTxnId)
    for (const saved of part.transactions) {
      if (!this.#ended.has(saved.id)) this.#mergeTransaction(saved)
    }
    for (const [pageId, recLsn] of part.dirtyPages) this.dirtyPages.set(pageId, recLsn)
    if (part.index < part.count - 1) return
    this.#isMerged = true
    this.#ended.clear()
  }

  #mergeTransaction(saved: TransactionEntry): void {
    const entry = this.transactions.get(saved.id)
    if (entry === undefined) {
      this.transactions.set(saved.id, saved)
      return
    }
    assert(saved.firstLsn <= entry.firstLsn || saved.firstLsn === NULL_LSN, 'a checkpoint knows the older firstLsn')
    if (saved.firstLsn !== NULL_LSN) entry.firstLsn = saved.firstLsn
    if (saved.lastLsn > entry.lastLsn) {
      entry.lastLsn = saved.lastLsn
      entry.undoNextLsn = saved.undoNextLsn
    }
    if (isFurther(saved.status, entry.status)) entry.status = saved.status
    if (entry.lastPendingLsn === NULL_LSN) entry.lastPendingLsn = saved.lastPendingLsn
  }
}

/** The LSN of the PENDING record that a COMMIT, a PREPARE or a PENDING record links to, 0 = none. */
export function pendingLsnOf(record: LogRecordView): Lsn {
  return asLsn(getU53(record.view, record.payloadStart))
}
