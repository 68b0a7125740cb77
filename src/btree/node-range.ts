/**
 * Changing the range of keys that a node covers: a TRUNCATE cuts it down to some of its cells, an EXTEND adds
 * the rows of a neighbour.
 *
 * Payload of TRUNCATE:
 *
 * | OFFSET | SIZE | FIELD                                                          |
 * |--------|------|----------------------------------------------------------------|
 * | 0      | 2    | first: the first slot that stays                               |
 * | 2      | 2    | end: behind the last slot that stays                           |
 * | 4      | 4    | rightSibling                                                   |
 * | 8      | 2    | lowFenceLength                                                 |
 * | 10     | ...  | low fence, high fence                                          |
 *
 * Payload of EXTEND: the rows as a leaf, laid out as in `node-page.ts`, of a page of just the size they need. Its
 * fences are the separators before and after the move, and one of them is a fence of the leaf that is extended:
 *
 * ```
 *    rows:  [f, k)      leaf: [k, p)      the rows come before its own:   [f, p)
 *    rows:  [k, p)      leaf: [f, k)      the rows come behind its own:   [f, p)
 * ```
 *
 * UNDO of an EXTEND is a TRUNCATE of the same page to the cells and fences it had. Nothing else has touched the
 * page meanwhile, because an EXTEND is undone only if its nested top action did not reach its end.
 */
import { compareRanges, copyBytes } from '../common/bytes.ts'
import { asPageId, type PageId } from '../common/ids.ts'
import type { LogRecordView } from '../log/log-record.ts'
import { pageIdOf, rightSiblingOf, setRightSibling, slotCountOf } from '../page/page.ts'
import { appendCells, formatNode, shapeOf } from './node-build.ts'
import { fencesAt, highFenceOf, lowFenceLengthOf, lowFenceOf, type NodeMemory } from './node-page.ts'

const FIRST = 0
const END = 2
const RIGHT_SIBLING = 4
const LOW_LENGTH = 8
const FENCES = 10

/** What stays of a node, and the fences and sibling it then has. */
export interface NodeRange {
  readonly first: number
  readonly end: number
  readonly low: Uint8Array
  readonly high: Uint8Array
  readonly rightSibling: PageId
}

/** The node as it is. */
export const rangeOf = (memory: NodeMemory, page: number): NodeRange => ({
  first: 0,
  end: slotCountOf(memory.view, page),
  low: lowFenceOf(memory, page),
  high: highFenceOf(memory, page),
  rightSibling: rightSiblingOf(memory.view, page),
})

/** Bytes of the payload of a TRUNCATE. */
export const rangeBytesOf = ({ low, high }: NodeRange): number => FENCES + low.length + high.length

/** Writes the payload of a TRUNCATE. */
export function encodeRange(range: NodeRange, log: { bytes: Uint8Array; view: DataView }, at: number): void {
  const { low, high } = range
  log.view.setUint16(at + FIRST, range.first, true)
  log.view.setUint16(at + END, range.end, true)
  log.view.setUint32(at + RIGHT_SIBLING, range.rightSibling, true)
  log.view.setUint16(at + LOW_LENGTH, low.length, true)
  copyBytes(log.bytes, at + FENCES, low, 0, low.length)
  copyBytes(log.bytes, at + FENCES + low.length, high, 0, high.length)
}

/** What a TRUNCATE leaves of its node. */
export function rangeOfRecord({ bytes, view, payloadStart: at, payloadEnd }: LogRecordView): NodeRange {
  const highStart = at + FENCES + view.getUint16(at + LOW_LENGTH, true)
  return {
    first: view.getUint16(at + FIRST, true),
    end: view.getUint16(at + END, true),
    low: bytes.slice(at + FENCES, highStart),
    high: bytes.slice(highStart, payloadEnd),
    rightSibling: asPageId(view.getUint32(at + RIGHT_SIBLING, true)),
  }
}

/** Applies a TRUNCATE. */
export function redoTruncate(memory: NodeMemory, scratch: NodeMemory, record: LogRecordView, page: number): void {
  const range = rangeOfRecord(record)
  const shape = shapeOf(memory.view, page)
  formatNode(scratch, pageIdOf(memory.view, page), shape, range.low, range.high)
  setRightSibling(scratch.view, 0, range.rightSibling)
  appendCells(scratch, memory, page, range.first, range.end)
  memory.bytes.set(scratch.bytes, page)
}

/** The rows of an EXTEND: a node that begins at `payloadStart` of its memory. */
const rowsOfRecord = ({ bytes, view, payloadStart, payloadEnd }: LogRecordView): NodeMemory => ({
  bytes,
  view,
  pageSize: payloadEnd - payloadStart,
})

/** How many rows an EXTEND has. */
export const countOfExtend = ({ view, payloadStart }: LogRecordView): number => slotCountOf(view, payloadStart)

/** Applies an EXTEND. */
export function redoExtend(memory: NodeMemory, scratch: NodeMemory, record: LogRecordView, page: number): void {
  const { view } = memory
  const rows = rowsOfRecord(record)
  const at = record.payloadStart
  const comeFirst = endWhereNodeBegins(rows, at, memory, page)
  const low = comeFirst ? lowFenceOf(rows, at) : lowFenceOf(memory, page)
  const high = comeFirst ? highFenceOf(memory, page) : highFenceOf(rows, at)
  formatNode(scratch, pageIdOf(view, page), shapeOf(view, page), low, high)
  if (comeFirst) appendCells(scratch, rows, at)
  appendCells(scratch, memory, page)
  if (!comeFirst) appendCells(scratch, rows, at)
  memory.bytes.set(scratch.bytes, page)
}

/** Whether the high fence of the rows, which is closed, is the low fence of the node. */
function endWhereNodeBegins(rows: NodeMemory, at: number, memory: NodeMemory, page: number): boolean {
  const rowsEnd = at + rows.pageSize
  const rowsHigh = fencesAt(rows, at) + lowFenceLengthOf(rows.view, at)
  const low = fencesAt(memory, page)
  const lowEnd = low + lowFenceLengthOf(memory.view, page)
  return compareRanges(rows.bytes, rowsHigh, rowsEnd, memory.bytes, low, lowEnd) === 0
}

/** The payload of the TRUNCATE that undoes an EXTEND of the leaf at `page`. */
export function encodeUndoOfExtend(record: LogRecordView, memory: NodeMemory, page: number): Uint8Array {
  const rows = rowsOfRecord(record)
  const at = record.payloadStart
  const count = slotCountOf(rows.view, at)
  const extended = rangeOf(memory, page)
  const rowsLow = lowFenceOf(rows, at)
  const cameFirst = compareRanges(rowsLow, 0, rowsLow.length, extended.low, 0, extended.low.length) === 0
  const range = cameFirst
    ? { ...extended, first: count, low: highFenceOf(rows, at) }
    : { ...extended, end: extended.end - count, high: rowsLow }
  const bytes = new Uint8Array(rangeBytesOf(range))
  encodeRange(range, { bytes, view: new DataView(bytes.buffer) }, 0)
  return bytes
}
