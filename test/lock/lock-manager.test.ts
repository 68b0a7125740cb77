import { beforeEach, describe, expect, test } from 'vitest'
import { AriesError } from '../../src/common/errors.ts'
import { LockManager } from '../../src/lock/lock-manager.ts'
import { LockMode } from '../../src/lock/lock-mode.ts'
import type { LockOwner } from '../../src/lock/lock-owner.ts'
import { bytesOf, FakeRuntime, LockBench, makeOwner } from './support.ts'

let bench: LockBench
let T1: LockOwner
let T2: LockOwner
let T3: LockOwner
let T4: LockOwner

beforeEach(() => {
  bench = new LockBench()
  T1 = makeOwner(1)
  T2 = makeOwner(2)
  T3 = makeOwner(3)
  T4 = makeOwner(4)
})

describe('granting', () => {
  test('a free resource is granted at once, without promise or timer', () => {
    expect(bench.lock(T1, 'X', 'k', 1000)).toBe('granted')
    expect(bench.runtime.timerCount).toBe(0)
    expect(bench.state()).toEqual(['k: T1 X'])
  })

  test('readers share, a writer waits for all of them', async () => {
    bench.lock(T1, 'S', 'k')
    expect(bench.lock(T2, 'S', 'k')).toBe('granted')
    expect(bench.lock(T3, 'X', 'k')).toBe('waits')
    bench.locks.releaseAll(T1)
    expect(await bench.drain()).toEqual([])
    bench.locks.releaseAll(T2)
    expect(await bench.drain()).toEqual(['T3 granted k'])
    expect(bench.state()).toEqual(['k: T3 X'])
  })

  test('a held mode that is as strong is granted again at once, also when others wait', () => {
    bench.lock(T1, 'X', 'k')
    bench.lock(T2, 'S', 'k')
    expect(bench.lock(T1, 'X', 'k')).toBe('granted')
    expect(bench.lock(T1, 'IS', 'k')).toBe('granted')
    expect(bench.locks.stats.held).toBe(1)
  })

  test('keys are told apart by space, by bytes and by length, and the range given is the key', () => {
    const { locks } = bench
    expect(locks.acquire(T1, 7, bytesOf('abc'), LockMode.X, 0)).toBeUndefined()
    expect(locks.isLocked(7, bytesOf('xabcx'), 1, 4)).toBe(true)
    expect(locks.isLocked(8, bytesOf('abc'), 0, 3)).toBe(false)
    expect(locks.isLocked(7, bytesOf('abd'), 0, 3)).toBe(false)
    expect(locks.isLocked(7, bytesOf('ab'), 0, 2)).toBe(false)
    expect(locks.isLocked(7, bytesOf('abc\0'), 0, 4)).toBe(false)
  })

  test('the key is copied', () => {
    const key = bytesOf('mine')
    bench.locks.acquire(T1, 1, key, LockMode.X, 0)
    key.fill(0)
    expect(bench.state()).toEqual(['mine: T1 X'])
  })

  test('the empty key and a key of 8 KiB are keys', () => {
    const long = 'k'.repeat(8192)
    bench.lock(T1, 'X', '')
    bench.lock(T1, 'X', long)
    expect(bench.lock(T2, 'X', long)).toBe('waits')
    expect(bench.holds(T1, 'X', '')).toBe(true)
    expect(bench.holds(T1, 'X', `${long}k`)).toBe(false)
  })

  test('many locks: the table grows, finds each, and is empty after the release', () => {
    const keys = Array.from({ length: 20_000 }, (_, index) => `key ${index}`)
    for (const key of keys) bench.lock(T1, 'X', key)
    expect(keys.every((key) => bench.holds(T1, 'X', key))).toBe(true)
    expect(bench.locks.stats.held).toBe(20_000)
    bench.locks.releaseAll(T1)
    expect(bench.state()).toEqual([])
    expect(bench.locks.stats.held).toBe(0)
    expect(keys.every((key) => bench.lock(T2, 'X', key) === 'granted')).toBe(true)
  })
})

