/**
 * Runs the real managers on a store, and notes what they did: restart as the database does it at
 * open, or the rollback of one transaction in normal processing.
 */
import { BufferManager, FRAMES_MIN } from '../buffer/buffer-manager.ts'
import { DATA_FILE_NAME, DataFile } from '../buffer/data-file.ts'
import { assert } from '../common/assert.ts'
import { asLsn, type Lsn, NULL_LSN, type PageId, type TxnId } from '../common/ids.ts'
import type { SkipReason, Trace, TracedDirtyPage, TracedTransaction, TraceEvent } from '../common/trace.ts'
import { FailStop } from '../io/fail-stop.ts'
import { SimulatedRuntime } from '../io/simulated-runtime.ts'
import { LogManager } from '../log/log-manager.ts'
import { LogReader } from '../log/log-reader.ts'
import type { LogRecordView } from '../log/log-record.ts'
import { ResourceManagers } from '../log/resource-manager.ts'
import { Segments } from '../log/segments.ts'
import { pageLsnOf } from '../page/page.ts'
import { type Analysis, checkLogEnd } from '../recovery/analysis.ts'
import { lowWaterMark } from '../recovery/checkpoint.ts'
import { PageWriter } from '../recovery/page-writer.ts'
import { ENGINE_PASSES, type Passes } from '../recovery/passes.ts'
import { Redo } from '../recovery/redo.ts'
import { restart } from '../recovery/restart.ts'
import { type TransactionEntry, TransactionTable, tracedTransaction } from '../recovery/transaction-table.ts'
import type { Rollback } from '../recovery/undo.ts'
import { readSlots, SlotsResourceManager } from './slots-resource-manager.ts'
import { LOG_START_LSN, type PageImage, pageIdsOf, readLog, type Store } from './store.ts'

/** Why a record was redone or not; the LSNs that were compared are there when it came to them. */
interface RedoDecision {
  readonly lsn: Lsn
  readonly reason: SkipReason | undefined
  readonly recLsn: Lsn | undefined
  readonly pageLsn: Lsn | undefined
}

/** Both tables after one record of the analysis pass. */
export interface AnalysisStep {
  readonly lsn: Lsn
  readonly transactions: readonly TracedTransaction[]
  readonly dirtyPages: readonly TracedDirtyPage[]
}

/** What one run did, in the engine's terms. */
export interface Observation {
  readonly startLsn: Lsn
  /** Where the log ended before. */
  readonly endLsn: Lsn
  /** The tables after each record of analysis that is the log's own; flush markers change none. */
  readonly steps: readonly AnalysisStep[]
  readonly transactions: readonly TracedTransaction[]
  readonly dirtyPages: readonly TracedDirtyPage[]
  readonly lowWaterLsn: Lsn
  /** When redo began. */
  readonly transactionsAfter: readonly TracedTransaction[]
  readonly redoStartLsn: Lsn
  readonly redo: readonly RedoDecision[]
  readonly dirtyPagesAfterRedo: readonly TracedDirtyPage[]
  readonly undone: readonly { readonly lsn: Lsn; readonly clrLsn: Lsn }[]
  readonly appended: readonly LogRecordView[]
  /** Records appended below this LSN were appended at the end of analysis. */
  readonly undoStartLsn: Lsn
  readonly pages: ReadonlyMap<PageId, PageImage>
  /** Transactions left in the table, and pages left pinned. */
  readonly left: { readonly transactions: number; readonly pins: number }
}

/** The managers of one open store. */
interface Engine {
  readonly analysis: Analysis
  readonly steps: readonly AnalysisStep[]
  readonly reader: LogReader
  readonly log: LogManager
  readonly buffer: BufferManager
  readonly managers: ResourceManagers<TransactionEntry>
  readonly table: TransactionTable
  readonly rollback: Rollback
}

