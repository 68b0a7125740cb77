import { describe, expect, test } from 'vitest'
import { asLsn } from '../../src/common/ids.ts'
import { FailStop } from '../../src/io/fail-stop.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { MASTER_FILE_BYTES, MASTER_FILE_NAME, MasterWriter, readMaster } from '../../src/log/master-record.ts'
import { IDENTITY } from './support.ts'

function bench(): {
  disk: SimulatedFileSystem
  writer: MasterWriter
  failStop: FailStop
  write: (n: number) => Promise<void>
} {
  const disk = new SimulatedFileSystem()
  const file = disk.open(MASTER_FILE_NAME, 'create')
  file.truncate(MASTER_FILE_BYTES)
  file.syncBlocking()
  disk.syncDirectory()
  const failStop = new FailStop()
  const writer = new MasterWriter(file, IDENTITY, failStop, 0)
  const write = (n: number): Promise<void> =>
    writer.write({ checkpointLsn: asLsn(n), endLsn: asLsn(n + 100), pageCount: n, isClean: n % 2 === 0 })
  return { disk, writer, failStop, write }
}

const read = (disk: SimulatedFileSystem): ReturnType<typeof readMaster> =>
  readMaster(disk.open(MASTER_FILE_NAME, 'read'))

describe('the master record', () => {
  test('of an empty file holds nothing, and nothing is damaged', () => {
    expect(read(bench().disk)).toEqual({ records: [], damagedSlots: 0, isOurs: false })
  })

  test('the newest counts, the one before is kept', async () => {
    const { disk, write } = bench()
    for (const n of [1000, 2001, 3000]) await write(n)
    const { records, damagedSlots } = read(disk.crash({ mode: 'none' }))
    expect(damagedSlots).toBe(0)
    expect(records.map(({ master }) => master)).toEqual([
      { sequence: 3, checkpointLsn: 3000, endLsn: 3100, pageCount: 3000, isClean: true },
      { sequence: 2, checkpointLsn: 2001, endLsn: 2101, pageCount: 2001, isClean: false },
    ])
    expect(records[0]?.identity).toEqual(IDENTITY)
  })

  test('a crash at any point of a write leaves the old or the new one', async () => {
    for (let seed = 1; seed < 40; seed++) {
      const { disk, write } = bench()
      await write(1000)
      await write(2000)
      disk.crashAfter(1 + (seed % 2))
      await expect(write(3000)).rejects.toMatchObject({ code: 'DB_FAILED' })
      const { records } = read(disk.crash(seed))
      expect([2000, 3000]).toContain(records[0]?.master.checkpointLsn)
    }
  })

  test('that was found is written again before a new one, and only once', async () => {
    const { disk, write } = bench()
    await write(1000)
    disk.failNext('sync', { errno: 'EIO', dropPages: true })
    await expect(write(2001)).rejects.toMatchObject({ code: 'DB_FAILED' })
    const found = read(disk).records[0]?.master
    expect(found?.checkpointLsn, 'what the cache shows').toBe(2001)
    const file = disk.open(MASTER_FILE_NAME, 'write')
    const writer = new MasterWriter(file, IDENTITY, new FailStop(), found?.sequence ?? 0, found)
    writer.repeatFound()
    expect(read(disk.crash({ mode: 'none' })).records[0]?.master, 'what the disk has').toEqual(found)
    const { mutations } = disk
    writer.repeatFound()
    expect(disk.mutations).toBe(mutations)
  })

  test('any flipped bit of a slot makes it damaged, and the other one serves', async () => {
    const { disk, write } = bench()
    await write(1000)
    await write(2000)
    for (const [slot, left] of [
      [0, 1000],
      [4096, 2000],
    ] as const) {
      for (let byte = 0; byte < 72; byte++) {
        disk.flipBit(MASTER_FILE_NAME, slot + byte, byte % 8)
        const { records, damagedSlots, isOurs } = read(disk)
        expect([records.length, damagedSlots, isOurs]).toEqual([1, 1, true])
        expect(records[0]?.master.checkpointLsn).toBe(left)
        disk.flipBit(MASTER_FILE_NAME, slot + byte, byte % 8)
      }
    }
  })

  test('a failed write or sync stops the engine, and nothing is written any more', async () => {
    for (const kind of ['write', 'sync'] as const) {
      const { disk, write, failStop } = bench()
      await write(1000)
      disk.failNext(kind, { errno: 'EIO' })
      await expect(write(2000)).rejects.toMatchObject({ code: 'DB_FAILED' })
      expect(failStop.failed).toBe(true)
      const { mutations } = disk
      await expect(write(3000)).rejects.toMatchObject({ code: 'DB_FAILED' })
      expect(disk.mutations).toBe(mutations)
    }
  })

  test('a checkpoint behind its own end is a bug (I13)', async () => {
    const { writer } = bench()
    const wrong = { checkpointLsn: asLsn(100), endLsn: asLsn(100), pageCount: 1, isClean: false }
    await expect(writer.write(wrong)).rejects.toThrow('I13')
  })
})