describe('release', () => {
  test('who gives back a lock that others hold too points at none of them, so that the dead keep nobody alive', () => {
    for (const owner of [T1, T2, T3]) bench.lock(owner, 'IX', 'table')
    const grants = [T2, T3, T1].map((owner) => {
      const grant = owner.firstGrant
      bench.locks.releaseAll(owner)
      return grant
    })
    expect(grants.map((grant) => [grant?.previousOfHead, grant?.nextOfHead])).toEqual(
      Array(3).fill([undefined, undefined]),
    )
  })

  test('who has waited points at nobody in the queue', async () => {
    bench.lock(T1, 'X', 'k')
    for (const owner of [T2, T3, T4]) bench.lock(owner, 'X', 'k')
    const wait = T3.waiting
    bench.locks.cancelWait(T3, new AriesError('TX_CANCELLED', 'cancelled'))
    await bench.drain()
    expect([wait?.owner, wait?.previous, wait?.next]).toEqual([T3, undefined, undefined])
  })
})

describe('order', () => {
  test('waits are served first come, first served', async () => {
    bench.lock(T1, 'X', 'k')
    bench.lock(T2, 'X', 'k')
    bench.lock(T3, 'X', 'k')
    expect(bench.state()).toEqual(['k: T1 X | T2 X, T3 X'])
    bench.locks.releaseAll(T1)
    expect(await bench.drain()).toEqual(['T2 granted k'])
    bench.locks.releaseAll(T2)
    expect(await bench.drain()).toEqual(['T3 granted k'])
  })

  test('a reader that fits the holders still waits behind a waiting writer', async () => {
    bench.lock(T1, 'S', 'k')
    bench.lock(T2, 'X', 'k')
    expect(bench.lock(T3, 'S', 'k')).toBe('waits')
    bench.locks.releaseAll(T1)
    expect(await bench.drain()).toEqual(['T2 granted k'])
    bench.locks.releaseAll(T2)
    expect(await bench.drain()).toEqual(['T3 granted k'])
  })

  test('a writer is not starved by an endless stream of readers', async () => {
    let reader = makeOwner(100)
    bench.lock(reader, 'S', 'k')
    bench.lock(T1, 'X', 'k')
    for (let txnId = 101; txnId < 120; txnId++) {
      const next = makeOwner(txnId)
      bench.lock(next, 'S', 'k')
      if (reader.waiting === undefined) bench.locks.releaseAll(reader)
      reader = next
    }
    expect((await bench.drain())[0]).toBe('T1 granted k')
  })

  test('a release grants the longest prefix of the queue that fits, in order', async () => {
    bench.lock(T1, 'X', 'k')
    bench.lock(T2, 'S', 'k')
    bench.lock(T3, 'S', 'k')
    bench.lock(T4, 'X', 'k')
    bench.lock(makeOwner(5), 'S', 'k')
    bench.locks.releaseAll(T1)
    expect(await bench.drain()).toEqual(['T2 granted k', 'T3 granted k'])
    expect(bench.state()).toEqual(['k: T2 S, T3 S | T4 X, T5 S'])
  })

  test('releaseAll wakes the waiters of each key in the order the owner locked the keys', async () => {
    for (const key of ['c', 'a', 'b']) bench.lock(T1, 'X', key)
    bench.lock(T2, 'X', 'b')
    bench.lock(T3, 'X', 'a')
    bench.lock(T4, 'S', 'c')
    bench.lock(makeOwner(5), 'S', 'c')
    bench.locks.releaseAll(T1)
    expect(await bench.drain()).toEqual(['T4 granted c', 'T5 granted c', 'T3 granted a', 'T2 granted b'])
  })

  test('intention modes: writers of records share the table, a table reader waits for them', async () => {
    bench.lock(T1, 'IX', 'table')
    expect(bench.lock(T2, 'IX', 'table')).toBe('granted')
    expect(bench.lock(T3, 'S', 'table')).toBe('waits')
    expect(bench.lock(T4, 'IS', 'table')).toBe('waits')
    bench.locks.releaseAll(T1)
    bench.locks.releaseAll(T2)
    expect(await bench.drain()).toEqual(['T3 granted table', 'T4 granted table'])
  })
})

