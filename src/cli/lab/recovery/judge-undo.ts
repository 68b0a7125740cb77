/**
 * Judges undo: the CLRs that it writes, where each leads, who gets an END, the pages; then power cuts after each
 * record that it wrote, with another restart after them. Analysis and redo are the engine's.
 */
import { RECORD_TYPE_NAMES, RecordType } from '../../../log/log-record.ts'
import { ENGINE_PASSES, type Passes } from '../../../recovery/passes.ts'
import { buildDatabase } from '../../../scenario/build.ts'
import { describeDifference } from '../../../scenario/difference.ts'
import type { LsnMap, Names, Shown } from '../../../scenario/names.ts'
import { type ObservedRecord, type ObservedRestart, observeEpisode } from '../../../scenario/observe.ts'
import { type Observation, recover } from '../../../scenario/recover.ts'
import { runRollback } from '../../../scenario/replay.ts'
import { checkResilience } from '../../../scenario/resilience.ts'
import type { RestartScenario, RollbackScenario, ScenarioRecord } from '../../../scenario/scenario.ts'
import { decodeSlotChange } from '../../../scenario/slots-resource-manager.ts'
import { shortText } from '../../show/scenario-text.ts'
import { type Attempt, attemptsOf } from './attempts.ts'
import { contentText } from './judge-redo.ts'

type Describe = (error: unknown) => string

/** What is wrong with the undo pass of a restart; nothing when it is right. */
export function judgeUndo(scenario: RestartScenario, Rollback: Passes['Rollback'], describeError: Describe): string[] {
  const passes = { ...ENGINE_PASSES, Rollback }
  for (const attempt of attemptsOf(scenario)) {
    const complaints = judgeAttempt(attempt, passes, describeError)
    if (complaints.length > 0) return complaints.map((text) => `${attempt.name}: ${text}`)
  }
  return []
}

function judgeAttempt(attempt: Attempt, passes: Passes, describeError: Describe): string[] {
  const { scenario, episode, log } = attempt
  const right = observeEpisode(scenario, episode, log)
  let own: ObservedRestart
  try {
    own = observeEpisode(scenario, episode, log, passes)
  } catch (error) {
    return [describeError(error)]
  }
  const complaints = [clrComplaints(right, own, log), endComplaints(right, own), pageComplaints(right, own)]
  return complaints.find(({ length }) => length > 0) ?? crashComplaints(attempt, passes, describeError)
}

const clrsOf = ({ appended }: Pick<ObservedRestart, 'appended'>): ObservedRecord[] =>
  appended.filter(({ type }) => type === 'clr')

function clrComplaints(right: ObservedRestart, own: ObservedRestart, log: readonly ScenarioRecord[]): string[] {
  const records = new Map<unknown, string>(log.map((record) => [record.lsn, shortText(record)]))
  const mine = clrsOf(own)
  for (const [i, wanted] of clrsOf(right).entries()) {
    const clr = mine[i]
    const what = `CLR ${i + 1} should compensate LSN ${wanted.undoes} (${records.get(wanted.undoes) ?? ''})`
    if (clr === undefined) return [`${what}; you write ${mine.length === 0 ? 'none' : `only ${mine.length}`}`]
    if (isCompensated(clr.undoes, mine.slice(0, i), log))
      return [`${what}; yours compensates LSN ${clr.undoes} again (I7)`]
    if (clr.txn !== wanted.txn || JSON.stringify(clr.change) !== JSON.stringify(wanted.change)) {
      return [
        `${what}, the highest LSN that any loser has left; yours is of ${clr.txn}: ${changeText(clr)}; expected: ${changeText(wanted)}`,
      ]
    }
    if (clr.undoNextLsn !== wanted.undoNextLsn) {
      return [
        `CLR ${i + 1}, which compensates LSN ${wanted.undoes}, has undoNextLSN ${clr.undoNextLsn ?? 'none'}; expected: ${wanted.undoNextLsn ?? 'none'}, the prevLSN of what it compensates (I6)`,
      ]
    }
  }
  const extra = mine[clrsOf(right).length]
  return extra === undefined
    ? []
    : [
        `you write a CLR too many, of ${extra.txn}: ${changeText(extra)}; a record is compensated once, by restart or before it (I7)`,
      ]
}

