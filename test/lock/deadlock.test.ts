import { beforeEach, describe, expect, test } from 'vitest'
import type { AriesError } from '../../src/common/errors.ts'
import type { LockOwner } from '../../src/lock/lock-owner.ts'
import { bytesOf, LockBench, makeOwner } from './support.ts'

let bench: LockBench

beforeEach(() => {
  bench = new LockBench()
})

/** `first` locks its key before `second` does, and so on; then each asks for the key of the next. */
function ring(owners: readonly LockOwner[]): void {
  const keyOf = (index: number) => `k${index % owners.length}`
  owners.forEach((owner, index) => void bench.lock(owner, 'X', keyOf(index)))
  owners.forEach((owner, index) => void bench.lock(owner, 'X', keyOf(index + 1)))
}

describe('cycles', () => {
  test('of two: the youngest gives way and the other is granted after its rollback', async () => {
    const [T1, T2] = [makeOwner(1), makeOwner(2)]
    ring([T1, T2])
    expect(await bench.drain()).toEqual(['T2 TX_DEADLOCK k0'])
    expect(bench.state()).toEqual(['k0: T1 X', 'k1: T2 X | T1 X'])
    bench.locks.releaseAll(T2)
    expect(await bench.drain()).toEqual(['T1 granted k1'])
    expect(bench.locks.stats).toMatchObject({ deadlocks: 1, waiting: 0 })
  })

  test('of three', async () => {
    const owners = [makeOwner(1), makeOwner(2), makeOwner(3)]
    ring(owners)
    expect(await bench.drain()).toEqual(['T3 TX_DEADLOCK k0'])
    bench.locks.releaseAll(owners[2] as LockOwner)
    expect(await bench.drain()).toEqual(['T2 granted k2'])
    bench.locks.releaseAll(owners[1] as LockOwner)
    expect(await bench.drain()).toEqual(['T1 granted k1'])
  })

  test('of fifty', async () => {
    ring(Array.from({ length: 50 }, (_, index) => makeOwner(index + 1)))
    expect(await bench.drain()).toEqual(['T50 TX_DEADLOCK k0'])
  })

  test('a chain without a cycle is none', async () => {
    const owners = [1, 2, 3, 4].map((txnId) => makeOwner(txnId))
    owners.forEach((owner, index) => void bench.lock(owner, 'X', `k${index}`))
    owners.slice(1).forEach((owner, index) => void bench.lock(owner, 'X', `k${index}`))
    expect(await bench.drain()).toEqual([])
    expect(bench.locks.stats).toMatchObject({ deadlocks: 0, waiting: 3 })
  })

  test('two upgraders of one key', async () => {
    const [T1, T2] = [makeOwner(1), makeOwner(2)]
    bench.lock(T1, 'S', 'k')
    bench.lock(T2, 'S', 'k')
    expect(bench.lock(T1, 'X', 'k')).toBe('waits')
    expect(bench.lock(T2, 'X', 'k')).toBe('waits')
    expect(await bench.drain()).toEqual(['T2 TX_DEADLOCK k'])
    bench.locks.releaseAll(T2)
    expect(await bench.drain()).toEqual(['T1 granted k'])
  })

  test('closed by an upgrade that goes before a wait it did not block until then', async () => {
    const [T1, T2, T3, T4] = [makeOwner(1), makeOwner(2), makeOwner(3), makeOwner(4)]
    bench.lock(T1, 'IS', 'k')
    bench.lock(T2, 'IS', 'k')
    bench.lock(T4, 'S', 'k')
    bench.lock(T3, 'X', 'j')
    // T3 waits only for T4's S, T2 for T3.
    expect(bench.lock(T3, 'IX', 'k')).toBe('waits')
    expect(bench.lock(T2, 'S', 'j')).toBe('waits')
    expect(bench.locks.stats.deadlocks).toBe(0)
    // T1's X waits for T2 and stands before T3, which waits for T1 from now on.
    expect(bench.lock(T1, 'X', 'k')).toBe('waits')
    expect(await bench.drain()).toEqual(['T3 TX_DEADLOCK k'])
    expect(bench.state()).toEqual(['j: T3 X | T2 S', 'k: T1 IS, T2 IS, T4 S | T1 IS>X'])
  })

  test('through a wait ahead that does not conflict: order alone closes the cycle', async () => {
    const [T1, T2, T3] = [makeOwner(1), makeOwner(2), makeOwner(3)]
    bench.lock(T1, 'S', 'table')
    bench.lock(T3, 'X', 'k')
    expect(bench.lock(T2, 'IX', 'table')).toBe('waits')
    // IS fits T1's S and T2's IX, but it stands behind T2.
    expect(bench.lock(T3, 'IS', 'table')).toBe('waits')
    bench.lock(T1, 'X', 'k')
    expect(await bench.drain()).toEqual(['T3 TX_DEADLOCK table'])
    bench.locks.releaseAll(T3)
    expect(await bench.drain()).toEqual(['T1 granted k'])
  })

  test('one wait that closes two cycles costs a victim in each', async () => {
    // T1 and T2 read k and wait for what T3 holds; T3 asks to write k.
    const [T1, T2, T3] = [makeOwner(1), makeOwner(2), makeOwner(3, { logBytes: 100 })]
    bench.lock(T1, 'S', 'k')
    bench.lock(T2, 'S', 'k')
    bench.lock(T3, 'X', 'j')
    bench.lock(T3, 'X', 'i')
    bench.lock(T1, 'X', 'j')
    bench.lock(T2, 'X', 'i')
    bench.lock(T3, 'X', 'k')
    expect((await bench.drain()).sort()).toEqual(['T1 TX_DEADLOCK j', 'T2 TX_DEADLOCK i'])
    expect(bench.locks.stats.deadlocks).toBe(2)
    bench.locks.releaseAll(T1)
    bench.locks.releaseAll(T2)
    expect(await bench.drain()).toEqual(['T3 granted k'])
  })

  test('no bystander in the queue is taken for a member', async () => {
    // T9 queues between; T3's cycle is with the holder T1.
    const [T1, T3, T9] = [makeOwner(1, { logBytes: 5 }), makeOwner(3, { logBytes: 5 }), makeOwner(9)]
    bench.lock(T1, 'X', 'k')
    bench.lock(T3, 'X', 'j')
    bench.lock(T9, 'X', 'k')
    bench.lock(T3, 'X', 'k')
    bench.lock(T1, 'X', 'j')
    expect(await bench.drain()).toEqual(['T3 TX_DEADLOCK k'])
    expect(bench.state()).toEqual(['j: T3 X | T1 X', 'k: T1 X | T9 X'])
  })

  test('the end of a victim that stood in the queue grants those behind it, the asker too', async () => {
    const [T1, T2, T3] = [makeOwner(1), makeOwner(2), makeOwner(3, { logBytes: 9 })]
    bench.lock(T1, 'S', 'k')
    bench.lock(T3, 'X', 'j')
    bench.lock(T2, 'X', 'i')
    bench.lock(T2, 'X', 'k')
    expect(bench.lock(T3, 'S', 'k')).toBe('waits')
    // T1 waits for T3, T3 behind T2, T2 for T1; once T2 is out of the way T3 fits.
    bench.lock(T1, 'X', 'j')
    expect(await bench.drain()).toEqual(['T2 TX_DEADLOCK k', 'T3 granted k'])
    bench.locks.releaseAll(T3)
    expect(await bench.drain()).toEqual(['T1 granted j'])
  })
})