describe('upgrade', () => {
  test('the only holder rises at once, past those who wait', () => {
    bench.lock(T1, 'S', 'k')
    bench.lock(T2, 'X', 'k')
    expect(bench.lock(T1, 'X', 'k')).toBe('granted')
    expect(bench.state()).toEqual(['k: T1 X | T2 X'])
  })

  test('waits for the other holders, ahead of ordinary waits', async () => {
    bench.lock(T1, 'S', 'k')
    bench.lock(T2, 'S', 'k')
    bench.lock(T3, 'X', 'k')
    expect(bench.lock(T1, 'X', 'k')).toBe('waits')
    expect(bench.state()).toEqual(['k: T1 S, T2 S | T1 S>X, T3 X'])
    bench.locks.releaseAll(T2)
    expect(await bench.drain()).toEqual(['T1 granted k'])
    bench.locks.releaseAll(T1)
    expect(await bench.drain()).toEqual(['T3 granted k'])
  })

  test('goes to the supremum of both modes', () => {
    bench.lock(T1, 'S', 'table')
    expect(bench.lock(T1, 'IX', 'table')).toBe('granted')
    expect(bench.state()).toEqual(['table: T1 SIX'])
  })

  test('a waiting upgrade does not hold up another that fits', () => {
    bench.lock(T1, 'IS', 'table')
    bench.lock(T2, 'IX', 'table')
    bench.lock(T3, 'IS', 'table')
    expect(bench.lock(T2, 'X', 'table')).toBe('waits')
    expect(bench.lock(T1, 'IX', 'table')).toBe('granted')
    expect(bench.locks.stats.deadlocks).toBe(0)
  })

  test('nor at a release: each upgrade that fits is granted', async () => {
    bench.lock(T1, 'IS', 'table')
    bench.lock(T2, 'IS', 'table')
    bench.lock(T3, 'S', 'table')
    bench.lock(T1, 'X', 'table')
    bench.lock(T2, 'IX', 'table')
    expect(bench.state()).toEqual(['table: T1 IS, T2 IS, T3 S | T1 IS>X, T2 IS>IX'])
    bench.locks.releaseAll(T3)
    expect(await bench.drain()).toEqual(['T2 granted table'])
    bench.locks.releaseAll(T2)
    expect(await bench.drain()).toEqual(['T1 granted table'])
  })

  test('no ordinary request passes a waiting upgrade, even when it fits the holders', async () => {
    bench.lock(T1, 'S', 'k')
    bench.lock(T2, 'S', 'k')
    bench.lock(T1, 'X', 'k')
    expect(bench.lock(T3, 'S', 'k')).toBe('waits')
    bench.lock(T4, 'S', 'k')
    bench.locks.cancelWait(T4, new AriesError('TX_CLOSED', 'closed'))
    expect(bench.state()).toEqual(['k: T1 S, T2 S | T1 S>X, T3 S'])
  })

  test('a cancelled upgrade keeps what it held and lets the others go on', async () => {
    bench.lock(T1, 'S', 'k')
    bench.lock(T2, 'S', 'k')
    bench.lock(T1, 'X', 'k')
    bench.lock(T3, 'S', 'k')
    bench.locks.cancelWait(T1, new AriesError('TX_CLOSED', 'closed'))
    expect(await bench.drain()).toEqual(['T1 TX_CLOSED k', 'T3 granted k'])
    expect(bench.state()).toEqual(['k: T1 S, T2 S, T3 S'])
  })
})

