/** Damaged pages: only what needs them fails, the check lists them, and putting the bytes back makes them work. */
import { describe, expect, test } from 'vitest'
import { AriesError } from '../../src/common/errors.ts'
import { asPageId } from '../../src/common/ids.ts'
import type { CheckProgress } from '../../src/database/check.ts'
import type { Database } from '../../src/database/database.ts'
import { openParts } from '../../src/database/open-location.ts'
import type { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import {
  diskWith,
  expectDiskHas,
  expectFailure,
  expectRefused,
  expectRows,
  keyOf,
  openOn,
  PAGE_SIZE,
  readFile,
  settle,
  TEXT,
  textOf,
  textTable,
  truncateFile,
  writeFile,
  writeRows,
} from './support.ts'

const ROWS = 200
const LENGTH = 500

/** The page on which the text of a row lies in the data file. */
function pageOfRow(disk: SimulatedFileSystem, i: number): number {
  const at = Buffer.from(readFile(disk, 'data')).indexOf(textOf(i, LENGTH))
  expect(at).toBeGreaterThan(0)
  return Math.floor(at / PAGE_SIZE)
}

/** Reads every row by itself: which cannot be read. */
async function unreadable(db: Database, count = ROWS): Promise<number[]> {
  const failed: number[] = []
  for (let i = 0; i < count; i++) {
    try {
      expect(await textTable(db).get(keyOf(i))).toBe(textOf(i, LENGTH))
    } catch (error) {
      if (!AriesError.is(error) || error.code !== 'PAGE_CORRUPT') throw error
      failed.push(i)
    }
  }
  return failed
}

const damage: [string, (page: Uint8Array, data: Uint8Array, pageId: number) => void][] = [
  ['a flipped bit', (page) => page.set([(page[1000] as number) ^ 4], 1000)],
  ['zeros', (page) => void page.fill(0)],
  ['ones', (page) => void page.fill(255)],
  ['a lost sector', (page) => void page.fill(0, 1024, 1536)],
  [
    'another page of this database (misdirected write)',
    (page, data, pageId) => void page.set(data.subarray((pageId - 1) * PAGE_SIZE, pageId * PAGE_SIZE)),
  ],
]

describe('a damaged page of a clean database', () => {
  test.each(damage)('%s: only what needs it fails, and it works when the bytes are back', async (_what, change) => {
    const disk = await diskWith(ROWS, { length: LENGTH })
    const pageId = pageOfRow(disk, 100)
    const data = readFile(disk, 'data')
    const original = data.slice(pageId * PAGE_SIZE, (pageId + 1) * PAGE_SIZE)
    const page = original.slice()
    change(page, data, pageId)
    writeFile(disk, 'data', page, pageId * PAGE_SIZE)

    const db = await openOn(disk)
    const failed = await unreadable(db)
    expect(failed).toContain(100)
    expect(failed.length).toBeLessThan(10)
    const error = await expectFailure(
      () => textTable(db).get(keyOf(100)),
      'PAGE_CORRUPT',
      new RegExp(`page ${pageId} of data .*restore all files from one backup`),
    )
    expect(error.details).toMatchObject({ file: 'data', pageId, offset: pageId * PAGE_SIZE })
    await expectFailure(() => textTable(db).put(keyOf(100), 'new'), 'PAGE_CORRUPT', `page ${pageId}`)
    await expectFailure(() => textTable(db).count(), 'PAGE_CORRUPT', `page ${pageId}`)
    // Other rows can be read and written, in the same transaction too.
    const tx = db.begin()
    await tx.put(textTable(db), keyOf(3), textOf(3, LENGTH))
    await expectFailure(() => tx.put(textTable(db), keyOf(100), 'new'), 'PAGE_CORRUPT', `page ${pageId}`)
    await tx.put(textTable(db, 'other'), 'k', 'v')
    await tx.commit()
    const problems = db.check()
    expect(problems.some((problem) => problem.includes(`page ${pageId}`))).toBe(true)
    await db.close()

    writeFile(disk, 'data', original, pageId * PAGE_SIZE)
    const repaired = await openOn(disk)
    expect(await unreadable(repaired)).toEqual([])
    expect(await textTable(repaired, 'other').get('k')).toBe('v')
    expect(repaired.check()).toEqual([])
    await repaired.close()
  })
})

test('the check tells how far it is, up to all pages of the tables', async () => {
  const db = await openOn(await diskWith(ROWS, { length: LENGTH }))
  const steps: CheckProgress[] = []
  expect(db.check((step) => steps.push(step))).toEqual([])
  const total = steps.length
  expect(total).toBeGreaterThan(3)
  expect(steps).toEqual(Array.from({ length: total }, (_, i) => ({ done: i + 1, total })))
  await db.close()
})

test('a damaged space map page: everything is read, the check reports the page and does not throw', async () => {
  const disk = await diskWith(ROWS, { length: LENGTH })
  disk.flipBit('data', PAGE_SIZE + 700, 5)
  const db = await openOn(disk)
  expect(await unreadable(db)).toEqual([])
  expect(db.check()).toEqual([expect.stringMatching(/^page 1: fails its checksum$/)])
  await db.close()
})

test('a page that is newer than the log was is refused, however far the log has come since', async () => {
  const disk = await diskWith(ROWS, { length: LENGTH })
  const pageId = pageOfRow(disk, 100)
  // The same page as another life of the database has written it.
  const other = disk.crash({ mode: 'kill' })
  const otherDb = await openOn(other)
  await textTable(otherDb).put(keyOf(100), 'other')
  await otherDb.close()
  writeFile(
    disk,
    'data',
    readFile(other, 'data').slice(pageId * PAGE_SIZE, (pageId + 1) * PAGE_SIZE),
    pageId * PAGE_SIZE,
  )
  const db = await openOn(disk)
  await textTable(db, 'others').put('k', 'v'.repeat(200_000))
  await expectFailure(() => textTable(db).get(keyOf(100)), 'PAGE_LSN_BEYOND_LOG', 'the log ended at')
  // What was written here may be as new as the log is.
  const small = await diskWith(0)
  const filled = await openOn(small, { poolBytes: 8 * PAGE_SIZE })
  await writeRows(filled, 0, ROWS, LENGTH)
  await expectRows(filled, ROWS, LENGTH)
  expect(filled.stats().buffer.evictions).toBeGreaterThan(0)
  await filled.close()
  await db.close()
})

test('a page that is newer than the log was is not formatted over unseen while its redo is put off', async () => {
  const options = { checkpointBytes: 1 << 30, poolBytes: 100 * PAGE_SIZE }
  const disk = await diskWith(20)
  const before = await openOn(disk, options)
  await textTable(before).put('big', 'a'.repeat(20_000))
  await textTable(before).delete('big')
  await settle()
  await textTable(before).put('after', 'x')
  const freeing = disk.crash({ mode: 'kill' })
  await textTable(await openOn(freeing, options)).put('after', 'y')
  // In another life of the database the freed pages are used again and written; the log here lacks that end.
  const cut = freeing.crash({ mode: 'kill' })
  const other = freeing.crash({ mode: 'kill' })
  const otherDb = await openOn(other, options)
  await textTable(otherDb).put('big', 'b'.repeat(20_000))
  await otherDb.close()
  const pageId = Math.floor(Buffer.from(readFile(other, 'data')).indexOf('b'.repeat(1000)) / PAGE_SIZE)
  writeFile(
    cut,
    'data',
    readFile(other, 'data').slice(pageId * PAGE_SIZE, (pageId + 1) * PAGE_SIZE),
    pageId * PAGE_SIZE,
  )
  const db = await openOn(cut, { ...options, deferRedo: true })
  await expectFailure(() => textTable(db).put('big', 'c'.repeat(20_000)), 'PAGE_LSN_BEYOND_LOG', 'the log ended at')
})

describe('a damaged page that restart needs', () => {
  /** Rows on disk, then a change of one committed and not written back, then the process dies. */
  async function crashed(): Promise<{ disk: SimulatedFileSystem; pageId: number; original: Uint8Array }> {
    const disk = await diskWith(ROWS, { length: LENGTH })
    const db = await openOn(disk)
    await textTable(db).put(keyOf(100), 'changed')
    await writeRows(db, ROWS, ROWS + 50, LENGTH)
    const image = disk.crash({ mode: 'kill' })
    const pageId = pageOfRow(image, 100)
    const original = readFile(image, 'data').slice(pageId * PAGE_SIZE, (pageId + 1) * PAGE_SIZE)
    image.flipBit('data', pageId * PAGE_SIZE + 700, 5)
    // Nor is there a copy of it from when it was written.
    writeFile(image, 'double-write', new Uint8Array(readFile(image, 'double-write').length))
    return { disk: image, pageId, original }
  }

  test('is quarantined, the others recover; still so after reopening; redone when the bytes are back', async () => {
    const { disk, pageId, original } = await crashed()
    for (let round = 0; round < 3; round++) {
      const db = await openOn(disk, { checkpointBytes: 65536, maxRedoBytes: 65536 })
      expect(db.recovery.wasNeeded).toBe(true)
      expect(db.recovery.damagedPages).toEqual([pageId])
      expect(db.recovery.redo.skipped['page-damaged']).toBeGreaterThan(0)
      expect(db.stats().pages.damaged).toEqual([pageId])
      await expectFailure(() => textTable(db).get(keyOf(100)), 'PAGE_CORRUPT', `page ${pageId}`)
      expect(await textTable(db).get(keyOf(ROWS + 49))).toBe(textOf(ROWS + 49, LENGTH))
      // Much log goes by and is checkpointed; what the page needs is kept.
      for (let i = 0; i < 60; i++) await textTable(db, `other-${i % 3}`).put('k', 'v'.repeat(20_000 + i))
      await db.checkpoint()
      expect(db.stats().log.oldestRequiredBy).toBe('dirty-page')
      if (round === 1) await db.close()
      else {
        const killed = disk.crash({ mode: 'kill' })
        await db.close()
        const again = await openOn(killed)
        expect(again.recovery.damagedPages).toEqual([pageId])
        await again.close()
      }
    }
    writeFile(disk, 'data', original, pageId * PAGE_SIZE)
    const db = await openOn(disk)
    expect(db.recovery.damagedPages).toEqual([])
    expect(await textTable(db).get(keyOf(100))).toBe('changed')
    await textTable(db).put(keyOf(100), textOf(100, LENGTH))
    expect(await unreadable(db, ROWS + 50)).toEqual([])
    expect(db.check()).toEqual([])
    await db.close()
    const last = await openOn(disk)
    expect(last.recovery.wasNeeded).toBe(false)
    await last.close()
  })

  test('is torn in the last batch: it comes back from the double-write file', async () => {
    const disk = await diskWith(ROWS, { length: LENGTH })
    const db = await openOn(disk, { poolBytes: 8 * PAGE_SIZE })
    await writeRows(db, ROWS, 2 * ROWS, LENGTH)
    const before = readFile(disk, 'data')
    let restored = 0
    // Every page that was written last is in one of the areas: tear each in turn.
    const image = disk.crash({ mode: 'kill' })
    for (let pageId = 1; pageId * PAGE_SIZE < before.length; pageId++) {
      if (
        readFile(image, 'data')
          .subarray(pageId * PAGE_SIZE, (pageId + 1) * PAGE_SIZE)
          .every((byte) => byte === 0)
      )
        continue
      const torn = image.crash({ mode: 'kill' })
      writeFile(torn, 'data', new Uint8Array(512), pageId * PAGE_SIZE + 2048)
      const reopened = await openOn(torn).catch((error: AriesError) => error)
      if (reopened instanceof AriesError) continue
      if (reopened.recovery.restoredPages.length > 0) {
        restored++
        expect(reopened.recovery.restoredPages).toEqual([pageId])
        await expectRows(reopened, 2 * ROWS, LENGTH)
      }
      await reopened.close()
    }
    expect(restored).toBeGreaterThan(0)
    await db.close()
  })
})

describe('a truncated data file', () => {
  test('is refused before anything is written, and named; the whole one works again', async () => {
    for (const killed of [false, true]) {
      const disk = await diskWith(2000, { length: LENGTH, killed: false })
      const db = await openOn(disk)
      await textTable(db).put(keyOf(0), textOf(0, LENGTH))
      await db.checkpoint()
      const image = killed ? disk.crash({ mode: 'kill' }) : disk
      await db.close()
      const original = readFile(image, 'data')
      for (const size of [PAGE_SIZE * 20, PAGE_SIZE * 3 + 100]) {
        truncateFile(image, 'data', size)
        const error = await expectRefused(
          image,
          'PAGE_CORRUPT',
          /data has \d+ pages, but had at least \d+: it was cut short; restore/,
        )
        expect(error.details.file).toBe('data')
      }
      writeFile(image, 'data', original)
      await expectDiskHas(image, 2000, LENGTH)
    }
  })
})

test('a check tells of more pages than a call takes arguments', async () => {
  const { database, opened } = await openParts(await diskWith(ROWS), {})
  const { space } = opened.managers
  const allocated = space.allocatedPages()
  for (let i = 0; i < 150_000; i++) allocated.add(asPageId(1000 + i))
  space.allocatedPages = () => allocated
  expect(database.check().length).toBe(150_000)
  await database.close()
})

describe('damage to the double-write file', () => {
  test.each(['garbage', 'zeros', 'missing', 'short'])('%s: nothing needs it after a clean close', async (how) => {
    const disk = await diskWith(ROWS, { length: LENGTH })
    const size = readFile(disk, 'double-write').length
    if (how === 'garbage') writeFile(disk, 'double-write', new Uint8Array(size).fill(0x5a))
    if (how === 'zeros') writeFile(disk, 'double-write', new Uint8Array(size))
    if (how === 'missing') disk.remove('double-write')
    if (how === 'short') truncateFile(disk, 'double-write', 1000)
    const db = await openOn(disk)
    await db.table('more', TEXT).put('k', 'v')
    await expectRows(db, ROWS, LENGTH)
    await db.close()
    await expectDiskHas(disk, ROWS, LENGTH)
  })
})
