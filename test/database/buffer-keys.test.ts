/**
 * Keys that are arrays: whoever was given one may write over it or transfer it, and who gave one may use it again, and no
 * range goes astray (I21, I34).
 */
import { describe, expect, test } from 'vitest'
import { buffer } from '../../src/database/codecs.ts'
import type { Database } from '../../src/database/database.ts'
import type { Entries, SnapshotEntries } from '../../src/database/entries.ts'
import type { RangeOptions } from '../../src/database/range.ts'
import type { Table } from '../../src/database/table.ts'
import type { Transaction } from '../../src/database/transaction.ts'
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts'
import { expectFailure, openOn, waits } from './support.ts'

/** Several leaves of them. */
const ROWS = 100
/** Long enough to be outside of the runtime's heap, so that it can be transferred with what it was cut from. */
const KEY_BYTES = 100

const keyOf = (i: number): Uint8Array => new TextEncoder().encode(String(i).padStart(4, '0').padEnd(KEY_BYTES, 'k'))
const numberOf = (key: Uint8Array): number => Number(new TextDecoder().decode(key.subarray(0, 4)))
const contentOf = (i: number): Uint8Array => new Uint8Array(KEY_BYTES).fill(i)
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)

type Bytes = Table<Uint8Array, Uint8Array>

async function makeTable(): Promise<{ db: Database; table: Bytes }> {
  const db = await openOn(new MemoryFileSystem())
  const table = db.table('t', { key: buffer, value: buffer })
  await table.putMany(numbers(0, ROWS).map((i) => [keyOf(i), contentOf(i)] as const))
  return { db, table }
}

const bufferOf = (bytes: Uint8Array): ArrayBuffer => bytes.buffer as ArrayBuffer
const spoilers: Record<string, (key: Uint8Array, value: Uint8Array) => void> = {
  'written over': (key, value) => {
    key.fill(0x7a)
    value.fill(0x7a)
  },
  'written over and transferred': (key, value) => {
    key.fill(0x7a)
    structuredClone(value, { transfer: [bufferOf(value)] })
  },
  transferred: (key, value) => {
    structuredClone([key, value], { transfer: [...new Set([bufferOf(key), bufferOf(value)])] })
  },
}

type Rows = AsyncIterable<[Uint8Array, Uint8Array]> | Iterable<[Uint8Array, Uint8Array]>
type Read = (db: Database, table: Bytes, range: Omit<RangeOptions<Uint8Array>, 'forUpdate'>) => Rows
const readers: Record<string, Read> = {
  'a snapshot': (db, table, range) => db.snapshot().range(table, range),
  'a table': (_db, table, range) => table.range(range),
  'a transaction with locks': (db, table, range) => db.begin().range(table, range),
  'a transaction without': (db, table, range) => db.begin({ isolation: 'snapshot' }).range(table, range),
}

describe.each(Object.keys(spoilers))('entries that are %s', (name) => {
  const spoil = spoilers[name] as (key: Uint8Array, value: Uint8Array) => void

  test.each(Object.keys(readers).flatMap((reader) => [false, true].map((reverse) => [reader, reverse] as const)))(
    'do not change what comes after them in a range of %s (reverse: %s)',
    async (reader, reverse) => {
      const { db, table } = await makeTable()
      const found: number[] = []
      for await (const [key, value] of (readers[reader] as Read)(db, table, { reverse, limit: ROWS - 1 })) {
        expect(value).toEqual(contentOf(numberOf(key)))
        found.push(numberOf(key))
        // One too many is enough to see that it goes on and on.
        if (found.length > ROWS) break
        spoil(key, value)
      }
      expect(found).toEqual(reverse ? numbers(1, ROWS).reverse() : numbers(0, ROWS - 1))
      await db.close()
    },
  )

  test.each([1, 7, ROWS])('do not change what a snapshot shows of older versions, %i at a time', async (count) => {
    const { db, table } = await makeTable()
    for (let i = 0; i < ROWS; i += 5) await table.delete(keyOf(i))
    using snapshot = db.snapshot()
    for (let i = 1; i < ROWS; i += 3) await table.put(keyOf(i), contentOf(255))
    for (let i = 2; i < ROWS; i += 3) await table.delete(keyOf(i))
    const rows = snapshot.range(table)
    const found: number[] = []
    for (let piece = rows.nextv(count); piece.length > 0 && found.length <= ROWS; piece = rows.nextv(count)) {
      // Those of one piece may have a buffer in common, which can be transferred once.
      for (const [key, value] of piece) {
        expect(value).toEqual(contentOf(numberOf(key)))
        found.push(numberOf(key))
      }
      spoil(...(piece.at(-1) as [Uint8Array, Uint8Array]))
    }
    expect(found).toEqual(numbers(0, ROWS).filter((i) => i % 5 !== 0))
    await db.close()
  })
})

