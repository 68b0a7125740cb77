/**
 * The owner of locks, and the objects that hang on it: grants, waits, and the heads of the resources
 * they concern. All are linked through their own fields, without arrays or closures, and each kind
 * points at the others, which is why they share a file.
 *
 *                      LockOwner A      LockOwner B      LockOwner C
 *                          |                |                |
 *      LockHead ------ LockGrant S ---- LockGrant S          |        all granted
 *         |                |                                 |
 *         |            LockGrant IX  (A's next lock, in another head's list)
 *         |                                                  |
 *      LockQueue ----- LockWait S->X (of A) ---- LockWait X (of C)    upgrades first, then FIFO
 *
 * A head exists exactly while someone holds or waits for its resource, and while someone waits
 * someone holds: the first waiter of a resource without holders would have been granted.
 * A `LockQueue` exists only while someone waits, so the uncontended lock does not pay for it.
 */
import { type Lsn, NULL_LSN, type TxnId } from '../common/ids.ts'
import { KeyHead, type KeyTable } from '../common/key-table.ts'
import type { Cancel } from '../io/runtime.ts'
import { areCompatible, conflictsWithAny, type LockMode, type LockModeSet, modeBit, NO_MODES } from './lock-mode.ts'

/** What reports and the choice of a deadlock's victim read of a transaction, at that moment. */
export interface LockingTransaction {
  readonly txnId: TxnId
  /** When it began, for reports. */
  readonly startedMs: number
  /** Log written so far: what its rollback would have to undo. */
  readonly logBytes: number
  /** How often its work has been begun, from 1. */
  readonly attempt: number
  /** A transaction rolling back is never a victim (I20): it could only be rolled back again. */
  readonly isRollingBack: boolean
  /** Set when it is prepared: it may keep its locks for ever, and its name tells who can end it. */
  readonly preparedAs: { readonly name: string } | undefined
}

/**
 * A transaction as the lock manager sees it. The transaction owns one for its whole life and passes
 * it to every call; its locks are threaded through it, so that taking one needs no lookup by
 * transaction, and giving all back is one walk. It waits for at most one lock at a time: a
 * transaction runs its operations one by one. Everything but `transaction` is the lock manager's.
 */
export class LockOwner {
  readonly transaction: LockingTransaction
  /** Its locks in the order it took them. Intention locks come first and are found again at once. */
  firstGrant: LockGrant | undefined = undefined
  lastGrant: LockGrant | undefined = undefined
  /** How many they are. */
  lockCount = 0
  /** The spaces whose tables it holds exclusively, so that it has no locks in them. */
  coveredSpaces: Set<number> | undefined = undefined
  /** The request it waits for. */
  waiting: LockWait | undefined = undefined
  /** Its COMMIT, from when that is in the log: its locks do not keep others from overwriting. */
  yieldedLsn: Lsn = NULL_LSN
  /** The youngest COMMIT among those it has overwritten before they had given back their locks. */
  dependsOnLsn: Lsn = NULL_LSN
  /** The last deadlock search that reached it. */
  searchId = 0

  constructor(transaction: LockingTransaction) {
    this.transaction = transaction
  }
}

/** One resource, (space, key), that is locked now. */
export class LockHead extends KeyHead {
  firstGrant: LockGrant | undefined = undefined
  /** Every granted mode, and perhaps modes that were granted earlier: exact only after a walk. */
  grantedModes: LockModeSet = NO_MODES
  queue: LockQueue | undefined = undefined
}

/** Every resource that somebody holds or waits for. */
export type LockTable = KeyTable<LockHead>

/** One owner holds one resource in one mode. Short-lived and small: the young generation's business. */
export class LockGrant {
  readonly owner: LockOwner
  readonly head: LockHead
  mode: LockMode
  nextOfOwner: LockGrant | undefined = undefined
  nextOfHead: LockGrant | undefined = undefined
  previousOfHead: LockGrant | undefined = undefined

  constructor(owner: LockOwner, head: LockHead, mode: LockMode) {
    this.owner = owner
    this.head = head
    this.mode = mode
  }
}

/** One owner waits for one resource. */
export class LockWait {
  readonly owner: LockOwner
  readonly head: LockHead
  /** The mode it will hold: for an upgrade the supremum of the held mode and the one asked for. */
  readonly mode: LockMode
  /** What an upgrade holds already. */
  readonly held: LockGrant | undefined
  /** Whether it need not wait for those who have yielded. */
  readonly overwrites: boolean
  readonly sinceMs: number
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
  cancelTimer: Cancel | undefined = undefined
  next: LockWait | undefined = undefined
  previous: LockWait | undefined = undefined
  /** The last deadlock search that has seen every wait ahead of this one. */
  searchId = 0

  constructor(
    owner: LockOwner,
    head: LockHead,
    mode: LockMode,
    held: LockGrant | undefined,
    overwrites: boolean,
    sinceMs: number,
    resolve: () => void,
    reject: (error: unknown) => void,
  ) {
    this.owner = owner
    this.head = head
    this.mode = mode
    this.held = held
    this.overwrites = overwrites
    this.sinceMs = sinceMs
    this.resolve = resolve
    this.reject = reject
  }
}

/** Who waits for one resource, in the order they will be served. */
export class LockQueue {
  first: LockWait | undefined = undefined
  last: LockWait | undefined = undefined
  lastUpgrade: LockWait | undefined = undefined
  /** The last deadlock search that walked the holders, and for which modes it did. */
  searchId = 0
  searchedModes: LockModeSet = NO_MODES