function openEngine(store: Store, passes: Passes, watch: Trace): Engine {
  const { fileSystem, identity } = store
  const segments = new Segments(fileSystem, identity)
  const reader = new LogReader(segments, identity)
  const steps = new AnalysisSteps()
  const analysis = passes.analyse(reader, store.startLsn, undefined, both(steps.take, watch))
  checkLogEnd(reader, analysis.endLsn, store.masterEndLsn, identity.segmentBytes)
  const failStop = new FailStop()
  const runtime = new SimulatedRuntime()
  const log = new LogManager(segments, identity, runtime, failStop, analysis.endLsn)
  const dataFile = new DataFile(fileSystem.open(DATA_FILE_NAME, 'write'), identity)
  // Room for every page, so that the data file stays as the crash left it.
  const poolBytes = (store.lastPageId + FRAMES_MIN) * identity.pageSize
  const buffer = new BufferManager({ identity, poolBytes, log, dataFile, doubleWrite: undefined, failStop, runtime })
  const managers = new ResourceManagers<TransactionEntry>()
  managers.register(new SlotsResourceManager(buffer))
  const table = new TransactionTable()
  const writer = new PageWriter(log, buffer, managers, table)
  return {
    analysis,
    steps: steps.all,
    reader,
    log,
    buffer,
    managers,
    table,
    rollback: new passes.Rollback(writer, managers, table),
  }
}

/** Follows the tables through the analysis pass, whose events tell what each record changes in them. */
export class AnalysisSteps {
  readonly all: AnalysisStep[] = []
  readonly #transactions = new Map<TxnId, TracedTransaction>()
  readonly #dirtyPages = new Map<PageId, TracedDirtyPage>()

