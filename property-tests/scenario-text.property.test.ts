/**
 * Scenarios as text and as JSON: what is written reads as it was, whatever names and values are in it
 * and whichever answers are left out; a text that is not right is refused with its place; and what a
 * student can type without doing anything wrong replays without a difference.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AriesError } from '../src/index.ts'
import { findScenarios } from '../src/scenario/find.ts'
import { printJson } from '../src/scenario/print-json.ts'
import { describeResult, replay } from '../src/scenario/replay.ts'
import {
  type Answers,
  REDO_REASONS,
  type Scenario,
  type ScenarioRecord,
  type TransactionRecord,
} from '../src/scenario/scenario.ts'
import { printScenario } from '../src/scenario/text/print-text.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const load = (text: string, file: string): Scenario[] => findScenarios(text, file).map((found) => found.load())

/**
 * Names and values that mean something in the notation, among others. Not a lone quotation mark: where an object had
 * the key \ before, JSON.parse of Node.js 24 to 26 reads the key \" as that.
 */
const word = fc.oneof(
  fc.constantFrom('T1', 'P5', '10', 'a b', '', '""', 'x->y', '#', '\\', 'none', 'empty', 'same', 'dummy', 'undoes'),
  fc.constantFrom('next', 'prev', 'att', 'dpt', 'to', 'begin_checkpoint', 'end_checkpoint'),
  fc.string({ unit: 'binary', maxLength: 5 }),
)
const txn = fc.constantFrom('T1', 'T2', 'none', 'end_checkpoint', 'a b', '7')
const lsn = fc.nat({ max: 500 })
const table = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> =>
  fc
    .uniqueArray(fc.tuple(word, value), { selector: ([name]) => name, maxLength: 3 })
    .map((rows) => Object.fromEntries(rows))
const pages = table(fc.record({ pageLsn: fc.option(lsn), data: table(word) }))
const att = table(
  fc.record({ status: fc.constantFrom('running', 'committing', 'aborting'), lastLsn: fc.option(lsn) }),
) as fc.Arbitrary<NonNullable<Answers['analysis']['att']>>
const dpt = table(lsn)
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined })

/** What a record says besides its place; `link` chooses among the earlier records of its transaction. */
interface Step {
  readonly gap: number
  readonly txn: string
  readonly type: string
  readonly page: string
  readonly slot: string
  readonly before: string | null
  readonly after: string | null
  readonly isDummy: boolean
  readonly undoes: number | null
  readonly prev: number
  readonly next: number
  readonly att: NonNullable<Answers['analysis']['att']>
  readonly dpt: Record<string, number>
}

const TYPES = ['update', 'clr', 'commit', 'abort', 'end', 'begin', 'free_page'] as const
const stepOf = (types: readonly string[]): fc.Arbitrary<Step> =>
  fc.record({
    gap: fc.integer({ min: 1, max: 12 }),
    txn,
    type: fc.constantFrom(...types),
    page: word,
    slot: word,
    before: fc.option(word),
    after: fc.option(word),
    isDummy: fc.boolean(),
    undoes: fc.option(lsn),
    prev: fc.nat({ max: 3 }),
    next: fc.nat({ max: 3 }),
    att,
    dpt,
  })

/** Records of which every link leads to an earlier record of the same transaction, or nowhere. */
class Records {
  readonly #lsns = new Map<string, number[]>()
  lastLsn = -1

  make(steps: readonly Step[]): ScenarioRecord[] {
    return steps.map((step) => this.#record(step))
  }

  #record(step: Step): ScenarioRecord {
    const { type, page, slot, before, after, isDummy, undoes } = step
    const lsn = this.lastLsn + step.gap
    this.lastLsn = lsn
    if (type === 'begin_checkpoint') return { lsn, type }
    if (type === 'end_checkpoint') return { lsn, type, att: step.att, dpt: step.dpt }
    const earlier = this.#lsns.get(step.txn) ?? []
    // Mostly the record before, which the text leaves out.
    const link = (back: number): number | null => earlier.at(-1 - Math.max(0, back - 2)) ?? null
    const common = { lsn, txn: step.txn, prevLsn: link(step.prev) }
    this.#lsns.set(step.txn, [...earlier, lsn])
    if (type === 'update') return { type, ...common, page, slot, before, after }
    if (type === 'free_page') return { type, ...common, page }
    if (type !== 'clr') return { type: type as 'commit', ...common }
    const change = isDummy ? { page: null, slot: null, after: null } : { page, slot, after }
    return { type, ...common, ...change, undoes, undoNextLsn: step.next === 0 ? null : link(step.next) }
  }
}

