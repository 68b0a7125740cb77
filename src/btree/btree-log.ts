/**
 * The log records of the B+tree: what they carry, how they are written, and how they are redone. Redo
 * is page-oriented (page and slot); undo of what a user did is logical (tree and key), because the key
 * may have moved meanwhile; undo of structure changes is page-oriented, because it happens only when
 * the nested top action did not reach its end, and then nothing else has touched those pages.
 *
 * | operation    | payload                                                | undo                            |
 * |--------------|--------------------------------------------------------|---------------------------------|
 * | FORMAT       | image of a node, see `node-build.ts`                   | never: redo-only, or the closing CLR |
 * | CREATE       | none                                                   | frees all pages but the root    |
 * | INSERT       | 0: slot u16, 2: keyLength u16, 4: tree u32, 8: flags u8, 9: key, value | REMOVE by key   |
 * | REPLACE      | 0: slot u16, 2: keyLength u16, 4: tree u32, 8: newFlags u8, 9: oldFlags u8, 10: at u16, 12: oldLength u16, 14: newLength u16, 16: key, old bytes, new bytes | RESTORE by key |
 * | GHOST        | 0: slot u16, 2: keyLength u16, 4: tree u32, 8: key     | UNGHOST by key                  |
 * | REMOVE       | slots u16 each, each as it is after the ones before    | never: CLR, or redo-only for ghosts |
 * | RESTORE      | 0: slot u16, 2: flags u8, 3: at u16, 5: removeLength u16, 7: bytes | never: CLR          |
 * | UNGHOST      | 0: slot u16                                            | never: CLR                      |
 * | INSERT_CHILD | as INSERT; the value is the child                      | REMOVE, same page and slot      |
 * | REMOVE_CHILD | as INSERT, of what is removed                          | INSERT_CHILD, same page and slot |
 * | TRUNCATE     | which cells stay, see `node-range.ts`                  | never: the closing CLR, or a CLR |
 * | INSERT_RUN   | new rows of one leaf, see `insert-run.ts`              | REMOVE by key, one a leaf       |
 * | EXTEND       | rows of a neighbour, see `node-range.ts`               | TRUNCATE, same page             |
 *
 * `at`, `oldLength` and `newLength` tell which bytes of the stored value differ: what old and new have
 * in common at both ends is not logged.
 */
import { assert } from '../common/assert.ts'
import { compareBytes, copyBytes } from '../common/bytes.ts'
import { asPageId, type Lsn } from '../common/ids.ts'
import type { LogRecordView } from '../log/log-record.ts'
import { ResourceId } from '../log/resource-manager.ts'
import type { PageWriter } from '../recovery/page-writer.ts'
import type { TransactionEntry } from '../recovery/transaction-table.ts'
import type { StoredValue } from '../txn/version.ts'
import { type InsertRun, isKeyOfRun, keysOfRun, redoInsertRun } from './insert-run.ts'
import { decodeImage, encodeImage, imageBytesOf } from './node-build.ts'
import { insertCell, removeCell, setFlags, spliceValue } from './node-edit.ts'
import { cellAt, flagsOf, GHOST_FLAG, type NodeMemory, type Tree, valueLengthOf, valueStartOf } from './node-page.ts'
import { encodeRange, type NodeRange, rangeBytesOf, rangeOf, redoExtend, redoTruncate } from './node-range.ts'
import type { RowBatch } from './row-batch.ts'

/** Numbers are on disk. */
export const TreeOperation = {
  FORMAT: 1,
  CREATE: 2,
  INSERT: 3,
  REPLACE: 4,
  GHOST: 5,
  REMOVE: 6,
  RESTORE: 7,
  UNGHOST: 8,
  INSERT_CHILD: 9,
  REMOVE_CHILD: 10,
  TRUNCATE: 11,
  INSERT_RUN: 12,
  EXTEND: 13,
} as const

export const TREE_OPERATION_NAMES: readonly string[] = [
  'invalid',
  'format',
  'create',
  'insert',
  'replace',
  'ghost',
  'remove',
  'restore',
  'unghost',
  'insert-child',
  'remove-child',
  'truncate',
  'insert-run',
  'extend',
]

