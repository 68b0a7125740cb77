/**
 * The database: hands out transactions and tables, closes. What it stands on is wired together in
 * `assemble.ts`; how it comes up is in `open-location.ts` and `open.ts`; what it does by itself is in
 * `maintenance.ts`.
 */
import { checkTableName } from '../btree/catalog.ts'
import { maxKeyBytes } from '../btree/node-page.ts'
import { AriesError } from '../common/errors.ts'
import { invalid } from '../common/options.ts'
import type { FileSystem } from '../io/file-system.ts'
import type { Runtime } from '../io/runtime.ts'
import type { LockReport } from '../lock/lock-report.ts'
import type { RecoveryReport } from '../recovery/report.ts'
import type { ActiveTransaction } from '../txn/active-transaction.ts'
import { checkNotAborted, endOnAbort, rollBackBecause, throwCauseOf } from './cancellation.ts'
import { type CheckProgress, checkDatabase } from './check.ts'
import { areAllPrepared, InDoubtTransaction } from './in-doubt.ts'
import { readNow } from './instant-read.ts'
import { putNow } from './instant-write.ts'
import { Maintenance } from './maintenance.ts'
import { closeFiles, type Opened } from './open.ts'
import {
  type BeginOptions,
  checkBeginOptions,
  checkTransactionOptions,
  type Settings,
  type TransactionOptions,
  type TransactionSettings,
  transactionSettingsOf,
} from './options.ts'
import { Retries } from './retry.ts'
import { Snapshot } from './snapshot.ts'
import { type DatabaseStats, type PublishedFigures, statsOf } from './stats.ts'
import { Store } from './store.ts'
import { Table, type TransactionSource } from './table.ts'
import { checkCodecs, type TableCodecs, type TableShape } from './table-shape.ts'
import { Transaction } from './transaction.ts'

const NO_OPTIONS: TransactionOptions = {}

