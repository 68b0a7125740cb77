/**
 * The rest of a leaf, taken at once. Who reads many entries and does not mind that they are as they were a
 * moment ago, such as a snapshot, pays for finding the page once a leaf and not once an entry. The page is
 * copied as a whole, which costs less than copying some of its values one by one; values are given out as
 * views of that copy, and it lives as long as one of them does. Whoever transfers the buffer of one to another thread
 * takes the whole copy with it.
 */
import { cellAt, flagsOf, keyAt, type NodeMemory, valueLengthOf, valueStartOf } from './node-page.ts'

export class LeafBatch {
  readonly count: number
  readonly #leaf: NodeMemory
  readonly #buffer: ArrayBuffer
  readonly #slot: number
  readonly #step: 1 | -1

  /** Takes `count` entries of the leaf at `page`, from `slot` on, backwards with a `step` of -1. */
  constructor(memory: NodeMemory, page: number, slot: number, step: 1 | -1, count: number) {
    const { pageSize } = memory
    const bytes = memory.bytes.slice(page, page + pageSize)
    this.#buffer = bytes.buffer
    this.#leaf = { bytes, view: new DataView(bytes.buffer), pageSize }
    this.#slot = slot
    this.#step = step
    this.count = count
  }

  /** Whether nothing can be read here any more, because the buffer of a value was transferred. */
  get isGone(): boolean {
    return this.#leaf.bytes.length === 0
  }

  flagsAt(index: number): number {
    return flagsOf(this.#leaf.view, this.#cellAt(index))
  }

  keyAt(index: number): Uint8Array {
    return keyAt(this.#leaf, 0, this.#slot + index * this.#step)
  }

  storedValueAt(index: number): Uint8Array {
    const { view } = this.#leaf
    const cell = this.#cellAt(index)
    return new Uint8Array(this.#buffer, valueStartOf(view, cell), valueLengthOf(view, cell))
  }

  #cellAt(index: number): number {
    return cellAt(this.#leaf.view, 0, this.#slot + index * this.#step)
  }
}