describe('the victim', () => {
  test('has the fewest log bytes, whoever asked last', async () => {
    const owners = [makeOwner(1, { logBytes: 300 }), makeOwner(2, { logBytes: 100 }), makeOwner(3, { logBytes: 200 })]
    ring(owners)
    expect(await bench.drain()).toEqual(['T2 TX_DEADLOCK k2'])
  })

  test('is the youngest among equals', async () => {
    ring([makeOwner(7, { logBytes: 10 }), makeOwner(9, { logBytes: 10 }), makeOwner(8, { logBytes: 10 })])
    expect(await bench.drain()).toEqual(['T9 TX_DEADLOCK k2'])
  })

  test('is a larger one sooner than one that tries again, which weighs four times as much each time', async () => {
    ring([makeOwner(1, { logBytes: 1024 }), makeOwner(2, { attempt: 2 })])
    expect(await bench.drain()).toEqual(['T1 TX_DEADLOCK k1'])
    bench = new LockBench()
    ring([makeOwner(1, { logBytes: 1 << 20 }), makeOwner(2, { attempt: 5 })])
    expect(await bench.drain()).toEqual(['T2 TX_DEADLOCK k0'])
    bench = new LockBench()
    ring([makeOwner(1, { logBytes: 1 << 20 }), makeOwner(2, { logBytes: 100, attempt: 6 })])
    expect(await bench.drain()).toEqual(['T1 TX_DEADLOCK k1'])
    bench = new LockBench()
    ring([makeOwner(1, { attempt: 2000 }), makeOwner(2, { attempt: 3000 })])
    expect(await bench.drain()).toEqual(['T2 TX_DEADLOCK k0'])
  })

  test('is never one that is rolling back', async () => {
    ring([makeOwner(1, { logBytes: 500 }), makeOwner(2, { isRollingBack: true })])
    expect(await bench.drain()).toEqual(['T1 TX_DEADLOCK k1'])
  })

  test('cannot be found when all are rolling back: a broken invariant, not an error', async () => {
    const [T1, T2] = [makeOwner(1, { isRollingBack: true }), makeOwner(2, { isRollingBack: true })]
    bench.lock(T1, 'X', 'a')
    bench.lock(T2, 'X', 'b')
    bench.lock(T1, 'X', 'b')
    const wait = bench.locks.acquire(T2, 1, bytesOf('a'), 5, 0)
    await expect(wait).rejects.toThrow('not rolling back')
  })

  test('is told the cycle: transactions, modes, keys', async () => {
    const [T1, T2] = [makeOwner(1), makeOwner(2)]
    bench.locks.names.set(7, 'people')
    bench.lock(T1, 'X', 'alice', undefined, 7)
    bench.lock(T2, 'X', '\u0000\u0001', undefined, 8)
    bench.lock(T1, 'S', '\u0000\u0001', undefined, 8)
    bench.lock(T2, 'X', 'alice', undefined, 7)
    await bench.drain()
    const error = bench.errors.get('T2') as AriesError
    expect(error.code).toBe('TX_DEADLOCK')
    expect(error.retryable).toBe(true)
    expect(error.details).toEqual({
      txnId: 2,
      cycle: [
        { txnId: 2, mode: 'X', kind: 'key', table: 'people', space: 7, key: "'alice'" },
        { txnId: 1, mode: 'S', kind: 'key', table: undefined, space: 8, key: '0x0001' },
      ],
    })
    expect(error.message).toContain(
      "(2 waits for X on key 'alice' of table 'people', 1 waits for S on key 0x0001 of tree 8)",
    )
  })

  test('leaves no timer behind', async () => {
    const [T1, T2] = [makeOwner(1), makeOwner(2)]
    bench.lock(T1, 'X', 'a')
    bench.lock(T2, 'X', 'b')
    bench.lock(T2, 'X', 'a', 1000)
    bench.lock(T1, 'X', 'b', 1000)
    expect(await bench.drain()).toEqual(['T2 TX_DEADLOCK a'])
    expect(bench.runtime.timerCount).toBe(1)
  })
})

