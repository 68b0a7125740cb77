/**
 * Building whole nodes: in a scratch page, cell by cell, then into a log record as an image without
 * the gap. What a split moves, what a merge joins and what a change of range keeps are built this way.
 *
 * Image:
 *
 * | OFFSET | SIZE | FIELD                                            |
 * |--------|------|--------------------------------------------------|
 * | 0      | 2    | lowerLength                                      |
 * | 2      | ...  | the page's bytes from 16 on: lowerLength of them, header fields and slots |
 * | ...    | ...  | the page's bytes from heapStart to its end       |
 */
import { copyBytes } from '../common/bytes.ts'
import type { PageId } from '../common/ids.ts'
import {
  formatPage,
  heapStartOf,
  levelOf,
  ownerOf,
  PageType,
  rightSiblingOf,
  setHeapStart,
  setLevel,
  setOwner,
  setRightSibling,
  setSlotCount,
  slotCountOf,
} from '../page/page.ts'
import {
  CELL_HEADER_BYTES,
  CHILD_BYTES,
  cellAt,
  cellBytesOf,
  copyKeyFrom,
  fencesAt,
  flagsOf,
  GHOST_FLAG,
  ghostCountOf,
  headAt,
  headOf,
  keyLengthOf,
  type NodeMemory,
  prefixLengthOf,
  SLOT_BYTES,
  setCellHeader,
  setFences,
  setGhostCount,
  setSlot,
  setTreeId,
  slotAt,
  treeIdOf,
  valueLengthOf,
  valueStartOf,
} from './node-page.ts'

/** The page header before this offset belongs to the page's place and the last record, not to the image. */
const IMAGE_START = 16

/** What a node is, but for its fences and cells. */
export interface NodeShape {
  readonly level: number
  readonly owner: number
  readonly treeId: number
  readonly rightSibling: PageId
}

export function shapeOf(view: DataView, page: number): NodeShape {
  return {
    level: levelOf(view, page),
    owner: ownerOf(view, page),
    treeId: treeIdOf(view, page),
    rightSibling: rightSiblingOf(view, page),
  }
}

/**
 * Makes the scratch page an empty node with these fences. (They are no part of the shape, so that nobody spreads
 * one object into another here: that takes as long as all the rest, and the runtime keeps what comes of it for long.)
 */
export function formatNode(
  scratch: NodeMemory,
  pageId: PageId,
  shape: NodeShape,
  low: Uint8Array,
  high: Uint8Array,
): void {
  const { bytes, view, pageSize } = scratch
  formatPage(bytes, view, 0, pageSize, pageId, shape.level === 0 ? PageType.LEAF : PageType.INNER)
  setLevel(view, 0, shape.level)
  setOwner(view, 0, shape.owner)
  setRightSibling(view, 0, shape.rightSibling)
  setTreeId(view, 0, shape.treeId)
  setFences(scratch, 0, low, high)
  setHeapStart(view, 0, fencesAt(scratch, 0))
}

/** Bytes that cells [first, end) of `source` with their slots would take in a leaf with this prefix. */
export function rowBytesElsewhere(
  source: NodeMemory,
  page: number,
  first: number,
  end: number,
  prefixLength: number,
): number {
  let bytes = 0
  for (let slot = first; slot < end; slot++) bytes += cellBytesElsewhere(source, page, slot, prefixLength, false)
  return bytes
}

/** Bytes a cell of `source` with its slot would take in a node with this prefix, as its first cell or a later one. */
export function cellBytesElsewhere(
  source: NodeMemory,
  page: number,
  slot: number,
  prefixLength: number,
  isFirst: boolean,
): number {
  const { view } = source
  const leavesOutKey = isFirst && levelOf(view, page) > 0
  const suffixLength = leavesOutKey ? 0 : keyLengthOf(source, page, slot) - prefixLength
  return SLOT_BYTES + CELL_HEADER_BYTES + suffixLength + valueLengthOf(view, cellAt(view, page, slot))
}

