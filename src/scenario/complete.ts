/**
 * Answers that a scenario does not give are filled in from a run, so that everything behind this
 * knows whole answers only: what was not asked compares equal, and the attempt after a crash starts
 * from the log that this one really left.
 */
import { type LogRecordView, RECORD_TYPE_NAMES, RecordType } from '../log/log-record.ts'
import { type Built, buildDatabase } from './build.ts'
import type { LsnMap, Shown } from './names.ts'
import { type Observation, recover } from './recover.ts'
import type {
  Answers,
  Att,
  Dpt,
  Episode,
  Expected,
  RestartScenario,
  ScenarioRecord,
  Symbolic,
  TransactionRecord,
  WholeEpisode,
} from './scenario.ts'
import { decodeSlotChange } from './slots-resource-manager.ts'

/** The log when the attempt after this one begins. Of an attempt that is cut off, the answers list what became durable. */
export function logAfter({ expected }: WholeEpisode, log: readonly ScenarioRecord[]): readonly ScenarioRecord[] {
  return [...log, ...expected.analysis.appended, ...(expected.undo?.appended ?? [])]
}

/**
 * The attempt with all answers; `log` is durable when it begins.
 * @throws what restart throws, when it must run to know
 */
export function completeEpisode(
  scenario: RestartScenario,
  episode: Episode,
  log: readonly ScenarioRecord[],
): WholeEpisode {
  const { expected } = episode
  const onlyAnalysis = scenario.kind === 'restart-analysis'
  const redo = onlyAnalysis && isUnasked(expected.redo) ? undefined : expected.redo
  const undo = onlyAnalysis && isUnasked(expected.undo) ? undefined : expected.undo
  const asked = { ...expected, redo, undo }
  return { ...episode, expected: isWhole(asked) ? (asked as Expected) : new Run(scenario, episode, log).fillIn(asked) }
}

/** Answers of which whole passes may be left out, because the scenario ends before them. */
type Wanted = Omit<Answers, 'redo' | 'undo'> & {
  readonly redo: Answers['redo'] | undefined
  readonly undo: Answers['undo'] | undefined
}

const isUnasked = (pass: object): boolean => Object.values(pass).every((answer) => answer === undefined)

function isWhole({ analysis, redo, undo }: Wanted): boolean {
  const passes = [analysis, redo ?? {}, undo ?? {}]
  // The dirty page table after redo is extra: no scenario need give it.
  const answers = passes.flatMap((pass) => Object.entries(pass).filter(([name]) => name !== 'dptAfterRedo'))
  return answers.every(([, answer]) => answer !== undefined)
}

/** What restart does with the state that the attempt starts from, in the scenario's terms. */
class Run {
  readonly #episode: Episode
  readonly #log: readonly ScenarioRecord[]
  readonly #built: Built
  readonly #seen: Observation
  readonly #lsns: LsnMap

  constructor(scenario: RestartScenario, episode: Episode, log: readonly ScenarioRecord[]) {
    this.#episode = episode
    this.#log = log
    this.#built = buildDatabase(scenario, log, episode.disk)
    this.#seen = recover(this.#built.store)
    this.#lsns = this.#built.lsns.copy()
  }

