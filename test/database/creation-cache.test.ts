/**
 * A sync of the directory fails once while a database is made, it is opened again while the machine goes on, and the power
 * fails later: what was acknowledged meanwhile stays (F11).
 */
import { expect, test } from 'vitest'
import { CREATING_FILE_NAME } from '../../src/database/files.ts'
import type { PendingChange } from '../../src/io/simulated-changes.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { diskWith, expectRows, openOn, textTable, writeFile } from './support.ts'

const syncsOfCreation = async (): Promise<number> => {
  const disk = new SimulatedFileSystem()
  disk.trace = []
  await openOn(disk)
  return disk.trace.filter(({ operation }) => operation === 'syncDirectory').length
}

test('what is acknowledged behind a creation that met a failed sync of the directory stays', async () => {
  const count = await syncsOfCreation()
  expect(count).toBeGreaterThan(2)
  const lost: string[] = []
  for (let skip = 0; skip < count; skip++) {
    const disk = new SimulatedFileSystem()
    disk.failNext('syncDirectory', { errno: 'EIO', skip })
    await expect(openOn(disk)).rejects.toThrow('EIO')
    const db = await openOn(disk)
    await textTable(db).put('a', 'acknowledged')
    try {
      const again = await openOn(disk.crash({ mode: 'none' }))
      if ((await textTable(again).get('a')) === undefined)
        lost.push(`sync ${skip + 1} of ${count}: lost without a word`)
    } catch (error) {
      lost.push(`sync ${skip + 1} of ${count}: ${(error as Error).message}`)
    }
  }
  expect(lost).toEqual([])
})

test.each(['flipped', 'garbage'])(
  'beside a marker that came back a master record that is %s is a damaged one',
  async (how) => {
    const disk = await diskWith(10)
    writeFile(disk, CREATING_FILE_NAME, new Uint8Array(0))
    if (how === 'garbage') writeFile(disk, 'master', new Uint8Array(8192).fill(0x77))
    else for (const slot of [0, 4096]) disk.flipBit('master', slot + 40, 1)
    const db = await openOn(disk)
    expect(db.recovery.notices).toEqual([expect.stringContaining('the data file says where')])
    await expectRows(db, 10)
    await db.close()
    expect(disk.list()).not.toContain(CREATING_FILE_NAME)
  },
)

test('garbage in a master record whose making was cut off is no damage', async () => {
  for (let after = 1, isOff = true; isOff; after++) {
    const disk = new SimulatedFileSystem()
    disk.crashAfter(after)
    await openOn(disk).catch((error: unknown) => {
      if (!disk.poweredOff) throw error
    })
    isOff = disk.poweredOff
    const isTorn = (change: PendingChange): boolean => change.kind === 'write' && change.file === 'master'
    const keep = (change: PendingChange, part: number): boolean => !isTorn(change) || part === 1
    const db = await openOn(disk.crash({ mode: 'pick', keep, missing: 'garbage' }))
    await expectRows(db, 0)
    await db.close()
  }
})

test('a creation that is tried again behind any failed sync of the directory, and cut off anywhere, can be made', async () => {
  const count = await syncsOfCreation()
  for (let skip = 0; skip < count; skip++) {
    for (let after = 1 + skip, isOff = true; isOff; after += count) {
      const disk = new SimulatedFileSystem()
      disk.failNext('syncDirectory', { errno: 'EIO', skip })
      await expect(openOn(disk)).rejects.toThrow('EIO')
      disk.crashAfter(after)
      await openOn(disk).catch((error: unknown) => {
        if (!disk.poweredOff) throw error
      })
      isOff = disk.poweredOff
      await expectRows(await openOn(disk.crash({ mode: 'none' })), 0)
    }
  }
})
