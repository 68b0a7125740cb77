/**
 * The store: the managers of one open database behind the few verbs that transaction handles need.
 * A failed operation is undone before its error goes out, so that a transaction never keeps half of one.
 */
import type { BTree } from '../btree/btree.ts'
import { CATALOG_TREE, type Catalog } from '../btree/catalog.ts'
import { TreeCursor } from '../btree/cursor.ts'
import { GHOST_FLAG, type Tree } from '../btree/node-page.ts'
import { type RowBatch, RowBatches } from '../btree/row-batch.ts'
import { compareBytes } from '../common/bytes.ts'
import { AriesError } from '../common/errors.ts'
import { invalid } from '../common/options.ts'
import type { FailStop } from '../io/fail-stop.ts'
import type { Runtime } from '../io/runtime.ts'
import type { LockManager } from '../lock/lock-manager.ts'
import { isTransactionName } from '../recovery/prepare-record.ts'
import type { ActiveTransaction, SavepointMark } from '../txn/active-transaction.ts'
import { checkActive, tooOld } from '../txn/refusals.ts'
import type { Durability, TransactionManager } from '../txn/transaction-manager.ts'
import type { VersionReader } from '../txn/version.ts'
import type { VersionStore } from '../txn/version-store.ts'
import type { Managers } from './assemble.ts'

const NO_KEY = new Uint8Array(0)

export interface StoreParts {
  readonly keyBytesMax: number
  readonly isWritable: boolean
  readonly runtime: Runtime
  readonly snapshotMaxAgeMs: number
  /** What a writer waits for when too many pages are dirty. */
  readonly room: () => Promise<void> | undefined
  /** Whether nobody has to. */
  readonly hasRoom: () => boolean
  /** Called after each end of a transaction or a snapshot: there may be work for the background. */
  readonly onEnd: () => void
}

/** Checks the name of a transaction that is to be prepared. @throws `INVALID_ARGUMENT` */
function checkTransactionName(name: unknown): asserts name is string {
  if (typeof name === 'string' && isTransactionName(name)) return
  throw invalid('the name of a prepared transaction is a text of 1 to 255 bytes')
}

export class Store {
  readonly btree: BTree
  readonly catalog: Catalog
  readonly locks: LockManager
  readonly transactions: TransactionManager
  readonly versions: VersionStore
  readonly keyBytesMax: number
  readonly rowBatches = new RowBatches()
  readonly #failStop: FailStop
  readonly #isWritable: boolean
  readonly #runtime: Runtime
  readonly #snapshotMaxAgeMs: number
  /** What who writes waits for while too much of the pool is dirty. */
  readonly room: () => Promise<void> | undefined
  /** Whether who writes need not wait so. */
  readonly hasRoom: () => boolean
  readonly #onEnd: () => void

  constructor(managers: Managers, parts: StoreParts) {
    this.btree = managers.btree
    this.catalog = managers.catalog
    this.locks = managers.locks
    this.transactions = managers.transactions
    this.versions = managers.versions
    this.keyBytesMax = parts.keyBytesMax
    this.#failStop = managers.failStop
    this.#isWritable = parts.isWritable
    this.#runtime = parts.runtime
    this.#snapshotMaxAgeMs = parts.snapshotMaxAgeMs
    this.room = parts.room
    this.hasRoom = parts.hasRoom
    this.#onEnd = parts.onEnd
  }

  /** The time by the runtime's clock. */
  nowMs(): number {
    return this.#runtime.nowMs()
  }

  /** @throws `DB_FAILED` */
  checkRunning(): void {
    this.#failStop.checkForUser()
  }

  /** @throws `DB_FAILED`, `DB_READ_ONLY` */
  checkWritable(): void {
    this.#failStop.checkForUser()
    if (!this.#isWritable) throw new AriesError('DB_READ_ONLY', 'the directory is read-only, and so is the database')
  }

  /**
   * An operation that had to wait may find its transaction ended meanwhile: then it must not write, for
   * nobody would commit or undo it (I9).
   */
  #checkMayWrite(transaction: ActiveTransaction): void {
    this.checkWritable()
    checkActive(transaction)
  }

