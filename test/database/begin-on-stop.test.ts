/**
 * `begin` of a reader has to read what is uncommitted. When the engine stops over that, it is told by `begin`
 * and by nothing else.
 */
import { expect, test } from 'vitest'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { segmentName } from '../../src/log/segment.ts'
import { SlowTurns } from '../io/slow-turns.ts'
import {
  expectFailure,
  keyOf,
  openOn,
  PAGE_SIZE,
  readFile,
  settle,
  textTable,
  writeFile,
  writeRows,
} from './support.ts'

test('the engine stops while a reader is begun: no rejection is left unhandled', async () => {
  const unhandled: unknown[] = []
  const listeners = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  const note = (error: unknown): void => void unhandled.push(error)
  process.on('unhandledRejection', note)
  try {
    const disk = new SimulatedFileSystem()
    const large = { poolBytes: 1024 * PAGE_SIZE, checkpointBytes: 1 << 30 }
    const first = await openOn(disk, { ...large, pageSize: PAGE_SIZE, segmentBytes: 65_536 })
    await writeRows(first, 0, 400, 500)
    const tx = first.begin()
    await tx.put(textTable(first), keyOf(7), 'in doubt')
    await tx.prepare('p')
    const image = disk.crash({ mode: 'kill' })
    const db = await openOn(image, { ...large, deferRedo: true, runtime: new SlowTurns(1) })
    expect(db.inDoubt().length).toBe(1)
    expect(db.stats().pages.deferred).toBeGreaterThan(10)
    writeFile(image, segmentName(0), new Uint8Array(readFile(image, segmentName(0)).length))
    await expectFailure(() => db.begin({ readOnly: true }), 'DB_FAILED', 'no valid record at LSN')
    await settle()
    await db.close()
    expect(unhandled.map(String)).toEqual([])
  } finally {
    process.off('unhandledRejection', note)
    for (const listener of listeners) process.on('unhandledRejection', listener)
  }
})
