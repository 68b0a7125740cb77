/** Judges an analysis pass: both tables are held against the right ones after every record of a golden scenario. */
import { LogReader } from '../../../log/log-reader.ts'
import { Segments } from '../../../log/segments.ts'
import type { Analysis } from '../../../recovery/analysis.ts'
import { ENGINE_PASSES, type Passes } from '../../../recovery/passes.ts'
import { tracedTransaction } from '../../../recovery/transaction-table.ts'
import { type Built, buildDatabase } from '../../../scenario/build.ts'
import { type ObservedStep, stepsOf } from '../../../scenario/observe.ts'
import { AnalysisSteps } from '../../../scenario/recover.ts'
import type { RestartScenario } from '../../../scenario/scenario.ts'
import { shortText } from '../../show/scenario-text.ts'
import { type Attempt, attemptsOf } from './attempts.ts'

interface Analysed {
  readonly built: Built
  readonly steps: readonly ObservedStep[]
  readonly analysis: Analysis | undefined
  readonly error: unknown
}

/** What is wrong; nothing when it is right. */
export function judgeAnalysis(
  scenario: RestartScenario,
  analyse: Passes['analyse'],
  describeError: (error: unknown) => string,
): string[] {
  for (const attempt of attemptsOf(scenario)) {
    const complaints = judgeAttempt(attempt, analyse, describeError)
    if (complaints.length > 0) return complaints
  }
  return []
}

function judgeAttempt(
  attempt: Attempt,
  analyse: Passes['analyse'],
  describeError: (error: unknown) => string,
): string[] {
  const right = run(attempt, ENGINE_PASSES.analyse)
  const own = run(attempt, analyse)
  const records = new Map<unknown, string>(attempt.log.map((record) => [record.lsn, shortText(record)]))
  for (const [i, wanted] of right.steps.entries()) {
    const place = `${attempt.name}, after LSN ${wanted.lsn} (${records.get(wanted.lsn) ?? ''})`
    const step = own.steps[i]
    if (step === undefined)
      return [`${place}: ${own.error === undefined ? 'your scan ended before it' : describeError(own.error)}`]
    const complaints = [...transactionComplaints(wanted, step), ...pageComplaints(wanted, step)]
    if (complaints.length > 0) return complaints.map((text) => `${place}: ${text}`)
  }
  if (own.error !== undefined) return [`${attempt.name}: ${describeError(own.error)}`]
  return resultComplaints(right, own).map((text) => `${attempt.name}, at the end of the log: ${text}`)
}

function run({ scenario, log, episode }: Attempt, analyse: Passes['analyse']): Analysed {
  const built = buildDatabase(scenario, log, episode.disk)
  const { fileSystem, identity, startLsn } = built.store
  const segments = new Segments(fileSystem, identity)
  const followed = new AnalysisSteps()
  let analysis: Analysis | undefined
  let error: unknown
  try {
    analysis = analyse(new LogReader(segments, identity), startLsn, undefined, followed.take)
  } catch (thrown) {
    error = thrown
  }
  segments.close()
  return { built, steps: stepsOf(built, { steps: followed.all }), analysis, error }
}

function transactionComplaints(wanted: ObservedStep, own: ObservedStep): string[] {
  const mine = new Map(own.transactions.map((row) => [row.txn, row]))
  const right = new Set(wanted.transactions.map(({ txn }) => txn))
  const extra = own.transactions.filter(({ txn }) => !right.has(txn))
  return [
    ...wanted.transactions.flatMap((row) => {
      const { txn, status, lastLsn, undoNextLsn } = row
      const has = mine.get(txn)
      if (has === undefined) {
        return [
          `the transaction table lacks ${txn}; expected: ${txn} ${status}, lastLSN ${lsnText(lastLsn)}, undoNextLSN ${lsnText(undoNextLsn)}`,
        ]
      }
      return [
        ...differing(`the transaction table has ${txn}`, 'status', status, has.status),
        ...differing(`the transaction table has ${txn} with`, 'lastLSN', lastLsn, has.lastLsn),
        ...differing(`the transaction table has ${txn} with`, 'undoNextLSN', undoNextLsn, has.undoNextLsn),
      ]
    }),
    ...extra.map(({ txn }) => `the transaction table has ${txn}, which should not be in it`),
  ]
}

function pageComplaints(wanted: ObservedStep, own: ObservedStep): string[] {
  const mine = new Map(own.dirtyPages.map((row) => [row.page, row.recLsn]))
  const right = new Set(wanted.dirtyPages.map(({ page }) => page))
  const extra = own.dirtyPages.filter(({ page }) => !right.has(page))
  return [
    ...wanted.dirtyPages.flatMap(({ page, recLsn }) => {
      const has = mine.get(page)
      if (has === undefined) return [`the dirty page table lacks ${page}; expected: ${page} with recLSN ${recLsn}`]
      return differing(`the dirty page table has ${page} with`, 'recLSN', recLsn, has)
    }),
    ...extra.map(({ page }) => `the dirty page table has ${page}, which should not be in it`),
  ]
}

const lsnText = (lsn: unknown): string => (lsn === null ? 'none' : String(lsn))

function differing(head: string, what: string, expected: unknown, own: unknown): string[] {
  return expected === own ? [] : [`${head} ${what} ${lsnText(own)}; expected: ${lsnText(expected)}`]
}

/** What the engine goes on with: the tables as they are returned, and the fields that no step has shown. */
function resultComplaints({ built, analysis: wanted }: Analysed, { analysis: own }: Analysed): string[] {
  if (wanted === undefined || own === undefined) return []
  const { names, lsns } = built
  const [right, has] = [tablesOf(wanted, built), tablesOf(own, built)]
  const fields = [...wanted.transactions.values()].flatMap((entry) => {
    const mine = own.transactions.get(entry.id)
    const name = names.transactions.name(entry.id)
    if (mine === undefined) return []
    return [
      ...differing(`${name} has`, 'firstLSN', lsns.shown(entry.firstLsn), lsns.shown(mine.firstLsn)),
      ...differing(`${name} has`, 'lastPendingLSN', entry.lastPendingLsn, mine.lastPendingLsn),
    ]
  })
  return [
    ...transactionComplaints(right, has),
    ...pageComplaints(right, has),
    ...fields,
    ...differing('the result has', 'nextTxnId', wanted.nextTxnId, own.nextTxnId),
    ...differing(
      'the result has',
      'checkpointEndLsn (see isEmptyOfWork)',
      wanted.checkpointEndLsn,
      own.checkpointEndLsn,
    ),
  ]
}

function tablesOf({ endLsn, transactions, dirtyPages }: Analysis, built: Built): ObservedStep {
  const step = {
    lsn: endLsn,
    transactions: [...transactions.values()].map(tracedTransaction),
    dirtyPages: [...dirtyPages].map(([pageId, recLsn]) => ({ pageId, recLsn })),
  }
  return stepsOf(built, { steps: [step] })[0] as ObservedStep
}
