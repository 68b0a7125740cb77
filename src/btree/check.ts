/**
 * The consistency check of one tree (I22), for the tests, for `aries check` and after every recovery
 * in the crash kit. It trusts nothing it has not looked at, and reports instead of throwing.
 *
 * For every node: type, owner and treeId; keys sorted and inside the fences; heap accounting; ghost
 * count; the fences its parent says; one depth for all leaves; right siblings that name the next node
 * of the level; each page reached once and allocated. For every value in overflow pages: its chain.
 */
import { problemOf } from '../buffer/data-file.ts'
import { BitSet } from '../common/bit-set.ts'
import { compareBytes } from '../common/bytes.ts'
import { AriesError } from '../common/errors.ts'
import type { PageId } from '../common/ids.ts'
import {
  freeBytesOf,
  heapStartOf,
  levelOf,
  ownerOf,
  PageType,
  pageTypeOf,
  rightSiblingOf,
  slotCountOf,
} from '../page/page.ts'
import { decodeValueRef } from '../space/overflow-page.ts'
import type { BTree } from './btree.ts'
import {
  cellAt,
  cellBytesOf,
  childAt,
  fencesAt,
  flagsOf,
  GHOST_FLAG,
  gapBytesOf,
  ghostCountOf,
  headOf,
  highFenceOf,
  keyAt,
  lowFenceOf,
  OVERFLOW_FLAG,
  prefixLengthOf,
  slotAt,
  type Tree,
  treeIdOf,
  valueStartOf,
} from './node-page.ts'

export interface TreeCheck {
  /** What is wrong, a line each: "page 12: reason". Empty when the tree is sound. */
  readonly problems: string[]
  /** Entries that are not ghosts. */
  readonly entryCount: number
  readonly ghostCount: number
}

/** The pages that have been reached. */
export interface ReachedPages {
  has(pageId: PageId): boolean
  add(pageId: PageId): void
}

/**
 * Checks one tree. All its pages, overflow pages included, are added to `pages`; to be among them already is a
 * problem. `onPage` is called for each page that is reached.
 */
export function checkTree(
  btree: BTree,
  tree: Tree,
  pages: ReachedPages = new BitSet<PageId>(),
  onPage: () => void = () => {},
): TreeCheck {
  const checker = new Checker(btree, tree, pages, onPage)
  checker.run()
  return { problems: checker.problems, entryCount: checker.entryCount, ghostCount: checker.ghostCount }
}

interface Expected {
  readonly level: number | undefined
  readonly low: Uint8Array
  readonly high: Uint8Array
}

const OPEN = new Uint8Array(0)

class Checker {
  readonly problems: string[] = []
  entryCount = 0
  ghostCount = 0
  readonly #btree: BTree
  readonly #tree: Tree
  readonly #pages: ReachedPages
  readonly #onPage: () => void
  #treeId = 0
  /** By level, the node met last: the next one of that level must be its right sibling. */
  readonly #previous = new Map<number, { pageId: PageId; rightSibling: PageId }>()

  constructor(btree: BTree, tree: Tree, pages: ReachedPages, onPage: () => void) {
    this.#btree = btree
    this.#tree = tree
    this.#pages = pages
    this.#onPage = onPage
  }

  run(): void {
    this.#node(this.#tree, { level: undefined, low: OPEN, high: OPEN })
    for (const { pageId, rightSibling } of this.#previous.values()) {
      if (rightSibling !== 0) this.#report(pageId, `is the last of its level, but its right sibling is ${rightSibling}`)
    }
  }

