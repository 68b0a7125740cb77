/**
 * The locks of one transaction, as its operations need them: a table by its name in the catalog, a
 * record by its key, a new key with the gap it comes into; and the table as a whole in place of too many
 * keys of it (`table-lock.ts` says when).
 *
 * Whoever reads or writes a key locks its table first, also where the key itself needs no lock any more.
 *
 * Where a lock has to be waited for these return a promise; when it has resolved, the operation begins
 * again and asks again. So the usual case, in which nobody is in the way, needs no promise at all.
 */
import { CATALOG_TREE } from '../btree/catalog.ts'
import { AriesError } from '../common/errors.ts'
import type { PageId } from '../common/ids.ts'
import { LockMode, supremum } from '../lock/lock-mode.ts'
import type { ActiveTransaction } from '../txn/active-transaction.ts'
import { checkActive } from '../txn/refusals.ts'
import { rollBackBecause } from './cancellation.ts'
import { LockedTables } from './locked-tables.ts'
import type { Store } from './store.ts'
import type { TableLock } from './table-lock.ts'
import type { VersionView } from './version-view.ts'

export class TransactionLocks {
  readonly #store: Store
  readonly #active: ActiveTransaction
  readonly #timeoutMs: number
  /** How the transaction reads, if without locks. */
  readonly #view: VersionView | undefined
  /** The tables whose names are locked. */
  readonly #tables: LockedTables
  /** The table of the last operation: most often the next one's too. */
  #latest: TableLock | undefined
  #treeChanges = 0

  constructor(store: Store, active: ActiveTransaction, timeoutMs: number, view: VersionView | undefined) {
    this.#store = store
    this.#active = active
    this.#timeoutMs = timeoutMs
    this.#view = view
    this.#tables = new LockedTables(store.locks.settings.escalateAt)
  }

  /**
   * Locks a key of a table, unless the table's lock covers that. An operation that had to wait may find
   * its transaction ended: a lock it took now, nobody would give back.
   */
  lock(tree: PageId, key: Uint8Array, mode: LockMode): Promise<void> | undefined {
    return this.#store.transactions.awaitOverwritten(this.#active) ?? this.#lock(tree, key, mode, false)
  }

  /** The same; who `overwrites` will not look at what is there, and need not wait for who has yielded. */
  #lock(tree: PageId, key: Uint8Array, mode: LockMode, overwrites: boolean): Promise<void> | undefined {
    checkActive(this.#active)
    const table = this.#tableAt(tree)
    if (table === undefined) return this.#acquire(tree, key, mode)
    if (table.covers(mode)) return undefined
    const escalation = table.escalation(mode)
    if (escalation !== undefined) {
      const wait = this.#escalate(table, tree, mode, escalation)
      if (wait !== undefined || table.covers(mode)) return wait
    }
    const { owner } = this.#active
    const { lockCount } = owner
    const wait = overwrites ? this.#acquireToOverwrite(tree, key) : this.#acquire(tree, key, mode)
    if (wait !== undefined || owner.lockCount > lockCount) table.count(mode)
    return wait
  }