const SLOT = 0
const SLOT_BYTES = 2
const KEY_LENGTH = 2
const TREE = 4
const FLAGS = 8
const INSERT_KEY = 9
const OLD_FLAGS = 9
const REPLACE_AT = 10
const OLD_LENGTH = 12
const NEW_LENGTH = 14
const REPLACE_KEY = 16
const GHOST_KEY = 8
const RESTORE_FLAGS = 2
const RESTORE_AT = 3
const RESTORE_REMOVE_LENGTH = 5
const RESTORE_BYTES = 7

export const slotOfRecord = (record: LogRecordView): number => record.view.getUint16(record.payloadStart + SLOT, true)
export const treeOfRecord = (record: LogRecordView): Tree =>
  asPageId(record.view.getUint32(record.payloadStart + TREE, true))

/** The key in an INSERT, REPLACE, GHOST, INSERT_CHILD or REMOVE_CHILD. */
export function keyOfRecord(record: LogRecordView): Uint8Array {
  const { operation, payloadStart } = record
  const isReplace = operation === TreeOperation.REPLACE
  const offset = isReplace ? REPLACE_KEY : operation === TreeOperation.GHOST ? GHOST_KEY : INSERT_KEY
  const length = record.view.getUint16(payloadStart + KEY_LENGTH, true)
  return record.bytes.slice(payloadStart + offset, payloadStart + offset + length)
}

/** The keys that a change of keys has changed. */
export const keysOfRecord = (record: LogRecordView): Uint8Array[] =>
  record.operation === TreeOperation.INSERT_RUN ? keysOfRun(record) : [keyOfRecord(record)]

/** Whether a change of keys has changed this one. */
export function isOfKey(record: LogRecordView, tree: Tree, key: Uint8Array): boolean {
  if (treeOfRecord(record) !== tree) return false
  if (record.operation === TreeOperation.INSERT_RUN) return isKeyOfRun(record, key)
  return compareBytes(keyOfRecord(record), key) === 0
}

/** The value in an INSERT, INSERT_CHILD or REMOVE_CHILD. */
export function valueOfRecord(record: LogRecordView): Uint8Array {
  const { bytes, view, payloadStart, payloadEnd } = record
  return bytes.slice(payloadStart + INSERT_KEY + view.getUint16(payloadStart + KEY_LENGTH, true), payloadEnd)
}

/** What a REPLACE changes of the stored value: from byte `at` on, `before` becomes `after`. */
export function replacementOf(record: LogRecordView): { at: number; before: Uint8Array; after: Uint8Array } {
  const { bytes, view, payloadStart, payloadEnd } = record
  const start = payloadStart + REPLACE_KEY + view.getUint16(payloadStart + KEY_LENGTH, true)
  const middle = start + view.getUint16(payloadStart + OLD_LENGTH, true)
  return {
    at: view.getUint16(payloadStart + REPLACE_AT, true),
    before: bytes.slice(start, middle),
    after: bytes.slice(middle, payloadEnd),
  }
}

/** Whether an UPDATE record is what a user did to keys, and not a change of the structure. */
export function isChangeOfKeys({ resource, operation }: LogRecordView): boolean {
  return resource === ResourceId.BTREE && CHANGES_OF_KEYS.includes(operation)
}

const CHANGES_OF_KEYS: readonly number[] = [
  TreeOperation.INSERT,
  TreeOperation.REPLACE,
  TreeOperation.GHOST,
  TreeOperation.INSERT_RUN,
]

/** Writes and applies the records. Each method leaves the page as the record says. */
export class TreeRecords {
  readonly #writer: PageWriter

  constructor(writer: PageWriter) {
    this.#writer = writer
  }

  /** The node in the scratch page becomes the content of the page. */
  format(entry: TransactionEntry, page: number, scratch: NodeMemory): void {
    const writer = this.#writer
    const length = imageBytesOf(scratch)
    const at = writer.redoOnly(entry, ResourceId.BTREE, TreeOperation.FORMAT, page, length)
    encodeImage(scratch, writer.log.bytes, writer.log.view, at)
    writer.finish()
  }

