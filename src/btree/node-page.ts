/**
 * The B+tree node: one layout for leaves (level 0) and inner nodes (level 1 and up).
 *
 * A node covers the keys in [low fence, high fence); a fence of length 0 is open. All keys inside two
 * closed fences begin with what the fences have in common: that prefix is not repeated in the cells.
 * The low fence contains it, so it has no copy of its own.
 *
 * | OFFSET | SIZE | FIELD                                                                     |
 * |--------|------|---------------------------------------------------------------------------|
 * | 0      | 32   | page header; owner = the tree's root, rightSibling = next node of the level |
 * | 32     | 8    | treeId: LSN of the record that allocated the root; tells a tree from a later one with the same root |
 * | 40     | 2    | lowFenceLength                                                            |
 * | 42     | 2    | highFenceLength                                                           |
 * | 44     | 2    | prefixLength: 0 when a fence is open                                      |
 * | 46     | 2    | ghostCount                                                                |
 * | 48     | 6n   | slots, in key order                                                       |
 * | ...    |      | free                                                                      |
 * | heapStart |   | cells, in no order, with freeBytes of dead ones among them                |
 * | end - both fences | | low fence, high fence                                             |
 *
 * Slot:
 *
 * | OFFSET | SIZE | FIELD                                                                     |
 * |--------|------|---------------------------------------------------------------------------|
 * | 0      | 4    | head: first 4 bytes of the key's suffix as a big-endian number, padded with zeros, so that a search reads cells only on ties |
 * | 4      | 2    | offset of the cell in the page                                            |
 *
 * Cell:
 *
 * | OFFSET | SIZE | FIELD                                                                     |
 * |--------|------|---------------------------------------------------------------------------|
 * | 0      | 1    | flags: bit 0 = ghost (deleted, still there), bit 1 = value is a reference to overflow pages |
 * | 1      | 2    | suffixLength                                                              |
 * | 3      | 2    | valueLength                                                               |
 * | 5      | ...  | suffix, value                                                             |
 *
 * In an inner node the value is the child's pageId (4 bytes), and a cell's key is where the child's
 * keys begin. The key of slot 0 is the node's low fence and its suffix is left out.
 */

import { copyOfRange } from '../common/byte-slab.ts'
import { copyBytes, getU53, setU53 } from '../common/bytes.ts'
import { asPageId, type PageId } from '../common/ids.ts'
import { freeBytesOf, heapStartOf, levelOf, slotCountOf } from '../page/page.ts'

/** A tree is named by its root page, which never moves. Locks are taken in this name too. */
export type Tree = PageId

/** Memory that holds nodes: the buffer pool, or a scratch page. */
export interface NodeMemory {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly pageSize: number
}

export const NODE_HEADER_BYTES = 48
export const SLOT_BYTES = 6
export const CELL_HEADER_BYTES = 5
export const CHILD_BYTES = 4
export const GHOST_FLAG = 1
export const OVERFLOW_FLAG = 2

const TREE_ID = 32
const LOW_LENGTH = 40
const HIGH_LENGTH = 42
const PREFIX_LENGTH = 44
const GHOST_COUNT = 46
const SLOT_CELL = 4
const CELL_SUFFIX_LENGTH = 1
const CELL_VALUE_LENGTH = 3

/** The longest key: two fences and one cell of it always fit a node. */
export const maxKeyBytes = (pageSize: number): number => pageSize >>> 2

/** The largest leaf cell whose value is kept inline: with short fences, four of them fit a leaf. */
export const maxInlineCellBytes = (pageSize: number): number => ((pageSize - NODE_HEADER_BYTES) >>> 2) - SLOT_BYTES

export function makeScratch(pageSize: number): NodeMemory {
  const bytes = new Uint8Array(pageSize)
  return { bytes, view: new DataView(bytes.buffer), pageSize }
}

export const treeIdOf = (view: DataView, page: number): number => getU53(view, page + TREE_ID)
export const lowFenceLengthOf = (view: DataView, page: number): number => view.getUint16(page + LOW_LENGTH, true)
export const highFenceLengthOf = (view: DataView, page: number): number => view.getUint16(page + HIGH_LENGTH, true)
export const prefixLengthOf = (view: DataView, page: number): number => view.getUint16(page + PREFIX_LENGTH, true)
export const ghostCountOf = (view: DataView, page: number): number => view.getUint16(page + GHOST_COUNT, true)

export const setTreeId = (view: DataView, page: number, id: number): void => setU53(view, page + TREE_ID, id)
export const setGhostCount = (view: DataView, page: number, count: number): void =>
  view.setUint16(page + GHOST_COUNT, count, true)

