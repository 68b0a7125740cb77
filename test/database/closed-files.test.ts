/** What a clean close leaves on the disk: nothing but what is there to be kept. An open makes the rest again. */
import { expect, test } from 'vitest'
import { DOUBLE_WRITE_FILE_NAME, doubleWriteBytes } from '../../src/buffer/double-write.ts'
import { AriesError } from '../../src/common/errors.ts'
import type { Database } from '../../src/database/database.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { segmentNumberOf } from '../../src/log/segment.ts'
import {
  diskWith,
  expectDiskHas,
  expectFailure,
  expectRefused,
  expectRows,
  imageOf,
  keyOf,
  openOn,
  PAGE_SIZE,
  SEGMENT_BYTES,
  textTable,
  truncateFile,
  writeRows,
} from './support.ts'

const WHOLE_DOUBLE_WRITE = doubleWriteBytes(PAGE_SIZE)

function sizesOf(disk: SimulatedFileSystem): { doubleWrite: number; segments: number[] } {
  const segments = disk.list().filter((name) => segmentNumberOf(name) !== undefined)
  return {
    doubleWrite: disk.contentOf(DOUBLE_WRITE_FILE_NAME).length,
    segments: segments.map((name) => disk.contentOf(name).length),
  }
}

/** Closes, and expects that nothing but the log up to its end is left beside the data, durably. */
async function expectClosedTidily(db: Database, disk: SimulatedFileSystem): Promise<void> {
  await db.close()
  for (const image of [disk, disk.crash({ mode: 'none' })]) {
    const { doubleWrite, segments } = sizesOf(image)
    expect([doubleWrite, segments.length]).toEqual([0, 1])
    const log = image.contentOf(image.list().find((name) => segmentNumberOf(name) !== undefined) as string)
    expect(log.length).toBeLessThan(SEGMENT_BYTES)
    // A checkpoint's last record ends with the tables: empty ones, or a recLSN.
    expect(log.findLastIndex((byte) => byte !== 0)).toBeGreaterThan(log.length - 64)
  }
}

test.each([0, 10, 2000])('a database of %i rows keeps no room', async (rows) => {
  const disk = new SimulatedFileSystem()
  const db = await openOn(disk)
  await writeRows(db, 0, rows, 300)
  await expectClosedTidily(db, disk)
  await expectDiskHas(disk.crash({ mode: 'none' }), rows, 300)
})

test('an open makes it whole before anything is written, and a close without a write leaves the same files', async () => {
  const disk = await diskWith(100)
  const before = imageOf(disk)
  const db = await openOn(disk)
  expect(db.recovery.wasNeeded).toBe(false)
  const whole = { doubleWrite: WHOLE_DOUBLE_WRITE, segments: [SEGMENT_BYTES] }
  expect(sizesOf(disk.crash({ mode: 'none' }))).toEqual(whole)
  await expectRows(db, 100)
  await db.close()
  expect(imageOf(disk)).toEqual(before)
  expect(imageOf(disk.crash({ mode: 'none' }))).toEqual(before)
})

test.each(['none', 'all', 'kill'] as const)('after a crash (%s) behind such an open all is there', async (mode) => {
  const disk = await diskWith(100)
  const unwritten = await openOn(disk)
  const atOnce = disk.crash({ mode })
  expect(unwritten.recovery.wasNeeded).toBe(false)
  await writeRows(unwritten, 100, 150)
  const later = disk.crash({ mode })
  await expectDiskHas(atOnce, 100)
  const db = await openOn(later)
  expect(db.recovery.wasNeeded).toBe(true)
  await expectRows(db, 150)
  await expectClosedTidily(db, later)
})

test('an open that only reads leaves a read-only medium as it is', async () => {
  const disk = await diskWith(100)
  const before = imageOf(disk)
  disk.readOnly = true
  await expectDiskHas(disk, 100)
  expect(imageOf(disk)).toEqual(before)
})

test('with a transaction in doubt all room is kept', async () => {
  const disk = await diskWith(10)
  const db = await openOn(disk)
  const tx = db.begin()
  await tx.put(textTable(db), keyOf(10), 'in doubt')
  await tx.prepare('one')
  await db.close()
  const { doubleWrite, segments } = sizesOf(disk)
  expect([doubleWrite, segments[0]]).toEqual([WHOLE_DOUBLE_WRITE, SEGMENT_BYTES])
  const full = await openOn(disk)
  for (const one of full.inDoubt()) await one.abort()
  await expectClosedTidily(full, disk)
})

test('without double-writing there is no such file, and the log is cut off all the same', async () => {
  const disk = await diskWith(10)
  const db = await openOn(disk, { doubleWrite: false })
  await writeRows(db, 10, 20)
  await db.close()
  expect(disk.list()).not.toContain(DOUBLE_WRITE_FILE_NAME)
  await expectDiskHas(disk, 20)
})

