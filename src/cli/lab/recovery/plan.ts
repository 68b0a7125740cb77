/** The lab "write recovery": its files, which functions the student writes, and what each has to do. */
import type { SkeletonPlan } from './skeleton.ts'

/** The files of the lab, which are files of src/recovery. */
export const RECOVERY_FILES = ['analysis.ts', 'redo.ts', 'undo.ts'] as const
export type RecoveryFile = (typeof RECOVERY_FILES)[number]

export const RECOVERY_PLANS: Readonly<Record<RecoveryFile, SkeletonPlan>> = {
  'analysis.ts': {
    omitted: ['checkLogEnd', 'pendingLsnOf'],
    gaps: [
      {
        name: 'Tables.take',
        hint: [
          'Three things a record can tell, one or more of them: END_CHECKPOINT brings the tables of a checkpoint',
          '(decodeCheckpointPart); a record of a transaction (its txnId is not NO_TXN) tells of the transaction table;',
          'a record that changes a page (its pageId is not NO_PAGE) tells of the dirty page table.',
        ],
      },
      {
        name: 'Tables.#takeTransaction',
        hint: [
          'For the engine: set isEmptyOfWork to false; keep nextTxnId above every id; set lastPendingLsn of the entry',
          'to pendingLsnOf(record) at COMMIT and PREPARE.',
          'For recovery: what END does (and why #ended is kept); firstLsn of a new entry; lastLsn, undoNextLsn, status.',
        ],
      },
      {
        name: 'Tables.#mergeCheckpoint',
        hint: [
          'For the engine: keep nextTxnId at or above part.nextTxnId.',
          'For recovery: merge part.transactions and part.dirtyPages into the tables. A fuzzy checkpoint: records',
          'between its begin and its end have been taken before it.',
        ],
      },
      {
        name: 'Tables.#mergeTransaction',
        hint: [
          'One row of the checkpoint. What if the transaction is in the table already? Whose lastLsn, undoNextLsn,',
          'status (isFurther), firstLsn counts then? For the engine: lastPendingLsn as well, if it is still NULL_LSN.',
        ],
      },
    ],
  },
  'redo.ts': {
    omitted: [],
    gaps: [
      {
        name: 'Redo.#skipReason',
        hint: ['Reasons 1 to 3 of SkipReason, in this order: those that need no look at the page.'],
      },
      {
        name: 'Redo.#redo',
        hint: [
          'Fix the page with #fix (formats: manager.formatsPage(record.operation)), and unfix it whatever happens. A page',
          'below 0 could not be read: reason 5.',
          'Note its pageLSN in #pageLsn for the trace. Reason 4, or: mark it dirty from record.lsn on, have the',
          'resource manager, #managers.of(record.resource), apply the record, and stamp the page.',
        ],
      },
      { name: 'oldestOf', hint: ['Where redo has to begin. NULL_LSN when no page was dirty.'] },
    ],
  },
  'undo.ts': {
    omitted: ['changesOf'],
    gaps: [
      { name: 'Rollback.rollback', hint: ['An abort, or a rollback to a savepoint: undoNext until toLsn is reached.'] },
      {
        name: 'Rollback.undoNext',
        hint: [
          'Read the record (#writer.log.read), and decide what undo does with it: a CLR; an UPDATE that is not redo-only;',
          'anything else. Move entry.undoNextLsn. Tell with #tracePass what is passed over, and why.',
        ],
      },
      {
        name: 'Rollback.#compensate',
        hint: [
          'Ask the resource manager for the compensation: #managers.of(record.resource).undo(record, entry). It is',
          "undefined when nothing is left to compensate: then pass over the record, reason 'nothing-left'.",
          'Before writing: this.spendReserve(entry, CLR_HEADER_BYTES + compensation.payload.length).',
          'Write and apply the CLR with #writer.compensate(entry, resource, compensation, undoNextLsn), which moves',
          'lastLsn and undoNextLsn of the entry. Which undoNextLsn? A compensation with isPart leaves a rest of the',
          'record to be compensated next. The record is a view that holds only until then.',
          "Tell the listener of the tracer: { kind: 'undone', lsn, txnId, clrLsn, undoNextLsn }.",
        ],
      },
      {
        name: 'Rollback.undoLosers',
        hint: [
          'One backward sweep over the log for all losers together. Call onRecord before each record. Whose turn is it? A',
          'Heap has the first of many by an order of yours, and takes it back when it has changed (firstChanged). Who has',
          'nothing left gets its END (this.#endLoser) at once. Returns how many CLRs were written.',
        ],
      },
    ],
  },
}
