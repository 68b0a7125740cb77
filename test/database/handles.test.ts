/** Finished transactions, ended iterators, closed databases: a typed error each, and nothing half-done. */
import { describe, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import {
  expectDiskHas,
  expectFailure,
  expectRows,
  keyOf,
  openOn,
  settle,
  TEXT,
  textOf,
  textTable,
  writeRows,
} from './support.ts'

const fresh = (): Promise<Database> => openOn(new SimulatedFileSystem())

describe('a finished transaction', () => {
  const ends: [string, (db: Database, tx: ReturnType<Database['begin']>) => Promise<void>][] = [
    ['committed', async (_db, tx) => tx.commit()],
    ['aborted', async (_db, tx) => tx.abort()],
    ['disposed', async (_db, tx) => tx[Symbol.asyncDispose]()],
  ]
  test.each(ends)('%s: every use of it is TX_CLOSED', async (_how, end) => {
    const db = await fresh()
    const table = textTable(db)
    await writeRows(db, 0, 10)
    const tx = db.begin()
    await tx.put(table, keyOf(0), textOf(0))
    const savepoint = await tx.savepoint()
    const iterator = tx.range(table)
    await iterator.next()
    await end(db, tx)
    expect(tx.isActive).toBe(false)
    const uses: (() => unknown)[] = [
      () => tx.get(table, 'k'),
      () => tx.put(table, 'k', 'v'),
      () => tx.delete(table, 'k'),
      () => tx.range(table).next(),
      () => iterator.next(),
      () => tx.count(table),
      () => tx.clear(table),
      () => tx.createTable(table),
      () => tx.dropTable(table),
      () => tx.tables(),
      () => tx.savepoint(),
      () => tx.rollbackTo(savepoint),
      () => tx.commit(),
      () => tx.abort(),
    ]
    for (const use of uses) await expectFailure(use, 'TX_CLOSED', 'the transaction has ended')
    await tx[Symbol.asyncDispose]()
    await expectRows(db, 10)
    await db.close()
  })

  test("an iterator across its transaction's end, in a loop", async () => {
    const db = await fresh()
    const table = textTable(db)
    await writeRows(db, 0, 10)
    const tx = db.begin()
    const seen: string[] = []
    await expectFailure(
      async () => {
        for await (const [key] of tx.range(table)) {
          seen.push(key)
          if (seen.length === 3) await tx.commit()
        }
      },
      'TX_CLOSED',
      'begin a new one',
    )
    expect(seen).toEqual([keyOf(0), keyOf(1), keyOf(2)])
    await db.close()
  })

  test('a savepoint of another transaction, or rolled back over', async () => {
    const db = await fresh()
    const table = textTable(db)
    const one = db.begin()
    const other = db.begin()
    const first = await one.savepoint()
    await one.put(table, 'a', '1')
    const second = await one.savepoint()
    await one.put(table, 'b', '2')
    await expectFailure(() => other.rollbackTo(first), 'INVALID_ARGUMENT', 'of another transaction')
    await one.rollbackTo(first)
    await expectFailure(() => one.rollbackTo(second), 'INVALID_ARGUMENT', 'was rolled back over')
    await one.rollbackTo(first)
    await one.commit()
    await other.commit()
    expect(await db.table('rows', TEXT).count()).toBe(0)
    await db.close()
  })
})

describe('operations in flight when a transaction ends', () => {
  // The operations go on in later callbacks; none may write for a transaction that has ended.
  const works = ['createTable', 'dropTable', 'clear', 'put', 'range'] as const
  test.each(works.flatMap((work) => [0, 1, 2, 3, 4, 5, 6, 8, 10].map((after) => [work, after] as const)))(
    '%s, aborted %i callbacks later, does nothing',
    async (work, after) => {
      const disk = new SimulatedFileSystem()
      const db = await openOn(disk)
      await writeRows(db, 0, 20)
      const table = textTable(db)
      const tx = db.begin()
      const running =
        work === 'createTable'
          ? tx.createTable(textTable(db, 'other'))
          : work === 'dropTable'
            ? tx.dropTable(table)
            : work === 'clear'
              ? tx.clear(table)
              : work === 'put'
                ? tx.put(textTable(db, 'other'), 'k', 'v')
                : tx.count(table)
      running.catch(() => {})
      for (let i = 0; i < after; i++) await undefined
      await tx.abort()
      await Promise.allSettled([running])
      await settle()
      expect(await db.tables()).toEqual(['rows'])
      await expectRows(db, 20)
      await db.close()
      await expectDiskHas(disk, 20)
    },
  )

  test.each([0, 1, 2, 3, 5])('close %i callbacks after clear', async (after) => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk)
    await writeRows(db, 0, 20)
    const clearing = db.begin().clear(textTable(db))
    clearing.catch(() => {})
    for (let i = 0; i < after; i++) await undefined
    await db.close()
    await Promise.allSettled([clearing])
    await expectDiskHas(disk, 20)
  })

  test('commit while an operation waits is TX_BUSY, and works once it is done', async () => {
    const db = await fresh()
    const table = textTable(db)
    await table.put('a', '0')
    const holder = db.begin()
    await holder.put(table, 'a', '1')
    const tx = db.begin()
    const waiting = tx.put(table, 'a', '2')
    await expectFailure(() => tx.commit(), 'TX_BUSY', 'await it first')
    await holder.commit()
    await waiting
    await tx.commit()
    expect(await table.get('a')).toBe('2')
    await db.close()
  })

  test('close rolls back a long transaction that is being rolled back', async () => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk)
    await writeRows(db, 0, 5)
    const tx = db.begin()
    for (let i = 100; i < 15_000; i++) await tx.put(textTable(db), keyOf(i), textOf(i))
    const aborting = tx.abort()
    await db.close()
    const mutations = disk.mutations
    await aborting
    await settle()
    expect(disk.mutations, 'changes after close').toBe(mutations)
    const reopened = await openOn(disk)
    expect(reopened.recovery.wasNeeded).toBe(false)
    await expectRows(reopened, 5)
    await reopened.close()
  })

  test('close during a long rollback to a savepoint', async () => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk)
    await writeRows(db, 0, 5)
    const tx = db.begin()
    const savepoint = await tx.savepoint()
    for (let i = 100; i < 2500; i++) await tx.put(textTable(db), keyOf(i), textOf(i))
    const rolling = tx.rollbackTo(savepoint)
    rolling.catch(() => {})
    await db.close()
    const mutations = disk.mutations
    await Promise.allSettled([rolling])
    await settle()
    expect(disk.mutations).toBe(mutations)
    await expectDiskHas(disk, 5)
  })
})

