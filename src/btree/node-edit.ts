/**
 * The changes of one node: insert a cell, remove cells, splice a value. Only `redo` calls them. Each
 * depends on nothing but the node's bytes and its arguments, compaction included, so repeating a record
 * on the page as it was gives the same bytes again (I26).
 *
 * Whether there is room is decided before the record is written; here it is asserted.
 */
import { assert } from '../common/assert.ts'
import { copyBytes } from '../common/bytes.ts'
import {
  freeBytesOf,
  heapStartOf,
  levelOf,
  setFreeBytes,
  setHeapStart,
  setSlotCount,
  slotCountOf,
} from '../page/page.ts'
import {
  CELL_HEADER_BYTES,
  cellAt,
  cellBytesOf,
  fencesAt,
  flagsOf,
  GHOST_FLAG,
  gapBytesOf,
  ghostCountOf,
  headOf,
  type NodeMemory,
  prefixLengthOf,
  SLOT_BYTES,
  setCellHeader,
  setGhostCount,
  setSlot,
  setSlotCell,
  slotAt,
  suffixLengthOf,
  valueLengthOf,
} from './node-page.ts'

const NO_SLOT = -1

/** Bytes the cell takes in this node. */
export function cellBytesIn(
  view: DataView,
  page: number,
  slot: number,
  keyLength: number,
  valueLength: number,
): number {
  const left = slot === 0 && levelOf(view, page) > 0 ? keyLength : prefixLengthOf(view, page)
  return CELL_HEADER_BYTES + keyLength - left + valueLength
}

/** Inserts a cell before `slot`. */
export function insertCell(
  memory: NodeMemory,
  scratch: NodeMemory,
  page: number,
  slot: number,
  flags: number,
  source: Uint8Array,
  keyStart: number,
  keyLength: number,
  valueLength: number,
): void {
  const { bytes, view } = memory
  const cellBytes = cellBytesIn(view, page, slot, keyLength, valueLength)
  const suffixLength = cellBytes - CELL_HEADER_BYTES - valueLength
  const suffixStart = keyStart + keyLength - suffixLength
  makeGap(memory, scratch, page, cellBytes + SLOT_BYTES)
  const count = slotCountOf(view, page)
  const cell = page + heapStartOf(view, page) - cellBytes
  setCellHeader(view, cell, flags, suffixLength, valueLength)
  copyBytes(bytes, cell + CELL_HEADER_BYTES, source, suffixStart, suffixLength + valueLength)
  if (slot < count) bytes.copyWithin(slotAt(page, slot + 1), slotAt(page, slot), slotAt(page, count))
  setSlot(view, page, slot, headOf(source, suffixStart, suffixStart + suffixLength), cell)
  setSlotCount(view, page, count + 1)
  setHeapStart(view, page, cell - page)
  if ((flags & GHOST_FLAG) !== 0) setGhostCount(view, page, ghostCountOf(view, page) + 1)
}

/** Moves cells together if need be, so that between slots and cells there are `gapBytes`. */
export function makeGap(memory: NodeMemory, scratch: NodeMemory, page: number, gapBytes: number): void {
  if (gapBytesOf(memory.view, page) < gapBytes) compact(memory, scratch, page, NO_SLOT)
  assert(gapBytesOf(memory.view, page) >= gapBytes, 'what is inserted fits')
}

/** Removes the cell of `slot`. */
export function removeCell(memory: NodeMemory, page: number, slot: number): void {
  const { bytes, view } = memory
  const count = slotCountOf(view, page)
  assert(slot < count, 'the slot is there')
  const cell = cellAt(view, page, slot)
  if ((flagsOf(view, cell) & GHOST_FLAG) !== 0) setGhostCount(view, page, ghostCountOf(view, page) - 1)
  const cellBytes = cellBytesOf(view, cell)
  bytes.copyWithin(slotAt(page, slot), slotAt(page, slot + 1), slotAt(page, count))
  setSlotCount(view, page, count - 1)
  if (count === 1) {
    setHeapStart(view, page, fencesAt(memory, page) - page)
    setFreeBytes(view, page, 0)
  } else if (cell - page === heapStartOf(view, page)) {
    setHeapStart(view, page, cell - page + cellBytes)
  } else {
    setFreeBytes(view, page, freeBytesOf(view, page) + cellBytes)
  }
}

