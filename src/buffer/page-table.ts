/**
 * The page table: which frame holds which page. Open addressing with linear probing in one
 * `Int32Array`, because a `Map` costs several times as much on the path of every page access.
 *
 * INVARIANT I27: a page is in at most one frame.
 */
import type { PageId } from '../common/ids.ts'

const EMPTY = -1

export class PageTable {
  /** Pairs (pageId as i32, frame); frame is EMPTY for a free entry. */
  readonly #entries: Int32Array
  readonly #mask: number
  readonly #shift: number

  constructor(frameCount: number) {
    let bits = 4
    while (1 << bits < frameCount * 2) bits++
    this.#mask = (1 << bits) - 1
    this.#shift = 32 - bits
    this.#entries = new Int32Array(2 << bits).fill(EMPTY)
  }

  /** The frame that holds `pageId`, or -1. */
  get(pageId: PageId): number {
    const entries = this.#entries
    const key = pageId | 0
    let at = this.#home(key)
    for (;;) {
      const frame = entries[2 * at + 1] as number
      if (frame === EMPTY || entries[2 * at] === key) return frame
      at = (at + 1) & this.#mask
    }
  }

  /** Adds a page that is not in the table. */
  set(pageId: PageId, frame: number): void {
    const key = pageId | 0
    let at = this.#home(key)
    while (this.#entries[2 * at + 1] !== EMPTY) at = (at + 1) & this.#mask
    this.#entries[2 * at] = key
    this.#entries[2 * at + 1] = frame
  }

  /** Removes a page that is in the table, moving back entries that probed past it. */
  delete(pageId: PageId): void {
    const entries = this.#entries
    const key = pageId | 0
    let hole = this.#home(key)
    while (entries[2 * hole] !== key || entries[2 * hole + 1] === EMPTY) hole = (hole + 1) & this.#mask
    let at = hole
    for (;;) {
      at = (at + 1) & this.#mask
      if (entries[2 * at + 1] === EMPTY) break
      const home = this.#home(entries[2 * at] as number)
      if (((at - home) & this.#mask) < ((at - hole) & this.#mask)) continue
      entries[2 * hole] = entries[2 * at] as number
      entries[2 * hole + 1] = entries[2 * at + 1] as number
      hole = at
    }
    entries[2 * hole + 1] = EMPTY
  }

  #home(key: number): number {
    return Math.imul(key, 0x9e37_79b1) >>> this.#shift
  }
}
