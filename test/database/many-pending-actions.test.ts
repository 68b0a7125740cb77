/** A transaction may leave more for after its commit than a call takes arguments. */
import { expect, test } from 'vitest'
import { openParts } from '../../src/database/open-location.ts'
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts'
import type { TransactionEntry } from '../../src/recovery/transaction-table.ts'
import { named } from './prepare-support.ts'
import { textTable } from './support.ts'

const ACTIONS = 150_000

test('a database with a prepared transaction that has left very much for after its commit opens', async () => {
  const disk = new MemoryFileSystem()
  const { database, opened } = await openParts(disk, { createIfMissing: true, durability: 'none' })
  const tx = database.begin()
  await tx.put(textTable(database), 'k', 'v')
  const { transactions } = opened.managers
  const entry = transactions.oldestEntry as TransactionEntry
  for (let i = 0; i < ACTIONS; i++) transactions.addPending(entry, new Uint8Array(1))
  await tx.prepare('much')
  await database.close()
  const again = await openParts(disk, {})
  expect([...again.opened.managers.transactions.active].map(({ pending }) => pending.length)).toEqual([ACTIONS])
  await named(again.database, 'much').abort()
  await again.database.close()
})