  readonly take = (event: TraceEvent): void => {
    if (event.kind !== 'analysed' || event.type === 'flush-marker') return
    for (const row of event.transactions) this.#transactions.set(row.txnId, row)
    for (const row of event.dirtyPages) this.#dirtyPages.set(row.pageId, row)
    if (event.ended !== undefined) this.#transactions.delete(event.ended)
    const [transactions, dirtyPages] = [[...this.#transactions.values()], [...this.#dirtyPages.values()]]
    this.all.push({ lsn: event.lsn, transactions, dirtyPages })
  }
}

/** Two who listen. */
function both(first: NonNullable<Trace>, second: Trace): NonNullable<Trace> {
  if (second === undefined) return first
  return (event) => {
    first(event)
    second(event)
  }
}

/**
 * Restarts the store: analysis, redo, undo. The log is durable afterwards; the data file is as it was. `watch`
 * hears of every step.
 * @throws what restart throws
 */
export function recover(store: Store, passes: Passes = ENGINE_PASSES, watch?: Trace): Observation {
  const engine = openEngine(store, passes, watch)
  const notes = new Notes(engine)
  const trace = both(notes.take, watch)
  const context = { ...engine, runtime: new SimulatedRuntime(), trace, onProgress: undefined }
  restart(context, engine.analysis, passes)
  return notes.finish(store)
}

/** How far a transaction rolls back. */
export interface RollbackPlan {
  /** Records above it are undone; 0 = all. */
  readonly toLsn: Lsn
  /** Whether the transaction ends with it. */
  readonly isAbort: boolean
  /** Whether ABORT is still to be written. */
  readonly writesAbort: boolean
}

/**
 * Brings the store to the state of normal processing at the end of its log, then rolls `txnId` back, of which
 * `watch` hears.
 */
export function rollBack(
  store: Store,
  txnId: TxnId,
  plan: RollbackPlan,
  passes: Passes = ENGINE_PASSES,
  watch?: Trace,
): Observation {
  const engine = openEngine(store, passes, undefined)
  const { analysis, rollback, table } = engine
  const notes = new Notes(engine)
  // Nothing was ever written to the pages of the store, whatever a checkpoint in the log says.
  const allPages = new Map(pageIdsOf(store).map((pageId) => [pageId, LOG_START_LSN]))
  new Redo(engine.buffer, engine.managers, allPages, undefined).run(engine.reader, analysis.endLsn)
  for (const entry of analysis.transactions.values()) table.add(entry)
  const entry = table.get(txnId)
  assert(entry !== undefined, 'the transaction to roll back is active')
  rollback.tracer = { listener: both(notes.take, watch) }
  if (plan.writesAbort) rollback.begin(entry)
  rollback.rollback(entry, plan.toLsn)
  if (plan.isAbort) rollback.end(entry)
  return notes.finish(store)
}

/** Collects the trace of one run. */
class Notes {
  readonly #engine: Engine
  readonly #redo: RedoDecision[] = []
  readonly #undone: { lsn: Lsn; clrLsn: Lsn }[] = []
  #analysis: Extract<TraceEvent, { kind: 'analysis' }> | undefined
  #transactionsAfter: TracedTransaction[] = []
  #lowWaterLsn = NULL_LSN
  #redoStartLsn = NULL_LSN
  #undoStartLsn = NULL_LSN
  #dirtyPagesAfterRedo: readonly TracedDirtyPage[] = []
  readonly take: NonNullable<Trace> = (event) => this.#take(event)

  constructor(engine: Engine) {
    this.#engine = engine
  }

  #take(event: TraceEvent): void {
    switch (event.kind) {
      case 'analysis':
        this.#analysis = event
        this.#lowWaterLsn = lowWaterLsnOf(this.#engine.analysis)
        break
      case 'redo-start':
        this.#redoStartLsn = event.lsn
        this.#undoStartLsn = this.#engine.log.nextLsn
        this.#transactionsAfter = rowsOf(this.#engine.table)
        break
      case 'redone':
        this.#redo.push({ lsn: event.lsn, reason: undefined, recLsn: undefined, pageLsn: event.pageLsn })
        break
      case 'redo-skipped':
        this.#redo.push(event)
        break
      case 'redo-end':
        this.#dirtyPagesAfterRedo = event.dirtyPages
        break
      case 'undone':
        this.#undone.push({ lsn: event.lsn, clrLsn: event.clrLsn })
        break
      case 'rolled-back':
        break
    }
  }

  /** Reads what the run left behind, makes the log durable and closes the store. */
  finish(store: Store): Observation {
    const { analysis, steps, log, buffer, table } = this.#engine
    const pages = readPages(buffer, store)
    if (log.nextLsn > log.flushedLsn) log.flushTo(asLsn(log.nextLsn - 1))
    const left = { transactions: table.size, pins: buffer.pinnedCount }
    log.close()
    buffer.close()
    return {
      startLsn: analysis.startLsn,
      endLsn: analysis.endLsn,
      steps,
      transactions: this.#analysis?.transactions ?? [],
      dirtyPages: this.#analysis?.dirtyPages ?? [],
      lowWaterLsn: this.#lowWaterLsn,
      transactionsAfter: this.#transactionsAfter,
      redoStartLsn: this.#redoStartLsn,
      redo: this.#redo,
      dirtyPagesAfterRedo: this.#dirtyPagesAfterRedo,
      undone: this.#undone,
      appended: readLog(store, analysis.endLsn),
      undoStartLsn: this.#undoStartLsn,
      pages,
      left,
    }
  }
}

/** What a checkpoint at the start of this analysis would have kept of the log. */
function lowWaterLsnOf({ startLsn, dirtyPages, transactions }: Analysis): Lsn {
  const firstLsns = [...transactions.values()].map((entry) => entry.firstLsn)
  return lowWaterMark(startLsn, dirtyPages.values(), firstLsns).lsn
}

function rowsOf(table: TransactionTable): TracedTransaction[] {
  return [...table].map(tracedTransaction)
}

function readPages(buffer: BufferManager, store: Store): Map<PageId, PageImage> {
  const pages = new Map<PageId, PageImage>()
  for (const pageId of pageIdsOf(store)) {
    const page = buffer.fix(pageId)
    pages.set(pageId, { pageLsn: pageLsnOf(buffer.view, page), slots: readSlots(buffer.bytes, buffer.view, page) })
    buffer.unfix(page)
  }
  return pages
}
