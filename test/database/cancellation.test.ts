/** Transactions that an `AbortSignal` ends, and how `db.transaction` goes on after errors that may pass. */
import { describe, expect, test } from 'vitest'
import { AriesError } from '../../src/common/errors.ts'
import type { Database } from '../../src/database/database.ts'
import type { BeginOptions } from '../../src/database/options.ts'
import type { Transaction } from '../../src/database/transaction.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { diskWith, expectFailure, failureOf, keyOf, openOn, settle, textTable } from './support.ts'

const WHY = new Error('the user went away')

async function databaseWith(rows: number, runtime = new SimulatedRuntime(1)): Promise<Database> {
  return openOn(await diskWith(rows), { runtime, lockTimeoutMs: Number.POSITIVE_INFINITY })
}

/** A signal that counts who listens. */
class Watched {
  readonly controller = new AbortController()
  listeners = 0
  readonly signal: AbortSignal = this.controller.signal

  constructor() {
    const { signal } = this
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (...args: Parameters<typeof add>): void => {
      this.listeners++
      add(...args)
    }
    signal.removeEventListener = (...args: Parameters<typeof remove>): void => {
      this.listeners--
      remove(...args)
    }
  }

  abort(): void {
    this.controller.abort(WHY)
  }
}

describe('an aborted signal', () => {
  test('ends a wait at once, and the transaction with it', async () => {
    const db = await databaseWith(3)
    const table = textTable(db)
    const holder = db.begin()
    await holder.put(table, keyOf(0), 'held')
    const watched = new Watched()
    const tx = db.begin({ signal: watched.signal })
    await tx.put(table, keyOf(1), 'undone')
    const waiting = tx.put(table, keyOf(0), 'never')
    const behind = tx.put(table, keyOf(2), 'never')
    watched.abort()
    const error = await expectFailure(() => waiting, 'TX_CANCELLED', 'AbortSignal')
    expect(error.cause).toBe(WHY)
    expect(error.retryable).toBe(false)
    const later = await expectFailure(() => behind, 'TX_CLOSED', 'TX_CANCELLED')
    expect(later.cause).toBe(error)
    await expectFailure(() => tx.commit(), 'TX_CLOSED', 'TX_CANCELLED')
    expect(tx.isActive).toBe(false)
    expect(watched.listeners).toBe(0)
    expect(db.stats().locks).toMatchObject({ held: 2, waiting: 0 })
    await holder.commit()
    expect(await table.get(keyOf(0))).toBe('held')
    expect(await table.get(keyOf(1))).not.toBe('undone')
    await db.close()
  })

  test('has rolled everything back before the caller hears of it', async () => {
    const db = await databaseWith(1)
    const table = textTable(db)
    const holder = db.begin()
    await holder.put(table, keyOf(0), 'held')
    const { controller, signal } = new Watched()
    const tx = db.begin({ signal })
    // More than one turn of a rollback undoes.
    for (let i = 1; i < 1500; i++) await tx.put(table, keyOf(i), 'undone')
    const waiting = tx.put(table, keyOf(0), 'never')
    controller.abort()
    await expectFailure(() => waiting, 'TX_CANCELLED', 'AbortSignal')
    expect(db.stats().locks.held).toBe(2)
    expect(db.stats().transactions.active).toBe(1)
    await holder.commit()
    expect(await table.count()).toBe(1)
    await db.close()
  })

  test('ends a transaction in which nothing waits', async () => {
    const db = await databaseWith(1)
    const table = textTable(db)
    const { controller, signal } = new Watched()
    const tx = db.begin({ signal })
    await tx.put(table, keyOf(5), 'undone')
    controller.abort(WHY)
    const error = await expectFailure(() => tx.get(table, keyOf(0)), 'TX_CLOSED', 'TX_CANCELLED')
    expect((error.cause as AriesError).cause).toBe(WHY)
    await settle()
    expect(db.stats().locks.held).toBe(0)
    expect(await table.get(keyOf(5))).toBe(undefined)
    await db.close()
  })

  test('ends an operation between two of its turns', async () => {
    const db = await databaseWith(3000)
    const { controller, signal } = new Watched()
    const tx = db.begin({ signal })
    const clearing = tx.clear(textTable(db))
    await Promise.resolve()
    controller.abort()
    await expectFailure(() => clearing, 'TX_CLOSED', 'TX_CANCELLED')
    await settle()
    expect(await textTable(db).count()).toBe(3000)
    await db.close()
  })

  test('and one that was aborted before: nothing begins', async () => {
    const db = await databaseWith(1)
    const signal = AbortSignal.abort(WHY)
    const error = await expectFailure(() => db.begin({ signal }), 'TX_CANCELLED', 'AbortSignal')
    expect(error.cause).toBe(WHY)
    let runs = 0
    await expectFailure(() => db.transaction(() => void runs++, { signal }), 'TX_CANCELLED', 'AbortSignal')
    expect(runs).toBe(0)
    expect(db.stats().transactions.active).toBe(0)
    await db.close()
  })

  test('does not reach a commit in flight', async () => {
    const disk = await diskWith(1)
    const runtime = new SimulatedRuntime(1)
    const db = await openOn(disk, { runtime })
    disk.runtime = runtime
    disk.inject('sync', { effect: 'slow', delayMs: 5 }, { times: Number.POSITIVE_INFINITY })
    const { controller, signal } = new Watched()
    const tx = db.begin({ signal })
    await tx.put(textTable(db), keyOf(0), 'committed')
    let isDone = false
    const committing = tx.commit().then(() => {
      isDone = true
    })
    await settle(2)
    controller.abort()
    await settle(2)
    expect(isDone).toBe(false)
    runtime.advance(10)
    await committing
    disk.inject('sync', { effect: 'slow', delayMs: 0 }, { times: Number.POSITIVE_INFINITY })
    expect(await textTable(db).get(keyOf(0))).toBe('committed')
  })

  test.each([[null], [{}], ['abort'], [new AbortController()]])('is a signal and not %s', async (signal) => {
    const db = await databaseWith(1)
    await expectFailure(() => db.begin({ signal } as BeginOptions), 'INVALID_ARGUMENT', 'signal')
    await db.close()
  })
})

