/**
 * The lock manager: strict two-phase locks on (space, key). `space` is a tree's id; a table is locked
 * with intention modes on its catalog record, a record with S or X on its own key, the gap before it
 * with the key-range modes of lock-mode.ts on the same key.
 *
 *     acquire --- free, or fits the holders and nobody waits ------------------> granted, synchronously
 *        |
 *        +------- else: queue -> deadlock search -> timer ---> granted | TX_DEADLOCK | TX_LOCK_TIMEOUT
 *                                                                      | the error of cancelWait or close
 *
 * ORDER. A request waits behind everyone who waits, even when it fits the holders, so nobody starves.
 * An upgrade alone goes before ordinary waits: they wait for its holder anyhow. It waits only for the
 * other holders, not for other upgrades, so it never waits without need; it starves nobody, because
 * the holders are finitely many and each can rise only a few modes. When a lock goes, the upgrades
 * that now fit are granted, and if none is left waiting the longest prefix of the others that fits.
 *
 * DEADLOCK. Each wait begins with a search (`deadlock.ts`). The victim's wait is rejected; what it
 * holds stays locked until its rollback has ended and gives it back with `releaseAll` (I21).
 *
 * ESCALATION. A transaction with many locks in one table tries for the table as a whole, and gives back
 * what it need not lock any more. Whoever locks a key has locked the table first, so that lets nobody in.
 *
 * YIELDING. Who has its COMMIT in the log reads and writes no more, but keeps its locks until that is durable:
 * nobody shall see what a crash may take back. Who overwrites a key without looking at it sees nothing, and is
 * let in; what it does comes behind that COMMIT in the log, and is not durable without it. From then on it
 * depends on that COMMIT, and is to look at nothing and to be acknowledged in no way before that is durable.
 * (Pre-committed transactions: DeWitt et al., SIGMOD 1984; Graefe et al., Controlled Lock Violation, SIGMOD
 * 2013. Both let readers in too.)
 *
 * Everything runs to completion: a grant only resolves a promise, so the code that waited runs after
 * the caller is done, in the order of the grants.
 *
 * INVARIANTS
 * - No two owners hold conflicting modes of one resource, but for those who have yielded (I21).
 * - After `acquire` returns there is no cycle of waits (I21).
 * - Whoever waits, waits for someone: there is no lost wake-up.
 * - A transaction that rolls back is no deadlock's victim (I20).
 * - Locks on keys are given back early only by who holds their table in a mode that covers them.
 */
import { assert } from '../common/assert.ts'
import type { AriesError } from '../common/errors.ts'
import { type Lsn, NULL_LSN } from '../common/ids.ts'
import { hashKey, KeyTable } from '../common/key-table.ts'
import { SILENT, type Tracer } from '../common/tracer.ts'
import type { Runtime } from '../io/runtime.ts'
import { chooseVictim, DeadlockSearch } from './deadlock.ts'
import { coversKeys, keepsGap, LockMode, supremum } from './lock-mode.ts'
import {
  addGrant,
  findGrant,
  fitsHolders,
  type LockGrant,
  LockHead,
  type LockOwner,
  LockQueue,
  type LockTable,
  LockWait,
  noteYielded,
  raiseGrant,
  takeGrants,
  unlinkFromHead,
} from './lock-owner.ts'
import {
  deadlockError,
  type LockReport,
  type LockStats,
  reportLocks,
  SpaceNames,
  timeoutError,
  tracedLock,
} from './lock-report.ts'
import { SpaceCounts } from './space-counts.ts'

/** What the lock manager has to know of what it locks. */
export interface LockSettings {
  /** The space of the tables' names. A table is locked there, its keys in the space of its tree. */
  readonly tableSpace: number
  /** So many locks of one transaction in one table, and it shall try to lock the table as a whole. */
  readonly escalateAt: number
}

/** What the trace says of a request. */
type Told = 'locked' | 'lock-wait' | 'lock-granted'

export class LockManager {
  readonly settings: LockSettings
  /** What reports and errors call the spaces. */
  readonly names: SpaceNames
  tracer: Tracer = SILENT
  readonly #runtime: Runtime
  readonly #table: LockTable = new KeyTable((keyCapacity) => new LockHead(keyCapacity))
  readonly #deadlockSearch = new DeadlockSearch()
  #closeError: AriesError | undefined = undefined
  /** How many locks of a space keep gaps: none, and inserts need not look at their gaps. */
  readonly #gapsKept = new SpaceCounts()
  /** The spaces that are locked as a whole, and by how many: a tree's page may serve another tree later. */
  readonly #covered = new SpaceCounts()
  #held = 0
  #waiting = 0
  #waits = 0
  #deadlocks = 0
  #timeouts = 0
  #escalations = 0

