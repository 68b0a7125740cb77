/** `deferRedo`: pages are brought up to date when they are wanted, and the rest in the background. */
import { describe, expect, test } from 'vitest'
import type { TraceEvent } from '../../src/common/trace.ts'
import type { Database } from '../../src/database/database.ts'
import type { OpenOptions } from '../../src/database/options.ts'
import type { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { segmentName } from '../../src/log/segment.ts'
import { SlowTurns } from '../io/slow-turns.ts'
import {
  diskWith,
  expectDiskHas,
  expectFailure,
  expectRows,
  keyOf,
  openOn,
  PAGE_SIZE,
  readFile,
  settle,
  textOf,
  textTable,
  writeFile,
  writeRows,
} from './support.ts'

const ROWS = 400
const LENGTH = 500

const openDeferred = (disk: SimulatedFileSystem, options: OpenOptions = {}): Promise<Database> =>
  openOn(disk, { deferRedo: true, ...options })
const deferredOf = (db: Database): number => db.stats().pages.deferred

/** A pool for all pages: none is written before it has to be. */
const LARGE_POOL: OpenOptions = { poolBytes: 1024 * PAGE_SIZE, checkpointBytes: 1 << 30 }

async function changeRows(db: Database): Promise<void> {
  await db.transaction(async (tx) => {
    for (let i = 0; i < ROWS; i++) await tx.put(textTable(db), keyOf(i), textOf(ROWS - i, LENGTH))
  })
}

/** Rows on disk, each of them then changed to `ROWS - i`, and killed before a page is written. */
async function killed(): Promise<SimulatedFileSystem> {
  const disk = await diskWith(ROWS, { length: LENGTH })
  const db = await openOn(disk, LARGE_POOL)
  await changeRows(db)
  await writeRows(db, ROWS, ROWS + 20, LENGTH)
  const image = disk.crash({ mode: 'kill' })
  await db.close()
  return image
}

/** Every row as `killed` left it. */
async function expectChanged(db: Database): Promise<void> {
  for (let i = 0; i < ROWS; i++) expect(await textTable(db).get(keyOf(i))).toBe(textOf(ROWS - i, LENGTH))
  expect(await textTable(db).count()).toBe(ROWS + 20)
  expect(db.check()).toEqual([])
}

const openClosed = async (disk: SimulatedFileSystem): Promise<Database> => {
  const db = await openOn(disk)
  expect(db.recovery.wasNeeded).toBe(false)
  return db
}

describe('with deferRedo', () => {
  test('open redoes nothing; a get brings up to date what it needs, and nothing else', async () => {
    const redone: TraceEvent[] = []
    const db = await openDeferred(await killed(), { trace: (event) => event.kind === 'redone' && redone.push(event) })
    const { redo, damagedPages } = db.recovery
    expect(redo.deferredPages).toBeGreaterThan(50)
    expect([redo.redone, damagedPages]).toEqual([0, []])
    expect(redo.records).toBeGreaterThanOrEqual(ROWS + 20)
    const before = deferredOf(db)
    using snapshot = db.snapshot()
    expect(snapshot.get(textTable(db), keyOf(7))).toBe(textOf(ROWS - 7, LENGTH))
    const after = deferredOf(db)
    expect(after).toBeLessThan(before)
    expect(after).toBeGreaterThan(before - 5)
    const count = redone.length
    expect(count).toBeGreaterThan(0)
    expect(snapshot.get(textTable(db), keyOf(7))).toBe(textOf(ROWS - 7, LENGTH))
    expect(redone.length).toBe(count)
    expect(db.recovery.redo.redone).toBe(0)
    snapshot.close()
    await db.close()
  })

  test('the rest is brought up to date in the background, a part in each turn', async () => {
    const db = await openDeferred(await killed(), { runtime: new SlowTurns(1) })
    const seen = [deferredOf(db)]
    while (deferredOf(db) > 0) {
      await settle(1)
      seen.push(deferredOf(db))
      expect(seen.length).toBeLessThan(1000)
    }
    expect(new Set(seen).size).toBeGreaterThan(3)
    expect(db.recovery.redo.deferredPages).toBeGreaterThan(50)
    await expectChanged(db)
    await db.close()
  })

  test('a close brings the rest up to date: the next open has nothing to do', async () => {
    const disk = await killed()
    const db = await openDeferred(disk)
    expect(deferredOf(db)).toBeGreaterThan(50)
    await db.close()
    const again = await openClosed(disk)
    await expectChanged(again)
    await again.close()
  })

  test('a pool smaller than what has to be redone', async () => {
    const disk = await killed()
    const db = await openDeferred(disk, { poolBytes: 8 * PAGE_SIZE })
    await expectChanged(db)
    const image = disk.crash({ mode: 'kill' })
    await db.close()
    await expectChanged(await openClosed(disk))
    // Most pages have been written by now. The report is of what open has done, so it stays as it is.
    const again = await openDeferred(image)
    const { skipped } = again.recovery.redo
    const before = { ...skipped }
    await expectChanged(again)
    expect(deferredOf(again)).toBe(0)
    expect(skipped).toEqual(before)
    await again.close()
  })

  test('a crash meanwhile, and again: what was committed before and since is there', async () => {
    let disk = await killed()
    for (let round = 0; round < 3; round++) {
      const db = await openDeferred(disk)
      expect(deferredOf(db)).toBeGreaterThan(30)
      await textTable(db, 'rounds').put(`round ${round}`, 'done')
      await db.checkpoint()
      await textTable(db).put(keyOf(9), textOf(ROWS - 9, LENGTH))
      disk = disk.crash({ mode: 'none' })
    }
    const db = await openOn(disk)
    expect(db.recovery.redo.deferredPages).toBe(0)
    expect(await textTable(db, 'rounds').count()).toBe(3)
    await expectChanged(db)
    await db.close()
  })

  test('losers are rolled back before it is open', async () => {
    const disk = await diskWith(ROWS, { length: LENGTH })
    const db = await openOn(disk)
    const tx = db.begin()
    for (let i = 0; i < ROWS; i += 3) await tx.put(textTable(db), keyOf(i), 'uncommitted')
    await db.flush()
    const image = disk.crash({ mode: 'kill' })
    const again = await openDeferred(image)
    expect(again.recovery.undo.losersUndone).toBe(1)
    await expectRows(again, ROWS, LENGTH)
    await again.close()
    await expectDiskHas(image, ROWS, LENGTH)
  })

  test('after a clean close there is nothing to put off', async () => {
    const db = await openDeferred(await diskWith(ROWS))
    expect(db.recovery.wasNeeded).toBe(false)
    expect([db.recovery.redo.deferredPages, deferredOf(db)]).toEqual([0, 0])
    await expectRows(db, ROWS)
    await db.close()
  })

  test('it is true or false', async () => {
    const disk = await diskWith(1)
    await expectFailure(() => openDeferred(disk, { deferRedo: 1 as never }), 'INVALID_ARGUMENT', 'deferRedo')
  })
})

describe('damage that redo put off would have found', () => {
  /** The page in the data file that has a row as it was before. */
  function pageOfRow(disk: SimulatedFileSystem, i: number): number {
    const at = Buffer.from(readFile(disk, 'data')).indexOf(textOf(i, LENGTH))
    expect(at).toBeGreaterThan(0)
    return Math.floor(at / PAGE_SIZE)
  }

  test('a damaged page: it is quarantined when it is wanted, and recovers once its bytes are back', async () => {
    const disk = await killed()
    const pageId = pageOfRow(disk, 100)
    const original = readFile(disk, 'data').slice(pageId * PAGE_SIZE, (pageId + 1) * PAGE_SIZE)
    disk.flipBit('data', pageId * PAGE_SIZE + 700, 5)
    writeFile(disk, 'double-write', new Uint8Array(readFile(disk, 'double-write').length))
    const db = await openDeferred(disk)
    expect(db.recovery.damagedPages).toEqual([])
    await expectFailure(() => textTable(db).get(keyOf(100)), 'PAGE_CORRUPT', `page ${pageId}`)
    expect(db.stats().pages.damaged).toEqual([pageId])
    expect(await textTable(db).get(keyOf(ROWS - 1))).toBe(textOf(1, LENGTH))
    await db.close()
    const again = await openDeferred(disk)
    expect(again.recovery.wasNeeded).toBe(true)
    await settle()
    expect(again.stats().pages).toMatchObject({ damaged: [pageId], deferred: 0 })
    await again.close()
    writeFile(disk, 'data', original, pageId * PAGE_SIZE)
    const repaired = await openDeferred(disk)
    await expectChanged(repaired)
    await repaired.close()
  })

  test('a page newer than the log was: refused however far the log has come since, and then the engine stops', async () => {
    const disk = await killed()
    const pageId = pageOfRow(disk, 100)
    // The same page as a later life of the database has written it.
    const later = disk.crash({ mode: 'kill' })
    const other = await openOn(later)
    await writeRows(other, ROWS + 20, ROWS + 60, LENGTH)
    await textTable(other).put(keyOf(100), 'later')
    await other.close()
    const page = readFile(later, 'data').slice(pageId * PAGE_SIZE, (pageId + 1) * PAGE_SIZE)
    writeFile(disk, 'data', page, pageId * PAGE_SIZE)
    const db = await openDeferred(disk)
    // A transaction that is open holds nothing up; the log goes on beyond the pageLSN before the page is wanted.
    const logged = textTable(db, 'other').put('k', 'v'.repeat(200_000))
    expect(db.stats().log.endLsn).toBeGreaterThan(Number(Buffer.from(page).readBigUInt64LE(8)))
    await expectFailure(() => textTable(db).get(keyOf(100)), 'PAGE_LSN_BEYOND_LOG', 'the log ended at')
    await logged
    await settle()
    await expectFailure(() => textTable(db).get(keyOf(100)), 'DB_FAILED', 'the end of the log was lost')
    await db.close()
  })

  test('the log cannot be read a second time: the engine stops, and the next restart decides', async () => {
    const disk = await killed()
    const db = await openDeferred(disk)
    const names = disk.list().filter((name) => name.startsWith('log'))
    const logs = names.map((name) => readFile(disk, name))
    for (const [i, name] of names.entries()) writeFile(disk, name, new Uint8Array((logs[i] as Uint8Array).length))
    await expectFailure(() => textTable(db).get(keyOf(100)), 'DB_FAILED', 'no valid record at LSN')
    await expectFailure(() => textTable(db).put(keyOf(1), 'x'), 'DB_FAILED', 'reopen')
    await db.close()
    for (const [i, name] of names.entries()) writeFile(disk, name, logs[i] as Uint8Array)
    expect(names).toContain(segmentName(0))
    const again = await openDeferred(disk)
    await expectChanged(again)
    await again.close()
  })

  test('a page that cannot be read: it waits for the next open, which restarts', async () => {
    const disk = await killed()
    const pageId = pageOfRow(disk, 100)
    const range = { offset: pageId * PAGE_SIZE, length: PAGE_SIZE }
    disk.failNext('read', { errno: 'EIO', file: /^data$/, range, times: Number.POSITIVE_INFINITY })
    const db = await openDeferred(disk)
    for (let i = 0; i < 2; i++) await expectFailure(() => textTable(db).get(keyOf(100)), 'IO_ERROR', 'EIO')
    expect(await textTable(db).get(keyOf(ROWS - 1))).toBe(textOf(1, LENGTH))
    await textTable(db, 'other').put('k', 'v')
    await db.close()
    const again = await openOn(disk.crash({ mode: 'none' }))
    expect(again.recovery.wasNeeded).toBe(true)
    expect(await textTable(again, 'other').get('k')).toBe('v')
    await expectChanged(again)
    await again.close()
  })

  test('a log that is damaged where only redo reads is refused before anything is changed', async () => {
    const disk = await diskWith(ROWS, { length: LENGTH })
    const db = await openOn(disk, LARGE_POOL)
    await changeRows(db)
    const { oldestRequiredLsn } = db.stats().log
    await db.checkpoint()
    await textTable(db).put(keyOf(1), 'x')
    const image = disk.crash({ mode: 'kill' })
    await db.close()
    const segmentBytes = 262144
    const at = oldestRequiredLsn + 50_000
    image.flipBit(segmentName(Math.floor(at / segmentBytes)), at % segmentBytes, 2)
    await expectFailure(() => openDeferred(image), 'LOG_CORRUPT', 'which redo needs; restore all files from one backup')
  })
})
