/**
 * The transaction handle: what a user holds. Operations of one transaction run one after the other, in the
 * order they were called; those of different transactions interleave at every `await`.
 *
 * An operation that needs no wait is done when its call returns, and its promise is resolved already.
 * When a lock must be waited for, later operations of this transaction queue behind it, and the operation
 * begins again from the top afterwards.
 *
 * Reading and writing one row, and the end of a transaction, are here. What takes more than a row is beside it:
 * `transaction-ranges.ts`, `transaction-tables.ts` and `put-many.ts`. What they share is in `transaction-context.ts`.
 */

import { AriesError } from '../common/errors.ts'
import { invalid } from '../common/options.ts'
import { LockMode } from '../lock/lock-mode.ts'
import type { ActiveTransaction, SavepointMark } from '../txn/active-transaction.ts'
import { checkMayAbort, checkMayEnd, isUnended } from '../txn/refusals.ts'
import type { Durability } from '../txn/transaction-manager.ts'
import type { Entries } from './entries.ts'
import {
  type CommitOptions,
  checkCommitOptions,
  checkGetOptions,
  durabilityOf,
  type GetOptions,
  type TransactionSettings,
} from './options.ts'
import { putMany } from './put-many.ts'
import type { RangeOptions } from './range.ts'
import type { Store } from './store.ts'
import { decodedValue, encodedValue, type TableShape } from './table-shape.ts'
import { TransactionContext } from './transaction-context.ts'
import { clearRange, countRange, entriesOfRange } from './transaction-ranges.ts'
import { createTable, dropTable, tablesIn } from './transaction-tables.ts'

/** A point a transaction can be rolled back to. Valid until its transaction ends or is rolled back before it. */
export class Savepoint {
  /** @internal */
  readonly mark: SavepointMark
  constructor(mark: SavepointMark) {
    this.mark = mark
  }
}

const DONE: Promise<void> = Promise.resolve()

export class Transaction {
  readonly #context: TransactionContext
  readonly #durability: Durability
  /** Those it can be rolled back to; most transactions have none. */
  #savepoints: Savepoint[] | undefined

  /** @internal Made by `Database.begin`. */
  constructor(store: Store, active: ActiveTransaction, settings: TransactionSettings) {
    this.#context = new TransactionContext(store, active, settings)
    this.#durability = settings.durability
  }

  /** Its number, as it appears in errors and in the log. */
  get id(): number {
    return this.#context.active.txnId
  }

  /** Whether it can still be used: it has neither ended nor been prepared. */
  get isActive(): boolean {
    return this.#context.active.state === 'active'
  }

