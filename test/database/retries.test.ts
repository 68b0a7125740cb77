/** What is run again after which error, and how often. */
import { expect, test } from 'vitest'
import { AriesError, type ErrorCode } from '../../src/common/errors.ts'
import type { Transaction } from '../../src/index.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { expectFailure, failureOf, instantRuntime, openOn, rowsOf, textTable } from './support.ts'

test('db.transaction runs again after retryable errors, boundedly, and not after others', async () => {
  const db = await openOn(new SimulatedFileSystem(), { runtime: instantRuntime() })
  const attempts: number[] = []
  const conflict = new AriesError('TX_CONFLICT', 'as if')
  const result = await db.transaction(async (tx, attempt) => {
    attempts.push(attempt)
    await tx.put(textTable(db), `attempt-${attempt}`, 'v')
    if (attempt < 3) throw conflict
    return 'done'
  })
  expect([result, attempts]).toEqual(['done', [1, 2, 3]])
  expect(await rowsOf(db)).toEqual({ 'attempt-3': 'v' })
  let runs = 0
  const failing = (): never => {
    runs++
    throw conflict
  }
  expect(await failureOf(() => db.transaction(failing))).toBe(conflict)
  expect(runs).toBe(10)
  runs = 0
  expect(await failureOf(() => db.transaction(failing, { attempts: 4 }))).toBe(conflict)
  expect(runs).toBe(4)
  runs = 0
  await expect(
    db.transaction(() => {
      runs++
      throw new RangeError('mine')
    }),
  ).rejects.toThrow('mine')
  expect(runs).toBe(1)
  expect(db.stats().transactions.active).toBe(0)
  await db.close()
})

test('after a lock timeout once, unless the attempts are given, and however many deadlocks there are beside', async () => {
  const db = await openOn(new SimulatedFileSystem(), { runtime: instantRuntime() })
  let runs = 0
  const failing = (codes: readonly ErrorCode[]) => (): never => {
    throw new AriesError(codes[runs++ % codes.length] as ErrorCode, 'as if')
  }
  await expectFailure(() => db.transaction(failing(['TX_LOCK_TIMEOUT'])), 'TX_LOCK_TIMEOUT', 'as if')
  expect(runs).toBe(2)
  runs = 0
  await expectFailure(() => db.transaction(failing(['TX_LOCK_TIMEOUT']), { attempts: 4 }), 'TX_LOCK_TIMEOUT', 'as if')
  expect(runs).toBe(4)
  runs = 0
  const mixed = ['TX_DEADLOCK', 'TX_DEADLOCK', 'TX_LOCK_TIMEOUT'] as const
  await expectFailure(() => db.transaction(failing(mixed)), 'TX_LOCK_TIMEOUT', 'as if')
  expect(runs).toBe(6)
  await db.close()
})

test('a method of a table that its own transaction keeps waiting waits once, and says so', async () => {
  const runtime = instantRuntime()
  const after = runtime.after.bind(runtime)
  let timeouts = 0
  runtime.after = (delayMs: number, callback: () => void) => {
    if (delayMs !== 10_000) return after(delayMs, callback)
    timeouts++
    runtime.nextTurn(callback)
    return () => {}
  }
  const db = await openOn(new SimulatedFileSystem(), { runtime })
  const table = textTable(db)
  const wrong: (() => Promise<unknown>)[] = [
    () => table.put('a', '3'),
    () => table.putMany([['a', '3']]),
    () => table.delete('a'),
    () => table.clear(),
    () => db.dropTable(table),
  ]
  for (const operation of wrong) {
    timeouts = 0
    let runs = 0
    const work = async (tx: Transaction): Promise<void> => {
      runs++
      await tx.put(table, 'a', '2')
      await operation()
    }
    await expectFailure(() => db.transaction(work), 'TX_LOCK_TIMEOUT', 'use tx.put, not table.put')
    expect([runs, timeouts]).toEqual([2, 2])
  }
  await db.close()
})
