/**
 * Compares what restart did with what a scenario expects.
 *
 * EXACT, when the scenario follows the variant of ARIES that the engine follows: everything, record
 * for record. The one thing the theory leaves open is the place of an END record of a transaction that
 * restart has nothing to undo for (a winner, or a loser whose CLRs were all written before): one that
 * comes elsewhere than the scenario has it is accepted, and told.
 *
 * CORE, for other variants: what no variant may change. The order of undo, which record each CLR
 * compensates and where it leads, who gets an END, what the pages hold, who committed.
 */
import type { LogRecordView } from '../log/log-record.ts'
import { RECORD_TYPE_NAMES, RecordType } from '../log/log-record.ts'
import type { Built } from './build.ts'
import { type Difference, describeDifference, differences } from './difference.ts'
import type { LsnMap, Names, Shown } from './names.ts'
import type { Outcome } from './outcome.ts'
import type { Observation } from './recover.ts'
import type { Expected, Pages, Scenario, TransactionRecord, WholeEpisode } from './scenario.ts'
import { decodeSlotChange } from './slots-resource-manager.ts'

export type Mode = 'exact' | 'core'

/** The variant of ARIES that this engine is: that of the paper and of most textbooks. */
const ENGINE_VARIANT = { abortAtAnalysisEnd: false, endCommittedAtAnalysisEnd: true } as const

/** A rollback without a restart is the same in all variants: they differ at the end of analysis. */
export function modeOf({ kind, variant }: Scenario): Mode {
  const isOurs =
    variant.abortAtAnalysisEnd === ENGINE_VARIANT.abortAtAnalysisEnd &&
    variant.endCommittedAtAnalysisEnd === ENGINE_VARIANT.endCommittedAtAnalysisEnd
  return isOurs || (kind !== 'restart' && kind !== 'restart-analysis') ? 'exact' : 'core'
}

/** A record that the run appended, before its LSNs are translated. */
interface Appended {
  readonly type: string
  readonly txn: string
  readonly undoes: LogRecordView['lsn'] | undefined
  readonly view: LogRecordView
}

/** What a comparison found. */
export interface Compared {
  readonly differences: readonly Difference[]
  readonly note: string | undefined
}

/** Compares one attempt to restart; `path` is its place, such as `episodes[0]`. */
export function compareEpisode(
  scenario: Scenario,
  episode: WholeEpisode,
  path: string,
  built: Built,
  seen: Observation,
  isPartialRedo: boolean,
): Compared {
  const comparison = new EpisodeComparison(scenario, episode, path, built, seen, isPartialRedo)
  if (modeOf(scenario) === 'core') return { differences: comparison.core(), note: comparison.beyondCore() }
  const isAnyOrder = scenario.anyOrderAppended || !scenario.wellFormed
  const strict = comparison.exact((record) => isAnyOrder && record.type === 'end')
  if (strict.length === 0) return { differences: strict, note: undefined }
  const isFree = endsWithoutUndo(episode.expected)
  const free = comparison.exact((record) => record.type === 'end' && (isAnyOrder || isFree(record.txn)))
  return free.length === 0
    ? { differences: free, note: 'END records in another order' }
    : { differences: strict, note: undefined }
}

function endsWithoutUndo(expected: Expected): (txn: string) => boolean {
  const undone = new Set((expected.undo?.appended ?? []).filter(({ type }) => type === 'clr').map(({ txn }) => txn))
  return (txn) => !undone.has(txn)
}

class EpisodeComparison {
  readonly #scenario: Scenario
  readonly #expected: Expected
  readonly #isCrashed: boolean
  readonly #path: string
  readonly #built: Built
  readonly #seen: Observation
  readonly #isPartialRedo: boolean

  constructor(
    scenario: Scenario,
    episode: WholeEpisode,
    path: string,
    built: Built,
    seen: Observation,
    isPartialRedo: boolean,
  ) {
    this.#scenario = scenario
    this.#expected = episode.expected
    this.#isCrashed = episode.crash !== null
    this.#path = path
    this.#built = built
    this.#seen = seen
    this.#isPartialRedo = isPartialRedo
  }

