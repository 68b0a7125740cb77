/**
 * The transaction manager: begin, commit, abort, savepoints of users' transactions. What the engine does for itself
 * is in `system-transactions.ts`.
 *
 * COMMIT appends the COMMIT record and then does what the durability level asks:
 *
 * | level  | acknowledged when the record is             | survives                                   |
 * |--------|---------------------------------------------|--------------------------------------------|
 * | `full` | durable (shared flush)                      | process kill, kernel crash, power loss      |
 * | `lazy` | written to the operating system             | process kill; power loss after a flush      |
 * | `none` | in the log buffer                           | nothing by itself; what survives is a prefix |
 *
 * Locks are held until then (strict two-phase locking, I21); at `full` they are yielded as soon as the record is
 * in the log to those who overwrite without looking (`lock-manager.ts`), who are acknowledged only after it. At every level what survives a crash is a
 * prefix of the commit order, because there is one log.
 *
 * PREPARE makes a transaction in doubt: it has done its work and can be committed or rolled back, but which
 * of the two another decides (two-phase commit). It keeps its locks, over restarts too (I36), until
 * `commit` or `abort`. Its rollback is acknowledged only once it is durable: whoever decides may forget it then.
 * It keeps its read locks as well while this process lives; a restart does not take them again, and need
 * not: who will do nothing more has had all locks at one moment, and that is where its place in the order is.
 *
 * INVARIANTS
 * - I2  a commit is acknowledged at `full` only when its COMMIT is durable, and at every level only when all is that
 *       it has overwritten
 * - I9  a transaction is asked for its state before anything is logged for it; END is its last record
 * - I21 locks are held until the commit is acknowledged or the rollback has ended
 * - I36 what is prepared stays so, under its name, until its `commit` or `abort`
 */
import { assert } from '../common/assert.ts'
import { asTxnId, type Lsn, NULL_LSN } from '../common/ids.ts'
import { LinkedList } from '../common/linked-list.ts'
import type { FailStop } from '../io/fail-stop.ts'
import { laterTurn, type Runtime } from '../io/runtime.ts'
import type { LockManager } from '../lock/lock-manager.ts'
import { RECORD_HEADER_BYTES } from '../log/log-record.ts'
import type { PageWriter } from '../recovery/page-writer.ts'
import { logPrepare } from '../recovery/prepare-record.ts'
import { TransactionEntry, type TransactionTable, TxnStatus } from '../recovery/transaction-table.ts'
import type { Rollback } from '../recovery/undo.ts'
import { ActiveTransaction, type PendingAction, type PreparedAs, type SavepointMark } from './active-transaction.ts'
import { COMMIT_PAYLOAD_BYTES, logCommit } from './commit-record.ts'
import { DurableCommits } from './durable-commits.ts'
import { GiveWay } from './give-way.ts'
import { LazyCommits } from './lazy-commits.ts'
import { logPending, type PendingQueue } from './pending-actions.ts'
import { closedError, nameTaken, outcomeUnknown } from './refusals.ts'
import type { VersionStore } from './version-store.ts'

/** When a commit is acknowledged; see the table above. */
export type Durability = 'none' | 'lazy' | 'full'

/** Records undone in one turn of the event loop. */
const UNDO_SLICE_RECORDS = 100

const DONE: Promise<void> = Promise.resolve()

/** What a transaction manager works with. */
export interface TransactionManagerParts {
  /** Logs what is no change of a page, such as COMMIT. */
  readonly writer: PageWriter
  readonly rollback: Rollback
  readonly table: TransactionTable
  readonly locks: LockManager
  readonly runtime: Runtime
  readonly failStop: FailStop
  /** Takes what is to be done after a commit. */
  readonly pending: PendingQueue
  /** Numbers the commits, for those who read without locks. */
  readonly versions: VersionStore
  /** One more than the greatest number in the log. */
  readonly nextTxnId: number
}

