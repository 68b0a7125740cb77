/**
 * Making room: purging ghosts, splitting nodes, growing the root. Each structure change is one nested
 * top action of the transaction that needed it, and leaves a sound tree.
 *
 * ```
 *   split of node L into L and R under parent P:            growth of root G:
 *     ALLOCATE R             undo: FREE                       ALLOCATE C        undo: FREE
 *     FORMAT R               (R's image; redo-only)           FORMAT C          (image of G)
 *     INSERT_CHILD P, sep    undo: REMOVE, page-oriented      closing CLR: FORMAT G, one child C
 *     closing CLR: TRUNCATE L
 * ```
 *
 * The closing CLR carries the one change that has no undo information: once it is in the log the
 * split is whole, before that the other steps are undone and L was never touched.
 *
 * A split never includes the cell that caused it: the caller looks again for room and asks again. A
 * node may be left with no cell at all for a moment, which is what makes this end: any cell fits an
 * empty leaf, any separator fits an inner node with one child.
 *
 * At the right edge of the tree a node splits at its end, so that rows loaded in key order fill the
 * pages; elsewhere in the middle.
 *
 * INVARIANT I23: the structure is sound after redo and undo, wherever in these steps the log ends.
 */
import { assert } from '../common/assert.ts'
import { compareBytes } from '../common/bytes.ts'
import type { PageId } from '../common/ids.ts'
import { levelOf, pageIdOf, rightSiblingOf, slotCountOf } from '../page/page.ts'
import type { TransactionEntry } from '../recovery/transaction-table.ts'
import { TreeOperation } from './btree-log.ts'
import { appendCells, appendFirstChild, formatNode, shapeOf } from './node-build.ts'
import { cellBytesIn } from './node-edit.ts'
import {
  CHILD_BYTES,
  capacityOf,
  cellAt,
  cellBytesOf,
  copyKeyFrom,
  encodeChild,
  findSlot,
  flagsOf,
  GHOST_FLAG,
  ghostCountOf,
  highFenceLengthOf,
  highFenceOf,
  keyAt,
  keyLengthOf,
  lowFenceOf,
  maxKeyBytes,
  roomOf,
  SLOT_BYTES,
  shortestBetween,
  type Tree,
} from './node-page.ts'
import { pathTo, type TreeContext } from './tree-context.ts'

const NO_BYTES = new Uint8Array(0)

export class Splitter {
  readonly #context: TreeContext
  readonly #keyBuffer: Uint8Array

  constructor(context: TreeContext) {
    this.#context = context
    this.#keyBuffer = new Uint8Array(maxKeyBytes(context.buffer.pageSize))
  }

  /**
   * Takes one step towards room for `key` in its leaf: removes ghosts, or splits a node. The caller
   * holds no pin, and looks again afterwards.
   * @throws `DISK_FULL`, `POOL_EXHAUSTED`, `PAGE_CORRUPT`, `IO_ERROR`; the tree is sound then.
   */
  makeRoom(entry: TransactionEntry, tree: Tree, key: Uint8Array): void {
    const path = pathTo(this.#context.buffer, tree, key)
    if (this.purgeGhosts(entry, tree, path[path.length - 1] as PageId) > 0) return
    let splitKey = key
    for (let depth = path.length - 1; depth > 0; depth--) {
      const pageId = path[depth] as PageId
      const { at, separator } = this.#choose(pageId, splitKey)
      if (this.#hasRoomForChild(path[depth - 1] as PageId, separator)) {
        this.#split(entry, tree, path[depth - 1] as PageId, pageId, at, separator)
        return
      }
      splitKey = separator
    }
    this.#growRoot(entry, tree)
  }

  /** Removes the ghosts of a leaf that nobody needs any more; returns how many. */
  purgeGhosts(entry: TransactionEntry, tree: Tree, leaf: PageId): number {
    const { buffer, records, ports } = this.#context
    return this.#context.withPage(leaf, (page) => {
      if (ghostCountOf(buffer.view, page) === 0) return 0
      const slots: number[] = []
      const count = slotCountOf(buffer.view, page)
      for (let slot = 0; slot < count; slot++) {
        if ((flagsOf(buffer.view, cellAt(buffer.view, page, slot)) & GHOST_FLAG) === 0) continue
        const length = keyLengthOf(buffer, page, slot)
        copyKeyFrom(buffer, page, slot, 0, this.#keyBuffer, 0)
        if (!ports.isNeeded(tree, this.#keyBuffer, 0, length)) slots.push(slot)
      }
      if (slots.length > 0) records.remove(entry, page, slots)
      return slots.length
    })
  }

  /** Where to split the node so that there is room for `key`: the first slot that moves, and the separator. */
  #choose(pageId: PageId, key: Uint8Array): { at: number; separator: Uint8Array } {
    const { buffer } = this.#context
    return this.#context.withPage(pageId, (page) => {
      const { view } = buffer
      const count = slotCountOf(view, page)
      const found = findSlot(buffer, page, levelOf(view, page) > 0 ? 1 : 0, key, 0, key.length)
      const target = found >= 0 ? found : ~found
      const isLast = target === count && rightSiblingOf(view, page) === 0
      if (levelOf(view, page) > 0) {
        assert(count > 1, 'a separator fits an inner node with one child')
        const at = isLast ? count - 1 : Math.max(1, this.#middle(page, count))
        return { at, separator: keyAt(buffer, page, at) }
      }
      assert(count > 0, 'any cell fits an empty leaf')
      let at = isLast ? count : this.#middle(page, count)
      if (count === 1) at = compareBytes(key, keyAt(buffer, page, 0)) > 0 ? 1 : 0
      for (;;) {
        const left = at === 0 ? key : keyAt(buffer, page, at - 1)
        const right = at === count ? key : keyAt(buffer, page, at)
        const separator = shortestBetween(left, right)
        // What stays has to leave room for the separator, which becomes the node's high fence.
        if (at === 0 || this.#cellBytesBefore(page, at) + separator.length <= this.#roomBelowLowFence(page)) {
          return { at, separator }
        }
        at--
      }
    })
  }

