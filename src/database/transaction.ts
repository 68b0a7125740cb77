/**
 * The transaction handle. Operations of one transaction run one after the other, in the order they
 * were called; those of different transactions interleave at every `await`.
 *
 * An operation that needs no wait is done when its call returns, and its promise is resolved already.
 * When a lock must be waited for, later operations of this transaction queue behind it.
 */

import { AriesError } from '../common/errors.ts'
import type { PageId } from '../common/ids.ts'
import { LockMode } from '../lock/lock-mode.ts'
import type { ActiveTransaction, SavepointMark } from '../txn/active-transaction.ts'
import { checkActive, checkMayAbort, checkMayEnd, isUnended } from '../txn/refusals.ts'
import type { Durability } from '../txn/transaction-manager.ts'
import { type Entries, entriesOf } from './entries.ts'
import { OperationQueue } from './operation-queue.ts'
import {
  type CommitOptions,
  checkCommitOptions,
  checkGetOptions,
  durabilityOf,
  type GetOptions,
  invalid,
  type TransactionSettings,
} from './options.ts'
import { putMany } from './put-many.ts'
import { type ByteRange, byteRangeOf, type RangeOptions } from './range.ts'
import type { Store } from './store.ts'
import { checkTable, encodedValue, keyOf, type TableShape } from './table-shape.ts'
import { TransactionLocks } from './transaction-locks.ts'
import { openWalk } from './transaction-walks.ts'
import { type VersionView, viewFor } from './version-view.ts'
import { tablesOf } from './view-walk.ts'
import type { Walk } from './walk.ts'

/** A point a transaction can be rolled back to. Valid until its transaction ends or is rolled back before it. */
export class Savepoint {
  /** @internal */
  readonly mark: SavepointMark
  /** @internal */
  readonly transaction: Transaction
  constructor(transaction: Transaction, mark: SavepointMark) {
    this.transaction = transaction
    this.mark = mark
  }
}

const DONE: Promise<void> = Promise.resolve()
const NOTHING: Promise<undefined> = Promise.resolve(undefined)

export class Transaction {
  readonly #store: Store
  readonly #active: ActiveTransaction
  readonly #durability: Durability
  readonly #isReadOnly: boolean
  /** How it reads without locks; undefined when it reads with them. */
  readonly #view: VersionView | undefined
  readonly #locks: TransactionLocks
  readonly #queue = new OperationQueue()
  #savepoints: Savepoint[] = []

  /** @internal Made by `Database.begin`. */
  constructor(store: Store, active: ActiveTransaction, settings: TransactionSettings) {
    const { durability, lockTimeoutMs, isolation, readOnly } = settings
    this.#store = store
    this.#active = active
    this.#durability = durability
    this.#isReadOnly = readOnly
    this.#view = viewFor(store, active, readOnly && isolation === 'serializable' ? 'snapshot' : isolation)
    this.#locks = new TransactionLocks(store, active, lockTimeoutMs, this.#view)
  }

  /** Its number, as it appears in errors and in the log. */
  get id(): number {
    return this.#active.txnId
  }

  /** Whether it can still be used: it has neither ended nor been prepared. */
  get isActive(): boolean {
    return this.#active.state === 'active'
  }

