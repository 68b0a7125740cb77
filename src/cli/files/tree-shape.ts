/** How a table lies in its pages: what `aries stats` tells of it. */
import type { BTree } from '../../btree/btree.ts'
import {
  capacityOf,
  cellAt,
  childAt,
  flagsOf,
  GHOST_FLAG,
  ghostCountOf,
  OVERFLOW_FLAG,
  roomOf,
  type Tree,
  valueStartOf,
} from '../../btree/node-page.ts'
import type { PageId } from '../../common/ids.ts'
import { AriesError } from '../../index.ts'
import { levelOf, slotCountOf } from '../../page/page.ts'
import { decodeValueRef, overflowDataBytes } from '../../space/overflow-page.ts'

export interface TreeShape {
  /** Levels of nodes; 1 is a single leaf. */
  height: number
  rows: number
  /** Deleted, and still in their leaves. */
  ghosts: number
  leafPages: number
  innerPages: number
  overflowPages: number
  /** Nodes that cannot be read; what is below them is not counted. */
  damagedPages: number
  /** What cells, slots and dead bytes take of the room in the leaves, from 0 to 1. */
  leafFill: number
}

/** Walks the whole tree, one pin at a time, and tells of each node. @throws `IO_ERROR` */
export function shapeOfTree(btree: BTree, tree: Tree, onPage: () => void): TreeShape {
  const shape: TreeShape = {
    height: 0,
    rows: 0,
    ghosts: 0,
    leafPages: 0,
    innerPages: 0,
    overflowPages: 0,
    damagedPages: 0,
    leafFill: 0,
  }
  const bytes = { used: 0, capacity: 0 }
  const left: PageId[] = [tree]
  for (let pageId = left.pop(); pageId !== undefined; pageId = left.pop()) {
    onPage()
    try {
      btree.context.withPage(pageId, (page) => left.push(...visit(btree, page, shape, bytes)))
    } catch (error) {
      if (!AriesError.is(error) || error.code !== 'PAGE_CORRUPT') throw error
      shape.damagedPages++
    }
  }
  shape.leafFill = bytes.capacity === 0 ? 0 : bytes.used / bytes.capacity
  return shape
}

/** Counts a node and returns its children. */
function visit(btree: BTree, page: number, shape: TreeShape, bytes: { used: number; capacity: number }): PageId[] {
  const { buffer } = btree.context
  const { view } = buffer
  const slots = slotCountOf(view, page)
  shape.height = Math.max(shape.height, levelOf(view, page) + 1)
  if (levelOf(view, page) > 0) {
    shape.innerPages++
    return Array.from({ length: slots }, (_, slot) => childAt(view, page, slot))
  }
  shape.leafPages++
  shape.ghosts += ghostCountOf(view, page)
  shape.rows += slots - ghostCountOf(view, page)
  bytes.capacity += capacityOf(buffer, page)
  bytes.used += capacityOf(buffer, page) - roomOf(view, page)
  for (let slot = 0; slot < slots; slot++) {
    const cell = cellAt(view, page, slot)
    if ((flagsOf(view, cell) & (GHOST_FLAG | OVERFLOW_FLAG)) !== OVERFLOW_FLAG) continue
    const { valueLength } = decodeValueRef(view, valueStartOf(view, cell))
    shape.overflowPages += Math.ceil(valueLength / overflowDataBytes(buffer.pageSize))
  }
  return []
}
