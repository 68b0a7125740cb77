/**
 * The checker against histories whose anomalies are known. What a level allows has to be told from what it
 * does not.
 */
import { describe, expect, test } from 'vitest'
import { check } from './checker.ts'
import { historyText, type Level, parseHistory } from './history.ts'
import { BAD, GOOD, MIXED } from './known-histories.ts'

const LEVELS: readonly Level[] = ['serializable', 'snapshot', 'read-committed']

const report = (history: string, level: Level): ReturnType<typeof check> =>
  check(parseHistory(history.replaceAll('$', level)))

describe.each([...GOOD, ...BAD])('$title', ({ history, has, allowedAt }) => {
  test.each(LEVELS)('as %s transactions', (level) => {
    const { anomalies } = report(history, level)
    expect([...new Set(anomalies.map(({ name }) => name))], anomalies.map(({ text }) => text).join('\n')).toEqual(has)
    expect(anomalies.every(({ isForbidden }) => !isForbidden)).toBe(allowedAt.includes(level))
  })
})

describe.each(MIXED)('$title', ({ history, isAllowed }) => {
  test(isAllowed ? 'is allowed' : 'is not allowed', () => {
    const { anomalies } = check(parseHistory(history))
    expect(anomalies.length).toBeGreaterThan(0)
    expect(anomalies.every(({ isForbidden }) => !isForbidden)).toBe(isAllowed)
  })
})

test('a cycle is told in sentences', () => {
  const { anomalies } = report('T1: range(a,f)={a:1} commit\nT2: w(a,1) w(b,2) commit', 'serializable')
  expect(anomalies).toEqual([
    {
      name: 'G-single',
      isForbidden: true,
      text: [
        '  T1 read b = - in the range a to f, and T2 wrote 2 to it after that: T1 before T2 (rw)',
        '  T2 wrote 1 to a, and T1 read a = 1 in the range a to f: T2 before T1 (wr)',
      ].join('\n'),
    },
  ])
})

test('transactions and edges are counted', () => {
  const { transactions, committed, edges } = report(GOOD[0]?.history as string, 'serializable')
  expect({ transactions, committed, edges }).toEqual({
    transactions: 3,
    committed: 3,
    edges: { ww: 2, wr: 5, rw: 0, rt: 2 },
  })
})

test('a history is the same after it was written down', () => {
  for (const { history } of [...GOOD, ...BAD, ...MIXED]) {
    const parsed = parseHistory(history.replaceAll('$', 'snapshot'))
    expect(parseHistory(historyText(parsed))).toEqual(parsed)
  }
})

test('what is no history is refused', () => {
  expect(() => parseHistory('T1: a(x,1)')).toThrow('no end')
  expect(() => parseHistory('T1: x(x,1) commit')).toThrow('not an operation')
  expect(() => parseHistory('T1 chaos: commit')).toThrow('not a transaction')
  expect(() => check(parseHistory('T1: a(x,1) a(x,1) commit'))).toThrow('twice')
})
