/** Exercises in the explorer: every textbook scenario, stepped through, with its known answers. */
import { describe, expect, test } from 'vitest'
import {
  parseScenarioText,
  runScenario,
  textbook,
  textbookScenario,
  textbookText,
} from '../../docs/explorer/src/session/index.ts'
import type { Session, TextError } from '../../docs/explorer/src/session/types.ts'
import type { Scenario } from '../../src/scenario/scenario.ts'

async function run(id: string): Promise<Session> {
  return runScenario(textbookScenario(id) as Scenario)
}

const EXERCISE = `
scenario lecture "one winner, one loser"
log
  10 T1 update A v: a0 -> a1
  20 T2 update B v: b0 -> b1
  30 T1 commit
restart
`

describe('the textbook', () => {
  test('has every scenario of the tests, those of books first', () => {
    expect(textbook.map(({ id }) => id)).toContain('S01')
    expect(textbook).toHaveLength(47)
    expect(textbook[0]).toMatchObject({ id: 'S01', title: expect.stringContaining('R&G 18.5') })
    expect(textbook.every(({ id, title, source }) => id !== '' && title !== '' && source !== '')).toBe(true)
    expect(textbookText('S01')).toContain('scenario S01')
    expect(textbookScenario('nothing')).toBeUndefined()
  })

  test.each(textbook.map(({ id }) => id))('%s: every known answer is ours', async (id) => {
    const session = await run(id)
    if (id === 'S10') {
      expect(session).toMatchObject({ steps: [], answers: [], note: expect.stringContaining('freeing of a page') })
      return
    }
    expect(session.answers.filter(({ isEqual }) => !isEqual)).toEqual([])
    expect(session.answers.length).toBeGreaterThan(0)
    expect(session.steps.map(({ number }) => number)).toEqual(session.steps.map((_, i) => i))
    expect(session.steps.every(({ sentence }) => !/undefined|engine LSN|NaN/.test(sentence))).toBe(true)
  })

  test('the same twice gives the same', async () => {
    expect(await run('S02')).toEqual(await run('S02'))
  })
})

describe('an exercise', () => {
  test('of another variant: says what was compared, and what not', async () => {
    const { answers, note } = await run('S07')
    expect(note).toBe('tables and redo are equal too')
    expect(answers.find(({ question }) => question.startsWith('pages at the end'))).toMatchObject({
      question: 'pages at the end, apart from pageLSNs',
      isEqual: true,
    })
  })

  test('the tables at the end of analysis are those of the book', async () => {
    const { restarts, steps, answers } = await run('S01')
    const [found] = restarts
    expect(found?.transactions.map(({ name, status, lastLsn }) => [name, status, lastLsn])).toEqual([
      ['T1', 'running', 80],
      ['T3', 'aborting', 90],
    ])
    expect(found?.dirtyPages.map(({ page, recLsn }) => [page, recLsn])).toEqual([
      ['P1', 20],
      ['P2', 30],
      ['P3', 40],
      ['P5', 80],
    ])
    expect(steps[found?.analysisStep as number]).toMatchObject({ kind: 'analysis', state: { phase: 'analysis' } })
    expect(answers[1]).toEqual({
      restart: 0,
      step: found?.analysisStep,
      question: 'transaction table',
      expected: 'T1 running 80, T3 aborting 90',
      ours: 'T1 running 80, T3 aborting 90',
      isEqual: true,
    })
  })

  test('records that restart writes have the LSNs of the book', async () => {
    const { steps } = await run('S01')
    const rows = steps.at(-1)?.state.log.slice(-5)
    expect(rows?.map(({ lsn, type, txn, undoes, undoNextLsn }) => [lsn, type, txn, undoes, undoNextLsn])).toEqual([
      [110, 'clr', 'T3', 60, 40],
      [120, 'clr', 'T3', 40, undefined],
      [125, 'end', 'T3', undefined, undefined],
      [130, 'clr', 'T1', 20, undefined],
      [135, 'end', 'T1', undefined, undefined],
    ])
  })

  test('a CLR says what it compensates; undoNextLSN is a field of its own', async () => {
    const textsOf = async (id: string) =>
      (await run(id)).steps.at(-1)?.state.log.flatMap(({ lsn, type, text }) => (type === 'clr' ? [[lsn, text]] : []))
    expect(await textsOf('S07')).toEqual([
      [90, 'y back to c9, undoes 60'],
      [130, 'y back to a9, undoes 40'],
      [150, 'v back to b0, undoes 30'],
    ])
    expect((await textsOf('S20'))?.[0]).toEqual([60, 'closes a nested top action'])
  })

  test('a further crash takes what was not durable', async () => {
    const { restarts, steps } = await run('S02')
    expect(restarts).toHaveLength(3)
    const [before, after] = [(restarts[1]?.crashStep as number) - 1, restarts[1]?.crashStep as number]
    const lsnsAt = (step: number): number[] => steps[step]?.state.log.map(({ lsn }) => lsn) ?? []
    expect(steps[after]).toMatchObject({ kind: 'crash', state: { phase: 'crashed', pool: [], transactions: [] } })
    expect(lsnsAt(before)).toEqual(expect.arrayContaining(lsnsAt(after)))
    expect(lsnsAt(after).length).toBeLessThan(lsnsAt(before).length)
  })

  test('LSN 0 is an LSN like any other', async () => {
    const { steps } = await run('D01')
    expect(steps[0]?.state.log[0]).toMatchObject({ lsn: 0 })
    expect(steps.some(({ state }) => state.dirtyPages.some(({ recLsn }) => recLsn === 0))).toBe(true)
  })

  test('a rollback without a crash', async () => {
    const { steps, restarts } = await run('S05')
    expect(restarts).toEqual([])
    expect(steps.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['start', 'undone', 'done']))
    expect(steps[0]).toMatchObject({ kind: 'start', state: { phase: 'running' } })
    expect(steps[0]?.state.transactions.every(({ lastLsn, undoNextLsn }) => lastLsn === undoNextLsn)).toBe(true)
    expect(steps[0]?.state.log.some(({ type }) => type === 'clr')).toBe(false)
  })

  test('of a low-water mark: the first LSN of a transaction is not called its last', async () => {
    const { steps } = await run('S43')
    expect(steps[0]?.state.transactions.map(({ name, status, lastLsn }) => [name, status, lastLsn])).toEqual([
      ['T1', 'running, first LSN 60', undefined],
    ])
  })

  test.each([
    ['S42', 'page A has pageLSN 30, but the log ends at LSN 10'],
    ['D16', 'page B has pageLSN 40, but the log ends at LSN 30'],
  ])('%s: a state that must be refused, in the words of the exercise', async (id, why) => {
    const { steps, restarts } = await run(id)
    expect(steps.at(-1)).toMatchObject({
      kind: 'failed',
      sentence: expect.stringContaining(`PAGE_LSN_BEYOND_LOG: ${why}: the end of the log was lost`),
    })
    expect(restarts).toMatchObject([{ crashStep: 0, lastStep: steps.length - 1 }])
  })
})

