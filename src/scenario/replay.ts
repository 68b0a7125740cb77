/**
 * Replays golden scenarios on the real managers: builds the log and the pages that a scenario
 * describes, restarts, and compares with the known answer.
 */
import { AriesError } from '../common/errors.ts'
import { asLsn, NULL_LSN } from '../common/ids.ts'
import type { Trace } from '../common/trace.ts'
import { type LowWaterHolder, lowWaterMark } from '../recovery/checkpoint.ts'
import { ENGINE_PASSES, type Passes } from '../recovery/passes.ts'
import { type Built, buildDatabase } from './build.ts'
import { compareEpisode, compareOutcome, comparePages, compareRollback, type Mode, modeOf } from './compare.ts'
import { completeEpisode, logAfter } from './complete.ts'
import { type Difference, describeDifference, differences } from './difference.ts'
import { outcomeOf } from './outcome.ts'
import { type Observation, type RollbackPlan, recover, rollBack } from './recover.ts'
import { checkResilience } from './resilience.ts'
import type {
  InvalidScenario,
  Pages,
  RestartScenario,
  RollbackScenario,
  Scenario,
  ScenarioRecord,
  TruncationCase,
  TruncationScenario,
  WholeEpisode,
} from './scenario.ts'
import { LOG_START_LSN, readLog } from './store.ts'

export interface ScenarioResult {
  readonly id: string
  readonly title: string
  readonly mode: Mode
  readonly verdict: 'equal' | 'differs' | 'not-applicable'
  /** In the order of the scenario; empty unless the verdict is `differs`. */
  readonly differences: readonly Difference[]
  /** What else there is to say, such as why a scenario does not apply. */
  readonly note: string | undefined
}

/** Why scenarios of the one variant that cannot be replayed are passed over. */
const HAS_ALLOC_RECORDS =
  'it logs the freeing of a page as a record of its own kind; this engine logs it as an ordinary update of a space-map page'

/** Replays one scenario. Whatever goes wrong is in the result; nothing is thrown. */
export function replay(scenario: Scenario): ScenarioResult {
  const { id, title } = scenario
  const mode = modeOf(scenario)
  if (scenario.variant.allocRecords) {
    return { id, title, mode, verdict: 'not-applicable', differences: [], note: HAS_ALLOC_RECORDS }
  }
  const notes = new Set<string>()
  const found = replayKind(scenario, notes)
  const note = notes.size === 0 ? undefined : [...notes].join('; ')
  return { id, title, mode, verdict: found.length === 0 ? 'equal' : 'differs', differences: found, note }
}

/** One line for people: the verdict, and the first difference. */
export function describeResult(result: ScenarioResult): string {
  return `${verdictText(result)}   ${result.title}`.trimEnd()
}

function verdictText({ id, mode, verdict, differences: found, note }: ScenarioResult): string {
  const label = id.padEnd(4)
  if (verdict === 'not-applicable') return `${label} not applicable: ${note}`
  if (verdict === 'equal') return `${label} equal (${mode}${note === undefined ? '' : `; ${note}`})`
  const more = found.length > 1 ? ` (and ${found.length - 1} more)` : ''
  const first = found[0] === undefined ? '' : describeDifference(found[0])
  return `${label} DIFFERS at ${first}${more}`
}

function replayKind(scenario: Scenario, notes: Set<string>): Difference[] {
  switch (scenario.kind) {
    case 'rollback':
      return orError('rollback', () => replayRollback(scenario))
    case 'invalid':
      return replayInvalid(scenario)
    case 'truncation':
      return replayTruncation(scenario)
    default:
      return replayRestarts(scenario, notes)
  }
}

function orError(path: string, run: () => Difference[]): Difference[] {
  try {
    return run()
  } catch (error) {
    return [{ path, expected: 'to end without an error', actual: String(error) }]
  }
}

function replayRestarts(scenario: RestartScenario, notes: Set<string>): Difference[] {
  const found: Difference[] = []
  if (asksNothing(scenario)) notes.add('no answers are given')
  let log: readonly ScenarioRecord[] | undefined = scenario.log
  for (const [i, given] of scenario.episodes.entries()) {
    const before = log
    // What follows an attempt whose answers nobody knows has no log to start from.
    if (before === undefined) break
    log = undefined
    const differing = orError(`episodes[${i}]`, () => {
      const episode = completeEpisode(scenario, given, before)
      log = logAfter(episode, before)
      return replayEpisode(scenario, episode, i, before, notes)
    })
    found.push(...differing)
  }
  return found
}

function asksNothing({ episodes, committed, rolledBack }: RestartScenario): boolean {
  const answers = episodes.flatMap(({ expected: { analysis, redo, undo, finalPages } }) => {
    return [...[analysis, redo, undo].flatMap((pass) => Object.values(pass)), finalPages]
  })
  return [...answers, committed, rolledBack].every((answer) => answer === undefined)
}

