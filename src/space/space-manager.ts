/**
 * The space manager: which pages of the data file are in use.
 *
 * `allocate` and `free` log a bit of a space-map page. Both are undone page-oriented, each by the
 * other. A freed page keeps its content until it is handed out again; whoever gets it formats it.
 *
 * INVARIANTS
 * - A page is freed only inside a nested top action or a system transaction that frees and never
 *   allocates after it, so nobody is handed a page whose freeing can still be undone (I32). A user
 *   transaction that no longer needs pages registers a pending action instead.
 * - No page below `#lowestFree` is free. It is a hint for the search, kept up by `redo`, so that it
 *   holds during rollback too.
 * - The data file is long enough for a page before the record that allocates it is written.
 */

import type { BufferManager } from '../buffer/buffer-manager.ts'
import { BitSet } from '../common/bit-set.ts'
import { asPageId, type PageId } from '../common/ids.ts'
import type { LogRecordView } from '../log/log-record.ts'
import { type Compensation, ResourceId, type ResourceManager } from '../log/resource-manager.ts'
import { rightSiblingOf } from '../page/page.ts'
import type { PageWriter } from '../recovery/page-writer.ts'
import type { TransactionEntry } from '../recovery/transaction-table.ts'
import { describeSpace, LINK_PAYLOAD_BYTES, redoSpace, SpaceOperation, subjectOf, undoSpace } from './space-log.ts'
import {
  allocatedCountOf,
  bitsPerMapPage,
  bitsSet,
  FIRST_MAP_PAGE,
  firstClearBit,
  isBitSet,
  mapIndexOf,
  mapPageId,
} from './space-map.ts'

export class SpaceManager implements ResourceManager<TransactionEntry> {
  readonly id = ResourceId.SPACE
  readonly name = 'space'
  readonly #buffer: BufferManager
  readonly #writer: PageWriter
  readonly #bitsPerMap: number
  #lowestFree = 0
  /** Number of map pages; 0 = not counted yet. */
  #mapCount = 0

  constructor(buffer: BufferManager, writer: PageWriter) {
    this.#buffer = buffer
    this.#writer = writer
    this.#bitsPerMap = bitsPerMapPage(buffer.pageSize)
  }

  /** Formats the first map page of a new database. Page 0 and the map page itself are taken. */
  create(entry: TransactionEntry): void {
    this.#reach(FIRST_MAP_PAGE)
    this.#formatMap(entry, FIRST_MAP_PAGE)
    this.#mapCount = 1
  }