  /** Everything. END records for which `isFree` holds may come in any order. */
  exact(isFree: (record: { type: string; txn: string }) => boolean): Difference[] {
    const { analysis, undo } = this.#expected
    const { names } = this.#built
    const { undoStartLsn } = this.#seen
    const appended = this.#durablyAppended(isFree)
    const atAnalysis = align(
      analysis.appended,
      appended.filter(({ view }) => view.lsn < undoStartLsn),
      isFree,
    )
    const inUndo = align(
      undo?.appended ?? [],
      appended.filter(({ view }) => view.lsn >= undoStartLsn),
      isFree,
    )
    const lsns = this.#built.lsns.copy()
    extend(lsns, analysis.appended, atAnalysis)
    extend(lsns, undo?.appended ?? [], inUndo)
    const shownAppended = (records: readonly (Appended | undefined)[]): unknown[] =>
      records.map((record) => record && showRecord(record, names, lsns))
    return [
      ...this.#analysisTables(),
      ...this.#differ('analysis.appended', analysis.appended.map(expectedRecord), shownAppended(atAnalysis)),
      ...this.#differ('analysis.attAfter', analysis.attAfter ?? analysis.att, this.#att(this.#seen.transactionsAfter)),
      ...this.#redo(),
      ...(undo === undefined ? [] : this.#differ('undo.order', undo.order, this.#undoOrder(appended))),
      ...(undo === undefined
        ? []
        : this.#differ('undo.appended', undo.appended.map(expectedRecord), shownAppended(inUndo))),
      ...this.#finalPages(lsns),
    ]
  }

  /** What no variant may change. */
  core(): Difference[] {
    const { analysis, undo } = this.#expected
    if (undo === undefined) return this.#analysisTables()
    const all = this.#allAppended()
    const expectedEnds = [...analysis.appended, ...undo.appended].filter(({ type }) => type === 'end')
    const ends = all.filter(({ type }) => type === 'end').map(({ txn }) => txn)
    const pairs = undo.appended.flatMap((record) =>
      record.type === 'clr' && record.undoes !== null ? [[record.undoes, record.undoNextLsn]] : [],
    )
    // An interrupted attempt says what had become durable of it: a beginning of what ours goes on to do.
    const cut = <T>(list: T[], length: number): T[] => (this.#isCrashed ? list.slice(0, length) : list)
    const { lsns } = this.#built
    const clrs = all.filter(({ undoes }) => undoes !== undefined)
    const shownPairs = clrs.map(({ undoes, view }) => [lsns.shown(undoes ?? view.lsn), lsns.shown(view.undoNextLsn)])
    const isWanted = new Set(expectedEnds.map(({ txn }) => txn))
    const wantedEnds = this.#isCrashed ? ends.filter((txn) => isWanted.has(txn)) : ends
    return [
      ...this.#differ('undo.order', undo.order, cut(this.#undoOrder(all), undo.order.length)),
      ...this.#differ('undo.(undoes,undoNextLsn)', pairs, cut(shownPairs, pairs.length)),
      ...this.#differ('END records', expectedEnds.map(({ txn }) => txn).sort(byName), wantedEnds.sort(byName)),
      ...this.#finalPages(undefined),
    ]
  }

  /** Analysis of a given log and redo should be the same too; where a variant differs there, it is told. */
  beyondCore(): string {
    const first = [...this.#analysisTables(), ...this.#redo()][0]
    return first === undefined ? 'tables and redo are equal too' : `beyond it, ${describeDifference(first)}`
  }

  #differ(part: string, expected: unknown, actual: unknown): Difference[] {
    return differences(`${this.#path}.${part}`, expected, actual)
  }

  #analysisTables(): Difference[] {
    const { analysis } = this.#expected
    const { lsns } = this.#built
    const { startLsn, transactions, dirtyPages } = this.#seen
    const hasStart = this.#scenario.log.length > 0
    return [
      ...this.#differ('analysis.startLsn', analysis.startLsn, hasStart ? lsns.shown(startLsn) : null),
      ...this.#differ('analysis.att', analysis.att, this.#att(transactions)),
      ...this.#differ('analysis.dpt', analysis.dpt, this.#dpt(dirtyPages)),
    ]
  }

  #att(rows: Observation['transactions']): Record<string, { status: string; lastLsn: Shown }> {
    const { names, lsns } = this.#built
    return Object.fromEntries(
      rows.map(({ txnId, status, lastLsn }) => [
        names.transactions.name(txnId),
        { status, lastLsn: lsns.shown(lastLsn) },
      ]),
    )
  }

  #dpt(rows: Observation['dirtyPages']): Record<string, Shown> {
    const { names, lsns } = this.#built
    return Object.fromEntries(rows.map(({ pageId, recLsn }) => [names.pages.name(pageId), lsns.shown(recLsn)]))
  }