const logSteps = fc.array(stepOf([...TYPES, 'begin_checkpoint', 'end_checkpoint']), { maxLength: 8 })
const ownSteps = fc.array(stepOf(TYPES), { maxLength: 3 })
const skip = fc.record({ lsn, reason: fc.constantFrom(...REDO_REASONS) })
const attempt = fc.record({
  disk: pages,
  flushed: pages,
  hasCrash: fc.boolean(),
  analysis: fc.record({
    startLsn: maybe(fc.option(lsn)),
    att: maybe(att),
    dpt: maybe(dpt),
    appended: maybe(ownSteps),
    attAfter: maybe(fc.option(att)),
  }),
  redo: fc.record({
    startLsn: maybe(fc.option(lsn)),
    redone: maybe(fc.array(lsn, { maxLength: 4 })),
    skipped: maybe(fc.array(skip, { maxLength: 4 })),
    dptAfterRedo: maybe(dpt),
  }),
  undo: fc.record({ order: maybe(fc.array(lsn, { maxLength: 4 })), appended: maybe(ownSteps) }),
  finalPages: maybe(pages),
})

const words = fc.array(word, { maxLength: 2 })
const base = fc.record({
  id: word,
  title: word,
  about: fc.record({
    family: maybe(word),
    provenance: maybe(word),
    source: maybe(word),
    covers: words,
    notes: words,
    disagreements: words,
  }),
  variant: fc.record({
    abortAtAnalysisEnd: fc.boolean(),
    endCommittedAtAnalysisEnd: fc.boolean(),
    allocRecords: fc.boolean(),
  }),
  initial: table(table(word)),
  committed: maybe(words),
  rolledBack: maybe(words),
  anyOrderAppended: fc.boolean(),
  wellFormed: fc.boolean(),
  partialRedoEpisode0: fc.boolean(),
  lowWaterLsn: maybe(lsn),
})

const drafts = fc.record({
  base,
  steps: logSteps,
  hasMaster: fc.boolean(),
  kind: fc.constantFrom('restart', 'restart', 'restart-analysis', 'rollback', 'invalid', 'truncation'),
  attempts: fc.array(attempt, { minLength: 1, maxLength: 3 }),
  toLsn: fc.option(lsn),
  cases: fc.array(
    fc.record({ checkpointBegin: lsn, dpt, att: table(fc.record({ firstLsn: fc.option(lsn) })), lowWaterLsn: lsn }),
    { minLength: 1, maxLength: 2 },
  ),
})
type Draft = typeof drafts extends fc.Arbitrary<infer T> ? T : never

const scenarios: fc.Arbitrary<Scenario> = drafts.map(scenarioOf)

function scenarioOf({ base: common, steps, hasMaster, kind, attempts, toLsn, cases }: Draft): Scenario {
  const records = new Records()
  const log = records.make(steps)
  const begin = log.find(({ type }) => type === 'begin_checkpoint')
  const whole = { ...common, log, masterLsn: hasMaster ? (begin?.lsn ?? null) : null }
  const [first] = attempts as [Draft['attempts'][number]]
  const owner = log.find((record) => 'txn' in record)
  switch (kind) {
    case 'rollback': {
      if (owner === undefined || !('txn' in owner)) return restartOf(whole, 'restart', attempts, records)
      const appended = records.make(first.undo.appended ?? []) as TransactionRecord[]
      const rollback = { txn: owner.txn, toLsn, undoOrder: first.redo.redone ?? [], appended, buffer: first.disk }
      return { ...whole, kind, rollback }
    }
    case 'invalid':
      return { ...whole, kind, invalid: { disk: first.disk, expectedError: common.title } }
    case 'truncation':
      return { ...whole, kind, truncation: { cases } }
    default:
      return restartOf(whole, kind as 'restart', attempts, records)
  }
}