describe('nobody listens to the signal any more', () => {
  const endings: [string, (tx: Transaction, db: Database) => Promise<unknown>][] = [
    ['a commit', (tx) => tx.commit()],
    ['a commit of nothing', (tx) => tx.commit()],
    ['an abort', (tx) => tx.abort()],
    ['a close', (_tx, db) => db.close()],
    [
      'a deadlock',
      async (tx, db) => {
        const other = db.begin()
        await other.put(textTable(db), keyOf(1), 'more to undo than the victim has'.repeat(100))
        void other.get(textTable(db), keyOf(0))
        await failureOf(() => tx.get(textTable(db), keyOf(1)))
        await other.abort()
      },
    ],
  ]
  test.each(endings)('after %s', async (name, end) => {
    const db = await databaseWith(2)
    const watched = new Watched()
    const tx = db.begin({ signal: watched.signal })
    if (name !== 'a commit of nothing') await tx.put(textTable(db), keyOf(0), 'new')
    expect(watched.listeners).toBe(1)
    await end(tx, db)
    expect(watched.listeners).toBe(0)
    await db.close()
  })

  test('after the database has failed and was closed', async () => {
    const disk = await diskWith(1)
    const db = await openOn(disk)
    const watched = new Watched()
    const tx = db.begin({ signal: watched.signal })
    await tx.put(textTable(db), keyOf(0), 'new')
    const bystander = db.begin({ signal: watched.signal })
    await bystander.put(textTable(db), keyOf(1), 'new')
    disk.inject('sync', { effect: 'error', errno: 'EIO' }, { times: Number.POSITIVE_INFINITY })
    await expectFailure(() => tx.commit(), 'TX_OUTCOME_UNKNOWN', 'reopen')
    await db.close()
    expect(watched.listeners).toBe(0)
  })

  test('after a thousand transactions', async () => {
    const db = await databaseWith(1)
    const watched = new Watched()
    const { signal } = watched
    for (let i = 0; i < 1000; i++) await db.transaction((tx) => tx.get(textTable(db), keyOf(0)), { signal })
    expect(watched.listeners).toBe(0)
    await db.close()
  })
})

