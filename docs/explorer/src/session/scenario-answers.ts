/** The known answers of an exercise beside what the engine did. What is equal, the replay of the scenario has judged. */
import { type ObservedRestart, observe } from '../../../../src/scenario/observe.ts'
import { pageContent } from '../../../../src/scenario/record-words.ts'
import { lowWaterOf, type ScenarioResult } from '../../../../src/scenario/replay.ts'
import type {
  Answers,
  Att,
  Dpt,
  Pages,
  RestartScenario,
  Scenario,
  TransactionRecord,
} from '../../../../src/scenario/scenario.ts'
import type { AnswerRow, RestartView, Step } from './types.ts'

/** A question of a restart: where it is in the scenario, and both answers in words. */
interface Question {
  readonly place: string
  readonly question: string
  readonly expected: string | undefined
  readonly ours: string
  /** By which pass it is answered. */
  readonly pass: 'analysis' | 'redo' | 'undo'
}

export function answersOf(
  scenario: Scenario,
  result: ScenarioResult,
  restarts: readonly RestartView[],
  steps: readonly Step[],
): AnswerRow[] {
  const lastStep = steps.length - 1
  const told = new Set<unknown>()
  const rowOf = (restart: number, step: number, { place, question, expected, ours }: Question): AnswerRow[] => {
    if (expected === undefined) return []
    const differing = result.differences.filter(({ path }) => path.startsWith(place))
    for (const difference of differing) told.add(difference)
    return [{ restart, step, question, expected, ours, isEqual: differing.length === 0 }]
  }
  const rows = questionsOf(scenario, result).flatMap((questions, restart) =>
    questions.flatMap((question) => {
      const view = restarts[restart]
      return rowOf(restart, view === undefined ? lastStep : stepOf(question.pass, view, steps), question)
    }),
  )
  // The replay looks at more than an exercise asks, such as a crash after each record that restart writes.
  const others = result.differences.filter((difference) => !told.has(difference))
  const first = others[0]
  if (first === undefined) return rows
  const [expected, ours] = [JSON.stringify(first.expected) ?? '', JSON.stringify(first.actual) ?? '']
  return [...rows, { restart: 0, step: lastStep, question: first.path, expected, ours, isEqual: false }]
}

/** The step at which a pass is complete. */
function stepOf(
  pass: Question['pass'],
  { crashStep, analysisStep, lastStep }: RestartView,
  steps: readonly Step[],
): number {
  if (pass === 'analysis') return analysisStep ?? lastStep
  const isOver = ({ kind, number }: Step): boolean => kind === 'redo-end' && number > crashStep && number <= lastStep
  return (pass === 'redo' ? steps.find(isOver)?.number : undefined) ?? lastStep
}

/** The questions of each restart. */
function questionsOf(scenario: Scenario, result: ScenarioResult): Question[][] {
  const actualOf = (place: string, expected: string): string => {
    const found = result.differences.find(({ path }) => path.startsWith(place))
    return found === undefined ? expected : JSON.stringify(found.actual)
  }
  /** A question of which the run shows the answer only where it differs. */
  const plain = (place: string, question: string, expected: string | undefined): Question => {
    return {
      place,
      question,
      expected,
      ours: expected === undefined ? '' : actualOf(place, expected),
      pass: 'undo',
    }
  }
  switch (scenario.kind) {
    case 'invalid':
      return [[plain('invalid.expectedError', 'refused with', scenario.invalid.expectedError)]]
    case 'truncation':
      return [
        scenario.truncation.cases.map((wanted, i): Question => {
          const place = `truncation.cases[${i}].lowWaterLsn`
          const ours = String(lowWaterOf(wanted))
          return {
            place,
            question: `low-water mark, case ${i + 1}`,
            expected: String(wanted.lowWaterLsn),
            ours,
            pass: 'undo',
          }
        }),
      ]
    case 'rollback': {
      const { undoOrder, appended, buffer } = scenario.rollback
      return [
        [
          plain('rollback.undoOrder', 'order of undo', listText(undoOrder)),
          plain('rollback.appended', 'records written', recordsText(appended)),
          plain('rollback.buffer', 'pages afterwards', pagesText(buffer)),
          plain('committed', 'committed', scenario.committed && listText(scenario.committed)),
          plain('rolledBack', 'rolled back', scenario.rolledBack && listText(scenario.rolledBack)),
        ],
      ]
    }
    default:
      return restartQuestions(scenario, result, plain)
  }
}

function restartQuestions(
  scenario: RestartScenario,
  result: ScenarioResult,
  plain: (place: string, question: string, expected: string | undefined) => Question,
): Question[][] {
  const ours = observedOf(scenario)
  return scenario.episodes.map(({ expected }, i) => {
    const observed = ours[i]
    const place = `episodes[${i}]`
    const isLast = i === scenario.episodes.length - 1
    const isCut = scenario.partialRedoEpisode0 && i === 0
    const questions =
      observed === undefined
        ? []
        : episodeQuestions(place, expected, isCut ? cutIn(expected, observed) : observed, result.mode === 'exact')
    if (!isLast) return questions
    return [
      ...questions,
      plain('committed', 'committed', scenario.committed && listText(scenario.committed)),
      plain('rolledBack', 'rolled back', scenario.rolledBack && listText(scenario.rolledBack)),
      ...(scenario.lowWaterLsn === undefined
        ? []
        : [plain('lowWaterLsn', 'log needed from', String(scenario.lowWaterLsn))]),
    ]
  })
}

function observedOf(scenario: RestartScenario): ObservedRestart[] {
  try {
    return observe(scenario)
  } catch {
    // A restart that fails is among the differences, with its reason.
    return []
  }
}

