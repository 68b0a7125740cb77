/**
 * A cursor walks a tree in key order, either way, ghosts included: whoever uses it takes the lock on a
 * key before it decides what a ghost means.
 *
 * It holds no pin between calls. It remembers the leaf, the slot, the leaf's pageLsn and the key: as
 * long as no page was freed and the pageLsn is the same, the slot is too; else it goes down from the
 * root again by the key.
 * So it stays right while others insert, split, merge and delete between calls, and after its own
 * entry is gone.
 */

import type { BufferManager } from '../buffer/buffer-manager.ts'
import { assert } from '../common/assert.ts'
import { copyBytes } from '../common/bytes.ts'
import { asPageId, NULL_LSN, type PageId } from '../common/ids.ts'
import { pageIdOf, pageLsnOf, rightSiblingOf, slotCountOf } from '../page/page.ts'
import type { BTree } from './btree.ts'
import { LeafBatch } from './leaf-batch.ts'
import {
  cellAt,
  copyKeyFrom,
  findSlot,
  flagsOf,
  GHOST_FLAG,
  keyLengthOf,
  lowFenceLengthOf,
  lowFenceOf,
  maxKeyBytes,
  storedValueAt,
  type Tree,
} from './node-page.ts'
import { fixLeaf, fixLeafBefore } from './tree-context.ts'

/** The least key there could be: below every key, at or above the first fence. */
const LEAST_KEY = new Uint8Array(0)

export interface SeekOptions {
  /** Walk towards smaller keys. */
  readonly reverse: boolean
  /** Whether an entry with exactly the sought key counts. */
  readonly inclusive: boolean
}

export class TreeCursor {
  readonly #btree: BTree
  readonly #buffer: BufferManager
  readonly #tree: Tree
  readonly #key: Uint8Array
  #keyLength = 0
  #reverse = false
  #leaf: PageId = asPageId(0)
  #slot = -1
  #leafLsn = NULL_LSN
  #freedPageCount = 0

  constructor(btree: BTree, tree: Tree) {
    this.#btree = btree
    this.#buffer = btree.context.buffer
    this.#tree = tree
    this.#key = new Uint8Array(maxKeyBytes(this.#buffer.pageSize))
  }

  /**
   * Goes to the first entry at or after `key` (before, in reverse), or to the very first without a
   * key; false when there is none. `advance` goes on in the same direction.
   * @throws `PAGE_CORRUPT`, `POOL_EXHAUSTED`, `IO_ERROR`
   */
  seek(key: Uint8Array | undefined, options: SeekOptions): boolean {
    this.#reverse = options.reverse
    return options.reverse ? this.#seekBackward(key, options.inclusive) : this.#seekForward(key, options.inclusive)
  }

