/**
 * Walks a range of a table for a view whose own transaction, if it has one, writes nothing: what it shows
 * cannot change, so it reads ahead, the rest of a leaf at a time. What versions say of these entries is asked
 * at the moment they are read, when page and versions fit each other.
 */

import type { TreeCursor } from '../btree/cursor.ts'
import type { LeafBatch } from '../btree/leaf-batch.ts'
import { GHOST_FLAG, OVERFLOW_FLAG } from '../btree/node-page.ts'
import { assert } from '../common/assert.ts'
import type { PageId } from '../common/ids.ts'
import type { Before } from '../txn/version.ts'
import { type ByteRange, isBeforeEnd } from './range.ts'
import type { VersionView } from './version-view.ts'
import { Walk, type WalkPorts } from './walk.ts'

export class SnapshotWalk extends Walk {
  readonly #view: VersionView
  #cursor: TreeCursor | undefined
  #batch: LeafBatch | undefined
  /** Where in the batch the walk is, and how much of the batch lies in the range. */
  #index = -1
  #count = 0
  #isLastBatch = false
  /** The key that the batch begins with, and how many of its entries the walk has found. */
  #first: Uint8Array | undefined
  #found = 0
  /** How many entries it comes by once more, because the batch had to be read again. */
  #again = 0
  /** The entries of the batch of which an older version has to be shown. */
  #versions: Map<number, Before> | undefined

  constructor(range: ByteRange, view: VersionView, ports: WalkPorts) {
    super(range, ports)
    this.#view = view
  }

  get key(): Uint8Array {
    return (this.#batch as LeafBatch).keyAt(this.#index)
  }

  value(): Uint8Array {
    const version = this.#versions?.get(this.#index)
    if (version !== undefined) return this.#view.valueOf(version) as Uint8Array
    const batch = this.#batch as LeafBatch
    const stored = batch.storedValueAt(this.#index)
    const flags = batch.flagsAt(this.#index)
    return (flags & OVERFLOW_FLAG) === 0 ? stored : this.#view.store.btree.resolveValue(flags, stored)
  }

  protected moved(): void {
    assert(false, 'what a view without a writer shows stays where it is')
  }

  protected nextIn(tree: PageId): boolean {
    this.#view.check()
    if (this.#batch?.isGone === true) this.#rewind()
    for (;;) {
      do {
        if (++this.#index >= this.#count && !this.#readOn(tree)) return false
      } while (!this.#isShown(this.#index))
      this.#found++
      if (this.#again === 0) return true
      this.#again--
    }
  }

  /**
   * Goes back to before the batch, which will be read again. What the view shows does not change, so up to the next
   * entry there are as many as there were.
   */
  #rewind(): void {
    this.#again += this.#found
    this.#found = 0
    this.#batch = undefined
    this.#cursor = undefined
    this.#index = -1
    this.#count = 0
    this.#isLastBatch = false
  }

  #isShown(index: number): boolean {
    const version = this.#versions?.get(index)
    if (version !== undefined) return version.before !== undefined
    return ((this.#batch as LeafBatch).flagsAt(index) & GHOST_FLAG) === 0
  }

  /** Reads the next entries; false at the end of the range. */
  #readOn(tree: PageId): boolean {
    if (this.#isLastBatch || !this.#step(tree)) return false
    const batch = (this.#cursor as TreeCursor).takeLeaf(this.left)
    this.#batch = batch
    this.#first = batch.keyAt(0)
    this.#found = 0
    this.#index = 0
    this.#count = this.#countInRange(batch)
    this.#isLastBatch = this.#count < batch.count
    try {
      this.#versions = this.#view.store.versions.isEmpty ? undefined : this.#findVersions(tree, batch)
    } catch (error) {
      // They could not be read from the log, and without them who goes on would see what is not for him.
      this.#rewind()
      throw error
    }
    return this.#count > 0
  }

  #step(tree: PageId): boolean {
    if (this.#cursor !== undefined) return this.#cursor.advance()
    this.#cursor = this.#view.store.cursor(tree)
    const { start, startInclusive, reverse } = this.range
    if (this.#first !== undefined) return this.#cursor.seek(this.#first, { reverse, inclusive: true })
    return this.#cursor.seek(start, { reverse, inclusive: startInclusive })
  }

  /** How many entries of the batch come before the end of the range. */
  #countInRange(batch: LeafBatch): number {
    const isInRange = (index: number): boolean => isBeforeEnd(this.range, batch.keyAt(index))
    if (isInRange(batch.count - 1)) return batch.count
    let low = 0
    let high = batch.count - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (isInRange(middle)) low = middle + 1
      else high = middle
    }
    return low
  }

  #findVersions(tree: PageId, batch: LeafBatch): Map<number, Before> {
    const versions = new Map<number, Before>()
    for (let i = 0; i < this.#count; i++) {
      const version = this.#view.versionOf(tree, batch.keyAt(i))
      if (version !== undefined) versions.set(i, version)
    }
    return versions
  }
}
