/** Segments of the log are made in the background before anybody needs them, and nothing of that stays behind. */
import { describe, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { NEW_SEGMENT_NAME, segmentNumberOf } from '../../src/log/segment.ts'
import { expectDiskHas, expectRows, openOn, SEGMENT_BYTES, writeRows } from './support.ts'

const idle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const segmentsOn = (disk: SimulatedFileSystem): number =>
  disk.list().filter((name) => segmentNumberOf(name) !== undefined).length

/** Room behind the end of a log whose first segment is still there. */
const aheadOf = (db: Database): number => db.stats().log.fileBytes - db.stats().log.endLsn

describe('segments made ahead', () => {
  test('there is always room for the next transactions, and never more than a segment too much', async () => {
    const db = await openOn(new SimulatedFileSystem(), { checkpointBytes: 1 << 30, maxRedoBytes: 1 << 30 })
    for (let i = 0; i < 60; i++) {
      await writeRows(db, i * 20, i * 20 + 20, 600)
      await idle()
      expect(aheadOf(db)).toBeGreaterThan(SEGMENT_BYTES / 2)
      expect(aheadOf(db)).toBeLessThan(2 * SEGMENT_BYTES)
    }
    await expectRows(db, 1200, 600)
    await db.close()
  })

  test('a clean close keeps the segment in which the log ends, and no other', async () => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk, { checkpointBytes: 1 << 30, maxRedoBytes: 1 << 30 })
    for (let i = 0; i < 30; i++) await writeRows(db, i * 20, i * 20 + 20, 600)
    const { endLsn } = db.stats().log
    expect(segmentsOn(disk)).toBeGreaterThan(2)
    await db.close()
    const numbers = disk.list().flatMap((name) => segmentNumberOf(name) ?? [])
    expect(numbers).toHaveLength(1)
    expect(numbers[0]).toBeGreaterThanOrEqual(Math.floor(endLsn / SEGMENT_BYTES))
    const again = await openOn(disk.crash({ mode: 'none' }))
    expect(again.recovery.wasNeeded).toBe(false)
    await expectRows(again, 600, 600)
    await again.close()
  })

  test('a database that is only read does not grow', async () => {
    const disk = new SimulatedFileSystem()
    const writer = await openOn(disk)
    disk.failNext('write', { errno: 'ENOSPC', file: /^log-new$/, times: Number.POSITIVE_INFINITY })
    await writeRows(writer, 0, 150, 800)
    await writer.close()
    disk.clearFaults()
    const before = segmentsOn(disk)
    expect(before).toBe(1)
    const runtime = new SimulatedRuntime(1)
    const db = await openOn(disk, { runtime })
    expect(aheadOf(db)).toBeLessThan(SEGMENT_BYTES / 2)
    await expectRows(db, 150, 800)
    for (let i = 0; i < 5; i++) {
      runtime.advance(1000)
      await idle()
    }
    expect(segmentsOn(disk)).toBe(before)
    await db.close()
    expect(segmentsOn(disk)).toBe(before)
  })

  test('when the disk has no room for it, nobody is told but the statistics, until the room is needed', async () => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk, { checkpointBytes: 1 << 30, maxRedoBytes: 1 << 30 })
    disk.trace = []
    disk.failNext('write', { errno: 'ENOSPC', file: /^log-new$/, times: Number.POSITIVE_INFINITY })
    for (let i = 0; i < 6; i++) {
      await writeRows(db, i * 20, i * 20 + 20, 600)
      await idle()
    }
    expect(db.stats().background.lastError).toContain('DISK_FULL')
    expect(disk.list()).not.toContain(NEW_SEGMENT_NAME)
    // It is tried once, and not again after each transaction.
    expect(disk.trace.filter(({ file, operation }) => file === NEW_SEGMENT_NAME && operation === 'write')).toHaveLength(
      1,
    )
    await expect(writeRows(db, 120, 1000, 600, 880)).rejects.toMatchObject({ code: 'DISK_FULL' })
    disk.clearFaults()
    await writeRows(db, 120, 1000, 600)
    await db.close()
    await expectDiskHas(disk, 1000, 600)
  })

  test.each([0, 5])('closed in the middle of it, %i ms a sync: neither file nor handle is left', async (delayMs) => {
    const runtime = new SimulatedRuntime(1)
    const disk = new SimulatedFileSystem({ runtime })
    const db = await openOn(disk, { runtime })
    disk.trace = []
    disk.inject('sync', { effect: 'slow', delayMs }, { file: /^log-new$/, times: Number.POSITIVE_INFINITY })
    await writeRows(db, 0, 100, 600)
    let hasEnded = false
    const closed = db.close().finally(() => {
      hasEnded = true
    })
    for (; !hasEnded; runtime.advance(1)) await idle()
    await closed
    disk.clearFaults()
    expect(disk.list()).not.toContain(NEW_SEGMENT_NAME)
    const named = disk.trace.filter(({ file }) => file === NEW_SEGMENT_NAME)
    expect(named.filter(({ operation }) => operation === 'open')).toHaveLength(1)
    expect(named.filter(({ operation }) => operation === 'close')).toHaveLength(1)
    await expectDiskHas(disk, 100, 600)
  })
})