  /** Goes to the next entry in the direction of the last `seek`; false at the end. @throws as `seek` */
  advance(): boolean {
    assert(this.#slot >= 0, 'the cursor is at an entry')
    const page = this.#fixUnchanged()
    if (page < 0) {
      return this.seek(this.key(), { reverse: this.#reverse, inclusive: false })
    }
    return this.#reverse ? this.#settleBackward(page, this.#slot - 1) : this.#settleForward(page, this.#slot + 1)
  }

  /** A copy of the key of the current entry. */
  key(): Uint8Array {
    const key = new Uint8Array(this.#keyLength)
    copyBytes(key, 0, this.#key, 0, this.#keyLength)
    return key
  }

  /** Whether the current entry is deleted, or has gone since. @throws as `seek` */
  get isGhost(): boolean {
    const page = this.#fixCurrent()
    if (page < 0) return true
    const isGhost = (flagsOf(this.#buffer.view, cellAt(this.#buffer.view, page, this.#slot)) & GHOST_FLAG) !== 0
    this.#buffer.unfix(page)
    return isGhost
  }

  /** A copy of the value of the current entry; undefined when it is a ghost or has gone. @throws as `seek` */
  value(): Uint8Array | undefined {
    const page = this.#fixCurrent()
    if (page < 0) return undefined
    const flags = flagsOf(this.#buffer.view, cellAt(this.#buffer.view, page, this.#slot))
    const stored = (flags & GHOST_FLAG) === 0 ? storedValueAt(this.#buffer, page, this.#slot) : undefined
    this.#buffer.unfix(page)
    return stored === undefined ? undefined : this.#btree.resolveValue(flags, stored)
  }

  /**
   * Takes the current entry and those behind it in its leaf, at most `limit`, and goes to the last of them. To
   * be called right after `seek` or `advance`.
   */
  takeLeaf(limit: number): LeafBatch {
    const page = this.#fixUnchanged()
    assert(page >= 0 && limit > 0, 'the cursor has just found an entry')
    const left = this.#reverse ? this.#slot + 1 : slotCountOf(this.#buffer.view, page) - this.#slot
    const count = Math.min(left, limit)
    const batch = new LeafBatch(this.#buffer, page, this.#slot, this.#reverse ? -1 : 1, count)
    this.#remember(page, this.#reverse ? this.#slot - count + 1 : this.#slot + count - 1)
    return batch
  }

  #seekForward(key: Uint8Array | undefined, inclusive: boolean): boolean {
    const from = key ?? LEAST_KEY
    const page = fixLeaf(this.#buffer, this.#tree, from, 0, from.length)
    this.#btree.noteLeaf(this.#tree, page)
    const found = findSlot(this.#buffer, page, 0, from, 0, from.length)
    return this.#settleForward(page, found < 0 ? ~found : inclusive ? found : found + 1)
  }

  #seekBackward(key: Uint8Array | undefined, inclusive: boolean): boolean {
    if (key === undefined) return this.#settleBackwardAtEnd(fixLeafBefore(this.#buffer, this.#tree, undefined))
    const page = fixLeaf(this.#buffer, this.#tree, key, 0, key.length)
    this.#btree.noteLeaf(this.#tree, page)
    const found = findSlot(this.#buffer, page, 0, key, 0, key.length)
    return this.#settleBackward(page, found < 0 ? ~found - 1 : inclusive ? found : found - 1)
  }

  /** Settles at `slot` of the pinned leaf, or at the first entry of the leaves to its right. */
  #settleForward(leaf: number, slot: number): boolean {
    const buffer = this.#buffer
    let page = leaf
    let target = slot
    while (target >= slotCountOf(buffer.view, page)) {
      const next = rightSiblingOf(buffer.view, page)
      buffer.unfix(page)
      if (next === 0) return this.#leave()
      page = buffer.fix(next)
      this.#btree.noteLeaf(this.#tree, page)
      target = 0
    }
    return this.#remember(page, target)
  }

  /** Settles at `slot` of the pinned leaf, or at the last entry of the leaves to its left. */
  #settleBackward(leaf: number, slot: number): boolean {
    let page = leaf
    let target = slot
    while (target < 0) {
      const hasLeft = lowFenceLengthOf(this.#buffer.view, page) > 0
      const low = lowFenceOf(this.#buffer, page)
      this.#buffer.unfix(page)
      if (!hasLeft) return this.#leave()
      page = fixLeafBefore(this.#buffer, this.#tree, low)
      this.#btree.noteLeaf(this.#tree, page)
      target = slotCountOf(this.#buffer.view, page) - 1
    }
    return this.#remember(page, target)
  }

  #settleBackwardAtEnd(page: number): boolean {
    this.#btree.noteLeaf(this.#tree, page)
    return this.#settleBackward(page, slotCountOf(this.#buffer.view, page) - 1)
  }

  #remember(page: number, slot: number): boolean {
    const buffer = this.#buffer
    this.#leaf = pageIdOf(buffer.view, page)
    this.#leafLsn = pageLsnOf(buffer.view, page)
    this.#freedPageCount = this.#btree.context.freedPageCount
    this.#slot = slot
    this.#keyLength = keyLengthOf(buffer, page, slot)
    copyKeyFrom(buffer, page, slot, 0, this.#key, 0)
    buffer.unfix(page)
    return true
  }

  #leave(): false {
    this.#slot = -1
    return false
  }

  /** Pins the leaf if it is certain that nothing has changed it since; -1 otherwise. */
  #fixUnchanged(): number {
    if (this.#freedPageCount !== this.#btree.context.freedPageCount) return -1
    const page = this.#buffer.fix(this.#leaf)
    if (pageLsnOf(this.#buffer.view, page) === this.#leafLsn) return page
    this.#buffer.unfix(page)
    return -1
  }

  /** Pins the leaf where the current key is now, and finds its slot; -1 when the key has gone. */
  #fixCurrent(): number {
    assert(this.#slot >= 0, 'the cursor is at an entry')
    const unchanged = this.#fixUnchanged()
    if (unchanged >= 0) return unchanged
    const page = fixLeaf(this.#buffer, this.#tree, this.#key, 0, this.#keyLength)
    const found = findSlot(this.#buffer, page, 0, this.#key, 0, this.#keyLength)
    if (found < 0) {
      this.#buffer.unfix(page)
      return -1
    }
    this.#slot = found
    this.#leaf = pageIdOf(this.#buffer.view, page)
    this.#leafLsn = pageLsnOf(this.#buffer.view, page)
    this.#freedPageCount = this.#btree.context.freedPageCount
    return page
  }
}
