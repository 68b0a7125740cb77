/**
 * B+trees of byte keys and byte values in memcmp order.
 *
 * ```
 *                 root (its page never moves: it names the tree)
 *                /      |       \
 *            inner -> inner -> inner        -> = right sibling
 *           /  |  \   ...
 *       leaf -> leaf -> leaf -> ...
 * ```
 *
 * `put` and `delete` log one record each, undone by key. Whatever changes the structure for them is a
 * nested top action and outlives their rollback. `delete` leaves a ghost: the cell stays, marked,
 * until no lock needs it; so its undo needs no room and key-range locks have something to hold. A
 * value too long for its leaf is in overflow pages; those of a replaced or deleted value are freed
 * after commit, as a pending action, because the undo would need them.
 *
 * Locking is the caller's business, before it calls. There is no waiting in here, and no promise.
 *
 * INVARIANTS: I22 (see `check.ts`), I23, I26, I32.
 *
 * How to read it: `node-page.ts` (what a node is), `btree-log.ts` (what is logged), this file,
 * `redistribute.ts`, `split.ts`, `btree-undo.ts`, then `merge.ts` and `cleaner.ts`, `cursor.ts`, `free-tree.ts`.
 */
import { assert } from '../common/assert.ts'
import { compareRanges } from '../common/bytes.ts'
import { AriesError } from '../common/errors.ts'
import { asPageId } from '../common/ids.ts'
import type { ResourceManager } from '../log/resource-manager.ts'
import { pageIdOf } from '../page/page.ts'
import type { TransactionEntry } from '../recovery/transaction-table.ts'
import { decodeValueRef, encodeValueRef } from '../space/overflow-page.ts'
import type { StoredValue } from '../txn/version.ts'
import { TreeOperation } from './btree-log.ts'
import { TreeResourceManager } from './btree-undo.ts'
import { Cleaner } from './cleaner.ts'
import { TreeFreer } from './free-tree.ts'
import { InsertRun } from './insert-run.ts'
import { formatNode } from './node-build.ts'
import { cellBytesIn } from './node-edit.ts'
import {
  CELL_HEADER_BYTES,
  cellAt,
  findSlot,
  flagsOf,
  GHOST_FLAG,
  ghostCountOf,
  maxInlineCellBytes,
  maxKeyBytes,
  OVERFLOW_FLAG,
  roomOf,
  SLOT_BYTES,
  storedValueAt,
  type Tree,
  treeIdOf,
  valueLengthOf,
  valueStartOf,
} from './node-page.ts'
import { decodePending, encodePending, PendingKind } from './pending.ts'
import { Redistributor } from './redistribute.ts'
import type { RowBatch } from './row-batch.ts'
import { Splitter } from './split.ts'
import { fixLeaf, structureChangeBytes, TreeContext, type TreePorts } from './tree-context.ts'

const NO_BYTES = new Uint8Array(0)
const NO_SIBLING = asPageId(0)
const UNDO_SLACK_FACTOR = 16

export class BTree {
  readonly context: TreeContext
  readonly #splitter: Splitter
  readonly #redistributor: Redistributor
  readonly #cleaner: Cleaner
  readonly #freer: TreeFreer
  readonly #maxKeyBytes: number
  readonly #maxInlineBytes: number
  readonly #run: InsertRun
  #foundFlags = 0
  /** Registers as the resource manager of all trees. */
  readonly resourceManager: ResourceManager<TransactionEntry>

