/**
 * What the engine does, as data: one typed stream that tools, tests and lessons read. Nothing is
 * built when nobody listens.
 */
import type { ErrorCode } from './errors.ts'
import type { Lsn, PageId, TxnId } from './ids.ts'

/**
 * Why the redo pass passes over a record, in the order in which the reasons are tested (Mohan et al.,
 * TODS 1992, figure 11):
 * 1 `not-redoable`: the record changes no page;
 * 2 `not-in-dpt`: its page was clean at the crash;
 * 3 `lsn<recLsn`: the page was made dirty only after this record;
 * 4 `pageLsn>=lsn`: the page on disk has the change already;
 * 5 `page-damaged`: the page cannot be read and stays quarantined.
 */
export type SkipReason = 'not-redoable' | 'not-in-dpt' | 'lsn<recLsn' | 'pageLsn>=lsn' | 'page-damaged'

/** One row of the transaction table. */
export interface TracedTransaction {
  readonly txnId: TxnId
  readonly status: string
  readonly lastLsn: Lsn
  readonly undoNextLsn: Lsn
}

/** One row of the dirty page table. */
export interface TracedDirtyPage {
  readonly pageId: PageId
  readonly recLsn: Lsn
}

/**
 * Why undo passes over a record, in the order in which the reasons are tested:
 * 1 `clr`: what lies between it and its undoNextLSN is undone already, or is to stay;
 * 2 `redo-only`: it was written to be redone only;
 * 3 `not-undoable`: it changes no page (BEGIN, ABORT, PENDING);
 * 4 `nothing-left`: the undo of it has found nothing left to change.
 */
export type UndoPassReason = 'clr' | 'redo-only' | 'not-undoable' | 'nothing-left'

/** One step of restart. */
export type RestartEvent =
  /** One record of the analysis pass, and the rows of the two tables that it has changed. */
  | {
      readonly kind: 'analysed'
      readonly lsn: Lsn
      /** As in `aries log`: update, clr, commit, ... */
      readonly type: string
      readonly transactions: readonly TracedTransaction[]
      /** The transaction that has left the table: this is its END. */
      readonly ended: TxnId | undefined
      readonly dirtyPages: readonly TracedDirtyPage[]
    }
  /** The tables as the scan left them, before anything is appended. */
  | {
      readonly kind: 'analysis'
      readonly startLsn: Lsn
      readonly endLsn: Lsn
      readonly transactions: readonly TracedTransaction[]
      readonly dirtyPages: readonly TracedDirtyPage[]
    }
  | { readonly kind: 'redo-start'; readonly lsn: Lsn }
  /** A winner that lacked its END got it. */
  | { readonly kind: 'winner-ended'; readonly txnId: TxnId; readonly endLsn: Lsn }
  /** Applied, because `lsn` is above `pageLsn`, which the page had until now; 0 for a page made anew. */
  | { readonly kind: 'redone'; readonly lsn: Lsn; readonly pageId: PageId; readonly pageLsn: Lsn }
  /** Passed over; `recLsn` and `pageLsn` are there when the reason is about them. */
  | {
      readonly kind: 'redo-skipped'
      readonly lsn: Lsn
      readonly reason: SkipReason
      readonly pageId: PageId | undefined
      readonly recLsn: Lsn | undefined
      readonly pageLsn: Lsn | undefined
    }
  | { readonly kind: 'redo-end'; readonly dirtyPages: readonly TracedDirtyPage[] }
  /** `undoNextLsn` is that of the CLR: what is to be undone next, 0 = nothing is left. */
  | {
      readonly kind: 'undone'
      readonly lsn: Lsn
      readonly txnId: TxnId
      readonly clrLsn: Lsn
      readonly undoNextLsn: Lsn
    }
  /** Undo goes on with `nextLsn` of this transaction, 0 = nothing is left. */
  | {
      readonly kind: 'undo-passed'
      readonly lsn: Lsn
      readonly txnId: TxnId
      readonly reason: UndoPassReason
      readonly nextLsn: Lsn
    }
  | { readonly kind: 'rolled-back'; readonly txnId: TxnId; readonly endLsn: Lsn }
  /** A prepared transaction holds its locks again; its PREPARE is at `lsn`. */
  | { readonly kind: 'in-doubt'; readonly txnId: TxnId; readonly lsn: Lsn; readonly name: string }

