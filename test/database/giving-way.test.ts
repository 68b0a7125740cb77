/** Work that never has to wait for anything lets timers, input and the background run all the same. */
import { expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import type { Transaction } from '../../src/database/transaction.ts'
import { nodeRuntime } from '../../src/io/node-runtime.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { keyOf, openOn, PAGE_SIZE, textOf, textTable, writeRows } from './support.ts'

const CLIENTS = 64
/** So many operations of all clients together in one turn of the event loop, and one more of each. */
const OPERATIONS_MAX = 512 + CLIENTS

/** The most operations that were done between two turns of the event loop. */
async function mostInATurn(operate: (client: number, i: number) => Promise<unknown>, count = 200): Promise<number> {
  let done = 0
  let most = 0
  let isOver = false
  const beat = (): void => {
    most = Math.max(most, done)
    done = 0
    if (!isOver) setImmediate(beat)
  }
  setImmediate(beat)
  await Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      for (let i = 0; i < count; i++) {
        await operate(client, i)
        done++
      }
    }),
  )
  isOver = true
  return Math.max(most, done)
}

test('many clients that read', async () => {
  const db = await openOn(new SimulatedFileSystem(), { runtime: nodeRuntime })
  await writeRows(db, 0, 100)
  expect(await mostInATurn((client) => textTable(db).get(keyOf(client)))).toBeLessThanOrEqual(OPERATIONS_MAX)
  await db.close()
})

test('many clients that write', async () => {
  const db = await openOn(new SimulatedFileSystem(), { runtime: nodeRuntime, durability: 'none' })
  const put = (client: number, i: number): Promise<void> => textTable(db).put(keyOf(client), textOf(i))
  expect(await mostInATurn(put)).toBeLessThanOrEqual(OPERATIONS_MAX)
  await db.close()
})

test.each<[string, (tx: Transaction, db: Database, i: number) => Promise<unknown>]>([
  ['reads', (tx, db, i) => tx.get(textTable(db), keyOf(i))],
  ['reads what is not there', (tx, db, i) => tx.get(textTable(db, 'none'), keyOf(i))],
  ['deletes', (tx, db, i) => tx.delete(textTable(db), keyOf(i))],
  ['makes tables', (tx, db, i) => tx.createTable(textTable(db, `table ${i}`))],
  ['asks for the first row', (tx, db) => tx.range(textTable(db), { limit: 1 }).next()],
])('a transaction that %s', async (_name, operate) => {
  const db = await openOn(new SimulatedFileSystem(), { runtime: nodeRuntime })
  await writeRows(db, 0, 100)
  const transactions = Array.from({ length: CLIENTS }, () => db.begin({ isolation: 'read-committed' }))
  const ofOne = (client: number, i: number): Promise<unknown> => operate(transactions[client]!, db, 20 * client + i)
  expect(await mostInATurn(ofOne, 20)).toBeLessThanOrEqual(OPERATIONS_MAX)
  await db.close()
})

test('who goes through a range', async () => {
  const db = await openOn(new SimulatedFileSystem(), { runtime: nodeRuntime })
  await writeRows(db, 0, 2000)
  const ranges = Array.from({ length: CLIENTS }, () => textTable(db).range())
  const ENTRIES_PER_OPERATION = 8
  const most = await mostInATurn((client) => ranges[client]!.next())
  expect(most).toBeLessThanOrEqual(ENTRIES_PER_OPERATION * OPERATIONS_MAX)
  for (const range of ranges) await range.return()
  await db.close()
})

test.each(['serializable', 'read-committed'] as const)(
  'who passes over what it has deleted, at %s',
  async (isolation) => {
    const db = await openOn(new SimulatedFileSystem(), { runtime: nodeRuntime })
    await writeRows(db, 0, 3000)
    await using tx = db.begin({ isolation })
    await tx.clear(textTable(db), { lt: keyOf(2999) })
    for (const reverse of [false, true]) {
      let turns = 0
      let isOver = false
      const beat = (): void => {
        turns++
        if (!isOver) setImmediate(beat)
      }
      setImmediate(beat)
      expect(await tx.range(textTable(db), { reverse }).all()).toEqual([[keyOf(2999), textOf(2999)]])
      isOver = true
      expect(turns).toBeGreaterThanOrEqual(5)
    }
    await db.close()
  },
)

test('who writes faster than pages can be written back waits, so that nobody has to write for a frame', async () => {
  const db = await openOn(new SimulatedFileSystem(), { durability: 'lazy', poolBytes: 512 * PAGE_SIZE })
  const put = (i: number): Promise<void> => textTable(db).put(keyOf((i * 7919) % 100_000), textOf(i, 800))
  await Promise.all(
    Array.from({ length: 16 }, async (_, client) => {
      for (let i = 0; i < 400; i++) await put(client + 16 * i)
    }),
  )
  const { buffer } = db.stats()
  expect(buffer.evictions).toBeGreaterThan(500)
  expect(buffer.demandBatches).toBe(0)
  await db.close()
})

test('a put that comes when the turn is over does nothing before the next', async () => {
  const db = await openOn(new SimulatedFileSystem())
  await textTable(db).put('first', 'of the table')
  const puts = Array.from({ length: 1000 }, (_, i) => textTable(db).put(keyOf(i % 900), textOf(i)))
  expect(db.stats().transactions.active).toBeLessThanOrEqual(512)
  await Promise.all(puts)
  expect(await textTable(db).get(keyOf(99))).toBe(textOf(999))
  expect(await textTable(db).get(keyOf(100))).toBe(textOf(100))
  await db.close()
})