  fillIn({ analysis, redo, undo, finalPages }: Wanted): Expected {
    const listed = [...(analysis.appended ?? []), ...(undo?.appended ?? [])]
    numberAppended(this.#lsns, listed, this.#log, this.#seen)
    // Who lists what one pass writes has left nothing out by not listing another.
    const isListed = analysis.appended !== undefined || undo?.appended !== undefined
    const seen = this.#seen
    const { own } = this.#built
    const decisions = seen.redo.filter(({ lsn }) => !own.has(lsn))
    return {
      analysis: {
        startLsn: orElse(analysis.startLsn, () => (this.#log.length === 0 ? null : this.#symbol(seen.startLsn))),
        att: orElse(analysis.att, () => this.#att(seen.transactions)),
        dpt: orElse(analysis.dpt, () => this.#dpt(seen.dirtyPages)),
        appended: analysis.appended ?? (isListed ? [] : this.#appended((lsn) => lsn < seen.undoStartLsn)),
        attAfter: orElse(analysis.attAfter, () => this.#att(seen.transactionsAfter)),
      },
      redo: redo && {
        startLsn: orElse(redo.startLsn, () => this.#symbol(seen.redoStartLsn)),
        redone:
          redo.redone ?? decisions.flatMap(({ lsn, reason }) => (reason === undefined ? [this.#symbolOf(lsn)] : [])),
        skipped:
          redo.skipped ??
          decisions.flatMap(({ lsn, reason }) => (reason === undefined ? [] : [{ lsn: this.#symbolOf(lsn), reason }])),
        dptAfterRedo: redo.dptAfterRedo,
      },
      undo: undo && {
        order: undo.order ?? this.#order(),
        appended: undo.appended ?? (isListed ? [] : this.#appended((lsn) => lsn >= seen.undoStartLsn)),
      },
      finalPages,
    }
  }

  #symbol(lsn: LogRecordView['lsn']): Symbolic | null {
    return asSymbol(this.#lsns.shown(lsn))
  }

  #symbolOf(lsn: LogRecordView['lsn']): Symbolic {
    return this.#symbol(lsn) ?? 0
  }

  #att(rows: Observation['transactions']): Att {
    const { names } = this.#built
    return Object.fromEntries(
      rows.map(({ txnId, status, lastLsn }) => [
        names.transactions.name(txnId),
        { status: status as Att[string]['status'], lastLsn: this.#symbol(lastLsn) },
      ]),
    )
  }

  #dpt(rows: Observation['dirtyPages']): Dpt {
    const { names } = this.#built
    return Object.fromEntries(rows.map(({ pageId, recLsn }) => [names.pages.name(pageId), this.#symbolOf(recLsn)]))
  }

  #isDurable(lsn: LogRecordView['lsn']): boolean {
    const { crash } = this.#episode
    return crash === null || this.#symbolOf(lsn) <= crash.durableThroughLsn
  }

  #order(): Symbolic[] {
    const durable = this.#seen.undone.filter(({ clrLsn }) => this.#isDurable(clrLsn))
    return durable.map(({ lsn }) => this.#symbolOf(lsn))
  }

  #appended(isOfPass: (lsn: LogRecordView['lsn']) => boolean): TransactionRecord[] {
    const records = this.#seen.appended.filter(({ lsn }) => isOfPass(lsn) && this.#isDurable(lsn))
    return records.map((record) => this.#record(record))
  }

  #record(view: LogRecordView): TransactionRecord {
    const { names } = this.#built
    const common = {
      lsn: this.#symbolOf(view.lsn),
      txn: names.transactions.name(view.txnId),
      prevLsn: this.#symbol(view.prevLsn),
    }
    if (view.type !== RecordType.CLR) {
      return { ...common, type: RECORD_TYPE_NAMES[view.type] as 'end' }
    }
    const { slot, after } = decodeSlotChange(view)
    const undone = this.#seen.undone.find(({ clrLsn }) => clrLsn === view.lsn)
    return {
      ...common,
      type: 'clr',
      page: names.pages.name(view.pageId),
      slot,
      after,
      undoes: undone === undefined ? null : this.#symbol(undone.lsn),
      undoNextLsn: this.#symbol(view.undoNextLsn),
    }
  }
}

function orElse<T>(given: T | undefined, otherwise: () => T): T {
  return given === undefined ? otherwise() : given
}

/** LSNs of records that only the engine has do not occur in what a scenario can ask. */
function asSymbol(shown: Shown): Symbolic | null {
  return typeof shown === 'string' ? null : shown
}

/** Records that restart writes have the LSNs of the scenario's where it lists them; others go on in its steps. */
export function numberAppended(
  lsns: LsnMap,
  listed: readonly TransactionRecord[],
  log: readonly ScenarioRecord[],
  seen: Observation,
): void {
  const step = stepOf(log.map(({ lsn }) => lsn))
  let last = log.at(-1)?.lsn ?? 0
  for (const [i, record] of seen.appended.entries()) {
    const wanted = listed[i]
    last = wanted !== undefined && wanted.lsn > last ? wanted.lsn : last + step
    lsns.set(last, record.lsn)
  }
}

/** By how much the LSNs of a log usually rise. */
function stepOf(lsns: readonly number[]): number {
  const steps = lsns.slice(1).map((lsn, i) => lsn - (lsns[i] as number))
  return steps.length === 0 ? 10 : Math.max(1, Math.min(...steps))
}
