/** `Table.get`: one key read without a transaction, and without waiting for anybody. */
import { describe, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import type { Transaction } from '../../src/database/transaction.ts'
import { diskWith, expectFailure, keyOf, openOn, settle, textOf, textTable } from './support.ts'

const rows = 3
const open = async (): Promise<Database> => openOn(await diskWith(rows))
const get = (db: Database, key = keyOf(1)): Promise<string | undefined> => textTable(db).get(key)

/** What reads show while `change` is uncommitted, and after its end. */
async function readBeside(
  change: (tx: Transaction, db: Database) => Promise<unknown>,
  end: (tx: Transaction) => Promise<void>,
): Promise<(string | undefined)[]> {
  const db = await open()
  const tx = db.begin()
  await change(tx, db)
  const beside = await get(db)
  await end(tx)
  const after = await get(db)
  expect(db.stats().locks).toMatchObject({ held: 0, waits: 0 })
  await db.close()
  return [beside, after]
}

const CHANGES: readonly (readonly [string, (tx: Transaction, db: Database) => Promise<unknown>, string | undefined])[] =
  [
    ['a value', (tx, db) => tx.put(textTable(db), keyOf(1), 'new'), 'new'],
    ['a delete', (tx, db) => tx.delete(textTable(db), keyOf(1)), undefined],
    ['a whole range', (tx, db) => tx.clear(textTable(db)), undefined],
    ['a table that is dropped', (tx, db) => tx.dropTable(textTable(db)), undefined],
  ]

describe('what is uncommitted is not seen', () => {
  test.each(CHANGES)('%s, but once it has committed', async (_, change, after) => {
    expect(await readBeside(change, (tx) => tx.commit())).toEqual([textOf(1), after])
  })

  test.each(CHANGES)('%s, and never when it is rolled back', async (_, change) => {
    expect(await readBeside(change, (tx) => tx.abort())).toEqual([textOf(1), textOf(1)])
  })

  test('a row in a new table', async () => {
    const db = await open()
    const other = db.table('other', textTable(db))
    const tx = db.begin()
    await tx.put(other, 'k', 'v')
    expect(await other.get('k')).toBeUndefined()
    await tx.abort()
    expect(await other.get('k')).toBeUndefined()
    await other.put('k', 'w')
    expect(await other.get('k')).toBe('w')
    await db.close()
  })

  test('of a prepared transaction, whose outcome is open', async () => {
    const db = await open()
    const tx = db.begin()
    await tx.put(textTable(db), keyOf(1), 'new')
    await tx.prepare('p')
    expect(await get(db)).toBe(textOf(1))
    await tx.commit()
    expect(await get(db)).toBe('new')
    await db.close()
  })

  test('nor is older versions kept for longer than there are reads', async () => {
    const db = await open()
    const tx = db.begin()
    await tx.put(textTable(db), keyOf(1), 'new')
    expect(await get(db)).toBe(textOf(1))
    expect(db.stats().versions).toMatchObject({ readers: 0, entries: 1 })
    await tx.commit()
    expect(db.stats().versions).toMatchObject({ readers: 0, entries: 0 })
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
    expect(read).toEqual([textOf(1), textOf(1)])
  })

  test('nor is who waits to write it', async () => {
    const db = await open()
    const reader = db.begin()
    await reader.get(textTable(db), keyOf(1))
    const writing = textTable(db).put(keyOf(1), 'new')
    await settle(5)
    expect(await get(db)).toBe(textOf(1))
    await reader.commit()
    await writing
    expect(await get(db)).toBe('new')
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
