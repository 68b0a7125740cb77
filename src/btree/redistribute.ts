/**
 * Redistribution: a full leaf hands rows to a neighbour that has room, and is split only when both of its
 * neighbours are nearly full as well. Rows that come in random order then fill leaves to four fifths, where
 * splitting alone leaves them at seven tenths (B*-trees: Knuth, TAOCP volume 3, section 6.2.4; Comer, "The
 * Ubiquitous B-Tree", ACM Computing Surveys 1979, section 3).
 *
 * ```
 *   rows of leaf L go to its neighbour N under parent P; R is the right one of the two:
 *     REMOVE_CHILD P, R under its old separator      undo: INSERT_CHILD
 *     INSERT_CHILD P, R under its new separator      undo: REMOVE, page-oriented
 *     EXTEND N by the rows                           undo: TRUNCATE N
 *     closing CLR: TRUNCATE L to the rest
 * ```
 *
 * No page is allocated or freed and no sibling link changes. Only neighbours under the same parent are looked
 * at, so that one separator changes. When anything does not fit, nothing is moved and the leaf is split.
 *
 * INVARIANT I23: the structure is sound after redo and undo, wherever in these steps the log ends.
 */
import { AriesError } from '../common/errors.ts'
import type { PageId } from '../common/ids.ts'
import { pageIdOf, rightSiblingOf, slotCountOf } from '../page/page.ts'
import type { TransactionEntry } from '../recovery/transaction-table.ts'
import { TreeOperation } from './btree-log.ts'
import { removeChild } from './merge.ts'
import { appendCells, formatNode, rowBytesElsewhere, shapeOf } from './node-build.ts'
import { cellBytesIn } from './node-edit.ts'
import {
  CHILD_BYTES,
  capacityOf,
  cellAt,
  cellBytesOf,
  childAt,
  commonPrefix,
  encodeChild,
  findChildSlot,
  ghostCountOf,
  highFenceOf,
  keyAt,
  lowFenceOf,
  NODE_HEADER_BYTES,
  type NodeMemory,
  roomOf,
  SLOT_BYTES,
  shortestBetween,
  type Tree,
} from './node-page.ts'
import type { NodeRange } from './node-range.ts'
import { pathTo, type TreeContext } from './tree-context.ts'

/** A neighbour is worth it when it has at least this share of a leaf more room than the full one. */
const DIFFERENCE_SHARE = 3 / 16

/** What moves: slots [first, end) of the leaf, up to its edge towards the neighbour. */
interface Move {
  readonly leaf: PageId
  readonly neighbour: PageId
  /** The parent's slot of the right one of the two. */
  readonly parentSlot: number
  readonly separator: Uint8Array
  readonly first: number
  readonly end: number
  readonly kept: NodeRange
}

interface Neighbour {
  readonly pageId: PageId
  readonly isRight: boolean
  readonly parentSlot: number
}

export class Redistributor {
  readonly #context: TreeContext

  constructor(context: TreeContext) {
    this.#context = context
  }