  #redo(): Difference[] {
    const { redo } = this.#expected
    if (redo === undefined) return []
    const { lsns, own } = this.#built
    const decisions = this.#seen.redo
      .filter(({ lsn }) => !own.has(lsn))
      .map(({ lsn, reason }) => ({ lsn: lsns.shown(lsn), reason }))
    const reached = Math.max(...redo.redone, ...redo.skipped.map(({ lsn }) => lsn))
    const made = this.#isPartialRedo
      ? decisions.filter(({ lsn }) => typeof lsn === 'number' && lsn <= reached)
      : decisions
    const redone = made.flatMap(({ lsn, reason }) => (reason === undefined ? [lsn] : []))
    const skipped = made.filter(({ reason }) => reason !== undefined)
    return [
      ...this.#differ('redo.startLsn', redo.startLsn, lsns.shown(this.#seen.redoStartLsn)),
      ...this.#differ('redo.redone', redo.redone, redone),
      ...this.#differ('redo.skipped', redo.skipped, skipped),
      ...(redo.dptAfterRedo === undefined
        ? []
        : this.#differ('redo.dptAfterRedo', redo.dptAfterRedo, this.#dpt(this.#seen.dirtyPagesAfterRedo))),
    ]
  }

  #allAppended(): Appended[] {
    return appendedRecords(this.#seen, this.#built.names)
  }

  /** In an interrupted attempt, only what became durable of it counts. */
  #durablyAppended(isFree: (record: { type: string; txn: string }) => boolean): Appended[] {
    const all = this.#allAppended()
    if (!this.#isCrashed) return all
    const { analysis, undo } = this.#expected
    const expected = [...analysis.appended, ...(undo?.appended ?? [])]
    let left = expected.filter((record) => !isFree(record)).length
    const free = new Set(expected.filter(isFree).map(({ txn }) => txn))
    return all.filter((record) => (isFree(record) ? free.has(record.txn) : left-- > 0))
  }