  constructor(runtime: Runtime, settings: LockSettings) {
    this.#runtime = runtime
    this.settings = settings
    this.names = new SpaceNames(settings.tableSpace)
  }

  /**
   * Locks `key` of `space` for `owner` in at least `mode`. The key is copied.
   * Returns undefined when the lock is granted at once, else a promise that resolves when it is. An
   * owner must not call this while it waits.
   *
   * The promise rejects with `TX_DEADLOCK` (`details.cycle` lists `DeadlockStep`s) when this wait is
   * given up to break a deadlock, `TX_LOCK_TIMEOUT` after `timeoutMs` (Infinity: never), or the error
   * given to `cancelWait` or `close`. What the owner held before it still holds.
   */
  acquire(
    owner: LockOwner,
    space: number,
    key: Uint8Array,
    mode: LockMode,
    timeoutMs: number,
  ): Promise<void> | undefined {
    return this.#acquire(owner, space, key, mode, timeoutMs, false)
  }

  /** As `acquire` in mode X, for who will store something under the key without having looked at it: see YIELDING. */
  acquireToOverwrite(owner: LockOwner, space: number, key: Uint8Array, timeoutMs: number): Promise<void> | undefined {
    return this.#acquire(owner, space, key, LockMode.X, timeoutMs, true)
  }

