/** Judges a redo pass: each decision of a golden scenario, then the pages. The other two passes are the engine's. */
import { ENGINE_PASSES, type Passes } from '../../../recovery/passes.ts'
import { type ObservedDecision, type ObservedRestart, observeEpisode } from '../../../scenario/observe.ts'
import type { RestartScenario, ScenarioRecord } from '../../../scenario/scenario.ts'
import { redoText, shortText } from '../../show/scenario-text.ts'
import { type Attempt, attemptsOf } from './attempts.ts'

/** What is wrong; nothing when it is right. */
export function judgeRedo(
  scenario: RestartScenario,
  Redo: Passes['Redo'],
  describeError: (error: unknown) => string,
): string[] {
  for (const attempt of attemptsOf(scenario)) {
    const complaints = judgeAttempt(attempt, { ...ENGINE_PASSES, Redo }, describeError)
    if (complaints.length > 0) return complaints
  }
  return []
}

function judgeAttempt(attempt: Attempt, passes: Passes, describeError: (error: unknown) => string): string[] {
  const { scenario, episode, log, name } = attempt
  const right = observeEpisode(scenario, episode, log)
  let own: ObservedRestart
  try {
    own = observeEpisode(scenario, episode, log, passes)
  } catch (error) {
    return [`${name}: ${describeError(error)}`]
  }
  if (own.redoStartLsn !== right.redoStartLsn) {
    return [
      `${name}: redo begins at LSN ${own.redoStartLsn ?? 'none'}; expected: ${right.redoStartLsn ?? 'none'}, with the dirty page table ${right.dirtyPages.map(({ page, recLsn }) => `${page} ${recLsn}`).join(', ') || '(empty)'}`,
    ]
  }
  const complaints = [
    decisionComplaints(right, own, log),
    pageComplaints(right, own),
    dirtyComplaints(right, own),
    pinComplaints(own),
  ]
  return (complaints.find(({ length }) => length > 0) ?? []).map((text) => `${name}${text}`)
}

function decisionComplaints(right: ObservedRestart, own: ObservedRestart, log: readonly ScenarioRecord[]): string[] {
  const records = new Map<unknown, string>(log.map((record) => [record.lsn, shortText(record)]))
  for (const [i, wanted] of right.redo.entries()) {
    const has = own.redo[i]
    if (has !== undefined && has.lsn === wanted.lsn && has.reason === wanted.reason) continue
    const place = `, LSN ${wanted.lsn} (${records.get(wanted.lsn) ?? ''})`
    if (has === undefined) return [`${place}: your pass ended before it`]
    if (has.lsn !== wanted.lsn) return [`${place}: your pass has LSN ${has.lsn} in its place`]
    return [`${place}: redone? ${verdictOf(has)}; expected: ${redoText(wanted)}`]
  }
  return []
}

const verdictOf = ({ reason }: ObservedDecision): string => (reason === undefined ? 'yes' : `no, ${reason}`)

/** The engine's undo has run since; so what differs was handed to it. */
function pageComplaints(right: ObservedRestart, own: ObservedRestart): string[] {
  return right.pages.flatMap(({ page, pageLsn, data }) => {
    const has = own.pages.find((each) => each.page === page)
    if (JSON.stringify(has?.data) !== JSON.stringify(data)) {
      return [`: page ${page} holds ${contentText(has?.data)} after restart; expected: ${contentText(data)}`]
    }
    return has?.pageLsn === pageLsn
      ? []
      : [`: page ${page} has pageLSN ${has?.pageLsn ?? 'none'} after restart; expected: ${pageLsn ?? 'none'}`]
  })
}

/** A page that stays pinned can never leave the buffer pool (I17). */
const pinComplaints = ({ left: { pins } }: ObservedRestart): string[] =>
  pins === 0 ? [] : [`: ${pins} pins are left on pages: unfix each page that you fix, also when it is not redone (I17)`]

/** A checkpoint after restart would write down this table (I11). */
function dirtyComplaints({ dirtyPagesAfterRedo: right }: ObservedRestart, own: ObservedRestart): string[] {
  const text = (rows: ObservedRestart['dirtyPages']): string =>
    rows
      .map(({ page, recLsn }) => `${page} ${recLsn}`)
      .sort()
      .join(', ') || 'empty'
  const [wanted, has] = [text(right), text(own.dirtyPagesAfterRedo)]
  return wanted === has ? [] : [`: after redo the buffer pool's dirty page table is ${has}; expected: ${wanted} (I11)`]
}

export const contentText = (data: Readonly<Record<string, string>> | undefined): string =>
  `{${Object.entries(data ?? {})
    .map(([slot, value]) => `${slot} = ${value}`)
    .join(', ')}}`