  /**
   * Moves rows of the leaf of `key` to a neighbour; false when that brings too little, and the leaf has to be
   * split. A leaf with ghosts is left to who purges those, and the last one of the tree to rows in key order, for which
   * it is split at its end. The caller holds no pin, and looks again afterwards.
   * @throws `DISK_FULL`, `POOL_EXHAUSTED`, `PAGE_CORRUPT`, `IO_ERROR`; the tree is sound then.
   */
  relieve(entry: TransactionEntry, tree: Tree, key: Uint8Array): boolean {
    const path = pathTo(this.#context.buffer, tree, key)
    if (path.length === 1) return false
    const parent = path[path.length - 2] as PageId
    const leaf = path[path.length - 1] as PageId
    if (this.#context.withPage(leaf, (page) => rightSiblingOf(this.#context.buffer.view, page)) === 0) return false
    const neighbour = this.#emptierNeighbour(parent, leaf, key)
    const move = neighbour === undefined ? undefined : this.#plan(parent, leaf, neighbour)
    if (move === undefined) return false
    this.#move(entry, tree, parent, move)
    return true
  }

  /** The neighbour with more room, if that is enough to be worth it. */
  #emptierNeighbour(parent: PageId, leaf: PageId, key: Uint8Array): Neighbour | undefined {
    const { buffer } = this.#context
    const neighbours = this.#context.withPage(parent, (page) => {
      const slot = findChildSlot(buffer, page, key, 0, key.length)
      const found: Neighbour[] = []
      if (slot > 0) found.push({ pageId: childAt(buffer.view, page, slot - 1), isRight: false, parentSlot: slot })
      if (slot + 1 < slotCountOf(buffer.view, page)) {
        found.push({ pageId: childAt(buffer.view, page, slot + 1), isRight: true, parentSlot: slot + 1 })
      }
      return found
    })
    let mostRoom = this.#context.withPage(leaf, (page) => {
      const hasGhosts = ghostCountOf(buffer.view, page) > 0
      return hasGhosts ? Infinity : roomOf(buffer.view, page) + capacityOf(buffer, page) * DIFFERENCE_SHARE
    })
    let emptier: Neighbour | undefined
    for (const neighbour of neighbours) {
      const room = this.#roomOfNeighbour(neighbour.pageId)
      if (room < mostRoom) continue
      mostRoom = room
      emptier = neighbour
    }
    return emptier
  }

  /** A damaged neighbour has none: it is reported and set aside where it is read, and is no reason to refuse a row of another leaf. */
  #roomOfNeighbour(neighbour: PageId): number {
    try {
      return this.#context.withPage(neighbour, (page) => roomOf(this.#context.buffer.view, page))
    } catch (error) {
      if (AriesError.is(error) && error.code === 'PAGE_CORRUPT') return 0
      throw error
    }
  }

  /** Which rows to move so that both leaves have about as much; undefined when something would not fit. */
  #plan(parent: PageId, leaf: PageId, neighbour: Neighbour): Move | undefined {
    const { buffer } = this.#context
    const { isRight, parentSlot } = neighbour
    return this.#context.withPage(leaf, (page) =>
      this.#context.withPage(neighbour.pageId, (other) => {
        const count = slotCountOf(buffer.view, page)
        const moved = this.#countToMove(page, (roomOf(buffer.view, other) - roomOf(buffer.view, page)) / 2, isRight)
        if (moved === 0) return undefined
        const at = isRight ? count - moved : moved
        const separator = shortestBetween(keyAt(buffer, page, at - 1), keyAt(buffer, page, at))
        const kept: NodeRange = {
          first: isRight ? 0 : at,
          end: isRight ? at : count,
          low: isRight ? lowFenceOf(buffer, page) : separator,
          high: isRight ? separator : highFenceOf(buffer, page),
          rightSibling: rightSiblingOf(buffer.view, page),
        }
        const [first, end] = isRight ? [at, count] : [0, at]
        const low = isRight ? separator : lowFenceOf(buffer, other)
        const high = isRight ? highFenceOf(buffer, other) : separator
        const prefix = commonPrefix(low, high)
        const bytes =
          rowBytesElsewhere(buffer, page, first, end, prefix) +
          rowBytesElsewhere(buffer, other, 0, slotCountOf(buffer.view, other), prefix)
        const keptBytes = rowBytesElsewhere(buffer, page, kept.first, kept.end, commonPrefix(kept.low, kept.high))
        const fits =
          nodeBytes(low, high, bytes) <= buffer.pageSize && nodeBytes(kept.low, kept.high, keptBytes) <= buffer.pageSize
        if (!fits || !this.#fitsParent(parent, parentSlot, separator)) return undefined
        return { leaf, neighbour: neighbour.pageId, parentSlot, separator, first, end, kept }
      }),
    )
  }

  /** How many rows at one end of the leaf have at most so many bytes; one of them stays. */
  #countToMove(page: number, bytesMax: number, fromRight: boolean): number {
    const { view } = this.#context.buffer
    const count = slotCountOf(view, page)
    let bytes = 0
    for (let moved = 0; moved < count - 1; moved++) {
      const slot = fromRight ? count - 1 - moved : moved
      bytes += SLOT_BYTES + cellBytesOf(view, cellAt(view, page, slot))
      if (bytes > bytesMax) return moved
    }
    return Math.max(0, count - 1)
  }

  /** Whether the separator has room in place of the one it replaces. */
  #fitsParent(parent: PageId, slot: number, separator: Uint8Array): boolean {
    const { view } = this.#context.buffer
    return this.#context.withPage(parent, (page) => {
      const needed = cellBytesIn(view, page, slot, separator.length, CHILD_BYTES)
      return roomOf(view, page) + cellBytesOf(view, cellAt(view, page, slot)) >= needed
    })
  }

  #move(entry: TransactionEntry, tree: Tree, parent: PageId, move: Move): void {
    const { buffer, records } = this.#context
    const { leaf, neighbour, parentSlot, separator, first, end, kept } = move
    this.#context.structureChange(entry, (savedLsn) => {
      const old = this.#context.withPage(parent, (page) => {
        const right = childAt(buffer.view, page, parentSlot)
        const replaced = keyAt(buffer, page, parentSlot)
        removeChild(this.#context, entry, tree, page, parentSlot)
        const child = encodeChild(right)
        records.insert(entry, TreeOperation.INSERT_CHILD, tree, page, parentSlot, 0, separator, child)
        return replaced
      })
      const [low, high] = first === 0 ? [old, separator] : [separator, old]
      const rows = this.#context.withPage(leaf, (page) => this.#build(page, first, end, low, high))
      this.#context.withPage(neighbour, (page) => records.extend(entry, page, rows))
      this.#context.withPage(leaf, (page) => records.truncateAndClose(entry, savedLsn, page, kept))
    })
    this.#context.tracer.listener?.({
      kind: 'redistributed',
      tree,
      pageId: leaf,
      toPageId: neighbour,
      rows: end - first,
    })
  }

  /** The rows as a node of just the size they need, in the scratch page. */
  #build(page: number, first: number, end: number, low: Uint8Array, high: Uint8Array): NodeMemory {
    const { buffer, scratch } = this.#context
    const bytes = rowBytesElsewhere(buffer, page, first, end, commonPrefix(low, high))
    const rows = { bytes: scratch.bytes, view: scratch.view, pageSize: nodeBytes(low, high, bytes) }
    formatNode(rows, pageIdOf(buffer.view, page), shapeOf(buffer.view, page), low, high)
    appendCells(rows, buffer, page, first, end)
    return rows
  }
}

/** Bytes of a node with these fences whose slots and cells take so many. */
const nodeBytes = (low: Uint8Array, high: Uint8Array, cellBytes: number): number =>
  NODE_HEADER_BYTES + low.length + high.length + cellBytes
