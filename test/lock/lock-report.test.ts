/** What people are told of a lock that very many hold or wait for. */
import { expect, test } from 'vitest'
import type { AriesError } from '../../src/common/errors.ts'
import { LockBench, makeOwner } from './support.ts'

test('each of many waiters names the holder and who is directly ahead', () => {
  const bench = new LockBench()
  for (let id = 1; id <= 300; id++) bench.lock(makeOwner(id), 'X', 'k')
  const [report] = bench.locks.snapshot()
  expect(report?.waiters.map(({ waitsFor }) => waitsFor)).toEqual([
    [1],
    ...Array.from({ length: 298 }, (_, i) => [1, i + 2]),
  ])
})

test('the first behind waiting upgrades names each of them', () => {
  const bench = new LockBench()
  const [one, two, three] = [makeOwner(1), makeOwner(2), makeOwner(3)]
  for (const owner of [one, two, three]) bench.lock(owner, 'IS', 'k')
  bench.lock(three, 'IX', 'k')
  bench.lock(makeOwner(4), 'IS', 'k')
  bench.lock(one, 'S', 'k')
  bench.lock(two, 'S', 'k')
  bench.lock(makeOwner(5), 'IS', 'k')
  bench.lock(makeOwner(6), 'IS', 'k')
  const [report] = bench.locks.snapshot()
  expect(report?.waiters.map(({ txnId, waitsFor }) => [txnId, ...waitsFor])).toEqual([
    [1, 3],
    [2, 3],
    [5, 2, 1],
    [6, 5],
  ])
})

test('the message of a timeout names ten of many holders, those that are prepared first', async () => {
  const bench = new LockBench()
  for (let id = 1; id <= 29; id++) bench.lock(makeOwner(id), 'S', 'k')
  bench.lock(makeOwner(30, { preparedAs: { name: 'transfer' } }), 'S', 'k')
  bench.lock(makeOwner(31), 'X', 'k', 50)
  bench.runtime.advance(50)
  await bench.drain()
  const { message, details } = bench.errors.get('T31') as AriesError
  expect(message).toContain('held by 30 (prepared as "transfer"), 1, 2, 3, 4, 5, 6, 7, 8, 9 and 20 more;')
  expect(details).toMatchObject({ holders: Array.from({ length: 30 }, (_, i) => i + 1) })
})