  /** The same, as the record that closes a nested top action. */
  formatAndClose(entry: TransactionEntry, savedLsn: Lsn, page: number, scratch: NodeMemory): void {
    const writer = this.#writer
    const length = imageBytesOf(scratch)
    const at = writer.closeNestedTopAction(entry, savedLsn, ResourceId.BTREE, TreeOperation.FORMAT, page, length)
    encodeImage(scratch, writer.log.bytes, writer.log.view, at)
    writer.finish()
  }

  create(entry: TransactionEntry, page: number): void {
    this.#writer.update(entry, ResourceId.BTREE, TreeOperation.CREATE, page, 0, 0)
    this.#writer.finish()
  }

  insert(
    entry: TransactionEntry,
    operation: number,
    tree: Tree,
    page: number,
    slot: number,
    flags: number,
    key: Uint8Array,
    value: Uint8Array,
  ): void {
    const writer = this.#writer
    const { bytes, view } = writer.log
    const length = INSERT_KEY + key.length + value.length
    // The undo of a REMOVE_CHILD repeats its payload, that of an insert names the slot.
    const undoLength = operation === TreeOperation.REMOVE_CHILD ? length : SLOT_BYTES
    const at = writer.update(entry, ResourceId.BTREE, operation, page, length, undoLength)
    view.setUint16(at + SLOT, slot, true)
    view.setUint16(at + KEY_LENGTH, key.length, true)
    view.setUint32(at + TREE, tree, true)
    view.setUint8(at + FLAGS, flags)
    copyBytes(bytes, at + INSERT_KEY, key, 0, key.length)
    copyBytes(bytes, at + INSERT_KEY + key.length, value, 0, value.length)
    writer.finish()
  }

  /** Inserts the rows of a run, which begins with row `first`. */
  insertRun(entry: TransactionEntry, tree: Tree, page: number, run: InsertRun, rows: RowBatch, first: number): void {
    const writer = this.#writer
    const { buffer, log } = writer
    const length = run.bytesIn(buffer.view, page)
    const at = writer.update(entry, ResourceId.BTREE, TreeOperation.INSERT_RUN, page, length, SLOT_BYTES, run.count)
    run.encode(buffer, page, tree, rows, first, log, at)
    writer.finish()
  }

  /** Replaces the value of `slot` by `value`. `undoSlackBytes` is log room kept for making page room in undo. */
  replace(
    entry: TransactionEntry,
    tree: Tree,
    page: number,
    slot: number,
    flags: number,
    key: Uint8Array,
    value: Uint8Array,
    undoSlackBytes: number,
  ): void {
    const writer = this.#writer
    const { bytes, view } = writer.log
    const { bytes: old, view: pages } = writer.buffer
    const cell = cellAt(pages, page, slot)
    const oldFlags = flagsOf(pages, cell)
    const oldStart = valueStartOf(pages, cell)
    const oldEnd = oldStart + valueLengthOf(pages, cell)
    const shorter = Math.min(oldEnd - oldStart, value.length)
    let start = 0
    while (start < shorter && old[oldStart + start] === value[start]) start++
    let same = 0
    while (same < shorter - start && old[oldEnd - 1 - same] === value[value.length - 1 - same]) same++
    const oldLength = oldEnd - oldStart - start - same
    const newLength = value.length - start - same
    const length = REPLACE_KEY + key.length + oldLength + newLength
    const undoLength = RESTORE_BYTES + oldLength + undoSlackBytes
    const at = writer.update(entry, ResourceId.BTREE, TreeOperation.REPLACE, page, length, undoLength)
    view.setUint16(at + SLOT, slot, true)
    view.setUint16(at + KEY_LENGTH, key.length, true)
    view.setUint32(at + TREE, tree, true)
    view.setUint8(at + FLAGS, flags)
    view.setUint8(at + OLD_FLAGS, oldFlags)
    view.setUint16(at + REPLACE_AT, start, true)
    view.setUint16(at + OLD_LENGTH, oldLength, true)
    view.setUint16(at + NEW_LENGTH, newLength, true)
    copyBytes(bytes, at + REPLACE_KEY, key, 0, key.length)
    copyBytes(bytes, at + REPLACE_KEY + key.length, old, oldStart + start, oldLength)
    copyBytes(bytes, at + REPLACE_KEY + key.length + oldLength, value, start, newLength)
    writer.finish()
  }

