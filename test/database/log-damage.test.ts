/** Damage to the log and the master record: refused by name, and everything is there once it is repaired. */
import { describe, expect, test } from 'vitest'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { segmentName, segmentNumberOf } from '../../src/log/segment.ts'
import {
  diskWith,
  expectDiskHas,
  expectRefused,
  expectRows,
  keyOf,
  newestSlot,
  openOn,
  readFile,
  SEGMENT_BYTES,
  settle,
  textTable,
  truncateFile,
  writeFile,
  writeRows,
} from './support.ts'

const ROWS = 300
const LENGTH = 3000

/** About four segments of log behind the only checkpoint. */
const longLog = (killed: boolean): Promise<SimulatedFileSystem> => diskWith(ROWS, { length: LENGTH, killed })

const segmentsOf = (disk: SimulatedFileSystem): string[] =>
  disk.list().filter((name) => segmentNumberOf(name) !== undefined)

/** The last segment with records in it, and the offset behind the last of them. */
function tailOf(disk: SimulatedFileSystem): { name: string; offset: number } {
  for (const name of segmentsOf(disk).reverse()) {
    const used = readFile(disk, name).findLastIndex((byte, i) => byte !== 0 && i >= 64)
    if (used >= 0) return { name, offset: used + 1 }
  }
  throw new Error('there is no log')
}

async function repair(disk: SimulatedFileSystem, name: string, original: Uint8Array): Promise<void> {
  if (disk.list().includes(name)) disk.remove(name)
  writeFile(disk, name, original)
  await expectDiskHas(disk, ROWS, LENGTH)
}

describe('a log segment', () => {
  test.each(['first', 'middle', 'last'])('is missing: the %s one', async (which) => {
    const disk = await longLog(true)
    const tail = segmentNumberOf(tailOf(disk).name) as number
    expect(tail).toBeGreaterThanOrEqual(3)
    const name = segmentName(which === 'first' ? 0 : which === 'middle' ? 1 : tail)
    const original = readFile(disk, name)
    disk.remove(name)
    disk.syncDirectory()
    const error = await expectRefused(disk, 'LOG_CORRUPT', new RegExp(`${name}.*restore`))
    expect(error.details.file).toBe(name)
    await repair(disk, name, original)
  })

  test('is missing: the last ones, together with all preallocated ones', async () => {
    const disk = await longLog(true)
    const names = segmentsOf(disk).slice(2)
    const originals = names.map((name) => readFile(disk, name))
    for (const name of names) disk.remove(name)
    disk.syncDirectory()
    await expectRefused(disk, 'LOG_CORRUPT', `${segmentName(2)} is missing`)
    for (const [i, name] of names.entries()) writeFile(disk, name, originals[i] as Uint8Array)
    await expectDiskHas(disk, ROWS, LENGTH)
  })

  test.each([
    ['first', 0, 100_000],
    ['middle', 1, 100],
    ['last', -1, 200],
    ['last, to nothing', -1, 0],
  ])('is cut short: the %s one', async (_which, number, size) => {
    const disk = await longLog(true)
    const name = number < 0 ? tailOf(disk).name : segmentName(number)
    const original = readFile(disk, name)
    truncateFile(disk, name, size)
    const error = await expectRefused(disk, 'LOG_CORRUPT', new RegExp(`${name}.*cut short`))
    expect(error.details.file).toBe(name)
    await repair(disk, name, original)
  })

  test.each([
    ['first', 0],
    ['middle', 1],
    ['last', -1],
  ])('has a damaged header: the %s one', async (_which, number) => {
    const disk = await longLog(true)
    const name = number < 0 ? tailOf(disk).name : segmentName(number)
    const original = readFile(disk, name)
    disk.flipBit(name, 33, 2)
    const error = await expectRefused(disk, 'LOG_CORRUPT', name)
    expect(error.details.file).toBe(name)
    await repair(disk, name, original)
  })

  test.each([
    ['in the middle of the log', 1, 1000],
    ['right behind the checkpoint', 0, 40_000],
  ])('has a flipped bit %s', async (_where, number, offset) => {
    const disk = await longLog(true)
    const name = segmentName(number)
    disk.flipBit(name, offset, 3)
    const error = await expectRefused(
      disk,
      'LOG_CORRUPT',
      /no valid record at LSN \d+, although the log was durable up to/,
    )
    expect(error.details.file).toBe(name)
    expect(error.details.lsn).toBeLessThanOrEqual(number * SEGMENT_BYTES + offset)
    expect(error.details.endLsn).toBeGreaterThan(error.details.lsn as number)
    disk.flipBit(name, offset, 3)
    await expectDiskHas(disk, ROWS, LENGTH)
  })

  test('has a flipped bit anywhere before a clean end', async () => {
    const disk = await longLog(false)
    const { name, offset } = tailOf(disk)
    disk.flipBit(name, offset - 20, 0)
    await expectRefused(disk, 'LOG_CORRUPT', name)
    disk.flipBit(name, offset - 20, 0)
    await expectDiskHas(disk, ROWS, LENGTH)
  })

  test('of another database lies in the place of the first', async () => {
    const disk = await longLog(true)
    const other = await otherDatabase()
    const original = readFile(disk, segmentName(0))
    writeFile(disk, segmentName(0), readFile(other, segmentName(0)))
    const error = await expectRefused(disk, 'LOG_FOREIGN', 'belongs to another database; put this database')
    expect(error.details.file).toBe(segmentName(0))
    await repair(disk, segmentName(0), original)
  })

  test('of another database lies in the place of a later one', async () => {
    const disk = await longLog(true)
    const other = await otherDatabase()
    const original = readFile(disk, segmentName(2))
    writeFile(disk, segmentName(2), readFile(other, segmentName(2)))
    await expectRefused(disk, 'LOG_FOREIGN', `${segmentName(2)} belongs to another database`)
    await repair(disk, segmentName(2), original)
  })

  test('with another number lies in its place', async () => {
    const disk = await longLog(true)
    const original = readFile(disk, segmentName(2))
    writeFile(disk, segmentName(2), readFile(disk, segmentName(1)))
    const error = await expectRefused(disk, 'LOG_CORRUPT', segmentName(2))
    expect(error.details.file).toBe(segmentName(2))
    await repair(disk, segmentName(2), original)
  })

  test('behind the end may be missing, short or foreign: it held nothing', async () => {
    const disk = await longLog(false)
    const tail = segmentNumberOf(tailOf(disk).name) as number
    for (const number of [tail + 1, tail + 2, tail + 3]) {
      if (!disk.list().includes(segmentName(number))) {
        const spare = readFile(disk, segmentName(tail)).fill(0, 64)
        writeFile(disk, segmentName(number), spare)
      }
    }
    disk.remove(segmentName(tail + 2))
    truncateFile(disk, segmentName(tail + 1), 5000)
    const db = await openOn(disk)
    await writeRows(db, ROWS, 2 * ROWS, LENGTH)
    const after = disk.crash({ mode: 'none' })
    await expectDiskHas(after, 2 * ROWS, LENGTH)
  })
})

