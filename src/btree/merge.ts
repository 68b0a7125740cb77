/**
 * Merging thin nodes, and taking the root down a level.
 *
 * ```
 *   merge of L and its right neighbour R under parent P:     collapse of root G with one child C:
 *     REMOVE_CHILD P, R      undo: INSERT_CHILD                FREE C               undo: ALLOCATE
 *     FREE R                 undo: ALLOCATE                    closing CLR: FORMAT G (image of C)
 *     closing CLR: FORMAT L (both nodes' cells)
 * ```
 *
 * The left page stays, so its left neighbour's sibling link stays right.
 *
 * A merge may need more room than both nodes use: the wider node has a shorter prefix. When it does
 * not fit with either neighbour the node stays thin, even empty, which is sound.
 *
 * INVARIANTS
 * - I23 the structure is sound after redo and undo, wherever in these steps the log ends
 * - I32 nothing is allocated in these actions, so a page freed by one is handed out only after the freeing is closed
 */
import type { PageId } from '../common/ids.ts'
import { levelOf, rightSiblingOf, setRightSibling, slotCountOf } from '../page/page.ts'
import type { TransactionEntry } from '../recovery/transaction-table.ts'
import { TreeOperation } from './btree-log.ts'
import { appendCells, cellBytesElsewhere, formatNode, shapeOf } from './node-build.ts'
import {
  capacityOf,
  childAt,
  commonPrefix,
  findChildSlot,
  highFenceOf,
  keyAt,
  lowFenceOf,
  NODE_HEADER_BYTES,
  roomOf,
  storedValueAt,
  type Tree,
} from './node-page.ts'
import { pathTo, type TreeContext } from './tree-context.ts'

/** A node that uses less than this share of its room is merged when it can be. */
const THIN_SHARE = 1 / 3
/** A merged node is left this share of its page for inserts, so that it is not split again at once. */
const SPARE_SHARE = 1 / 8

export class Merger {
  readonly #context: TreeContext

  constructor(context: TreeContext) {
    this.#context = context
  }

  /**
   * Merges the leaf when it is thin, then what has become thin above it. Returns the pages to look at
   * again, as far as they are leaves: they may be thin still, or have got ghosts.
   */
  mergeThin(entry: TransactionEntry, tree: Tree, leaf: PageId): PageId[] {
    const { buffer } = this.#context
    if (leaf === tree || !this.#isThin(leaf)) return []
    const low = this.#context.withPage(leaf, (page) => lowFenceOf(buffer, page))
    const path = pathTo(buffer, tree, low)
    const again: PageId[] = []
    for (let depth = path.length - 1; depth > 0; depth--) {
      const node = path[depth] as PageId
      if (!this.#isThin(node)) break
      const merged = this.#mergeWithNeighbour(entry, tree, path[depth - 1] as PageId, node, low)
      if (merged !== undefined) again.push(depth === path.length - 1 ? merged : leaf)
    }
    if (this.#collapseRoot(entry, tree)) again.push(tree)
    return again
  }

  #isThin(pageId: PageId): boolean {
    return this.#context.withPage(pageId, (page) => {
      const { buffer } = this.#context
      const count = slotCountOf(buffer.view, page)
      if (count <= (levelOf(buffer.view, page) > 0 ? 1 : 0)) return true
      const capacity = capacityOf(buffer, page)
      return capacity - roomOf(buffer.view, page) < capacity * THIN_SHARE
    })
  }