  ghost(entry: TransactionEntry, tree: Tree, page: number, slot: number, key: Uint8Array): void {
    const writer = this.#writer
    const { bytes, view } = writer.log
    const length = GHOST_KEY + key.length
    const at = writer.update(entry, ResourceId.BTREE, TreeOperation.GHOST, page, length, SLOT_BYTES)
    view.setUint16(at + SLOT, slot, true)
    view.setUint16(at + KEY_LENGTH, key.length, true)
    view.setUint32(at + TREE, tree, true)
    copyBytes(bytes, at + GHOST_KEY, key, 0, key.length)
    writer.finish()
  }

  /** Removes cells for good. `slots` rise; each is logged as it is when the ones before are gone. */
  remove(entry: TransactionEntry, page: number, slots: readonly number[]): void {
    const writer = this.#writer
    const at = writer.redoOnly(entry, ResourceId.BTREE, TreeOperation.REMOVE, page, slots.length * 2)
    slots.forEach((slot, removed) => {
      writer.log.view.setUint16(at + removed * 2, slot - removed, true)
    })
    writer.finish()
  }

  /** Cuts the node down to a part of its range; closes the nested top action that has put the rest elsewhere. */
  truncateAndClose(entry: TransactionEntry, savedLsn: Lsn, page: number, range: NodeRange): void {
    const writer = this.#writer
    const length = rangeBytesOf(range)
    const at = writer.closeNestedTopAction(entry, savedLsn, ResourceId.BTREE, TreeOperation.TRUNCATE, page, length)
    encodeRange(range, writer.log, at)
    writer.finish()
  }

  /** Extends the leaf by the rows of a neighbour, which make a node of just their size. */
  extend(entry: TransactionEntry, page: number, rows: NodeMemory): void {
    const writer = this.#writer
    const length = rows.pageSize
    const undoLength = rangeBytesOf(rangeOf(writer.buffer, page))
    const at = writer.update(entry, ResourceId.BTREE, TreeOperation.EXTEND, page, length, undoLength)
    copyBytes(writer.log.bytes, at, rows.bytes, 0, length)
    writer.finish()
  }
}

/** The payload of a REMOVE or UNGHOST of one slot. */
export function encodeSlot(slot: number): Uint8Array {
  const payload = new Uint8Array(2)
  new DataView(payload.buffer).setUint16(0, slot, true)
  return payload
}

/** How many bytes undoing a REPLACE adds to the cell; negative when the cell shrinks. */
export const growthOfUndo = (record: LogRecordView): number =>
  record.view.getUint16(record.payloadStart + OLD_LENGTH, true) -
  record.view.getUint16(record.payloadStart + NEW_LENGTH, true)

/** The payload of the RESTORE that undoes a REPLACE whose cell is now at `slot`. */
export function encodeRestore(record: LogRecordView, slot: number): Uint8Array {
  const at = record.payloadStart
  const oldLength = record.view.getUint16(at + OLD_LENGTH, true)
  const old = at + REPLACE_KEY + record.view.getUint16(at + KEY_LENGTH, true)
  const payload = new Uint8Array(RESTORE_BYTES + oldLength)
  const view = new DataView(payload.buffer)
  view.setUint16(SLOT, slot, true)
  view.setUint8(RESTORE_FLAGS, record.view.getUint8(at + OLD_FLAGS))
  view.setUint16(RESTORE_AT, record.view.getUint16(at + REPLACE_AT, true), true)
  view.setUint16(RESTORE_REMOVE_LENGTH, record.view.getUint16(at + NEW_LENGTH, true), true)
  copyBytes(payload, RESTORE_BYTES, record.bytes, old, oldLength)
  return payload
}

/** Whether a change of keys has put keys where there were none. */
export const isInsertion = ({ operation }: LogRecordView): boolean =>
  operation === TreeOperation.INSERT || operation === TreeOperation.INSERT_RUN