/** Appends cell `slot` of the node at `page` of `source` to the node in the scratch page. */
function appendCell(scratch: NodeMemory, source: NodeMemory, page: number, slot: number): void {
  const { bytes, view } = scratch
  const count = slotCountOf(view, 0)
  const prefixLength = prefixLengthOf(view, 0)
  const cellBytes = cellBytesElsewhere(source, page, slot, prefixLength, count === 0) - SLOT_BYTES
  const from = cellAt(source.view, page, slot)
  const valueLength = valueLengthOf(source.view, from)
  const suffixLength = cellBytes - CELL_HEADER_BYTES - valueLength
  const cell = heapStartOf(view, 0) - cellBytes

  const suffix = cell + CELL_HEADER_BYTES
  if (suffixLength > 0) copyKeyFrom(source, page, slot, prefixLength, bytes, suffix)
  setCellHeader(view, cell, flagsOf(source.view, from), suffixLength, valueLength)
  copyBytes(bytes, suffix + suffixLength, source.bytes, valueStartOf(source.view, from), valueLength)
  setSlot(view, 0, count, headOf(bytes, suffix, suffix + suffixLength), cell)
  setSlotCount(view, 0, count + 1)
  setHeapStart(view, 0, cell)
  if ((flagsOf(source.view, from) & GHOST_FLAG) !== 0) setGhostCount(view, 0, ghostCountOf(view, 0) + 1)
}

/** Appends cells [first, end) of the node at `page` of `source` to the node in the scratch page. */
export function appendCells(
  scratch: NodeMemory,
  source: NodeMemory,
  page: number,
  first = 0,
  end = slotCountOf(source.view, page),
): void {
  if (levelOf(scratch.view, 0) === 0 && prefixLengthOf(scratch.view, 0) === prefixLengthOf(source.view, page)) {
    appendWholeCells(scratch, source, page, first, end)
  } else {
    for (let slot = first; slot < end; slot++) appendCell(scratch, source, page, slot)
  }
}

/**
 * The same for a leaf whose prefix is that of the source: cells and heads stay as they are. Cells that lie one
 * below the other, as they do in a node that was built, are copied together.
 */
function appendWholeCells(scratch: NodeMemory, source: NodeMemory, page: number, first: number, end: number): void {
  const { bytes, view } = scratch
  let count = slotCountOf(view, 0)
  let heapStart = heapStartOf(view, 0)
  let ghosts = ghostCountOf(view, 0)
  for (let slot = first; slot < end; ) {
    const top = endOfCell(source.view, cellAt(source.view, page, slot))
    let bottom = top
    while (slot < end) {
      const from = cellAt(source.view, page, slot)
      if (endOfCell(source.view, from) !== bottom) break
      bottom = from
      setSlot(view, 0, count++, headAt(source.view, page, slot++), heapStart - top + bottom)
      if ((flagsOf(source.view, from) & GHOST_FLAG) !== 0) ghosts++
    }
    heapStart -= top - bottom
    copyBytes(bytes, heapStart, source.bytes, bottom, top - bottom)
  }
  setSlotCount(view, 0, count)
  setHeapStart(view, 0, heapStart)
  setGhostCount(view, 0, ghosts)
}

const endOfCell = (view: DataView, cell: number): number => cell + cellBytesOf(view, cell)

/** Appends a child to the inner node in the scratch page; only the first needs no key. */
export function appendFirstChild(scratch: NodeMemory, child: PageId): void {
  const { view } = scratch
  const cell = heapStartOf(view, 0) - CELL_HEADER_BYTES - CHILD_BYTES
  setCellHeader(view, cell, 0, 0, CHILD_BYTES)
  view.setUint32(cell + CELL_HEADER_BYTES, child, true)
  setSlot(view, 0, 0, 0, cell)
  setSlotCount(view, 0, 1)
  setHeapStart(view, 0, cell)
}

/** Bytes of the image of the node in the scratch page, whose heap must have no dead cells. */
export function imageBytesOf({ view, pageSize }: NodeMemory): number {
  return 2 + slotAt(0, slotCountOf(view, 0)) - IMAGE_START + pageSize - heapStartOf(view, 0)
}

export function encodeImage(scratch: NodeMemory, target: Uint8Array, view: DataView, at: number): void {
  const lowerLength = slotAt(0, slotCountOf(scratch.view, 0)) - IMAGE_START
  const heapStart = heapStartOf(scratch.view, 0)
  view.setUint16(at, lowerLength, true)
  copyBytes(target, at + 2, scratch.bytes, IMAGE_START, lowerLength)
  copyBytes(target, at + 2 + lowerLength, scratch.bytes, heapStart, scratch.pageSize - heapStart)
}

/** Makes the page what the image in `source[start, end)` says. */
export function decodeImage(
  memory: NodeMemory,
  page: number,
  pageId: PageId,
  source: Uint8Array,
  view: DataView,
  start: number,
  end: number,
): void {
  const lowerLength = view.getUint16(start, true)
  const upper = start + 2 + lowerLength
  formatPage(memory.bytes, memory.view, page, memory.pageSize, pageId, PageType.LEAF)
  copyBytes(memory.bytes, page + IMAGE_START, source, start + 2, lowerLength)
  copyBytes(memory.bytes, page + memory.pageSize - (end - upper), source, upper, end - upper)
}
