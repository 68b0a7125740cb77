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
import { checkActive, type Durability } from '../txn/transaction-manager.ts'
import { LockedWalk, type WalkLock } from './locked-walk.ts'
import { durabilityOf, invalid } from './options.ts'
import { byteRangeOf, type RangeOptions } from './range.ts'
import type { Store } from './store.ts'
import { checkTable, type TableShape } from './table-shape.ts'

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

/** An ordered, lazy sequence of entries. */
export type Entries<K, V> = AsyncIterableIterator<[K, V]>

/** What a walk locks of a key, for reading and for writing. */
const WALK_MODES: Readonly<Record<'forRead' | 'forUpdate', Readonly<Record<WalkLock, LockMode>>>> = {
  forRead: { record: LockMode.S, gap: LockMode.gapS, both: LockMode['S+gapS'] },
  forUpdate: { record: LockMode.X, gap: LockMode.gapS, both: LockMode['X+gapS'] },
}

const DONE: Promise<void> = Promise.resolve()
const NOTHING: Promise<undefined> = Promise.resolve(undefined)
const END: Promise<IteratorReturnResult<undefined>> = Promise.resolve({ done: true, value: undefined })

export class Transaction {
  readonly #store: Store
  readonly #active: ActiveTransaction
  readonly #durability: Durability
  readonly #lockTimeoutMs: number
  /** The last operation that had to wait; later ones queue behind it. */
  #waiting: Promise<unknown> | undefined
  #waitingCount = 0
  readonly #trees = new Map<string, { tree: PageId; mode: LockMode }>()
  #savepoints: Savepoint[] = []

  /** @internal Made by `Database.begin`. */
  constructor(store: Store, active: ActiveTransaction, durability: Durability, lockTimeoutMs: number) {
    this.#store = store
    this.#active = active
    this.#durability = durability
    this.#lockTimeoutMs = lockTimeoutMs
  }

  /** Its number, as it appears in errors and in the log. */
  get id(): number {
    return this.#active.txnId
  }

  /** Whether it can still be used. */
  get isActive(): boolean {
    return this.#active.state === 'active'
  }