function restartOf(
  whole: Omit<Scenario, 'kind'>,
  kind: 'restart' | 'restart-analysis',
  attempts: Draft['attempts'],
  records: Records,
): Scenario {
  const make = (steps: readonly Step[] | undefined): TransactionRecord[] | undefined =>
    steps && (records.make(steps) as TransactionRecord[])
  const episodes = attempts.map(({ disk, flushed, hasCrash, analysis, redo, undo, finalPages }, i) => {
    const inAnalysis = { ...analysis, appended: make(analysis.appended) }
    const expected = { analysis: inAnalysis, redo, undo: { ...undo, appended: make(undo.appended) }, finalPages }
    const isCut = hasCrash && i < attempts.length - 1
    return { disk, expected, crash: isCut ? { durableThroughLsn: records.lastLsn + 1, pagesFlushed: flushed } : null }
  })
  return { ...whole, kind, episodes } as Scenario
}

const THREE = ['1', '2', '3'] as const

/** What happened before the crash, and how far each attempt to restart came. */
const exercises = fc.record({
  steps: fc.array(
    fc.record({
      what: fc.constantFrom(
        'update',
        'update',
        'update',
        'commit',
        'end',
        'abort',
        'abort',
        'clr',
        'clr',
        'clr',
        'checkpoint',
      ),
      txn: fc.constantFrom(...THREE),
      page: fc.constantFrom(...THREE),
    }),
    { minLength: 1, maxLength: 30, size: 'max' },
  ),
  disk: fc.array(fc.nat(), { minLength: 3, maxLength: 3 }),
  crashes: fc.array(fc.nat({ max: 3 }), { maxLength: 2 }),
})
type Exercise = typeof exercises extends fc.Arbitrary<infer T> ? T : never

/** Plays the transactions of an exercise as an engine would, and writes down what goes into the log. */
class Play {
  readonly lines: string[] = []
  readonly committed = new Set<string>()
  readonly seen = new Set<string>()
  /** The LSNs of the records that changed each page. */
  readonly changes = new Map<string, number[]>()
  lsn = 0
  readonly #status = new Map<string, 'running' | 'committing' | 'aborting' | 'ended'>()
  readonly #last = new Map<string, number>()
  readonly #undo = new Map<string, { lsn: number; page: string }[]>()

  step({ what, txn, page }: Exercise['steps'][number]): void {
    const status = this.#status.get(txn) ?? 'running'
    const undo = this.#undo.get(txn) ?? []
    if (what === 'checkpoint') {
      this.#checkpoint()
    } else if (what === 'update' && status === 'running') {
      this.#append(txn, `update P${page}`, page)
      this.#undo.set(txn, [...undo, { lsn: this.lsn, page }])
    } else if ((what === 'commit' || what === 'abort') && status === 'running' && undo.length > 0) {
      this.#append(txn, what)
      this.#status.set(txn, what === 'commit' ? 'committing' : 'aborting')
      if (what === 'commit') this.committed.add(txn)
    } else if (what === 'clr' && status === 'aborting' && undo.length > 0) {
      const { lsn, page: changed } = undo.pop() as { lsn: number; page: string }
      this.#append(txn, `clr undoes ${lsn}`, changed)
    } else if (what === 'end' && (status === 'committing' || (status === 'aborting' && undo.length === 0))) {
      this.#append(txn, 'end')
      this.#status.set(txn, 'ended')
    }
  }

  #append(txn: string, text: string, page?: string): void {
    this.lsn += 10
    this.lines.push(`${this.lsn} T${txn} ${text}`)
    this.#last.set(txn, this.lsn)
    this.seen.add(txn)
    if (page !== undefined) this.changes.set(page, [...(this.changes.get(page) ?? []), this.lsn])
  }

  /** No page has been written yet, so each is dirty since its first change. */
  #checkpoint(): void {
    const att = [...this.#last].flatMap(([txn, lsn]) => {
      const status = this.#status.get(txn) ?? 'running'
      return status === 'ended' ? [] : [`T${txn} ${status} ${lsn}`]
    })
    const dpt = [...this.changes].map(([page, [first]]) => `P${page} ${first}`)
    this.lines.push(`${this.lsn + 10} begin_checkpoint`)
    this.lines.push(`${this.lsn + 20} end_checkpoint att ${att.join(', ') || 'none'} dpt ${dpt.join(', ') || 'none'}`)
    this.lsn += 20
  }
}

