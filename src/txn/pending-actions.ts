/**
 * Pending actions (Mohan et al., TODS 1992, section 5.3, whose example is the "OSfile_return" record):
 * what may only happen once a transaction has committed, because it could not be undone, such as
 * freeing the pages of a dropped table. Each is logged as PENDING when it is decided, linked from the
 * COMMIT, carried out after it, closed one by one with PENDING_DONE and all together with END.
 *
 * ```
 *   PENDING a  <-- PENDING b  <-- COMMIT    PENDING_DONE a    PENDING_DONE b    END
 * ```
 *
 * An action works in steps that are system transactions of their own and that shrink the structure
 * they work on, so after a crash a step finds by itself how far the action had come. Only that it is
 * finished has to be logged: PENDING_DONE follows its last step in the log directly, before anyone can
 * have used what it freed.
 *
 * INVARIANT I32: what cannot be undone is freed only after the COMMIT is in the log.
 *
 * | OFFSET | SIZE | FIELD (payload of PENDING)                                |
 * |--------|------|-----------------------------------------------------------|
 * | 0      | 8    | LSN of the PENDING before it in this transaction, 0 = none |
 * | 8      | ...  | the action, as its resource manager encodes it            |
 *
 * | OFFSET | SIZE | FIELD (payload of PENDING_DONE)       |
 * |--------|------|---------------------------------------|
 * | 0      | 8    | LSN of the PENDING that is carried out |
 */
import { setU53 } from '../common/bytes.ts'
import { type Lsn, NULL_LSN } from '../common/ids.ts'
import { type Linked, LinkedList } from '../common/linked-list.ts'
import { Queue } from '../common/queue.ts'
import type { LogManager } from '../log/log-manager.ts'
import { CLR_HEADER_BYTES, RecordType } from '../log/log-record.ts'
import { pendingLsnOf } from '../recovery/analysis.ts'
import type { PageWriter } from '../recovery/page-writer.ts'
import { type TransactionEntry, TxnStatus } from '../recovery/transaction-table.ts'
import type { Rollback } from '../recovery/undo.ts'
import type { PendingAction } from './active-transaction.ts'

const LINK_BYTES = 8

/** Logs an action to be carried out when `entry` commits. @throws `DISK_FULL` */
export function logPending(writer: PageWriter, entry: TransactionEntry, payload: Uint8Array): PendingAction {
  writer.log.reserve(0, LINK_BYTES + payload.length + CLR_HEADER_BYTES)
  const at = writer.append(entry, RecordType.PENDING, NULL_LSN, LINK_BYTES + payload.length)
  setU53(writer.log.view, at, entry.lastPendingLsn)
  writer.log.bytes.set(payload, at + LINK_BYTES)
  const lsn = writer.finish()
  entry.lastPendingLsn = lsn
  return { lsn, payload }
}

/** The actions of a committed or prepared transaction that are not done yet, oldest first, read from the log. */
export function readPending(log: LogManager, entry: TransactionEntry): PendingAction[] {
  const done = entry.status === TxnStatus.PREPARED ? new Set<Lsn>() : readDone(log, entry)
  const actions: PendingAction[] = []
  for (let lsn = entry.lastPendingLsn; lsn !== NULL_LSN; ) {
    const record = log.read(lsn)
    if (!done.has(lsn))
      actions.push({ lsn, payload: record.bytes.slice(record.payloadStart + LINK_BYTES, record.payloadEnd) })
    lsn = pendingLsnOf(record)
  }
  // The chain leads from the youngest to the oldest.
  return actions.reverse()
}

/** What of a committed transaction's actions has been carried out: it says so behind its COMMIT. */
function readDone(log: LogManager, entry: TransactionEntry): Set<Lsn> {
  const done = new Set<Lsn>()
  let lsn = entry.lastLsn
  for (let record = log.read(lsn); record.type !== RecordType.COMMIT; record = log.read(lsn)) {
    if (record.type === RecordType.PENDING_DONE) done.add(pendingLsnOf(record))
    lsn = record.prevLsn
  }
  return done
}