describe('db.transaction', () => {
  const passing = new AriesError('TX_LOCK_TIMEOUT', 'as if')

  test('does not try again once its signal is aborted, and the pause ends at once', async () => {
    const runtime = new SimulatedRuntime(1)
    const db = await databaseWith(1, runtime)
    const watched = new Watched()
    const timers = runtime.timerCount
    let runs = 0
    const running = db.transaction(
      () => {
        runs++
        throw passing
      },
      { signal: watched.signal },
    )
    await settle(2)
    expect([runs, runtime.timerCount]).toEqual([1, timers + 1])
    watched.abort()
    await expectFailure(() => running, 'TX_CANCELLED', 'AbortSignal')
    expect([runs, runtime.timerCount, watched.listeners]).toEqual([1, timers, 0])
    await db.close()
  })

  test('says so when its function has not noticed', async () => {
    const db = await databaseWith(1)
    const { controller, signal } = new Watched()
    const swallowing = db.transaction(
      async (tx) => {
        await tx.put(textTable(db), keyOf(0), 'undone')
        controller.abort(WHY)
        return 'done'
      },
      { signal },
    )
    const error = await expectFailure(() => swallowing, 'TX_CANCELLED', 'AbortSignal')
    expect(error.cause).toBe(WHY)
    expect(await textTable(db).get(keyOf(0))).not.toBe('undone')
    await db.close()
  })

  test('and when an operation has found the transaction ended', async () => {
    const db = await databaseWith(1)
    const { controller, signal } = new Watched()
    const late = db.transaction(
      async (tx) => {
        controller.abort()
        await tx.get(textTable(db), keyOf(0))
      },
      { signal },
    )
    await expectFailure(() => late, 'TX_CANCELLED', 'AbortSignal')
    const own = db.transaction(
      () => {
        throw new RangeError('mine')
      },
      { signal: new AbortController().signal },
    )
    await expect(own).rejects.toThrow('mine')
    await db.close()
  })

  test('runs again when its function has swallowed a deadlock', async () => {
    const runtime = new SimulatedRuntime(1)
    const db = await databaseWith(2, runtime)
    const table = textTable(db)
    const holder = db.begin()
    await holder.put(table, keyOf(1), 'more to undo than the victim has'.repeat(100))
    let attempts = 0
    const running = db.transaction(async (tx, attempt) => {
      attempts = attempt
      await tx.put(table, keyOf(0), `attempt ${attempt}`)
      if (attempt > 1) return
      void holder.get(table, keyOf(0)).catch(() => undefined)
      await failureOf(() => tx.get(table, keyOf(1)))
    })
    await settle()
    await holder.commit()
    runtime.advance(100)
    await running
    expect(attempts).toBe(2)
    expect(await table.get(keyOf(0))).toBe('attempt 2')
    await db.close()
  })

  test('does not pause any longer when the database is closed', async () => {
    const runtime = new SimulatedRuntime(1)
    const db = await databaseWith(1, runtime)
    let runs = 0
    const running = db.transaction(() => {
      runs++
      throw passing
    })
    await settle(2)
    const failed = expectFailure(() => running, 'DB_CLOSED', 'closed')
    await db.close()
    await failed
    expect([runs, runtime.timerCount]).toEqual([1, 0])
  })

  test('pauses at random, ever longer, up to a tenth of a second', async () => {
    const runtime = new SimulatedRuntime(1)
    const pauses: number[] = []
    const db = await openOn(new SimulatedFileSystem(), { runtime, flushIntervalMs: 1000 })
    runtime.random = () => 0.999
    runtime.after = (delayMs, callback) => {
      if (delayMs > 100) return () => undefined
      pauses.push(delayMs)
      runtime.nextTurn(callback)
      return () => undefined
    }
    const failing = (): never => {
      throw passing
    }
    await failureOf(() => db.transaction(failing, { attempts: 8 }))
    expect(pauses.map(Math.round)).toEqual([4, 8, 16, 32, 64, 100, 100])
    runtime.random = () => 0
    pauses.length = 0
    await failureOf(() => db.transaction(failing, { attempts: 3 }))
    expect(pauses).toEqual([0, 0])
    await db.close()
  })

  test('that has been the victim before is not the victim of a somewhat larger one', async () => {
    const runtime = new SimulatedRuntime(1)
    const db = await databaseWith(2, runtime)
    const table = textTable(db)
    const victims: string[] = []
    // The small one and the large one take the two rows in opposite order, again and again.
    const small = db.transaction(async (tx, attempt) => {
      await tx.put(table, keyOf(0), 'small')
      const large = db.begin()
      await large.put(table, keyOf(1), 'large'.repeat(500))
      const waiting = large.put(table, keyOf(0), 'large').then(
        () => large.commit(),
        () => void victims.push('large'),
      )
      try {
        await tx.put(table, keyOf(1), 'small')
      } catch (error) {
        victims.push(`small at attempt ${attempt}`)
        throw error
      } finally {
        void waiting
      }
    })
    for (let i = 0; i < 20; i++) {
      await settle(3)
      runtime.advance(100)
    }
    await small
    expect(victims).toEqual(['small at attempt 1', 'large'])
    await db.close()
  })
})
