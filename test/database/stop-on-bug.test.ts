/** A broken invariant stops the engine (I28): what it has left in memory nobody knows, so none of it may become durable. */
import { beforeEach, describe, expect, test } from 'vitest'
import { AssertionError } from '../../src/common/assert.ts'
import type { Database } from '../../src/database/database.ts'
import { openParts } from '../../src/database/open-location.ts'
import type { Table } from '../../src/database/table.ts'
import type { Savepoint, Transaction } from '../../src/database/transaction.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { textTable } from './support.ts'

const stopped = expect.objectContaining({
  code: 'DB_FAILED',
  message: expect.stringContaining('a bug of the engine stopped the engine (invariant broken: planted)'),
})

let disk: SimulatedFileSystem
let db: Database
let table: Table<string, string>
/** Lets redo of the next change of a row meet a broken invariant: its record is in the log then, and on no page. */
let breakNextChange: () => void

beforeEach(async () => {
  disk = new SimulatedFileSystem()
  const { database, opened } = await openParts(disk, { createIfMissing: true })
  db = database
  table = textTable(db)
  await table.put('before', '1')
  const manager = opened.managers.btree.resourceManager
  const redo = manager.redo.bind(manager)
  breakNextChange = () => {
    manager.redo = () => {
      manager.redo = redo
      throw new AssertionError('planted')
    }
  }
})

/** What is there after a crash that leaves all that was written. */
async function expectSoundAfterCrash(): Promise<void> {
  const { database } = await openParts(disk.crash({ mode: 'kill' }), {})
  expect(database.check()).toEqual([])
  expect(await textTable(database).get('before')).toBe('1')
  expect(await textTable(database).get('failed')).toBeUndefined()
  await database.close()
}

test('in a put: nothing is written or committed after it', async () => {
  const tx = db.begin()
  breakNextChange()
  await expect(tx.put(table, 'failed', 'x')).rejects.toThrow('planted')
  await expect(tx.put(table, 'later', 'y')).rejects.toThrow()
  await expect(tx.commit()).rejects.toThrow()
  await expect(table.put('other', 'z')).rejects.toEqual(stopped)
  await expectSoundAfterCrash()
})

describe('in', () => {
  test.each<[string, () => Promise<unknown>]>([
    ['many puts', () => table.putMany([['failed', 'x']])],
    ['a delete', () => table.delete('before')],
    ['the making of a table', () => db.transaction((tx) => tx.createTable(textTable(db, 'new')))],
    ['the drop of a table', () => db.transaction((tx) => tx.dropTable(table))],
  ])('%s', async (_name, operation) => {
    breakNextChange()
    await expect(operation()).rejects.toThrow('planted')
    await expect(table.put('other', 'z')).rejects.toEqual(stopped)
    await expectSoundAfterCrash()
  })

  test.each<[string, (tx: Transaction, mark: Savepoint) => Promise<unknown>]>([
    ['an abort', (tx) => tx.abort()],
    ['a rollback to a savepoint', (tx, mark) => tx.rollbackTo(mark)],
  ])('%s', async (_name, operation) => {
    const tx = db.begin()
    const mark = await tx.savepoint()
    await tx.put(table, 'failed', 'x')
    breakNextChange()
    await expect(operation(tx, mark)).rejects.toThrow('planted')
    await expect(table.put('other', 'z')).rejects.toEqual(stopped)
    await expectSoundAfterCrash()
  })
})
