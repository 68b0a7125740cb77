/**
 * Deadlock detection: a search of the waits-for graph at the moment a wait begins.
 *
 *     A waits for X on k1     B holds k1, waits for X on k2     A holds k2:     A -> B -> A
 *
 * NODES are owners; only a waiting one has edges. An upgrade waits for the holders its new mode
 * conflicts with. An ordinary wait waits for the holders it conflicts with and for EVERY wait ahead
 * of it, compatible or not: service is in order, so S | IX, IS keeps the IS behind the IX although
 * it fits both, and a cycle through that edge never resolves by itself.
 *
 * WHY THE START SUFFICES. There is no cycle before the wait (I21), and each edge the wait adds
 * leaves its owner or, for an upgrade that goes before others, enters it. So every cycle passes
 * through the new waiter, and one search from it finds it if there is one. Grants add no edge from
 * a waiter, and the end of a wait only takes edges away.
 *
 * NOBODY WAITS FOR MOST, and then nothing is searched. A cycle enters the new waiter too, from a wait for a lock
 * that it holds or from a wait behind its own. An ordinary wait is the last of its queue, so there is none if no lock
 * of its owner has a queue. The lock that is upgraded has one: the upgrade itself is in it.
 *
 * BREADTH FIRST, because the shortest cycle names no bystander: each of its members is needed, and
 * breaking it costs one victim. A resource's queue and its holders are walked once a search, not
 * once a waiter, so that a hot key with n waiters costs O(n).
 */
import { assert } from '../common/assert.ts'
import { areCompatible, modeBit, NO_MODES } from './lock-mode.ts'
import type { LockOwner, LockWait } from './lock-owner.ts'

/** More locks than so many are not looked through: one search may cost less. */
const LOCKS_LOOKED_AT_MAX = 16

export class DeadlockSearch {
  #searchId = 0
  #requester: LockOwner | undefined = undefined
  /** The owners reached, in breadth-first order, and for each the index of the one it was reached from. */
  readonly #reached: LockOwner[] = []
  readonly #parents: number[] = []

  /** The shortest cycle through `requester`, each member waiting for the next, or undefined. */
  findCycle(requester: LockOwner): LockOwner[] | undefined {
    if (!mayBeWaitedFor(requester)) return undefined
    this.#searchId++
    this.#requester = requester
    requester.searchId = this.#searchId
    this.#reached.push(requester)
    this.#parents.push(-1)
    let cycle: LockOwner[] | undefined
    for (let index = 0; index < this.#reached.length && cycle === undefined; index++) {
      const wait = (this.#reached[index] as LockOwner).waiting
      if (wait === undefined) continue
      if (this.#expandHolders(wait, index) || this.#expandWaitsAhead(wait, index)) cycle = this.#pathTo(index)
    }
    // Emptied so that no finished transaction is kept alive.
    this.#reached.length = 0
    this.#parents.length = 0
    this.#requester = undefined
    return cycle
  }

  /** Follows the edges to conflicting holders; true when one leads back to the requester. */
  #expandHolders(wait: LockWait, index: number): boolean {
    const queue = wait.head.queue
    assert(queue !== undefined, 'a waited-for resource has a queue')
    if (queue.searchId !== this.#searchId) {
      queue.searchId = this.#searchId
      queue.searchedModes = NO_MODES
    }
    if ((queue.searchedModes & modeBit(wait.mode)) !== 0) return false
    // The requester's own walk skips its own grant, the very one that others must find.
    if (index > 0) queue.searchedModes |= modeBit(wait.mode)
    for (let grant = wait.head.firstGrant; grant !== undefined; grant = grant.nextOfHead) {
      if (grant === wait.held || areCompatible(wait.mode, grant.mode)) continue
      if (this.#reach(grant.owner, index)) return true
    }
    return false
  }

  /** Follows the edges to the waits ahead; true when one leads back to the requester. */
  #expandWaitsAhead(wait: LockWait, index: number): boolean {
    if (wait.held !== undefined) return false
    let ahead: LockWait | undefined = wait
    while (ahead.searchId !== this.#searchId) {
      ahead.searchId = this.#searchId
      ahead = ahead.previous
      if (ahead === undefined) return false
      if (this.#reach(ahead.owner, index)) return true
    }
    return false
  }

  #reach(owner: LockOwner, parent: number): boolean {
    if (owner === this.#requester) return true
    if (owner.searchId === this.#searchId) return false
    owner.searchId = this.#searchId
    this.#reached.push(owner)
    this.#parents.push(parent)
    return false
  }

  #pathTo(index: number): LockOwner[] {
    const path: LockOwner[] = []
    for (let at = index; at >= 0; at = this.#parents[at] as number) path.push(this.#reached[at] as LockOwner)
    return path.reverse()
  }
}

/** Whether anybody may wait for the owner of this new wait; false only when nobody does. */
function mayBeWaitedFor({ lockCount, firstGrant }: LockOwner): boolean {
  if (lockCount > LOCKS_LOOKED_AT_MAX) return true
  for (let grant = firstGrant; grant !== undefined; grant = grant.nextOfOwner) {
    if (grant.head.queue !== undefined) return true
  }
  return false
}

/** What a rollback takes to cost beside the log: the transaction's work is begun again. */
const COST_BYTES_MIN = 1024
/** So many times as much each further attempt weighs. */
const COST_PER_ATTEMPT = 4

/**
 * The member whose rollback costs least, and among equals the youngest. The cost is what it has logged,
 * four times as much with each attempt: a small transaction that has been the victim again and again wins
 * against one of a megabyte at the sixth attempt, so nobody is the victim for ever. One that is rolling
 * back is never taken (I20).
 */
export function chooseVictim(cycle: readonly LockOwner[]): LockOwner {
  let victim: LockOwner | undefined
  for (const owner of cycle) {
    if (owner.transaction.isRollingBack) continue
    if (victim === undefined || isCheaper(owner, victim)) victim = owner
  }
  assert(victim !== undefined, 'a deadlock has a member that is not rolling back')
  return victim
}

function isCheaper(a: LockOwner, b: LockOwner): boolean {
  const costOfA = rollbackCost(a)
  const costOfB = rollbackCost(b)
  return costOfA !== costOfB ? costOfA < costOfB : a.transaction.txnId > b.transaction.txnId
}

function rollbackCost({ transaction: { logBytes, attempt } }: LockOwner): number {
  return (COST_BYTES_MIN + logBytes) * COST_PER_ATTEMPT ** (attempt - 1)
}