/** With all of its log, which a close would give back. */
async function otherDatabase(): Promise<SimulatedFileSystem> {
  const disk = new SimulatedFileSystem()
  const db = await openOn(disk, { runtime: new SimulatedRuntime(77) })
  await writeRows(db, 0, ROWS, LENGTH)
  return disk.crash({ mode: 'kill' })
}

describe('the end of the log', () => {
  test('a torn tail is cut off, and what was acknowledged before it is there', async () => {
    const disk = await longLog(true)
    const { name, offset } = tailOf(disk)
    const garbage = new Uint8Array(700).fill(0x5a)
    // The last record, a COMMIT, ends with 8 zeros.
    writeFile(disk, name, garbage, ((offset + 7) & ~7) + 8)
    await expectDiskHas(disk, ROWS, LENGTH)
    expect(
      readFile(disk, name)
        .subarray((offset + 2000 + 7) & ~7, SEGMENT_BYTES)
        .includes(0x5a),
    ).toBe(false)
  })

  test('an older copy of the log beside newer data is refused', async () => {
    const disk = await diskWith(10)
    const oldLog = readFile(disk, segmentName(0))
    const oldMaster = readFile(disk, 'master')
    const db = await openOn(disk)
    await writeRows(db, 10, 30)
    await db.close()
    const newLog = readFile(disk, segmentName(0))
    const newMaster = readFile(disk, 'master')
    truncateFile(disk, segmentName(0), oldLog.length)
    writeFile(disk, segmentName(0), oldLog)
    writeFile(disk, 'master', oldMaster)
    await expectRefused(disk, 'LOG_CORRUPT', /does not hold the checkpoint at LSN \d+ that data has seen/)
    writeFile(disk, segmentName(0), newLog)
    writeFile(disk, 'master', newMaster)
    await expectDiskHas(disk, 30)
  })
})