/** With `isExact` false, the exercise follows another variant of ARIES: only what no variant may change is asked. */
function episodeQuestions(place: string, answers: Answers, seen: ObservedRestart, isExact: boolean): Question[] {
  const { analysis, redo, undo, finalPages } = answers
  const kept = seen.appended.filter(({ isLost }) => !isLost)
  const isCrashed = seen.crashLsn !== undefined
  const order = isCrashed ? kept.flatMap(({ undoes }) => (undoes === undefined ? [] : [undoes])) : seen.undoOrder
  const ofAnalysis = (part: string, question: string, expected: string | undefined, ours: string): Question => ({
    place: `${place}.analysis.${part}`,
    question,
    expected,
    ours,
    pass: 'analysis',
  })
  const later = (part: string, question: string, expected: string | undefined, ours: string): Question => ({
    place: `${place}.${part}`,
    question,
    expected,
    ours,
    pass: 'undo',
  })
  const ofRedo = (...question: Parameters<typeof later>): Question => ({ ...later(...question), pass: 'redo' })
  const exact = [
    ofAnalysis('startLsn', 'analysis begins at', textOf(analysis.startLsn, lsnText), lsnText(seen.startLsn)),
    ofAnalysis('att', 'transaction table', textOf(analysis.att, attText), attText(attOf(seen))),
    ofAnalysis('dpt', 'dirty page table', textOf(analysis.dpt, dptText), dptText(dptOf(seen))),
    ofRedo('redo.startLsn', 'redo begins at', textOf(redo.startLsn, lsnText), lsnText(seen.redoStartLsn)),
    ofRedo('redo.redone', 'redone', textOf(redo.redone, listText), listText(redoneOf(seen))),
    ofRedo('redo.skipped', 'not redone', textOf(redo.skipped, skippedText), skippedText(skippedOf(seen))),
  ]
  const appended = [...(analysis.appended ?? []), ...(undo.appended ?? [])]
  const isAsked = analysis.appended !== undefined || undo.appended !== undefined
  return [
    ...(isExact ? exact : []),
    later('undo.order', 'order of undo', textOf(undo.order, listText), listText(order)),
    ...(isExact ? [writtenQuestion(place, isAsked ? recordsText(appended) : undefined, kept)] : []),
    // Other variants write other records, so their LSNs cannot be ours.
    later(
      'finalPages',
      isExact ? 'pages at the end' : 'pages at the end, apart from pageLSNs',
      textOf(finalPages, pagesText),
      pagesText(pagesOf(seen, finalPages)),
    ),
  ]
}

/** What is written is asked of two passes, and is one thing to see. */
function writtenQuestion(place: string, expected: string | undefined, kept: ObservedRestart['appended']): Question {
  const ours = kept.map(({ lsn, type, txn }) => `${lsn} ${type} ${txn}`).join(', ') || 'none'
  return { place: `${place}.undo.appended`, question: 'records written', expected, ours, pass: 'undo' }
}

/** Of an attempt that dies in redo, the records to which it has come. */
function cutIn({ redo: { redone, skipped } }: Answers, seen: ObservedRestart): ObservedRestart {
  const last = Math.max(...(redone ?? []), ...(skipped ?? []).map(({ lsn }) => lsn))
  return { ...seen, redo: seen.redo.filter(({ lsn }) => typeof lsn === 'number' && lsn <= last) }
}

const textOf = <T>(answer: T | undefined, text: (answer: T) => string): string | undefined =>
  answer === undefined ? undefined : text(answer)

const lsnText = (lsn: number | string | null): string => (lsn === null ? 'none' : String(lsn))
const listText = (list: readonly unknown[]): string => list.join(', ') || 'none'

const attText = (att: Att): string =>
  Object.entries(att)
    .map(([txn, { status, lastLsn }]) => `${txn} ${status} ${lastLsn ?? '-'}`)
    .sort()
    .join(', ') || 'empty'

const dptText = (dpt: Dpt): string =>
  Object.entries(dpt)
    .map(([page, recLsn]) => `${page} ${recLsn}`)
    .sort()
    .join(', ') || 'empty'

const skippedText = (skipped: readonly { readonly lsn: unknown; readonly reason: string }[]): string =>
  skipped.map(({ lsn, reason }) => `${lsn} ${reason}`).join(', ') || 'none'

const recordsText = (records: readonly TransactionRecord[]): string =>
  records.map(({ lsn, type, txn }) => `${lsn} ${type} ${txn}`).join(', ') || 'none'

const pagesText = (pages: Pages): string =>
  Object.entries(pages)
    .map(([page, { pageLsn, data }]) => `${page} (${pageLsn ?? '-'}) ${pageContent(data)}`.trim())
    .sort()
    .join('; ') || 'none'

const attOf = ({ transactions }: ObservedRestart): Att =>
  Object.fromEntries(transactions.map(({ txn, status, lastLsn }) => [txn, { status, lastLsn }])) as Att

const dptOf = ({ dirtyPages }: ObservedRestart): Dpt =>
  Object.fromEntries(dirtyPages.map(({ page, recLsn }) => [page, recLsn])) as Dpt

const redoneOf = ({ redo }: ObservedRestart): unknown[] =>
  redo.filter(({ reason }) => reason === undefined).map(({ lsn }) => lsn)

const skippedOf = ({ redo }: ObservedRestart): { lsn: unknown; reason: string }[] =>
  redo.flatMap(({ lsn, reason }) => (reason === undefined ? [] : [{ lsn, reason }]))

/** Of ours, the pages that the exercise tells of. */
function pagesOf({ pages }: ObservedRestart, wanted: Pages | undefined): Pages {
  const asked = pages.filter(({ page }) => wanted === undefined || page in wanted)
  return Object.fromEntries(asked.map(({ page, pageLsn, data }) => [page, { pageLsn, data }])) as Pages
}
