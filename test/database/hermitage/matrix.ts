/** Runs all cases of Hermitage at all levels, and writes what came of it as tables, beside what others do. */
import type { Isolation } from '../../../src/database/options.ts'
import { ANOMALIES, CASES, type HermitageCase, stepsOf } from './cases.ts'
import { type Outcome, runScript, type StepResult } from './script.ts'

export const LEVELS: readonly Isolation[] = ['serializable', 'snapshot', 'read-committed']

/** The cells of a table from left to right. */
type Row = readonly string[]

/**
 * The rows of PostgreSQL and InnoDB in the summary of the README of Hermitage. `R/O`: prevented for those
 * that only read.
 */
const PUBLISHED: readonly Row[] = [
  ['PostgreSQL', 'read committed', '✓', '✓', '✓', '✓', '✓', '—', '—', '—', '—', '—'],
  ['', 'repeatable read', '✓', '✓', '✓', '✓', '✓', '✓', '✓', '✓', '—', '—'],
  ['', 'serializable', '✓', '✓', '✓', '✓', '✓', '✓', '✓', '✓', '✓', '✓'],
  ['MySQL/InnoDB', 'read uncommitted', '✓', '—', '—', '—', '—', '—', '—', '—', '—', '—'],
  ['', 'read committed', '✓', '✓', '✓', '✓', '✓', '—', '—', '—', '—', '—'],
  ['', 'repeatable read', '✓', '✓', '✓', '✓', '✓', 'R/O', '—', 'R/O', '—', '—'],
  ['', 'serializable', '✓', '✓', '✓', '✓', '✓', '✓', '✓', '✓', '✓', '✓'],
]

export interface CaseResult {
  readonly hermitageCase: HermitageCase
  readonly level: Isolation
  readonly outcome: Outcome
  readonly isAnomaly: boolean
}

export async function runCase(hermitageCase: HermitageCase, level: Isolation): Promise<CaseResult> {
  const outcome = await runScript(stepsOf(hermitageCase), level)
  return { hermitageCase, level, outcome, isAnomaly: hermitageCase.isAnomaly(outcome) }
}

export async function runAll(): Promise<CaseResult[]> {
  const results: CaseResult[] = []
  for (const hermitageCase of CASES) {
    for (const level of LEVELS) results.push(await runCase(hermitageCase, level))
  }
  return results
}

/** A step's cell as the table of its case has it. */
export const cellOf = ({ shown, after }: StepResult): string =>
  [shown, after === undefined ? '' : `after ${after}`].filter((part) => part !== '').join(' ')

/** The levels against the anomalies: prevented in all its cases, or not. */
export function matrixOf(results: readonly CaseResult[]): Row[] {
  const own = LEVELS.map((level, i) => [
    i === 0 ? 'aries-db' : '',
    level,
    ...ANOMALIES.map((anomaly) => {
      const isPossible = results.some(
        (each) => each.level === level && each.hermitageCase.anomaly === anomaly && each.isAnomaly,
      )
      return isPossible ? '—' : '✓'
    }),
  ])
  return [['', 'level', ...ANOMALIES], ...own, ...PUBLISHED]
}

/** The cases against the levels: what keeps the anomaly away, or that it happens. */
export function casesOf(results: readonly CaseResult[]): Row[] {
  const rows = CASES.map((hermitageCase) => [
    hermitageCase.name,
    hermitageCase.title,
    ...LEVELS.map((level) => {
      const result = results.find((each) => each.hermitageCase === hermitageCase && each.level === level)
      return result === undefined ? '' : howOf(result)
    }),
  ])
  return [['case', 'what happens', ...LEVELS], ...rows]
}

function howOf({ outcome, isAnomaly }: CaseResult): string {
  if (isAnomaly) return 'it happens'
  const { steps } = outcome
  const codes = new Set(steps.flatMap(({ shown }) => shown.match(/TX_\w+/) ?? []))
  if (codes.size > 0) return [...codes].map((code) => `\`${code}\``).join(', ')
  return steps.some(({ after }) => after !== undefined) ? 'waits' : 'reads the past'
}

export function markdownOf([head = [], ...rows]: readonly Row[]): string {
  const line = (cells: Row): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** What docs/isolation.md has between its markers. */
export const documented = (results: readonly CaseResult[]): string =>
  `\n${markdownOf(matrixOf(results))}\n\n${markdownOf(casesOf(results))}\n\n`

export const BEGIN = '<!-- written by npm run hermitage -- --write -->\n'
export const END = '<!-- end -->'
