/**
 * The transaction table and the dirty page table, wherever they are at the moment: while analysis builds them they
 * are known from its events; then they are in the managers; and redo goes by the dirty page table of analysis to
 * its end, whatever it makes dirty itself.
 */
import type { BufferManager } from '../../../../src/buffer/buffer-manager.ts'
import type { TracedDirtyPage, TracedTransaction, TraceEvent } from '../../../../src/common/trace.ts'
import { isOfRestart, phaseOf, RestartTables } from '../../../../src/inspect/restart-tables.ts'
import { type TransactionTable, tracedTransaction } from '../../../../src/recovery/transaction-table.ts'
import type { EngineState } from './types.ts'

/** What there is to look at once analysis is over. */
interface WithTables {
  readonly buffer: BufferManager
  readonly table: TransactionTable
}

export class TwoTables {
  phase: EngineState['phase']
  readonly #ofAnalysis = new RestartTables()
  #isPastAnalysis: boolean
  #redoPages: readonly TracedDirtyPage[] | undefined

  /** `running` when there was no restart, or it is over; `crashed` before it. */
  constructor(phase: 'running' | 'crashed') {
    this.phase = phase
    this.#isPastAnalysis = phase === 'running'
  }

  take(event: TraceEvent): void {
    if (this.phase === 'running' || !isOfRestart(event)) return
    this.phase = phaseOf(event)
    this.#ofAnalysis.take(event)
    this.#isPastAnalysis = event.kind !== 'analysed' && event.kind !== 'analysis'
    if (event.kind === 'analysis') this.#redoPages = event.dirtyPages
    if (event.kind === 'redo-end') this.#redoPages = undefined
  }

  transactions(engine: WithTables | undefined): TracedTransaction[] {
    const isThere = this.#isPastAnalysis && engine !== undefined
    return isThere ? [...engine.table].map(tracedTransaction) : [...this.#ofAnalysis.transactions.values()]
  }

  dirtyPages(engine: WithTables | undefined): TracedDirtyPage[] {
    if (this.#redoPages !== undefined) return [...this.#redoPages]
    if (!this.#isPastAnalysis || engine === undefined) return [...this.#ofAnalysis.dirtyPages.values()]
    return Array.from(engine.buffer.dirtyPages(), ([pageId, recLsn]) => ({ pageId, recLsn }))
  }
}
