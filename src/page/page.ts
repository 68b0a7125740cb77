/**
 * The page header, common to all page types. A page is not an object: it is a byte offset (`page`)
 * into the buffer pool's arena, read and written by the free functions below over the arena's one
 * `DataView`.
 *
 * | OFFSET | SIZE | FIELD                                                                    |
 * |--------|------|--------------------------------------------------------------------------|
 * | 0      | 4    | checksum: CRC-32 of bytes [4, pageSize), seeded with database id and pageId |
 * | 4      | 4    | pageId                                                                   |
 * | 8      | 8    | pageLsn: LSN of the last record applied to this page, or 0               |
 * | 16     | 1    | type, see `PageType`                                                     |
 * | 17     | 1    | level: 0 for leaves                                                      |
 * | 18     | 2    | slotCount                                                                |
 * | 20     | 2    | heapStart: offset of the lowest cell byte in use                         |
 * | 22     | 2    | freeBytes: bytes of dead cells inside the heap                           |
 * | 24     | 4    | rightSibling: pageId, 0 = none                                           |
 * | 28     | 4    | owner: what the page belongs to (tree or chain), 0 = none                |
 *
 * INVARIANTS
 * - The stored checksum is never 0, so a page of zeros (allocated, never written) is not valid (I24).
 * - The checksum covers pageId and pageLsn; it is set only by the function that writes pages (I24).
 * - pageLsn never goes down (I3).
 */

import { getU53, setU53 } from '../common/bytes.ts'
import { checksum, placeSeed } from '../common/checksum.ts'
import { asLsn, asPageId, type Lsn, type PageId } from '../common/ids.ts'

export const PAGE_HEADER_BYTES = 32

/** What a page holds. Numbers are on disk. */
export const PageType = { META: 1, SPACE_MAP: 2, LEAF: 3, INNER: 4, OVERFLOW: 5, SLOTS: 6 } as const

const PAGE_ID = 4
const PAGE_LSN = 8
const TYPE = 16
const LEVEL = 17
const SLOT_COUNT = 18
const HEAP_START = 20
const FREE_BYTES = 22
const RIGHT_SIBLING = 24
const OWNER = 28

export const pageIdOf = (view: DataView, page: number): PageId => asPageId(view.getUint32(page + PAGE_ID, true))
export const pageLsnOf = (view: DataView, page: number): Lsn => asLsn(getU53(view, page + PAGE_LSN))
export const pageTypeOf = (view: DataView, page: number): number => view.getUint8(page + TYPE)
export const levelOf = (view: DataView, page: number): number => view.getUint8(page + LEVEL)
export const slotCountOf = (view: DataView, page: number): number => view.getUint16(page + SLOT_COUNT, true)
export const heapStartOf = (view: DataView, page: number): number => view.getUint16(page + HEAP_START, true)
export const freeBytesOf = (view: DataView, page: number): number => view.getUint16(page + FREE_BYTES, true)
export const rightSiblingOf = (view: DataView, page: number): PageId =>
  asPageId(view.getUint32(page + RIGHT_SIBLING, true))
export const ownerOf = (view: DataView, page: number): number => view.getUint32(page + OWNER, true)

export const setPageLsn = (view: DataView, page: number, lsn: Lsn): void => setU53(view, page + PAGE_LSN, lsn)
export const setPageType = (view: DataView, page: number, type: number): void => view.setUint8(page + TYPE, type)
export const setLevel = (view: DataView, page: number, level: number): void => view.setUint8(page + LEVEL, level)
export const setSlotCount = (view: DataView, page: number, count: number): void =>
  view.setUint16(page + SLOT_COUNT, count, true)
export const setHeapStart = (view: DataView, page: number, offset: number): void =>
  view.setUint16(page + HEAP_START, offset, true)
export const setFreeBytes = (view: DataView, page: number, bytes: number): void =>
  view.setUint16(page + FREE_BYTES, bytes, true)
export const setRightSibling = (view: DataView, page: number, sibling: PageId): void =>
  view.setUint32(page + RIGHT_SIBLING, sibling, true)
export const setOwner = (view: DataView, page: number, owner: number): void => view.setUint32(page + OWNER, owner, true)

/** Clears a page and gives it its id and type. Everything else, the pageLsn too, becomes 0. */
export function formatPage(
  bytes: Uint8Array,
  view: DataView,
  page: number,
  pageSize: number,
  pageId: PageId,
  type: number,
): void {
  bytes.fill(0, page, page + pageSize)
  view.setUint32(page + PAGE_ID, pageId, true)
  setPageType(view, page, type)
}

/** The checksum the page's bytes call for, in the place `pageId` of this database. Never 0. */
export function pageChecksum(
  bytes: Uint8Array,
  page: number,
  pageSize: number,
  pageId: PageId,
  databaseSeed: number,
): number {
  return checksum(bytes, page + 4, page + pageSize, placeSeed(databaseSeed, pageId, pageSize)) || 1
}

/** Stamps the checksum. Only the page-writing function of the buffer manager may call this. */
export function sealPage(
  bytes: Uint8Array,
  view: DataView,
  page: number,
  pageSize: number,
  databaseSeed: number,
): void {
  const sum = pageChecksum(bytes, page, pageSize, pageIdOf(view, page), databaseSeed)
  view.setUint32(page, sum, true)
}

/** Whether the bytes are a whole page of this database with this id. */
export function isPageValid(
  bytes: Uint8Array,
  view: DataView,
  page: number,
  pageSize: number,
  pageId: PageId,
  databaseSeed: number,
): boolean {
  return (
    pageIdOf(view, page) === pageId &&
    view.getUint32(page, true) === pageChecksum(bytes, page, pageSize, pageId, databaseSeed)
  )
}