  #acquire(
    owner: LockOwner,
    space: number,
    key: Uint8Array,
    mode: LockMode,
    timeoutMs: number,
    overwrites: boolean,
  ): Promise<void> | undefined {
    assert(owner.waiting === undefined, 'a transaction waits for one lock at a time')
    if (this.#closeError !== undefined) return Promise.reject(this.#closeError)
    const hash = hashKey(space, key, 0, key.length)
    const head = this.#table.find(hash, space, key, 0, key.length)
    if (head === undefined) {
      this.#grant(owner, this.#table.insert(hash, space, key, 0, key.length), mode, 'locked')
      return undefined
    }
    const held = findGrant(owner, head)
    if (held === undefined) {
      if (head.queue !== undefined || !fitsHolders(head, mode, undefined, overwrites)) {
        return this.#wait(owner, head, mode, undefined, timeoutMs, overwrites)
      }
      this.#grant(owner, head, mode, 'locked')
    } else {
      const target = supremum(held.mode, mode)
      if (target === held.mode) return undefined
      if (!fitsHolders(head, target, held, overwrites)) {
        return this.#wait(owner, head, target, held, timeoutMs, overwrites)
      }
      this.#raise(held, target, 'locked')
    }
    if (overwrites) noteYielded(owner, head)
    return undefined
  }

  /** Whether a new owner would be granted the lock at once. */
  isFreeFor(space: number, key: Uint8Array, mode: LockMode): boolean {
    return this.#isFreeFor(space, key, mode, false)
  }

  /** Whether a new owner would be let in at once by `acquireToOverwrite`. */
  isFreeToOverwrite(space: number, key: Uint8Array): boolean {
    return this.#isFreeFor(space, key, LockMode.X, true)
  }

  #isFreeFor(space: number, key: Uint8Array, mode: LockMode, overwrites: boolean): boolean {
    if (this.#closeError !== undefined) return false
    if (this.#held === 0) return true
    const head = this.#table.find(hashKey(space, key, 0, key.length), space, key, 0, key.length)
    return head === undefined || (head.queue === undefined && fitsHolders(head, mode, undefined, overwrites))
  }

  /** Whether anyone keeps others from inserting somewhere in `space`. */
  keepsGapsIn(space: number): boolean {
    return this.#gapsKept.has(space)
  }

  /** Whether `owner` holds the resource in `mode` or a stronger one. */
  holds(owner: LockOwner, space: number, key: Uint8Array, mode: LockMode): boolean {
    const held = this.#grantOf(owner, space, key)
    return held !== undefined && supremum(held.mode, mode) === held.mode
  }

  /** The mode in which `owner` holds a table, undefined when it does not. */
  tableModeOf(owner: LockOwner, name: Uint8Array): LockMode | undefined {
    return this.#grantOf(owner, this.settings.tableSpace, name)?.mode
  }

  /** Whether anyone holds or waits for the resource, in any mode, or holds all of its space exclusively. */
  isLocked(space: number, key: Uint8Array, keyStart: number, keyEnd: number): boolean {
    if (this.#covered.has(space)) return true
    return this.#table.find(hashKey(space, key, keyStart, keyEnd), space, key, keyStart, keyEnd) !== undefined
  }

  /**
   * Locks the table `name`, whose keys are locked in `space`, as a whole, if nobody is in the way, and
   * gives back what the owner need not lock any more. `mode` is S or X; the owner holds the table in
   * some mode already. Never waits; returns whether the table is locked now.
   */
  escalate(owner: LockOwner, name: Uint8Array, space: number, mode: LockMode): boolean {
    const held = this.#grantOf(owner, this.settings.tableSpace, name)
    assert(held !== undefined, 'who locks keys holds their table')
    const target = supremum(held.mode, mode)
    if (target !== held.mode) {
      if (!fitsHolders(held.head, target, held, false)) return false
      this.#raise(held, target, 'locked')
    }
    this.cover(owner, space, target)
    this.#escalations++
    return true
  }

  /**
   * Gives back the locks of `owner` in `space` that it need not hold because it holds the table in
   * `tableMode`. With X all keys of the space count as locked until the owner gives everything back.
   */
  cover(owner: LockOwner, space: number, tableMode: LockMode): void {
    this.coverUnlocked(owner, space, tableMode)
    const { lockCount } = owner
    let grant = takeGrants(owner, space, (mode) => coversKeys(tableMode, mode))
    const released = lockCount - owner.lockCount
    if (released > 0) this.tracer.listener?.({ kind: 'escalated', txnId: owner.transaction.txnId, space, released })
    while (grant !== undefined) {
      const { nextOfOwner } = grant
      this.#giveBack(grant)
      grant = nextOfOwner
    }
  }

  /**
   * Lets those pass who only overwrite what `owner` has locked: its COMMIT is in the log, at `commitLsn`, and
   * what comes behind it there cannot be durable without it.
   */
  yieldAll(owner: LockOwner, commitLsn: Lsn): void {
    owner.yieldedLsn = commitLsn
    this.tracer.listener?.({ kind: 'yielded', txnId: owner.transaction.txnId, commitLsn })
    if (this.#waiting === 0) return
    for (let grant = owner.firstGrant; grant !== undefined; grant = grant.nextOfOwner) {
      if (grant.head.queue !== undefined) this.#grantWaits(grant.head, grant.head.queue)
    }
  }

  /**
   * Gives back every lock of `owner`, which must not be waiting, and grants what others waited for.
   * The owner may be used again.
   */
  releaseAll(owner: LockOwner): void {
    assert(owner.waiting === undefined, 'a transaction that waits cannot end')
    let grant = owner.firstGrant
    if (grant !== undefined) {
      this.tracer.listener?.({ kind: 'unlocked', txnId: owner.transaction.txnId, released: owner.lockCount })
    }
    owner.firstGrant = undefined
    owner.lastGrant = undefined
    owner.lockCount = 0
    owner.yieldedLsn = NULL_LSN
    owner.dependsOnLsn = NULL_LSN
    for (const space of owner.coveredSpaces ?? []) this.#covered.add(space, -1)
    owner.coveredSpaces = undefined
    while (grant !== undefined) {
      const { nextOfOwner } = grant
      this.#giveBack(grant)
      grant = nextOfOwner
    }
  }

  /** Ends the owner's wait, if it waits, by rejecting it with `error`. */
  cancelWait(owner: LockOwner, error: AriesError): void {
    if (owner.waiting !== undefined) this.#reject(owner.waiting, error)
  }

  /**
   * Rejects every wait with `error`, and every later `acquire` too. Locks stay held until their
   * owners give them back.
   */
  close(error: AriesError): void {
    this.#closeError = error
    for (const head of this.#table.heads()) {
      const queue = head.queue
      head.queue = undefined
      for (let wait = queue?.first; wait !== undefined; wait = wait.next) {
        this.#refuse(wait, error)
      }
    }
  }

  get stats(): LockStats {
    return {
      held: this.#held,
      waiting: this.#waiting,
      waits: this.#waits,
      deadlocks: this.#deadlocks,
      timeouts: this.#timeouts,
      escalations: this.#escalations,
    }
  }

  /** Who holds and who waits for what, by space and key. */
  snapshot(): LockReport[] {
    return reportLocks(this.#table, this.names, this.#runtime.nowMs())
  }

  #grantOf(owner: LockOwner, space: number, key: Uint8Array): LockGrant | undefined {
    const head = this.#table.find(hashKey(space, key, 0, key.length), space, key, 0, key.length)
    return head === undefined ? undefined : findGrant(owner, head)
  }

  /** Ends a grant that its owner's list has no more. */
  #giveBack(grant: LockGrant): void {
    const { head } = grant
    unlinkFromHead(grant)
    if (keepsGap(grant.mode)) this.#gapsKept.add(head.space, -1)
    this.#held--
    if (head.queue !== undefined) this.#grantWaits(head, head.queue)
    else if (head.firstGrant === undefined) this.#table.remove(head)
  }

  /** The same for an owner that has no locks in `space`. */
  coverUnlocked(owner: LockOwner, space: number, tableMode: LockMode): void {
    if (tableMode !== LockMode.X) return
    owner.coveredSpaces ??= new Set()
    if (owner.coveredSpaces.has(space)) return
    owner.coveredSpaces.add(space)
    this.#covered.add(space, 1)
  }

  #grant(owner: LockOwner, head: LockHead, mode: LockMode, told: Told): void {
    addGrant(owner, head, mode)
    this.#held++
    if (keepsGap(mode)) this.#gapsKept.add(head.space, 1)
    this.#tell(told, owner, head, mode)
  }

  #raise(held: LockGrant, mode: LockMode, told: Told): void {
    if (keepsGap(mode) && !keepsGap(held.mode)) this.#gapsKept.add(held.head.space, 1)
    raiseGrant(held, mode)
    this.#tell(told, held.owner, held.head, mode)
  }

  #wait(
    owner: LockOwner,
    head: LockHead,
    mode: LockMode,
    held: LockGrant | undefined,
    timeoutMs: number,
    overwrites: boolean,
  ): Promise<void> {
    return new Promise((resolve, reject) => {
      const wait = new LockWait(owner, head, mode, held, overwrites, this.#runtime.nowMs(), resolve, reject)
      head.queue ??= new LockQueue()
      head.queue.add(wait)
      owner.waiting = wait
      this.#waiting++
      this.#waits++
      this.#tell('lock-wait', owner, head, mode)
      this.#breakDeadlocks(owner)
      if (owner.waiting === wait && timeoutMs < Number.POSITIVE_INFINITY) {
        wait.cancelTimer = this.#runtime.after(timeoutMs, () => this.#timeOut(wait, timeoutMs))
      }
    })
  }

  #tell(kind: Told, owner: LockOwner, head: LockHead, mode: LockMode): void {
    const { listener } = this.tracer
    if (listener !== undefined) listener({ kind, ...tracedLock(owner, head, mode, this.names) })
  }

  /** One wait may close several cycles, and a victim's end may even grant the wait. */
  #breakDeadlocks(requester: LockOwner): void {
    while (requester.waiting !== undefined) {
      const cycle = this.#deadlockSearch.findCycle(requester)
      if (cycle === undefined) return
      const victim = chooseVictim(cycle)
      this.#deadlocks++
      this.tracer.listener?.({
        kind: 'deadlock',
        victim: victim.transaction.txnId,
        members: cycle.map(({ transaction }) => transaction.txnId),
      })
      this.#reject(victim.waiting as LockWait, deadlockError(cycle, victim, this.names))
    }
  }

  #timeOut(wait: LockWait, timeoutMs: number): void {
    assert(wait.owner.waiting === wait, 'the timer of an ended wait is cancelled')
    this.#timeouts++
    this.#reject(wait, timeoutError(wait, timeoutMs, this.names))
  }

  /** Ends a wait without its lock. Those behind it may have waited for it alone. */
  #reject(wait: LockWait, error: AriesError): void {
    const { head } = wait
    const queue = head.queue
    assert(queue !== undefined, 'a waited-for resource has a queue')
    queue.remove(wait)
    this.#refuse(wait, error)
    this.#grantWaits(head, queue)
  }

  #refuse(wait: LockWait, error: AriesError): void {
    this.#endWait(wait)
    const { owner, head, mode } = wait
    this.tracer.listener?.({ kind: 'lock-refused', code: error.code, ...tracedLock(owner, head, mode, this.names) })
    wait.reject(error)
  }

  #endWait(wait: LockWait): void {
    wait.owner.waiting = undefined
    this.#waiting--
    wait.cancelTimer?.()
  }

  /** Grants the upgrades that fit; if none is left waiting, then the others up to the first that does not. */
  #grantWaits(head: LockHead, queue: LockQueue): void {
    let wait = queue.first
    while (wait !== undefined) {
      const { next } = wait
      if (wait.held === undefined && queue.lastUpgrade !== undefined) break
      if (fitsHolders(head, wait.mode, wait.held, wait.overwrites)) this.#grantWait(wait, queue)
      else if (wait.held === undefined) break
      wait = next
    }
    if (queue.first === undefined) head.queue = undefined
    assert(head.firstGrant !== undefined, 'a resource that was waited for has a holder')
  }

  #grantWait(wait: LockWait, queue: LockQueue): void {
    queue.remove(wait)
    this.#endWait(wait)
    if (wait.held !== undefined) this.#raise(wait.held, wait.mode, 'lock-granted')
    else this.#grant(wait.owner, wait.head, wait.mode, 'lock-granted')
    if (wait.overwrites) noteYielded(wait.owner, wait.head)
    wait.resolve()
  }
}