/** What is locked, and how. */
export interface TracedLock {
  readonly txnId: TxnId
  /** A table by its name; a key of it, the gap before it, or both; the gap behind its last key. */
  readonly resource: 'table' | 'key' | 'end'
  /** The table's name, where it is known. */
  readonly table: string | undefined
  /** The number of the table's tree; for the name of a table that of the catalog. */
  readonly space: number
  /** As in lock reports: in quotes if it is text, else in hexadecimal. */
  readonly key: string
  readonly mode: string
}

/** One step of normal work, once the database is open. */
export type WorkEvent =
  /** A record is in the log buffer. */
  | {
      readonly kind: 'appended'
      readonly lsn: Lsn
      /** As in `aries log`: update, clr, commit, ... */
      readonly type: string
      readonly txnId: TxnId | undefined
      readonly pageId: PageId | undefined
    }
  /** The log is durable up to `toLsn`, which it was up to `fromLsn` before. */
  | { readonly kind: 'flushed'; readonly fromLsn: Lsn; readonly toLsn: Lsn }
  /** A page is pinned: it was in the buffer pool, was read from disk, or is made anew and nothing was read. */
  | { readonly kind: 'fixed'; readonly pageId: PageId; readonly found: 'hit' | 'miss' | 'new' }
  /** A page that was as on disk is about to get the change at `recLsn`. */
  | { readonly kind: 'dirtied'; readonly pageId: PageId; readonly recLsn: Lsn }
  /** A page is in its place on disk. */
  | { readonly kind: 'page-written'; readonly pageId: PageId; readonly pageLsn: Lsn }
  /** A page has lost its frame to another one. */
  | { readonly kind: 'evicted'; readonly pageId: PageId }
  /** A checkpoint is complete; a restart needs nothing of the log below `lowWaterLsn`. */
  | { readonly kind: 'checkpoint'; readonly lsn: Lsn; readonly endLsn: Lsn; readonly lowWaterLsn: Lsn }
  /** The upper cells of a node have moved to a new node. */
  | { readonly kind: 'split'; readonly tree: PageId; readonly pageId: PageId; readonly newPageId: PageId }
  /** `rows` rows of a full leaf have moved to its neighbour `toPageId`, which had more room. */
  | {
      readonly kind: 'redistributed'
      readonly tree: PageId
      readonly pageId: PageId
      readonly toPageId: PageId
      readonly rows: number
    }
  /** The root has got a level: what it held is in a new child. */
  | { readonly kind: 'root-grown'; readonly tree: PageId; readonly newPageId: PageId }
  /** A node has taken in the cells of its right neighbour, whose page is free now. */
  | { readonly kind: 'merged'; readonly tree: PageId; readonly pageId: PageId; readonly freedPageId: PageId }
  /** The root has lost a level: it holds what its only child held, whose page is free now. */
  | { readonly kind: 'root-lowered'; readonly tree: PageId; readonly freedPageId: PageId }
  /**
   * A transaction holds a lock in this mode, at once (`locked`) or after it has waited (`lock-granted`); or it
   * begins to wait. A read that is a transaction of its own takes no locks where it need not wait for any.
   */
  | ({ readonly kind: 'locked' | 'lock-wait' | 'lock-granted' } & TracedLock)
  /** A wait has ended without the lock: a deadlock's victim, a timeout, a cancelled transaction. */
  | ({ readonly kind: 'lock-refused'; readonly code: ErrorCode } & TracedLock)
  /** `released` locks on keys of the tree `space` are given back: the lock on their table covers them. */
  | { readonly kind: 'escalated'; readonly txnId: TxnId; readonly space: number; readonly released: number }
  /**
   * A transaction's COMMIT is in the log, or, when it has changed nothing, the one whose work it may have found:
   * who overwrites what it has locked need not wait until that is durable.
   */
  | { readonly kind: 'yielded'; readonly txnId: TxnId; readonly commitLsn: Lsn }
  /** A transaction has ended and given back all its locks; the grants to others follow. */
  | { readonly kind: 'unlocked'; readonly txnId: TxnId; readonly released: number }
  /** A wait closed a cycle; this member of it is given up. */
  | { readonly kind: 'deadlock'; readonly victim: TxnId; readonly members: readonly TxnId[] }

export type TraceEvent = RestartEvent | WorkEvent

/** Receives events, in the middle of things: it must not use the database. Undefined when nobody listens. */
export type Trace = ((event: TraceEvent) => void) | undefined
