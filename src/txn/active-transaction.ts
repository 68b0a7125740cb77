/**
 * One open transaction below its public handle: its entry in the transaction table, its locks, its
 * savepoints and the actions that wait for its commit.
 */
import type { AriesError } from '../common/errors.ts'
import { type Lsn, NULL_LSN, type TxnId } from '../common/ids.ts'
import type { Linked } from '../common/linked-list.ts'
import { type LockingTransaction, LockOwner } from '../lock/lock-owner.ts'
import { type TransactionEntry, TxnStatus } from '../recovery/transaction-table.ts'

/**
 * `preparing`: its PREPARE is not durable yet. `stuck`: a rollback met an error; its locks stay, and
 * `abort` may be called again.
 */
export type TransactionState =
  | 'active'
  | 'preparing'
  | 'prepared'
  | 'committing'
  | 'rolling-back'
  | 'stuck'
  | 'committed'
  | 'aborted'

/** What a prepared transaction is known by, also to a later process. */
export interface PreparedAs {
  readonly name: string
  /** Where its PREPARE is in the log. */
  readonly lsn: Lsn
}

/** An action to carry out after commit, and the PENDING record that holds it. */
export interface PendingAction {
  readonly lsn: Lsn
  readonly payload: Uint8Array
}

/** A point of a transaction that it can be rolled back to, through CLRs. */
export interface SavepointMark {
  readonly lsn: Lsn
  readonly pendingCount: number
}

export class ActiveTransaction implements LockingTransaction, Linked<ActiveTransaction> {
  readonly entry: TransactionEntry
  readonly owner: LockOwner
  state: TransactionState = 'active'
  /** Why it ended without having asked: it was a deadlock's victim or cancelled, or its database was closed. */
  cause: AriesError | undefined
  /** Once it commits: the record that has to be durable for that, its COMMIT or that of another. */
  commitLsn: Lsn = NULL_LSN
  /** Set once it is prepared, or being prepared. */
  preparedAs: PreparedAs | undefined
  /** The rollback that it has not asked for. */
  forcedRollback: Promise<void> | undefined
  /** Whether it was to change something, also if that was as it should be already and nothing was logged. */
  wasAskedToWrite = false
  /** How often its work has been begun. */
  attempt = 1
  readonly pending: PendingAction[]
  readonly startedMs: number
  previous: ActiveTransaction | undefined = undefined
  next: ActiveTransaction | undefined = undefined
  #endings: Set<() => void> | undefined

  /** `entry` is new, or that of a prepared transaction that restart has found, with its `pending` actions. */
  constructor(entry: TransactionEntry, startedMs: number, pending: PendingAction[] = []) {
    this.entry = entry
    this.pending = pending
    this.owner = new LockOwner(this)
    this.startedMs = startedMs
  }

  get txnId(): TxnId {
    return this.entry.id
  }

  get logBytes(): number {
    return this.entry.logBytes
  }

  get isRollingBack(): boolean {
    return this.entry.status === TxnStatus.ABORTING || this.state === 'rolling-back'
  }

  get hasWritten(): boolean {
    return this.entry.lastLsn !== NULL_LSN
  }

  /** Has `action` called once, when the transaction has ended or is prepared; it must not throw. */
  whenEnded(action: () => void): void {
    this.#endings ??= new Set()
    this.#endings.add(action)
  }

  /** What `action` was to do has been done: it is not called any more. */
  forgetEnding(action: () => void): void {
    this.#endings?.delete(action)
  }

  /** For the transaction manager: it has ended, or is prepared. */
  ended(): void {
    const endings = this.#endings
    this.#endings = undefined
    for (const action of endings ?? []) action()
  }
}