/** Whether a CLR before this one has compensated the record already. */
function isCompensated(
  lsn: Shown | undefined,
  before: readonly ObservedRecord[],
  log: readonly ScenarioRecord[],
): boolean {
  const isOfLog = log.some((record) => record.type === 'clr' && record.undoes === lsn)
  return lsn !== undefined && (isOfLog || before.some(({ undoes }) => undoes === lsn))
}

const changeText = ({ change }: ObservedRecord): string =>
  change === undefined ? 'no change' : `page ${change.page}, ${change.slot} back to ${change.after ?? '(none)'}`

function endComplaints(right: ObservedRestart, own: ObservedRestart): string[] {
  const endsOf = ({ appended }: ObservedRestart): string[] =>
    appended.flatMap(({ type, txn }) => (type === 'end' ? [txn] : [])).sort()
  const [wanted, has] = [endsOf(right).join(', '), endsOf(own).join(', ')]
  return wanted === has ? [] : [`END records are written of ${has || 'nobody'}; expected: ${wanted || 'nobody'}`]
}

function pageComplaints(right: ObservedRestart, own: ObservedRestart): string[] {
  return right.pages.flatMap(({ page, data }) => {
    const has = own.pages.find((each) => each.page === page)?.data
    return JSON.stringify(has) === JSON.stringify(data)
      ? []
      : [`page ${page} holds ${contentText(has)} after restart; expected: ${contentText(data)}`]
  })
}

/** A power cut after each appended record, and another restart (I7, I15, I16). */
function crashComplaints({ scenario, episode, log }: Attempt, passes: Passes, describeError: Describe): string[] {
  if (scenario.kind !== 'restart') return []
  const built = buildDatabase(scenario, log, episode.disk)
  try {
    const [first] = checkResilience(built, recover(built.store, passes), 'restart', passes)
    return first === undefined ? [] : [`${describeDifference(first)} (I16: a crash inside restart changes nothing)`]
  } catch (error) {
    return [`when restart itself is crashed: ${describeError(error)}`]
  }
}

/** What is wrong with a rollback in normal processing; nothing when it is right. */
export function judgeRollback(
  scenario: RollbackScenario,
  Rollback: Passes['Rollback'],
  describeError: Describe,
): string[] {
  const right = runRollback(scenario)
  let own: typeof right
  try {
    own = runRollback(scenario, { ...ENGINE_PASSES, Rollback })
  } catch (error) {
    return [`${scenario.id}: ${describeError(error)}`]
  }
  const { names, lsns } = right.built
  const wanted = clrTexts(right.seen, names, lsns)
  const has = clrTexts(own.seen, names, lsns)
  const first = wanted.findIndex((text, i) => text !== has[i])
  const at = first < 0 ? wanted.length : first
  if (wanted[at] === has[at]) return []
  return [
    `${scenario.id}, rollback of ${scenario.rollback.txn}: record ${at + 1} that it writes is ${has[at] ?? 'missing'}; expected: ${wanted[at] ?? 'none'}`,
  ]
}

function clrTexts({ appended }: Observation, names: Names, lsns: LsnMap): string[] {
  return appended.map((record) => {
    if (record.type !== RecordType.CLR) return RECORD_TYPE_NAMES[record.type] as string
    const { slot, after } = decodeSlotChange(record)
    const next = lsns.shown(record.undoNextLsn)
    return `a CLR, page ${names.pages.name(record.pageId)}, ${slot} back to ${after ?? '(none)'}, undoNextLSN ${next ?? 'none'}`
  })
}