function replayEpisode(
  scenario: RestartScenario,
  episode: WholeEpisode,
  index: number,
  log: readonly ScenarioRecord[],
  notes: Set<string>,
): Difference[] {
  const path = `episodes[${index}]`
  const built = buildDatabase(scenario, log, episode.disk)
  const seen = recover(built.store)
  const isPartialRedo = scenario.partialRedoEpisode0 && index === 0
  const compared = compareEpisode(scenario, episode, path, built, seen, isPartialRedo)
  if (compared.note !== undefined) notes.add(compared.note)
  const found = [...compared.differences]
  if (index === 0 && scenario.lowWaterLsn !== undefined) {
    found.push(...differences('lowWaterLsn', scenario.lowWaterLsn, built.lsns.shown(seen.lowWaterLsn)))
  }
  const lastPages = scenario.episodes.at(-1)?.expected.finalPages
  if (episode.crash !== null && lastPages !== undefined) {
    // An attempt that is not interrupted would have come to the same end.
    found.push(...comparePages(`${path} run to its end.finalPages`, lastPages, seen.pages, built.names, undefined))
  }
  const outcome = outcomeOf(readLog(built.store, LOG_START_LSN))
  if (episode.crash === null) found.push(...compareOutcome(scenario, outcome, built.names))
  if (scenario.kind === 'restart') found.push(...checkResilience(built, seen, path))
  return found
}

/** Pages as they were before the first record of the log. */
export function initialPages(scenario: Scenario): Pages {
  return Object.fromEntries(Object.entries(scenario.initial).map(([name, data]) => [name, { pageLsn: null, data }]))
}

function replayRollback(scenario: RollbackScenario): Difference[] {
  const { built, seen } = runRollback(scenario)
  const found = compareRollback(scenario.rollback, built, seen)
  const outcome = outcomeOf(readLog(built.store, LOG_START_LSN))
  return [...found, ...compareOutcome(scenario, outcome, built.names)]
}

/** Rolls the scenario's transaction back. @throws what the rollback throws */
export function runRollback(
  scenario: RollbackScenario,
  passes: Passes = ENGINE_PASSES,
  watch?: Trace,
): { readonly built: Built; readonly seen: Observation } {
  const built = buildDatabase({ ...scenario, masterLsn: null }, scenario.log, initialPages(scenario))
  const txnId = built.names.transactions.number(scenario.rollback.txn)
  return { built, seen: rollBack(built.store, txnId, rollbackPlanOf(scenario, built), passes, watch) }
}

/** How far the scenario's transaction rolls back, in the engine's terms. */
function rollbackPlanOf({ rollback, log }: RollbackScenario, { lsns }: Built): RollbackPlan {
  const isExpected = (type: string): boolean => rollback.appended.some((record) => record.type === type)
  const hasAbort = log.some((record) => record.type === 'abort' && record.txn === rollback.txn)
  // A rollback to a savepoint writes CLRs alone; the end of an abort writes END, its start ABORT.
  const isAbort = isExpected('end') || isExpected('abort') || (hasAbort && rollback.toLsn === null)
  return { toLsn: lsns.engineLsn(rollback.toLsn), isAbort, writesAbort: isExpected('abort') }
}

function replayInvalid(scenario: InvalidScenario): Difference[] {
  let actual = 'no error'
  try {
    actual = refusalOf(scenario)?.code ?? actual
  } catch (error) {
    actual = String(error)
  }
  return differences('invalid.expectedError', scenario.invalid.expectedError, actual)
}

/** Why restart refuses the state; undefined when it does not. @throws what is no refusal */
export function refusalOf(scenario: InvalidScenario): AriesError | undefined {
  try {
    recover(buildDatabase(scenario, scenario.log, scenario.invalid.disk).store)
    return undefined
  } catch (error) {
    if (AriesError.is(error)) return error
    throw error
  }
}

function replayTruncation(scenario: TruncationScenario): Difference[] {
  return scenario.truncation.cases.flatMap((wanted, i) =>
    differences(`truncation.cases[${i}].lowWaterLsn`, wanted.lowWaterLsn, lowWaterOf(wanted)),
  )
}

/** Here LSNs have no log behind them; they are shifted, because 0 is an LSN for a scenario only. */
export function lowWaterMarkOf({ checkpointBegin, dpt, att }: TruncationCase): {
  readonly lsn: number
  readonly holder: LowWaterHolder
} {
  const shifted = (lsn: number | null) => (lsn === null ? NULL_LSN : asLsn(lsn + 1))
  const recLsns = Object.values(dpt).map(shifted)
  const firstLsns = Object.values(att).map(({ firstLsn }) => shifted(firstLsn))
  const { lsn, holder } = lowWaterMark(shifted(checkpointBegin), recLsns, firstLsns)
  return { lsn: lsn - 1, holder }
}

/** The LSN of it alone. */
export const lowWaterOf = (given: TruncationCase): number => lowWaterMarkOf(given).lsn
