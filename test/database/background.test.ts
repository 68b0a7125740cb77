/** When the background begins to work, and that nobody waits for what it will not do. */
import { expect, test } from 'vitest'
import { asLsn, NULL_LSN } from '../../src/common/ids.ts'
import { Maintenance, type MaintenanceParts } from '../../src/database/maintenance.ts'
import { FailStop } from '../../src/io/fail-stop.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { expectRows, openOn, PAGE_SIZE, settle, waits, writeRows } from './support.ts'

/** No checkpoint comes, and no flush. */
const QUIET = { checkpointBytes: 1 << 30, runtime: new SimulatedRuntime(1), poolBytes: 1000 * PAGE_SIZE }

test('pages are written back when redo would become too long', async () => {
  const db = await openOn(new SimulatedFileSystem(), { ...QUIET, maxRedoBytes: 1 << 18 })
  await writeRows(db, 0, 100, 500)
  await settle()
  expect(db.stats().buffer.pagesWritten, 'those of the empty database').toBeLessThan(5)
  await writeRows(db, 100, 1200, 500)
  await settle()
  expect(db.stats().buffer.pagesWritten).toBeGreaterThan(50)
  await expectRows(db, 1200, 500)
  await db.close()
})

test('pages are written back when most of the pool is dirty', async () => {
  const db = await openOn(new SimulatedFileSystem(), { ...QUIET, poolBytes: 100 * PAGE_SIZE, maxRedoBytes: 1 << 30 })
  await writeRows(db, 0, 50, 1000)
  await settle()
  expect(db.stats().buffer.pagesWritten, 'those of the empty database').toBeLessThan(5)
  await writeRows(db, 50, 400, 1000)
  await settle()
  expect(db.stats().buffer.dirtyPages).toBeLessThanOrEqual(60)
  await expectRows(db, 400, 1000)
  await db.close()
})

test('who waits for room goes on, when there is room before the background has looked', async () => {
  const runtime = new SimulatedRuntime(1)
  const buffer = { dirtyCount: 80, frameCount: 100, isReserveLow: false, minRecLsn: () => NULL_LSN }
  const parts = {
    runtime,
    failStop: new FailStop(),
    buffer,
    log: { nextLsn: asLsn(8), isSegmentStepDue: () => false },
    btree: { uncleanLeafCount: 0 },
    pending: { size: 0 },
    checkpointer: { logBytesSince: 0, lowWater: { lsn: asLsn(8) } },
    settings: { flushIntervalMs: 100, maxRedoBytes: 1 << 20, checkpointBytes: 1 << 20, checkpointIntervalMs: 1000 },
    writable: true,
  }
  const maintenance = new Maintenance(parts as unknown as MaintenanceParts)
  const room = maintenance.room()
  buffer.dirtyCount = 50
  expect(await waits(room as Promise<void>)).toBe(false)
})
