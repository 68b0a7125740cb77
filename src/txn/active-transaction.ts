/**
 * One open transaction below its public handle: its entry in the transaction table, its locks, its
 * savepoints and the actions that wait for its commit.
 */
import type { AriesError } from '../common/errors.ts'
import { type Lsn, NULL_LSN, type TxnId } from '../common/ids.ts'
import { type LockingTransaction, LockOwner } from '../lock/lock-owner.ts'
import { TransactionEntry, TxnStatus } from '../recovery/transaction-table.ts'

/** `stuck`: a rollback met an error; its locks stay, and `abort` may be called again. */
export type TransactionState = 'active' | 'committing' | 'rolling-back' | 'stuck' | 'committed' | 'aborted'

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

export class ActiveTransaction implements LockingTransaction {
  readonly entry: TransactionEntry
  readonly owner: LockOwner
  state: TransactionState = 'active'
  /** Why it ended without being asked to: it was a deadlock's victim, or its database was closed. */
  cause: AriesError | undefined
  readonly pending: PendingAction[] = []
  readonly startedMs: number
  #endings: (() => void)[] | undefined

  constructor(id: TxnId, startedMs: number) {
    this.entry = new TransactionEntry(id)
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

  /** Has `action` called once, when the transaction has ended; it must not throw. */
  whenEnded(action: () => void): void {
    this.#endings ??= []
    this.#endings.push(action)
  }

  /** For the transaction manager: it has ended. */
  ended(): void {
    const endings = this.#endings
    this.#endings = undefined
    for (const action of endings ?? []) action()
  }
}