describe('the master record', () => {
  const slots = [0, 4096]

  test.each(slots)('the slot at byte %i is damaged: the other one serves, and the report says so', async (slot) => {
    const disk = await longLog(true)
    disk.flipBit('master', slot + 50, 1)
    const db = await openOn(disk)
    // A new database has written one slot only.
    const how =
      slot === 0
        ? 'one slot of the master record is damaged'
        : 'the master record is damaged; the data file says where the checkpoint is'
    expect(db.recovery.notices).toEqual([expect.stringContaining(how)])
    await expectRows(db, ROWS, LENGTH)
    await db.close()
    await expectDiskHas(disk, ROWS, LENGTH)
  })

  test.each(slots)('after some checkpoints, with the slot at byte %i damaged', async (slot) => {
    const disk = await longLog(false)
    const db = await openOn(disk)
    for (let i = 0; i < 4; i++) {
      await writeRows(db, ROWS + i, ROWS + i + 1, LENGTH)
      await db.checkpoint()
    }
    for (const image of [disk.crash({ mode: 'kill' }), disk.crash({ mode: 'none' })]) {
      image.flipBit('master', slot + 50, 1)
      const reopened = await openOn(image)
      expect(reopened.recovery.notices).toEqual([
        'one slot of the master record is damaged; the data file says where the checkpoint is',
      ])
      await expectRows(reopened, ROWS + 4, LENGTH)
      await reopened.close()
      const again = await openOn(image)
      expect(again.recovery.notices).toEqual([])
      expect(again.recovery.wasNeeded).toBe(false)
      await again.close()
    }
  })

  test('the newest slot is damaged and the log that the older one needs is recycled', async () => {
    const disk = await longLog(false)
    const db = await openOn(disk, { checkpointBytes: 4 * SEGMENT_BYTES, maxRedoBytes: 65536 })
    await writeRows(db, ROWS, 4 * ROWS, LENGTH)
    await db.checkpoint()
    const olderEndLsn = db.stats().log.endLsn
    for (let i = 0; db.stats().log.endLsn < olderEndLsn + 3 * SEGMENT_BYTES; i++) {
      await textTable(db, 'filler').put(keyOf(i), 'x'.repeat(500))
    }
    await settle()
    await db.checkpoint()
    // The background recycles what the older checkpoint lies in once there is something to do.
    await textTable(db, 'filler').put('last', '')
    await settle()
    const oldest = disk.list().find((name) => name.startsWith('log-')) as string
    expect(Number(oldest.slice(4)) * SEGMENT_BYTES).toBeGreaterThanOrEqual(olderEndLsn)
    for (const slot of slots) {
      const image = disk.crash({ mode: 'kill' })
      image.flipBit('master', slot + 50, 1)
      await expectDiskHas(image, 4 * ROWS, LENGTH)
    }
    await db.close()
  })

  test('the newest slot is damaged and pages that the older checkpoint lists need recycled log', async () => {
    const disk = await longLog(false)
    const db = await openOn(disk, { poolBytes: 2000 * 4096 })
    await writeRows(db, ROWS, 3 * ROWS, LENGTH)
    // Both checkpoints shall lie in one segment.
    for (let i = 0; db.stats().log.endLsn % SEGMENT_BYTES > SEGMENT_BYTES / 4; i++) {
      await textTable(db, 'filler').put(keyOf(i), 'x'.repeat(500))
    }
    await db.checkpoint()
    expect(db.stats().log.oldestRequiredBy).toBe('dirty-page')
    await db.close()
    const newest = newestSlot(disk)
    const segmentOf = (slot: number): number =>
      Math.floor(new DataView(readFile(disk, 'master').buffer).getUint32(slot + 48, true) / SEGMENT_BYTES)
    expect(segmentOf(4096 - newest), 'the older checkpoint itself is not recycled').toBe(segmentOf(newest))
    const reopened = await openOn(disk)
    await settle()
    expect(reopened.stats().log.oldestRequiredLsn).toBeGreaterThan(5 * SEGMENT_BYTES)
    expect(disk.list()).not.toContain(segmentName(1))
    const image = disk.crash({ mode: 'kill' })
    image.flipBit('master', newest + 50, 1)
    await expectDiskHas(image, 3 * ROWS, LENGTH)
    await reopened.close()
  })

  test.each(['flipped', 'zeroed', 'missing', 'garbage'])('both slots are %s: the data file serves', async (how) => {
    const disk = await longLog(true)
    if (how === 'flipped') for (const slot of slots) disk.flipBit('master', slot + 50, 1)
    if (how === 'zeroed') writeFile(disk, 'master', new Uint8Array(8192))
    if (how === 'garbage') writeFile(disk, 'master', new Uint8Array(8192).fill(0x77))
    if (how === 'missing') disk.remove('master')
    const db = await openOn(disk)
    expect(db.recovery.notices).toEqual(['the master record is damaged; the data file says where the checkpoint is'])
    await expectRows(db, ROWS, LENGTH)
    await writeRows(db, ROWS, ROWS + 10, LENGTH)
    await db.close()
    await expectDiskHas(disk, ROWS + 10, LENGTH)
  })

  test('both slots are damaged, and the headers of some segments too', async () => {
    const disk = await longLog(true)
    for (const slot of slots) disk.flipBit('master', slot + 50, 1)
    disk.flipBit(segmentName(0), 42, 7)
    await expectRefused(disk, 'LOG_CORRUPT', `the header of ${segmentName(0)} fails its checksum; restore`)
    disk.flipBit(segmentName(0), 42, 7)
    await expectDiskHas(disk, ROWS, LENGTH)
  })

  test('both slots are damaged and the log is gone', async () => {
    const disk = await longLog(false)
    for (const slot of slots) disk.flipBit('master', slot + 50, 1)
    const logs = new Map(segmentsOf(disk).map((name) => [name, readFile(disk, name)]))
    for (const name of logs.keys()) disk.remove(name)
    await expectRefused(disk, 'MASTER_CORRUPT', 'restore all files from one backup')
    for (const [name, bytes] of logs) writeFile(disk, name, bytes)
    await expectDiskHas(disk, ROWS, LENGTH)
  })
})
