/**
 * What the operations of one transaction share: its locks and its view, the order in which they run, and what
 * each has to ask before it reads or writes.
 *
 * INVARIANTS
 * - Operations run one after the other; each asks again after a wait, since its transaction may have ended
 *   meanwhile (I9).
 * - Who reads without locks changes only what nobody else has changed since, tables included (I34).
 */
import { AriesError } from '../common/errors.ts'
import type { PageId } from '../common/ids.ts'
import { LockMode } from '../lock/lock-mode.ts'
import type { ActiveTransaction } from '../txn/active-transaction.ts'
import { checkActive } from '../txn/refusals.ts'
import { OperationQueue } from './operation-queue.ts'
import type { TransactionSettings } from './options.ts'
import type { Store } from './store.ts'
import { keyOf, type TableShape } from './table-shape.ts'
import { TransactionLocks } from './transaction-locks.ts'
import { type VersionView, viewFor } from './version-view.ts'

export class TransactionContext {
  readonly store: Store
  readonly active: ActiveTransaction
  readonly isReadOnly: boolean
  /** How the transaction reads without locks; undefined when it reads with them. */
  readonly view: VersionView | undefined
  readonly locks: TransactionLocks
  readonly queue = new OperationQueue()
  /** Whether it may be rolled back in part. */
  hasSavepoints = false

  constructor(store: Store, active: ActiveTransaction, settings: TransactionSettings) {
    const { lockTimeoutMs, isolation, readOnly } = settings
    this.store = store
    this.active = active
    this.isReadOnly = readOnly
    this.view = viewFor(store, active, readOnly && isolation === 'serializable' ? 'snapshot' : isolation)
    this.locks = new TransactionLocks(store, active, lockTimeoutMs, this.view)
  }

  /** @throws `TX_CLOSED`, `TX_PREPARED`, `DB_CLOSED` */
  checkActive(): void {
    checkActive(this.active)
  }

  /** @throws as `checkActive`, `TX_READ_ONLY` */
  checkMayWrite(): void {
    checkActive(this.active)
    if (this.isReadOnly) {
      throw new AriesError('TX_READ_ONLY', 'the transaction was begun with readOnly; begin another one to write')
    }
  }

  /**
   * The same for what is written now: on a read-only database nothing is locked for it. Also what then changes nothing
   * has looked at what may not be durable yet, so the commit has to wait for that.
   * @throws as `checkMayWrite`, `DB_READ_ONLY`, `DB_FAILED`
   */
  beginChange(): void {
    this.checkMayWrite()
    this.store.checkWritable()
    this.active.wasAskedToWrite = true
  }

  /** Checks and encodes a key. @throws as `checkActive`, `KEY_TOO_LARGE`, `INVALID_ARGUMENT` */
  keyOf<K, V>(table: TableShape<K, V>, key: K): Uint8Array {
    checkActive(this.active)
    return keyOf(table, key, this.store.keyBytesMax)
  }

  /**
   * The tree of a table that will be changed, with its name locked for that; undefined when there is none; a promise
   * when it has to be called again. Who reads at a fixed point may not change a table that somebody has made or
   * dropped since. @throws `TX_CONFLICT`
   */
  treeToChange(name: string): PageId | Promise<void> | undefined {
    const tree = this.locks.treeFor(name, LockMode.IX)
    if (tree === undefined || typeof tree === 'number') this.view?.checkTableUnchanged(name)
    return tree
  }

  /** To be called when a rollback may have undone the making of a table. */
  forgetTrees(): void {
    this.locks.forgetTrees()
    this.view?.forgetTrees()
  }

  /** Runs an operation of several steps after those that were called before. */
  inOrder<T>(operation: () => Promise<T>): Promise<T> {
    return this.queue.enqueue(async () => {
      this.checkActive()
      return operation()
    })
  }
}
