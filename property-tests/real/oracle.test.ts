/** The oracle of the tests with real processes: what it must let pass, and what it must not. */
import { describe, expect, test } from 'vitest'
import type { Durability } from '../../src/index.ts'
import type { CrashKind } from '../model.ts'
import { Oracle } from './oracle.ts'
import type { Change, Listing } from './protocol.ts'
import { COUNTER_BYTES, COUNTERS, digestOf, valueFor } from './rows.ts'

const SIZE = 40

const put = (key: string, stamp: number): Change => ({ kind: 'put', table: 'a', key, stamp, size: SIZE })
const raise = (stamp: number): Change => ({
  kind: 'put',
  table: COUNTERS,
  key: 'counter',
  stamp,
  size: COUNTER_BYTES,
})

/** Table `a` with these rows; no table when there are none. */
const rows = (stamps: Record<string, number>): Listing => {
  const listed = Object.entries(stamps).map(([key, stamp]) => [key, digestOf(valueFor(stamp, SIZE))] as const)
  return listed.length === 0 ? [] : [['a', listed]]
}

/** An oracle that has heard of commits, each of one row named after its number, and of some acknowledgements. */
function oracleOf(levels: readonly Durability[], acknowledged: readonly number[], allowed: string[] = []): Oracle {
  const oracle = new Oracle()
  oracle.allowedErrors = new Set(allowed)
  oracle.judge([], [])
  for (const [id, durability] of levels.entries()) {
    oracle.hear({ event: 'ask', id, durability, changes: [put(`row-${id}`, id)] })
  }
  for (const id of acknowledged) oracle.hear({ event: 'ack', id })
  return oracle
}

function violationsAfter(oracle: Oracle, crash: CrashKind, found: Listing): readonly string[] {
  oracle.ended(crash)
  oracle.judge(found, [])
  return oracle.violations
}

const LEGAL: [string, readonly Durability[], readonly number[], CrashKind, Record<string, number>][] = [
  ['a commit in flight is there', ['full'], [], 'power', { 'row-0': 0 }],
  ['a commit in flight is not there', ['full'], [], 'power', {}],
  ['lazy is lost with the power', ['lazy'], [0], 'power', {}],
  ['none is lost with the process', ['none'], [0], 'kill', {}],
  ['full is there with all before it', ['none', 'full'], [1], 'power', { 'row-0': 0, 'row-1': 1 }],
]

const ILLEGAL: [string, readonly Durability[], readonly number[], CrashKind, Record<string, number>][] = [
  ['an acknowledged commit is missing', ['full'], [0], 'power', {}],
  ['lazy is lost with the process', ['lazy'], [0], 'kill', {}],
  ['a later commit is there without an earlier one', ['none', 'none'], [], 'power', { 'row-1': 1 }],
  ['what nobody asked for is there', ['full'], [0], 'power', { 'row-0': 0, 'row-1': 1 }],
  ['a row has the value of another', ['full', 'none'], [0], 'power', { 'row-0': 1 }],
]

describe('the oracle', () => {
  test.each(LEGAL)('lets pass: %s', (_, levels, acknowledged, crash, found) => {
    expect(violationsAfter(oracleOf(levels, acknowledged), crash, rows(found))).toEqual([])
  })

  test.each(ILLEGAL)('notices: %s', (_, levels, acknowledged, crash, found) => {
    const violations = violationsAfter(oracleOf(levels, acknowledged), crash, rows(found))
    expect(violations).toHaveLength(1)
    expect(violations[0]).toContain('I18')
  })

  test('holds on to what a flush or a close made durable', () => {
    for (const event of ['flushed', 'closed'] as const) {
      const oracle = oracleOf(['none'], [0])
      oracle.hear({ event: 'flush' })
      oracle.hear({ event })
      expect(violationsAfter(oracle, 'power', [])).toHaveLength(1)
    }
  })

  test('the close of an engine that had stopped vouches for nothing', () => {
    const oracle = oracleOf(['none'], [0], ['DB_FAILED'])
    oracle.hear({ event: 'failed', code: 'DB_FAILED', message: '' })
    oracle.hear({ event: 'closed' })
    expect(violationsAfter(oracle, 'power', [])).toEqual([])
  })

  test('a flush vouches for nothing that was asked for after it began', () => {
    const oracle = oracleOf([], [])
    oracle.hear({ event: 'flush' })
    oracle.hear({ event: 'ask', id: 0, durability: 'none', changes: [put('row-0', 0)] })
    oracle.hear({ event: 'flushed' })
    expect(violationsAfter(oracle, 'power', [])).toEqual([])
  })

  test('a power cut before the restart was looked at counts, whatever comes after it', () => {
    const oracle = oracleOf(['lazy'], [0])
    oracle.ended('power')
    expect(violationsAfter(oracle, 'kill', [])).toEqual([])
  })

  test('takes what it has found as committed', () => {
    const oracle = oracleOf(['full'], [])
    expect(violationsAfter(oracle, 'power', rows({ 'row-0': 0 }))).toEqual([])
    expect(violationsAfter(oracle, 'power', [])).toHaveLength(1)
  })

  test('notices a lost update', () => {
    const oracle = oracleOf([], [])
    oracle.hear({ event: 'ask', id: 0, durability: 'full', changes: [raise(1), raise(2)] })
    expect(oracle.violations).toEqual([])
    oracle.hear({ event: 'ask', id: 1, durability: 'full', changes: [raise(2)] })
    expect(oracle.violations).toHaveLength(1)
    expect(oracle.violations[0]).toContain('I21')
  })

  test('notices an acknowledgement of what was asked of an engine that had stopped, and no other', () => {
    const oracle = oracleOf(['none'], [], ['DB_FAILED'])
    oracle.hear({ event: 'failed', code: 'DB_FAILED', message: '' })
    oracle.hear({ event: 'ask', id: 1, durability: 'none', changes: [put('row-1', 1)] })
    oracle.hear({ event: 'ack', id: 0 })
    expect(oracle.violations).toEqual([])
    oracle.hear({ event: 'ack', id: 1 })
    expect(oracle.violations).toHaveLength(1)
    expect(oracle.violations[0]).toContain('I28')
  })

  test('notices errors that have no reason to come, and what check finds', () => {
    const oracle = oracleOf([], [], ['DISK_FULL'])
    oracle.hear({ event: 'full', code: 'DISK_FULL', message: '' })
    expect(oracle.violations).toEqual([])
    oracle.hear({ event: 'failed', code: 'PAGE_CORRUPT', message: 'page 7' })
    oracle.judge([], ['page 8: unreachable'])
    expect(oracle.violations).toHaveLength(2)
  })
})
