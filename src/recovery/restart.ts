/**
 * Restart (Mohan et al., TODS 1992, section 6, figure 9), as the paper's figure reads:
 *
 *     analysis   rebuild the two tables from the last checkpoint           (analysis.ts)
 *     redo       repeat history from the oldest recLsn                     (redo.ts)
 *     undo       roll back all losers in one backward sweep, with CLRs     (undo.ts)
 *
 * Analysis has run before this is called, because it finds where the log ends and so where new
 * records go. Winners without END get one here, between the passes; those with pending actions are
 * left in the table, and the transaction manager carries the actions out. Undo passes over what is
 * prepared: it stays in the table too, and whoever opens the database takes its locks again (I36).
 *
 * When redo is deferred (deferred-redo.ts), its pass only notes what each page lacks, and undo, like everybody
 * after it, finds each page up to date because it wants it.
 *
 * INVARIANTS
 * - I15 restarting again changes no content
 * - I16 a crash at any point of it, any number of times, ends in the same state
 * - I17 afterwards no transaction is active but prepared ones, and no page is pinned
 * - I18 what was acknowledged is there, what was in flight wholly or not at all: redo sees to the one, undo to the other
 */

import type { BufferManager } from '../buffer/buffer-manager.ts'
import { type Lsn, NULL_LSN } from '../common/ids.ts'
import type { Trace, TracedDirtyPage } from '../common/trace.ts'
import type { Runtime } from '../io/runtime.ts'
import type { LogManager } from '../log/log-manager.ts'
import type { LogReader } from '../log/log-reader.ts'
import type { ResourceManagers } from '../log/resource-manager.ts'
import type { Analysis } from './analysis.ts'
import type { DeferredRedo } from './deferred-redo.ts'
import { ENGINE_PASSES, type Passes } from './passes.ts'
import type { RecoveryProgress, RecoveryReport } from './report.ts'
import { type TransactionEntry, type TransactionTable, TxnStatus, tracedTransaction } from './transaction-table.ts'
import type { Rollback } from './undo.ts'

export interface RestartContext {
  readonly reader: LogReader
  readonly log: LogManager
  readonly buffer: BufferManager
  readonly managers: ResourceManagers<TransactionEntry>
  readonly table: TransactionTable
  readonly rollback: Rollback
  readonly runtime: Runtime
  readonly trace: Trace
  /** Is to put redo off; undefined when nothing does. */
  readonly deferred?: DeferredRedo | undefined
  readonly onProgress: ((progress: RecoveryProgress) => void) | undefined
}

/** Progress is told once in so many records. */
const PROGRESS_RECORDS = 4096

/**
 * Runs redo and undo after `analysis`.
 * @throws `PAGE_LSN_BEYOND_LOG`, `PAGE_CORRUPT` (undo needs a damaged page), `LOG_CORRUPT`, `DISK_FULL`, `IO_ERROR`, `DB_FAILED`
 */
export function restart(
  context: RestartContext,
  analysis: Analysis,
  passes: Pick<Passes, 'Redo'> = ENGINE_PASSES,
): Pick<RecoveryReport, 'redo' | 'undo'> {
  const { log, buffer, rollback, table, runtime } = context
  traceAnalysis(context, analysis)
  const { losers, endless } = sortTransactions(analysis, table)
  for (const winner of endless) {
    const endLsn = rollback.end(winner)
    context.trace?.({ kind: 'winner-ended', txnId: winner.id, endLsn })
  }

  let startedMs = runtime.nowMs()
  const redo = new passes.Redo(buffer, context.managers, analysis.dirtyPages, context.trace)
  const tell = progress(context, 'redo', analysis.endLsn - redo.startLsn)
  const onRecord = (lsn: Lsn): void => tell(lsn - redo.startLsn)
  context.trace?.({ kind: 'redo-start', lsn: redo.startLsn })
  const result =
    context.deferred === undefined
      ? { ...redo.run(context.reader, analysis.endLsn, onRecord), deferredPages: 0 }
      : context.deferred.run(redo, analysis, context.reader, onRecord)
  // Asked now, so that the order of what redo has made dirty is found here, and not while users wait.
  buffer.minRecLsn()
  const redoMs = runtime.nowMs() - startedMs
  context.trace?.({ kind: 'redo-end', dirtyPages: traced(buffer.dirtyPages()) })

  startedMs = runtime.nowMs()
  const undoStartLsn = log.nextLsn
  const tellUndo = progress(context, 'undo', losers.length)
  const tableSize = table.size
  const clrs = rollback.undoLosers(losers, () => tellUndo(tableSize - table.size))
  return {
    redo: {
      ...result,
      bytes: result.startLsn === NULL_LSN ? 0 : analysis.endLsn - result.startLsn,
      ms: redoMs,
    },
    undo: {
      losersUndone: losers.length,
      clrs,
      bytes: log.nextLsn - undoStartLsn,
      ms: runtime.nowMs() - startedMs,
    },
  }
}

/** Losers, and winners that only lack their END. Winners with pending actions stay in the table, and so do prepared ones. */
function sortTransactions(
  analysis: Analysis,
  table: TransactionTable,
): { losers: TransactionEntry[]; endless: TransactionEntry[] } {
  const losers: TransactionEntry[] = []
  const endless: TransactionEntry[] = []
  for (const entry of analysis.transactions.values()) {
    table.add(entry)
    if (entry.status === TxnStatus.PREPARED) continue
    if (entry.status !== TxnStatus.COMMITTING) losers.push(entry)
    else if (entry.lastPendingLsn === NULL_LSN) endless.push(entry)
  }
  return { losers, endless }
}

function progress(context: RestartContext, phase: RecoveryProgress['phase'], total: number): (done: number) => void {
  const { onProgress } = context
  if (onProgress === undefined) return () => {}
  let records = 0
  return (done) => {
    if (records++ % PROGRESS_RECORDS === 0) onProgress({ phase, done, total })
  }
}

function traceAnalysis(context: RestartContext, analysis: Analysis): void {
  context.rollback.tracer = { listener: context.trace }
  context.trace?.({
    kind: 'analysis',
    startLsn: analysis.startLsn,
    endLsn: analysis.endLsn,
    transactions: [...analysis.transactions.values()].map(tracedTransaction),
    dirtyPages: traced(analysis.dirtyPages),
  })
}

function traced(pages: Iterable<readonly [TracedDirtyPage['pageId'], Lsn]>): TracedDirtyPage[] {
  return [...pages].map(([pageId, recLsn]) => ({ pageId, recLsn }))
}
