/** What is opened is not a database, or not one that this build can read: nothing is touched. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { checksum } from '../../src/common/checksum.ts'
import { open } from '../../src/database/open-location.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { FORMAT_VERSION, makeIdentity } from '../../src/log/identity.ts'
import { segmentName } from '../../src/log/segment.ts'
import { sealPage } from '../../src/page/page.ts'
import {
  diskWith,
  expectDiskHas,
  expectFailure,
  expectRefused,
  imageOf,
  openOn,
  PAGE_SIZE,
  readFile,
  truncateFile,
  writeFile,
  writeRows,
} from './support.ts'

const text = (content: string): Uint8Array => new TextEncoder().encode(content)

describe('a directory without a database', () => {
  let directory: string
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'aries-open-'))
  })
  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  test('a missing directory is not made without createIfMissing', async () => {
    const missing = join(directory, 'mistyped')
    await expectFailure(() => open(missing), 'DB_NOT_FOUND', 'pass createIfMissing')
    expect(existsSync(missing)).toBe(false)
  })

  test('an empty directory is no database without createIfMissing', async () => {
    await expectFailure(() => open(directory), 'DB_NOT_FOUND', 'pass createIfMissing')
    expect(readdirSync(directory)).toEqual([])
  })

  test('a missing directory and its parents are made with createIfMissing', async () => {
    const db = await open(join(directory, 'a', 'b'), { createIfMissing: true, segmentBytes: 262144 })
    await db.close()
    expect(readdirSync(join(directory, 'a', 'b'))).toContain('master')
  })

  test('a file in place of the directory', async () => {
    const file = join(directory, 'file')
    writeFileSync(file, 'text')
    await expectFailure(() => open(file, { createIfMissing: true }), 'INVALID_ARGUMENT', 'a database is a directory')
  })
})

describe('a directory of foreign files', () => {
  test('is no database without createIfMissing', async () => {
    const disk = new SimulatedFileSystem()
    writeFile(disk, 'letter.txt', text('dear'))
    await expectRefused(disk, 'DB_NOT_FOUND', 'holds no database', { createIfMissing: false })
  })

  test('keeps them when a database is made beside them, whatever they are called', async () => {
    const disk = new SimulatedFileSystem()
    const foreign = ['letter.txt', 'log-book.txt', 'log-', 'log-1', 'log-0000000000001', 'data.csv', 'locksmith']
    for (const name of foreign) writeFile(disk, name, text(`content of ${name}`))
    await (await openOn(disk)).close()
    await expectDiskHas(disk, 0)
    for (const name of foreign) expect(new TextDecoder().decode(readFile(disk, name)), name).toBe(`content of ${name}`)
  })

  test.each(['data', 'master', segmentName(0)])('a file that is called %s by chance is refused', async (name) => {
    const disk = new SimulatedFileSystem()
    writeFile(disk, name, text('some text that was here before'.repeat(1000)))
    await expectRefused(disk, 'FORMAT_UNSUPPORTED', /not .*aries-db|does not start/)
  })

  test('foreign files called data and creating are not taken for a half-made database', async () => {
    const disk = new SimulatedFileSystem()
    writeFile(disk, 'data', text('my precious data'))
    writeFile(disk, 'creating', text('a note about creating things'))
    await expectRefused(disk, 'FORMAT_UNSUPPORTED', 'creating')
  })
})

describe('a file of the database is replaced by something else', () => {
  test('the data file', async () => {
    const disk = await diskWith(100)
    const original = readFile(disk, 'data')
    writeFile(disk, 'data', new Uint8Array(original.length).fill(0x41))
    await expectRefused(disk, 'FORMAT_UNSUPPORTED', 'data does not start as a data file of aries-db does')
    writeFile(disk, 'data', original)
    await expectDiskHas(disk, 100)
  })

  test('the data file of another database', async () => {
    const disk = await diskWith(100)
    const original = readFile(disk, 'data')
    const other = new SimulatedFileSystem()
    await (await openOn(other, { runtime: new SimulatedRuntime(99) })).close()
    truncateFile(disk, 'data', 0)
    writeFile(disk, 'data', readFile(other, 'data'))
    await expectRefused(disk, 'PAGE_CORRUPT', 'belongs to another database')
    writeFile(disk, 'data', original)
    await expectDiskHas(disk, 100)
  })

  test.each(['closed', 'killed', 'killed after a checkpoint'])('an older copy of the data file: %s', async (how) => {
    const disk = await diskWith(100)
    const older = readFile(disk, 'data')
    const db = await openOn(disk)
    await writeRows(db, 100, 300)
    if (how === 'killed after a checkpoint') await db.checkpoint()
    const killed = disk.crash({ mode: 'kill' })
    await db.close()
    const image = how === 'closed' ? disk : killed
    const newer = readFile(image, 'data')
    truncateFile(image, 'data', 0)
    writeFile(image, 'data', older)
    // All that was done since its checkpoint is in the log, when there has been no checkpoint since.
    if (how === 'killed') return expectDiskHas(image, 300)
    const error = await expectRefused(image, 'PAGE_CORRUPT', /data is an older copy: .*; restore all files from one/)
    expect(error.details).toEqual({ file: 'data', pageId: 0, offset: 0 })
    writeFile(image, 'data', newer)
    await expectDiskHas(image, 300)
  })

  test('the data file of another life of the same backup', async () => {
    const backup = await diskWith(100)
    const live = async (from: number, to: number, checkpointsAt: readonly number[]): Promise<SimulatedFileSystem> => {
      const disk = backup.crash({ mode: 'kill' })
      const db = await openOn(disk)
      for (let row = from; row < to; row++) {
        await writeRows(db, row, row + 1)
        if (checkpointsAt.includes(row)) await db.checkpoint()
      }
      return disk.crash({ mode: 'kill' })
    }
    const one = await live(100, 150, [140])
    const image = await live(100, 300, [120])
    const own = readFile(image, 'data')
    image.placeFile('data', readFile(one, 'data'))
    // This one has seen the checkpoint at row 140, and is no older than the one at row 120.
    await expectRefused(
      image,
      'LOG_CORRUPT',
      /does not hold the checkpoint at LSN \d+ that data has seen: .* of another backup/,
    )
    image.placeFile('data', own)
    await expectDiskHas(image, 300)
  })

  test('a data file cut to nothing is damage, not a foreign file', async () => {
    const disk = await diskWith(100)
    const original = readFile(disk, 'data')
    truncateFile(disk, 'data', 0)
    await expectRefused(disk, 'PAGE_CORRUPT', 'cut short')
    writeFile(disk, 'data', original)
    await expectDiskHas(disk, 100)
  })

  test('a missing data file', async () => {
    const disk = await diskWith(100)
    const original = readFile(disk, 'data')
    disk.remove('data')
    disk.syncDirectory()
    const error = await expectRefused(
      disk,
      'PAGE_CORRUPT',
      'the file data is missing; restore all files from one backup',
    )
    expect(error.details.file).toBe('data')
    writeFile(disk, 'data', original)
    await expectDiskHas(disk, 100)
  })
})

const NEWER = FORMAT_VERSION + 1

describe('a newer format', () => {
  function patchU32(bytes: Uint8Array, offset: number, value: number): DataView {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    view.setUint32(offset, value, true)
    return view
  }

  test('of the master record', async () => {
    const disk = await diskWith(10)
    const master = readFile(disk, 'master')
    for (const slot of [0, 4096]) {
      const bytes = master.subarray(slot, slot + 72)
      patchU32(bytes, 8, NEWER).setUint32(68, checksum(bytes, 0, 68, 0), true)
    }
    writeFile(disk, 'master', master)
    const message = `has format ${NEWER}; this build reads and writes format ${FORMAT_VERSION}`
    const error = await expectRefused(disk, 'FORMAT_UNSUPPORTED', message)
    expect(error.details).toMatchObject({ file: 'master', version: NEWER })
  })

  test('of the data file', async () => {
    const disk = await diskWith(10)
    const master = readFile(disk, 'master')
    const identity = makeIdentity(master.slice(4096 + 24, 4096 + 40), PAGE_SIZE, 262144)
    const meta = readFile(disk, 'data').slice(0, PAGE_SIZE)
    sealPage(meta, patchU32(meta, 40, NEWER), 0, PAGE_SIZE, identity.databaseSeed)
    writeFile(disk, 'data', meta)
    await expectRefused(disk, 'FORMAT_UNSUPPORTED', `the data file has format ${NEWER}`)
  })

  test('of a log segment', async () => {
    const disk = await diskWith(10)
    const header = readFile(disk, segmentName(0)).slice(0, 64).fill(0, 44, 52)
    patchU32(header, 8, NEWER).setUint32(60, checksum(header, 0, 60, 0), true)
    writeFile(disk, segmentName(0), header)
    await expectRefused(disk, 'FORMAT_UNSUPPORTED', `has log format ${NEWER}`)
  })
})

describe('fixed when the database is made', () => {
  test('another page size', async () => {
    const disk = await diskWith(10)
    const error = await expectRefused(disk, 'FORMAT_UNSUPPORTED', 'made with pageSize 4096, which is fixed', {
      pageSize: 8192,
    })
    expect(error.details).toMatchObject({ asked: 8192, actual: 4096 })
    await (await openOn(disk, { pageSize: 4096 })).close()
    await expectDiskHas(disk, 10)
  })

  test('another segment size', async () => {
    const disk = await diskWith(10)
    await expectRefused(disk, 'FORMAT_UNSUPPORTED', 'made with segmentBytes 262144, which is fixed', {
      segmentBytes: 524288,
    })
    await expectDiskHas(disk, 10)
  })

  test('a database that is there is opened as it is when nothing is asked', async () => {
    const disk = await diskWith(10)
    const before = imageOf(disk)
    await (await openOn(disk)).close()
    expect(imageOf(disk)).toEqual(before)
  })
})
