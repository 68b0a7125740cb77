/**
 * Long values in chains of overflow pages.
 *
 * Writing one allocates its pages undoably and fills each by one redo-only record: rolling back frees
 * the pages, and nobody looks at what is in a free page. Giving a chain back happens after commit, as
 * a pending action, in steps of a bounded number of pages: a step frees the pages behind the head and
 * moves the head's link past them in one system transaction, so the chain itself says how far it got,
 * and a step after a crash goes on from there. The head goes last.
 */

import type { BufferManager } from '../buffer/buffer-manager.ts'
import { copyBytes } from '../common/bytes.ts'
import { AriesError } from '../common/errors.ts'
import { asPageId, type PageId } from '../common/ids.ts'
import { ResourceId } from '../log/resource-manager.ts'
import { rightSiblingOf } from '../page/page.ts'
import type { PageWriter } from '../recovery/page-writer.ts'
import type { TransactionEntry } from '../recovery/transaction-table.ts'
import {
  dataLengthOf,
  isOfChain,
  MAX_VALUE_BYTES,
  OVERFLOW_HEADER_BYTES,
  ordinalOf,
  overflowDataBytes,
  type ValueRef,
} from './overflow-page.ts'
import {
  type ChainPage,
  encodeChainPage,
  FORMAT_OVERFLOW_FIXED_BYTES,
  LINK_PAYLOAD_BYTES,
  SpaceOperation,
} from './space-log.ts'
import type { SpaceManager } from './space-manager.ts'

/** Runs `action` as a transaction of its own, without waiting for its durability. */
export type SystemTransaction = <T>(action: (entry: TransactionEntry) => T) => T

/** Bounds the time of one step of freeing. */
const FREED_PAGES_PER_STEP = 64

export class OverflowStore {
  readonly #buffer: BufferManager
  readonly #writer: PageWriter
  readonly #space: SpaceManager
  readonly #systemTransaction: SystemTransaction

  constructor(buffer: BufferManager, writer: PageWriter, space: SpaceManager, systemTransaction: SystemTransaction) {
    this.#buffer = buffer
    this.#writer = writer
    this.#space = space
    this.#systemTransaction = systemTransaction
  }

