/**
 * The transaction table: what the log still has to do with each transaction that has written and has
 * no END yet (Mohan et al., TODS 1992, section 4.3). A transaction that only reads is not in it.
 */
import { type Lsn, NULL_LSN, type TxnId } from '../common/ids.ts'
import { type Linked, LinkedList } from '../common/linked-list.ts'
import type { TracedTransaction } from '../common/trace.ts'

/** Numbers are on disk, in the checkpoint's tables. */
export const TxnStatus = { RUNNING: 1, COMMITTING: 2, ABORTING: 3, PREPARED: 4 } as const
export type TxnStatus = (typeof TxnStatus)[keyof typeof TxnStatus]

/** Names by number, for messages, reports and tools. */
export const TXN_STATUS_NAMES: readonly string[] = ['none', 'running', 'committing', 'aborting', 'prepared']

/** How far a transaction with each status has come: from running over prepared to its outcome. */
const STAGES: readonly number[] = [0, 1, 3, 3, 2]

/** Whether a transaction with status `a` has come further than one with status `b`. */
export function isFurther(a: TxnStatus, b: TxnStatus): boolean {
  return (STAGES[a] as number) > (STAGES[b] as number)
}

/** One transaction as the log sees it. */
export class TransactionEntry implements Linked<TransactionEntry> {
  readonly id: TxnId
  status: TxnStatus = TxnStatus.RUNNING
  /** Its first record; nothing at or above it is recycled while it is active (I12). */
  firstLsn: Lsn = NULL_LSN
  /** Its last record: the prevLsn of its next one. */
  lastLsn: Lsn = NULL_LSN
  /** The next record that undo has to look at. */
  undoNextLsn: Lsn = NULL_LSN
  /** The last PENDING record that has not been rolled back: head of the chain that COMMIT names. */
  lastPendingLsn: Lsn = NULL_LSN
  /** Bytes it has written to the log: what a deadlock victim would lose. */
  logBytes = 0
  /** Log bytes held back so that its rollback has room (I19). */
  reservedBytes = 0
  previous: TransactionEntry | undefined = undefined
  next: TransactionEntry | undefined = undefined

  constructor(id: TxnId) {
    this.id = id
  }
}

/** The row of a transaction as the trace shows it. */
export function tracedTransaction({ id, status, lastLsn, undoNextLsn }: TransactionEntry): TracedTransaction {
  return { txnId: id, status: TXN_STATUS_NAMES[status] as string, lastLsn, undoNextLsn }
}

/** All transactions that have written and not ended. */
export class TransactionTable {
  readonly #entries = new LinkedList<TransactionEntry>()

  get size(): number {
    return this.#entries.size
  }

  get(id: TxnId): TransactionEntry | undefined {
    for (const entry of this.#entries) if (entry.id === id) return entry
    return undefined
  }

  add(entry: TransactionEntry): void {
    this.#entries.add(entry)
  }

  remove(entry: TransactionEntry): void {
    this.#entries.remove(entry)
  }

  [Symbol.iterator](): IterableIterator<TransactionEntry> {
    return this.#entries[Symbol.iterator]()
  }

  /** The entry with the oldest first record, which bounds what may be recycled (I12). */
  oldest(): TransactionEntry | undefined {
    let oldest: TransactionEntry | undefined
    for (const entry of this.#entries) {
      if (entry.firstLsn !== NULL_LSN && (oldest === undefined || entry.firstLsn < oldest.firstLsn)) oldest = entry
    }
    return oldest
  }
}
