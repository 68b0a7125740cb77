/**
 * The tables whose names one transaction has locked. Most transactions use a few, and looking through these costs less
 * than a map would; who uses thousands would look through them thousands of times.
 */
import type { PageId } from '../common/ids.ts'
import type { LockMode } from '../lock/lock-mode.ts'
import { TableLock } from './table-lock.ts'

/** More are found by maps. */
const FEW_TABLES = 16

export class LockedTables {
  readonly #escalateAt: number
  #youngest: TableLock | undefined
  #count = 0
  #byName: Map<string, TableLock> | undefined
  /** What it says holds as long as the table itself says the same. */
  #byTree: Map<PageId, TableLock> | undefined

  /** A table is tried for as a whole after so many locks on its keys. */
  constructor(escalateAt: number) {
    this.#escalateAt = escalateAt
  }

  /** Adds a table that is not among them. */
  add(name: string, mode: LockMode): TableLock {
    const table = new TableLock(name, mode, this.#escalateAt, this.#youngest)
    this.#youngest = table
    if (++this.#count > FEW_TABLES) this.#note(table)
    return table
  }

  #note(added: TableLock): void {
    if (this.#byName !== undefined) {
      this.#byName.set(added.name, added)
      return
    }
    this.#byName = new Map()
    this.#byTree = new Map()
    for (let table = this.#youngest; table !== undefined; table = table.next) {
      this.#byName.set(table.name, table)
      if (table.tree !== undefined) this.#byTree.set(table.tree, table)
    }
  }

  /** Notes where a table is. */
  know(table: TableLock, tree: PageId): void {
    table.tree = tree
    this.#byTree?.set(tree, table)
  }

  named(name: string): TableLock | undefined {
    if (this.#byName !== undefined) return this.#byName.get(name)
    let table = this.#youngest
    while (table !== undefined && table.name !== name) table = table.next
    return table
  }

  /** The table that is known to be at `tree`. */
  at(tree: PageId): TableLock | undefined {
    if (this.#byTree !== undefined) {
      const table = this.#byTree.get(tree)
      return table?.tree === tree ? table : undefined
    }
    let table = this.#youngest
    while (table !== undefined && table.tree !== tree) table = table.next
    return table
  }

  /** What is known of where they are does not hold any more. */
  forgetTrees(): void {
    for (let table = this.#youngest; table !== undefined; table = table.next) table.tree = undefined
  }
}
