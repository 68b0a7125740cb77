/** The length of the data file that a checkpoint puts into the master record. */
import { expect, test } from 'vitest'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { openOn, PAGE_SIZE, readFile, settle, textTable } from './support.ts'

test('a data file that grows while a checkpoint syncs it may have its old length after a power cut', async () => {
  const runtime = new SimulatedRuntime(1)
  const disk = new SimulatedFileSystem({ runtime })
  const db = await openOn(disk, {
    runtime,
    poolBytes: 2000 * PAGE_SIZE,
    checkpointBytes: 1 << 30,
    maxRedoBytes: 1 << 30,
  })
  const table = textTable(db)
  let rows = 0
  const grow = async (): Promise<void> => {
    const before = readFile(disk, 'data').length
    while (readFile(disk, 'data').length === before && rows < 100) {
      await table.put(`k${rows++}`, 'x'.repeat(100_000))
    }
    expect(readFile(disk, 'data').length).toBeGreaterThan(before)
  }
  await grow()
  disk.inject('sync', { effect: 'slow', delayMs: 50 }, { file: /^data$/ })
  const checkpoint = db.checkpoint()
  await settle()
  await grow()
  let isDone = false
  void checkpoint.finally(() => {
    isDone = true
  })
  expect(isDone).toBe(false)
  while (!isDone) {
    runtime.advance(1)
    await settle(5)
  }
  await checkpoint
  const reopened = await openOn(disk.crash({ mode: 'none' }))
  expect(reopened.check()).toEqual([])
  await reopened.close()
})
