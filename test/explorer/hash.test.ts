/** Places of the explorer as addresses. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeHash, encodeHash } from '../../docs/explorer/src/session/index.ts'
import type { Action, Place } from '../../docs/explorer/src/session/types.ts'

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 8 }),
  fc.constantFrom('T1', 'alice', 'a_b', 'x.y~z', '$', '-1'),
)
const small = fc.nat(999)
const write = fc.record({
  index: small,
  parts: fc.option(fc.array(small, { minLength: 1, maxLength: 4 }), { nil: undefined }),
})
const survivors = fc.oneof(
  fc.constantFrom('none' as const, 'all' as const, 'kill' as const),
  fc.array(write, { maxLength: 4 }),
)
const withKind = (kind: Action['kind'], fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Action> =>
  fc.record({ kind: fc.constant(kind), ...fields }) as fc.Arbitrary<Action>

const action: fc.Arbitrary<Action> = fc.oneof(
  withKind('begin', { txn: text }),
  withKind('put', { txn: text, table: text, key: text, value: text }),
  withKind('delete', { txn: text, table: text, key: text }),
  withKind('get', { txn: text, table: text, key: text }),
  withKind('fill', { txn: text, table: text, from: small, count: small }),
  withKind('commit', { txn: text }),
  withKind('abort', { txn: text }),
  withKind('savepoint', { txn: text, name: text }),
  withKind('rollbackTo', { txn: text, name: text }),
  withKind('createTable', { txn: text, table: text }),
  withKind('flushPage', { pageId: small }),
  withKind('flushLog', {}),
  withKind('checkpoint', {}),
  withKind('restart', {}),
  withKind('crash', { survivors, after: fc.option(small, { nil: undefined }) }),
)
const content: fc.Arbitrary<Place['content']> = fc.oneof(
  fc.record({ kind: fc.constant('scenario' as const), id: text }),
  fc.record({ kind: fc.constant('text' as const), text }),
  fc.record({ kind: fc.constant('actions' as const), actions: fc.array(action, { maxLength: 6 }) }),
)

/** What is undefined is the same as what is not there. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe('an address', () => {
  test('leads to the place that it was made of, as a browser keeps it', () => {
    const place = fc.record({ content, step: fc.option(small, { nil: undefined }), isPredicting: fc.boolean() })
    fc.assert(
      fc.property(place, (given) => {
        const { hash } = new URL(encodeHash(given), 'https://example.org/explorer/')
        expect(plain(decodeHash(hash))).toEqual(plain(given))
      }),
      { numRuns: 500 },
    )
  })

  test('is short, and can be read', () => {
    const actions: Action[] = [
      { kind: 'begin', txn: 'T1' },
      { kind: 'put', txn: 'T1', table: 'accounts', key: 'alice', value: '10' },
      { kind: 'crash', survivors: [{ index: 0 }, { index: 3, parts: [0, 1] }], after: 2 },
      { kind: 'restart' },
    ]
    expect(encodeHash({ content: { kind: 'actions', actions }, step: 7, isPredicting: true })).toBe(
      '#actions=1~b.T1~p.T1.accounts.alice.10~x.0_3-0-1.2~r&step=7&predict=1',
    )
    expect(encodeHash({ content: { kind: 'scenario', id: 'S01' } })).toBe('#scenario=S01')
  })

  test.each([
    '',
    '#',
    '#elsewhere',
    '#actions=2~b.T1',
    '#actions=1~z.T1',
    '#actions=1~b',
    '#actions=1~b.T1.T2',
    '#actions=1~P.x',
    '#actions=1~x.some',
    '#actions=1~x.none.x',
    '#actions=1~x.none.1.2',
  ])('that is none of ours leads nowhere: %j', (hash) => {
    expect(decodeHash(hash)).toBeUndefined()
  })

  test('without a step that is a number has none', () => {
    expect(decodeHash('#scenario=S01&step=x')).toEqual({
      content: { kind: 'scenario', id: 'S01' },
      isPredicting: false,
    })
  })
})