describe('a closed database', () => {
  test('every use of it and its tables is DB_CLOSED; close again is the same close', async () => {
    const db = await fresh()
    const table = textTable(db)
    const open = db.begin()
    await open.put(table, 'k', 'v')
    const iterator = open.range(table)
    const closing = db.close()
    expect(db.close()).toBe(closing)
    await closing
    await db.close()
    const uses: (() => unknown)[] = [
      () => db.begin(),
      () => db.transaction(() => {}),
      () => db.tables(),
      () => db.dropTable(table),
      () => db.checkpoint(),
      () => db.flush(),
      () => db.stats(),
      () => db.check(),
      () => table.get('k'),
      () => table.put('k', 'v'),
      () => table.delete('k'),
      () => table.count(),
      () => table.clear(),
      () => table.range().next(),
      () => open.get(table, 'k'),
      () => open.commit(),
      () => open.savepoint(),
      () => iterator.next(),
    ]
    for (const use of uses) await expectFailure(use, 'DB_CLOSED', 'the database was closed')
    expect(open.isActive).toBe(false)
  })

  test('open transactions are rolled back, waiting operations end, committing ones are waited for', async () => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk)
    await writeRows(db, 0, 3)
    const table = textTable(db)
    const holder = db.begin()
    await holder.put(table, keyOf(0), 'lost')
    const waiter = db.begin({ lockTimeoutMs: Number.POSITIVE_INFINITY })
    const waiting = waiter.put(table, keyOf(0), 'lost too')
    waiting.catch(() => {})
    const committing = db.begin()
    await committing.put(table, keyOf(3), textOf(3))
    const committed = committing.commit()
    await db.close()
    await committed
    await expectFailure(() => waiting, 'DB_CLOSED', 'was closed')
    const reopened = await openOn(disk)
    expect(reopened.recovery.wasNeeded).toBe(false)
    await expectRows(reopened, 4)
    await reopened.close()
  })
})