test('a log that is cut off elsewhere than by a close is refused', async () => {
  const disk = await diskWith(100)
  const name = disk.list().find((found) => segmentNumberOf(found) !== undefined) as string
  const size = disk.contentOf(name).length
  for (const cut of [size - 1, size - 8, size - 512, 64, 0]) {
    const image = disk.crash({ mode: 'none' })
    truncateFile(image, name, cut)
    await expectRefused(image, 'LOG_CORRUPT', name)
  }
})

test('also the cut of the close itself, once more has been committed', async () => {
  const disk = await diskWith(100)
  const name = disk.list().find((found) => segmentNumberOf(found) !== undefined) as string
  const size = disk.contentOf(name).length
  const db = await openOn(disk)
  await writeRows(db, 100, 110)
  const image = disk.crash({ mode: 'none' })
  truncateFile(image, name, size)
  await expectRefused(image, 'LOG_CORRUPT', `has ${size} of ${SEGMENT_BYTES} bytes: it was cut short`)
})

test.each([0, 4096])('with the slot of the master record at byte %i damaged it opens, with a notice', async (slot) => {
  const disk = await diskWith(100)
  await (await openOn(disk)).close()
  disk.flipBit('master', slot + 50, 1)
  const db = await openOn(disk)
  expect(db.recovery.notices).toEqual([expect.stringContaining('one slot of the master record is damaged')])
  await expectRows(db, 100)
  await expectClosedTidily(db, disk)
  await expectDiskHas(disk, 100)
})

test('with no master record left the data file says where the checkpoint is', async () => {
  const disk = await diskWith(100)
  disk.remove('master')
  const db = await openOn(disk)
  expect(db.recovery.notices).toEqual([expect.stringContaining('the data file says where')])
  await expectRows(db, 100)
  await db.close()
})

test.each([0, 30_000, 200_000, 1_000_000, 4_000_000])(
  'a full disk shows at the open, with room for %i bytes, and nothing is lost',
  async (room) => {
    const disk = await diskWith(100)
    const used = disk.list().reduce((bytes, name) => bytes + disk.contentOf(name).length, 0)
    disk.capacityBytes = used + room
    for (let i = 0; i < 3; i++) await expectFailure(() => openOn(disk), 'DISK_FULL', 'make room, then try again')
    const image = disk.crash({ mode: 'none' })
    for (const after of [disk, image]) {
      after.capacityBytes = Number.POSITIVE_INFINITY
      const db = await openOn(after)
      expect(db.recovery.wasNeeded).toBe(false)
      await expectRows(db, 100)
      await expectClosedTidily(db, after)
    }
  },
)

/** Runs `work` with the power cut at its first, second, ... operation; gives what each cut leaves, in several ways. */
async function* powerCuts(
  start: () => Promise<{ disk: SimulatedFileSystem; work: () => Promise<unknown> }>,
): AsyncGenerator<SimulatedFileSystem> {
  for (let count = 1, isOff = true; isOff; count++) {
    const { disk, work } = await start()
    disk.crashAfter(count)
    await work().catch((error: unknown) => {
      if (!disk.poweredOff || !AriesError.is(error)) throw error
    })
    isOff = disk.poweredOff
    for (const mode of ['all', 'none', 'kill'] as const) yield disk.crash({ mode })
    for (let seed = 0; seed < 3; seed++) yield disk.crash(seed)
  }
}

test('a power cut at any operation of a close leaves a sound database', async () => {
  let count = 0
  const cuts = powerCuts(async () => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk)
    await writeRows(db, 0, 60, 100)
    return { disk, work: () => db.close() }
  })
  for await (const image of cuts) {
    count++
    await expectDiskHas(image, 60, 100)
    const db = await openOn(image)
    expect(db.recovery.wasNeeded).toBe(false)
    await expectClosedTidily(db, image)
  }
  expect(count).toBeGreaterThan(50)
})

test('a power cut at any operation of an open behind a clean close, and of the close after it, too', async () => {
  let count = 0
  const closed = await diskWith(60, { length: 100 })
  const cuts = powerCuts(async () => {
    const disk = closed.crash({ mode: 'none' })
    const work = async (): Promise<void> => {
      const db = await openOn(disk)
      await db.close()
    }
    return { disk, work }
  })
  for await (const image of cuts) {
    count++
    const db = await openOn(image)
    expect(db.recovery.wasNeeded).toBe(false)
    await writeRows(db, 60, 70, 100)
    await expectDiskHas(image.crash({ mode: 'none' }), 70, 100)
    await expectRows(db, 70, 100)
    await db.close()
  }
  expect(count).toBeGreaterThan(100)
})
