/**
 * The port to what restart has put off: pages that lack changes of the log until somebody wants them. The
 * buffer manager asks before it reads a page from disk; it does not know how a page is brought up to date.
 */
import type { Lsn, PageId } from '../common/ids.ts'
import type { DirtyPageTable } from './dirty-page-table.ts'

export interface DeferredPages {
  /** How many pages are left. */
  readonly count: number
  /** At or below what any of them lacks, and at or below what redo has changed meanwhile (I10, I12). */
  readonly startLsn: Lsn
  /**
   * If the page is one of them: brings it up to date, through the buffer manager, or has it quarantined; whether it
   * was one.
   * @throws `PAGE_LSN_BEYOND_LOG`, `POOL_EXHAUSTED`, `IO_ERROR`, `DISK_FULL`: it is still one of them; `DB_FAILED`
   */
  bringUpToDate(pageId: PageId): boolean
  /** Adds each of them with its recLsn: on disk they are as old as at the crash (I11). */
  addTo(table: DirtyPageTable): void
  /** Brings one more up to date; false when none was left. Throws as `bringUpToDate`. */
  step(): boolean
}
