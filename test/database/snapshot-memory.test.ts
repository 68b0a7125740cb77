/** Older versions are counted with the memory that they take, so that `snapshotMaxBytes` bounds it (I35). */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { open, utf8 } from '../../src/index.ts'
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts'
import { keyOf } from './support.ts'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

const ROWS = 20_000

test.each(['changed', 'new'])('rows that are %s take about the memory that they are said to take', async (rows) => {
  const db = await open(new MemoryFileSystem(), { createIfMissing: true })
  const table = db.table('rows', { key: utf8, value: utf8 })
  const putAll = (value: string): Promise<void> =>
    table.putMany(Array.from({ length: ROWS }, (_, i): [string, string] => [keyOf(i), value]))
  const heap = (): number => {
    gc()
    gc()
    return process.memoryUsage().heapUsed
  }
  await db.transaction((tx) => tx.createTable(table))
  if (rows === 'changed') await putAll('old')
  const snapshot = db.snapshot()
  const before = heap()
  await putAll('new')
  const takenBytes = heap() - before
  const { entries, bytes } = db.stats().versions
  snapshot.close()
  await db.close()
  expect(entries).toBe(ROWS)
  expect(bytes / takenBytes).toBeGreaterThan(0.7)
  expect(bytes / takenBytes).toBeLessThan(1.5)
})
