/**
 * What a transaction has read stays as it was, and nothing appears in it: key-range locks. Each case
 * says what one transaction reads and what another then writes, and whether that has to wait.
 */
import { describe, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import type { RangeOptions } from '../../src/database/range.ts'
import type { Transaction } from '../../src/database/transaction.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { failureOf, keyOf, openOn, settle, textTable, waits } from './support.ts'

/** Rows b, d, f; h is a ghost: deleted, and nobody has cleaned up yet. */
async function makeDatabase(): Promise<Database> {
  const db = await openOn(new SimulatedFileSystem(), { lockTimeoutMs: Number.POSITIVE_INFINITY })
  await db.transaction(async (tx) => {
    for (const key of ['b', 'd', 'f', 'h']) await tx.put(textTable(db), key, key)
  })
  return db
}

async function keysOf(tx: Transaction, db: Database, range: RangeOptions<string>): Promise<string> {
  const keys: string[] = []
  for await (const [key] of tx.range(textTable(db), range)) keys.push(key)
  return keys.join('')
}

type Write = (tx: Transaction, db: Database) => Promise<unknown>
const put =
  (key: string): Write =>
  (tx, db) =>
    tx.put(textTable(db), key, 'new')
const remove =
  (key: string): Write =>
  (tx, db) =>
    tx.delete(textTable(db), key)

/** Whether `write` of another transaction waits for `reader`; it must come through once that has ended. */
async function waitsFor(reader: Transaction, db: Database, write: Write): Promise<boolean> {
  const writer = db.begin()
  let isDone = false
  const written = write(writer, db).then(() => {
    isDone = true
  })
  await settle(5)
  const waited = !isDone
  await reader.commit()
  await written
  await writer.commit()
  expect(db.check()).toEqual([])
  return waited
}

interface Case {
  readonly range: RangeOptions<string>
  readonly sees: string
  readonly waits: string
  readonly free: string
}

const CASES: readonly Case[] = [
  { range: {}, sees: 'bdfh', waits: 'aceglz', free: '' },
  { range: { reverse: true }, sees: 'hfdb', waits: 'aceglz', free: '' },
  { range: { gte: 'd' }, sees: 'dfh', waits: 'egz', free: 'ac' },
  { range: { gt: 'd' }, sees: 'fh', waits: 'egz', free: 'ac' },
  { range: { gte: 'd', lte: 'f' }, sees: 'df', waits: 'e', free: 'acgz' },
  { range: { gte: 'd', lte: 'f', reverse: true }, sees: 'fd', waits: 'e', free: 'acgz' },
  { range: { gt: 'd', lt: 'f' }, sees: '', waits: 'e', free: 'acgz' },
  { range: { gt: 'd', lt: 'f', reverse: true }, sees: '', waits: 'e', free: 'agz' },
  { range: { gte: 'c', lte: 'e' }, sees: 'd', waits: 'ce', free: 'agz' },
  { range: { gte: 'c', lte: 'e', reverse: true }, sees: 'd', waits: 'ce', free: 'agz' },
  { range: { lt: 'd' }, sees: 'b', waits: 'ac', free: 'egz' },
  { range: { lt: 'd', reverse: true }, sees: 'b', waits: 'ac', free: 'egz' },
  { range: { gte: 'x' }, sees: '', waits: 'z', free: 'aceg' },
  { range: { gte: 'x', reverse: true }, sees: '', waits: 'z', free: 'aceg' },
  { range: { limit: 2 }, sees: 'bd', waits: 'ac', free: 'egz' },
  { range: { reverse: true, limit: 2 }, sees: 'hf', waits: 'gz', free: 'ac' },
  { range: { limit: 0 }, sees: '', waits: '', free: 'acegz' },
  { range: { gte: 'f', lte: 'd' }, sees: '', waits: '', free: 'acz' },
]

describe('a range keeps others from inserting into it', () => {
  for (const { range, sees, waits, free } of CASES) {
    test(`${JSON.stringify(range)} sees ${sees || 'nothing'}`, async () => {
      for (const [keys, expected] of [
        [waits, true],
        [free, false],
      ] as const) {
        for (const key of keys) {
          const db = await makeDatabase()
          const reader = db.begin()
          expect(await keysOf(reader, db, range)).toBe(sees)
          expect(await waitsFor(reader, db, put(key)), `insert of ${key}`).toBe(expected)
          await db.close()
        }
      }
    })
  }

  test.each([
    ['count', (tx: Transaction, db: Database) => tx.count(textTable(db), { gte: 'c', lte: 'e' })],
    ['clear', (tx: Transaction, db: Database) => tx.clear(textTable(db), { gte: 'c', lte: 'e' })],
    ['range for update', (tx: Transaction, db: Database) => keysOf(tx, db, { gte: 'c', lte: 'e', forUpdate: true })],
  ])('%s does too', async (_name, read) => {
    for (const [key, expected] of [
      ['c', true],
      ['e', true],
      ['a', false],
      ['g', false],
    ] as const) {
      const db = await makeDatabase()
      const reader = db.begin()
      await read(reader, db)
      expect(await waitsFor(reader, db, put(key)), key).toBe(expected)
      await db.close()
    }
  })

  test('an empty table, whose end is all there is', async () => {
    const db = await makeDatabase()
    await db.transaction((tx) => tx.createTable(textTable(db, 'empty')))
    const reader = db.begin()
    expect(await reader.count(textTable(db, 'empty'))).toBe(0)
    expect(await waitsFor(reader, db, (tx) => tx.put(textTable(db, 'empty'), 'a', ''))).toBe(true)
    await db.close()
  })

  test('another table is free', async () => {
    const db = await makeDatabase()
    await db.transaction((tx) => tx.put(textTable(db, 'other'), 'k', ''))
    const reader = db.begin()
    await reader.count(textTable(db))
    expect(await waitsFor(reader, db, (tx) => tx.put(textTable(db, 'other'), 'a', ''))).toBe(false)
    await db.close()
  })

  test('two readers of one range do not wait for each other', async () => {
    const db = await makeDatabase()
    const reader = db.begin()
    await reader.count(textTable(db))
    expect(await waitsFor(reader, db, (tx) => tx.count(textTable(db)))).toBe(false)
    await db.close()
  })
})

describe('what was not there', () => {
  test('and was asked for stays away', async () => {
    const db = await makeDatabase()
    const reader = db.begin()
    expect(await reader.get(textTable(db), 'c')).toBeUndefined()
    expect(await waitsFor(reader, db, put('c'))).toBe(true)
    await db.close()
  })

  test('and lies beside what was asked for may come', async () => {
    const db = await makeDatabase()
    const reader = db.begin()
    await reader.get(textTable(db), 'c')
    expect(await waitsFor(reader, db, put('ca'))).toBe(false)
    await db.close()
  })

  test('because it was deleted comes back only afterwards', async () => {
    const db = await makeDatabase()
    const deleter = db.begin()
    await deleter.delete(textTable(db), 'h')
    const reader = db.begin()
    const seen = keysOf(reader, db, {})
    await settle(5)
    await deleter.commit()
    expect(await seen).toBe('bdf')
    expect(await waitsFor(reader, db, put('h'))).toBe(true)
    await db.close()
  })
})

describe('the gap a key comes into', () => {
  test('is kept in both parts by whoever kept it and put the key there', async () => {
    for (const key of ['da', 'ea']) {
      const db = await makeDatabase()
      const reader = db.begin()
      expect(await keysOf(reader, db, { gte: 'c', lt: 'g' })).toBe('df')
      await reader.put(textTable(db), 'e', 'mine')
      expect(await waitsFor(reader, db, put(key)), key).toBe(true)
      await db.close()
    }
  })

  test('is whole again after the rollback of the key', async () => {
    const db = await makeDatabase()
    const reader = db.begin()
    await keysOf(reader, db, {})
    const savepoint = await reader.savepoint()
    await reader.put(textTable(db), 'e', 'mine')
    await reader.rollbackTo(savepoint)
    expect(await waitsFor(reader, db, put('da'))).toBe(true)
    await db.close()
  })

  test.each([
    { what: 'a bound', range: { gt: 'f', lt: 'g' }, own: ['g'], waits: 'fa' },
    { what: 'a last key', range: { gt: 'f', lte: 'g' }, own: ['g'], waits: 'fa' },
    { what: 'several bounds', range: { gt: 'f', lt: 'g' }, own: ['g', 'ga', 'gb'], waits: 'fa' },
    { what: 'bounds up to the end', range: { gt: 'h', lt: 'm' }, own: ['m', 'n'], waits: 'k' },
    { what: 'keys in the middle', range: { gte: 'd', lte: 'h' }, own: ['e', 'ea', 'g'], waits: 'eb' },
  ])('is whole again after the rollback of $what', async ({ range, own, waits: key }) => {
    for (const reverse of [false, true]) {
      const db = await makeDatabase()
      const reader = db.begin()
      const savepoint = await reader.savepoint()
      for (const each of own) await reader.put(textTable(db), each, 'mine')
      await keysOf(reader, db, { ...range, reverse })
      await reader.rollbackTo(savepoint)
      expect(await waitsFor(reader, db, put(key)), reverse ? 'backwards' : 'forwards').toBe(true)
      await db.close()
    }
  })

  test('is whole again also where a walk has stopped', async () => {
    for (const reverse of [false, true]) {
      const db = await makeDatabase()
      const reader = db.begin()
      const savepoint = await reader.savepoint()
      for (const key of ['e', 'ea', 'eb']) await reader.put(textTable(db), key, 'mine')
      const walk = reader.range(textTable(db), { gte: 'd', reverse })
      for (let key: string | undefined; key !== 'ea'; ) key = (await walk.next()).value?.[0]
      await reader.rollbackTo(savepoint)
      expect(await waitsFor(reader, db, put(reverse ? 'ec' : 'da'))).toBe(true)
      await db.close()
    }
  })

  test('is shared by two who put keys there', async () => {
    const db = await makeDatabase()
    const far = db.begin()
    await keysOf(far, db, { lte: 'b' })
    const first = db.begin()
    await first.put(textTable(db), 'da', '')
    expect(await waitsFor(first, db, put('db'))).toBe(false)
    await far.commit()
    await db.close()
  })

  test('moves with splits and merges', async () => {
    const db = await makeDatabase()
    await db.transaction(async (tx) => {
      for (let i = 0; i < 400; i += 2) await tx.put(textTable(db, 'big'), keyOf(i), 'x'.repeat(100))
    })
    const reader = db.begin()
    expect(await reader.count(textTable(db, 'big'), { gte: keyOf(100), lte: keyOf(200) })).toBe(51)
    await db.transaction(async (tx) => {
      for (let i = 1; i < 99; i += 2) await tx.put(textTable(db, 'big'), keyOf(i), 'y'.repeat(300))
      for (let i = 202; i < 400; i += 2) await tx.delete(textTable(db, 'big'), keyOf(i))
    })
    await settle()
    expect(await waitsFor(reader, db, (tx) => tx.put(textTable(db, 'big'), keyOf(151), ''))).toBe(true)
    await db.close()
  })
})

test('a key that may still be rolled back is no bound of a range', async () => {
  for (const reverse of [false, true]) {
    const db = await makeDatabase()
    const writer = db.begin()
    await writer.put(textTable(db), 'g', 'perhaps')
    const reader = db.begin()
    const seen = keysOf(reader, db, { gt: 'b', lte: 'fa', reverse })
    await settle(5)
    await writer.abort()
    expect(await seen).toBe(reverse ? 'fd' : 'df')
    expect(await waitsFor(reader, db, put('fa'))).toBe(true)
    await db.close()
  }
})

describe('a wait inside a range', () => {
  test('finds what came before the key it waited for', async () => {
    const db = await makeDatabase()
    const writer = db.begin()
    await writer.put(textTable(db), 'd', 'changed')
    const reader = db.begin()
    const seen = keysOf(reader, db, {})
    await settle(5)
    await writer.put(textTable(db), 'c', 'before it')
    await writer.commit()
    expect(await seen).toBe('bcdfh')
    await reader.commit()
    await db.close()
  })

  test('passes over a key that was rolled back', async () => {
    for (const reverse of [false, true]) {
      const db = await makeDatabase()
      const writer = db.begin()
      await writer.put(textTable(db), 'e', 'never')
      const reader = db.begin()
      const seen = keysOf(reader, db, { reverse })
      await settle(5)
      await writer.abort()
      expect(await seen).toBe(reverse ? 'hfdb' : 'bdfh')
      expect(await waitsFor(reader, db, put('ea'))).toBe(true)
      await db.close()
    }
  })
})

test('two who count and then add cannot both be right: one gives way', async () => {
  const db = await makeDatabase()
  const [first, second] = [db.begin(), db.begin()]
  for (const tx of [first, second]) expect(await tx.count(textTable(db))).toBe(4)
  const added = first.put(textTable(db), 'x', '')
  const error = await failureOf(() => second.put(textTable(db), 'y', ''))
  expect(error.code).toBe('TX_DEADLOCK')
  await added
  await first.commit()
  expect(await textTable(db).count()).toBe(5)
  await db.close()
})

test('deletes wait for readers of the range, as before', async () => {
  const db = await makeDatabase()
  const reader = db.begin()
  await keysOf(reader, db, { gte: 'c', lte: 'e' })
  expect(await waitsFor(reader, db, remove('d'))).toBe(true)
  await db.close()
})

test('who lists the tables waits for a drop that may be rolled back', async () => {
  const db = await openOn(new SimulatedFileSystem())
  await textTable(db).put('k', 'v')
  const [dropper, reader] = [db.begin(), db.begin()]
  await dropper.dropTable(textTable(db))
  const names = reader.tables()
  expect(await waits(names)).toBe(true)
  await dropper.abort()
  expect(await names).toEqual(['rows'])
  await reader.commit()
  await db.close()
})

test('who lists the tables sees all that a transaction has made, or none', async () => {
  const db = await openOn(new SimulatedFileSystem())
  const [maker, reader] = [db.begin(), db.begin()]
  await maker.put(textTable(db, 'm'), 'k', 'v')
  const names = reader.tables()
  expect(await waits(names)).toBe(true)
  await maker.put(textTable(db, 'a'), 'k', 'v')
  await maker.put(textTable(db, 'z'), 'k', 'v')
  await maker.commit()
  expect(await names).toEqual(['a', 'm', 'z'])
  await reader.commit()
  await db.close()
})