function exerciseText({ steps, disk, crashes }: Exercise): string {
  const play = new Play()
  for (const step of steps) play.step(step)
  const written = [...play.changes].flatMap(([page, lsns], i) => {
    const lsn = lsns[(disk[i] as number) % (lsns.length + 1)]
    return lsn === undefined ? [] : [`disk P${page} @${lsn}`]
  })
  let { lsn } = play
  const attempts = crashes.map((records) => {
    lsn += 10 * records
    return `restart\ncrash after ${lsn}`
  })
  const named = (txns: Iterable<string>): string => [...txns].map((txn) => `T${txn}`).join(' ') || 'none'
  const [first, ...others] = [...attempts, 'restart']
  const losers = [...play.seen].filter((txn) => !play.committed.has(txn))
  return [
    'scenario exercise\nlog',
    ...play.lines,
    (first as string).replace('restart', ['restart', ...written].join('\n')),
    ...others,
    `committed ${named(play.committed)}\nrolled-back ${named(losers)}`,
  ].join('\n')
}

describe('scenarios as text and as JSON', () => {
  test(
    'what is written reads as it was',
    async () => {
      const property = fc.asyncProperty(fc.array(scenarios, { minLength: 1, maxLength: 2 }), async (all) => {
        expect(load(all.map(printScenario).join('\n'), 'a.scenario')).toEqual(all)
        expect(load(printJson(all), 'a.json')).toEqual(all)
      })
      await checkProperty(property, { numRuns: runsOf(300) }, ([all]) => all.map(printScenario).join('\n'))
    },
    TIMEOUT_MS,
  )

  test(
    'a text that is not right is refused with its line and column',
    async () => {
      const edit = fc.record({
        at: fc.nat(),
        length: fc.nat({ max: 4 }),
        text: fc.constantFrom('', '"', ',', '\n', ' 10 ', 'none'),
      })
      const property = fc.asyncProperty(
        scenarios,
        fc.array(edit, { minLength: 1, maxLength: 3 }),
        async (scenario, edits) => {
          let text = printScenario(scenario)
          for (const { at, length, text: put } of edits) {
            const from = at % (text.length + 1)
            text = text.slice(0, from) + put + text.slice(from + length)
          }
          const lines = text.split(/\r\n|\r|\n/)
          try {
            load(text, 'a.scenario')
          } catch (error) {
            if (!AriesError.is(error) || error.code !== 'INVALID_ARGUMENT') throw error
            const { line, column } = error.details as { line: number; column: number }
            expect(error.message).toContain(`a.scenario:${line}:${column}: `)
            expect(column).toBeGreaterThan(0)
            expect(column).toBeLessThanOrEqual((lines[line - 1] as string).length + 1)
          }
        },
      )
      await checkProperty(property, { numRuns: runsOf(300) }, (failed) => JSON.stringify(failed))
    },
    TIMEOUT_MS,
  )

  test(
    'what a student can type replays without a difference',
    async () => {
      const figures = { losers: 0, clrs: 0, checkpoints: 0, lostAgain: 0 }
      const property = fc.asyncProperty(exercises, async (exercise) => {
        const text = exerciseText(exercise)
        const [scenario] = load(text, 'a.scenario')
        const result = replay(scenario as Scenario)
        expect(result.verdict, describeResult(result)).toBe('equal')
        figures.losers += scenario?.rolledBack?.length ?? 0
        figures.clrs += text.split(' clr ').length - 1
        figures.checkpoints += text.split('end_checkpoint').length - 1
        figures.lostAgain += exercise.crashes.length
      })
      await checkProperty(property, { numRuns: runsOf(100) }, ([exercise]) => exerciseText(exercise))
      for (const [what, count] of Object.entries(figures)) expect(count, what).toBeGreaterThan(20)
    },
    TIMEOUT_MS,
  )
})
