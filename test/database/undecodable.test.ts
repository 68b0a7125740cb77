/** A row that a codec cannot read is told by table and key, with what the codec threw; the rows beside it are there. */
import { expect, test } from 'vitest'
import { AriesError } from '../../src/common/errors.ts'
import { json, utf8 } from '../../src/database/codecs.ts'
import type { Database } from '../../src/database/database.ts'
import { number } from '../../src/database/ordered-codecs.ts'
import type { Table } from '../../src/database/table.ts'
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts'
import { openOn } from './support.ts'

const NUMBERS = { key: utf8, value: json<number>() } as const

/** Three rows, of which the second is no JSON. */
async function makeTable(): Promise<{ db: Database; table: Table<string, number> }> {
  const db = await openOn(new MemoryFileSystem())
  const texts = db.table('rows', { key: utf8, value: utf8 })
  await texts.putMany([
    ['a', '1'],
    ['b', 'not JSON'],
    ['c', '3'],
  ])
  return { db, table: db.table('rows', NUMBERS) }
}

async function errorOf(operation: () => unknown): Promise<AriesError> {
  try {
    await operation()
  } catch (error) {
    if (AriesError.is(error)) return error
    throw error
  }
  return expect.unreachable('it was decoded')
}

async function all<T>(entries: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const entry of entries) found.push(entry)
  return found
}

test('every way to read says which row of which table it is', async () => {
  const { db, table } = await makeTable()
  using snapshot = db.snapshot()
  await using tx = db.begin()
  await using view = db.begin({ isolation: 'snapshot' })
  const ways = {
    'Table.get': () => table.get('b'),
    'Table.range': () => all(table.range()),
    'Transaction.get': () => tx.get(table, 'b'),
    'Transaction.get of a snapshot': () => view.get(table, 'b'),
    'Transaction.range': () => tx.range(table).all(),
    'Snapshot.get': () => snapshot.get(table, 'b'),
    'Snapshot.range': () => snapshot.range(table).all(),
    'Snapshot.salvage': () => [...snapshot.salvage(table, () => expect.unreachable('nothing is damaged'))],
  }
  for (const [name, way] of Object.entries(ways)) {
    const error = await errorOf(way)
    expect(error, name).toMatchObject({ code: 'DECODE_FAILED', retryable: false, details: { table: 'rows' } })
    expect(error.details['key'], name).toEqual(utf8.encode('b'))
    expect(error.cause, name).toBeInstanceOf(SyntaxError)
    expect(error.message, name).toContain(`the value of the key 'b' of table "rows" cannot be decoded`)
  }
  await db.close()
})

test('a key that its codec cannot read is told as such', async () => {
  const { db } = await makeTable()
  const error = await errorOf(() => all(db.table('rows', { key: number, value: utf8 }).range()))
  expect(error).toMatchObject({ code: 'DECODE_FAILED', details: { table: 'rows' } })
  expect(error.message).toContain(`the key 'a' of table "rows" cannot be decoded`)
  await db.close()
})

test('an iterator stands behind the row and goes on', async () => {
  const { db, table } = await makeTable()
  using snapshot = db.snapshot()
  await using tx = db.begin()
  for (const entries of [snapshot.range(table), tx.range(table)]) {
    expect((await entries.next()).value).toEqual(['a', 1])
    expect((await errorOf(() => entries.next())).code).toBe('DECODE_FAILED')
    expect((await entries.next()).value).toEqual(['c', 3])
    expect((await entries.next()).done).toBe(true)
  }
  await db.close()
})

test('a transaction that met one can be committed', async () => {
  const { db, table } = await makeTable()
  await db.transaction(async (tx) => {
    expect((await errorOf(() => tx.get(table, 'b', { forUpdate: true }))).code).toBe('DECODE_FAILED')
    await tx.put(table, 'b', 2)
  })
  expect(await all(table.range())).toEqual([
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ])
  await db.close()
})
