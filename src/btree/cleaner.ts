/**
 * The cleaner: removes ghosts that no lock needs any more, and gives thin nodes' pages back. It knows
 * leaves that may need it: deletes and rollbacks name them, and so does whoever meets ghosts on the
 * way. A name is a hint; the leaf may have become anything by the time it is looked at.
 *
 * A step handles one leaf in one system transaction. A leaf whose ghosts are all still locked is set
 * aside until the next round of steps, so that a round ends. A round ends with the step that returns
 * false.
 */
import type { PageId } from '../common/ids.ts'
import { ownerOf, PageType, pageTypeOf } from '../page/page.ts'
import { Merger } from './merge.ts'
import { ghostCountOf, type Tree } from './node-page.ts'
import type { Splitter } from './split.ts'
import type { TreeContext } from './tree-context.ts'

export class Cleaner {
  readonly #context: TreeContext
  readonly #splitter: Splitter
  readonly #merger: Merger
  readonly #ready = new Map<PageId, Tree>()
  readonly #setAside = new Map<PageId, Tree>()
  #isRoundOver = true

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
    if (this.#isRoundOver) {
      for (const [leaf, tree] of this.#setAside) this.#ready.set(leaf, tree)
      this.#setAside.clear()
    }
    for (const [leaf, tree] of this.#ready) {
      this.#ready.delete(leaf)
      if (this.#isLeafOf(leaf, tree)) this.#clean(leaf, tree)
      break
    }
    this.#isRoundOver = this.#ready.size === 0
    return !this.#isRoundOver
  }

  #clean(leaf: PageId, tree: Tree): void {
    const { ports, buffer } = this.#context
    const again = ports.systemTransaction((entry) => {
      this.#splitter.purgeGhosts(entry, tree, leaf)
      return this.#merger.mergeThin(entry, tree, leaf)
    })
    for (const other of again) this.#ready.set(other, tree)
    const hasGhosts = this.#context.withPage(leaf, (page) => ghostCountOf(buffer.view, page)) > 0
    if (again.length === 0 && hasGhosts) this.#setAside.set(leaf, tree)
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