export class TransactionManager {
  readonly statistics = { committed: 0, aborted: 0, readOnly: 0 }
  readonly #writer: PageWriter
  readonly #rollback: Rollback
  readonly #table: TransactionTable
  readonly #locks: LockManager
  readonly #runtime: Runtime
  readonly #failStop: FailStop
  readonly #pending: PendingQueue
  readonly #versions: VersionStore
  readonly #giveWay: GiveWay
  readonly #active = new LinkedList<ActiveTransaction>()
  /** How many commits and rollbacks are under way, and who waits for them to end. */
  #underWay = 0
  readonly #onSettled: (() => void)[] = []
  readonly #durableCommits = new DurableCommits({
    flushedLsn: () => this.#writer.log.flushedLsn,
    waitDurable: (lsn) => this.#writer.log.waitDurable(lsn),
    committed: (transaction) => this.#committed(transaction),
    ended: (count) => this.#endWork(count),
  })
  readonly #lazyCommits = new LazyCommits<ActiveTransaction>({
    writeOut: () => this.#writer.log.writeOut(),
    committed: (transaction) => this.#committed(transaction),
    ended: (count) => {
      this.#endWork(count)
      return this.giveWay(count)
    },
  })
  /** Those that are prepared, or being so, by name, until they have ended. */
  readonly #named = new Map<string, ActiveTransaction>()
  #nextTxnId: number
  /** The last COMMIT of a user's transaction in the log; those of before the restart are durable. */
  #lastCommitLsn: Lsn = NULL_LSN

  constructor(parts: TransactionManagerParts) {
    this.#writer = parts.writer
    this.#rollback = parts.rollback
    this.#table = parts.table
    this.#locks = parts.locks
    this.#runtime = parts.runtime
    this.#failStop = parts.failStop
    this.#pending = parts.pending
    this.#versions = parts.versions
    this.#giveWay = new GiveWay(parts.runtime)
    this.#nextTxnId = parts.nextTxnId
    this.#writer.log.isSomebodyAtWork = () => this.#active.size > this.#underWay
  }

  get nextTxnId(): number {
    return this.#nextTxnId
  }

  /** The transactions that have begun and not ended. */
  get active(): Iterable<ActiveTransaction> & { readonly size: number } {
    return this.#active
  }

  /** An entry with a number of its own, not yet in the table. */
  newEntry(): TransactionEntry {
    return new TransactionEntry(asTxnId(this.#nextTxnId++))
  }

  begin(): ActiveTransaction {
    const transaction = new ActiveTransaction(this.newEntry(), this.#runtime.nowMs())
    this.#active.add(transaction)
    return transaction
  }

  /** Takes over a prepared transaction that restart has found. Its locks are the caller's to take. */
  adopt(entry: TransactionEntry, preparedAs: PreparedAs, pending: PendingAction[]): ActiveTransaction {
    const transaction = new ActiveTransaction(entry, this.#runtime.nowMs(), pending)
    transaction.preparedAs = preparedAs
    transaction.state = 'prepared'
    this.#active.add(transaction)
    this.#named.set(preparedAs.name, transaction)
    return transaction
  }

  /** The prepared transactions whose outcome is open, in the order in which they were prepared. */
  get inDoubt(): ActiveTransaction[] {
    return [...this.#named.values()].filter(({ state }) => state === 'prepared')
  }

  /** To be called once an operation: now and then a promise to wait for, so that timers and input come to run. */
  giveWay(operations = 1): Promise<void> | undefined {
    return this.#giveWay.count(operations)
  }

  /** To be asked before an operation that holds nothing yet: as `GiveWay.enter`. */
  enter(): Promise<void> | undefined {
    return this.#giveWay.enter()
  }

  /**
   * Prepares. Resolves when no crash can take it back: the transaction is in doubt.
   * Rejects with `TX_OUTCOME_UNKNOWN` when the log could not be written: after a reopen it is in doubt, or
   * rolled back. @throws `TX_NAME_TAKEN`, `DISK_FULL`, `DB_FAILED`; the transaction is as it was then
   */
  prepare(transaction: ActiveTransaction, name: string): Promise<void> {
    assert(transaction.state === 'active', 'an active transaction is prepared')
    if (this.#named.has(name)) throw nameTaken(name)
    this.#failStop.check()
    const lsn = logPrepare(this.#writer, transaction.entry, name)
    transaction.preparedAs = { name, lsn }
    transaction.state = 'preparing'
    this.#named.set(name, transaction)
    // It reads no more, and holds nothing back for that.
    transaction.ended()
    return this.#awaitPrepared(transaction, lsn)
  }

  async #awaitPrepared(transaction: ActiveTransaction, lsn: Lsn): Promise<void> {
    this.#underWay++
    try {
      await this.#writer.log.waitDurable(lsn)
    } catch (error) {
      throw outcomeUnknown('prepare', error)
    } finally {
      this.#endWork()
    }
    transaction.state = 'prepared'
  }

  /**
   * Commits. Resolves when the transaction is as durable as `durability` asks. One that has logged nothing, because
   * what it was to change was so already, is as durable as the last COMMIT: what it found may be of that one.
   * Rejects with `TX_OUTCOME_UNKNOWN` when the log could not be written: a reopen decides.
   */
  commit(transaction: ActiveTransaction, durability: Durability): Promise<void> {
    assert(transaction.state === 'active' || transaction.state === 'prepared', 'an open transaction commits')
    if (!transaction.hasWritten && !transaction.wasAskedToWrite) {
      this.#committed(transaction)
      return DONE
    }
    this.#failStop.check()
    return this.#versions.isLarge(transaction)
      ? this.#commitLarge(transaction, durability)
      : this.#commit(transaction, durability)
  }

  /**
   * The same for a large one. It holds all its locks to its end, and that comes when what it has changed is noted for
   * all who may not see it: before its COMMIT is logged, and for who begins to read while that is on its way to the
   * disk, behind it.
   */
  async #commitLarge(transaction: ActiveTransaction, durability: Durability): Promise<void> {
    transaction.state = 'committing'
    // It reads no more, and nothing is noted for that.
    transaction.ended()
    this.#underWay++
    try {
      await this.#noteAll(transaction)
      this.#failStop.check()
      transaction.commitLsn = this.#logCommit(transaction)
      await this.#awaitCommit(transaction, durability)
      while (this.#versions.mustNoteAll(transaction)) await this.#noteAll(transaction)
      // Those whom it has overwritten come before it.
      this.#durableCommits.endDurable()
      this.#committed(transaction)
    } catch (error) {
      // Once its COMMIT is in the log it cannot be rolled back any more.
      if (transaction.commitLsn === NULL_LSN) this.#stuck(transaction, error)
      else this.#failStop.stopOnBug(error)
      throw error
    } finally {
      this.#endWork()
    }
  }

  async #noteAll(transaction: ActiveTransaction): Promise<void> {
    if (this.#versions.mustNoteAll(transaction)) {
      await this.#versions.noteAll(transaction, () => laterTurn(this.#runtime))
    }
  }

  /** Has the COMMIT of a large transaction as durable as is asked for, and at `full` if what it has overwritten is not. */
  async #awaitCommit(transaction: ActiveTransaction, durability: Durability): Promise<void> {
    const { log } = this.#writer
    try {
      if (durability === 'full' || this.#dependsOnTheDisk(transaction)) await log.waitDurable(transaction.commitLsn)
      else if (durability === 'lazy') log.writeOut()
    } catch (error) {
      throw outcomeUnknown('commit', error)
    }
  }

  #commit(transaction: ActiveTransaction, durability: Durability): Promise<void> {
    const lsn = transaction.hasWritten ? this.#logCommit(transaction) : this.#lastCommitLsn
    transaction.state = 'committing'
    if ((durability === 'full' && this.#isVolatile(lsn)) || this.#dependsOnTheDisk(transaction)) {
      this.#locks.yieldAll(transaction.owner, lsn)
      this.#underWay++
      return this.#durableCommits.join(transaction, lsn)
    }
    this.#durableCommits.endDurable()
    if (durability === 'lazy') {
      this.#underWay++
      return this.#lazyCommits.join(transaction)
    }
    this.#committed(transaction)
    return this.giveWay() ?? DONE
  }

  /** Whether it has overwritten what is not durable yet. */
  #dependsOnTheDisk({ owner }: ActiveTransaction): boolean {
    return this.#isVolatile(owner.dependsOnLsn)
  }

  /** Whether there is a record at `lsn` that is not durable yet. */
  #isVolatile(lsn: Lsn): boolean {
    return lsn !== NULL_LSN && lsn >= this.#writer.log.flushedLsn
  }

  /**
   * To be asked before a transaction looks at anything: a promise to wait for if it has overwritten what is not
   * durable yet, undefined if not. Rejects with `DB_FAILED`.
   */
  awaitOverwritten(transaction: ActiveTransaction): Promise<void> | undefined {
    if (!this.#dependsOnTheDisk(transaction)) return undefined
    return this.#writer.log.waitDurable(transaction.owner.dependsOnLsn)
  }

  /** Has lazy commits written and acknowledged now, whose locks may be in somebody's way; whether there were any. */
  endLazyCommits(): boolean {
    return this.#lazyCommits.end()
  }

  #logCommit(transaction: ActiveTransaction): Lsn {
    const { entry } = transaction
    this.#rollback.spendReserve(entry, RECORD_HEADER_BYTES + COMMIT_PAYLOAD_BYTES)
    this.#lastCommitLsn = logCommit(this.#writer, entry)
    return this.#lastCommitLsn
  }

  /** So many commits, a prepare or a rollback have ended, whether they succeeded or not. */
  #endWork(count = 1): void {
    this.#underWay -= count
    if (this.#underWay === 0) for (const settled of this.#onSettled.splice(0)) settled()
  }

  /** Whether a commit, a prepare or a rollback is under way. */
  get isEnding(): boolean {
    return this.#underWay > 0
  }

  /** Resolves when no commit, no prepare and no rollback is under way any more, whether they succeeded or not. */
  settled(): Promise<void> {
    if (this.#underWay === 0) return DONE
    return new Promise((resolve) => this.#onSettled.push(resolve))
  }

  #committed(transaction: ActiveTransaction): void {
    if (transaction.hasWritten) this.#endWritten(transaction)
    else this.statistics.readOnly++
    this.#finish(transaction, 'committed')
  }

  #endWritten(transaction: ActiveTransaction): void {
    const { entry, pending } = transaction
    transaction.ended()
    const csn = this.#versions.commit(transaction)
    if (pending.length > 0) this.#pending.add(entry, pending, csn)
    else this.#rollback.end(entry)
    this.statistics.committed++
  }

  #finish(transaction: ActiveTransaction, state: 'committed' | 'aborted'): void {
    transaction.state = state
    transaction.ended()
    // After a commit none are left. Who has put what was there, or deleted what was not, has noted it all the same.
    this.#versions.rollback(transaction)
    this.#locks.releaseAll(transaction.owner)
    this.#active.remove(transaction)
    if (transaction.preparedAs !== undefined) this.#named.delete(transaction.preparedAs.name)
  }

  /**
   * Rolls everything back and ends the transaction.
   * Rejects with `PAGE_CORRUPT`, `IO_ERROR`, `DISK_FULL` or `DB_FAILED` when a change cannot be
   * undone now; its locks stay then, `abort` may be called again, and a restart does the same.
   */
  abort(transaction: ActiveTransaction): Promise<void> {
    const { owner, state } = transaction
    assert(state === 'active' || state === 'prepared' || state === 'stuck', 'an open transaction aborts')
    this.#locks.cancelWait(owner, transaction.cause ?? closedError('it was aborted'))
    transaction.state = 'rolling-back'
    return this.#abort(transaction)
  }

  async #abort(transaction: ActiveTransaction): Promise<void> {
    const { entry } = transaction
    this.#underWay++
    try {
      this.#failStop.check()
      if (transaction.hasWritten) {
        if (entry.status !== TxnStatus.ABORTING) this.#rollback.begin(entry)
        await this.#undoSliced(transaction, NULL_LSN)
        const endLsn = this.#rollback.end(entry)
        if (transaction.preparedAs !== undefined) await this.#writer.log.waitDurable(endLsn)
      }
    } catch (error) {
      this.#stuck(transaction, error)
      throw error
    } finally {
      this.#endWork()
    }
    this.statistics.aborted++
    this.#finish(transaction, 'aborted')
  }

  /** Undoes down to `toLsn`, some records a turn. */
  async #undoSliced(transaction: ActiveTransaction, toLsn: Lsn): Promise<void> {
    const { entry } = transaction
    let records = 0
    while (entry.undoNextLsn > toLsn) {
      this.#failStop.check()
      this.#rollback.undoNext(entry)
      this.#versions.undone(transaction, entry.undoNextLsn)
      if (++records % UNDO_SLICE_RECORDS === 0) await laterTurn(this.#runtime)
    }
  }

  savepoint(transaction: ActiveTransaction): SavepointMark {
    return { lsn: transaction.entry.lastLsn, pendingCount: transaction.pending.length }
  }

  /**
   * Undoes what was done since the savepoint; locks stay. Rejects as `abort` does; then a part is undone
   * and the transaction can only be aborted.
   */
  async rollbackTo(transaction: ActiveTransaction, mark: SavepointMark): Promise<void> {
    this.#underWay++
    try {
      await this.#undoSliced(transaction, mark.lsn)
    } catch (error) {
      if (transaction.state === 'active') this.#stuck(transaction, error)
      throw error
    } finally {
      this.#endWork()
    }
    this.#forgetPendingSince(transaction, mark)
  }

  /**
   * Undoes what an operation had done before it failed, at once, so that a transaction is never left
   * with half an operation. When that fails too, the transaction can only be aborted.
   */
  undoOperation(transaction: ActiveTransaction, mark: SavepointMark): void {
    try {
      this.#failStop.check()
      this.#rollback.rollback(transaction.entry, mark.lsn)
      this.#versions.undone(transaction, mark.lsn)
      this.#forgetPendingSince(transaction, mark)
    } catch (error) {
      // The operation's own error is the one to report; the state says that the rest is not undone.
      this.#stuck(transaction, error)
    }
  }

  /** It could not be rolled back, or not as far as it should be; but for a bug, it may be tried again. */
  #stuck(transaction: ActiveTransaction, error: unknown): void {
    transaction.state = 'stuck'
    this.#failStop.stopOnBug(error)
  }

  #forgetPendingSince({ entry, pending }: ActiveTransaction, mark: SavepointMark): void {
    pending.length = mark.pendingCount
    entry.lastPendingLsn = pending.at(-1)?.lsn ?? NULL_LSN
  }

  /** Decides that `payload` is to be carried out when the open transaction `entry` commits. @throws `DISK_FULL` */
  addPending(entry: TransactionEntry, payload: Uint8Array): void {
    // It is among the youngest: most transactions have begun a moment ago.
    let transaction = this.#active.last
    while (transaction !== undefined && transaction.entry !== entry) transaction = transaction.previous
    assert(transaction !== undefined, 'only an open user transaction leaves something for after its commit')
    transaction.pending.push(logPending(this.#writer, entry, payload))
  }

  /** The oldest transaction that holds the log back, for statistics. */
  get oldestEntry(): TransactionEntry | undefined {
    return this.#table.oldest()
  }
}
