/**
 * The locks of one transaction, as its operations need them: a table by its name in the catalog, a
 * record by its key, a new key with the gap it comes into.
 *
 * Where a lock has to be waited for these return a promise; when it has resolved, the operation begins
 * again and asks again. So the usual case, in which nobody is in the way, needs no promise at all.
 */
import { AriesError } from '../common/errors.ts'
import type { PageId } from '../common/ids.ts'
import { LockMode } from '../lock/lock-mode.ts'
import type { ActiveTransaction } from '../txn/active-transaction.ts'
import { checkActive } from '../txn/transaction-manager.ts'
import type { Store } from './store.ts'

export class TransactionLocks {
  readonly #store: Store
  readonly #active: ActiveTransaction
  readonly #timeoutMs: number
  readonly #trees = new Map<string, { tree: PageId; mode: LockMode }>()

  constructor(store: Store, active: ActiveTransaction, timeoutMs: number) {
    this.#store = store
    this.#active = active
    this.#timeoutMs = timeoutMs
  }

  /** An operation that had to wait may find its transaction ended: a lock it took now, nobody would give back. */
  lock(tree: PageId, key: Uint8Array, mode: LockMode): Promise<void> | undefined {
    checkActive(this.#active)
    const wait = this.#store.locks.acquire(this.#active.owner, tree, key, 0, key.length, mode, this.#timeoutMs)
    return wait === undefined ? undefined : this.#orRolledBack(wait)
  }

  /**
   * Locks a key that will be put: its record, and if it is new the gap it comes into, unless nobody
   * keeps gaps in this tree. The new key splits the gap; what this transaction kept of it, it keeps of
   * both parts.
   */
  lockForPut(tree: PageId, key: Uint8Array): Promise<void> | undefined {
    const { locks } = this.#store
    if (!locks.keepsGapsIn(tree)) return this.lock(tree, key, LockMode.X)
    const next = this.#store.gapFor(tree, key)
    if (next === undefined) return this.lock(tree, key, LockMode.X)
    const wait = this.lock(tree, next, LockMode.gapI)
    if (wait !== undefined) return wait
    const keepsIt = locks.holds(this.#active.owner, tree, next, 0, next.length, LockMode.gapS)
    return this.lock(tree, key, keepsIt ? LockMode['X+gapS'] : LockMode.X)
  }

  /**
   * The tree of a table, with its catalog record locked in `mode` or a stronger one; undefined when
   * there is no such table; a promise when the lock must be waited for, after which it is called again.
   */
  treeFor(name: string, mode: LockMode): PageId | Promise<void> | undefined {
    const known = this.#trees.get(name)
    if (known !== undefined && known.mode >= mode) return known.tree
    const wait = this.lock(this.#store.catalogTree, this.#store.catalogKey(name), mode)
    if (wait !== undefined) return wait
    const tree = this.#store.findTree(name)
    if (tree !== undefined) this.#trees.set(name, { tree, mode })
    return tree
  }

  /** The same for those who can wait. */
  async treeOf(name: string, mode: LockMode): Promise<PageId | undefined> {
    for (;;) {
      const tree = this.treeFor(name, mode)
      if (typeof tree === 'number' || tree === undefined) return tree
      await tree
    }
  }

  /**
   * The tree to put into; makes the table when there is none. Who finds none locks the name exclusively
   * at once: if two took the weaker lock first, neither could get the stronger one.
   */
  treeForPut(name: string): PageId | Promise<void> {
    const known = this.#trees.get(name)
    if (known !== undefined && known.mode >= LockMode.IX) return known.tree
    const isThere = this.#store.findTree(name) !== undefined
    return (
      (isThere ? this.treeFor(name, LockMode.IX) : undefined) ?? this.treeFor(name, LockMode.X) ?? this.create(name)
    )
  }

  /** Makes the table, whose name is locked exclusively. */
  create(name: string): PageId {
    const tree = this.#store.createTree(this.#active, name)
    this.#trees.set(name, { tree, mode: LockMode.X })
    return tree
  }

  /** Removes the table, whose name is locked exclusively. */
  drop(name: string): void {
    this.#store.dropTree(this.#active, name)
    this.#trees.delete(name)
  }

  /** A rollback may have undone the making of a table; the locks stay, only the lookups are repeated. */
  forgetTrees(): void {
    this.#trees.clear()
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