describe('ends of a wait', () => {
  test('after lockTimeoutMs: TX_LOCK_TIMEOUT names who holds what', async () => {
    bench.lock(T1, 'X', 'k')
    bench.lock(T2, 'S', 'k', 50)
    bench.runtime.advance(49)
    expect(await bench.drain()).toEqual([])
    bench.runtime.advance(1)
    expect(await bench.drain()).toEqual(['T2 TX_LOCK_TIMEOUT k'])
    const error = bench.errors.get('T2') as AriesError
    expect(error.retryable).toBe(true)
    expect(error.details).toEqual({
      txnId: 2,
      mode: 'S',
      kind: 'table',
      table: 'k',
      space: 1,
      key: "'k'",
      holders: [1],
      timeoutMs: 50,
    })
    expect(bench.state()).toEqual(['k: T1 X'])
    expect(bench.locks.stats.timeouts).toBe(1)
  })

  test('a wait that timed out lets those behind it go on', async () => {
    bench.lock(T1, 'S', 'k')
    bench.lock(T2, 'X', 'k', 50)
    bench.lock(T3, 'S', 'k')
    bench.runtime.advance(50)
    expect(await bench.drain()).toEqual(['T2 TX_LOCK_TIMEOUT k', 'T3 granted k'])
  })

  test('a granted or cancelled wait leaves no timer; an unlimited one makes none', async () => {
    bench.lock(T1, 'X', 'k')
    bench.lock(T2, 'X', 'k', 50)
    bench.lock(T3, 'X', 'k', 50)
    bench.lock(T4, 'X', 'k')
    expect(bench.runtime.timerCount).toBe(2)
    bench.locks.cancelWait(T3, new AriesError('TX_CLOSED', 'closed'))
    bench.locks.releaseAll(T1)
    expect(bench.runtime.timerCount).toBe(0)
    bench.runtime.advance(1000)
    expect(await bench.drain()).toEqual(['T3 TX_CLOSED k', 'T2 granted k'])
  })

  test('cancelWait of an owner that does not wait does nothing', () => {
    bench.lock(T1, 'X', 'k')
    bench.locks.cancelWait(T1, new AriesError('TX_CLOSED', 'closed'))
    expect(bench.state()).toEqual(['k: T1 X'])
  })

  test('close rejects every wait and later requests, and grants nothing', async () => {
    bench.lock(T1, 'X', 'a')
    bench.lock(T2, 'X', 'a', 50)
    bench.lock(T3, 'X', 'a')
    bench.lock(T4, 'X', 'b')
    bench.lock(T1, 'S', 'b')
    bench.locks.close(new AriesError('DB_CLOSED', 'the database was closed'))
    const events = await bench.drain()
    expect(events.sort()).toEqual(['T1 DB_CLOSED b', 'T2 DB_CLOSED a', 'T3 DB_CLOSED a'])
    expect(bench.runtime.timerCount).toBe(0)
    expect(bench.lock(T2, 'X', 'c')).toBe('waits')
    expect(await bench.drain()).toEqual(['T2 DB_CLOSED c'])
    expect(bench.state()).toEqual(['a: T1 X', 'b: T4 X'])
    bench.locks.releaseAll(T1)
    bench.locks.releaseAll(T4)
    expect(bench.locks.stats).toMatchObject({ held: 0, waiting: 0, waits: 3 })
  })

  test('an owner can neither wait twice nor end while it waits', () => {
    bench.lock(T1, 'X', 'k')
    bench.lock(T2, 'X', 'k')
    expect(() => bench.lock(T2, 'X', 'other')).toThrow('one lock at a time')
    expect(() => bench.locks.releaseAll(T2)).toThrow('cannot end')
  })
})

describe('questions', () => {
  test('isLocked: held, waited for, free again', () => {
    const isLocked = () => bench.locks.isLocked(1, bytesOf('k'), 0, 1)
    expect(isLocked()).toBe(false)
    bench.lock(T1, 'IS', 'k')
    expect(isLocked()).toBe(true)
    bench.lock(T2, 'X', 'k')
    bench.locks.releaseAll(T1)
    expect(isLocked()).toBe(true)
    bench.locks.releaseAll(T2)
    expect(isLocked()).toBe(false)
  })

  test('holds: the mode or a stronger one', () => {
    bench.lock(T1, 'S', 'k')
    bench.lock(T2, 'S', 'k')
    expect(bench.holds(T1, 'S', 'k')).toBe(true)
    expect(bench.holds(T1, 'IS', 'k')).toBe(true)
    expect(bench.holds(T1, 'X', 'k')).toBe(false)
    expect(bench.holds(T3, 'IS', 'k')).toBe(false)
    bench.lock(T1, 'X', 'k')
    expect(bench.holds(T1, 'X', 'k')).toBe(false)
  })

  test('stats count what is and what was', async () => {
    bench.lock(T1, 'X', 'k')
    bench.lock(T1, 'X', 'l')
    bench.lock(T2, 'X', 'k')
    expect(bench.locks.stats).toMatchObject({ held: 2, waiting: 1, waits: 1, deadlocks: 0, timeouts: 0 })
    bench.locks.releaseAll(T1)
    expect(bench.locks.stats).toMatchObject({ held: 1, waiting: 0, waits: 1, deadlocks: 0, timeouts: 0 })
  })

  test('snapshot is sorted by space, then by key', () => {
    const locks = new LockManager(new FakeRuntime(), { tableSpace: 1, escalateAt: 1 })
    for (const [space, key] of [
      [2, 'a'],
      [1, 'b'],
      [1, 'a'],
      [1, 'ab'],
    ] as const) {
      locks.acquire(T1, space, bytesOf(key), LockMode.S, 0)
    }
    const names = locks.snapshot().map(({ space, key }) => `${space} ${new TextDecoder().decode(key)}`)
    expect(names).toEqual(['1 a', '1 ab', '1 b', '2 a'])
  })
})
