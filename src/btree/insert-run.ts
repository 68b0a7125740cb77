/**
 * Runs: new rows of one leaf, logged as one record and applied in one step. A row then costs its bytes, and
 * no header, checksum and page stamp of its own; what all keys of the leaf have in common is logged once.
 *
 * Payload of INSERT_RUN:
 *
 * | OFFSET | SIZE | FIELD                                                                      |
 * |--------|------|----------------------------------------------------------------------------|
 * | 0      | 2    | count                                                                      |
 * | 2      | 2    | prefixLength                                                               |
 * | 4      | 4    | tree                                                                       |
 * | 8      | 2n   | slots as they are when all rows are there, falling                         |
 * | ...    | ...  | prefix: what the keys of the leaf have in common                           |
 * | ...    | ...  | cells as they lie in the leaf, in the order of the slots, see `node-page.ts` |
 *
 * UNDO. The keys of one record may lie in several leaves when it is undone, and a compensation log record
 * changes one page. So the undo of one record is several CLRs, one a leaf. Each but the last has the record
 * itself as its undoNextLSN, the last has the record's prevLSN:
 *
 * ```
 *    log:    u1 <--- run <-------------+----------------+
 *             ^   a b c d e f          |                |
 *             |                      CLR: a b        CLR: c d        CLR: e f
 *             |                    undoNext=run     undoNext=run    undoNext=u1
 *             +---------------------------------------------------------+
 * ```
 *
 * After a crash between them undo comes to the record again and goes on with the first key that is still
 * there. That a key which is not there has been undone is sure: a run holds only keys that the tree did not
 * have, not even as ghosts; what its transaction did to them later was undone before; and nobody else could
 * insert or remove them, because the transaction holds X on them, or on their table, until its outcome is in the log. For
 * the same reason the last key is there until the last of the CLRs, which takes it.
 *
 * INVARIANTS: I6, I7 (each row has at most one CLR), I19 (room for a CLR a row is held back), I26.
 */
import { compareRanges, copyBytes } from '../common/bytes.ts'
import type { LogRecordView } from '../log/log-record.ts'
import { heapStartOf, setHeapStart, setSlotCount, slotCountOf } from '../page/page.ts'
import { makeGap } from './node-edit.ts'
import {
  CELL_HEADER_BYTES,
  cellBytesOf,
  findSlot,
  headOf,
  highFenceLengthOf,
  type NodeMemory,
  prefixLengthOf,
  roomOf,
  SLOT_BYTES,
  setCellHeader,
  setSlot,
  slotAt,
  suffixLengthOf,
  type Tree,
} from './node-page.ts'
import { ROWS_MAX, type RowBatch } from './row-batch.ts'

const COUNT = 0
const PREFIX_LENGTH = 2
const TREE = 4
const SLOTS = 8
const SLOT_NUMBER_BYTES = 2

/** Why there is no run: the leaf has no room for the first row; or the key is there; or the value is too long for a leaf. */
export type NoRun = 'no-room' | 'exists' | 'too-long'

/** The run that is being put together: which rows of a batch, and where in their leaf. */
export class InsertRun {
  readonly #maxInlineBytes: number
  readonly #slots = new Uint16Array(ROWS_MAX)
  #count = 0
  #cellBytes = 0
  #existing = 0

  /** `maxInlineBytes`: the largest cell that needs no overflow pages. */
  constructor(maxInlineBytes: number) {
    this.#maxInlineBytes = maxInlineBytes
  }

  get count(): number {
    return this.#count
  }

  /** The slot of the first row, when it exists. */
  get existingSlot(): number {
    return this.#existing
  }

  /**
   * Takes rows of [first, end), of which the first belongs to the leaf at `page`, for as long as they are new, belong to
   * this leaf and have room in it. Returns why not even the first, if so.
   */
  choose(memory: NodeMemory, page: number, rows: RowBatch, first: number, end: number): NoRun | undefined {
    const { bytes, keyStarts, valueStarts, ends } = rows
    const prefixLength = prefixLengthOf(memory.view, page)
    let room = roomOf(memory.view, page)
    let from = 0
    let count = 0
    this.#cellBytes = 0
    for (let row = first; row < end; row++) {
      const start = keyStarts[row] as number
      const valueStart = valueStarts[row] as number
      const length = (ends[row] as number) - start
      if (row > first && !isBelowHighFence(memory, page, bytes, start, valueStart)) break
      if (CELL_HEADER_BYTES + length > this.#maxInlineBytes) {
        if (count > 0) break
        return 'too-long'
      }
      const slot = findSlot(memory, page, from, bytes, start, valueStart)
      if (slot >= 0) {
        if (count > 0) break
        this.#existing = slot
        return 'exists'
      }
      const cellBytes = CELL_HEADER_BYTES + length - prefixLength
      if (room < cellBytes + SLOT_BYTES) {
        if (count > 0) break
        return 'no-room'
      }
      room -= cellBytes + SLOT_BYTES
      from = ~slot
      this.#slots[count] = from + count
      this.#cellBytes += cellBytes
      count++
    }
    this.#count = count
    return undefined
  }

  /** Bytes of the payload. */
  bytesIn(view: DataView, page: number): number {
    return SLOTS + this.#count * SLOT_NUMBER_BYTES + prefixLengthOf(view, page) + this.#cellBytes
  }

