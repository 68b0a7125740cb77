/**
 * A walk over the entries of a range of a table, one at a time. What is the same for all of them is here:
 * finding the table, counting what was found, and standing still at the end. How a walk finds its next
 * entry, with locks, among versions or a leaf at a time, is in the classes made from it.
 */
import { assert } from '../common/assert.ts'
import type { PageId } from '../common/ids.ts'
import type { ByteRange } from './range.ts'

export interface WalkPorts {
  /** Finds the tree of the table; undefined when there is none; a promise when it has to be called again. */
  readonly findTree: () => PageId | Promise<void> | undefined
  /** How often its own transaction may have changed where tables are. Where it cannot, it is not asked. */
  readonly treeChanges?: () => number
  /** Called before each step. @throws why the walk cannot go on */
  readonly check?: () => void
  /** Asked for each entry that is passed over: now and then a promise to wait for, so that others come to run. */
  readonly giveWay?: () => Promise<void> | undefined
  readonly onClose?: () => void
}

export abstract class Walk {
  protected readonly range: ByteRange
  readonly #ports: WalkPorts
  #tree: PageId | undefined
  /** What `treeChanges` said when the tree was looked up. */
  #treeChanges = 0
  #left: number

  constructor(range: ByteRange, ports: WalkPorts) {
    this.range = range
    this.#ports = ports
    this.#left = range.limit
  }

  /** The tree, once `next` has found an entry. */
  get tree(): PageId {
    assert(this.#tree !== undefined, 'the walk has found an entry')
    return this.#tree
  }

  /** How many more entries the range may have. */
  protected get left(): number {
    return this.#left
  }

  /** A copy of the key of the entry that `next` has just found: whoever gets it may write over it. */
  abstract get key(): Uint8Array

  /** A copy of its value. */
  abstract value(): Uint8Array

  /** As `next`, in the tree of the table. */
  protected abstract nextIn(tree: PageId): boolean | Promise<void>

  /** The table may be in another tree now: the walk goes on there, behind the last key it has passed. */
  protected abstract moved(): void

  /**
   * Goes to the next entry: true, or false at the end of the range. A promise means that a lock, or the turn of
   * others, has to be waited for; call again when it has resolved.
   */
  next(): boolean | Promise<void> {
    if (this.#left <= 0) return false
    this.#ports.check?.()
    const treeChanges = this.#ports.treeChanges?.() ?? 0
    if (this.#tree === undefined || treeChanges !== this.#treeChanges) {
      const tree = this.#ports.findTree()
      if (tree !== undefined && typeof tree !== 'number') return tree
      if (this.#tree !== undefined) this.moved()
      this.#tree = tree
      this.#treeChanges = treeChanges
    }
    const found = this.#tree === undefined ? false : this.nextIn(this.#tree)
    if (found === false) this.#left = 0
    else if (found === true) this.#left--
    return found
  }

  /** To be asked when an entry was passed over. */
  protected giveWay(): Promise<void> | undefined {
    return this.#ports.giveWay?.()
  }

  /** Gives back what the walk holds. It may be called more than once. */
  close(): void {
    this.#left = 0
    this.#ports.onClose?.()
  }
}