  /**
   * The value under `key`, or undefined. Holds a shared lock on the key, present or not, until the
   * transaction ends; an exclusive one with `forUpdate`.
   * @throws `TX_DEADLOCK`, `TX_LOCK_TIMEOUT`, `TX_CLOSED`, `KEY_TOO_LARGE`, `INVALID_ARGUMENT`, `PAGE_CORRUPT`, `IO_ERROR`, `DB_FAILED`
   */
  get<K, V>(table: TableShape<K, V>, key: K, options?: { readonly forUpdate?: boolean }): Promise<V | undefined> {
    if (this.#waiting !== undefined) return this.#enqueue(() => this.#get(table, key, options))
    return this.#get(table, key, options)
  }

  #get<K, V>(table: TableShape<K, V>, key: K, options?: { readonly forUpdate?: boolean }): Promise<V | undefined> {
    const mode = options?.forUpdate === true ? LockMode.X : LockMode.S
    try {
      const bytes = this.#keyOf(table, key)
      const tree = this.#treeFor(table.name, mode === LockMode.X ? LockMode.IX : LockMode.IS)
      if (tree === undefined) return NOTHING
      if (typeof tree !== 'number') return this.#wait(tree, () => this.#get(table, key, options))
      const wait = this.#lock(tree, bytes, mode)
      if (wait !== undefined) return this.#wait(wait, () => this.#get(table, key, options))
      const value = this.#store.btree.get(tree, bytes, 0, bytes.length)
      return value === undefined ? NOTHING : Promise.resolve(table.value.decode(value))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Stores `value` under `key`. Makes the table when it does not exist.
   * @throws `TX_DEADLOCK`, `TX_LOCK_TIMEOUT`, `TX_CLOSED`, `KEY_TOO_LARGE`, `VALUE_TOO_LARGE`, `INVALID_ARGUMENT`, `DISK_FULL`, `PAGE_CORRUPT`, `IO_ERROR`, `DB_FAILED`
   */
  put<K, V>(table: TableShape<K, V>, key: K, value: V): Promise<void> {
    if (this.#waiting !== undefined) return this.#enqueue(() => this.#put(table, key, value))
    return this.#put(table, key, value)
  }

  #put<K, V>(table: TableShape<K, V>, key: K, value: V): Promise<void> {
    try {
      const bytes = this.#keyOf(table, key)
      const content = valueBytes(table, value)
      const tree = this.#treeForPut(table.name)
      if (typeof tree !== 'number') return this.#wait(tree, () => this.#put(table, key, value))
      const wait = this.#lockForPut(tree, bytes)
      if (wait !== undefined) return this.#wait(wait, () => this.#put(table, key, value))
      this.#store.put(this.#active, tree, bytes, content)
      return this.#store.transactions.giveWay() ?? DONE
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Removes `key`; whether it was there.
   * @throws as `put`
   */
  delete<K, V>(table: TableShape<K, V>, key: K): Promise<boolean> {
    if (this.#waiting !== undefined) return this.#enqueue(() => this.#delete(table, key))
    return this.#delete(table, key)
  }

  #delete<K, V>(table: TableShape<K, V>, key: K): Promise<boolean> {
    try {
      const bytes = this.#keyOf(table, key)
      const tree = this.#treeFor(table.name, LockMode.IX)
      if (tree === undefined) return Promise.resolve(false)
      if (typeof tree !== 'number') return this.#wait(tree, () => this.#delete(table, key))
      const wait = this.#lock(tree, bytes, LockMode.X)
      if (wait !== undefined) return this.#wait(wait, () => this.#delete(table, key))
      return Promise.resolve(this.#store.delete(this.#active, tree, bytes))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * The entries of a range in key order. Each is locked when it is reached, and so is the gap before it:
   * what has been passed stays as it was seen, and nothing is inserted into it. Use it before the
   * transaction ends: afterwards it throws `TX_CLOSED`.
   * @throws as `get`
   */
  range<K, V>(table: TableShape<K, V>, options: RangeOptions<K> = {}): Entries<K, V> {
    let walk: LockedWalk | undefined
    let isDone = false
    const end = (): Promise<IteratorReturnResult<undefined>> => {
      isDone = true
      return END
    }
    const step = (): Promise<IteratorResult<[K, V], undefined>> => {
      try {
        this.#checkActive()
        if (isDone) return END
        walk ??= this.#openWalk(table, options, options.forUpdate === true ? LockMode.X : LockMode.S)
        const found = walk.next()
        if (found === false) return end()
        if (found !== true) return this.#wait(found, step)
        return Promise.resolve({ done: false, value: [table.key.decode(walk.key), table.value.decode(walk.value())] })
      } catch (error) {
        return Promise.reject(error)
      }
    }
    const iterator: Entries<K, V> = {
      [Symbol.asyncIterator]: () => iterator,
      next: () => (this.#waiting === undefined ? step() : this.#enqueue(step)),
      return: end,
    }
    return iterator
  }

  /** How many keys lie in the range; they are locked like those of `range`. @throws as `get` */
  async count<K, V>(table: TableShape<K, V>, options: RangeOptions<K> = {}): Promise<number> {
    return this.#forEach(table, options, LockMode.S, () => undefined)
  }

  /** Removes all keys in the range; how many there were. @throws as `put` */
  async clear<K, V>(table: TableShape<K, V>, options: RangeOptions<K> = {}): Promise<number> {
    return this.#forEach(table, options, LockMode.X, (tree, key) => this.#store.delete(this.#active, tree, key))
  }

  /** Does something with every entry of a range, once it is locked in `mode`; returns how many. */
  #forEach<K, V>(
    table: TableShape<K, V>,
    options: RangeOptions<K>,
    mode: LockMode,
    visit: (tree: PageId, key: Uint8Array) => void,
  ): Promise<number> {
    return this.#inOrder(async () => {
      const walk = this.#openWalk(table, options, mode)
      for (let count = 0; ; ) {
        this.#checkActive()
        const found = walk.next()
        if (found === false) return count
        if (found !== true) {
          await this.#orRolledBack(found)
          continue
        }
        visit(walk.tree, walk.key)
        count++
        const pause = this.#store.transactions.giveWay()
        if (pause !== undefined) await pause
      }
    })
  }

  #openWalk<K, V>(table: TableShape<K, V>, options: RangeOptions<K>, mode: LockMode): LockedWalk {
    checkTable(table)
    const range = byteRangeOf(options, (key) => this.#boundOf(table, key))
    const tableMode = mode === LockMode.X ? LockMode.IX : LockMode.IS
    const modes = mode === LockMode.X ? WALK_MODES.forUpdate : WALK_MODES.forRead
    return new LockedWalk(range, {
      findTree: () => this.#treeFor(table.name, tableMode),
      openCursor: (tree) => this.#store.cursor(tree),
      lock: (tree, key, what) => this.#lock(tree, key, modes[what]),
    })
  }

  /**
   * Locks a key that will be put: its record, and if it is new the gap it comes into, unless nobody
   * keeps gaps in this tree. The new key splits the gap; what this transaction kept of it, it keeps of
   * both parts.
   */
  #lockForPut(tree: PageId, key: Uint8Array): Promise<void> | undefined {
    const { locks } = this.#store
    if (!locks.keepsGapsIn(tree)) return this.#lock(tree, key, LockMode.X)
    const next = this.#store.gapFor(tree, key)
    if (next === undefined) return this.#lock(tree, key, LockMode.X)
    const wait = this.#lock(tree, next, LockMode.gapI)
    if (wait !== undefined) return wait
    const keepsIt = locks.holds(this.#active.owner, tree, next, 0, next.length, LockMode.gapS)
    return this.#lock(tree, key, keepsIt ? LockMode['X+gapS'] : LockMode.X)
  }

  /** Makes a table. @throws `TABLE_EXISTS`, else as `put` */
  async createTable<K, V>(table: TableShape<K, V>): Promise<void> {
    await this.#inOrder(async () => {
      checkTable(table)
      if ((await this.#treeOf(table.name, LockMode.X)) !== undefined) {
        throw new AriesError('TABLE_EXISTS', `table ${table.name} exists`)
      }
      this.#trees.set(table.name, { tree: this.#store.createTree(this.#active, table.name), mode: LockMode.X })
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
      const tree = await this.#treeOf(table.name, LockMode.X)
      if (tree === undefined) throw new AriesError('TABLE_NOT_FOUND', `there is no table ${table.name}`)
      this.#store.dropTree(this.#active, table.name)
      this.#trees.delete(table.name)
    })
  }

  /** The names of the tables as this transaction sees them, sorted. @throws as `get` */
  async tables(): Promise<string[]> {
    return this.#inOrder(async () => {
      const names: string[] = []
      for (const name of this.#store.tableNames()) {
        if ((await this.#treeOf(name, LockMode.IS)) !== undefined) names.push(name)
      }
      return names
    })
  }

  /** Marks a point that `rollbackTo` returns to. @throws `TX_CLOSED` */
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
   * @throws `INVALID_ARGUMENT` for a savepoint that is not this transaction's or not valid any more; else as `abort`
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

  /** A rollback may have undone the making of a table; the locks stay, only the lookups are repeated. */
  #forgetTrees(): void {
    this.#trees.clear()
  }

  /**
   * Commits. When it resolves, the transaction survives what its durability level promises.
   * @throws `TX_CLOSED`, `TX_BUSY` when an operation still waits, `TX_OUTCOME_UNKNOWN`, `DB_FAILED`
   */
  commit(options?: { readonly durability?: Durability }): Promise<void> {
    try {
      this.#checkActive()
      if (this.#waitingCount > 0) {
        throw new AriesError(
          'TX_BUSY',
          'an operation of this transaction still waits for a lock; await it before commit',
        )
      }
      const durability = options?.durability === undefined ? this.#durability : durabilityOf(options.durability)
      return this.#store.commit(this.#active, durability)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Rolls everything back. Operations that still wait are rejected with `TX_CLOSED`.
   * @throws `TX_CLOSED`, `PAGE_CORRUPT`, `DISK_FULL`, `IO_ERROR`, `DB_FAILED`: then what could not be undone stays locked, and `abort` may be called again
   */
  async abort(): Promise<void> {
    if (this.#active.state !== 'stuck') this.#checkActive()
    await this.#store.abort(this.#active)
  }

  /** Rolls back unless the transaction has ended: `await using tx = db.begin()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isActive) await this.abort()
  }

  #checkActive(): void {
    checkActive(this.#active)
  }

  /** Checks and encodes a key. */
  #keyOf<K, V>(table: TableShape<K, V>, key: K): Uint8Array {
    const bytes = this.#boundOf(table, key)
    if (bytes.length === 0) throw invalid('a key must not be empty')
    return bytes
  }

  /** The same for the bound of a range, which may be empty: it lies before all keys. */
  #boundOf<K, V>(table: TableShape<K, V>, key: K): Uint8Array {
    this.#checkActive()
    checkTable(table)
    const bytes = table.key.encode(key)
    if (!(bytes instanceof Uint8Array)) throw invalid('a key codec must encode to a Uint8Array')
    if (bytes.length > this.#store.keyBytesMax) {
      throw new AriesError(
        'KEY_TOO_LARGE',
        `the key has ${bytes.length} bytes; at most ${this.#store.keyBytesMax} (a quarter of a page) fit`,
      )
    }
    return bytes
  }

  /** An operation that had to wait may find its transaction ended: a lock it took now, nobody would give back. */
  #lock(tree: PageId, key: Uint8Array, mode: LockMode): Promise<void> | undefined {
    this.#checkActive()
    return this.#store.locks.acquire(this.#active.owner, tree, key, 0, key.length, mode, this.#lockTimeoutMs)
  }

  /**
   * The tree of a table, with its catalog record locked in `mode` or a stronger one; undefined when
   * there is no such table; a promise when the lock must be waited for, after which it is called again.
   */
  #treeFor(name: string, mode: LockMode): PageId | Promise<void> | undefined {
    const known = this.#trees.get(name)
    if (known !== undefined && known.mode >= mode) return known.tree
    const wait = this.#lock(this.#store.catalogTree, this.#store.catalogKey(name), mode)
    if (wait !== undefined) return wait
    const tree = this.#store.findTree(name)
    if (tree !== undefined) this.#trees.set(name, { tree, mode })
    return tree
  }

  async #treeOf(name: string, mode: LockMode): Promise<PageId | undefined> {
    for (;;) {
      const tree = this.#treeFor(name, mode)
      if (typeof tree === 'number' || tree === undefined) return tree
      await this.#orRolledBack(tree)
      this.#checkActive()
    }
  }

  /**
   * The tree to put into; makes the table when there is none. Who finds none locks the name exclusively
   * at once: if two took the weaker lock first, neither could get the stronger one.
   */
  #treeForPut(name: string): PageId | Promise<void> {
    const known = this.#trees.get(name)
    if (known !== undefined && known.mode >= LockMode.IX) return known.tree
    const isThere = this.#store.findTree(name) !== undefined
    const found = (isThere ? this.#treeFor(name, LockMode.IX) : undefined) ?? this.#treeFor(name, LockMode.X)
    if (found !== undefined) return found
    const tree = this.#store.createTree(this.#active, name)
    this.#trees.set(name, { tree, mode: LockMode.X })
    return tree
  }

  /**
   * Waits for a lock, then does the operation again from its start: the tree may have changed meanwhile.
   * An operation that came out of the queue is waited for by the queue already.
   */
  #wait<T>(wait: Promise<void>, again: () => Promise<T>): Promise<T> {
    const operation = this.#orRolledBack(wait).then(again)
    return this.#waiting === undefined ? this.#hold(operation) : operation
  }

