/** A read-only directory: what was closed cleanly can be read, the rest is refused with a word. */
import { describe, expect, test } from 'vitest'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import {
  diskWith,
  expectDiskHas,
  expectFailure,
  expectRefused,
  expectRows,
  imageOf,
  keyOf,
  openOn,
  settle,
  TEXT,
  textOf,
  textTable,
} from './support.ts'

describe('a read-only directory', () => {
  test('closed cleanly: can be read, writes are DB_READ_ONLY', async () => {
    const disk = await diskWith(100)
    const before = imageOf(disk)
    disk.readOnly = true
    const runtime = new SimulatedRuntime(1)
    const db = await openOn(disk, { runtime, checkpointIntervalMs: 10 })
    await expectRows(db, 100)
    expect(await textTable(db).get(keyOf(5))).toBe(textOf(5))
    const tx = db.begin()
    for (const write of [
      () => textTable(db).put('k', 'v'),
      () => textTable(db).delete(keyOf(1)),
      () => textTable(db).clear(),
      () => db.table('new', TEXT).put('k', 'v'),
      () => db.dropTable(textTable(db)),
      () => tx.createTable(db.table('new', TEXT)),
      () => tx.put(textTable(db), 'k', 'v'),
      () => tx.putMany(textTable(db), [['k', 'v']]),
      () => tx.delete(textTable(db), keyOf(1)),
      () => tx.clear(textTable(db)),
      () => tx.dropTable(textTable(db)),
      () => db.checkpoint(),
    ]) {
      await expectFailure(write, 'DB_READ_ONLY', 'read-only')
    }
    expect(db.locks()).toEqual([])
    await tx.commit()
    await db.flush()
    runtime.advance(1000)
    await settle()
    await expectRows(db, 100)
    await db.close()
    expect(imageOf(disk)).toEqual(before)
    disk.readOnly = false
    await expectDiskHas(disk, 100)
  })

  test('with ghosts that a crash left: they stay, and all else can be read', async () => {
    const disk = await diskWith(100)
    const first = await openOn(disk)
    await textTable(first).delete(keyOf(99))
    const killed = disk.crash({ mode: 'kill' })
    await (await openOn(killed)).close()
    const before = imageOf(killed)
    killed.readOnly = true
    const runtime = new SimulatedRuntime(1)
    const db = await openOn(killed, { runtime })
    await expectRows(db, 99)
    runtime.advance(1000)
    await settle()
    await db.flush()
    await expectRows(db, 99)
    await db.close()
    expect(imageOf(killed)).toEqual(before)
  })

  test('made without double-write: can be read all the same', async () => {
    const disk = await diskWith(5)
    await (await openOn(disk, { doubleWrite: false })).close()
    expect(disk.list()).not.toContain('double-write')
    disk.readOnly = true
    await expectDiskHas(disk, 5)
  })

  test('not closed cleanly: DB_READ_ONLY, saying that recovery must write', async () => {
    const disk = await diskWith(100, { killed: true })
    disk.readOnly = true
    await expectRefused(disk, 'DB_READ_ONLY', 'was not closed cleanly, and recovery must write')
    disk.readOnly = false
    await expectDiskHas(disk, 100)
  })

  test('empty: DB_READ_ONLY', async () => {
    const disk = new SimulatedFileSystem()
    disk.readOnly = true
    await expectRefused(disk, 'DB_READ_ONLY', 'a database cannot be made there')
  })
})
