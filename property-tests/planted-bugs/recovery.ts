/** Planted bugs of the recovery manager: checkpoints, analysis, redo, undo. */
import type { PlantedBug } from './planted-bug.ts'

const ANALYSIS = 'src/recovery/analysis.ts'
const REDO = 'src/recovery/redo.ts'
const REDO_QUEUES = 'src/recovery/redo-queues.ts'
const DEFERRED_REDO = 'src/recovery/deferred-redo.ts'
const PAGE_RECORDS = 'src/recovery/page-records.ts'
const UNDO = 'src/recovery/undo.ts'
const CHECKPOINT = 'src/recovery/checkpoint.ts'
const PAGE_WRITER = 'src/recovery/page-writer.ts'

export const RECOVERY_BUGS: readonly PlantedBug[] = [
  {
    name: 'redo-repeats-what-is-there',
    invariant: 'I14',
    sentence: 'Redo applies a record whose LSN equals the pageLSN, that is, once more.',
    file: REDO,
    find: '>= record.lsn) return',
    replace: '> record.lsn) return',
  },
  {
    name: 'redo-skips-first-change',
    invariant: 'I10',
    sentence: 'Redo passes over the record at recLSN itself, the first change that the disk lacks.',
    file: REDO,
    find: 'if (record.lsn < recLsn)',
    replace: 'if (record.lsn <= recLsn)',
  },
  {
    name: 'redo-does-not-stamp',
    invariant: 'I14',
    sentence:
      'Redo does not set the pageLSN, so a crash during restart makes the next restart apply the records again.',
    file: REDO,
    find: 'setPageLsn(this.#buffer.view, page, record.lsn)',
    replace: '',
  },
  {
    name: 'redone-page-not-dirty',
    invariant: 'I11',
    sentence: 'A page that redo changed is not marked dirty, so the next checkpoint forgets it.',
    file: REDO,
    find: 'this.#buffer.markDirty(page, record.lsn)',
    replace: '',
  },
  {
    name: 'redo-starts-at-newest-page',
    invariant: 'I10',
    sentence: 'Redo starts at the largest recLSN instead of the smallest.',
    file: REDO,
    find: 'recLsn < oldest) oldest',
    replace: 'recLsn > oldest) oldest',
  },
  {
    name: 'redo-passes-over-clrs',
    invariant: 'I16',
    sentence: 'Redo repeats updates but not the compensations, so what was rolled back before the crash is back.',
    file: REDO,
    find: 'if (record.pageId === NO_PAGE || record.resource === ResourceId.NONE)',
    replace: 'if (record.pageId === NO_PAGE || record.resource === ResourceId.NONE || record.type === 3)',
  },
  {
    name: 'redo-needs-old-page',
    invariant: 'I14',
    sentence:
      'A record that formats a page is redone only if the page could be read, which it cannot when it was never written.',
    file: REDO,
    find: 'manager.formatsPage(record.operation)',
    replace: 'false',
  },
  {
    name: 'redo-queues-mix-pages',
    invariant: 'I14',
    sentence:
      'A record waits in a queue that has to do with its LSN and not with its page, so the records of a page are redone in another order.',
    file: REDO_QUEUES,
    find: 'const queue = record.pageId %',
    replace: 'const queue = (record.lsn >>> 3) %',
  },
  {
    name: 'last-redo-queue-not-emptied',
    invariant: 'I14',
    sentence: 'At the end of redo all queues but the last are emptied, so the records that wait in that one are lost.',
    file: REDO_QUEUES,
    find: 'queue < this.#used.length; queue++',
    replace: 'queue < this.#used.length - 1; queue++',
  },
  {
    name: 'full-redo-queue-dropped',
    invariant: 'I14',
    sentence: 'A queue that is full is filled anew without being emptied, so the records that waited in it are lost.',
    file: REDO_QUEUES,
    find: '> this.#queueBytes) this.#empty(queue)',
    replace: '> this.#queueBytes) this.#used[queue] = 0',
  },
  {
    name: 'long-record-overtakes',
    invariant: 'I14',
    sentence:
      'A record too long for a queue is redone at once, before those of its page that wait, which are then passed over as done.',
    file: REDO_QUEUES,
    find: '    if (this.#usedOf(queue) + bytes > this.#queueBytes) this',
    replace: '    if (this.#usedOf(queue) + bytes > this.#queueBytes && bytes <= this.#queueBytes) this',
    first: 'redo-queues.property.test.ts',
  },
  {
    name: 'deferred-page-not-in-dpt',
    invariant: 'I11',
    sentence:
      'Pages whose redo is put off are not in the dirty page table of the checkpoint that ends restart, so the next restart forgets them.',
    file: DEFERRED_REDO,
    find: 'for (const pageId of this.#records.pages()) table.add(',
    replace: 'for (const pageId of [] as PageId[]) table.add(',
  },
  {
    name: 'log-of-deferred-pages-not-kept',
    invariant: 'I12',
    sentence:
      'The low-water mark looks at the pages in the pool only, so segments go that pages whose redo is put off still need.',
    file: 'src/buffer/buffer-manager.ts',
    find: 'if (this.deferred !== undefined) return this.deferred.startLsn',
    replace: '',
  },
  {
    name: 'older-records-not-noted',
    invariant: 'I14',
    sentence:
      'Redo that is put off knows the records that analysis has read, but not those before the checkpoint that the pages need too.',
    file: DEFERRED_REDO,
    find: 'if (redo.needsPage(record)) this.#records.add(record)',
    replace: '',
  },
  {
    name: 'deferred-records-newest-first',
    invariant: 'I14',
    sentence:
      'The records of a page whose redo is put off are redone in the order in which they were noted, the last first.',
    file: PAGE_RECORDS,
    find: 'lsns.sort()',
    replace: 'lsns.reverse()',
  },
  {
    name: 'last-deferred-record-lost',
    invariant: 'I14',
    sentence: 'The last record of a page whose redo is put off is not redone.',
    file: PAGE_RECORDS,
    find: 'left > 0; left--',
    replace: 'left > 1; left--',
  },
  {
    name: 'page-read-before-its-redo',
    invariant: 'I14',
    sentence: 'Who fixes a page whose redo is put off gets it as it is on disk.',
    file: 'src/buffer/buffer-manager.ts',
    find: 'if (this.deferred?.bringUpToDate(pageId) === true) return this.fixIfSound(pageId)',
    replace: '',
  },
  {
    name: 'clean-close-before-redo',
    invariant: 'I38',
    sentence:
      'A close does not wait until the pages are up to date whose redo was put off, and says that it was clean.',
    file: 'src/database/maintenance.ts',
    find: 'while (this.#quietStep(() => this.#redoSome())) await this.#turn()',
    replace: 'this.#parts.buffer.deferred = undefined',
  },
  {
    name: 'clr-undone-again',
    invariant: 'I7',
    sentence:
      'Undo goes from a CLR to its prevLSN and not to its undoNextLSN, so what was compensated is compensated again.',
    file: UNDO,
    find: 'entry.undoNextLsn = record.undoNextLsn',
    replace: 'entry.undoNextLsn = record.prevLsn',
  },
  {
    name: 'undo-next-lsn-one-too-far',
    invariant: 'I6',
    sentence: 'A CLR names the record before the one that is to be undone next, so every other change is not undone.',
    file: UNDO,
    find: '? lsn : prevLsn',
    replace: '? lsn : prevLsn && this.#writer.log.read(prevLsn).prevLsn',
  },
  {
    name: 'undo-oldest-loser-first',
    invariant: 'I23',
    sentence: 'Losers are not undone in one backward sweep, so one is undone in a tree that another left half split.',
    file: UNDO,
    find: 'a.undoNextLsn > b.undoNextLsn',
    replace: 'a.undoNextLsn < b.undoNextLsn',
    first: 'any-tail.property.test.ts',
  },
  {
    name: 'rollback-room-not-reserved',
    invariant: 'I19',
    sentence: 'No log room is held back for CLRs, so a rollback may meet a full disk.',
    file: PAGE_WRITER,
    find: 'this.log.reserve(reserve, payloadBytes)',
    replace: 'this.log.reserve(0, payloadBytes)',
    first: 'btree-model.property.test.ts',
  },
  {
    name: 'rollback-room-not-given-back',
    invariant: 'I19',
    sentence: 'The log room held back for a rollback is not released at the end, so the log grows for ever.',
    file: UNDO,
    find: 'this.#writer.log.release(entry.reservedBytes)',
    replace: '',
    first: 'any-tail.property.test.ts',
  },
  {
    name: 'ended-transaction-stays-in-table',
    invariant: 'I17',
    sentence: 'A transaction that has its END stays in the transaction table and holds the log back for ever.',
    file: UNDO,
    find: 'this.#table.remove(entry)',
    replace: '',
  },
  {
    name: 'analysis-forgets-end',
    invariant: 'I9',
    sentence: 'Analysis passes over END records, so transactions that had ended are rolled back.',
    file: ANALYSIS,
    find: 'this.transactions.delete(txnId)',
    replace: '',
  },
  {
    name: 'analysis-forgets-commit',
    invariant: 'I18',
    sentence: 'A transaction with COMMIT but without END is taken for a loser.',
    file: ANALYSIS,
    find: 'entry.status = record.type === RecordType.COMMIT ? TxnStatus.COMMITTING : TxnStatus.PREPARED',
    replace: 'if (record.type === RecordType.PREPARE) entry.status = TxnStatus.PREPARED',
  },
  {
    name: 'analysis-ignores-checkpoint-pages',
    invariant: 'I11',
    sentence: 'The dirty pages in the checkpoint are not taken over, so changes made before it are not redone.',
    file: ANALYSIS,
    find: 'this.dirtyPages.set(pageId, recLsn)',
    replace: 'void [pageId, recLsn]',
  },
  {
    name: 'analysis-ignores-checkpoint-transactions',
    invariant: 'I18',
    sentence: 'A loser that wrote nothing after the checkpoint is not found, and its changes stay.',
    file: ANALYSIS,
    find: 'if (!this.#ended.has(saved.id)) this.#mergeTransaction(saved)',
    replace: 'void saved',
  },
  {
    name: 'checkpoint-rec-lsn-too-new',
    invariant: 'I10',
    sentence:
      'A checkpoint notes for each dirty page the end of the log instead of its recLSN, so redo starts too late.',
    file: 'src/buffer/buffer-manager.ts',
    find: 'this.#dirty.addTo(pages, this.#pageIds)',
    replace: `this.#dirty.addTo(pages, this.#pageIds)
    pages.recLsns.fill(this.#log.nextLsn)`,
  },
  {
    name: 'checkpoint-tables-of-two-moments',
    invariant: 'I30',
    sentence:
      'A checkpoint copies the dirty page table, waits, and logs it as of later: pages dirtied in between are missing.',
    file: CHECKPOINT,
    find: 'const dirtyPages = this.#buffer.dirtyPages()',
    replace: `const dirtyPages = this.#buffer.dirtyPages()
    await this.#log.flush()`,
  },
  {
    name: 'checkpoint-forgets-pending-actions',
    invariant: 'I32',
    sentence:
      'A checkpoint does not save what committed transactions have left to do, so after a crash their pages leak.',
    file: 'src/recovery/checkpoint-record.ts',
    find: 'entry.undoNextLsn, entry.lastPendingLsn]',
    replace: 'entry.undoNextLsn, 0]',
    first: 'exhaustive.test.ts',
  },
  {
    name: 'master-before-log',
    invariant: 'I13',
    sentence: 'The master record names a checkpoint before the log with it is durable.',
    file: CHECKPOINT,
    find: 'await this.#log.waitDurable(asLsn(endLsn - 1))',
    replace: '',
    first: 'durability.property.test.ts',
  },
  {
    name: 'low-water-ignores-transactions',
    invariant: 'I12',
    sentence: 'A segment that an open transaction would need for its rollback is recycled.',
    file: CHECKPOINT,
    find: 'transactions.map((entry) => entry.firstLsn),',
    replace: '[],',
  },
  {
    name: 'low-water-ignores-dirty-pages',
    invariant: 'I12',
    sentence: 'A segment that redo would need for an old dirty page is recycled.',
    file: CHECKPOINT,
    find: 'minRecLsn === NULL_LSN ? [] : [minRecLsn],',
    replace: '[],',
  },
  {
    name: 'low-water-before-master',
    invariant: 'I12',
    sentence:
      'The low-water mark rises before the master record names the new checkpoint, so a crash needs recycled log.',
    file: CHECKPOINT,
    find: 'const lowWater = lowWaterOf(beginLsn)',
    replace: `const lowWater = lowWaterOf(beginLsn)
    this.#lowWater = lowWater`,
    first: 'slow-disk.property.test.ts',
  },
]