  /**
   * Stores a value in a new chain.
   * @throws `VALUE_TOO_LARGE`, `DISK_FULL`; in the latter case rolling back gives back what it took.
   */
  writeValue(entry: TransactionEntry, value: Uint8Array): ValueRef {
    if (value.length > MAX_VALUE_BYTES) {
      throw new AriesError('VALUE_TOO_LARGE', `a value of ${value.length} bytes; the most is ${MAX_VALUE_BYTES}`)
    }
    const perPage = overflowDataBytes(this.#buffer.pageSize)
    const head = this.#space.allocate(entry)
    const ref: ValueRef = { head, chainId: entry.lastLsn, valueLength: value.length }
    let pageId = head
    for (let ordinal = 0, start = 0; ; ordinal++) {
      const end = Math.min(start + perPage, value.length)
      const next = end < value.length ? this.#space.allocate(entry) : asPageId(0)
      this.#format(entry, pageId, { ...ref, next, ordinal }, value.subarray(start, end))
      if (next === 0) return ref
      pageId = next
      start = end
    }
  }

  /**
   * A copy of the value.
   * @throws `PAGE_CORRUPT` when a page of the chain belongs to something else.
   */
  readValue(ref: ValueRef): Uint8Array {
    const { bytes, view } = this.#buffer
    const value = new Uint8Array(ref.valueLength)
    let pageId = ref.head
    for (let ordinal = 0, done = 0; done < value.length || ordinal === 0; ordinal++) {
      const page = this.#fixOfChain(pageId, ref, ordinal)
      const length = dataLengthOf(view, page)
      const fits = length <= value.length - done && (length > 0 || value.length === 0)
      if (fits) copyBytes(value, done, bytes, page + OVERFLOW_HEADER_BYTES, length)
      done += length
      const next = rightSiblingOf(view, page)
      this.#buffer.unfix(page)
      if (!fits) throw brokenChain(pageId, ref)
      pageId = next
    }
    return value
  }

  /**
   * The pages of a chain, for the consistency check.
   * @throws `PAGE_CORRUPT` when they do not hold the value, in the length that the reference says.
   */
  pagesOf(ref: ValueRef): PageId[] {
    const pages: PageId[] = []
    let pageId = ref.head
    let length = 0
    while (pageId !== 0) {
      const page = this.#fixOfChain(pageId, ref, pages.length)
      pages.push(pageId)
      pageId = rightSiblingOf(this.#buffer.view, page)
      length += dataLengthOf(this.#buffer.view, page)
      this.#buffer.unfix(page)
    }
    if (length !== ref.valueLength) throw brokenChain(ref.head, ref)
    return pages
  }

  /**
   * Frees a bounded number of pages of a chain; true when none is left. Calling it again after that is
   * harmless, also when the pages serve something else by then.
   */
  freeChainStep(head: PageId, chainId: number): boolean {
    if (!this.#space.isAllocated(head)) return true
    const buffer = this.#buffer
    const headPage = buffer.fix(head)
    try {
      if (!isOfChain(buffer.view, headPage, head, chainId)) return true
      return this.#systemTransaction((entry) => this.#freeBehind(entry, headPage, head, chainId))
    } finally {
      buffer.unfix(headPage)
    }
  }

  #freeBehind(entry: TransactionEntry, headPage: number, head: PageId, chainId: number): boolean {
    const { view } = this.#buffer
    const first = rightSiblingOf(view, headPage)
    let pageId = first
    for (let count = 0; pageId !== 0; count++) {
      if (count === FREED_PAGES_PER_STEP) {
        this.#link(entry, headPage, first, pageId)
        return false
      }
      const page = this.#buffer.fix(pageId)
      const next = rightSiblingOf(view, page)
      const ours = isOfChain(view, page, head, chainId)
      this.#buffer.unfix(page)
      if (!ours) throw brokenChain(pageId, { head, chainId, valueLength: 0 })
      this.#space.free(entry, pageId)
      pageId = next
    }
    this.#space.free(entry, head)
    return true
  }

  #link(entry: TransactionEntry, headPage: number, from: PageId, to: PageId): void {
    const at = this.#writer.update(
      entry,
      ResourceId.SPACE,
      SpaceOperation.LINK,
      headPage,
      LINK_PAYLOAD_BYTES,
      LINK_PAYLOAD_BYTES,
    )
    this.#writer.log.view.setUint32(at, from, true)
    this.#writer.log.view.setUint32(at + 4, to, true)
    this.#writer.finish()
  }

  #format(entry: TransactionEntry, pageId: PageId, fields: ChainPage, data: Uint8Array): void {
    const page = this.#buffer.fixNew(pageId)
    try {
      const length = FORMAT_OVERFLOW_FIXED_BYTES + data.length
      const at = this.#writer.redoOnly(entry, ResourceId.SPACE, SpaceOperation.FORMAT_OVERFLOW, page, length)
      encodeChainPage(this.#writer.log.view, at, fields)
      this.#writer.log.bytes.set(data, at + FORMAT_OVERFLOW_FIXED_BYTES)
      this.#writer.finish()
    } finally {
      this.#buffer.unfix(page)
    }
  }

  #fixOfChain(pageId: PageId, ref: ValueRef, ordinal: number): number {
    if (pageId === 0) throw brokenChain(ref.head, ref)
    const page = this.#buffer.fix(pageId)
    const { view } = this.#buffer
    if (isOfChain(view, page, ref.head, ref.chainId) && ordinalOf(view, page) === ordinal) return page
    this.#buffer.unfix(page)
    throw brokenChain(pageId, ref)
  }
}

function brokenChain(pageId: PageId, ref: ValueRef): AriesError {
  return new AriesError(
    'PAGE_CORRUPT',
    `page ${pageId} is not the page of the value's chain that starts at page ${ref.head}; restore all files from one backup, or delete the row`,
    { pageId, chainHead: ref.head },
  )
}
