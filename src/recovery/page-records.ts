/**
 * Which records of the log each page has: their LSNs only, the records stay in the log.
 *
 * ```
 *   log       | p7 | p3 | p9 | p7 | p3 | ...         LSN 80, 95, 120, 160, 200
 *
 *   pages     p7: 2 entries, the last is 3           entries     0    1    2    3    4
 *             p3: 2 entries, the last is 4           lsns      | 80 | 95 | 120| 160| 200|
 *             p9: 1 entry,   the last is 2           previous  | -  | -  | -  | 0  | 1  |
 * ```
 *
 * Twelve bytes a record, and a small object a page.
 */
import { asLsn, type Lsn, NO_PAGE, type PageId } from '../common/ids.ts'
import type { LogRecordView } from '../log/log-record.ts'

const ENTRIES_AT_FIRST = 1024

/** The entries of one page. */
interface Entries {
  last: number
  count: number
}

export class PageRecords {
  readonly #pages = new Map<PageId, Entries>()
  #lsns = new Float64Array(ENTRIES_AT_FIRST)
  #previous = new Int32Array(ENTRIES_AT_FIRST)
  #count = 0

  /** How many records there are in all. */
  get count(): number {
    return this.#count
  }

  /** Notes the record, if it is of a page. They may come in any order. */
  add({ pageId, lsn }: LogRecordView): void {
    if (pageId === NO_PAGE) return
    if (this.#count === this.#lsns.length) this.#grow()
    const entry = this.#count++
    this.#lsns[entry] = lsn
    const entries = this.#pages.get(pageId)
    if (entries === undefined) {
      this.#pages.set(pageId, { last: entry, count: 1 })
    } else {
      this.#previous[entry] = entries.last
      entries.last = entry
      entries.count++
    }
  }

  #grow(): void {
    const [lsns, previous] = [this.#lsns, this.#previous]
    this.#lsns = new Float64Array(2 * this.#count)
    this.#previous = new Int32Array(2 * this.#count)
    this.#lsns.set(lsns)
    this.#previous.set(previous)
  }

  has(pageId: PageId): boolean {
    return this.#pages.has(pageId)
  }

  /** The LSNs of the page's records, the oldest first. */
  of(pageId: PageId): Lsn[] {
    const { last, count } = this.#pages.get(pageId) ?? { last: 0, count: 0 }
    const lsns = new Float64Array(count)
    for (let left = count, entry = last; left > 0; left--) {
      lsns[left - 1] = this.#lsns[entry] as number
      entry = this.#previous[entry] as number
    }
    return Array.from(lsns.sort(), asLsn)
  }

  delete(pageId: PageId): void {
    this.#pages.delete(pageId)
  }

  /** The pages that have any, those first that came first. Pages that are deleted meanwhile are passed over. */
  pages(): IterableIterator<PageId> {
    return this.#pages.keys()
  }

  get pageCount(): number {
    return this.#pages.size
  }
}
