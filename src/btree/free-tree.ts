/**
 * Freeing a whole tree, in steps of a bounded number of pages, from its last leaf backwards. Between
 * two steps the tree holds fewer pages than before, each still reached once from the root; its right
 * edge has no fences any more, so it is only walked, not searched: nobody else uses it by then.
 *
 * The root goes last. It carries the treeId, so a step that comes again after a crash knows whether
 * the page is still this tree's.
 */
import { assert } from '../common/assert.ts'
import type { PageId } from '../common/ids.ts'
import { levelOf, PageType, pageTypeOf, slotCountOf } from '../page/page.ts'
import type { TransactionEntry } from '../recovery/transaction-table.ts'
import { decodeValueRef, type ValueRef } from '../space/overflow-page.ts'
import { removeChild } from './merge.ts'
import { cellAt, childAt, flagsOf, GHOST_FLAG, OVERFLOW_FLAG, type Tree, treeIdOf, valueStartOf } from './node-page.ts'
import type { TreeContext } from './tree-context.ts'

/** Bounds the time of one step. */
const LEAVES_PER_STEP = 32
const CHAINS_PER_STEP = 16

export class TreeFreer {
  readonly #context: TreeContext

  constructor(context: TreeContext) {
    this.#context = context
  }

  /** Frees some pages of the tree; true when none is left. */
  freeTreeStep(tree: Tree, treeId: number): boolean {
    const { ports } = this.#context
    if (!ports.space.isAllocated(tree) || !this.#isTree(tree, treeId)) return true
    if (this.#freeChains(this.#lastPath(tree))) return false
    return ports.systemTransaction((entry) => {
      if (!this.#freeLeaves(entry, tree)) return false
      this.#context.freeNode(entry, tree)
      return true
    })
  }

  /**
   * For the undo of a creation: the root itself is left to the undo of its allocation. A tree that is only a root
   * takes no room in the log. @throws `DISK_FULL`
   */
  freeAllButRoot(entry: TransactionEntry, tree: Tree): void {
    const { ports } = this.#context
    for (let path = this.#lastPath(tree); path.length > 1; path = this.#lastPath(tree)) {
      assert(this.#lastChain(last(path)) === undefined, 'what was put into the tree is undone by now')
      this.#context.structureChange(entry, (savedLsn) => {
        this.#freeLeaves(entry, tree)
        ports.writer.closeWithDummyClr(entry, savedLsn)
      })
    }
  }

  #isTree(tree: Tree, treeId: number): boolean {
    const { view } = this.#context.buffer
    return this.#context.withPage(tree, (page) => {
      const type = pageTypeOf(view, page)
      return (type === PageType.LEAF || type === PageType.INNER) && treeIdOf(view, page) === treeId
    })
  }

  /** Page ids from the root along the last children. */
  #lastPath(tree: Tree): PageId[] {
    const { view } = this.#context.buffer
    const path: PageId[] = []
    for (let next: PageId | undefined = tree; next !== undefined; ) {
      path.push(next)
      next = this.#context.withPage(next, (page) => {
        const count = slotCountOf(view, page)
        return levelOf(view, page) > 0 && count > 0 ? childAt(view, page, count - 1) : undefined
      })
    }
    return path
  }

  /** Frees overflow chains of the leaf at the end of `path`; false when it has none. */
  #freeChains(path: readonly PageId[]): boolean {
    const { ports, records } = this.#context
    const leaf = last(path)
    for (let count = 0; count < CHAINS_PER_STEP; count++) {
      const found = this.#lastChain(leaf)
      if (found === undefined) return count > 0
      if (!ports.overflow.freeChainStep(found.ref.head, found.ref.chainId)) return true
      ports.systemTransaction((entry) => {
        this.#context.withPage(leaf, (page) => records.remove(entry, page, [found.slot]))
      })
    }
    return true
  }

  /** A deleted value's chain is its deleter's to free. */
  #lastChain(leaf: PageId): { slot: number; ref: ValueRef } | undefined {
    const { view } = this.#context.buffer
    return this.#context.withPage(leaf, (page) => {
      if (levelOf(view, page) > 0) return undefined
      for (let slot = slotCountOf(view, page) - 1; slot >= 0; slot--) {
        const cell = cellAt(view, page, slot)
        if ((flagsOf(view, cell) & (OVERFLOW_FLAG | GHOST_FLAG)) === OVERFLOW_FLAG) {
          return { slot, ref: decodeValueRef(view, valueStartOf(view, cell)) }
        }
      }
      return undefined
    })
  }

  /** Frees leaves without chains from the end, and inner nodes as they empty; true when only the root is left. */
  #freeLeaves(entry: TransactionEntry, tree: Tree): boolean {
    const { view } = this.#context.buffer
    for (let count = 0; count < LEAVES_PER_STEP; count++) {
      const path = this.#lastPath(tree)
      if (path.length === 1) return true
      if (this.#lastChain(last(path)) !== undefined) return false
      for (let depth = path.length - 1; depth > 0; depth--) {
        const isEmpty = this.#context.withPage(path[depth - 1] as PageId, (page) => {
          removeChild(this.#context, entry, tree, page, slotCountOf(view, page) - 1)
          return slotCountOf(view, page) === 0
        })
        this.#context.freeNode(entry, path[depth] as PageId)
        if (!isEmpty) break
      }
    }
    return false
  }
}

const last = (path: readonly PageId[]): PageId => path[path.length - 1] as PageId
