/** Many locks in one table become one on the table: seen from outside, by who has to wait. */
import { describe, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import type { OpenOptions } from '../../src/database/options.ts'
import type { Transaction } from '../../src/database/transaction.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { diskWith, expectFailure, keyOf, openOn, settle, textTable, waits } from './support.ts'

const ESCALATE_AT = 8
const PATIENCE = 16

async function databaseWith(rows: number, options: OpenOptions = {}): Promise<Database> {
  const disk = await diskWith(rows)
  return openOn(disk, { escalateLocksAt: ESCALATE_AT, lockTimeoutMs: Number.POSITIVE_INFINITY, ...options })
}

const put = async (tx: Transaction, db: Database, from: number, to: number): Promise<void> => {
  for (let i = from; i < to; i++) await tx.put(textTable(db), keyOf(i), 'new')
}
const read = async (tx: Transaction, db: Database, from: number, to: number): Promise<void> => {
  for (let i = from; i < to; i++) await tx.get(textTable(db), keyOf(i))
}
const held = (db: Database): number => db.stats().locks.held
const escalations = (db: Database): number => db.stats().locks.escalations

describe('a transaction with many locks in a table', () => {
  test('has the table and nothing else, once it has written enough', async () => {
    const db = await databaseWith(4)
    const tx = db.begin()
    await put(tx, db, 0, ESCALATE_AT)
    expect([held(db), escalations(db)]).toEqual([ESCALATE_AT + 1, 0])
    await put(tx, db, ESCALATE_AT, 1000)
    expect([held(db), escalations(db)]).toEqual([1, 1])
    const other = db.begin()
    const reading = other.get(textTable(db), 'elsewhere')
    expect(await waits(reading)).toBe(true)
    await tx.commit()
    await reading
    await other.commit()
    expect(await textTable(db).count()).toBe(1000)
    expect(held(db)).toBe(0)
    await db.close()
  })

  test('counts locks and not operations', async () => {
    const db = await databaseWith(2)
    const tx = db.begin()
    for (let i = 0; i < 100; i++) await put(tx, db, 0, 2)
    for (let i = 0; i < 100; i++) await read(tx, db, 0, 2)
    expect([held(db), escalations(db)]).toEqual([3, 0])
    await tx.commit()
    await db.close()
  })

  test('shares the table with readers, when it has only read', async () => {
    const db = await databaseWith(100)
    const tx = db.begin()
    expect(await tx.count(textTable(db))).toBe(100)
    expect([held(db), escalations(db)]).toEqual([1, 1])
    const other = db.begin()
    expect(await other.get(textTable(db), keyOf(3))).toBeDefined()
    const writing = other.put(textTable(db), keyOf(500), 'phantom')
    expect(await waits(writing)).toBe(true)
    expect(await tx.count(textTable(db))).toBe(100)
    await tx.commit()
    await writing
    await other.commit()
    await db.close()
  })

  test('that reads much and writes little leaves readers of other rows alone', async () => {
    const db = await databaseWith(100)
    const tx = db.begin()
    await tx.put(textTable(db), keyOf(0), 'new')
    await read(tx, db, 1, 100)
    // The table in SIX, and the one row that is written.
    expect([held(db), escalations(db)]).toEqual([2, 1])
    const other = db.begin()
    expect(await other.get(textTable(db), keyOf(50))).toBeDefined()
    const reading = other.get(textTable(db), keyOf(0))
    expect(await waits(reading)).toBe(true)
    await tx.commit()
    expect(await reading).toBe('new')
    await other.commit()
    await db.close()
  })

  test('goes on with keys while others use the table, and has it once they are gone', async () => {
    const db = await databaseWith(100)
    const other = db.begin()
    await other.get(textTable(db), keyOf(99))
    const tx = db.begin()
    await put(tx, db, 0, 20)
    expect([held(db), escalations(db)]).toEqual([23, 0])
    await other.commit()
    await put(tx, db, 20, 24)
    expect([held(db), escalations(db)]).toEqual([1, 1])
    await tx.commit()
    await db.close()
  })

  test('waits for the others in the end, so that its locks have a bound', async () => {
    const runtime = new SimulatedRuntime(1)
    const db = await databaseWith(200, { runtime, lockTimeoutMs: 100 })
    const other = db.begin()
    await other.get(textTable(db), keyOf(199))
    const tx = db.begin()
    await put(tx, db, 0, ESCALATE_AT * PATIENCE)
    expect(held(db)).toBe(ESCALATE_AT * PATIENCE + 3)
    const late = tx.put(textTable(db), keyOf(150), 'new')
    runtime.advance(100)
    await expectFailure(() => late, 'TX_LOCK_TIMEOUT', /rows/)
    const later = tx.put(textTable(db), keyOf(150), 'new')
    expect(await waits(later)).toBe(true)
    expect(held(db)).toBe(ESCALATE_AT * PATIENCE + 3)
    await other.commit()
    await later
    expect([held(db), escalations(db)]).toEqual([1, 1])
    await tx.commit()
    await db.close()
  })

  test('is the survivor when it waits for the table and somebody waits for a row of it', async () => {
    const db = await databaseWith(200)
    const other = db.begin()
    await other.get(textTable(db), keyOf(199))
    const tx = db.begin()
    await put(tx, db, 0, ESCALATE_AT * PATIENCE)
    const blocked = other.get(textTable(db), keyOf(0))
    const waiting = tx.put(textTable(db), keyOf(150), 'new')
    await expectFailure(() => blocked, 'TX_DEADLOCK', /gives way/)
    await waiting
    await tx.commit()
    expect(held(db)).toBe(0)
    await db.close()
  })

  test('never, when that is asked for', async () => {
    const db = await databaseWith(4, { escalateLocksAt: Number.POSITIVE_INFINITY })
    const tx = db.begin()
    await put(tx, db, 0, 1000)
    expect([held(db), escalations(db)]).toEqual([1001, 0])
    await tx.commit()
    await db.close()
  })

  test.each([0, -1, Number.NaN, '8'])('is not set off after %s locks', async (escalateLocksAt) => {
    await expectFailure(
      () => openOn(new SimulatedFileSystem(), { escalateLocksAt: escalateLocksAt as number }),
      'INVALID_ARGUMENT',
      'escalateLocksAt',
    )
  })
})

describe('the table as a whole', () => {
  test('is held by who makes it, without a lock on any key', async () => {
    const db = await databaseWith(0)
    const tx = db.begin()
    await put(tx, db, 0, 50)
    expect([held(db), escalations(db)]).toEqual([1, 0])
    const savepoint = await tx.savepoint()
    await tx.dropTable(textTable(db))
    await put(tx, db, 0, 50)
    expect(held(db)).toBe(1)
    await tx.rollbackTo(savepoint)
    await put(tx, db, 50, 100)
    expect(held(db)).toBe(1)
    await tx.commit()
    expect(await textTable(db).count()).toBe(100)
    await db.close()
  })

  test('stays locked after a rollback to a savepoint', async () => {
    const db = await databaseWith(20)
    const tx = db.begin()
    const savepoint = await tx.savepoint()
    await put(tx, db, 0, 20)
    await tx.rollbackTo(savepoint)
    const other = db.begin()
    const reading = other.get(textTable(db), keyOf(0))
    expect(await waits(reading)).toBe(true)
    await put(tx, db, 0, 20)
    expect(held(db)).toBe(1)
    await tx.abort()
    expect(await reading).not.toBe('new')
    await other.commit()
    await db.close()
  })

  test('keeps the ghosts of rows that were deleted under it, until its owner has ended', async () => {
    const db = await databaseWith(500)
    const tx = db.begin()
    expect(await tx.clear(textTable(db))).toBe(500)
    expect(held(db)).toBe(1)
    // Others end meanwhile, after each of which the background looks for ghosts that nobody needs.
    for (let i = 0; i < 5; i++) {
      await textTable(db, 'other').put('k', 'v')
      await settle()
    }
    expect(db.stats().background.uncleanLeaves).toBeGreaterThan(0)
    await tx.abort()
    expect(await textTable(db).count()).toBe(500)
    expect(db.check()).toEqual([])
    await db.transaction((again) => again.clear(textTable(db)))
    await settle()
    expect(db.stats().background.uncleanLeaves).toBe(0)
    await db.close()
  })

  test('a reader of much that begins to write locks the rows it writes', async () => {
    const db = await databaseWith(50)
    const tx = db.begin()
    await read(tx, db, 0, 50)
    await tx.put(textTable(db), keyOf(7), 'new')
    expect(held(db)).toBe(2)
    const other = db.begin()
    expect(await other.get(textTable(db), keyOf(8))).toBeDefined()
    const reading = other.get(textTable(db), keyOf(7))
    expect(await waits(reading)).toBe(true)
    await tx.commit()
    expect(await reading).toBe('new')
    await other.commit()
    await db.close()
  })
})
