/** Hermitage: what transactions at each level see of each other, step by step, and which anomalies are left. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { Isolation } from '../../src/database/options.ts'
import { ANOMALIES, CASES, expectedOf } from './hermitage/cases.ts'
import { BEGIN, cellOf, documented, LEVELS, runAll, runCase } from './hermitage/matrix.ts'

/** What each level must prevent. */
const PREVENTS: Readonly<Record<Isolation, readonly string[]>> = {
  serializable: ANOMALIES,
  snapshot: ANOMALIES.filter((anomaly) => !anomaly.startsWith('G2')),
  'read-committed': ['G0', 'G1a', 'G1b', 'G1c', 'OTV'],
}

describe.each(LEVELS)('at %s', (level) => {
  test.each(CASES.map((each) => [each.name, each.title, each] as const))('%s: %s', async (_name, _title, each) => {
    const { outcome, isAnomaly } = await runCase(each, level)
    expect(outcome.steps.map(cellOf)).toEqual(expectedOf(each, level))
    expect(isAnomaly).toBe(!PREVENTS[level].includes(each.anomaly) && each.name !== 'g-single-write-2')
  })
})

/** Outcomes that no level here has: final state, and what the steps show. */
const IMPOSSIBLE: readonly (readonly [name: string, final: string, shown: readonly (readonly [string, string])[]])[] = [
  ['g0', '1:12 2:21', []],
  ['g1a', '', [['T2 scan', '1:101 2:20']]],
  ['g1b', '', [['T2 scan', '1:101 2:20']]],
  [
    'g1c',
    '',
    [
      ['T1 get 2', '22'],
      ['T2 get 1', '11'],
    ],
  ],
  [
    'otv',
    '',
    [
      ['T3 get 1', '12'],
      ['T3 get 2', '19'],
    ],
  ],
  ['g-single-write-2', '1:12', []],
]

test.each(IMPOSSIBLE)('%s would be recognised', (name, final, shown) => {
  const steps = shown.map(([step, text]) => ({ step, shown: text, after: undefined }))
  const outcome = { steps, committed: new Set(['T1', 'T2', 'T3']), final }
  expect(CASES.find((each) => each.name === name)?.isAnomaly(outcome)).toBe(true)
})

test('the documented tables are what comes out', async () => {
  const text = readFileSync(fileURLToPath(new URL('../../docs/isolation.md', import.meta.url)), 'utf8')
  expect(text.replaceAll('\r\n', '\n')).toContain(BEGIN + documented(await runAll()))
})