  /**
   * The value under `key`, or undefined. At `serializable` it holds a shared lock on the key, present or not,
   * until the transaction ends; with `forUpdate`, at every level, an exclusive one; else none.
   * @throws `TX_DEADLOCK`, `TX_LOCK_TIMEOUT`; `TX_CANCELLED` when the signal aborts while it waits; `SNAPSHOT_TOO_OLD`;
   *   with `forUpdate` `TX_CONFLICT`, `TX_READ_ONLY`; `TX_CLOSED`, after a rollback that nobody asked for with its
   *   reason as `cause`; `TX_PREPARED`; `KEY_TOO_LARGE`, `INVALID_ARGUMENT`; `PAGE_CORRUPT`, `PAGE_LSN_BEYOND_LOG`,
   *   `POOL_EXHAUSTED`, `IO_ERROR`; `DB_CLOSED`, `DB_FAILED`
   */
  get<K, V>(table: TableShape<K, V>, key: K, options?: GetOptions): Promise<V | undefined> {
    const mode = options?.forUpdate === true ? LockMode.X : LockMode.S
    try {
      if (options !== undefined) checkGetOptions(options)
      const bytes = this.#keyOf(table, key)
      if (this.#queue.isBusy) return this.#queue.enqueueWith(bytes, (own) => this.#get(table, own, mode))
      return this.#get(table, bytes, mode)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #get<K, V>(table: TableShape<K, V>, bytes: Uint8Array, mode: LockMode): Promise<V | undefined> {
    try {
      this.#checkActive()
      if (mode === LockMode.X) this.#checkMayWrite()
      else if (this.#view !== undefined) return Promise.resolve(this.#view.read(table, bytes))
      const isRead = mode === LockMode.S
      const tree = isRead ? this.#locks.treeFor(table.name, LockMode.IS) : this.#treeToChange(table.name, LockMode.IX)
      if (tree === undefined) return NOTHING
      if (typeof tree !== 'number') return this.#queue.repeatWith(bytes, tree, (own) => this.#get(table, own, mode))
      const wait = this.#locks.lock(tree, bytes, mode)
      if (wait !== undefined) return this.#queue.repeatWith(bytes, wait, (own) => this.#get(table, own, mode))
      this.#view?.checkMayChange(tree, bytes)
      const value = this.#store.btree.get(tree, bytes, 0, bytes.length)
      return value === undefined ? NOTHING : Promise.resolve(table.value.decode(value))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Stores `value` under `key`. Makes the table when it does not exist. Until it resolves, neither may be changed.
   * @throws `TX_CONFLICT`, `TX_READ_ONLY`, `DB_READ_ONLY`, `VALUE_TOO_LARGE`, `DISK_FULL`, else as `get`
   */
  put<K, V>(table: TableShape<K, V>, key: K, value: V): Promise<void> {
    if (this.#queue.isBusy) return this.#queue.enqueue(() => this.#put(table, key, value))
    return this.#put(table, key, value)
  }

  #put<K, V>(table: TableShape<K, V>, key: K, value: V): Promise<void> {
    try {
      const bytes = this.#keyOf(table, key)
      this.#beginChange()
      const content = encodedValue(table, value)
      const tree = this.#locks.treeForPut(table.name)
      if (typeof tree !== 'number') {
        if (tree === undefined) return this.#putIntoNewTable(table.name, bytes, content)
        return this.#queue.waitAndRepeat(tree, () => this.#put(table, key, value))
      }
      const wait = this.#locks.lockForPut(tree, bytes, this.#view === undefined)
      if (wait !== undefined) return this.#queue.waitAndRepeat(wait, () => this.#put(table, key, value))
      if (this.#view !== undefined) this.#checkMayPut(this.#view, table.name, tree, bytes)
      this.#store.put(this.#active, tree, bytes, content)
      return this.#store.giveWay() ?? DONE
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Makes a table, whose name is locked exclusively, with its first row: both, or, when it fails, neither. The lock
   * of the name covers the row.
   */
  #putIntoNewTable(name: string, key: Uint8Array, value: Uint8Array): Promise<void> {
    const mark = this.#store.transactions.savepoint(this.#active)
    try {
      this.#store.put(this.#active, this.#locks.create(name), key, value)
    } catch (error) {
      this.#forgetTrees()
      this.#store.transactions.undoOperation(this.#active, mark)
      throw error
    }
    return this.#store.giveWay() ?? DONE
  }

  #forgetTrees(): void {
    this.#locks.forgetTrees()
    this.#view?.forgetTrees()
  }

  /**
   * Stores all of `entries`, as if each were put in the order given, in one operation: all of them, or, when it
   * fails, none. It sorts them and logs the new rows of a page together, so many at once cost much less each
   * than one by one. `entries` is gone through once, not faster than it is stored; keys and values are
   * copied as they come.
   * @throws as `put`, and what `entries` throws
   */
  putMany<K, V>(table: TableShape<K, V>, entries: Iterable<readonly [K, V]>): Promise<void> {
    return this.#inOrder(async () => {
      checkTable(table)
      this.#beginChange()
      await putMany(this.#store, this.#active, this.#locks, this.#view, table, entries)
    })
  }

  #checkMayPut(view: VersionView, name: string, tree: PageId, key: Uint8Array): void {
    view.checkTableUnchanged(name)
    view.checkMayChange(tree, key)
  }

  /**
   * Removes `key`; whether it was there.
   * @throws as `put`
   */
  delete<K, V>(table: TableShape<K, V>, key: K): Promise<boolean> {
    try {
      const bytes = this.#keyOf(table, key)
      if (this.#queue.isBusy) return this.#queue.enqueueWith(bytes, (own) => this.#delete(table.name, own))
      return this.#delete(table.name, bytes)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #delete(name: string, bytes: Uint8Array): Promise<boolean> {
    try {
      this.#beginChange()
      const tree = this.#treeToChange(name, LockMode.IX)
      if (tree === undefined) return Promise.resolve(false)
      if (typeof tree !== 'number') return this.#queue.repeatWith(bytes, tree, (own) => this.#delete(name, own))
      const wait = this.#locks.lock(tree, bytes, LockMode.X)
      if (wait !== undefined) return this.#queue.repeatWith(bytes, wait, (own) => this.#delete(name, own))
      this.#view?.checkMayChange(tree, bytes)
      return Promise.resolve(this.#store.delete(this.#active, tree, bytes))
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
    const { keyBytesMax } = this.#store
    const range = byteRangeOf(table, options, keyBytesMax)
    const mode = options.forUpdate === true ? LockMode.X : LockMode.S
    return entriesOf(table, {
      range,
      keyBytesMax,
      open: (rest) => this.#openWalk(table.name, rest, mode),
      check: () => this.#checkActive(),
      isBusy: () => this.#queue.isBusy,
      enqueue: (operation) => this.#queue.enqueue(operation),
      waitAndRepeat: (wait, operation) => this.#queue.waitAndRepeat(wait, operation),
      giveWay: () => this.#store.transactions.giveWay(),
    })
  }

  /** How many keys lie in the range; they are locked like those of `range`, also with `forUpdate`. @throws as `get` */
  async count<K, V>(table: TableShape<K, V>, options: RangeOptions<K> = {}): Promise<number> {
    const range = byteRangeOf(table, options, this.#store.keyBytesMax)
    const mode = options.forUpdate === true ? LockMode.X : LockMode.S
    return this.#inOrder(() => this.#forEach(table.name, range, mode, () => undefined))
  }

  /** Removes all keys in the range, or, when it fails, none; how many there were. @throws as `put` */
  async clear<K, V>(table: TableShape<K, V>, options: RangeOptions<K> = {}): Promise<number> {
    this.#beginChange()
    const range = byteRangeOf(table, options, this.#store.keyBytesMax)
    return this.#inOrder(async () => {
      const mark = this.#store.transactions.savepoint(this.#active)
      try {
        return await this.#forEach(table.name, range, LockMode.X, ({ tree, key }) =>
          this.#store.delete(this.#active, tree, key),
        )
      } catch (error) {
        await this.#store.undoSince(this.#active, mark)
        throw error
      }
    })
  }

  /** Does something with every entry of a range, once it is locked in `mode`; returns how many. */
  async #forEach(name: string, range: ByteRange, mode: LockMode, visit: (walk: Walk) => void): Promise<number> {
    const walk = this.#openWalk(name, range, mode)
    try {
      for (let count = 0; ; ) {
        this.#checkActive()
        const found = walk.next()
        if (found === false) return count
        if (found !== true) {
          await found
          continue
        }
        visit(walk)
        count++
        const pause = this.#store.transactions.giveWay()
        if (pause !== undefined) await pause
      }
    } finally {
      walk.close()
    }
  }

  #openWalk(name: string, range: ByteRange, mode: LockMode): Walk {
    if (mode === LockMode.X) this.#checkMayWrite()
    return openWalk(
      {
        locks: this.#locks,
        view: this.#view,
        isReadOnly: this.#isReadOnly,
        hasSavepoints: () => this.#savepoints.length > 0,
        treeToChange: () => this.#treeToChange(name, LockMode.IX),
        openCursor: (tree) => this.#store.cursor(tree),
        endings: this.#active,
      },
      name,
      range,
      mode === LockMode.X,
    )
  }

  /** Makes a table. @throws `TABLE_EXISTS`, else as `put` */
  async createTable<K, V>(table: TableShape<K, V>): Promise<void> {
    await this.#inOrder(async () => {
      checkTable(table)
      this.#beginChange()
      const tree = await this.#locks.treeOf(table.name, LockMode.X)
      this.#view?.checkTableUnchanged(table.name)
      if (tree !== undefined) {
        throw new AriesError('TABLE_EXISTS', `table ${table.name} exists`)
      }
      this.#locks.create(table.name)
    })
  }

  /**
   * Removes a table with all it holds; its pages are freed once the transaction has committed. Waits for
   * everyone who uses the table.
   * @throws `TABLE_NOT_FOUND`, else as `put`
   */
  async dropTable<K, V>(table: TableShape<K, V>): Promise<void> {
    await this.#inOrder(async () => {
      checkTable(table)
      this.#beginChange()
      const tree = await this.#locks.treeOf(table.name, LockMode.X)
      this.#view?.checkTableUnchanged(table.name)
      if (tree === undefined) throw new AriesError('TABLE_NOT_FOUND', `there is no table ${table.name}`)
      this.#locks.drop(table.name)
      this.#view?.forgetTrees()
    })
  }

  /** The names of the tables as this transaction sees them, sorted. @throws as `get` */
  async tables(): Promise<string[]> {
    return this.#inOrder(async () => {
      if (this.#view !== undefined) return tablesOf(this.#view)
      for (;;) {
        const names = this.#locks.tableNames()
        if (Array.isArray(names)) return names
        await names
      }
    })
  }

