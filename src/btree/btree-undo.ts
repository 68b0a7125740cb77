/**
 * The B+tree's resource manager, and undo. What a user did is undone by key: the cell is looked for
 * from the root, because structure changes may have moved it, and they are not undone. What a nested
 * top action did is undone on the same page and slot.
 */
import { assert } from '../common/assert.ts'
import type { LogRecordView } from '../log/log-record.ts'
import { type Compensation, ResourceId, type ResourceManager } from '../log/resource-manager.ts'
import { pageIdOf } from '../page/page.ts'
import type { TransactionEntry } from '../recovery/transaction-table.ts'
import {
  encodeRestore,
  encodeSlot,
  growthOfUndo,
  keyOfRecord,
  keysOfRecord,
  redoTree,
  slotOfRecord,
  TreeOperation,
  treeOfRecord,
} from './btree-log.ts'
import type { Cleaner } from './cleaner.ts'
import { describeTree } from './describe.ts'
import type { TreeFreer } from './free-tree.ts'
import { encodeSlots, isBelowHighFence } from './insert-run.ts'
import { findSlot, makeScratch, type NodeMemory, roomOf } from './node-page.ts'
import { encodeUndoOfExtend } from './node-range.ts'
import type { Splitter } from './split.ts'
import { fixLeaf, type TreeContext } from './tree-context.ts'

export class TreeResourceManager implements ResourceManager<TransactionEntry> {
  readonly id = ResourceId.BTREE
  readonly name = 'btree'
  readonly #context: TreeContext
  readonly #splitter: Splitter
  readonly #cleaner: Cleaner
  readonly #freer: TreeFreer
  readonly #scratch: NodeMemory

  constructor(context: TreeContext, splitter: Splitter, cleaner: Cleaner, freer: TreeFreer) {
    this.#context = context
    this.#splitter = splitter
    this.#cleaner = cleaner
    this.#freer = freer
    this.#scratch = makeScratch(context.buffer.pageSize)
  }

  redo(record: LogRecordView, page: number): void {
    redoTree(this.#context.buffer, this.#scratch, record, page)
    this.#context.changed(page)
  }

  formatsPage(operation: number): boolean {
    return operation === TreeOperation.FORMAT
  }

  undo(record: LogRecordView, entry: TransactionEntry): Compensation | undefined {
    switch (record.operation) {
      case TreeOperation.INSERT:
      case TreeOperation.REPLACE:
      case TreeOperation.GHOST:
        return this.#undoByKey(record, entry)
      case TreeOperation.INSERT_RUN:
        return this.#undoRun(record)
      case TreeOperation.INSERT_CHILD:
        return {
          operation: TreeOperation.REMOVE,
          pageId: record.pageId,
          payload: encodeSlot(slotOfRecord(record)),
        }
      case TreeOperation.REMOVE_CHILD:
        return {
          operation: TreeOperation.INSERT_CHILD,
          pageId: record.pageId,
          payload: record.bytes.slice(record.payloadStart, record.payloadEnd),
        }
      case TreeOperation.EXTEND:
        return this.#undoExtend(record)
      default:
        assert(record.operation === TreeOperation.CREATE, 'the other tree operations are never undone')
        this.#freer.freeAllButRoot(entry, record.pageId)
        return undefined
    }
  }

  #undoExtend(record: LogRecordView): Compensation {
    const { pageId } = record
    const payload = this.#context.withPage(pageId, (page) => encodeUndoOfExtend(record, this.#context.buffer, page))
    return { operation: TreeOperation.TRUNCATE, pageId, payload }
  }

  #undoByKey(record: LogRecordView, entry: TransactionEntry): Compensation {
    const { buffer } = this.#context
    const tree = treeOfRecord(record)
    const key = keyOfRecord(record)
    const growth = record.operation === TreeOperation.REPLACE ? growthOfUndo(record) : 0
    for (;;) {
      const page = fixLeaf(buffer, tree, key, 0, key.length)
      const slot = findSlot(buffer, page, 0, key, 0, key.length)
      const pageId = pageIdOf(buffer.view, page)
      const hasRoom = roomOf(buffer.view, page) >= growth
      buffer.unfix(page)
      assert(slot >= 0, 'the key of an uncommitted change is in its tree')
      if (hasRoom) {
        this.#cleaner.note(tree, pageId)
        return { pageId, ...compensationAt(record, slot) }
      }
      this.#splitter.makeRoom(entry, tree, key)
    }
  }

  /** Removes those of a run's keys that lie in the leaf of the first that is not undone yet, see `insert-run.ts`. */
  #undoRun(record: LogRecordView): Compensation {
    const { buffer } = this.#context
    const tree = treeOfRecord(record)
    const keys = keysOfRecord(record)
    for (const [first, firstKey] of keys.entries()) {
      const page = fixLeaf(buffer, tree, firstKey, 0, firstKey.length)
      const slots: number[] = []
      for (const key of keys.slice(first)) {
        if (!isBelowHighFence(buffer, page, key, 0, key.length)) break
        const slot = findSlot(buffer, page, 0, key, 0, key.length)
        if (slots.length === 0 && slot < 0) break
        assert(slot >= 0, 'the keys of a run are undone in their order')
        slots.push(slot)
      }
      const pageId = pageIdOf(buffer.view, page)
      buffer.unfix(page)
      if (slots.length === 0) continue
      this.#cleaner.note(tree, pageId)
      const isPart = first + slots.length < keys.length
      return { operation: TreeOperation.REMOVE, pageId, payload: encodeSlots(slots), isPart }
    }
    assert(false, 'the last key of an uncommitted run is in its tree')
  }

  describe(record: LogRecordView): string {
    return describeTree(record)
  }
}

function compensationAt(record: LogRecordView, slot: number): { operation: number; payload: Uint8Array } {
  switch (record.operation) {
    case TreeOperation.INSERT:
      return { operation: TreeOperation.REMOVE, payload: encodeSlot(slot) }
    case TreeOperation.GHOST:
      return { operation: TreeOperation.UNGHOST, payload: encodeSlot(slot) }
    default:
      return { operation: TreeOperation.RESTORE, payload: encodeRestore(record, slot) }
  }
}