/** Where slot `slot` of the node lies; `slotOf(page, slotCount)` is the end of the slots. */
export const slotAt = (page: number, slot: number): number => page + NODE_HEADER_BYTES + slot * SLOT_BYTES

/** The head in a slot. */
export const headAt = (view: DataView, page: number, slot: number): number => view.getUint32(slotAt(page, slot), true)

/** Where the cell of a slot lies. */
export const cellAt = (view: DataView, page: number, slot: number): number =>
  page + view.getUint16(slotAt(page, slot) + SLOT_CELL, true)

export const flagsOf = (view: DataView, cell: number): number => view.getUint8(cell)
export const suffixLengthOf = (view: DataView, cell: number): number => view.getUint16(cell + CELL_SUFFIX_LENGTH, true)
export const valueLengthOf = (view: DataView, cell: number): number => view.getUint16(cell + CELL_VALUE_LENGTH, true)
export const valueStartOf = (view: DataView, cell: number): number =>
  cell + CELL_HEADER_BYTES + suffixLengthOf(view, cell)
export const cellBytesOf = (view: DataView, cell: number): number =>
  CELL_HEADER_BYTES + suffixLengthOf(view, cell) + valueLengthOf(view, cell)

export function setCellHeader(
  view: DataView,
  cell: number,
  flags: number,
  suffixLength: number,
  valueLength: number,
): void {
  view.setUint8(cell, flags)
  view.setUint16(cell + CELL_SUFFIX_LENGTH, suffixLength, true)
  view.setUint16(cell + CELL_VALUE_LENGTH, valueLength, true)
}

export function setSlot(view: DataView, page: number, slot: number, head: number, cell: number): void {
  const at = slotAt(page, slot)
  view.setUint32(at, head, true)
  view.setUint16(at + SLOT_CELL, cell - page, true)
}

export const setSlotCell = (view: DataView, page: number, slot: number, cell: number): void =>
  view.setUint16(slotAt(page, slot) + SLOT_CELL, cell - page, true)

/** The child a slot of an inner node leads to. */
export const childAt = (view: DataView, page: number, slot: number): PageId =>
  asPageId(view.getUint32(valueStartOf(view, cellAt(view, page, slot)), true))

/** Bytes between the slots and the cells. */
export const gapBytesOf = (view: DataView, page: number): number =>
  heapStartOf(view, page) - NODE_HEADER_BYTES - slotCountOf(view, page) * SLOT_BYTES

/** Bytes a new cell and its slot could take, after compaction if need be. */
export const roomOf = (view: DataView, page: number): number => gapBytesOf(view, page) + freeBytesOf(view, page)

/** Bytes between the node's header and its fences: what slots and cells have to share. */
export const capacityOf = (memory: NodeMemory, page: number): number =>
  memory.pageSize - NODE_HEADER_BYTES - lowFenceLengthOf(memory.view, page) - highFenceLengthOf(memory.view, page)

/** Where the low fence lies; the high fence follows it. */
export const fencesAt = (memory: NodeMemory, page: number): number =>
  page + memory.pageSize - lowFenceLengthOf(memory.view, page) - highFenceLengthOf(memory.view, page)

export function lowFenceOf(memory: NodeMemory, page: number): Uint8Array {
  const start = fencesAt(memory, page)
  return memory.bytes.slice(start, start + lowFenceLengthOf(memory.view, page))
}

export function highFenceOf(memory: NodeMemory, page: number): Uint8Array {
  const end = page + memory.pageSize
  return memory.bytes.slice(end - highFenceLengthOf(memory.view, page), end)
}

/** Writes the fences of an empty node, and the prefix that follows from them. */
export function setFences(memory: NodeMemory, page: number, low: Uint8Array, high: Uint8Array): void {
  const { bytes, view, pageSize } = memory
  view.setUint16(page + LOW_LENGTH, low.length, true)
  view.setUint16(page + HIGH_LENGTH, high.length, true)
  view.setUint16(page + PREFIX_LENGTH, commonPrefix(low, high), true)
  bytes.set(low, page + pageSize - high.length - low.length)
  bytes.set(high, page + pageSize - high.length)
}

/** How many bytes two keys have in common at their start; 0 when one is an open fence. */
export function commonPrefix(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  let i = 0
  while (i < length && a[i] === b[i]) i++
  return i
}

/** The shortest key above `left` and not above `right`: the separator of two neighbours. */
export const shortestBetween = (left: Uint8Array, right: Uint8Array): Uint8Array =>
  right.slice(0, commonPrefix(left, right) + 1)

/** The stored value of an inner node's cell. */
export function encodeChild(child: PageId): Uint8Array {
  const bytes = new Uint8Array(CHILD_BYTES)
  new DataView(bytes.buffer).setUint32(0, child, true)
  return bytes
}

