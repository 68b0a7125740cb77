/**
 * The state of the engine while it works on an exercise, in the exercise's own terms: its names of transactions and
 * pages, its LSNs, its log. The log and the pages on disk are those that the exercise gives; the tables, the pool
 * and what is appended are read from the engine's managers.
 */
import type { AriesError } from '../../../../src/common/errors.ts'
import { asLsn, asPageId, asTxnId } from '../../../../src/common/ids.ts'
import type { TraceEvent } from '../../../../src/common/trace.ts'
import { type LogRecordView, RECORD_TYPE_NAMES, RecordType } from '../../../../src/log/log-record.ts'
import { pageLsnOf } from '../../../../src/page/page.ts'
import type { Built } from '../../../../src/scenario/build.ts'
import { numberAppended } from '../../../../src/scenario/complete.ts'
import type { LsnMap, Shown } from '../../../../src/scenario/names.ts'
import { compensationText, recordContent } from '../../../../src/scenario/record-words.ts'
import type { Observation } from '../../../../src/scenario/recover.ts'
import type { Pages, Scenario, ScenarioRecord, TransactionRecord } from '../../../../src/scenario/scenario.ts'
import { decodeSlotChange, readSlots } from '../../../../src/scenario/slots-resource-manager.ts'
import type { LookedAt } from './engine-view.ts'
import { TwoTables } from './two-tables.ts'
import type { EngineState, LogRow, Lsn, PageView } from './types.ts'
import { namedSentence, type Spoken } from './words.ts'

/** What is known of a run before it is looked at step by step. */
export interface Run {
  readonly scenario: Scenario
  /** Durable when the run begins. */
  readonly log: readonly ScenarioRecord[]
  readonly disk: Pages
  readonly built: Built
  /** The same run, made before; what it does is the same again. Undefined when it cannot be made. */
  readonly seen: Observation | undefined
  /** What the exercise expects to be appended: its LSNs. */
  readonly listed: readonly TransactionRecord[]
}

export class ScenarioState {
  readonly spoken: Spoken
  readonly #run: Run
  readonly #lsns: LsnMap
  readonly #logRows: readonly LogRow[]
  readonly #disk: readonly PageView[]
  readonly #tables: TwoTables
  #engine: LookedAt | undefined