  /** Appends an ordinary wait; puts an upgrade behind the upgrades and before all others. */
  add(wait: LockWait): void {
    const previous = wait.held === undefined ? this.last : this.lastUpgrade
    const next = previous === undefined ? this.first : previous.next
    wait.previous = previous
    wait.next = next
    if (previous === undefined) this.first = wait
    else previous.next = wait
    if (next === undefined) this.last = wait
    else next.previous = wait
    if (wait.held !== undefined) this.lastUpgrade = wait
  }

  remove(wait: LockWait): void {
    const { previous, next } = wait
    if (previous === undefined) this.first = next
    else previous.next = next
    if (next === undefined) this.last = previous
    else next.previous = previous
    // Only upgrades stand ahead of an upgrade.
    if (this.lastUpgrade === wait) this.lastUpgrade = previous
    wait.previous = undefined
    wait.next = undefined
  }
}

/** Makes `owner` a holder: first in the head's list, last in its own. */
export function addGrant(owner: LockOwner, head: LockHead, mode: LockMode): void {
  const grant = new LockGrant(owner, head, mode)
  const nextOfHead = head.firstGrant
  grant.nextOfHead = nextOfHead
  if (nextOfHead !== undefined) nextOfHead.previousOfHead = grant
  head.firstGrant = grant
  head.grantedModes = nextOfHead === undefined ? modeBit(mode) : head.grantedModes | modeBit(mode)
  if (owner.lastGrant === undefined) owner.firstGrant = grant
  else owner.lastGrant.nextOfOwner = grant
  owner.lastGrant = grant
  owner.lockCount++
}

/** Makes a holder hold a stronger mode. */
export function raiseGrant(grant: LockGrant, mode: LockMode): void {
  grant.mode = mode
  grant.head.grantedModes |= modeBit(mode)
}

/**
 * Takes the owner's grants of `space` that `isSuperfluous` names out of its own list, and returns them as
 * a list of that kind. Their heads' lists stay as they are.
 */
export function takeGrants(
  owner: LockOwner,
  space: number,
  isSuperfluous: (mode: LockMode) => boolean,
): LockGrant | undefined {
  let firstTaken: LockGrant | undefined
  let lastKept: LockGrant | undefined
  let grant = owner.firstGrant
  while (grant !== undefined) {
    const { nextOfOwner } = grant
    if (grant.head.space !== space || !isSuperfluous(grant.mode)) {
      lastKept = grant
    } else {
      if (lastKept === undefined) owner.firstGrant = nextOfOwner
      else lastKept.nextOfOwner = nextOfOwner
      grant.nextOfOwner = firstTaken
      firstTaken = grant
      owner.lockCount--
    }
    grant = nextOfOwner
  }
  owner.lastGrant = lastKept
  return firstTaken
}

/**
 * Takes a grant out of its head's list. It points at no other holder any more: all who have the same table lock would
 * else keep each other alive for the garbage collector, each of the dead the next.
 */
export function unlinkFromHead(grant: LockGrant): void {
  const { head, previousOfHead, nextOfHead } = grant
  if (previousOfHead === undefined) head.firstGrant = nextOfHead
  else previousOfHead.nextOfHead = nextOfHead
  if (nextOfHead !== undefined) nextOfHead.previousOfHead = previousOfHead
  grant.previousOfHead = undefined
  grant.nextOfHead = undefined
}

/**
 * The owner's lock on the resource. Both lists that contain it are walked in step: a record has few
 * holders, and a table, which may have thousands, is among the first locks of each of them.
 */
export function findGrant(owner: LockOwner, head: LockHead): LockGrant | undefined {
  let ofHead = head.firstGrant
  let ofOwner = owner.firstGrant
  while (ofHead !== undefined && ofOwner !== undefined) {
    if (ofHead.owner === owner) return ofHead
    if (ofOwner.head === head) return ofOwner
    ofHead = ofHead.nextOfHead
    ofOwner = ofOwner.nextOfOwner
  }
  return undefined
}

/**
 * Whether `mode` fits every holder but `except`, the asker's own grant; and, if the asker `overwrites`, but
 * those who have yielded.
 */
export function fitsHolders(
  head: LockHead,
  mode: LockMode,
  except: LockGrant | undefined,
  overwrites: boolean,
): boolean {
  if (!conflictsWithAny(mode, head.grantedModes)) return true
  let modes: LockModeSet = NO_MODES
  for (let grant = head.firstGrant; grant !== undefined; grant = grant.nextOfHead) {
    if (isInTheWay(grant, except, overwrites) && !areCompatible(mode, grant.mode)) return false
    modes |= modeBit(grant.mode)
  }
  head.grantedModes = modes
  return true
}

/** Whether a holder counts for who asks: it is another one, and has not yielded to those who overwrite. */
export function isInTheWay(grant: LockGrant, except: LockGrant | undefined, overwrites: boolean): boolean {
  return grant !== except && !(overwrites && grant.owner.yieldedLsn !== NULL_LSN)
}

/** Notes whom `owner`, which has just been let in to overwrite, has not waited for. */
export function noteYielded(owner: LockOwner, head: LockHead): void {
  for (let grant = head.firstGrant; grant !== undefined; grant = grant.nextOfHead) {
    const { yieldedLsn } = grant.owner
    if (yieldedLsn > owner.dependsOnLsn) owner.dependsOnLsn = yieldedLsn
  }
}
