/** Planted bugs of rows that are put together: what is logged of them, and how it is undone. */
import type { PlantedBug } from './planted-bug.ts'

const INSERT_RUN = 'src/btree/insert-run.ts'
const BTREE_UNDO = 'src/btree/btree-undo.ts'
const STORE = 'src/database/store.ts'

export const RUN_BUGS: readonly PlantedBug[] = [
  {
    name: 'run-undo-forgets-last-key',
    invariant: 'I18',
    sentence: 'The undo of rows that were put together leaves the last of them in the leaf.',
    file: BTREE_UNDO,
    find: 'payload: encodeSlots(slots)',
    replace: 'payload: encodeSlots(slots.length > 1 ? slots.slice(0, -1) : slots)',
  },
  {
    name: 'run-partly-undone-is-done',
    invariant: 'I6',
    sentence:
      'The CLR for the rows of one leaf names the record before as the next to be undone, so those in other leaves stay.',
    file: 'src/recovery/undo.ts',
    find: 'compensation.isPart === true ? lsn : prevLsn',
    replace: 'prevLsn',
  },
  {
    name: 'run-undo-begins-again',
    invariant: 'I7',
    sentence: 'Undo that comes back to a record of many rows expects all of them, though some are undone already.',
    file: BTREE_UNDO,
    find: '        if (slots.length === 0 && slot < 0) break\n',
    replace: '',
  },
  {
    name: 'run-slots-one-off',
    invariant: 'I22',
    sentence: 'The slots behind the rows of a run are moved by one too few, and one of them is overwritten.',
    file: INSERT_RUN,
    find: 'slotAt(page, slot + 1), slotAt(page, from), slotAt(page, unmoved)',
    replace: 'slotAt(page, slot), slotAt(page, from), slotAt(page, unmoved)',
  },
  {
    name: 'run-beyond-high-fence',
    invariant: 'I22',
    sentence: 'A run takes rows of the next leaf too, as long as there is room in this one.',
    file: INSERT_RUN,
    find: '      if (row > first && !isBelowHighFence(memory, page, bytes, start, valueStart)) break\n',
    replace: '',
  },
  {
    name: 'run-in-doubt-locks-first-key',
    invariant: 'I36',
    sentence: 'After a restart a prepared transaction holds the first key of each run again, and the others are free.',
    file: 'src/database/in-doubt.ts',
    find: 'for (const key of keysOfRecord(record)) lock(',
    replace: 'for (const key of keysOfRecord(record).slice(0, 1)) lock(',
    first: 'crash.property.test.ts',
  },
  {
    name: 'run-keeps-no-versions',
    invariant: 'I34',
    sentence: 'Rows that are put together are changed without keeping what a snapshot has to see in their place.',
    file: STORE,
    find: 'row < end && this.versions.isKept; row++',
    replace: 'row <= first && this.versions.isKept; row++',
    first: 'snapshots.property.test.ts',
  },
  {
    name: 'run-uncommitted-first-key',
    invariant: 'I34',
    sentence:
      'The first snapshot takes from the log that the first key of an open run is uncommitted, and sees the others.',
    file: 'src/btree/uncommitted.ts',
    find: 'for (const key of keysOfRecord(record)) own',
    replace: 'for (const key of keysOfRecord(record).slice(0, 1)) own',
    first: 'crash.property.test.ts',
  },
  {
    name: 'put-many-ignores-gaps',
    invariant: 'I21',
    sentence:
      'Rows that are put together lock their keys and not the gaps they come into, so a range that was read gets phantoms.',
    file: 'src/database/put-many.ts',
    find: 'locks.lockForPut(tree, key, view === undefined)',
    replace: 'locks.lock(tree, key, 5)',
    first: 'phantoms.property.test.ts',
  },
]