test('of 400 that wait for a hot key, only the one on the cycle gives way', async () => {
  const holder = makeOwner(1)
  bench.lock(holder, 'X', 'hot')
  for (let txnId = 2; txnId < 402; txnId++) {
    const owner = makeOwner(txnId)
    bench.lock(owner, 'X', `own ${txnId}`)
    bench.lock(owner, 'X', 'hot')
  }
  expect(bench.locks.stats).toMatchObject({ waiting: 400, deadlocks: 0 })
  bench.lock(holder, 'X', 'own 300')
  expect(await bench.drain()).toEqual(['T300 TX_DEADLOCK hot'])
})

describe('a search', () => {
  /** Has `count` owners wait for the key `hot`, each with a key of its own. */
  function waitForHot(count: number): LockOwner[] {
    bench.lock(makeOwner(1), 'X', 'hot')
    return Array.from({ length: count }, (_, index) => {
      const owner = makeOwner(index + 2)
      bench.lock(owner, 'X', `own ${index}`)
      bench.lock(owner, 'X', 'hot')
      return owner
    })
  }

  const reached = (owners: readonly LockOwner[]): number => owners.filter(({ searchId }) => searchId > 0).length

  test('is not made where nobody waits for what the waiting one holds', () => {
    const owners = waitForHot(400)
    expect(reached(owners)).toBe(0)
    bench.lock(makeOwner(500), 'X', 'own 300')
    expect(reached(owners)).toBe(0)
  })

  test('is made where somebody waits for one of its locks', () => {
    const owners = waitForHot(400)
    const holder = makeOwner(500)
    bench.lock(holder, 'X', 'wanted')
    bench.lock(makeOwner(501), 'X', 'wanted')
    bench.lock(holder, 'X', 'hot')
    expect(reached(owners)).toBe(400)
  })

  test.each([1, 16, 17, 1000])('finds the cycle through the last of %i locks', async (count) => {
    const [T1, T2] = [makeOwner(1), makeOwner(2)]
    for (let i = 1; i <= count; i++) bench.lock(T1, 'X', `k${i}`)
    bench.lock(T2, 'X', 'j')
    bench.lock(T2, 'X', `k${count}`)
    bench.lock(T1, 'X', 'j')
    expect(await bench.drain()).toEqual([`T2 TX_DEADLOCK k${count}`])
  })
})
