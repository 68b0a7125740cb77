/** `Table.get`: one key read without a transaction, unless somebody is in the way. */
import { describe, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import type { Transaction } from '../../src/database/transaction.ts'
import { diskWith, expectFailure, keyOf, openOn, settle, textTable } from './support.ts'

const rows = 3
const open = async (): Promise<Database> => openOn(await diskWith(rows))
const get = (db: Database, key = keyOf(1)): Promise<string | undefined> => textTable(db).get(key)

/** What a read shows that is begun while `change` is uncommitted, and whether it had to wait. */
async function readBeside(
  change: (tx: Transaction, db: Database) => Promise<unknown>,
  end: (tx: Transaction) => Promise<void>,
): Promise<{ waited: boolean; value: string | undefined }> {
  const db = await open()
  const tx = db.begin()
  await change(tx, db)
  let isDone = false
  const reading = get(db).finally(() => {
    isDone = true
  })
  await settle(5)
  const waited = !isDone
  await end(tx)
  const value = await reading
  expect(db.stats().locks.held).toBe(0)
  await db.close()
  return { waited, value }
}

const CHANGES: readonly (readonly [string, (tx: Transaction, db: Database) => Promise<unknown>, string | undefined])[] =
  [
    ['a value', (tx, db) => tx.put(textTable(db), keyOf(1), 'new'), 'new'],
    ['a delete', (tx, db) => tx.delete(textTable(db), keyOf(1)), undefined],
    ['a whole range', (tx, db) => tx.clear(textTable(db)), undefined],
    ['a table that is dropped', (tx, db) => tx.dropTable(textTable(db)), undefined],
  ]

describe('what is uncommitted is waited for', () => {
  test.each(CHANGES)('%s, and shown once it has committed', async (_, change, after) => {
    expect(await readBeside(change, (tx) => tx.commit())).toEqual({ waited: true, value: after })
  })

  test.each(CHANGES)('%s, and never shown when it is rolled back', async (_, change) => {
    const db = await open()
    const before = await get(db)
    await db.close()
    expect(await readBeside(change, (tx) => tx.abort())).toEqual({ waited: true, value: before })
  })

  test('a row in a new table, which is gone after the rollback', async () => {
    const db = await open()
    const other = db.table('other', textTable(db))
    const tx = db.begin()
    await tx.put(other, 'k', 'v')
    const reading = other.get('k')
    await tx.abort()
    expect(await reading).toBeUndefined()
    await other.put('k', 'w')
    expect(await other.get('k')).toBe('w')
    await db.close()
  })
})

describe('who only reads is no hindrance', () => {
  test('nor is who writes another key', async () => {
    const read = await readBeside(
      async (tx, db) => {
        await tx.get(textTable(db), keyOf(1))
        await tx.put(textTable(db), keyOf(2), 'new')
      },
      (tx) => tx.commit(),
    )
    expect(read.waited).toBe(false)
  })

  test('but a writer that waits for one goes first', async () => {
    const db = await open()
    const reader = db.begin()
    await reader.get(textTable(db), keyOf(1))
    const writing = textTable(db).put(keyOf(1), 'new')
    const reading = get(db)
    await settle(5)
    await reader.commit()
    await writing
    expect(await reading).toBe('new')
    await db.close()
  })
})

describe('what cannot be read', () => {
  test('is nothing where there is no table', async () => {
    const db = await open()
    expect(await db.table('none', textTable(db)).get('k')).toBeUndefined()
    await db.close()
  })

  test('is said by a rejection', async () => {
    const db = await open()
    await expectFailure(() => get(db, ''), 'INVALID_ARGUMENT', 'must not be empty')
    await expectFailure(() => get(db, 'k'.repeat(10_000)), 'KEY_TOO_LARGE', '10000 bytes')
    await db.close()
    await expectFailure(() => get(db), 'DB_CLOSED', 'closed')
  })
})