  /**
   * Hands out the lowest free page. The caller formats it: its content is whatever was there.
   * @throws `DISK_FULL`, `IO_ERROR`, `POOL_EXHAUSTED`, `PAGE_CORRUPT` (a map page); nothing is allocated then.
   */
  allocate(entry: TransactionEntry): PageId {
    let index = Math.floor(this.#lowestFree / this.#bitsPerMap)
    let from = this.#lowestFree % this.#bitsPerMap
    for (;;) {
      if (index === this.#maps()) this.#addMap(entry)
      const pageId = this.#allocateIn(entry, index, from)
      if (pageId !== undefined) return pageId
      index++
      from = 0
    }
  }

  /** Gives a page back, under the first invariant above. */
  free(entry: TransactionEntry, pageId: PageId): void {
    const page = this.#buffer.fix(this.#mapOf(pageId))
    try {
      this.#logBit(entry, SpaceOperation.FREE, page, pageId)
    } finally {
      this.#buffer.unfix(page)
    }
  }

  isAllocated(pageId: PageId): boolean {
    if (mapIndexOf(pageId, this.#buffer.pageSize) >= this.#maps()) return false
    const page = this.#buffer.fix(this.#mapOf(pageId))
    const allocated = isBitSet(this.#buffer.view, page, pageId % this.#bitsPerMap)
    this.#buffer.unfix(page)
    return allocated
  }

  /** Pages in use, the meta page and the map pages included. */
  allocatedPageCount(): number {
    let count = 0
    for (let index = 0; index < this.#maps(); index++) {
      const page = this.#buffer.fix(mapPageId(index, this.#buffer.pageSize))
      count += allocatedCountOf(this.#buffer.view, page)
      this.#buffer.unfix(page)
    }
    return count
  }

  /** The ids of all allocated pages but the meta page and the map pages, for the consistency check. */
  allocatedPages(): BitSet<PageId> {
    const { view, pageSize } = this.#buffer
    const pages = new BitSet<PageId>()
    for (let index = 0; index < this.#maps(); index++) {
      const page = this.#buffer.fix(mapPageId(index, pageSize))
      for (const bit of bitsSet(view, page, this.#bitsPerMap)) {
        if (bit !== 1 && !(index === 0 && bit === 0)) pages.add(asPageId(index * this.#bitsPerMap + bit))
      }
      this.#buffer.unfix(page)
    }
    return pages
  }

  redo(record: LogRecordView, page: number): void {
    redoSpace(this.#buffer, record, page)
    if (record.operation === SpaceOperation.FREE) this.#lowestFree = Math.min(this.#lowestFree, subjectOf(record))
  }

  formatsPage(operation: number): boolean {
    return operation === SpaceOperation.FORMAT_MAP || operation === SpaceOperation.FORMAT_OVERFLOW
  }

  undo(record: LogRecordView): Compensation {
    return undoSpace(record)
  }

  describe(record: LogRecordView): string {
    return describeSpace(record)
  }

  #mapOf(pageId: PageId): PageId {
    return mapPageId(mapIndexOf(pageId, this.#buffer.pageSize), this.#buffer.pageSize)
  }

  /** How many map pages there are, counted once by following their links. */
  #maps(): number {
    if (this.#mapCount > 0) return this.#mapCount
    const buffer = this.#buffer
    let count = 0
    for (let pageId = FIRST_MAP_PAGE; pageId !== 0; count++) {
      const page = buffer.fix(pageId)
      pageId = rightSiblingOf(buffer.view, page)
      buffer.unfix(page)
    }
    this.#mapCount = count
    return count
  }

  #allocateIn(entry: TransactionEntry, index: number, from: number): PageId | undefined {
    const page = this.#buffer.fix(mapPageId(index, this.#buffer.pageSize))
    try {
      const bit = firstClearBit(this.#buffer.view, page, this.#buffer.pageSize, from)
      if (bit < 0) return undefined
      const pageId = asPageId(index * this.#bitsPerMap + bit)
      this.#reach(pageId)
      this.#logBit(entry, SpaceOperation.ALLOCATE, page, pageId)
      this.#lowestFree = pageId + 1
      return pageId
    } finally {
      this.#buffer.unfix(page)
    }
  }

  #logBit(entry: TransactionEntry, operation: number, page: number, pageId: PageId): void {
    const at = this.#writer.update(entry, ResourceId.SPACE, operation, page, 4, 4)
    this.#writer.log.view.setUint32(at, pageId, true)
    this.#writer.finish()
  }

  /** A map page is linked after it is formatted, so a crash in between leaves it to be formatted again. */
  #addMap(entry: TransactionEntry): void {
    const { pageSize } = this.#buffer
    const added = mapPageId(this.#mapCount, pageSize)
    this.#reach(added)
    this.#formatMap(entry, added)
    const last = this.#buffer.fix(mapPageId(this.#mapCount - 1, pageSize))
    try {
      const at = this.#writer.redoOnly(entry, ResourceId.SPACE, SpaceOperation.LINK, last, LINK_PAYLOAD_BYTES)
      this.#writer.log.view.setUint32(at, 0, true)
      this.#writer.log.view.setUint32(at + 4, added, true)
      this.#writer.finish()
    } finally {
      this.#buffer.unfix(last)
    }
    this.#mapCount++
  }

  #formatMap(entry: TransactionEntry, pageId: PageId): void {
    const page = this.#buffer.fixNew(pageId)
    try {
      this.#writer.redoOnly(entry, ResourceId.SPACE, SpaceOperation.FORMAT_MAP, page, 0)
      this.#writer.finish()
    } finally {
      this.#buffer.unfix(page)
    }
  }

  /** Makes the data file long enough to hold `pageId`. */
  #reach(pageId: PageId): void {
    this.#buffer.grow(pageId + 1)
  }
}