  #report(pageId: PageId, reason: string): void {
    this.problems.push(`page ${pageId}: ${reason}`)
  }

  /** Checks a node, then what is below it. Holds no pin while it goes down. */
  #node(pageId: PageId, expected: Expected): void {
    if (!this.#reach(pageId)) return
    const { context } = this.#btree
    const below: { child: PageId; expected: Expected }[] = []
    const chains: number[] = []
    try {
      context.withPage(pageId, (page) => {
        if (!this.#header(pageId, page, expected)) return
        this.#cells(pageId, page, expected)
        if (levelOf(context.buffer.view, page) > 0) this.#children(page, expected, below)
        else this.#entries(page, chains)
      })
    } catch (error) {
      if (!AriesError.is(error)) throw error
      this.problems.push(problemOf(error))
      this.#forgetPrevious(expected.level)
      return
    }
    for (const slot of chains) this.#chain(pageId, slot)
    for (const { child, expected: bounds } of below) this.#node(child, bounds)
  }

  /** Behind a node that cannot be read nobody knows whose right sibling comes next, on its level and below. */
  #forgetPrevious(level = Number.POSITIVE_INFINITY): void {
    for (const below of [...this.#previous.keys()]) if (below <= level) this.#previous.delete(below)
  }

  #reach(pageId: PageId): boolean {
    this.#onPage()
    if (this.#pages.has(pageId)) {
      this.#report(pageId, 'is reached twice')
      return false
    }
    this.#pages.add(pageId)
    if (!this.#mayBeInUse(pageId)) this.#report(pageId, 'is in use but not allocated')
    return true
  }

  /** Of pages whose space map page is damaged nothing is known; that page is for the check of the space to report. */
  #mayBeInUse(pageId: PageId): boolean {
    try {
      return this.#btree.context.ports.space.isAllocated(pageId)
    } catch (error) {
      if (!AriesError.is(error) || error.code !== 'PAGE_CORRUPT') throw error
      return true
    }
  }

  #header(pageId: PageId, page: number, expected: Expected): boolean {
    const { buffer } = this.#btree.context
    const { view } = buffer
    const level = levelOf(view, page)
    const type = level === 0 ? PageType.LEAF : PageType.INNER
    if (pageTypeOf(view, page) !== type || ownerOf(view, page) !== this.#tree) {
      this.#report(pageId, `is not a node of tree ${this.#tree}`)
      return false
    }
    if (pageId === this.#tree) this.#treeId = treeIdOf(view, page)
    if (treeIdOf(view, page) !== this.#treeId) this.#report(pageId, 'belongs to an earlier tree with this root')
    if (expected.level !== undefined && level !== expected.level) {
      this.#report(pageId, `has level ${level}, not ${expected.level}`)
      return false
    }
    if (compareBytes(lowFenceOf(buffer, page), expected.low) !== 0)
      this.#report(pageId, 'low fence differs from the parent')
    if (compareBytes(highFenceOf(buffer, page), expected.high) !== 0) {
      this.#report(pageId, 'high fence differs from the parent')
    }
    const previous = this.#previous.get(level)
    if (previous !== undefined && previous.rightSibling !== pageId) {
      this.#report(previous.pageId, `right sibling is ${previous.rightSibling}, not ${pageId}`)
    }
    this.#previous.set(level, { pageId, rightSibling: rightSiblingOf(view, page) })
    return true
  }

  #cells(pageId: PageId, page: number, expected: Expected): void {
    const { buffer } = this.#btree.context
    const { view, bytes } = buffer
    const count = slotCountOf(view, page)
    const isInner = levelOf(view, page) > 0
    const prefixLength = prefixLengthOf(view, page)
    let cellBytes = 0
    let ghosts = 0
    let previous: Uint8Array | undefined
    for (let slot = 0; slot < count; slot++) {
      const cell = cellAt(view, page, slot)
      cellBytes += cellBytesOf(view, cell)
      if ((flagsOf(view, cell) & GHOST_FLAG) !== 0) ghosts++
      const key = keyAt(buffer, page, slot)
      if (previous !== undefined && compareBytes(previous, key) >= 0)
        this.#report(pageId, `slot ${slot} is out of order`)
      if (compareBytes(key, expected.low) < 0) this.#report(pageId, `slot ${slot} is below the low fence`)
      if (expected.high.length > 0 && compareBytes(key, expected.high) >= 0) {
        this.#report(pageId, `slot ${slot} is not below the high fence`)
      }
      const start = isInner && slot === 0 ? key.length : prefixLength
      if (view.getUint32(slotAt(page, slot), true) !== headOf(key, start, key.length)) {
        this.#report(pageId, `the head of slot ${slot} is not that of its key`)
      }
      previous = key
    }
    if (ghosts !== ghostCountOf(view, page))
      this.#report(pageId, `has ${ghosts} ghosts, not ${ghostCountOf(view, page)}`)
    const heapBytes = fencesAt(buffer, page) - page - heapStartOf(view, page)
    if (gapBytesOf(view, page) < 0 || bytes.length < page) this.#report(pageId, 'slots and cells overlap')
    if (heapBytes !== cellBytes + freeBytesOf(view, page)) {
      this.#report(pageId, `heap of ${heapBytes} bytes, but ${cellBytes} in cells and ${freeBytesOf(view, page)} free`)
    }
  }

  #children(page: number, expected: Expected, below: { child: PageId; expected: Expected }[]): void {
    const { buffer } = this.#btree.context
    const count = slotCountOf(buffer.view, page)
    if (count === 0) this.problems.push(`page ${this.#tree}: an inner node has no child`)
    const level = levelOf(buffer.view, page) - 1
    for (let slot = 0; slot < count; slot++) {
      const low = keyAt(buffer, page, slot)
      const high = slot + 1 < count ? keyAt(buffer, page, slot + 1) : expected.high
      below.push({ child: childAt(buffer.view, page, slot), expected: { level, low, high } })
    }
  }

  #entries(page: number, chains: number[]): void {
    const { view } = this.#btree.context.buffer
    const count = slotCountOf(view, page)
    for (let slot = 0; slot < count; slot++) {
      const flags = flagsOf(view, cellAt(view, page, slot))
      if ((flags & GHOST_FLAG) !== 0) this.ghostCount++
      else this.entryCount++
      // A ghost's chain may have been freed already.
      if ((flags & (GHOST_FLAG | OVERFLOW_FLAG)) === OVERFLOW_FLAG) chains.push(slot)
    }
  }

  #chain(leaf: PageId, slot: number): void {
    const { context } = this.#btree
    const { view } = context.buffer
    try {
      const ref = context.withPage(leaf, (page) => decodeValueRef(view, valueStartOf(view, cellAt(view, page, slot))))
      for (const pageId of context.ports.overflow.pagesOf(ref)) this.#reach(pageId)
    } catch (error) {
      if (!AriesError.is(error)) throw error
      this.#report(leaf, `slot ${slot}: ${error.message}`)
    }
  }
}
