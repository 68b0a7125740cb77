/** Following a restart by its events: which pass each belongs to, and the tables while analysis builds them. */
import type { RestartEvent, TracedDirtyPage, TracedTransaction, TraceEvent } from '../common/trace.ts'

export type Phase = 'analysis' | 'redo' | 'undo'

const PHASES: Readonly<Record<RestartEvent['kind'], Phase>> = {
  analysed: 'analysis',
  analysis: 'analysis',
  'winner-ended': 'analysis',
  'redo-start': 'redo',
  redone: 'redo',
  'redo-skipped': 'redo',
  'redo-end': 'redo',
  undone: 'undo',
  'undo-passed': 'undo',
  'rolled-back': 'undo',
  'in-doubt': 'undo',
}

export const phaseOf = ({ kind }: RestartEvent): Phase => PHASES[kind]

/** The other events are those of normal work, behind the restart. */
export const isOfRestart = (event: TraceEvent): event is RestartEvent => event.kind in PHASES

/** The transaction table (ATT) and the dirty page table (DPT) while analysis builds them. */
export class RestartTables {
  readonly transactions = new Map<number, TracedTransaction>()
  readonly dirtyPages = new Map<number, TracedDirtyPage>()

  take(event: RestartEvent): void {
    if (event.kind !== 'analysed') return
    for (const row of event.transactions) this.transactions.set(row.txnId, row)
    for (const row of event.dirtyPages) this.dirtyPages.set(row.pageId, row)
    if (event.ended !== undefined) this.transactions.delete(event.ended)
  }
}