  /** Merges a child of `parent` with the neighbour on its right, or on its left; returns who is left. */
  #mergeWithNeighbour(
    entry: TransactionEntry,
    tree: Tree,
    parent: PageId,
    node: PageId,
    low: Uint8Array,
  ): PageId | undefined {
    const { buffer } = this.#context
    const [left, right] = this.#context.withPage(parent, (page) => {
      const slot = findChildSlot(buffer, page, low, 0, low.length)
      return [
        slot > 0 ? childAt(buffer.view, page, slot - 1) : undefined,
        slot + 1 < slotCountOf(buffer.view, page) ? childAt(buffer.view, page, slot + 1) : undefined,
      ]
    })
    if (right !== undefined && this.#build(node, right)) return this.#merge(entry, tree, parent, node, right)
    if (left !== undefined && this.#build(left, node)) return this.#merge(entry, tree, parent, left, node)
    return undefined
  }

  /** Builds the union of two neighbours in the scratch page; false when it does not fit. */
  #build(left: PageId, right: PageId): boolean {
    const { buffer, scratch } = this.#context
    const { view } = buffer
    return this.#context.withPage(left, (leftPage) =>
      this.#context.withPage(right, (rightPage) => {
        const low = lowFenceOf(buffer, leftPage)
        const high = highFenceOf(buffer, rightPage)
        const prefix = commonPrefix(low, high)
        let bytes = 0
        for (const page of [leftPage, rightPage]) {
          const count = slotCountOf(view, page)
          for (let slot = 0; slot < count; slot++) bytes += cellBytesElsewhere(buffer, page, slot, prefix, bytes === 0)
        }
        const capacity = buffer.pageSize - NODE_HEADER_BYTES - low.length - high.length
        const bothHaveCells = slotCountOf(view, leftPage) > 0 && slotCountOf(view, rightPage) > 0
        if (bytes > (bothHaveCells ? capacity * (1 - SPARE_SHARE) : capacity)) return false
        formatNode(scratch, left, shapeOf(view, leftPage), low, high)
        setRightSibling(scratch.view, 0, rightSiblingOf(view, rightPage))
        for (const page of [leftPage, rightPage]) appendCells(scratch, buffer, page)
        return true
      }),
    )
  }

  /** Logs the merge of which `#build` has just made the result. */
  #merge(entry: TransactionEntry, tree: Tree, parent: PageId, left: PageId, right: PageId): PageId {
    const { buffer, records, scratch } = this.#context
    this.#context.structureChange(entry, (savedLsn) => {
      const low = this.#context.withPage(right, (page) => lowFenceOf(buffer, page))
      this.#context.withPage(parent, (page) =>
        removeChild(this.#context, entry, tree, page, findChildSlot(buffer, page, low, 0, low.length)),
      )
      this.#context.freeNode(entry, right)
      this.#context.withPage(left, (page) => records.formatAndClose(entry, savedLsn, page, scratch))
    })
    this.#context.tracer.listener?.({ kind: 'merged', tree, pageId: left, freedPageId: right })
    return left
  }

  /** Takes the root down while it has only one child; returns whether it did. */
  #collapseRoot(entry: TransactionEntry, tree: Tree): boolean {
    const { buffer, records, scratch } = this.#context
    const { view } = buffer
    for (let collapsed = false; ; collapsed = true) {
      const child = this.#context.withPage(tree, (page) =>
        levelOf(view, page) > 0 && slotCountOf(view, page) === 1 ? childAt(view, page, 0) : undefined,
      )
      if (child === undefined) return collapsed
      this.#context.structureChange(entry, (savedLsn) => {
        this.#context.withPage(child, (page) => {
          formatNode(scratch, tree, shapeOf(view, page), lowFenceOf(buffer, page), highFenceOf(buffer, page))
          appendCells(scratch, buffer, page)
        })
        this.#context.freeNode(entry, child)
        this.#context.withPage(tree, (page) => records.formatAndClose(entry, savedLsn, page, scratch))
      })
      this.#context.tracer.listener?.({ kind: 'root-lowered', tree, freedPageId: child })
    }
  }
}

/** Takes a child out of the inner node at `page`, undoably. */
export function removeChild(
  context: TreeContext,
  entry: TransactionEntry,
  tree: Tree,
  page: number,
  slot: number,
): void {
  const { buffer, records } = context
  const key = keyAt(buffer, page, slot)
  const child = storedValueAt(buffer, page, slot)
  records.insert(entry, TreeOperation.REMOVE_CHILD, tree, page, slot, 0, key, child)
}
