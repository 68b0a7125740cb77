/**
 * The rest of a leaf, copied at once. Who reads many entries and does not mind that they are as they were
 * a moment ago, such as a snapshot, pays for finding the page once a leaf and not once an entry.
 *
 *   bytes     | key | value | key | value | ... |
 *   offsets   0     1       2     3       4
 */
import { copyBytes } from '../common/bytes.ts'
import {
  CELL_HEADER_BYTES,
  cellAt,
  fencesAt,
  flagsOf,
  type NodeMemory,
  prefixLengthOf,
  suffixLengthOf,
  valueLengthOf,
} from './node-page.ts'

const ENTRIES_AT_FIRST = 64

export class LeafBatch {
  count = 0
  /** Keys and stored values. Each filling has an array of its own, and what is cut from it lives on. */
  bytes = new Uint8Array(0)
  #offsets = new Uint32Array(2 * ENTRIES_AT_FIRST + 1)
  #flags = new Uint8Array(ENTRIES_AT_FIRST)

  /**
   * Copies `count` entries of a leaf, from `slot` on, backwards with a `step` of -1. In a cell the value
   * comes right behind the key's suffix, so an entry is the leaf's prefix and one piece of the cell.
   */
  fill(memory: NodeMemory, page: number, slot: number, step: 1 | -1, count: number): void {
    const { view } = memory
    const prefix = fencesAt(memory, page)
    const prefixLength = prefixLengthOf(view, page)
    const bytes = new Uint8Array(this.#measure(view, page, slot, step, count, prefixLength))
    const offsets = this.#offsets
    for (let i = 0, at = slot; i < count; i++, at += step) {
      const start = offsets[2 * i] as number
      copyBytes(bytes, start, memory.bytes, prefix, prefixLength)
      const from = cellAt(view, page, at) + CELL_HEADER_BYTES
      copyBytes(bytes, start + prefixLength, memory.bytes, from, (offsets[2 * i + 2] as number) - start - prefixLength)
    }
    this.bytes = bytes
    this.count = count
  }

  /** Notes where each entry goes; returns the bytes that all need. */
  #measure(view: DataView, page: number, slot: number, step: 1 | -1, count: number, prefixLength: number): number {
    if (this.#flags.length < count) {
      this.#flags = new Uint8Array(2 * count)
      this.#offsets = new Uint32Array(4 * count + 1)
    }
    let end = 0
    for (let i = 0, at = slot; i < count; i++, at += step) {
      const cell = cellAt(view, page, at)
      this.#flags[i] = flagsOf(view, cell)
      end += prefixLength + suffixLengthOf(view, cell)
      this.#offsets[2 * i + 1] = end
      end += valueLengthOf(view, cell)
      this.#offsets[2 * i + 2] = end
    }
    return end
  }

  flagsAt(index: number): number {
    return this.#flags[index] as number
  }

  /** Where in `bytes` the key of an entry begins. */
  keyStartAt(index: number): number {
    return this.#offsets[2 * index] as number
  }

  /** Where in `bytes` it ends, and the stored value begins. */
  keyEndAt(index: number): number {
    return this.#offsets[2 * index + 1] as number
  }

  keyAt(index: number): Uint8Array {
    return this.bytes.subarray(this.#offsets[2 * index], this.#offsets[2 * index + 1])
  }

  storedValueAt(index: number): Uint8Array {
    return this.bytes.subarray(this.#offsets[2 * index + 1], this.#offsets[2 * index + 2])
  }
}