  /** Marks a point that `rollbackTo` returns to. @throws `TX_CLOSED`, `TX_PREPARED`, `DB_CLOSED` */
  async savepoint(): Promise<Savepoint> {
    return this.#inOrder(async () => {
      const savepoint = new Savepoint(this, this.#store.transactions.savepoint(this.#active))
      this.#savepoints.push(savepoint)
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
    await this.#inOrder(async () => {
      const index = this.#savepoints.indexOf(savepoint)
      if (index < 0) throw invalid('the savepoint is of another transaction, or was rolled back over')
      this.#savepoints.length = index + 1
      this.#forgetTrees()
      await this.#store.transactions.rollbackTo(this.#active, savepoint.mark)
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
    try {
      this.#checkActive()
      this.#checkIdle()
      return this.#store.prepare(this.#active, name)
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
    try {
      if (options !== undefined) checkCommitOptions(options)
      checkMayEnd(this.#active)
      this.#checkIdle()
      const byDefault = this.isActive ? this.#durability : 'full'
      const durability = options?.durability === undefined ? byDefault : durabilityOf(options.durability)
      return this.#store.commit(this.#active, durability)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #checkIdle(): void {
    if (this.#queue.waitingCount === 0) return
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
    checkMayAbort(this.#active)
    await this.#store.abort(this.#active)
  }

  /**
   * Rolls back unless the transaction has ended or been prepared: `await using tx = db.begin()`. What could not be
   * undone before is tried once more. @throws as `abort`
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (isUnended(this.#active)) await this.abort()
  }

  #checkActive(): void {
    checkActive(this.#active)
  }

  /** Checks and encodes a key. */
  #keyOf<K, V>(table: TableShape<K, V>, key: K): Uint8Array {
    this.#checkActive()
    return keyOf(table, key, this.#store.keyBytesMax)
  }

  #checkMayWrite(): void {
    this.#checkActive()
    if (this.#isReadOnly) {
      throw new AriesError('TX_READ_ONLY', 'the transaction was begun with readOnly; begin another one to write')
    }
  }

  /**
   * The same for what is written now: on a read-only database nothing is locked for it. Also what then changes nothing
   * has looked at what may not be durable yet, so the commit has to wait for that.
   */
  #beginChange(): void {
    this.#checkMayWrite()
    this.#store.checkWritable()
    this.#active.wasAskedToWrite = true
  }

  /**
   * The tree of a table that will be changed, locked in `mode`. Who reads at a fixed point may not change
   * a table that somebody has made or dropped since.
   */
  #treeToChange(name: string, mode: LockMode): PageId | Promise<void> | undefined {
    const tree = this.#locks.treeFor(name, mode)
    if (tree === undefined || typeof tree === 'number') this.#view?.checkTableUnchanged(name)
    return tree
  }

  #inOrder<T>(operation: () => Promise<T>): Promise<T> {
    return this.#queue.enqueue(async () => {
      this.#checkActive()
      return operation()
    })
  }
}