describe('a range whose keys are written over by who reads it', () => {
  test('goes on behind them after a wait', async () => {
    const { db, table } = await makeTable()
    const writer = db.begin()
    await writer.put(table, keyOf(21), contentOf(0))
    const tx = db.begin()
    const rows = tx.range(table, { gte: keyOf(20), lte: keyOf(22) })
    const [first] = (await rows.next()).value as [Uint8Array, Uint8Array]
    first.set(keyOf(0))
    const rest = rows.all()
    expect(await waits(rest)).toBe(true)
    await writer.commit()
    expect((await rest).map(([key]) => numberOf(key))).toEqual([21, 22])
    await tx.abort()
    await db.close()
  })

  test('ends at its bound', async () => {
    const { db, table } = await makeTable()
    const tx = db.begin()
    for await (const [key] of tx.range(table, { gte: keyOf(20), lte: keyOf(22) })) key.fill(0)
    // Behind the bound nothing is locked.
    expect(await waits(table.put(keyOf(23), contentOf(0)))).toBe(false)
    await tx.abort()
    await db.close()
  })

  test('goes on behind them when its table has to be looked up again', async () => {
    const { db, table } = await makeTable()
    const tx = db.begin({ isolation: 'snapshot' })
    const savepoint = await tx.savepoint()
    const rows = tx.range(table, { gte: keyOf(20), lte: keyOf(22) })
    const [first] = (await rows.next()).value as [Uint8Array, Uint8Array]
    first.set(keyOf(0))
    await tx.rollbackTo(savepoint)
    expect((await rows.all()).map(([key]) => numberOf(key))).toEqual([21, 22])
    await tx.abort()
    await db.close()
  })

  test('keeps its gaps, also backwards', async () => {
    const { db, table } = await makeTable()
    const tx = db.begin()
    for await (const [key] of tx.range(table, { gte: keyOf(10), lte: keyOf(12), reverse: true })) key.fill(0x7a)
    const between = new Uint8Array([...keyOf(10), 1])
    const insert = table.put(between, contentOf(0))
    expect(await waits(insert)).toBe(true)
    expect(await tx.count(table, { gte: keyOf(10), lte: keyOf(12) })).toBe(3)
    await tx.commit()
    await insert
    await db.close()
  })
})

type Iterator = Entries<Uint8Array, Uint8Array> | SnapshotEntries<Uint8Array, Uint8Array>
const iterators: Record<string, (db: Database, table: Bytes, range: RangeOptions<Uint8Array>) => Iterator> = {
  'a snapshot': (db, table, range) => db.snapshot().range(table, range),
  'a transaction with locks': (db, table, range) => db.begin().range(table, range),
  'a transaction without': (db, table, range) => db.begin({ isolation: 'snapshot' }).range(table, range),
}

describe.each(Object.keys(iterators))('a range of %s', (name) => {
  const rangeOf = iterators[name] as (typeof iterators)[string]

  test('has the bounds of its call, whatever becomes of their arrays', async () => {
    const { db, table } = await makeTable()
    const [gte, lt] = [keyOf(10), keyOf(20)]
    const rows = rangeOf(db, table, { gte, lt })
    gte.set(keyOf(0))
    lt.set(keyOf(99))
    expect((await rows.nextv(2)).map(([key]) => numberOf(key))).toEqual([10, 11])
    rows.seek(keyOf(5))
    expect((await rows.all()).map(([key]) => numberOf(key))).toEqual(numbers(10, 20))
    await db.close()
  })

  test('goes to the key that seek was called with', async () => {
    const { db, table } = await makeTable()
    const rows = rangeOf(db, table, { lt: keyOf(20) })
    const key = keyOf(15)
    rows.seek(key)
    key.set(keyOf(18))
    expect((await rows.all()).map(([found]) => numberOf(found))).toEqual(numbers(15, 20))
    await db.close()
  })

  test('stays where it is when seek is called with what is no key', async () => {
    const { db, table } = await makeTable()
    const rows = rangeOf(db, table, { gte: keyOf(15), lt: keyOf(20) })
    await rows.nextv(1)
    await expectFailure(() => rows.seek(new Uint8Array(4000)), 'KEY_TOO_LARGE', '4000 bytes')
    await expectFailure(() => rows.seek('text' as never), 'INVALID_ARGUMENT', 'expected a Uint8Array')
    expect((await rows.all()).map(([key]) => numberOf(key))).toEqual(numbers(16, 20))
    await db.close()
  })
})

describe('while an operation waits', () => {
  type Operation = (tx: Transaction, table: Bytes, key: Uint8Array) => Promise<unknown>
  const operations: Record<string, [Operation, unknown]> = {
    get: [(tx, table, key) => tx.get(table, key), contentOf(1)],
    'get forUpdate': [(tx, table, key) => tx.get(table, key, { forUpdate: true }), contentOf(1)],
    delete: [(tx, table, key) => tx.delete(table, key), true],
    count: [(tx, table, key) => tx.count(table, { lte: key }), 2],
    clear: [(tx, table, key) => tx.clear(table, { lte: key }), 2],
  }

  test.each(Object.keys(operations).flatMap((name) => [false, true].map((isQueued) => [name, isQueued] as const)))(
    'its caller may use the key of %s again (behind another: %s)',
    async (name, isQueued) => {
      const { db, table } = await makeTable()
      const holder = db.begin()
      await holder.put(table, keyOf(1), contentOf(99))
      const tx = db.begin()
      const first = isQueued ? tx.get(table, keyOf(1)) : undefined
      const key = keyOf(1)
      const [operation, expected] = operations[name] as [Operation, unknown]
      const result = operation(tx, table, key)
      expect(await waits(result)).toBe(true)
      key.set(keyOf(5))
      await holder.abort()
      expect(await result).toEqual(expected)
      await first
      // Nothing else has been locked.
      expect(await waits(table.put(keyOf(5), contentOf(5)))).toBe(false)
      await tx.abort()
      await db.close()
    },
  )
})
