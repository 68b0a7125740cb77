/**
 * The cleaner: removes ghosts that no lock needs any more, and gives thin nodes' pages back. It knows
 * leaves that may need it: deletes and rollbacks name them, and so does whoever meets ghosts on the
 * way. A name is a hint; the leaf may have become anything by the time it is looked at.
 *
 * A step handles one leaf in one system transaction. A leaf with ghosts that are still locked is set
 * aside. Steps come in rounds; a round ends with the step that returns false. It looks again at a few
 * of the leaves set aside, and at more of them as long as that brings something: so a transaction that
 * has deleted much and stays open costs each round little, and once it has ended one round cleans all.
 */
import type { PageId } from '../common/ids.ts'
import { ownerOf, PageType, pageTypeOf } from '../page/page.ts'
import { Merger } from './merge.ts'
import { ghostCountOf, type Tree } from './node-page.ts'
import type { Splitter } from './split.ts'
import type { TreeContext } from './tree-context.ts'

/** Leaves set aside that are looked at again, before one of them must have been cleaned. */
const RETRIED_LEAVES = 64

export class Cleaner {
  readonly #context: TreeContext
  readonly #splitter: Splitter
  readonly #merger: Merger
  readonly #ready = new Map<PageId, Tree>()
  readonly #setAside = new Map<PageId, Tree>()
  #isRoundOver = true
  #hasCleaned = false

  constructor(context: TreeContext, splitter: Splitter) {
    this.#context = context
    this.#splitter = splitter
    this.#merger = new Merger(context)
  }

  get size(): number {
    return this.#ready.size + this.#setAside.size
  }

  note(tree: Tree, leaf: PageId): void {
    if (!this.#setAside.has(leaf)) this.#ready.set(leaf, tree)
  }

  /** Handles one leaf; returns whether another step now could do more. */
  step(): boolean {
    if (this.#isRoundOver) this.#retry()
    for (const [leaf, tree] of this.#ready) {
      this.#ready.delete(leaf)
      if (!this.#isLeafOf(leaf, tree) || this.#clean(leaf, tree)) this.#hasCleaned = true
      break
    }
    if (this.#ready.size === 0 && this.#hasCleaned) this.#retry()
    this.#isRoundOver = this.#ready.size === 0
    return !this.#isRoundOver
  }

  #retry(): void {
    this.#hasCleaned = false
    for (const [leaf, tree] of this.#setAside) {
      if (this.#ready.size >= RETRIED_LEAVES) return
      this.#setAside.delete(leaf)
      this.#ready.set(leaf, tree)
    }
  }

  /** Whether the leaf is clean now; otherwise it is set aside. */
  #clean(leaf: PageId, tree: Tree): boolean {
    const { ports, buffer } = this.#context
    const again = ports.systemTransaction((entry) => {
      this.#splitter.purgeGhosts(entry, tree, leaf)
      return this.#merger.mergeThin(entry, tree, leaf)
    })
    for (const other of again) this.#ready.set(other, tree)
    const hasGhosts = this.#context.withPage(leaf, (page) => ghostCountOf(buffer.view, page)) > 0
    if (again.length > 0 || !hasGhosts) return true
    this.#setAside.set(leaf, tree)
    return false
  }

  #isLeafOf(leaf: PageId, tree: Tree): boolean {
    const { ports, buffer } = this.#context
    if (!ports.space.isAllocated(leaf)) return false
    return this.#context.withPage(
      leaf,
      (page) => pageTypeOf(buffer.view, page) === PageType.LEAF && ownerOf(buffer.view, page) === tree,
    )
  }
}