/** The head of the suffix `source[start, end)`. */
export function headOf(source: Uint8Array, start: number, end: number): number {
  if (end - start >= 4) {
    const high = ((source[start] as number) << 8) | (source[start + 1] as number)
    return high * 0x1_0000 + (((source[start + 2] as number) << 8) | (source[start + 3] as number))
  }
  let head = 0
  for (let i = 0; i < 4; i++) head = head * 256 + (start + i < end ? (source[start + i] as number) : 0)
  return head
}

/** Length of the whole key of a slot. */
export function keyLengthOf(memory: NodeMemory, page: number, slot: number): number {
  const { view } = memory
  if (slot === 0 && levelOf(view, page) > 0) return lowFenceLengthOf(view, page)
  return prefixLengthOf(view, page) + suffixLengthOf(view, cellAt(view, page, slot))
}

/** Writes the key of a slot, but for its first `skip` bytes, to `target[targetStart...]`. */
export function copyKeyFrom(
  memory: NodeMemory,
  page: number,
  slot: number,
  skip: number,
  target: Uint8Array,
  targetStart: number,
): void {
  const { bytes, view } = memory
  const fences = fencesAt(memory, page)
  if (slot === 0 && levelOf(view, page) > 0) {
    copyBytes(target, targetStart, bytes, fences + skip, lowFenceLengthOf(view, page) - skip)
    return
  }
  const prefixLength = prefixLengthOf(view, page)
  const fromPrefix = Math.max(0, prefixLength - skip)
  const skipSuffix = Math.max(0, skip - prefixLength)
  const cell = cellAt(view, page, slot)
  copyBytes(target, targetStart, bytes, fences + skip, fromPrefix)
  const suffix = cell + CELL_HEADER_BYTES + skipSuffix
  copyBytes(target, targetStart + fromPrefix, bytes, suffix, suffixLengthOf(view, cell) - skipSuffix)
}

/** A copy of the whole key of a slot. */
export function keyAt(memory: NodeMemory, page: number, slot: number): Uint8Array {
  const key = new Uint8Array(keyLengthOf(memory, page, slot))
  copyKeyFrom(memory, page, slot, 0, key, 0)
  return key
}

/** A copy of the bytes a cell stores as its value: the value, or the reference to it. */
export function storedValueAt(memory: NodeMemory, page: number, slot: number): Uint8Array {
  const { bytes, view } = memory
  const cell = cellAt(view, page, slot)
  const start = valueStartOf(view, cell)
  return copyOfRange(bytes, start, start + valueLengthOf(view, cell))
}

/**
 * Finds `key[keyStart, keyEnd)`, which must lie within the node's fences, among the slots from `first`
 * on. Returns its slot, or `~slot` of where it would be inserted.
 */
export function findSlot(
  memory: NodeMemory,
  page: number,
  first: number,
  key: Uint8Array,
  keyStart: number,
  keyEnd: number,
): number {
  const { bytes, view } = memory
  const start = keyStart + prefixLengthOf(view, page)
  const length = keyEnd - start
  const head = headOf(key, start, keyEnd)
  let low = first
  let high = slotCountOf(view, page)
  // How many bytes the key is known to share with the cells around the range; those between share the
  // lesser of the two, so a comparison starts there.
  let sharedLow = 0
  let sharedHigh = 0
  while (low < high) {
    const middle = (low + high) >>> 1
    const slot = slotAt(page, middle)
    let order = view.getUint32(slot, true) - head
    let shared = 0
    if (order === 0) {
      const cell = page + view.getUint16(slot + SLOT_CELL, true)
      const suffixLength = suffixLengthOf(view, cell)
      const end = Math.min(suffixLength, length)
      const suffix = cell + CELL_HEADER_BYTES
      shared = Math.min(sharedLow, sharedHigh)
      while (shared < end && bytes[suffix + shared] === key[start + shared]) shared++
      if (shared < end) order = (bytes[suffix + shared] as number) - (key[start + shared] as number)
      else order = suffixLength - length
      if (order === 0) return middle
    }
    if (order < 0) {
      low = middle + 1
      sharedLow = shared
    } else {
      high = middle
      sharedHigh = shared
    }
  }
  return ~low
}

/** The slot of an inner node whose child covers `key[keyStart, keyEnd)`. */
export function findChildSlot(
  memory: NodeMemory,
  page: number,
  key: Uint8Array,
  keyStart: number,
  keyEnd: number,
): number {
  const slot = findSlot(memory, page, 1, key, keyStart, keyEnd)
  return slot >= 0 ? slot : ~slot - 1
}
