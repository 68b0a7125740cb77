/**
 * The dirty page table as of one moment, in two columns: a checkpoint of a large pool has many thousands of
 * pages, and an object for each would hold everybody up.
 *
 * ```
 *   pageIds   | 17  | 3   | 90  | ...
 *   recLsns   | 620 | 580 | 700 | ...      from where on redo of that page may be needed
 * ```
 */
import { asLsn, asPageId, type Lsn, type PageId } from '../common/ids.ts'

export class DirtyPageTable {
  /** The columns; `count` of their places are taken. */
  readonly pageIds: Uint32Array
  readonly recLsns: Float64Array
  #count = 0

  /** A table that has room for so many pages. */
  constructor(room: number) {
    this.pageIds = new Uint32Array(room)
    this.recLsns = new Float64Array(room)
  }

  static of(pages: readonly (readonly [PageId, Lsn])[]): DirtyPageTable {
    const table = new DirtyPageTable(pages.length)
    for (const [pageId, recLsn] of pages) table.add(pageId, recLsn)
    return table
  }

  add(pageId: number, recLsn: number): void {
    this.pageIds[this.#count] = pageId
    this.recLsns[this.#count++] = recLsn
  }

  get count(): number {
    return this.#count
  }

  /** The rows as pairs, for those who look on. */
  *[Symbol.iterator](): IterableIterator<[PageId, Lsn]> {
    for (let i = 0; i < this.#count; i++) {
      yield [asPageId(this.pageIds[i] as number), asLsn(this.recLsns[i] as number)]
    }
  }
}