  #undoOrder(appended: readonly Appended[]): Shown[] {
    return appended.flatMap(({ undoes }) => (undoes === undefined ? [] : [this.#built.lsns.shown(undoes)]))
  }

  /** Without `lsns` only the content counts. */
  #finalPages(lsns: LsnMap | undefined): Difference[] {
    const { finalPages } = this.#expected
    if (finalPages === undefined) return []
    return comparePages(`${this.#path}.finalPages`, finalPages, this.#seen.pages, this.#built.names, lsns)
  }
}

/** Compares the pages that are expected; without `lsns` only their content. */
export function comparePages(
  path: string,
  expected: Pages,
  actual: Observation['pages'],
  names: Names,
  lsns: LsnMap | undefined,
): Difference[] {
  return Object.entries(expected).flatMap(([name, { pageLsn, data }]) => {
    const image = actual.get(names.pages.number(name))
    if (image === undefined) return [{ path: `${path}.${name}`, expected: data, actual: undefined }]
    return [
      ...(lsns === undefined ? [] : differences(`${path}.${name}.pageLsn`, pageLsn, lsns.shown(image.pageLsn))),
      ...differences(`${path}.${name}.data`, data, Object.fromEntries(image.slots)),
    ]
  })
}

/** Compares a rollback without a crash. */
export function compareRollback(
  expected: Extract<Scenario, { kind: 'rollback' }>['rollback'],
  built: Built,
  seen: Observation,
): Difference[] {
  const { names } = built
  const appended = appendedRecords(seen, names)
  const lsns = built.lsns.copy()
  extend(lsns, expected.appended, appended)
  const order = appended.flatMap(({ undoes }) => (undoes === undefined ? [] : [lsns.shown(undoes)]))
  return [
    ...differences('rollback.undoOrder', expected.undoOrder, order),
    ...differences(
      'rollback.appended',
      expected.appended.map(expectedRecord),
      appended.map((record) => showRecord(record, names, lsns)),
    ),
    ...comparePages('rollback.buffer', expected.buffer, seen.pages, names, lsns),
  ]
}

/** Compares who committed and who was rolled back. */
export function compareOutcome(scenario: Scenario, outcome: Outcome, names: Names): Difference[] {
  return (['committed', 'rolledBack'] as const).flatMap((fate) => {
    const shown = outcome[fate].map((id) => names.transactions.name(id)).sort(byName)
    const wanted = scenario[fate]
    return wanted === undefined ? [] : differences(fate, [...wanted].sort(byName), shown)
  })
}

function byName(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function appendedRecords(seen: Observation, names: Names): Appended[] {
  const undone = new Map(seen.undone.map(({ lsn, clrLsn }) => [clrLsn, lsn]))
  return seen.appended.map((view) => ({
    type: RECORD_TYPE_NAMES[view.type] as string,
    txn: names.transactions.name(view.txnId),
    undoes: undone.get(view.lsn),
    view,
  }))
}

/** The actual records in the order of the expected ones; free records find their place by transaction. */
function align(
  expected: readonly TransactionRecord[],
  actual: readonly Appended[],
  isFree: (record: { type: string; txn: string }) => boolean,
): (Appended | undefined)[] {
  const left = [...actual]
  const take = (matches: (record: Appended) => boolean): Appended | undefined => {
    const i = left.findIndex(matches)
    return i < 0 ? undefined : left.splice(i, 1)[0]
  }
  const aligned = expected.map((wanted) =>
    isFree(wanted)
      ? take((record) => record.type === wanted.type && record.txn === wanted.txn)
      : take((record) => !isFree(record)),
  )
  return [...aligned, ...left]
}

/** The i-th appended record is the scenario's i-th: their LSNs correspond. */
function extend(lsns: LsnMap, expected: readonly TransactionRecord[], actual: readonly (Appended | undefined)[]): void {
  for (const [i, { lsn }] of expected.entries()) {
    const record = actual[i]
    if (record !== undefined) lsns.set(lsn, record.view.lsn)
  }
}

function showRecord({ type, txn, undoes, view }: Appended, names: Names, lsns: LsnMap): unknown {
  const common = { lsn: lsns.shown(view.lsn), type, txn, prevLsn: lsns.shown(view.prevLsn) }
  if (view.type !== RecordType.CLR) return common
  const { slot, after } = decodeSlotChange(view)
  const page = names.pages.name(view.pageId)
  const undoNextLsn = lsns.shown(view.undoNextLsn)
  return { ...common, page, slot, after, undoes: undoes === undefined ? null : lsns.shown(undoes), undoNextLsn }
}

/** An expected record with the fields that a run can show. */
function expectedRecord(record: TransactionRecord): unknown {
  const { lsn, type, txn, prevLsn } = record
  if (record.type !== 'clr') return { lsn, type, txn, prevLsn }
  const { page, slot, after, undoes, undoNextLsn } = record
  return { lsn, type, txn, prevLsn, page, slot, after, undoes, undoNextLsn }
}
