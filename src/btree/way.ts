/** The way from the root of a tree to the leaf of a key, for those who go on where it ends at a page that cannot be read. */
import type { BufferManager } from '../buffer/buffer-manager.ts'
import { AriesError } from '../common/errors.ts'
import { levelOf, slotCountOf } from '../page/page.ts'
import { childAt, findChildSlot, keyAt, type Tree } from './node-page.ts'

/**
 * Goes down towards `key` as far as pages can be read, to its leaf or to a node that cannot be. Returns the first key
 * behind all that lie below the node at the end, as the separators on the way tell it; undefined when none does.
 */
export function endOfWayTo(buffer: BufferManager, tree: Tree, key: Uint8Array): Uint8Array | undefined {
  let end: Uint8Array | undefined
  for (let pageId = tree; ; ) {
    let page: number
    try {
      page = buffer.fix(pageId)
    } catch (error) {
      if (!AriesError.is(error)) throw error
      return end
    }
    const isLeaf = levelOf(buffer.view, page) === 0
    if (!isLeaf) {
      const slot = findChildSlot(buffer, page, key, 0, key.length)
      pageId = childAt(buffer.view, page, slot)
      if (slot + 1 < slotCountOf(buffer.view, page)) end = keyAt(buffer, page, slot + 1)
    }
    buffer.unfix(page)
    if (isLeaf) return end
  }
}