  /** Writes the payload. */
  encode(memory: NodeMemory, page: number, tree: Tree, rows: RowBatch, first: number, log: NodeLog, at: number): void {
    const { bytes, view } = log
    const count = this.#count
    const prefixLength = prefixLengthOf(memory.view, page)
    view.setUint16(at + COUNT, count, true)
    view.setUint16(at + PREFIX_LENGTH, prefixLength, true)
    view.setUint32(at + TREE, tree, true)
    const prefix = at + SLOTS + count * SLOT_NUMBER_BYTES
    copyBytes(bytes, prefix, rows.bytes, rows.keyStarts[first] as number, prefixLength)
    let slot = at + SLOTS
    let cell = prefix + prefixLength
    for (let i = count - 1; i >= 0; i--) {
      const row = first + i
      const suffixStart = (rows.keyStarts[row] as number) + prefixLength
      const valueStart = rows.valueStarts[row] as number
      const end = rows.ends[row] as number
      view.setUint16(slot, this.#slots[i] as number, true)
      setCellHeader(view, cell, 0, valueStart - suffixStart, end - valueStart)
      copyBytes(bytes, cell + CELL_HEADER_BYTES, rows.bytes, suffixStart, end - suffixStart)
      slot += SLOT_NUMBER_BYTES
      cell += CELL_HEADER_BYTES + end - suffixStart
    }
  }
}

/** The log buffer. */
interface NodeLog {
  readonly bytes: Uint8Array
  readonly view: DataView
}

/** Whether a key that is not below the low fence belongs to the node. */
export function isBelowHighFence(
  { bytes, view, pageSize }: NodeMemory,
  page: number,
  key: Uint8Array,
  start: number,
  end: number,
): boolean {
  const length = highFenceLengthOf(view, page)
  const fenceEnd = page + pageSize
  return length === 0 || compareRanges(key, start, end, bytes, fenceEnd - length, fenceEnd) < 0
}

/** How many rows an INSERT_RUN has. */
export const countOfRun = ({ view, payloadStart }: LogRecordView): number => view.getUint16(payloadStart + COUNT, true)

/** Its keys, rising. */
export function keysOfRun(record: LogRecordView): Uint8Array[] {
  const { bytes, view, payloadStart: at } = record
  const count = countOfRun(record)
  const prefixLength = view.getUint16(at + PREFIX_LENGTH, true)
  const prefix = at + SLOTS + count * SLOT_NUMBER_BYTES
  const keys: Uint8Array[] = []
  for (let cell = prefix + prefixLength; cell < record.payloadEnd; cell += cellBytesOf(view, cell)) {
    const suffixLength = suffixLengthOf(view, cell)
    const key = new Uint8Array(prefixLength + suffixLength)
    copyBytes(key, 0, bytes, prefix, prefixLength)
    copyBytes(key, prefixLength, bytes, cell + CELL_HEADER_BYTES, suffixLength)
    keys.push(key)
  }
  return keys.reverse()
}

/** Whether one of the keys is this one, without making the others. */
export function isKeyOfRun(record: LogRecordView, key: Uint8Array): boolean {
  const { bytes, view, payloadStart: at } = record
  const prefixLength = view.getUint16(at + PREFIX_LENGTH, true)
  const prefix = at + SLOTS + countOfRun(record) * SLOT_NUMBER_BYTES
  const first = prefix + prefixLength
  if (prefixLength > key.length || compareRanges(bytes, prefix, first, key, 0, prefixLength) !== 0) return false
  for (let cell = first; cell < record.payloadEnd; cell += cellBytesOf(view, cell)) {
    const suffix = cell + CELL_HEADER_BYTES
    const end = suffix + suffixLengthOf(view, cell)
    if (compareRanges(bytes, suffix, end, key, prefixLength, key.length) === 0) return true
  }
  return false
}

/** Applies an INSERT_RUN: the cells are copied as they are, and the slots make place from the last one down. */
export function redoInsertRun(memory: NodeMemory, scratch: NodeMemory, record: LogRecordView, page: number): void {
  const { view } = memory
  const { payloadStart: at, payloadEnd } = record
  const count = countOfRun(record)
  const cells = at + SLOTS + count * SLOT_NUMBER_BYTES + record.view.getUint16(at + PREFIX_LENGTH, true)
  const cellBytes = payloadEnd - cells
  makeGap(memory, scratch, page, cellBytes + count * SLOT_BYTES)
  const heapStart = heapStartOf(view, page) - cellBytes
  copyBytes(memory.bytes, page + heapStart, record.bytes, cells, cellBytes)
  const oldCount = slotCountOf(view, page)
  let unmoved = oldCount
  let cell = page + heapStart
  for (let below = count - 1; below >= 0; below--) {
    const slot = record.view.getUint16(at + SLOTS + (count - 1 - below) * SLOT_NUMBER_BYTES, true)
    // So many of the run come before this row: the slots from here on had lower numbers.
    const from = slot - below
    if (from < unmoved) {
      memory.bytes.copyWithin(slotAt(page, slot + 1), slotAt(page, from), slotAt(page, unmoved))
      unmoved = from
    }
    const suffix = cell + CELL_HEADER_BYTES
    setSlot(view, page, slot, headOf(memory.bytes, suffix, suffix + suffixLengthOf(view, cell)), cell)
    cell += cellBytesOf(view, cell)
  }
  setSlotCount(view, page, oldCount + count)
  setHeapStart(view, page, heapStart)
}

/** The payload of the REMOVE of these slots, which rise: each as it is when the ones before are gone. */
export function encodeSlots(slots: readonly number[]): Uint8Array {
  const payload = new Uint8Array(slots.length * SLOT_NUMBER_BYTES)
  const view = new DataView(payload.buffer)
  for (const [removed, slot] of slots.entries()) view.setUint16(removed * SLOT_NUMBER_BYTES, slot - removed, true)
  return payload
}
