/** What restart did, for people and programs. */
import type { Lsn, PageId } from '../common/ids.ts'
import type { SkipReason } from '../common/trace.ts'

/** The phases of restart, in order. */
export type RecoveryPhase = 'analysis' | 'redo' | 'undo'

/** Called now and then while restart works. `done` and `total` are log bytes, or transactions in undo. */
export interface RecoveryProgress {
  readonly phase: RecoveryPhase
  readonly done: number
  readonly total: number
}

/**
 * The report of one restart. LSNs are byte offsets in the log; times are milliseconds.
 */
export interface RecoveryReport {
  /** False after a clean shutdown: then there was nothing to redo and nothing to undo. */
  readonly wasNeeded: boolean
  /** Things worth telling an operator: a damaged master slot, a torn tail, restored pages. */
  readonly notices: readonly string[]
  /** Pages put back from the double-write file. */
  readonly restoredPages: readonly PageId[]
  /** Pages that could not be read and stay out of use until restored. */
  readonly damagedPages: readonly PageId[]
  readonly analysis: {
    readonly startLsn: Lsn
    readonly endLsn: Lsn
    readonly records: number
    readonly bytes: number
    readonly losers: number
    readonly winnersWithoutEnd: number
    /** Prepared transactions that wait for their outcome: see `db.inDoubt()`. */
    readonly inDoubt: number
    readonly dirtyPages: number
    readonly ms: number
  }
  readonly redo: {
    readonly startLsn: Lsn
    readonly records: number
    readonly bytes: number
    readonly redone: number
    /** Pages that were left to be brought up to date later: see `deferRedo`. Their records are not counted below. */
    readonly deferredPages: number
    /** Records not redone, by reason; see `SkipReason` for their numbers. */
    readonly skipped: Readonly<Record<SkipReason, number>>
    readonly ms: number
  }
  readonly undo: {
    readonly losersUndone: number
    /** Compensation log records written. */
    readonly clrs: number
    readonly bytes: number
    readonly ms: number
  }
  readonly totalMs: number
}