  /**
   * The value under `key`, or undefined. At `serializable` it holds a shared lock on the key, present or not,
   * until the transaction ends; with `forUpdate`, at every level, an exclusive one; else none.
   * @throws `TX_DEADLOCK`, `TX_LOCK_TIMEOUT`; `TX_CANCELLED` when the signal aborts while it waits; `SNAPSHOT_TOO_OLD`;
   *   with `forUpdate` `TX_CONFLICT`, `TX_READ_ONLY`; `TX_CLOSED`, after a rollback that nobody asked for with its
   *   reason as `cause`; `TX_PREPARED`; `KEY_TOO_LARGE`, `INVALID_ARGUMENT`, `DECODE_FAILED`; `PAGE_CORRUPT`,
   *   `PAGE_LSN_BEYOND_LOG`, `POOL_EXHAUSTED`, `IO_ERROR`; `DB_CLOSED`, `DB_FAILED`
   */
  get<K, V>(table: TableShape<K, V>, key: K, options?: GetOptions): Promise<V | undefined> {
    const mode = options?.forUpdate === true ? LockMode.X : LockMode.S
    const context = this.#context
    try {
      if (options !== undefined) checkGetOptions(options)
      const bytes = context.keyOf(table, key)
      if (context.queue.isBusy) return context.queue.enqueueWith(bytes, (own) => this.#get(table, own, mode))
      return this.#get(table, bytes, mode)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #get<K, V>(table: TableShape<K, V>, bytes: Uint8Array, mode: LockMode): Promise<V | undefined> {
    const context = this.#context
    const { store, view, locks, queue } = context
    try {
      context.checkActive()
      if (mode === LockMode.X) context.checkMayWrite()
      else if (view !== undefined) return this.#told(view.read(table, bytes))
      const isRead = mode === LockMode.S
      const tree = isRead ? locks.treeFor(table.name, LockMode.IS) : context.treeToChange(table.name)
      if (tree === undefined) return this.#told(undefined)
      if (typeof tree !== 'number') return queue.repeatWith(bytes, tree, (own) => this.#get(table, own, mode))
      const wait = locks.lock(tree, bytes, mode)
      if (wait !== undefined) return queue.repeatWith(bytes, wait, (own) => this.#get(table, own, mode))
      view?.checkMayChange(tree, bytes)
      const value = store.btree.get(tree, bytes, 0, bytes.length)
      return this.#told(value === undefined ? undefined : decodedValue(table, bytes, value))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** What an operation that never had to wait has found; now and then a turn later, so that timers and input come to run. */
  #told<T>(found: T, pause = this.#context.store.transactions.giveWay()): Promise<T> {
    return pause === undefined ? Promise.resolve(found) : pause.then(() => found)
  }

  /**
   * Stores `value` under `key`. Makes the table when it does not exist. Until it resolves, neither may be changed.
   * @throws `TX_CONFLICT`, `TX_READ_ONLY`, `DB_READ_ONLY`, `VALUE_TOO_LARGE`, `DISK_FULL`, else as `get`
   */
  put<K, V>(table: TableShape<K, V>, key: K, value: V): Promise<void> {
    const { queue } = this.#context
    if (queue.isBusy) return queue.enqueue(() => this.#put(table, key, value))
    return this.#put(table, key, value)
  }

  #put<K, V>(table: TableShape<K, V>, key: K, value: V): Promise<void> {
    const context = this.#context
    const { store, view, locks, queue } = context
    try {
      const bytes = context.keyOf(table, key)
      context.beginChange()
      const content = encodedValue(table, value)
      const tree = locks.treeForPut(table.name)
      if (typeof tree !== 'number') {
        if (tree === undefined) return this.#putIntoNewTable(table.name, bytes, content)
        return queue.waitAndRepeat(tree, () => this.#put(table, key, value))
      }
      const wait = locks.lockForPut(tree, bytes, view === undefined)
      if (wait !== undefined) return queue.waitAndRepeat(wait, () => this.#put(table, key, value))
      if (view !== undefined) {
        view.checkTableUnchanged(table.name)
        view.checkMayChange(tree, bytes)
      }
      store.put(context.active, tree, bytes, content)
      return store.giveWay() ?? DONE
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Makes a table, whose name is locked exclusively, with its first row: both, or, when it fails, neither. The lock
   * of the name covers the row.
   */
  #putIntoNewTable(name: string, key: Uint8Array, value: Uint8Array): Promise<void> {
    const { store, active, locks } = this.#context
    const mark = store.transactions.savepoint(active)
    try {
      store.put(active, locks.create(name), key, value)
    } catch (error) {
      this.#context.forgetTrees()
      store.transactions.undoOperation(active, mark)
      throw error
    }
    return store.giveWay() ?? DONE
  }

  /**
   * Stores all of `entries`, as if each were put in the order given, in one operation: all of them, or, when it
   * fails, none. It sorts them and logs the new rows of a page together, so many at once cost much less each
   * than one by one. `entries` is gone through once, not faster than it is stored; keys and values are
   * copied as they come.
   * @throws as `put`, and what `entries` throws
   */
  putMany<K, V>(table: TableShape<K, V>, entries: Iterable<readonly [K, V]>): Promise<void> {
    return this.#context.inOrder(() => putMany(this.#context, table, entries))
  }

  /**
   * Removes `key`; whether it was there.
   * @throws as `put`
   */
  delete<K, V>(table: TableShape<K, V>, key: K): Promise<boolean> {
    const context = this.#context
    try {
      const bytes = context.keyOf(table, key)
      if (context.queue.isBusy) return context.queue.enqueueWith(bytes, (own) => this.#delete(table.name, own))
      return this.#delete(table.name, bytes)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #delete(name: string, bytes: Uint8Array): Promise<boolean> {
    const context = this.#context
    const { store, view, locks, queue } = context
    try {
      context.beginChange()
      const tree = context.treeToChange(name)
      if (tree === undefined) return this.#told(false)
      if (typeof tree !== 'number') return queue.repeatWith(bytes, tree, (own) => this.#delete(name, own))
      const wait = locks.lock(tree, bytes, LockMode.X)
      if (wait !== undefined) return queue.repeatWith(bytes, wait, (own) => this.#delete(name, own))
      view?.checkMayChange(tree, bytes)
      const wasThere = store.delete(context.active, tree, bytes)
      return this.#told(wasThere, store.giveWay())
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * The entries of a range in key order. At `serializable`, and with `forUpdate`, each is locked when it is
   * reached, and so is the gap before it: what has been passed stays as it was seen, and nothing is inserted
   * into it. Use it before the transaction ends: afterwards it throws `TX_CLOSED`. A wrong range is refused
   * at the call.
   * @throws as `get`
   */
  range<K, V>(table: TableShape<K, V>, options: RangeOptions<K> = {}): Entries<K, V> {
    return entriesOfRange(this.#context, table, options)
  }

  /** How many keys lie in the range; they are locked like those of `range`, also with `forUpdate`. @throws as `get` */
  async count<K, V>(table: TableShape<K, V>, options: RangeOptions<K> = {}): Promise<number> {
    return countRange(this.#context, table, options)
  }

  /** Removes all keys in the range, or, when it fails, none; how many there were. @throws as `put` */
  async clear<K, V>(table: TableShape<K, V>, options: RangeOptions<K> = {}): Promise<number> {
    return clearRange(this.#context, table, options)
  }

  /** Makes a table. @throws `TABLE_EXISTS`, else as `put` */
  async createTable<K, V>(table: TableShape<K, V>): Promise<void> {
    await this.#context.inOrder(() => createTable(this.#context, table))
    await this.#context.store.giveWay()
  }

  /**
   * Removes a table with all it holds; its pages are freed once the transaction has committed. Waits for
   * everyone who uses the table.
   * @throws `TABLE_NOT_FOUND`, else as `put`
   */
  async dropTable<K, V>(table: TableShape<K, V>): Promise<void> {
    await this.#context.inOrder(() => dropTable(this.#context, table))
    await this.#context.store.giveWay()
  }

  /** The names of the tables as this transaction sees them, sorted. @throws as `get` */
  async tables(): Promise<string[]> {
    return this.#context.inOrder(() => tablesIn(this.#context))
  }

  /** Marks a point that `rollbackTo` returns to. @throws `TX_CLOSED`, `TX_PREPARED`, `DB_CLOSED` */
  async savepoint(): Promise<Savepoint> {
    const { store, active } = this.#context
    return this.#context.inOrder(async () => {
      const savepoint = new Savepoint(store.transactions.savepoint(active))
      this.#savepoints ??= []
      this.#savepoints.push(savepoint)
      this.#context.hasSavepoints = true
      return savepoint
    })
  }

  /**
   * Undoes everything done since the savepoint. The savepoint stays valid, later ones do not; locks
   * stay.
   * @throws `INVALID_ARGUMENT` for a savepoint that is not this transaction's or not valid any more;
   *   `TX_PREPARED`; else as `abort`
   */
  async rollbackTo(savepoint: Savepoint): Promise<void> {
    const { store, active } = this.#context
    await this.#context.inOrder(async () => {
      const savepoints = this.#savepoints ?? []
      const index = savepoints.indexOf(savepoint)
      if (index < 0) throw invalid('the savepoint is of another transaction, or was rolled back over')
      savepoints.length = index + 1
      this.#context.forgetTrees()
      await store.transactions.rollbackTo(active, savepoint.mark)
    })
  }

  /**
   * Prepares, for a commit that another decides (two-phase commit). When it resolves, the transaction is in
   * doubt: it reads and writes no more, keeps its locks, and waits for `commit` or `abort`, here or through
   * `db.inDoubt()`, in this process or, after a close or a crash, in a later one. A transaction that has
   * written nothing is no exception. Leaving the scope of `await using` or `db.transaction` does not end it.
   * @throws `TX_NAME_TAKEN` when another one in doubt has this name; `INVALID_ARGUMENT` for a name that is not
   *   a text of 1 to 255 bytes; `TX_CLOSED`, `TX_PREPARED`, `TX_BUSY` when an operation still waits, `DISK_FULL`:
   *   then it is as it was. `TX_OUTCOME_UNKNOWN`: after a reopen it is in doubt, or rolled back. `DB_READ_ONLY`,
   *   `DB_CLOSED`, `DB_FAILED`
   */
  prepare(name: string): Promise<void> {
    const { store, active } = this.#context
    try {
      this.#context.checkActive()
      this.#checkIdle()
      return store.prepare(active, name)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Commits. When it resolves, the transaction survives what its durability level promises; a prepared one
   * commits at `full` unless the call says otherwise.
   * @throws `TX_CLOSED`, `TX_BUSY` when an operation still waits or it is being prepared, `INVALID_ARGUMENT`,
   *   `TX_OUTCOME_UNKNOWN`, `DB_CLOSED`, `DB_FAILED`; of a prepared one `DB_READ_ONLY`
   */
  commit(options?: CommitOptions): Promise<void> {
    const { store, active } = this.#context
    try {
      if (options !== undefined) checkCommitOptions(options)
      checkMayEnd(active)
      this.#checkIdle()
      const byDefault = this.isActive ? this.#durability : 'full'
      const durability = options?.durability === undefined ? byDefault : durabilityOf(options.durability)
      return store.commit(active, durability)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #checkIdle(): void {
    if (this.#context.queue.waitingCount === 0) return
    throw new AriesError('TX_BUSY', 'an operation of this transaction still waits for a lock; await it first')
  }

  /**
   * Rolls everything back; of a prepared transaction, durably. Operations that still wait are rejected with
   * `TX_CLOSED`.
   * @throws `TX_CLOSED`, `TX_BUSY` while it is being prepared, `DB_CLOSED`; of a prepared one `DB_READ_ONLY`;
   *   `PAGE_CORRUPT`, `DISK_FULL`, `IO_ERROR`, `DB_FAILED`: then what could not be undone stays locked, and `abort`
   *   may be called again
   */
  async abort(): Promise<void> {
    const { store, active } = this.#context
    checkMayAbort(active)
    await store.abort(active)
  }

  /**
   * Rolls back unless the transaction has ended or been prepared: `await using tx = db.begin()`. What could not be
   * undone before is tried once more. @throws as `abort`
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (isUnended(this.#context.active)) await this.abort()
  }
}