  constructor(ports: TreePorts) {
    this.context = new TreeContext(ports)
    this.#splitter = new Splitter(this.context)
    this.#redistributor = new Redistributor(this.context)
    this.#cleaner = new Cleaner(this.context, this.#splitter)
    this.#freer = new TreeFreer(this.context)
    this.#maxKeyBytes = maxKeyBytes(ports.buffer.pageSize)
    this.#maxInlineBytes = maxInlineCellBytes(ports.buffer.pageSize)
    this.#run = new InsertRun(this.#maxInlineBytes)
    this.resourceManager = new TreeResourceManager(this.context, this.#splitter, this.#cleaner, this.#freer)
  }

  /**
   * Makes an empty tree. Rolling `entry` back frees all its pages, those that nested top actions gave
   * it since included.
   * @throws `DISK_FULL`, `POOL_EXHAUSTED`, `IO_ERROR`
   */
  create(entry: TransactionEntry): Tree {
    const { ports, scratch, records } = this.context
    const tree = ports.space.allocate(entry)
    const shape = { level: 0, owner: tree, treeId: entry.lastLsn, rightSibling: NO_SIBLING }
    this.context.withNewPage(tree, (page) => {
      formatNode(scratch, tree, shape, NO_BYTES, NO_BYTES)
      records.format(entry, page, scratch)
      records.create(entry, page)
    })
    return tree
  }

  /**
   * A copy of the value of `key[keyStart, keyEnd)`; undefined when there is none, or a ghost.
   * @throws `PAGE_CORRUPT`, `POOL_EXHAUSTED`, `IO_ERROR`
   */
  get(tree: Tree, key: Uint8Array, keyStart = 0, keyEnd = key.length): Uint8Array | undefined {
    const bytes = this.#find(tree, key, keyStart, keyEnd)
    if (bytes === undefined || (this.#foundFlags & GHOST_FLAG) !== 0) return undefined
    return (this.#foundFlags & OVERFLOW_FLAG) === 0 ? bytes : this.#readOverflow(bytes)
  }

  /** A copy of what the leaf has for `key`, ghosts too. @throws as `get` */
  stored(tree: Tree, key: Uint8Array): StoredValue | undefined {
    const bytes = this.#find(tree, key, 0, key.length)
    // It is kept for others to read, so nobody else may have a part of its buffer, to write to or to transfer.
    return bytes === undefined ? undefined : { flags: this.#foundFlags, bytes: bytes.slice() }
  }

  /** The stored bytes of a key; its flags are left in `#foundFlags`. */
  #find(tree: Tree, key: Uint8Array, keyStart: number, keyEnd: number): Uint8Array | undefined {
    const { buffer } = this.context
    const page = fixLeaf(buffer, tree, key, keyStart, keyEnd)
    const slot = findSlot(buffer, page, 0, key, keyStart, keyEnd)
    let bytes: Uint8Array | undefined
    if (slot >= 0) {
      this.#foundFlags = flagsOf(buffer.view, cellAt(buffer.view, page, slot))
      bytes = storedValueAt(buffer, page, slot)
    }
    buffer.unfix(page)
    return bytes
  }

  /**
   * Sets the value of `key`, which has 1 to `maxKeyBytes` bytes. Returns whether it had one before.
   * On an error, roll `entry` back to where it was before the call: a long value may have been written
   * to its overflow pages already.
   * @throws `KEY_TOO_LARGE`, `VALUE_TOO_LARGE`, `DISK_FULL`, `POOL_EXHAUSTED`, `PAGE_CORRUPT`, `IO_ERROR`
   */
  put(entry: TransactionEntry, tree: Tree, key: Uint8Array, value: Uint8Array): boolean {
    this.#checkKey(key)
    const isInline = CELL_HEADER_BYTES + key.length + value.length <= this.#maxInlineBytes
    const stored = isInline ? value : encodeValueRef(this.context.ports.overflow.writeValue(entry, value))
    const flags = isInline ? 0 : OVERFLOW_FLAG
    const { buffer, records } = this.context
    for (let isFirstStep = true; ; isFirstStep = false) {
      const page = fixLeaf(buffer, tree, key, 0, key.length)
      try {
        const slot = findSlot(buffer, page, 0, key, 0, key.length)
        if (slot >= 0) {
          const existed = this.#update(entry, tree, page, slot, flags, key, stored)
          if (existed !== undefined) return existed
        } else {
          const bytes = SLOT_BYTES + cellBytesIn(buffer.view, page, ~slot, key.length, stored.length)
          if (roomOf(buffer.view, page) >= bytes) {
            records.insert(entry, TreeOperation.INSERT, tree, page, ~slot, flags, key, stored)
            return false
          }
        }
      } finally {
        buffer.unfix(page)
      }
      this.#makeRoom(entry, tree, key, isFirstStep)
    }
  }

  /**
   * Sets the values of the keys of the rows [first, end) of a batch, which is sorted. New rows that belong to one leaf are
   * logged as one record; what takes more than an insert goes the way of `put`, row by row.
   * On an error, roll `entry` back to where it was before the call. @throws as `put`
   */
  putRows(entry: TransactionEntry, tree: Tree, rows: RowBatch, first = 0, end = rows.count): void {
    for (let row = first; row < end; ) {
      const done = this.#putRun(entry, tree, rows, row, end)
      if (done === 0) this.put(entry, tree, rows.key(row), rows.value(row))
      row += Math.max(done, 1)
    }
  }

  /** Inserts rows of [first, end) as far as they belong to the first one's leaf, or updates the first; how many, 0 for a long value. */
  #putRun(entry: TransactionEntry, tree: Tree, rows: RowBatch, first: number, end: number): number {
    const { buffer, records } = this.context
    const run = this.#run
    for (let isFirstStep = true; ; isFirstStep = false) {
      const page = fixLeaf(buffer, tree, rows.bytes, rows.keyStarts[first] as number, rows.valueStarts[first] as number)
      try {
        const noRun = run.choose(buffer, page, rows, first, end)
        if (noRun === 'too-long') return 0
        if (noRun === 'exists') {
          const existed = this.#update(entry, tree, page, run.existingSlot, 0, rows.key(first), rows.value(first))
          if (existed !== undefined) return 1
        } else if (noRun === undefined) {
          records.insertRun(entry, tree, page, run, rows, first)
          return run.count
        }
      } finally {
        buffer.unfix(page)
      }
      this.#makeRoom(entry, tree, rows.key(first), isFirstStep)
    }
  }

  /**
   * Takes one step towards room for `key` in its leaf. Only the first step may move rows: the separators of long
   * keys change how much fits, so that the same rows could move back and forth for ever. Splitting comes to an end.
   * @throws as `put`
   */
  #makeRoom(entry: TransactionEntry, tree: Tree, key: Uint8Array, isFirstStep: boolean): void {
    if (isFirstStep && this.#redistributor.relieve(entry, tree, key)) return
    this.#splitter.makeRoom(entry, tree, key)
  }

  /** Replaces the stored value of a slot; undefined when the leaf has no room for it. */
  #update(
    entry: TransactionEntry,
    tree: Tree,
    page: number,
    slot: number,
    flags: number,
    key: Uint8Array,
    stored: Uint8Array,
  ): boolean | undefined {
    const { buffer, records } = this.context
    const cell = cellAt(buffer.view, page, slot)
    const oldFlags = flagsOf(buffer.view, cell)
    const start = valueStartOf(buffer.view, cell)
    const end = start + valueLengthOf(buffer.view, cell)
    const shrinks = end - start - stored.length
    if (roomOf(buffer.view, page) < -shrinks) return undefined
    const isGhost = (oldFlags & GHOST_FLAG) !== 0
    if (!isGhost && (oldFlags & OVERFLOW_FLAG) !== 0) this.#freeLater(entry, storedValueAt(buffer, page, slot))
    if (oldFlags !== flags || compareRanges(buffer.bytes, start, end, stored, 0, stored.length) !== 0) {
      records.replace(entry, tree, page, slot, flags, key, stored, this.#undoSlack(shrinks))
    }
    return !isGhost
  }

  /**
   * Makes `key` a ghost; false when there is none. Undoing it needs no room in the leaf.
   * @throws `KEY_TOO_LARGE`, `DISK_FULL`, `POOL_EXHAUSTED`, `PAGE_CORRUPT`, `IO_ERROR`
   */
  delete(entry: TransactionEntry, tree: Tree, key: Uint8Array): boolean {
    this.#checkKey(key)
    const { buffer, records } = this.context
    const page = fixLeaf(buffer, tree, key, 0, key.length)
    try {
      const slot = findSlot(buffer, page, 0, key, 0, key.length)
      if (slot < 0) return false
      const flags = flagsOf(buffer.view, cellAt(buffer.view, page, slot))
      if ((flags & GHOST_FLAG) !== 0) return false
      if ((flags & OVERFLOW_FLAG) !== 0) this.#freeLater(entry, storedValueAt(buffer, page, slot))
      records.ghost(entry, tree, page, slot, key)
      this.#cleaner.note(tree, pageIdOf(buffer.view, page))
      return true
    } finally {
      buffer.unfix(page)
    }
  }

  /** Registers that the tree's pages be freed once `entry` has committed. */
  drop(entry: TransactionEntry, tree: Tree): void {
    const treeId = this.context.withPage(tree, (page) => treeIdOf(this.context.buffer.view, page))
    this.context.ports.addPendingAction(entry, encodePending({ kind: PendingKind.FREE_TREE, pageId: tree, id: treeId }))
  }

  /**
   * Carries out one bounded step of a pending action, in system transactions; true when it is done.
   * Running an action again that was done, or was interrupted by a crash, is harmless.
   * @throws `PAGE_CORRUPT`, `DISK_FULL`, `POOL_EXHAUSTED`, `IO_ERROR`
   */
  runPendingStep(payload: Uint8Array): boolean {
    const { kind, pageId, id } = decodePending(payload)
    if (kind === PendingKind.FREE_CHAIN) return this.context.ports.overflow.freeChainStep(pageId, id)
    return this.#freer.freeTreeStep(pageId, id)
  }

  /**
   * Cleans one leaf: removes ghosts that no lock needs, and merges what has become thin. Returns
   * whether another call now could do more.
   * @throws as `put`
   */
  cleanStep(): boolean {
    return this.#cleaner.step()
  }

  /** Leaves that wait for `cleanStep`, those whose ghosts were still locked included. */
  get uncleanLeafCount(): number {
    return this.#cleaner.size
  }

  /** For the cursor: leaves with ghosts that it meets are remembered for `cleanStep`. */
  noteLeaf(tree: Tree, page: number): void {
    const { view } = this.context.buffer
    if (ghostCountOf(view, page) > 0) this.#cleaner.note(tree, pageIdOf(view, page))
  }

  /** The value a cell's stored bytes stand for. */
  resolveValue(flags: number, stored: Uint8Array): Uint8Array {
    return (flags & OVERFLOW_FLAG) === 0 ? stored : this.#readOverflow(stored)
  }

  #readOverflow(stored: Uint8Array): Uint8Array {
    return this.context.ports.overflow.readValue(decodeValueRef(viewOf(stored), 0))
  }

  #freeLater(entry: TransactionEntry, stored: Uint8Array): void {
    const ref = decodeValueRef(viewOf(stored), 0)
    const action = { kind: PendingKind.FREE_CHAIN, pageId: ref.head, id: ref.chainId }
    this.context.ports.addPendingAction(entry, encodePending(action))
  }

  /**
   * Log room to hold for the undo of an update that shrinks its cell: others may take the room in the
   * leaf, and undo must split it. A split is paid for by the bytes of all the updates that make it
   * necessary, so each holds a multiple of its own.
   */
  #undoSlack(shrinks: number): number {
    if (shrinks <= 0) return 0
    return Math.min(structureChangeBytes(this.context.buffer.pageSize), shrinks * UNDO_SLACK_FACTOR)
  }

  #checkKey(key: Uint8Array): void {
    if (key.length > this.#maxKeyBytes) {
      throw new AriesError(
        'KEY_TOO_LARGE',
        `a key of ${key.length} bytes; the most is ${this.#maxKeyBytes}, a quarter of a page`,
      )
    }
    assert(key.length > 0, 'a key has at least one byte')
  }
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
