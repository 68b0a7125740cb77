/** Who uses thousands of tables in one transaction finds each of them as quickly as who uses a few. */
import { expect, test } from 'vitest'
import { open, utf8 } from '../../src/index.ts'
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts'

const PUTS = 4000

/** The least time of some tries to put into the first two tables in turn, when a transaction has made so many. */
async function msOfPuts(tableCount: number): Promise<number> {
  const db = await open(new MemoryFileSystem(), { createIfMissing: true, durability: 'none' })
  const tx = db.begin()
  const tables = Array.from({ length: tableCount }, (_, i) => db.table(`table ${i}`, { key: utf8, value: utf8 }))
  for (const table of tables) await tx.createTable(table)
  let leastMs = Number.POSITIVE_INFINITY
  for (let tries = 0; tries < 3; tries++) {
    const startedMs = performance.now()
    for (let i = 0; i < PUTS; i++) await tx.put(tables[i % 2]!, 'key', 'value')
    leastMs = Math.min(leastMs, performance.now() - startedMs)
  }
  await tx.abort()
  await db.close()
  return leastMs
}

test('a transaction finds its tables as quickly among thousands', async () => {
  const few = await msOfPuts(2)
  expect((await msOfPuts(8000)) / few).toBeLessThan(5)
})

test('a table is made as quickly when thousands have been made', async () => {
  const db = await open(new MemoryFileSystem(), { createIfMissing: true, durability: 'none' })
  const tx = db.begin()
  const msOfTables = async (from: number, to: number): Promise<number> => {
    const startedMs = performance.now()
    for (let i = from; i < to; i++) await tx.createTable(db.table(`table ${i}`, { key: utf8, value: utf8 }))
    return performance.now() - startedMs
  }
  await msOfTables(0, 500)
  const earlyMs = await msOfTables(500, 1500)
  await msOfTables(1500, 10_000)
  expect((await msOfTables(10_000, 11_000)) / earlyMs).toBeLessThan(3)
  await tx.abort()
  await db.close()
})
