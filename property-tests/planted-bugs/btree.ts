/** Planted bugs of the B+tree: structure changes, undo by key, ghosts, cursors, the catalog. */
import type { PlantedBug } from './planted-bug.ts'

const BTREE = 'src/btree/btree.ts'
const BTREE_LOG = 'src/btree/btree-log.ts'
const BTREE_UNDO = 'src/btree/btree-undo.ts'
const SPLIT = 'src/btree/split.ts'
const REDISTRIBUTE = 'src/btree/redistribute.ts'
const NODE_RANGE = 'src/btree/node-range.ts'
const MERGE = 'src/btree/merge.ts'
const NODE_EDIT = 'src/btree/node-edit.ts'
const CURSOR = 'src/btree/cursor.ts'

export const BTREE_BUGS: readonly PlantedBug[] = [
  {
    name: 'split-not-a-nested-top-action',
    invariant: 'I8',
    sentence:
      'The closing CLR of a structure change does not jump over it, so a rollback takes back a split that others use.',
    file: 'src/recovery/page-writer.ts',
    find: 'operation, 0, page, savedLsn, payloadBytes)',
    replace: 'operation, 0, page, entry.lastLsn, payloadBytes)',
  },
  {
    name: 'undo-by-page',
    invariant: 'I23',
    sentence: 'A change is undone at the page and slot it was made at, though the key may have moved since.',
    file: BTREE_UNDO,
    find: 'return this.#undoByKey(record, entry)',
    replace: 'return { pageId: record.pageId, ...compensationAt(record, slotOfRecord(record)) }',
  },
  {
    name: 'undo-without-room',
    invariant: 'I23',
    sentence: 'Undo puts the longer old value back without looking whether others have taken the room.',
    file: BTREE_UNDO,
    find: 'const hasRoom = roomOf(buffer.view, page) >= growth',
    replace: 'const hasRoom = roomOf(buffer.view, page) >= 0 * growth',
  },
  {
    name: 'undo-restores-new-flags',
    invariant: 'I18',
    sentence:
      'Undo of a replacement restores the value and not the flags, so a deleted row is back, or a reference is read as a value.',
    file: BTREE_LOG,
    find: 'record.view.getUint8(at + OLD_FLAGS)',
    replace: 'record.view.getUint8(at + FLAGS)',
    first: 'any-tail.property.test.ts',
  },
  {
    name: 'trimmed-ends-overlap',
    invariant: 'I26',
    sentence: 'What old and new value have in common at the start and at the end is counted twice when both overlap.',
    file: BTREE_LOG,
    find: 'while (same < shorter - start && ',
    replace: 'while (same < shorter && ',
    first: 'any-tail.property.test.ts',
  },
  {
    name: 'created-tree-keeps-its-pages',
    invariant: 'I23',
    sentence: 'Rolling back the creation of a table frees its root but not the pages it got by splits.',
    file: BTREE_UNDO,
    find: 'this.#freer.freeAllButRoot(entry, record.pageId)',
    replace: '',
    first: 'crash.property.test.ts',
  },
  {
    name: 'ghost-removed-too-early',
    invariant: 'I22',
    sentence: 'Ghosts of transactions that are still open are removed, and their rollback does not find the row.',
    file: SPLIT,
    find: 'if (!ports.isNeeded(tree, this.#keyBuffer, 0, length)) slots.push(slot)',
    replace: 'slots.push(slot)',
  },
  {
    name: 'ghosts-of-losers-removed',
    invariant: 'I23',
    sentence: 'Restart holds no locks for the losers, and a split during undo removes ghosts that another undo needs.',
    file: 'src/database/assemble.ts',
    find: 'parts.isRestarting() || locks.isLocked',
    replace: 'locks.isLocked',
    first: 'exhaustive.test.ts',
  },
  {
    name: 'separator-cut-too-short',
    invariant: 'I22',
    sentence: 'The shortened separator is a prefix of the last key on the left, which is then looked for on the right.',
    file: 'src/btree/node-page.ts',
    find: 'commonPrefix(left, right) + 1)',
    replace: 'commonPrefix(left, right))',
  },
  {
    name: 'split-loses-a-row',
    invariant: 'I22',
    sentence: 'A split copies the right half from one slot too far.',
    file: SPLIT,
    find: 'appendCells(scratch, buffer, page, at)',
    replace: 'appendCells(scratch, buffer, page, at + 1)',
  },
  {
    name: 'split-forgets-right-neighbour',
    invariant: 'I22',
    sentence: 'The left half keeps its old right sibling, and a walk along the leaves misses the right half.',
    file: SPLIT,
    find: 'high: separator, rightSibling: right }',
    replace: 'high: separator, rightSibling: rightSiblingOf(view, page) }',
  },
  {
    name: 'moved-rows-under-old-separator',
    invariant: 'I22',
    sentence: 'Rows move to a neighbour, and the parent still leads to where they were.',
    file: REDISTRIBUTE,
    find: 'tree, page, parentSlot, 0, separator, child)',
    replace: 'tree, page, parentSlot, 0, replaced, child)',
  },
  {
    name: 'moved-rows-stay-after-undo',
    invariant: 'I23',
    sentence: 'A move of rows that was cut off is undone in the parent, and the neighbour keeps the rows.',
    file: NODE_RANGE,
    find: ': { ...extended, end: extended.end - count, high: rowsLow }',
    replace: ': { ...extended, high: rowsLow }',
    first: 'any-tail.property.test.ts',
  },
  {
    name: 'moved-rows-overfill',
    invariant: 'I22',
    sentence: 'Whether rows fit their new leaf is not asked: with a shorter prefix there they need more room.',
    file: REDISTRIBUTE,
    find: 'nodeBytes(low, high, bytes) <= buffer.pageSize && ',
    replace: '',
    first: 'btree-model.property.test.ts',
  },
  {
    name: 'merge-loses-sibling',
    invariant: 'I22',
    sentence: 'A merged node still names the freed page as its right sibling.',
    file: MERGE,
    find: 'setRightSibling(scratch.view, 0, rightSiblingOf(view, rightPage))\n',
    replace: '',
  },
  {
    name: 'merge-overfills',
    invariant: 'I22',
    sentence: 'A merge counts the bytes of the left node only, and the union does not fit.',
    file: MERGE,
    find: 'for (const page of [leftPage, rightPage]) {\n          const count = slotCountOf(view, page)\n          for (let slot = 0; slot < count; slot++) bytes',
    replace:
      'for (const page of [leftPage]) {\n          const count = slotCountOf(view, page)\n          for (let slot = 0; slot < count; slot++) bytes',
  },
  {
    name: 'ghost-count-not-kept',
    invariant: 'I22',
    sentence: 'Setting flags does not count the ghosts, so the cleaner never looks at the leaf.',
    file: NODE_EDIT,
    find: 'if (ghosts !== 0) setGhostCount(view, page, ghostCountOf(view, page) + ghosts)',
    replace: '',
  },
  {
    name: 'compaction-keeps-dead-bytes',
    invariant: 'I22',
    sentence: 'After compaction the bytes of dead cells still count as free, and a later insert overlaps the slots.',
    file: NODE_EDIT,
    find: `setHeapStart(view, page, top - page)
  setFreeBytes(view, page, 0)`,
    replace: 'setHeapStart(view, page, top - page)',
  },
  {
    name: 'cursor-trusts-freed-page',
    invariant: 'I22',
    sentence: 'A cursor goes on in a leaf that was merged away: a freed page keeps its bytes and its pageLSN.',
    file: CURSOR,
    find: 'if (this.#freedPageCount !== this.#btree.context.freedPageCount) return -1',
    replace: '',
    first: 'crash.property.test.ts',
  },
  {
    name: 'cursor-trusts-its-slot',
    invariant: 'I22',
    sentence: 'A cursor goes on at its slot although the leaf has changed, and skips rows or shows them twice.',
    file: CURSOR,
    find: 'if (pageLsnOf(this.#buffer.view, page) === this.#leafLsn) return page',
    replace: 'if (pageLsnOf(this.#buffer.view, page) >= this.#leafLsn) return page',
  },
  {
    name: 'overflow-chain-freed-at-once',
    invariant: 'I32',
    sentence: 'The pages of a replaced long value are freed before the commit, and a rollback finds others in them.',
    file: BTREE,
    find: 'this.context.ports.addPendingAction(entry, encodePending(action))',
    replace: `void [entry, encodePending(action)]
    while (!this.context.ports.overflow.freeChainStep(ref.head, ref.chainId));`,
  },
  {
    name: 'overflow-chain-of-deleted-row-leaks',
    invariant: 'I22',
    sentence: 'Deleting a row with a long value does not free the value.',
    file: BTREE,
    find: 'if ((flags & OVERFLOW_FLAG) !== 0) this.#freeLater(entry, storedValueAt(buffer, page, slot))',
    replace: '',
  },
  {
    name: 'dropped-table-not-freed',
    invariant: 'I22',
    sentence: 'Dropping a table removes it from the catalog and forgets its pages.',
    file: 'src/btree/catalog.ts',
    find: 'this.#btree.drop(entry, tree)',
    replace: '',
    first: 'exhaustive.test.ts',
  },
  {
    name: 'dropped-table-freed-before-commit',
    invariant: 'I32',
    sentence:
      'The pages of a dropped table are freed at once, so a rollback brings back a table whose pages serve others.',
    file: BTREE,
    find: 'this.context.ports.addPendingAction(entry, encodePending({ kind: PendingKind.FREE_TREE, pageId: tree, id: treeId }))',
    replace: `void [entry, encodePending({ kind: PendingKind.FREE_TREE, pageId: tree, id: treeId })]
    while (!this.#freer.freeTreeStep(tree, treeId));`,
    first: 'crash.property.test.ts',
  },
]
