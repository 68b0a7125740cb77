/**
 * Walks a range of a table as a view has it: what was deleted since is there, what was inserted since is
 * not. Ghosts stay in the leaves while somebody may look for their older values, so the cursor meets every
 * key that the view could have.
 *
 * A walk that is going to change what it finds claims each key before it looks at its newest state. Claims
 * wait for locks; else nothing waits.
 */
import { CATALOG_TREE, nameOfKey } from '../btree/catalog.ts'
import type { TreeCursor } from '../btree/cursor.ts'
import { assert } from '../common/assert.ts'
import type { PageId } from '../common/ids.ts'
import { type ByteRange, isBeforeEnd } from './range.ts'
import type { VersionView } from './version-view.ts'

/** A walk over the entries of a range, one at a time. */
export interface Walk {
  /** The tree, once `next` has found an entry. */
  readonly tree: PageId
  /** The key of the entry that `next` has just found. */
  readonly key: Uint8Array
  /** A copy of its value. */
  value(): Uint8Array
  /**
   * Goes to the next entry: true, or false at the end of the range. A promise means that a lock has to be
   * waited for; call again when it has resolved.
   */
  next(): boolean | Promise<void>
  /** Gives back what the walk holds. It may be called more than once. */
  close(): void
}

export interface ViewWalkPorts {
  /** @throws why the view cannot be used any more, beside what the view itself knows */
  readonly check?: () => void
  /** Finds the tree of the table; undefined when there is none; a promise when it has to be called again. */
  readonly findTree: () => PageId | Promise<void> | undefined
  /** Locks a key that will be changed; returns a promise when it has to be called again after a wait. */
  readonly claim?: (tree: PageId, key: Uint8Array) => Promise<void> | undefined
  readonly onClose?: () => void
}

export class ViewWalk implements Walk {
  readonly #range: ByteRange
  readonly #view: VersionView
  readonly #ports: ViewWalkPorts
  #left: number
  #tree: PageId | undefined
  #cursor: TreeCursor | undefined
  #hasStarted = false
  #key: Uint8Array | undefined
  #value: Uint8Array | undefined
  /** Whether the entry at the cursor was left for a wait. */
  #isClaiming = false

  constructor(range: ByteRange, view: VersionView, ports: ViewWalkPorts) {
    this.#range = range
    this.#left = range.limit
    this.#view = view
    this.#ports = ports
  }

  get tree(): PageId {
    assert(this.#tree !== undefined, 'the walk has found an entry')
    return this.#tree
  }

  get key(): Uint8Array {
    assert(this.#key !== undefined, 'the walk has found an entry')
    return this.#key
  }

  value(): Uint8Array {
    assert(this.#value !== undefined, 'the walk has found an entry')
    return this.#value
  }

  next(): boolean | Promise<void> {
    if (this.#left <= 0) return false
    this.#ports.check?.()
    this.#view.check()
    if (this.#cursor === undefined) {
      const tree = this.#ports.findTree()
      if (typeof tree !== 'number') return tree ?? false
      this.#tree = tree
      this.#cursor = this.#view.store.cursor(tree)
    }
    const found = this.#nextOf(this.tree, this.#cursor)
    if (found === false) this.#left = 0
    else if (found === true) this.#left--
    return found
  }

  close(): void {
    this.#left = 0
    this.#ports.onClose?.()
  }

  #nextOf(tree: PageId, cursor: TreeCursor): boolean | Promise<void> {
    const { claim } = this.#ports
    for (;;) {
      if (!this.#isClaiming) {
        if (!this.#step(cursor)) return false
        this.#key = cursor.key()
        if (!isBeforeEnd(this.#range, this.#key)) return false
        this.#value = this.#valueAt(tree, cursor, this.#key)
        if (this.#value === undefined) continue
        if (claim === undefined) return true
        this.#isClaiming = true
      }
      const wait = claim?.(tree, this.key)
      if (wait !== undefined) return wait
      this.#isClaiming = false
      // Now it is locked, and the page has the state that will be changed; somebody may have deleted it.
      this.#value = cursor.value()
      if (this.#value !== undefined) return true
    }
  }

  #step(cursor: TreeCursor): boolean {
    if (this.#hasStarted) return cursor.advance()
    this.#hasStarted = true
    const { start, startInclusive, reverse } = this.#range
    return cursor.seek(start, { reverse, inclusive: startInclusive })
  }

  #valueAt(tree: PageId, cursor: TreeCursor, key: Uint8Array): Uint8Array | undefined {
    const version = this.#view.versionOf(tree, key)
    return version === undefined ? cursor.value() : this.#view.valueOf(version)
  }
}

const ALL: ByteRange = {
  start: undefined,
  startInclusive: true,
  end: undefined,
  endInclusive: true,
  reverse: false,
  limit: Number.POSITIVE_INFINITY,
}

/** The names of the tables as a view has them, sorted. @throws as `VersionView.get` */
export function tablesOf(view: VersionView): string[] {
  const walk = new ViewWalk(ALL, view, { findTree: () => CATALOG_TREE })
  const names: string[] = []
  while (walk.next() === true) names.push(nameOfKey(walk.key))
  return names
}
