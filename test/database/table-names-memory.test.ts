/** Memory does not grow with the table names that were ever asked for (I35). */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { open, utf8 } from '../../src/index.ts'
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc') as () => void

test('memory does not grow with the number of table names that were ever asked for', async () => {
  const db = await open(new MemoryFileSystem(), { createIfMissing: true })
  const heap = (): number => {
    gc()
    gc()
    const { heapUsed, external } = process.memoryUsage()
    return heapUsed + external
  }
  const look = async (from: number, to: number): Promise<void> => {
    for (let i = from; i < to; i++) {
      const table = db.table(`tenant-${i}-${'x'.repeat(200)}`, { key: utf8, value: utf8 })
      await table.get('a')
    }
  }
  await look(0, 10_000)
  const before = heap()
  await look(10_000, 40_000)
  const grownBytes = heap() - before
  await db.close()
  expect(grownBytes, 'bytes kept after 30,000 other names').toBeLessThan(3 << 20)
})