  /** The end of a prepared transaction is written to the log, even of one that changed nothing. */
  #checkMayEnd(transaction: ActiveTransaction): void {
    if (transaction.preparedAs !== undefined) this.checkWritable()
  }

  findTree(name: string): Tree | undefined {
    return this.catalog.find(name)
  }

  /** The names there may be tables of, sorted: whether there are is to be asked with the name locked. */
  tableNames(): string[] {
    return this.catalog.names()
  }

  cursor(tree: Tree): TreeCursor {
    return new TreeCursor(this.btree, tree)
  }

  /**
   * The key at the upper end of the gap that a new `key` would come into, empty at the end of the tree;
   * undefined when `key` is there already, as a ghost perhaps.
   * @throws `PAGE_CORRUPT`, `POOL_EXHAUSTED`, `IO_ERROR`
   */
  gapFor(tree: Tree, key: Uint8Array): Uint8Array | undefined {
    const cursor = this.cursor(tree)
    if (!cursor.seek(key, { reverse: false, inclusive: true })) return NO_KEY
    const next = cursor.key()
    return compareBytes(next, key) === 0 ? undefined : next
  }

  /** Opens a reader of the state as of now, which is ended when it has been open for too long. @throws as `get` */
  openReader(): VersionReader {
    return this.#bounded(this.versions.open(this.nowMs()))
  }

  /** Opens a reader of the newest committed state. @throws as `get` */
  openNewestReader(): VersionReader {
    return this.versions.openNewest(this.nowMs())
  }

  #bounded(reader: VersionReader): VersionReader {
    const maxAgeMs = this.#snapshotMaxAgeMs
    const end = (): void =>
      this.versions.end(reader, tooOld(`it was open for more than snapshotMaxAgeMs, ${maxAgeMs} ms`))
    const cancel = maxAgeMs === Number.POSITIVE_INFINITY ? undefined : this.#runtime.after(maxAgeMs, end, 'background')
    reader.onClose = () => {
      cancel?.()
      this.#onEnd()
    }
    return reader
  }

  /** Keeps what a key held for those who read without locks, before a transaction changes it. */
  #keepVersion(transaction: ActiveTransaction, tree: Tree, key: Uint8Array): void {
    this.versions.follow(transaction)
    if (!this.versions.isKept) return
    this.versions.note(transaction, tree, key, () => {
      const stored = this.btree.stored(tree, key)
      return stored === undefined || (stored.flags & GHOST_FLAG) !== 0 ? undefined : stored
    })
  }

  put(transaction: ActiveTransaction, tree: Tree, key: Uint8Array, value: Uint8Array): void {
    this.#checkMayWrite(transaction)
    this.#keepVersion(transaction, tree, key)
    this.#whole(transaction, () => this.btree.put(transaction.entry, tree, key, value))
  }

  /** Does all of `operation` or, when it throws, nothing. */
  #whole<T>(transaction: ActiveTransaction, operation: () => T): T {
    const mark = this.transactions.savepoint(transaction)
    try {
      return operation()
    } catch (error) {
      this.#failStop.stopOnBug(error)
      this.transactions.undoOperation(transaction, mark)
      throw error
    }
  }

  /** To be called after a put: now and then a promise to wait for, so that the background and others come to run. */
  giveWay(operations = 1): Promise<void> | undefined {
    return this.room() ?? this.transactions.giveWay(operations)
  }

  /** Puts the rows [first, end) of a sorted batch. When it throws, its caller rolls back to before it. @throws as `BTree.put` */
  putRows(transaction: ActiveTransaction, tree: Tree, rows: RowBatch, first: number, end: number): void {
    this.#checkMayWrite(transaction)
    this.versions.follow(transaction)
    for (let row = first; row < end && this.versions.isKept; row++) {
      this.#keepVersion(transaction, tree, rows.key(row))
    }
    try {
      this.btree.putRows(transaction.entry, tree, rows, first, end)
    } catch (error) {
      this.#failStop.stopOnBug(error)
      throw error
    }
  }

  delete(transaction: ActiveTransaction, tree: Tree, key: Uint8Array): boolean {
    this.#checkMayWrite(transaction)
    this.#keepVersion(transaction, tree, key)
    return this.#whole(transaction, () => this.btree.delete(transaction.entry, tree, key))
  }

  /**
   * Undoes what an operation in several steps has done since `mark`, unless its whole transaction is being rolled back.
   * When that fails the transaction can only be aborted; the error to report is the one that came first.
   */
  async undoSince(transaction: ActiveTransaction, mark: SavepointMark): Promise<void> {
    if (transaction.state !== 'active') return
    await this.transactions.rollbackTo(transaction, mark).catch(() => undefined)
  }

  createTree(transaction: ActiveTransaction, name: string): Tree {
    this.#checkMayWrite(transaction)
    this.#keepVersion(transaction, CATALOG_TREE, this.catalog.keyOf(name))
    return this.#whole(transaction, () => this.catalog.create(transaction.entry, name))
  }

  dropTree(transaction: ActiveTransaction, name: string): void {
    this.#checkMayWrite(transaction)
    this.#keepVersion(transaction, CATALOG_TREE, this.catalog.keyOf(name))
    this.#whole(transaction, () => this.catalog.remove(transaction.entry, name))
  }

  prepare(transaction: ActiveTransaction, name: unknown): Promise<void> {
    this.checkWritable()
    checkTransactionName(name)
    return this.transactions.prepare(transaction, name)
  }

  commit(transaction: ActiveTransaction, durability: Durability): Promise<void> {
    this.#checkMayEnd(transaction)
    const committed = this.transactions.commit(transaction, durability)
    this.#onEnd()
    return committed
  }

  async abort(transaction: ActiveTransaction): Promise<void> {
    this.#checkMayEnd(transaction)
    await this.transactions.abort(transaction)
    this.#onEnd()
  }
}
