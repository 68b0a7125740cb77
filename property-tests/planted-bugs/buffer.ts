/** Planted bugs of the buffer manager: the WAL rule, recLSNs, eviction, double-writing. */
import type { PlantedBug } from './planted-bug.ts'

const BUFFER_MANAGER = 'src/buffer/buffer-manager.ts'
const FRAME_CHOICE = 'src/buffer/frame-choice.ts'
const DIRTY_FRAMES = 'src/buffer/dirty-frames.ts'
const PAGE_FLUSHER = 'src/buffer/page-flusher.ts'
const DOUBLE_WRITE = 'src/buffer/double-write.ts'
const DATA_FILE = 'src/buffer/data-file.ts'

export const BUFFER_BUGS: readonly PlantedBug[] = [
  {
    name: 'wal-rule-dropped',
    invariant: 'I1',
    sentence: 'Pages are written back without waiting for the log, so a crash leaves changes that nothing can undo.',
    file: PAGE_FLUSHER,
    find: 'await this.#log.waitDurable(batch.maxPageLsn)',
    replace: 'void this.#log.waitDurable(batch.maxPageLsn)',
  },
  {
    name: 'wal-rule-for-last-page-only',
    invariant: 'I1',
    sentence: 'The log is forced up to the pageLSN of the last page of a batch, not of the newest.',
    file: 'src/buffer/staging.ts',
    find: 'maxPageLsn = Math.max(maxPageLsn, pageLsnOf(view, i * pageSize))',
    replace: 'maxPageLsn = pageLsnOf(view, i * pageSize)',
  },
  {
    name: 'page-lsn-not-stamped',
    invariant: 'I4',
    sentence: 'A change does not stamp its page, so the WAL rule does not see it and redo applies it twice.',
    file: 'src/recovery/page-writer.ts',
    find: 'setPageLsn(buffer.view, this.#page, lsn)',
    replace: '',
  },
  {
    name: 'rec-lsn-too-late',
    invariant: 'I10',
    sentence:
      'A recLSN follows the last change of its page instead of staying at the first one since it was clean, so redo starts too late.',
    file: DIRTY_FRAMES,
    find: `    if (this.#recLsn[frame] !== 0) return false
    this.#recLsn[frame] = lsn
    this.#order.add(frame, lsn)
    if (`,
    replace: `    const wasDirty = this.#recLsn[frame] !== 0
    this.#recLsn[frame] = lsn
    this.#order.add(frame, lsn)
    if (!wasDirty && `,
    first: 'crash.property.test.ts',
  },
  {
    name: 'page-being-written-counts-as-clean',
    invariant: 'I11',
    sentence:
      'A page whose write is under way is missing in the dirty page table, though the disk may still hold the old one.',
    file: DIRTY_FRAMES,
    find: `      const recLsn = (writing[frame] as number) || (changed[frame] as number)
      if (recLsn === 0) continue
      table.add(pageIdOfFrame[frame] as number, recLsn)
      left--`,
    replace: `      const recLsn = changed[frame] as number
      if (recLsn !== 0) table.add(pageIdOfFrame[frame] as number, recLsn)
      if (recLsn !== 0 || writing[frame] !== 0) left--`,
    first: 'crash.property.test.ts',
  },
  {
    name: 'change-during-write-lost',
    invariant: 'I11',
    sentence: 'When a write ends the page counts as clean, although it was changed while it was written.',
    file: DIRTY_FRAMES,
    find: 'if (this.#recLsn[frame] === 0) this.#count--',
    replace: `this.#recLsn[frame] = 0
    this.#count--`,
    first: 'crash.property.test.ts',
  },
  {
    name: 'pinned-page-evicted',
    invariant: 'I27',
    sentence: 'A page is evicted while somebody works on it.',
    file: FRAME_CHOICE,
    find: 'this.#pinCount[frame] === 0 && !this.#dirty.isBeingWritten(frame)',
    replace: '!this.#dirty.isBeingWritten(frame)',
    first: 'btree-model.property.test.ts',
  },
  {
    name: 'page-evicted-while-written',
    invariant: 'I27',
    sentence: 'A page is evicted while its write is under way, and what is read back in its place is the old one.',
    file: FRAME_CHOICE,
    find: 'this.#pinCount[frame] === 0 && !this.#dirty.isBeingWritten(frame)',
    replace: 'this.#pinCount[frame] === 0',
    first: 'crash.property.test.ts',
  },
  {
    name: 'dirty-victim-dropped',
    invariant: 'I11',
    sentence: 'A dirty page is evicted without being written.',
    file: BUFFER_MANAGER,
    find: 'if (this.#dirty.isDirty(frame)) this.#writeOnDemand(frame)',
    replace: '',
    first: 'btree-model.property.test.ts',
  },
  {
    name: 'double-write-not-synced',
    invariant: 'I25',
    sentence: 'Pages go to their places before their copies are durable, so a torn page may have no whole copy.',
    file: PAGE_FLUSHER,
    find: 'if (this.#doubleWrite !== undefined) await this.#orFail(this.#doubleWrite.sync())',
    replace: '',
  },
  {
    name: 'double-write-not-synced-on-demand',
    invariant: 'I25',
    sentence: 'An eviction on demand does not sync the copies before it writes the pages.',
    file: PAGE_FLUSHER,
    find: 'if (this.#doubleWrite !== undefined) this.#orFailNow(() => this.#doubleWrite?.syncBlocking())',
    replace: '',
  },
  {
    name: 'double-write-area-reused-too-early',
    invariant: 'I33',
    sentence:
      'A batch counts as completed before its pages are synced in place, so its copies are given up while pages may still tear.',
    file: PAGE_FLUSHER,
    find: `    await this.#round
    this.#doubleWrite?.completed(batch.area, sequence)`,
    replace: `    this.#doubleWrite?.completed(batch.area, sequence)
    await this.#round`,
    first: 'page-store.property.test.ts',
  },
  {
    name: 'batch-joins-a-sync-under-way',
    invariant: 'I11',
    sentence:
      'A batch whose copies become durable while the data file is being synced counts as written with those before it.',
    file: PAGE_FLUSHER,
    find: `    } finally {
      this.#round = undefined
    }
    await this.#orFail(this.#dataFile.sync())`,
    replace: `      await this.#orFail(this.#dataFile.sync())
    } finally {
      this.#round = undefined
    }`,
    first: 'page-store.property.test.ts',
  },
  {
    name: 'pages-not-synced-in-place',
    invariant: 'I11',
    sentence: 'Written pages count as clean without a sync of the data file, and a checkpoint forgets them.',
    file: PAGE_FLUSHER,
    find: `      this.#round = undefined
    }
    await this.#orFail(this.#dataFile.sync())`,
    replace: `      this.#round = undefined
    }`,
    first: 'crash.property.test.ts',
  },
  {
    name: 'checkpoint-not-synced-in-data-file',
    invariant: 'I39',
    sentence:
      'The meta page gets the LSN of a checkpoint without a sync, so after a power cut the data file passes for an older copy.',
    file: PAGE_FLUSHER,
    find: `this.#dataFile.writeMetaPage(checkpointLsn))
    await this.#orFail(this.#dataFile.sync())`,
    replace: 'this.#dataFile.writeMetaPage(checkpointLsn))',
    first: 'durability.property.test.ts',
  },
  {
    name: 'evicted-pages-not-synced-in-place',
    invariant: 'I11',
    sentence: 'A page evicted on demand counts as clean without a sync of the data file.',
    file: PAGE_FLUSHER,
    find: 'this.#orFailNow(() => this.#dataFile.syncBlocking())',
    replace: '',
    first: 'crash.property.test.ts',
  },
  {
    name: 'page-sync-error-swallowed',
    invariant: 'I28',
    sentence:
      'A failed sync of pages is passed over, so they count as clean and the log that could repeat them is given up.',
    file: PAGE_FLUSHER,
    find: `      await work
    } catch (error) {
      throw this.#failStop.fail(error)
    }`,
    replace: `      await work
    } catch {
      return
    }`,
    first: 'failing-disk.property.test.ts',
  },
  {
    name: 'batch-joins-sync-under-way',
    invariant: 'I25',
    sentence:
      'A batch takes the end of a sync that had begun before it was written for its own, so its pages count as durable and are not.',
    file: 'src/io/shared-sync.ts',
    find: `    this.#next ??= this.#run(this.#running)
    return this.#next`,
    replace: '    return this.#running',
    first: 'page-store.property.test.ts',
  },
  {
    name: 'double-write-restores-stale-batch',
    invariant: 'I33',
    sentence: 'A torn page is restored from a batch that was completed long ago, and an old version comes back.',
    file: DOUBLE_WRITE,
    find: '(batch) => batch.sequence > completed)',
    replace: '(batch) => batch.sequence > 0).reverse()',
    first: 'page-store.property.test.ts',
  },
  {
    name: 'double-write-numbers-start-over',
    invariant: 'I33',
    sentence:
      'After a reopen batches are numbered from 1 again, so the old ones look newer and the new ones completed.',
    file: DOUBLE_WRITE,
    find: 'this.#lastSequence = Math.max(0, ...this.#found.map((batch) => batch.sequence))',
    replace: 'this.#lastSequence = 0',
    first: 'page-store.property.test.ts',
  },
  {
    name: 'double-write-never-restored',
    invariant: 'I25',
    sentence: 'Copies are written, but restart does not look for torn pages.',
    file: 'src/database/torn-pages.ts',
    find: 'return doubleWrite?.restore(dataFile) ?? []',
    replace: 'return []',
    first: 'exhaustive.test.ts',
  },
  {
    name: 'cached-pages-told-by-this-session',
    invariant: 'I16',
    sentence:
      'An open with double-writing takes the pages of a session without it for durable, although their sync has failed, and redo leaves them out.',
    file: 'src/database/torn-pages.ts',
    find: 'unfinished === undefined ? dirtyPages : [...dirtyPages].filter(([pageId]) => unfinished.has(pageId)),',
    replace:
      'doubleWrite === undefined ? dirtyPages : [...dirtyPages].filter(([pageId]) => unfinished?.has(pageId) ?? false),',
    first: 'failing-lives.property.test.ts',
  },
  {
    name: 'double-write-removed-full',
    invariant: 'I33',
    sentence:
      'The double-write file is removed with its batches in it, and comes back with old copies of pages if the removal is not durable.',
    file: 'src/database/torn-pages.ts',
    find: '    doubleWrite.giveBackRoom()\n',
    replace: '',
    first: 'failing-lives.property.test.ts',
  },
  {
    name: 'restored-pages-not-synced',
    invariant: 'I25',
    sentence: 'Pages put back from the double-write file are not synced before that file is used again.',
    file: DOUBLE_WRITE,
    find: 'if (restored.length > 0) dataFile.syncRestored()',
    replace: '',
    first: 'page-store.property.test.ts',
  },
  {
    name: 'page-checksum-not-verified',
    invariant: 'I24',
    sentence: 'A page is used as it was read, torn or not.',
    file: DATA_FILE,
    find: 'if (count === pageSize && isPageValid(bytes, view, page, pageSize, pageId, databaseSeed)) return undefined',
    replace: 'if (count === pageSize && !isZero(bytes, page, page + pageSize)) return undefined',
    first: 'page-store.property.test.ts',
  },
  {
    name: 'page-damaged-at-first-sight',
    invariant: 'I40',
    sentence: 'A page that fails its checksum once counts as damaged, although a second reading would have been good.',
    file: DATA_FILE,
    find: 'attempt < 2',
    replace: 'attempt < 1',
    first: 'failing-lives.property.test.ts',
  },
  {
    name: 'data-file-length-not-durable',
    invariant: 'I13',
    sentence:
      'The master record names the length the data file has, not the one it durably has: it may have grown since its sync began, and restart calls it cut short.',
    file: 'src/recovery/checkpoint.ts',
    find: 'const pageCount = this.#buffer.syncedPageCount',
    replace: 'const pageCount = this.#buffer.pageCount',
    first: 'slow-disk.property.test.ts',
  },
]
