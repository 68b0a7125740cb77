/**
 * Walks a range of a table and locks each entry before it counts. It is synchronous: where a lock must
 * be waited for it returns the promise, and is called again after it. That keeps the usual case, in which
 * nobody is in the way, free of promises.
 */
import type { TreeCursor } from '../btree/cursor.ts'
import { assert } from '../common/assert.ts'
import type { PageId } from '../common/ids.ts'
import { type ByteRange, RangeWalk } from './range.ts'

export class LockedWalk {
  readonly #range: ByteRange
  readonly #findTree: () => PageId | Promise<void> | undefined
  readonly #openCursor: (tree: PageId) => TreeCursor
  readonly #lock: (tree: PageId, key: Uint8Array) => Promise<void> | undefined
  #tree: PageId | undefined
  #walk: RangeWalk | undefined
  #left: number
  /** Whether the walk stands on an entry that has not been locked and looked at yet. */
  #isOpen = false
  #hasWaited = false

  /**
   * `findTree` locks the table and finds its tree, undefined when there is none; `lock` locks an entry.
   * Both return a promise when they have to be called again after a wait.
   */
  constructor(
    range: ByteRange,
    findTree: () => PageId | Promise<void> | undefined,
    openCursor: (tree: PageId) => TreeCursor,
    lock: (tree: PageId, key: Uint8Array) => Promise<void> | undefined,
  ) {
    this.#range = range
    this.#left = range.limit
    this.#findTree = findTree
    this.#openCursor = openCursor
    this.#lock = lock
  }

  /** The tree of the table, once `next` has found an entry. */
  get tree(): PageId {
    assert(this.#tree !== undefined, 'the walk has found an entry')
    return this.#tree
  }

  /** The key of the entry that `next` has just found. */
  get key(): Uint8Array {
    return this.#current.key
  }

  /** A copy of its value. */
  value(): Uint8Array {
    return this.#current.value()
  }

  get #current(): RangeWalk {
    assert(this.#walk !== undefined, 'the walk has found an entry')
    return this.#walk
  }

  /**
   * Goes to the next entry that is there and locked: true, or false at the end of the range. A promise
   * means that a lock has to be waited for; call again when it has resolved.
   */
  next(): boolean | Promise<void> {
    if (this.#left <= 0) return false
    if (this.#walk === undefined) {
      const tree = this.#findTree()
      if (typeof tree !== 'number') return tree ?? false
      this.#tree = tree
      this.#walk = new RangeWalk(this.#openCursor(tree), this.#range)
    }
    return this.#nextOf(this.tree, this.#walk)
  }

  #nextOf(tree: PageId, walk: RangeWalk): boolean | Promise<void> {
    while (this.#stand(walk)) {
      const wait = this.#lock(tree, walk.key)
      if (wait !== undefined) {
        this.#hasWaited = true
        return wait
      }
      this.#isOpen = false
      if (walk.isGhost) continue
      this.#left--
      return true
    }
    this.#left = 0
    return false
  }

  /** Stands on an entry; false at the end. After a wait the entry may have gone, and another be there. */
  #stand(walk: RangeWalk): boolean {
    if (!this.#isOpen) this.#isOpen = walk.next()
    else if (this.#hasWaited) this.#isOpen = walk.renew()
    this.#hasWaited = false
    return this.#isOpen
  }
}