interface Committed extends Linked<Committed> {
  readonly entry: TransactionEntry
  /** Number of its commit: readers from before it hold its actions back. */
  readonly csn: number
  readonly actions: readonly PendingAction[]
  /** How many of them are carried out. */
  done: number
}

/** The actions of committed transactions, carried out in the background one step at a time. */
export class PendingQueue {
  readonly #writer: PageWriter
  readonly #rollback: Rollback
  readonly #runStep: (payload: Uint8Array) => boolean
  readonly #isSeenByAll: (csn: number) => boolean
  /** Those that can go on, and in the order of their commits those that readers hold back. */
  readonly #queue = new Queue<Committed>()
  readonly #heldBack = new Queue<Committed>()
  /**
   * Of those held back, each that began before all who are behind it. So the first is the one that began first,
   * and when it is let go the next is: who committed before another and began after it never is.
   */
  readonly #begunFirst = new LinkedList<Committed>()
  #backlog = 0

  /**
   * `runStep` does one bounded step of an action and says whether the action is finished. What commit
   * `csn` gave up is freed when `isSeenByAll(csn)`: nobody reads the state before it any more.
   */
  constructor(
    writer: PageWriter,
    rollback: Rollback,
    runStep: (payload: Uint8Array) => boolean,
    isSeenByAll: (csn: number) => boolean,
  ) {
    this.#writer = writer
    this.#rollback = rollback
    this.#runStep = runStep
    this.#isSeenByAll = isSeenByAll
  }

  get size(): number {
    return this.#queue.size + this.#heldBack.size
  }

  /** How many actions could go on. */
  get backlog(): number {
    return this.#backlog
  }

  /** The first record of the oldest transaction whose actions readers hold back; all log since then is kept. */
  get heldBackLsn(): Lsn | undefined {
    this.#letGo()
    return this.#begunFirst.first?.entry.firstLsn
  }

  /** `csn` is the number of the commit. */
  add(entry: TransactionEntry, actions: readonly PendingAction[], csn: number): void {
    const committed: Committed = { entry, csn, actions, done: 0, previous: undefined, next: undefined }
    this.#heldBack.push(committed)
    const begunFirst = this.#begunFirst
    while (begunFirst.last !== undefined && begunFirst.last.entry.firstLsn > entry.firstLsn) {
      begunFirst.remove(begunFirst.last)
    }
    begunFirst.add(committed)
  }

  #letGo(): void {
    const heldBack = this.#heldBack
    while (heldBack.first !== undefined && this.#isSeenByAll(heldBack.first.csn)) {
      const { first } = heldBack
      heldBack.shift()
      if (first === this.#begunFirst.first) this.#begunFirst.remove(first)
      this.#queue.push(first)
      this.#backlog += first.actions.length
    }
  }

  /**
   * Does one step; returns whether there is more to do now.
   * @throws what the step throws (`DISK_FULL`, `PAGE_CORRUPT`, ...); the action stays in the queue
   */
  step(): boolean {
    this.#letGo()
    const committed = this.#queue.first
    if (committed === undefined) return false
    const { entry, actions } = committed
    const action = actions[committed.done]
    if (action !== undefined) {
      this.#writer.log.reserve(0, LINK_BYTES + 2 * CLR_HEADER_BYTES)
      if (this.#runStep(action.payload)) {
        this.#logDone(entry, action)
        committed.done++
        this.#backlog--
      }
    }
    if (committed.done === actions.length) {
      this.#rollback.end(entry)
      this.#queue.shift()
    }
    return this.#queue.size > 0
  }

  /** Moves the action that cannot go on behind the others, so that it does not hold them up. */
  postpone(): void {
    const { first } = this.#queue
    if (first === undefined) return
    this.#queue.shift()
    this.#queue.push(first)
  }

  #logDone(entry: TransactionEntry, action: PendingAction): void {
    const at = this.#writer.append(entry, RecordType.PENDING_DONE, NULL_LSN, LINK_BYTES)
    setU53(this.#writer.log.view, at, action.lsn)
    this.#writer.finish()
  }
}