/** What a key held before a change of keys, given what it held after it. */
export function valueBefore(record: LogRecordView, after: StoredValue | undefined): StoredValue | undefined {
  if (isInsertion(record)) return undefined
  assert(after !== undefined, 'the key of an uncommitted change is in its tree')
  if (record.operation === TreeOperation.GHOST) return { flags: after.flags & ~GHOST_FLAG, bytes: after.bytes }
  const { view, payloadStart: at } = record
  const start = view.getUint16(at + REPLACE_AT, true)
  const oldLength = view.getUint16(at + OLD_LENGTH, true)
  const newLength = view.getUint16(at + NEW_LENGTH, true)
  const old = at + REPLACE_KEY + view.getUint16(at + KEY_LENGTH, true)
  const bytes = new Uint8Array(after.bytes.length - newLength + oldLength)
  bytes.set(after.bytes.subarray(0, start))
  bytes.set(record.bytes.subarray(old, old + oldLength), start)
  bytes.set(after.bytes.subarray(start + newLength), start + oldLength)
  return { flags: view.getUint8(at + OLD_FLAGS), bytes }
}

/** Applies a record to its page. */
export function redoTree(memory: NodeMemory, scratch: NodeMemory, record: LogRecordView, page: number): void {
  const { bytes, view, payloadStart: at } = record
  switch (record.operation) {
    case TreeOperation.INSERT:
    case TreeOperation.INSERT_CHILD: {
      const keyStart = at + INSERT_KEY
      const keyLength = view.getUint16(at + KEY_LENGTH, true)
      const valueLength = record.payloadEnd - keyStart - keyLength
      const flags = view.getUint8(at + FLAGS)
      insertCell(memory, scratch, page, slotOfRecord(record), flags, bytes, keyStart, keyLength, valueLength)
      break
    }
    case TreeOperation.INSERT_RUN:
      redoInsertRun(memory, scratch, record, page)
      break
    case TreeOperation.REPLACE: {
      const oldLength = view.getUint16(at + OLD_LENGTH, true)
      const newLength = view.getUint16(at + NEW_LENGTH, true)
      const start = record.payloadEnd - newLength
      const slot = slotOfRecord(record)
      setFlags(memory.view, page, slot, view.getUint8(at + FLAGS))
      spliceValue(
        memory,
        scratch,
        page,
        slot,
        view.getUint16(at + REPLACE_AT, true),
        oldLength,
        bytes,
        start,
        newLength,
      )
      break
    }
    case TreeOperation.RESTORE: {
      const slot = slotOfRecord(record)
      const removeLength = view.getUint16(at + RESTORE_REMOVE_LENGTH, true)
      const start = at + RESTORE_BYTES
      setFlags(memory.view, page, slot, view.getUint8(at + RESTORE_FLAGS))
      const offset = view.getUint16(at + RESTORE_AT, true)
      spliceValue(memory, scratch, page, slot, offset, removeLength, bytes, start, record.payloadEnd - start)
      break
    }
    case TreeOperation.GHOST:
    case TreeOperation.UNGHOST: {
      const slot = slotOfRecord(record)
      const flags = flagsOf(memory.view, cellAt(memory.view, page, slot))
      const isGhost = record.operation === TreeOperation.GHOST
      setFlags(memory.view, page, slot, isGhost ? flags | GHOST_FLAG : flags & ~GHOST_FLAG)
      break
    }
    default:
      redoStructure(memory, scratch, record, page)
  }
}

function redoStructure(memory: NodeMemory, scratch: NodeMemory, record: LogRecordView, page: number): void {
  const { bytes, view, payloadStart: at, payloadEnd } = record
  switch (record.operation) {
    case TreeOperation.CREATE:
      break
    case TreeOperation.FORMAT:
      decodeImage(memory, page, record.pageId, bytes, view, at, payloadEnd)
      break
    case TreeOperation.REMOVE:
      for (let slot = at; slot < payloadEnd; slot += 2) removeCell(memory, page, view.getUint16(slot, true))
      break
    case TreeOperation.REMOVE_CHILD:
      removeCell(memory, page, slotOfRecord(record))
      break
    case TreeOperation.TRUNCATE:
      redoTruncate(memory, scratch, record, page)
      break
    case TreeOperation.EXTEND:
      redoExtend(memory, scratch, record, page)
      break
    default:
      assert(false, 'a tree operation this build knows')
  }
}
