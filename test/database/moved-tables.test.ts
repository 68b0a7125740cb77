/** Iterators over a table that their own transaction drops, or whose making it rolls back. */
import { describe, expect, test } from 'vitest'
import type { Isolation } from '../../src/database/options.ts'
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts'
import { openOn, textTable } from './support.ts'

const ISOLATIONS: Isolation[] = ['serializable', 'snapshot', 'read-committed']

describe.each(ISOLATIONS)('at %s, an iterator', (isolation) => {
  test('ends when the making of its table is rolled back, though another table has its pages now', async () => {
    const db = await openOn(new MemoryFileSystem())
    const [mine, other] = [textTable(db, 'mine'), textTable(db, 'other')]
    const tx = db.begin({ isolation })
    const savepoint = await tx.savepoint()
    for (const key of ['a', 'b']) await tx.put(mine, key, 'mine')
    const entries = tx.range(mine)
    expect((await entries.next()).value).toEqual(['a', 'mine'])
    await tx.rollbackTo(savepoint)
    const writer = db.begin()
    await writer.put(other, 'c', 'uncommitted')
    expect(await entries.all()).toEqual([])
    await writer.abort()
    await tx.abort()
    await db.close()
  })

  test.each([false, true])('goes on in the new table of the name (for update: %s)', async (forUpdate) => {
    const db = await openOn(new MemoryFileSystem())
    const table = textTable(db)
    for (const key of ['a', 'b']) await table.put(key, 'old')
    const tx = db.begin({ isolation })
    const entries = tx.range(table, { forUpdate })
    expect((await entries.next()).value).toEqual(['a', 'old'])
    await tx.dropTable(table)
    for (const key of ['a', 'c']) await tx.put(table, key, 'new')
    expect(await entries.all()).toEqual([['c', 'new']])
    await tx.abort()
    await db.close()
  })

  test('is where it was when the dropping of its table is rolled back', async () => {
    const db = await openOn(new MemoryFileSystem())
    const table = textTable(db)
    for (const key of ['a', 'b', 'c']) await table.put(key, 'old')
    const tx = db.begin({ isolation })
    const entries = tx.range(table, { reverse: true })
    expect((await entries.next()).value).toEqual(['c', 'old'])
    const savepoint = await tx.savepoint()
    await tx.dropTable(table)
    await tx.rollbackTo(savepoint)
    expect(await entries.all()).toEqual([
      ['b', 'old'],
      ['a', 'old'],
    ])
    await tx.abort()
    await db.close()
  })
})