  /**
   * Locks a key that will be put: its record, and if it is new the gap it comes into, unless nobody
   * keeps gaps in this tree. The new key splits the gap; what this transaction kept of it, it keeps of
   * both parts. `overwrites`: the transaction looks at nothing but with locks, so that it need not wait for
   * who has yielded.
   */
  lockForPut(tree: PageId, key: Uint8Array, overwrites: boolean): Promise<void> | undefined {
    const { locks } = this.#store
    if (!locks.keepsGapsIn(tree)) return this.#lock(tree, key, LockMode.X, overwrites)
    const next = this.#store.gapFor(tree, key)
    if (next === undefined) return this.lock(tree, key, LockMode.X)
    const wait = this.lock(tree, next, LockMode.gapI)
    if (wait !== undefined) return wait
    const keepsIt = locks.holds(this.#active.owner, tree, next, LockMode.gapS)
    return this.lock(tree, key, keepsIt ? LockMode['X+gapS'] : LockMode.X)
  }

  /** Whether the key itself, and not only its table, is locked to be written. */
  holdsExclusively(tree: PageId, key: Uint8Array): boolean {
    return this.#store.locks.holds(this.#active.owner, tree, key, LockMode.X)
  }

  /**
   * The tree of a table, with its catalog record locked in `mode` or a stronger one; undefined when
   * there is no such table; a promise when the lock must be waited for, after which it is called again.
   */
  treeFor(name: string, mode: LockMode): PageId | Promise<void> | undefined {
    const known = this.#tableNamed(name)
    if (known?.tree !== undefined && known.holds(mode)) return known.tree
    checkActive(this.#active)
    const wait = this.#acquire(CATALOG_TREE, this.#store.catalog.keyOf(name), mode)
    if (wait !== undefined) return wait
    const table = this.#locked(name, mode)
    const tree = this.#store.findTree(name)
    if (tree !== undefined) this.#know(table, tree)
    return tree
  }

  /** Notes that a table's name is locked in `mode`, or a stronger one from before. */
  #locked(name: string, mode: LockMode): TableLock {
    const known = this.#tableNamed(name)
    if (known === undefined) return this.#tables.add(name, mode)
    known.mode = supremum(known.mode, mode)
    return known
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
   * The names of the tables, which are locked now; a promise when one must be waited for. It is called again then,
   * and looks at them all anew: meanwhile a commit may have made several, also where a first look had passed.
   */
  tableNames(): string[] | Promise<void> {
    const names: string[] = []
    for (const name of this.#store.tableNames()) {
      const tree = this.treeFor(name, LockMode.IS)
      if (tree === undefined) continue
      if (typeof tree !== 'number') return tree
      names.push(name)
    }
    return names
  }

  /**
   * The tree to put into; undefined when there is none, and the table is the caller's to make. Who finds none
   * locks the name exclusively at once: if two took the weaker lock first, neither could get the stronger one.
   */
  treeForPut(name: string): PageId | Promise<void> | undefined {
    const known = this.#tableNamed(name)
    if (known?.tree !== undefined && known.holds(LockMode.IX)) return known.tree
    const isThere = this.#store.findTree(name) !== undefined
    const found = (isThere ? this.treeFor(name, LockMode.IX) : undefined) ?? this.treeFor(name, LockMode.X)
    if (found === undefined) this.#view?.checkTableUnchanged(name)
    return found
  }

  /** Makes the table, whose name is locked exclusively. */
  create(name: string): PageId {
    const tree = this.#store.createTree(this.#active, name)
    this.#know(this.#locked(name, LockMode.X), tree)
    return tree
  }

  /** How often what was known of where tables are may have become wrong. */
  get treeChanges(): number {
    return this.#treeChanges
  }

  /** Removes the table, whose name is locked exclusively. */
  drop(name: string): void {
    this.#store.dropTree(this.#active, name)
    const table = this.#tableNamed(name)
    if (table !== undefined) table.tree = undefined
    this.#treeChanges++
  }

  /** A rollback may have undone the making of a table; the locks stay, only the lookups are repeated. */
  forgetTrees(): void {
    this.#tables.forgetTrees()
    this.#treeChanges++
  }

  /** Notes where a locked table is. It may be locked as a whole: if this transaction made it, say. */
  #know(table: TableLock, tree: PageId): void {
    const { locks } = this.#store
    const { owner } = this.#active
    locks.names.set(tree, table.name)
    this.#tables.know(table, tree)
    this.#latest = table
    if (!table.covers(LockMode.S)) return
    // To look for locks on its keys takes as long as the transaction has locks: in a new table it has none.
    if (table.mayHoldKeys) locks.cover(owner, tree, table.mode)
    else locks.coverUnlocked(owner, tree, table.mode)
    table.escalated(table.mode)
  }

  #tableAt(tree: PageId): TableLock | undefined {
    if (this.#latest?.tree !== tree) this.#latest = this.#tables.at(tree)
    return this.#latest
  }

  #tableNamed(name: string): TableLock | undefined {
    if (this.#latest?.name !== name) this.#latest = this.#tables.named(name)
    return this.#latest
  }

  /** Tries for the table as a whole; a promise when it is worth waiting for. */
  #escalate(table: TableLock, tree: PageId, mode: LockMode, tableMode: LockMode): Promise<void> | undefined {
    const { locks } = this.#store
    const name = this.#store.catalog.keyOf(table.name)
    if (locks.escalate(this.#active.owner, name, tree, tableMode)) {
      table.escalated(locks.tableModeOf(this.#active.owner, name) ?? tableMode)
      return undefined
    }
    return table.refused(mode) ? this.#acquire(CATALOG_TREE, name, tableMode) : undefined
  }

  #acquire(tree: PageId, key: Uint8Array, mode: LockMode): Promise<void> | undefined {
    const wait = this.#store.locks.acquire(this.#active.owner, tree, key, mode, this.#timeoutMs)
    return wait === undefined ? undefined : this.#orRolledBack(wait)
  }

  #acquireToOverwrite(tree: PageId, key: Uint8Array): Promise<void> | undefined {
    const wait = this.#store.locks.acquireToOverwrite(this.#active.owner, tree, key, this.#timeoutMs)
    return wait === undefined ? undefined : this.#orRolledBack(wait)
  }

  /** A deadlock's victim, and who is cancelled, is rolled back before its caller hears of it. */
  async #orRolledBack(wait: Promise<void>): Promise<void> {
    try {
      await wait
    } catch (error) {
      const isVictim = AriesError.is(error) && error.code === 'TX_DEADLOCK' && this.#active.state === 'active'
      if (isVictim) void rollBackBecause(error, this.#store, this.#active)
      if (error === this.#active.cause) await this.#active.forcedRollback
      throw error
    }
  }
}