describe('an own scenario', () => {
  test('without answers shows what the engine does', async () => {
    const parsed = parseScenarioText(EXERCISE)
    const session = await runScenario((parsed as { scenario: Scenario }).scenario)
    expect(session).toMatchObject({
      title: 'lecture  one winner, one loser',
      answers: [],
      note: 'no answers are given',
    })
    const last = session.steps.at(-1)?.state
    expect(last?.log.slice(3).map(({ lsn, type, txn }) => [lsn, type, txn])).toEqual([
      [40, 'end', 'T1'],
      [50, 'clr', 'T2'],
      [60, 'end', 'T2'],
    ])
    expect(last?.pool.map(({ page, rows }) => [page, rows])).toEqual([
      ['A', [{ key: 'v', value: 'a1' }]],
      ['B', [{ key: 'v', value: 'b0' }]],
    ])
  })

  test.each([
    [
      'the first',
      `${EXERCISE.replace('30 T1 commit', '')}  disk A @60  v: a9\n`,
      1,
      'page A has pageLSN 60, but the log ends at LSN 20',
    ],
    [
      'the second',
      `${EXERCISE}  crash after 40\nrestart\n  disk A @60  v: a9\n`,
      2,
      'page A has pageLSN 60, but the log ends at LSN 40',
    ],
  ])('in which %s restart is refused: is shown up to there', async (_which, text, restartCount, why) => {
    const parsed = parseScenarioText(text)
    const { steps, restarts } = await runScenario((parsed as { scenario: Scenario }).scenario)
    expect(steps.at(-1)).toMatchObject({ kind: 'failed', sentence: expect.stringContaining(why) })
    expect(restarts).toHaveLength(restartCount)
    expect(restarts.at(-1)).toMatchObject({ lastStep: steps.length - 1 })
    expect(steps[restarts.at(-1)?.crashStep as number]).toMatchObject({ kind: 'crash', state: { phase: 'crashed' } })
  })

  test('with an answer that is wrong', async () => {
    const wrong = `${EXERCISE}  analysis\n    att T1 committing 30\n`
    const session = await runScenario((parseScenarioText(wrong) as { scenario: Scenario }).scenario)
    expect(session.answers).toMatchObject([
      {
        question: 'transaction table',
        expected: 'T1 committing 30',
        ours: 'T1 committing 30, T2 running 20',
        isEqual: false,
      },
    ])
  })

  test.each([
    ['', 1, 1],
    ['scenario a "b"\nlog\n  10 T1 update A v a0\n', 3, 20],
    ['scenario a "b"\nlog\n  10 T1 update A v: a0 -> a1\n  5 T1 commit\n', 4, 3],
    ['log\n', 1, 1],
  ])('what is wrong in %j is named by line and column', (text, line, column) => {
    const parsed = parseScenarioText(text)
    expect(parsed).toMatchObject({ errors: [{ line, column }] })
    expect((parsed as { errors: readonly TextError[] }).errors[0]?.message).not.toMatch(/INVALID|text:|\n/)
  })
})