export class Database {
  /** What restart did when this was opened. */
  readonly recovery: RecoveryReport
  readonly #opened: Opened
  readonly #settings: Settings
  /** The settings of a transaction begun without options. */
  readonly #defaults: TransactionSettings
  readonly #runtime: Runtime
  readonly #fileSystem: FileSystem
  readonly #unlock: () => void
  readonly #store: Store
  readonly #maintenance: Maintenance
  readonly #retries: Retries
  /** What the methods of tables run on. */
  readonly #source: TransactionSource = {
    begin: (options) => this.begin(options),
    operation: (fn, options) => this.#operation(fn, options),
    get: (table, key) => this.#get(table, key),
    put: (table, key, value) => this.#put(table, key, value),
  }
  #closing: Promise<void> | undefined

  /** @internal Made by `open`. */
  constructor(opened: Opened, settings: Settings, runtime: Runtime, fileSystem: FileSystem, unlock: () => void) {
    const { managers, checkpointer } = opened
    this.recovery = opened.report
    this.#opened = opened
    this.#settings = settings
    this.#defaults = transactionSettingsOf(NO_OPTIONS, settings)
    this.#runtime = runtime
    this.#fileSystem = fileSystem
    this.#unlock = unlock
    const { writable } = fileSystem
    this.#retries = new Retries(runtime)
    this.#maintenance = new Maintenance({ ...managers, runtime, checkpointer, settings, writable })
    this.#store = new Store(managers, {
      keyBytesMax: maxKeyBytes(opened.identity.pageSize),
      isWritable: writable,
      runtime,
      snapshotMaxAgeMs: settings.snapshotMaxAgeMs,
      room: () => this.#maintenance.room(),
      hasRoom: () => this.#maintenance.hasRoom,
      onEnd: () => this.#maintenance.poke(),
    })
    this.#maintenance.poke()
    const openedMs = runtime.nowMs()
    fileSystem.publish?.(() => this.#figures(runtime.nowMs() - openedMs))
  }

  /** What others are told who ask: `stats`, or why there are none any more. */
  #figures(openMs: number): PublishedFigures {
    try {
      return { openMs, stats: this.stats() }
    } catch (error) {
      if (!AriesError.is(error)) throw error
      return { openMs, error: { code: error.code, message: error.message } }
    }
  }

  /** Where the database is. */
  get location(): string {
    return this.#fileSystem.location
  }

  /**
   * Begins a transaction. Many may be open at once; each must be committed or aborted, or held by
   * `await using`.
   * @throws `DB_CLOSED`, `DB_FAILED`, `INVALID_ARGUMENT`; `TX_CANCELLED` when the signal has aborted already; where
   *   it reads without locks, as `snapshot`
   */
  begin(options: BeginOptions = NO_OPTIONS): Transaction {
    checkBeginOptions(options)
    return this.#begin(options).transaction
  }

  #begin(options: BeginOptions): { transaction: Transaction; active: ActiveTransaction } {
    this.#checkOpen()
    const settings = options === NO_OPTIONS ? this.#defaults : transactionSettingsOf(options, this.#settings)
    checkNotAborted(settings.signal)
    const active = this.#store.transactions.begin()
    try {
      const transaction = new Transaction(this.#store, active, settings)
      if (settings.signal !== undefined) endOnAbort(settings.signal, this.#store, active)
      return { transaction, active }
    } catch (error) {
      // What is uncommitted could not be read, so there is no view; it has neither locks nor changes.
      this.#store.abort(active).catch(() => undefined)
      throw error
    }
  }

  /**
   * Opens a read-only snapshot: the state as of now, read synchronously, without locks and without waiting.
   * Opening takes as long as the open transactions have written; with none it is immediate. Close it.
   * @throws `DB_CLOSED`, `DB_FAILED`, `PAGE_CORRUPT`, `POOL_EXHAUSTED`, `IO_ERROR`
   */
  snapshot(): Snapshot {
    this.#checkOpen()
    return new Snapshot(this.#store)
  }

  /**
   * Runs `fn` in a transaction and commits it; aborts it when `fn` throws. When the error is retryable
   * (a deadlock, a conflict, a lock timeout), runs it again from the start, after a short random pause,
   * up to `attempts` times, but after a lock timeout only once unless `attempts` is given; `fn` gets the number
   * of the attempt, from 1. Inside `fn` use the methods of the transaction: those of a table are transactions
   * of their own and wait for this one's locks, while it waits for them. `fn` must have no lasting effect
   * outside the transaction. When `signal` is aborted there is no further attempt, but `fn` runs to its
   * end: give it the signal too.
   * @throws what `begin`, `fn` and `commit` throw; why the transaction was rolled back, such as `TX_CANCELLED`, if
   *   `fn` has not noticed or heard only that it is closed
   */
  async transaction<T>(
    fn: (transaction: Transaction, attempt: number) => Promise<T> | T,
    options: TransactionOptions = NO_OPTIONS,
  ): Promise<T> {
    if (typeof fn !== 'function') throw invalid('transaction takes a function')
    checkTransactionOptions(options)
    return this.#retries.transaction(options, (attempt) => this.#attempt(fn, attempt, options))
  }

  /** The same for a transaction of one operation. */
  #operation<T>(fn: (transaction: Transaction) => Promise<T>, options: TransactionOptions = NO_OPTIONS): Promise<T> {
    return this.#retries.operation(options, (attempt) => this.#attempt(fn, attempt, options))
  }

  async #attempt<T>(
    fn: (transaction: Transaction, attempt: number) => Promise<T> | T,
    attempt: number,
    options: BeginOptions,
  ): Promise<T> {
    const { transaction, active } = this.#begin(options)
    active.attempt = attempt
    try {
      const result = await fn(transaction, attempt)
      if (transaction.isActive || active.state === 'stuck') await transaction.commit()
      else await throwCauseOf(active)
      return result
    } catch (error) {
      if (transaction.isActive) await transaction.abort()
      // Some of it could not be undone, and perhaps can be now; if not, the error to report is still the first.
      else if (active.state === 'stuck') await transaction.abort().catch(() => undefined)
      // What a late operation heard is that the transaction had ended; why is what counts.
      else if (AriesError.is(error) && error.cause === active.cause) await throwCauseOf(active)
      throw error
    }
  }

  /**
   * A handle on the table `name`, with the codecs of its keys and values. Nothing is looked up or made:
   * reading a table that does not exist finds nothing, the first write makes it.
   * @throws `INVALID_ARGUMENT`
   */
  table<K, V>(name: string, codecs: TableCodecs<K, V>): Table<K, V> {
    checkTableName(name)
    checkCodecs(codecs)
    return new Table(this.#source, name, codecs)
  }

  #get<K, V>(table: TableShape<K, V>, key: K): Promise<V | undefined> {
    try {
      this.#checkOpen()
      const value = readNow(this.#store, table, key)
      const pause = this.#store.transactions.giveWay()
      return pause === undefined ? Promise.resolve(value) : pause.then(() => value)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #put<K, V>(table: TableShape<K, V>, key: K, value: V): Promise<void> {
    try {
      this.#checkOpen()
      // Nothing is done in a turn that is over: all clients together would make it as long again.
      const pause = this.#store.transactions.enter()
      return pause === undefined
        ? this.#putAtOnce(table, key, value)
        : pause.then(() => this.#putAtOnce(table, key, value))
    } catch (error) {
      return Promise.reject(error)
    }
  }

  #putAtOnce<K, V>(table: TableShape<K, V>, key: K, value: V): Promise<void> {
    try {
      this.#checkOpen()
      const committed = putNow(this.#store, table, key, value, this.#defaults.durability)
      if (committed !== undefined) return committed
    } catch (error) {
      return Promise.reject(error)
    }
    return this.#operation((transaction) => transaction.put(table, key, value))
  }

  /** The names of the tables, sorted. @throws as `Transaction.tables` */
  tables(): Promise<string[]> {
    return this.#operation((transaction) => transaction.tables(), { readOnly: true })
  }

  /** Removes a table and all it holds. @throws as `Transaction.dropTable` */
  dropTable<K, V>(table: Table<K, V>): Promise<void> {
    return this.#operation((transaction) => transaction.dropTable(table))
  }

  /**
   * The prepared transactions whose outcome is open, whichever process prepared them, the oldest first. Each
   * keeps its locks, and the log since its first record, until `commit` or `abort` is called on it.
   * @throws `DB_CLOSED`, `DB_FAILED`
   */
  inDoubt(): InDoubtTransaction[] {
    this.#checkOpen()
    return this.#store.transactions.inDoubt.map((active) => new InDoubtTransaction(this.#store, active))
  }

  /** Takes a checkpoint now: a restart begins there. Nobody waits for it. @throws `DB_CLOSED`, `DB_FAILED`, `DB_READ_ONLY`, `DISK_FULL` */
  async checkpoint(): Promise<void> {
    this.#checkOpen()
    this.#store.checkWritable()
    await this.#maintenance.checkpoint()
  }

  /** Makes every commit so far durable, whatever its level. @throws `DB_CLOSED`, `DB_FAILED` */
  async flush(): Promise<void> {
    this.#checkOpen()
    await this.#opened.managers.log.flush()
  }

  /** Counters and gauges. @throws `DB_CLOSED`, `DB_FAILED` */
  stats(): DatabaseStats {
    this.#checkOpen()
    return statsOf(this.#opened.managers, this.#opened.checkpointer, this.#maintenance, this.#runtime.nowMs())
  }

  /**
   * Everything that is locked at this moment, by table and key: who holds it, and who waits for whom. A
   * transaction with many locks has many entries; those with `waiters` are where somebody waits.
   * @throws `DB_CLOSED`, `DB_FAILED`
   */
  locks(): LockReport[] {
    this.#checkOpen()
    return this.#opened.managers.locks.snapshot()
  }

  /**
   * Checks the structure of all tables and of the free space, and reads every page in use. Returns what
   * is wrong, one line each, such as `page 12: ...`; an empty list means sound. Runs in one step: nothing
   * else happens meanwhile, but `onProgress` is called for each page.
   * @throws `DB_CLOSED`, `DB_FAILED`, `IO_ERROR`
   */
  check(onProgress?: (progress: CheckProgress) => void): string[] {
    this.#checkOpen()
    return checkDatabase(this.#opened.managers, onProgress)
  }

  /**
   * Closes: rolls back open transactions, whose handles then throw `DB_CLOSED`, writes everything back,
   * takes a clean checkpoint, gives back the disk space that only an open database needs, and gives the directory free.
   * Prepared transactions stay in doubt, and then the space is kept. Calling it again waits for the same.
   * After `DB_FAILED` it only lets go of the files. When only the background has met that, and no call has been refused
   * with it yet, this one is: what was committed below `full` may be lost.
   * @throws `DB_FAILED`, `DISK_FULL`, `IO_ERROR`: the files are closed all the same, and the next open recovers
   */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    const { managers } = this.#opened
    const { failStop } = managers
    const cause = new AriesError('DB_CLOSED', 'the database was closed')
    const isKnown = failStop.failed && !failStop.isUnheard
    try {
      await this.#endTransactions(cause)
      await this.#maintenance.stop()
      if (failStop.failed && !isKnown) throw failStop.error()
      if (!failStop.failed && this.#fileSystem.writable) await this.#cleanUp()
    } finally {
      try {
        closeFiles(managers)
      } finally {
        // Whoever still has a handle must not write to the files of who opens them next.
        failStop.close(cause)
        this.#unlock()
      }
    }
  }

  async #endTransactions(cause: AriesError): Promise<void> {
    const { managers } = this.#opened
    const { transactions } = managers
    this.#retries.close()
    managers.locks.close(cause)
    while (managers.versions.endOldest(cause));
    // While open ones are rolled back, holders of others may begin to commit, to prepare or to abort them.
    do {
      await transactions.settled()
      for (const active of [...transactions.active]) {
        // What cannot be rolled back now is rolled back by the next restart.
        if (active.state === 'active') await rollBackBecause(cause, this.#store, active).catch(() => undefined)
        active.ended()
      }
      for (const active of transactions.active) {
        if (active.state === 'prepared' || active.state === 'stuck') active.cause = cause
      }
    } while (transactions.isEnding)
  }

  /** Leaves nothing for the next open to do, unless there is something that cannot be done. */
  async #cleanUp(): Promise<void> {
    const { managers, checkpointer } = this.#opened
    await this.#maintenance.finishRedo()
    await this.#maintenance.finish()
    await managers.buffer.writeAll()
    const isUnwritten = checkpointer.logBytesSince === 0 && this.#isCleanAlready
    const isClean = isUnwritten || (areAllPrepared(managers.table) && managers.buffer.isWhole)
    if (!isUnwritten) await this.#checkpointAtEnd(isClean)
    if (isClean && managers.log.reservedBytes === 0) this.#giveBackRoom()
    else if (!isUnwritten) await this.#keepRoom()
  }

  async #checkpointAtEnd(isClean: boolean): Promise<void> {
    const { managers, checkpointer } = this.#opened
    await this.#maintenance.checkpoint(isClean)
    const { lsn } = checkpointer.lowWater
    if (managers.log.room.canRecycle(lsn)) checkpointer.repeatFoundMaster()
    await managers.log.room.removeUnneeded(lsn)
  }

  /** The master record says durably that the database is clean, and nobody is in doubt: nothing is written until the next open. */
  #giveBackRoom(): void {
    const { log, doubleWrite } = this.#opened.managers
    log.room.cutBehindEnd()
    doubleWrite?.giveBackRoom()
  }

  /** For what is in doubt the next open holds back the same room again; it shall find it made. */
  async #keepRoom(): Promise<void> {
    const { log } = this.#opened.managers
    await log.room.wipeBehindEnd()
    if (log.reservedBytes > 0) log.reserve(0, 0)
  }

  /** Opened after a clean shutdown and not written since: the master record says so. */
  get #isCleanAlready(): boolean {
    return !this.recovery.wasNeeded && this.#opened.checkpointer.taken === 0
  }

  #checkOpen(): void {
    if (this.#closing !== undefined) throw new AriesError('DB_CLOSED', 'the database was closed; open it again')
    this.#opened.managers.failStop.checkForUser()
  }

  /** Closes: `await using db = await open(...)`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