  /** The slot that begins the second half by bytes; neither half is empty when there are two cells. */
  #middle(page: number, count: number): number {
    const { view } = this.#context.buffer
    const total = this.#cellBytesBefore(page, count)
    let bytes = 0
    let at = 0
    while (at < count - 1 && bytes < total / 2) {
      bytes += SLOT_BYTES + cellBytesOf(view, cellAt(view, page, at))
      at++
    }
    return at
  }

  #cellBytesBefore(page: number, end: number): number {
    const { view } = this.#context.buffer
    let bytes = 0
    for (let slot = 0; slot < end; slot++) bytes += SLOT_BYTES + cellBytesOf(view, cellAt(view, page, slot))
    return bytes
  }

  /** What slots, cells and high fence of the node have to share. */
  #roomBelowLowFence(page: number): number {
    const { buffer } = this.#context
    return capacityOf(buffer, page) + highFenceLengthOf(buffer.view, page)
  }

  #hasRoomForChild(parent: PageId, separator: Uint8Array): boolean {
    return this.#context.withPage(parent, (page) => {
      const { view } = this.#context.buffer
      return roomOf(view, page) >= SLOT_BYTES + cellBytesIn(view, page, 1, separator.length, CHILD_BYTES)
    })
  }

  #split(entry: TransactionEntry, tree: Tree, parent: PageId, left: PageId, at: number, separator: Uint8Array): void {
    const { buffer, records, ports } = this.#context
    const { view } = buffer
    this.#context.structureChange(entry, (savedLsn) => {
      const right = ports.space.allocate(entry)
      this.#buildRight(left, at, separator, right)
      this.#context.withNewPage(right, (page) => records.format(entry, page, this.#context.scratch))
      this.#context.withPage(parent, (page) => {
        const found = findSlot(buffer, page, 1, separator, 0, separator.length)
        assert(found < 0, 'the separator is new')
        const child = encodeChild(right)
        records.insert(entry, TreeOperation.INSERT_CHILD, tree, page, ~found, 0, separator, child)
      })
      this.#context.withPage(left, (page) => {
        assert(pageIdOf(view, page) === left, 'the page asked for')
        const low = lowFenceOf(buffer, page)
        const kept = { first: 0, end: at, low, high: separator, rightSibling: right }
        records.truncateAndClose(entry, savedLsn, page, kept)
      })
      this.#context.tracer.listener?.({ kind: 'split', tree, pageId: left, newPageId: right })
    })
  }

  #buildRight(left: PageId, at: number, separator: Uint8Array, right: PageId): void {
    const { buffer, scratch } = this.#context
    this.#context.withPage(left, (page) => {
      const shape = shapeOf(buffer.view, page)
      formatNode(scratch, right, shape, separator, highFenceOf(buffer, page))
      appendCells(scratch, buffer, page, at)
    })
  }

  /** The root keeps its page: its content moves to a new child, which can then be split. */
  #growRoot(entry: TransactionEntry, tree: Tree): void {
    const { buffer, scratch, records, ports } = this.#context
    this.#context.structureChange(entry, (savedLsn) => {
      const child = ports.space.allocate(entry)
      const shape = this.#context.withPage(tree, (page) => {
        const rootShape = shapeOf(buffer.view, page)
        formatNode(scratch, child, rootShape, lowFenceOf(buffer, page), highFenceOf(buffer, page))
        appendCells(scratch, buffer, page)
        return rootShape
      })
      this.#context.withNewPage(child, (page) => records.format(entry, page, scratch))
      formatNode(scratch, tree, { ...shape, level: shape.level + 1 }, NO_BYTES, NO_BYTES)
      appendFirstChild(scratch, child)
      this.#context.withPage(tree, (page) => records.formatAndClose(entry, savedLsn, page, scratch))
      this.#context.tracer.listener?.({ kind: 'root-grown', tree, newPageId: child })
    })
  }
}
