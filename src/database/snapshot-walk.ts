/**
 * Walks a range of a table for a view whose own transaction, if it has one, writes nothing: what it shows
 * cannot change, so it reads ahead, a part of a leaf at a time. What versions say of these entries is asked
 * at the moment they are read, when page and versions fit each other.
 */

import type { TreeCursor } from '../btree/cursor.ts'
import { LeafBatch } from '../btree/leaf-batch.ts'
import { GHOST_FLAG, OVERFLOW_FLAG } from '../btree/node-page.ts'
import { assert } from '../common/assert.ts'
import type { PageId } from '../common/ids.ts'
import type { Version } from '../txn/version-store.ts'
import { type ByteRange, isBeforeEnd } from './range.ts'
import type { VersionView } from './version-view.ts'
import type { ViewWalkPorts, Walk } from './view-walk.ts'

/** The first batch is small, for who wants only a few entries; then each is larger than the one before. */
const BATCH_ENTRIES_AT_FIRST = 16
const BATCH_GROWTH = 4

export class SnapshotWalk implements Walk {
  readonly #range: ByteRange
  readonly #view: VersionView
  readonly #ports: ViewWalkPorts
  readonly #batch = new LeafBatch()
  #left: number
  #tree: PageId | undefined
  #cursor: TreeCursor | undefined
  #batchMax = BATCH_ENTRIES_AT_FIRST
  /** Where in the batch the walk is, and how much of the batch lies in the range. */
  #index = -1
  #count = 0
  #isLastBatch = false
  /** The entries of the batch of which an older version has to be shown. */
  readonly #versions = new Map<number, Version>()

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
    return this.#batch.keyAt(this.#index)
  }

  value(): Uint8Array {
    const version = this.#versions.size === 0 ? undefined : this.#versions.get(this.#index)
    if (version !== undefined) return this.#view.valueOf(version) as Uint8Array
    const stored = this.#batch.storedValueAt(this.#index)
    const flags = this.#batch.flagsAt(this.#index)
    return (flags & OVERFLOW_FLAG) === 0 ? stored : this.#view.store.btree.resolveValue(flags, stored)
  }

  next(): boolean {
    if (this.#left <= 0) return false
    this.#ports.check?.()
    this.#view.check()
    do {
      if (++this.#index >= this.#count && !this.#readOn()) {
        this.#left = 0
        return false
      }
    } while (!this.#isShown(this.#index))
    this.#left--
    return true
  }

  close(): void {
    this.#left = 0
    this.#ports.onClose?.()
  }

  #isShown(index: number): boolean {
    const version = this.#versions.size === 0 ? undefined : this.#versions.get(index)
    if (version !== undefined) return version.before !== undefined
    return (this.#batch.flagsAt(index) & GHOST_FLAG) === 0
  }

  /** Reads the next entries; false at the end of the range. */
  #readOn(): boolean {
    if (this.#isLastBatch || !this.#step()) return false
    const cursor = this.#cursor as TreeCursor
    cursor.takeLeaf(this.#batch, Math.min(this.#left, this.#batchMax))
    this.#batchMax *= BATCH_GROWTH
    this.#index = 0
    this.#count = this.#countInRange()
    this.#isLastBatch = this.#count < this.#batch.count
    this.#versions.clear()
    if (!this.#view.store.versions.isEmpty) this.#findVersions(this.tree)
    return this.#count > 0
  }

  #step(): boolean {
    if (this.#cursor !== undefined) return this.#cursor.advance()
    const tree = this.#ports.findTree()
    if (typeof tree !== 'number') return false
    this.#tree = tree
    this.#cursor = this.#view.store.cursor(tree)
    const { start, startInclusive, reverse } = this.#range
    return this.#cursor.seek(start, { reverse, inclusive: startInclusive })
  }

  #countInRange(): number {
    let { count } = this.#batch
    while (count > 0 && !isBeforeEnd(this.#range, this.#batch.keyAt(count - 1))) count--
    return count
  }

  #findVersions(tree: PageId): void {
    const batch = this.#batch
    for (let i = 0; i < this.#count; i++) {
      const version = this.#view.versionOf(tree, batch.bytes, batch.keyStartAt(i), batch.keyEndAt(i))
      if (version !== undefined) this.#versions.set(i, version)
    }
  }
}
