/**
 * What the parts of the B+tree share: the managers they stand on, two ports to what lies above, and
 * the ways down the tree.
 *
 * There is no latching: every operation runs to completion, so nobody sees a tree between two steps
 * of a structure change, and a page needs to be pinned only while its bytes are looked at. A descent
 * holds one pin at a time; nothing holds more than four, so a pool of eight frames is enough.
 */

import type { BufferManager } from '../buffer/buffer-manager.ts'
import { assert } from '../common/assert.ts'
import type { Lsn, PageId } from '../common/ids.ts'
import { SILENT, type Tracer } from '../common/tracer.ts'
import { levelOf, ownerOf, slotCountOf } from '../page/page.ts'
import type { PageWriter } from '../recovery/page-writer.ts'
import type { TransactionEntry } from '../recovery/transaction-table.ts'
import type { OverflowStore, SystemTransaction } from '../space/overflow.ts'
import type { SpaceManager } from '../space/space-manager.ts'
import { TreeRecords } from './btree-log.ts'
import { childAt, findChildSlot, findSlot, makeScratch, type NodeMemory, type Tree } from './node-page.ts'

/** What a tree is built on. */
export interface TreePorts {
  readonly buffer: BufferManager
  readonly writer: PageWriter
  readonly space: SpaceManager
  readonly overflow: OverflowStore
  /** Runs a structure change; `Rollback` is one. */
  readonly nestedTopActions: { nestedTopAction<T>(entry: TransactionEntry, action: (savedLsn: Lsn) => T): T }
  readonly systemTransaction: SystemTransaction
  /** Whether anybody holds or may yet need a lock on the key, or may look for its older value: its ghost has to stay. */
  readonly isNeeded: (tree: Tree, key: Uint8Array, keyStart: number, keyEnd: number) => boolean
  /** Registers what `entry` wants done after it commits; `BTree.runPendingStep` carries it out. */
  readonly addPendingAction: (entry: TransactionEntry, payload: Uint8Array) => void
}

export class TreeContext {
  readonly ports: TreePorts
  readonly buffer: BufferManager
  readonly records: TreeRecords
  /** Where nodes are built. Redo has a scratch page of its own. */
  readonly scratch: NodeMemory
  /**
   * Rises whenever a node's page is freed. A freed page keeps its bytes and its pageLsn, so whoever
   * remembers a page between two calls compares this too.
   */
  freedPageCount = 0
  tracer: Tracer = SILENT
  #watchedTree: Tree | undefined
  #onChange: () => void = () => undefined

  constructor(ports: TreePorts) {
    this.ports = ports
    this.buffer = ports.buffer
    this.records = new TreeRecords(ports.writer)
    this.scratch = makeScratch(ports.buffer.pageSize)
  }

  /** Has `onChange` called after every change of a page of `tree`, by whomever. One tree can be watched. */
  watch(tree: Tree, onChange: () => void): void {
    this.#watchedTree = tree
    this.#onChange = onChange
  }

  /** To be called when the node at `page` has changed. */
  changed(page: number): void {
    if (ownerOf(this.buffer.view, page) === this.#watchedTree) this.#onChange()
  }

  /**
   * Runs `action` as a nested top action, after making sure that the log has room for all of it, so
   * that a full disk shows before anything is changed.
   */
  structureChange<T>(entry: TransactionEntry, action: (savedLsn: Lsn) => T): T {
    this.ports.writer.log.reserve(0, structureChangeBytes(this.buffer.pageSize))
    return this.ports.nestedTopActions.nestedTopAction(entry, action)
  }

  /** Frees the page of a node. */
  freeNode(entry: TransactionEntry, pageId: PageId): void {
    this.ports.space.free(entry, pageId)
    this.freedPageCount++
  }

  /** Runs `action` on the pinned page. */
  withPage<T>(pageId: PageId, action: (page: number) => T): T {
    const page = this.buffer.fix(pageId)
    try {
      return action(page)
    } finally {
      this.buffer.unfix(page)
    }
  }

  /** The same, for a page about to be formatted. */
  withNewPage<T>(pageId: PageId, action: (page: number) => T): T {
    const page = this.buffer.fixNew(pageId)
    try {
      return action(page)
    } finally {
      this.buffer.unfix(page)
    }
  }
}

/** The most log any one structure change takes: two node images, and some small records. */
export const structureChangeBytes = (pageSize: number): number => 3 * pageSize

/** Pins and returns the leaf that covers `key[keyStart, keyEnd)`. */
export function fixLeaf(buffer: BufferManager, tree: Tree, key: Uint8Array, keyStart: number, keyEnd: number): number {
  let page = buffer.fix(tree)
  while (levelOf(buffer.view, page) > 0) {
    const child = childAt(buffer.view, page, findChildSlot(buffer, page, key, keyStart, keyEnd))
    buffer.unfix(page)
    page = buffer.fix(child)
  }
  if (ownerOf(buffer.view, page) !== tree) {
    buffer.unfix(page)
    assert(false, 'the leaf belongs to the tree it was found in')
  }
  return page
}

/** Pins and returns the leaf that covers the greatest key below `bound`; the last leaf without one. */
export function fixLeafBefore(buffer: BufferManager, tree: Tree, bound: Uint8Array | undefined): number {
  let page = buffer.fix(tree)
  while (levelOf(buffer.view, page) > 0) {
    let slot = slotCountOf(buffer.view, page)
    if (bound !== undefined) {
      const found = findSlot(buffer, page, 1, bound, 0, bound.length)
      slot = found >= 0 ? found : ~found
    }
    const child = childAt(buffer.view, page, slot - 1)
    buffer.unfix(page)
    page = buffer.fix(child)
  }
  return page
}

/** The page ids from the root to the leaf that covers `key`. */
export function pathTo(buffer: BufferManager, tree: Tree, key: Uint8Array): PageId[] {
  const path: PageId[] = []
  for (let pageId: PageId = tree; ; ) {
    path.push(pageId)
    const page = buffer.fix(pageId)
    const isLeaf = levelOf(buffer.view, page) === 0
    if (!isLeaf) pageId = childAt(buffer.view, page, findChildSlot(buffer, page, key, 0, key.length))
    buffer.unfix(page)
    if (isLeaf) return path
  }
}