  #enqueue<T>(operation: () => Promise<T>): Promise<T> {
    return this.#hold((this.#waiting as Promise<unknown>).then(operation, operation))
  }

  #inOrder<T>(operation: () => Promise<T>): Promise<T> {
    const run = async (): Promise<T> => {
      this.#checkActive()
      return operation()
    }
    return this.#waiting === undefined ? this.#hold(run()) : this.#enqueue(run)
  }

  /** Makes `operation` the one that later operations wait for. */
  #hold<T>(operation: Promise<T>): Promise<T> {
    this.#waitingCount++
    const held = operation.finally(() => {
      this.#waitingCount--
      if (this.#waiting === held) this.#waiting = undefined
    })
    this.#waiting = held
    return held
  }

  /** A deadlock's victim is rolled back before its caller hears of it. */
  async #orRolledBack(wait: Promise<void>): Promise<void> {
    try {
      await wait
    } catch (error) {
      if (AriesError.is(error) && error.code === 'TX_DEADLOCK' && this.#active.state === 'active') {
        this.#active.cause = error
        await this.#store.abort(this.#active)
      }
      throw error
    }
  }
}

function valueBytes<K, V>(table: TableShape<K, V>, value: V): Uint8Array {
  const bytes = table.value.encode(value)
  if (!(bytes instanceof Uint8Array)) throw invalid('a value codec must encode to a Uint8Array')
  if (bytes.length > VALUE_BYTES_MAX) {
    throw new AriesError(
      'VALUE_TOO_LARGE',
      `the value has ${bytes.length} bytes; at most ${VALUE_BYTES_MAX} (1 GiB) fit`,
    )
  }
  return bytes
}

const VALUE_BYTES_MAX = 2 ** 30