/** Sets a cell's flags; the ghost count follows. */
export function setFlags(view: DataView, page: number, slot: number, flags: number): void {
  const cell = cellAt(view, page, slot)
  const ghosts = (flags & GHOST_FLAG) - (flagsOf(view, cell) & GHOST_FLAG)
  view.setUint8(cell, flags)
  if (ghosts !== 0) setGhostCount(view, page, ghostCountOf(view, page) + ghosts)
}

/** Replaces `removeLength` bytes at offset `at` of a cell's value by `source[start, start + length)`. */
export function spliceValue(
  memory: NodeMemory,
  scratch: NodeMemory,
  page: number,
  slot: number,
  at: number,
  removeLength: number,
  source: Uint8Array,
  start: number,
  length: number,
): void {
  const { bytes, view } = memory
  const grows = length - removeLength
  if (grows > 0) {
    moveCell(memory, scratch, page, slot, at, removeLength, length)
  } else if (grows < 0) {
    const cell = cellAt(view, page, slot)
    const suffixLength = suffixLengthOf(view, cell)
    const valueLength = valueLengthOf(view, cell)
    const value = cell + CELL_HEADER_BYTES + suffixLength
    bytes.copyWithin(value + at + length, value + at + removeLength, value + valueLength)
    setCellHeader(view, cell, flagsOf(view, cell), suffixLength, valueLength + grows)
    setFreeBytes(view, page, freeBytesOf(view, page) - grows)
  }
  const cell = cellAt(view, page, slot)
  copyBytes(bytes, cell + CELL_HEADER_BYTES + suffixLengthOf(view, cell) + at, source, start, length)
}

/** Moves a cell to new room where its value has `length` bytes in place of `removeLength` at `at`. */
function moveCell(
  memory: NodeMemory,
  scratch: NodeMemory,
  page: number,
  slot: number,
  at: number,
  removeLength: number,
  length: number,
): void {
  const { bytes, view } = memory
  let oldCell = cellAt(view, page, slot)
  let from = bytes
  const flags = flagsOf(view, oldCell)
  const suffixLength = suffixLengthOf(view, oldCell)
  const valueLength = valueLengthOf(view, oldCell)
  const oldBytes = cellBytesOf(view, oldCell)
  const newBytes = oldBytes - removeLength + length
  if (gapBytesOf(view, page) >= newBytes) {
    setFreeBytes(view, page, freeBytesOf(view, page) + oldBytes)
  } else {
    compact(memory, scratch, page, slot)
    oldCell -= page
    from = scratch.bytes
  }
  assert(gapBytesOf(view, page) >= newBytes, 'the longer value fits')
  const cell = page + heapStartOf(view, page) - newBytes
  const before = CELL_HEADER_BYTES + suffixLength + at
  const rest = valueLength - at - removeLength
  copyBytes(bytes, cell, from, oldCell, before)
  copyBytes(bytes, cell + before + length, from, oldCell + before + removeLength, rest)
  setCellHeader(view, cell, flags, suffixLength, valueLength - removeLength + length)
  setSlotCell(view, page, slot, cell)
  setHeapStart(view, page, cell - page)
}

/**
 * Moves all cells but that of slot `left` to the end of the heap. The node as it was stays in `scratch`.
 */
function compact(memory: NodeMemory, scratch: NodeMemory, page: number, left: number): void {
  const { bytes, view, pageSize } = memory
  scratch.bytes.set(bytes.subarray(page, page + pageSize))
  const count = slotCountOf(view, page)
  let top = fencesAt(memory, page)
  for (let slot = 0; slot < count; slot++) {
    if (slot === left) continue
    const from = cellAt(scratch.view, 0, slot)
    const length = cellBytesOf(scratch.view, from)
    top -= length
    copyBytes(bytes, top, scratch.bytes, from, length)
    setSlotCell(view, page, slot, top)
  }
  setHeapStart(view, page, top - page)
  setFreeBytes(view, page, 0)
}
