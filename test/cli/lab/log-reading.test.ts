/** The lab "read a log dump": a dump has something of everything, and the marks are fair. */
import { beforeAll, describe, expect, test } from 'vitest'
import { reportOf } from '../../../src/cli/lab/check/report.ts'
import { LabData } from '../../../src/cli/lab/lab-data.ts'
import { answersForm, markAnswers, readAnswers } from '../../../src/cli/lab/log-reading/answers.ts'
import { type CrashRun, runToCrash } from '../../../src/cli/lab/log-reading/crash-run.ts'
import { dumpText } from '../../../src/cli/lab/log-reading/dump.ts'
import { logReadingLab } from '../../../src/cli/lab/log-reading/lab.ts'
import { type Question, questionsOn } from '../../../src/cli/lab/log-reading/questions.ts'
import { makeFolderWith } from './folders.ts'

const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8]
const runs = new Map<number, CrashRun>()

beforeAll(async () => {
  for (const seed of SEEDS) runs.set(seed, await runToCrash(seed))
})

const runOf = (seed: number): CrashRun => runs.get(seed) as CrashRun
const questionsOf = (seed: number): Question[] => questionsOn(runOf(seed), seed)

function marked(questions: readonly Question[], text: string) {
  const { parts, cases, outcomes } = markAnswers(questions, readAnswers(text, questions.length))
  return reportOf('log-reading', parts, cases, outcomes)
}

const keyOf = (questions: readonly Question[]): string =>
  questions.map(({ answer }, index) => `${index + 1}: ${answer.join(', ') || '-'}`).join('\n')

describe.each(SEEDS)('seed %i', (seed) => {
  test('has a loser with CLRs, a winner without END, and records that are redone and that are not', () => {
    const { events, records } = runOf(seed)
    const kinds = new Set(events.map((event) => (event.kind === 'redo-skipped' ? event.reason : event.kind)))
    for (const kind of ['winner-ended', 'redone', 'lsn<recLsn', 'pageLsn>=lsn', 'undone', 'rolled-back']) {
      expect(kinds, kind).toContain(kind)
    }
    const analysis = events.find((event) => event.kind === 'analysis')
    const losers =
      analysis?.kind === 'analysis' ? analysis.transactions.filter(({ status }) => status === 'running') : []
    const hasClr = losers.some(({ txnId }) =>
      records.some((record) => record.txnId === txnId && record.undoNextLsn > 0),
    )
    expect({ losers: losers.length, hasClr }).toEqual({ losers: 3, hasClr: true })
    expect(records.length).toBeLessThan(40)
  })

  test('the key gets all points, and an empty form none', () => {
    const questions = questionsOf(seed)
    expect(marked(questions, keyOf(questions))).toMatchObject({ points: 100, pointsMax: 100, grade: 'A' })
    expect(marked(questions, answersForm(questions))).toMatchObject({ points: 0, grade: 'F' })
  })

  test('the dump has what the answers need: every record and page that they name', () => {
    const dump = dumpText(runOf(seed))
    const { events, checkpointLsn } = runOf(seed)
    expect(dump).toContain(`begins at LSN ${checkpointLsn}`)
    for (const event of events) {
      if (event.kind === 'undone' || event.kind === 'redone') expect(dump).toMatch(new RegExp(`^ *${event.lsn}  `, 'm'))
      if (event.kind === 'redone') expect(dump).toMatch(new RegExp(`^ *${event.pageId} +\\d+ `, 'm'))
    }
  })
})

test('a seed gives one dump, and another seed another one', async () => {
  expect(dumpText(await runToCrash(1))).toBe(dumpText(runOf(1)))
  expect(new Set(SEEDS.map((seed) => dumpText(runOf(seed)))).size).toBe(SEEDS.length)
})

test('a dump that this program does not make of the seed is not marked', async () => {
  const files = { 'dump.txt': dumpText(runOf(1)), 'answers.txt': keyOf(questionsOf(1)) }
  const check = (seed: number) =>
    logReadingLab.check({
      directory: makeFolderWith(files),
      folder: { lab: 'log-reading', version: '0.0.9' },
      data: new LabData(''),
      programFile: '',
      only: undefined,
      seed,
      onProgress: () => {},
    })
  expect(await check(1)).toMatchObject({ points: 100 })
  await expect(check(2)).rejects.toThrow('It was made by version 0.0.9')
})

const QUESTIONS: Question[] = [
  { title: 'a set', text: [], points: 10, isOrdered: false, answer: ['T4 running 300 200', 'T5 running 100 0'] },
  { title: 'a list', text: [], points: 10, isOrdered: true, answer: ['300', '-'] },
]

describe('marks', () => {
  const complaintsOf = (text: string): string[] =>
    marked(QUESTIONS, text).parts.flatMap(({ wrong }) => wrong.flatMap(({ complaints }) => complaints))

  test.each([
    '1: T4 running 300 200, T5 running 100 0\n2: 300, -',
    '1: t5 running 100 none; 4 Running lastLSN=300 undoNextLSN=200\n2: LSN 300, none',
    '# a remark\n1:\nT5 running 100 -\n   "T4" running 300 200\n\n2:\n300\n0',
  ])('ways to write the same: %j', (text) => {
    expect(complaintsOf(text)).toEqual([])
  })

  test('what is wrong is named, and what is right is not given away', () => {
    expect(complaintsOf('1: T4 running 300 300, T5 running 100 0\n2: 300')).toEqual([
      '"4 running 300 300" is not right',
      'something is missing',
    ])
    expect(complaintsOf('2: -, 300')).toEqual([
      'not answered',
      'not answered',
      '"-" is not right in place 1',
      '"300" is not right in place 2',
    ])
  })

  test('guessing all there is does not pay', () => {
    const { parts } = marked(
      QUESTIONS,
      '1: T4 running 300 200, T5 running 100 0, T6 running 1 1, T7 running 2 2\n2: 300, -, 200, 100',
    )
    expect(parts.map(({ pointsReached }) => pointsReached)).toEqual([5, 5])
  })
})
