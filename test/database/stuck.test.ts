/** A transaction of which something cannot be undone keeps its locks; who ends it for its user tries again. */
import { expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import type { Transaction } from '../../src/database/transaction.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { expectFailure, expectRows, keyOf, openOn, PAGE_SIZE, textTable, writeRows } from './support.ts'

const ROWS = 400
const LENGTH = 500

type Work = (tx: Transaction) => Promise<void>

const endings: Record<string, (db: Database, work: Work) => Promise<void>> = {
  'await using': async (db, work) => {
    await using tx = db.begin()
    await work(tx)
  },
  'db.transaction': (db, work) => db.transaction(work),
}

test.each(Object.keys(endings))('%s', async (name) => {
  const disk = new SimulatedFileSystem()
  const db = await openOn(disk, { poolBytes: 16 * PAGE_SIZE })
  await writeRows(db, 0, ROWS, LENGTH)
  const ending = endings[name] as (typeof endings)[string]
  const ended = ending(db, async (tx) => {
    const savepoint = await tx.savepoint()
    for (let i = 0; i < ROWS / 2; i += 7) await tx.put(textTable(db), keyOf(i), 'x'.repeat(LENGTH))
    // The pages that were changed give way to others, and have to be read again.
    using snapshot = db.snapshot()
    snapshot.count(textTable(db))
    disk.failNext('read', { errno: 'EIO', file: /^data/ })
    await tx.rollbackTo(savepoint)
  })
  await expectFailure(() => ended, 'IO_ERROR', 'EIO')
  expect(db.stats().transactions.active).toBe(0)
  await expectRows(db, ROWS, LENGTH)
  await db.close()
})

test('db.transaction does not take it for committed when its error was caught', async () => {
  const disk = new SimulatedFileSystem()
  const db = await openOn(disk, { poolBytes: 16 * PAGE_SIZE })
  await writeRows(db, 0, ROWS, LENGTH)
  const ended = db.transaction(async (tx) => {
    const savepoint = await tx.savepoint()
    for (let i = 0; i < ROWS / 2; i += 7) await tx.put(textTable(db), keyOf(i), 'x'.repeat(LENGTH))
    using snapshot = db.snapshot()
    snapshot.count(textTable(db))
    disk.failNext('read', { errno: 'EIO', file: /^data/ })
    await tx.rollbackTo(savepoint).catch(() => undefined)
  })
  await expectFailure(() => ended, 'TX_CLOSED', 'stuck')
  expect(db.stats().transactions.active).toBe(0)
  await db.close()
})