  constructor(run: Run, phase: 'running' | 'crashed') {
    this.#run = run
    this.#tables = new TwoTables(phase)
    const { names, lsns } = run.built
    this.#lsns = lsns.copy()
    if (run.seen !== undefined) numberAppended(this.#lsns, run.listed, run.log, run.seen)
    this.#logRows = run.log.map((record) => this.#givenRow(record))
    this.#disk = this.#diskViews()
    this.spoken = {
      transaction: (txnId) => names.transactions.name(asTxnId(txnId)),
      page: (pageId) => names.pages.name(asPageId(pageId)),
      table: String,
      lsn: (lsn) => String(this.lsnOf(lsn) ?? lsn),
    }
  }

  assembled(engine: LookedAt): void {
    this.#engine = engine
  }

  take(event: TraceEvent): void {
    this.#tables.take(event)
  }

  /** Whether the exercise has no word for it: a record that only the engine needs. */
  isOwn(lsn: Lsn): boolean {
    return this.#run.built.own.has(asLsn(lsn))
  }

  /** Where the engine's log ends no record of the exercise begins: there the last one counts. */
  inTerms(event: TraceEvent): TraceEvent {
    const last = this.#run.log.at(-1)
    if (event.kind !== 'analysis' || last === undefined) return event
    return { ...event, endLsn: this.#lsns.engineLsn(last.lsn) }
  }

  /** Why the engine refuses to go on. For the end of its log the last record counts, as above. */
  refusal({ message, details }: AriesError): string {
    const last = this.#run.log.at(-1)
    const lsnText = (lsn: number): string =>
      lsn === details.endLsn && last !== undefined ? String(last.lsn) : this.spoken.lsn(lsn)
    return `${namedSentence(message, { ...this.spoken, lsn: lsnText })}.`
  }

  /** The LSN of the exercise for one of the engine. */
  lsnOf(lsn: number): Lsn | undefined {
    return symbolOf(this.#lsns.shown(asLsn(lsn)))
  }

  /** As it is now; `phase` is said by who knows better. */
  state(phase?: EngineState['phase']): EngineState {
    const flushedLsn = (this.#run.log.at(-1)?.lsn ?? -1) + 1
    return {
      phase: phase ?? this.#tables.phase,
      log: [...this.#logRows, ...this.#appendedRows()],
      flushedLsn,
      masterLsn: this.#run.scenario.masterLsn ?? undefined,
      transactions: this.#tables.transactions(this.#engine).map(({ txnId, status, lastLsn, undoNextLsn }) => ({
        txnId,
        name: this.spoken.transaction(txnId),
        status,
        lastLsn: this.lsnOf(lastLsn),
        undoNextLsn: this.lsnOf(undoNextLsn),
      })),
      dirtyPages: this.#tables.dirtyPages(this.#engine).map(({ pageId, recLsn }) => ({
        pageId,
        page: this.spoken.page(pageId),
        recLsn: this.lsnOf(recLsn) ?? recLsn,
      })),
      pool: this.#poolViews(),
      disk: this.#disk,
      trees: [],
      locks: [],
      open: [],
    }
  }

  #givenRow(record: ScenarioRecord): LogRow {
    const { names } = this.#run.built
    const txn = 'txn' in record ? record.txn : undefined
    const page = 'page' in record && record.page !== null ? record.page : undefined
    const isClr = record.type === 'clr'
    return {
      lsn: record.lsn,
      type: record.type.replace('_', '-'),
      txnId: txn === undefined ? undefined : names.transactions.number(txn),
      txn,
      pageId: page === undefined ? undefined : names.pages.number(page),
      page,
      prevLsn: ('prevLsn' in record ? record.prevLsn : null) ?? undefined,
      undoNextLsn: isClr ? (record.undoNextLsn ?? undefined) : undefined,
      undoes: isClr ? (record.undoes ?? undefined) : undefined,
      text: isClr ? compensationText(record.slot, record.after, record.undoes) : recordContent(record),
      isFlushed: true,
    }
  }

  /** What the engine has appended so far. */
  #appendedRows(): LogRow[] {
    const { seen } = this.#run
    const end = this.#engine?.log.nextLsn ?? 0
    return (seen?.appended ?? []).filter(({ lsn }) => lsn < end).map((record) => this.#appendedRow(record, seen))
  }

  #appendedRow(record: LogRecordView, seen: Observation | undefined): LogRow {
    const isClr = record.type === RecordType.CLR
    const change = isClr ? decodeSlotChange(record) : undefined
    const undone = seen?.undone.find(({ clrLsn }) => clrLsn === record.lsn)
    const [undoes, undoNextLsn] = [undone && this.lsnOf(undone.lsn), this.lsnOf(record.undoNextLsn)]
    return {
      lsn: this.lsnOf(record.lsn) ?? record.lsn,
      type: RECORD_TYPE_NAMES[record.type] as string,
      txnId: record.txnId,
      txn: this.spoken.transaction(record.txnId),
      pageId: isClr ? record.pageId : undefined,
      page: isClr ? this.spoken.page(record.pageId) : undefined,
      prevLsn: this.lsnOf(record.prevLsn),
      undoNextLsn: isClr ? undoNextLsn : undefined,
      undoes,
      text: change === undefined ? '' : compensationText(change.slot, change.after, undoes),
      isFlushed: false,
    }
  }

  #poolViews(): PageView[] {
    const buffer = this.#engine?.buffer
    if (buffer === undefined) return []
    const dirty = new Set(Array.from(buffer.dirtyPages(), ([pageId]) => pageId))
    return [...buffer.residentPages()]
      .sort(([a], [b]) => a - b)
      .map(([pageId, page]) => ({
        pageId,
        page: this.spoken.page(pageId),
        label: '',
        pageLsn: this.lsnOf(pageLsnOf(buffer.view, page)),
        rows: [...readSlots(buffer.bytes, buffer.view, page)].map(([key, value]) => ({ key, value })),
        isDirty: dirty.has(pageId),
      }))
  }

  /** Pages that the exercise does not put on disk have the content from before the log. */
  #diskViews(): PageView[] {
    const { scenario, disk, built } = this.#run
    return built.names.pages.all.map((page) => {
      const { pageLsn, data } = disk[page] ?? { pageLsn: null, data: scenario.initial[page] ?? {} }
      return {
        pageId: built.names.pages.number(page),
        page,
        label: '',
        pageLsn: pageLsn ?? undefined,
        rows: Object.entries(data).map(([key, value]) => ({ key, value })),
      }
    })
  }
}

const symbolOf = (shown: Shown): Lsn | undefined => (typeof shown === 'number' ? shown : undefined)
