/** Clearing a range is one operation: all of it is done, or nothing. */
import { expect, test } from 'vitest'
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { expectFailure, expectRows, keyOf, openOn, settle, textTable, writeRows } from './support.ts'

const ROWS = 10

test('a clear that waits for a lock in vain leaves nothing of it, and what was done before stays', async () => {
  const runtime = new SimulatedRuntime(1)
  const db = await openOn(new MemoryFileSystem(), { runtime })
  await writeRows(db, 0, ROWS + 1)
  const table = textTable(db)
  const reader = db.begin()
  await reader.get(table, keyOf(5))
  const tx = db.begin({ lockTimeoutMs: 1 })
  await tx.delete(table, keyOf(ROWS))
  const clearing = expectFailure(() => tx.clear(table), 'TX_LOCK_TIMEOUT', keyOf(5))
  await settle(5)
  runtime.advance(2)
  await clearing
  await tx.commit()
  await reader.commit()
  await expectRows(db, ROWS)
  await db.close()
})

test('a clear that meets what others have changed since leaves nothing of it', async () => {
  const db = await openOn(new MemoryFileSystem())
  await writeRows(db, 0, ROWS)
  const table = textTable(db)
  const tx = db.begin({ isolation: 'snapshot' })
  await table.put(keyOf(5), 'changed')
  await expectFailure(() => tx.clear(table), 'TX_CONFLICT', 'was changed')
  expect(await tx.count(table)).toBe(ROWS)
  await tx.commit()
  expect(await table.count()).toBe(ROWS)
  await db.close()
})
