/**
 * Space-map pages: one bit for each page of the data file, 1 = allocated. Map page k has the pageId
 * 1 + k * bitsPerMapPage and covers the pages [k * bitsPerMapPage, (k + 1) * bitsPerMapPage), itself
 * included. The bits of map pages and of page 0 (the meta page) are always set.
 *
 * The common page header's rightSibling is the next map page, 0 while there is none: so the number of
 * map pages is found by following the links, and a page of the file that no map covers is never read.
 *
 * | OFFSET | SIZE | FIELD                                                      |
 * |--------|------|------------------------------------------------------------|
 * | 0      | 32   | page header                                                |
 * | 32     | 4    | allocatedCount: how many of the bits are set               |
 * | 36     | 4    | zero                                                       |
 * | 40     | ...  | bits, to the end of the page; bit b is bit b % 8 of byte b / 8 |
 */
import { asPageId, type PageId } from '../common/ids.ts'
import { formatPage, PageType } from '../page/page.ts'

const ALLOCATED_COUNT = 32
export const SPACE_MAP_HEADER_BYTES = 40

export const FIRST_MAP_PAGE = asPageId(1)

/** How many pages one map page covers. */
export const bitsPerMapPage = (pageSize: number): number => (pageSize - SPACE_MAP_HEADER_BYTES) * 8

/** The pageId of map page `index`. */
export const mapPageId = (index: number, pageSize: number): PageId => asPageId(1 + index * bitsPerMapPage(pageSize))

/** Which map page covers `pageId`. */
export const mapIndexOf = (pageId: PageId, pageSize: number): number => Math.floor(pageId / bitsPerMapPage(pageSize))

export const allocatedCountOf = (view: DataView, page: number): number => view.getUint32(page + ALLOCATED_COUNT, true)

/** Makes the page the map page of id `pageId`: all free but itself and, in the first one, the meta page. */
export function formatMap(bytes: Uint8Array, view: DataView, page: number, pageSize: number, pageId: PageId): void {
  formatPage(bytes, view, page, pageSize, pageId, PageType.SPACE_MAP)
  setBit(view, page, 1, true)
  if (pageId === FIRST_MAP_PAGE) setBit(view, page, 0, true)
}

export function isBitSet(view: DataView, page: number, bit: number): boolean {
  return (view.getUint8(page + SPACE_MAP_HEADER_BYTES + (bit >>> 3)) & (1 << (bit & 7))) !== 0
}

/** The allocated ones of the first `bitCount` pages of a map, in order. */
export function bitsSet(view: DataView, page: number, bitCount: number): number[] {
  const bits: number[] = []
  for (let bit = 0; bit < bitCount; bit++) {
    if ((bit & 7) === 0 && view.getUint8(page + SPACE_MAP_HEADER_BYTES + (bit >>> 3)) === 0) bit += 7
    else if (isBitSet(view, page, bit)) bits.push(bit)
  }
  return bits
}

export function setBit(view: DataView, page: number, bit: number, allocated: boolean): void {
  const at = page + SPACE_MAP_HEADER_BYTES + (bit >>> 3)
  const mask = 1 << (bit & 7)
  const before = view.getUint8(at)
  const after = allocated ? before | mask : before & ~mask
  if (after === before) return
  view.setUint8(at, after)
  view.setUint32(page + ALLOCATED_COUNT, allocatedCountOf(view, page) + (allocated ? 1 : -1), true)
}

/** The lowest clear bit at or after `from`, or -1 when all of those are set. */
export function firstClearBit(view: DataView, page: number, pageSize: number, from: number): number {
  const bitCount = bitsPerMapPage(pageSize)
  let bit = from
  while (bit < bitCount) {
    if ((bit & 7) === 0 && view.getUint8(page + SPACE_MAP_HEADER_BYTES + (bit >>> 3)) === 0xff) bit += 8
    else if (isBitSet(view, page, bit)) bit++
    else return bit
  }
  return -1
}
