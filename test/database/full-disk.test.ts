/** A full disk: the writes that meet it fail and can be rolled back, all else goes on, and it heals once there is room. */
import { describe, expect, test } from 'vitest'
import { AriesError } from '../../src/common/errors.ts'
import type { Database } from '../../src/database/database.ts'
import { buffer, utf8 } from '../../src/index.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { segmentNumberOf } from '../../src/log/segment.ts'
import {
  diskWith,
  expectDiskHas,
  expectFailure,
  expectRows,
  failureOf,
  keyOf,
  openOn,
  PAGE_SIZE,
  SEGMENT_BYTES,
  settle,
  textOf,
  textTable,
  writeRows,
} from './support.ts'

const usedBytes = (disk: SimulatedFileSystem): number => {
  let used = 0
  for (const name of disk.list()) {
    const file = disk.open(name, 'read')
    used += file.size()
    file.close()
  }
  return used
}

const fill = (disk: SimulatedFileSystem, room = 0): void => {
  disk.capacityBytes = usedBytes(disk) + room
}

/** Writes rows one by one, each committed, until one fails; returns how many were acknowledged and the error. */
async function writeUntilFailure(
  db: Database,
  from: number,
  length: number,
): Promise<{ count: number; error: AriesError }> {
  for (let count = from; ; count++) {
    try {
      await textTable(db).put(keyOf(count), textOf(count, length))
    } catch (error) {
      if (!AriesError.is(error)) throw error
      return { count, error }
    }
  }
}

describe('a full disk', () => {
  test.each([3000, 20, 20_000])(
    'while rows of %i bytes are written: the writes fail, all else goes on',
    async (length) => {
      const disk = await diskWith(50, { length })
      const db = await openOn(disk)
      fill(disk, 3_000_000)
      const { count, error } = await writeUntilFailure(db, 50, length)
      expect(error.code).toBe('DISK_FULL')
      expect(count).toBeGreaterThan(50)
      await expectRows(db, count, length)
      // It can be tried again, and reading and ending transactions works.
      await expectFailure(
        async () => {
          for (let i = 0; i < 2000; i++) await textTable(db).put(keyOf(count), textOf(count, length))
        },
        'DISK_FULL',
        'failed',
      )
      const killed = disk.crash({ mode: 'kill' })
      const cut = disk.crash({ mode: 'none' })
      disk.capacityBytes = Number.POSITIVE_INFINITY
      await textTable(db).put(keyOf(count), textOf(count, length))
      await expectRows(db, count + 1, length)
      await db.close()
      await expectDiskHas(disk, count + 1, length)
      for (const image of [killed, cut]) {
        image.capacityBytes = Number.POSITIVE_INFINITY
        const reopened = await openOn(image)
        const extra = (await textTable(reopened).get(keyOf(count))) === undefined ? 0 : 1
        await expectRows(reopened, count + extra, length)
        await reopened.close()
      }
    },
  )

  test('a transaction that met it can be rolled back, to a savepoint and wholly (I19)', async () => {
    const disk = await diskWith(50, { length: 1000 })
    const db = await openOn(disk)
    fill(disk, 600_000)
    const tx = db.begin()
    const table = textTable(db)
    let i = 50
    const savepoints = [await tx.savepoint()]
    const error = await failureOf(async () => {
      for (; ; i++) {
        await tx.put(table, keyOf(i), textOf(i, 1000))
        if (i % 50 === 0) savepoints.push(await tx.savepoint())
      }
    })
    expect(error.code).toBe('DISK_FULL')
    expect(savepoints.length).toBeGreaterThan(3)
    // The failed put left nothing of itself behind.
    expect(await tx.count(table)).toBe(i)
    await tx.rollbackTo(savepoints[2]!)
    expect(await tx.count(table)).toBe(101)
    await tx.abort()
    await expectRows(db, 50, 1000)
    await db.close()
    await expectDiskHas(disk, 50, 1000)
  })

  test('every full transaction of many can be rolled back at once', async () => {
    const disk = await diskWith(0)
    const db = await openOn(disk)
    await textTable(db).put('x', 'y')
    fill(disk, 400_000)
    const all = Array.from({ length: 10 }, () => db.begin())
    let stuck = 0
    for (let i = 0; stuck < all.length; i++) {
      stuck = 0
      for (const [n, tx] of all.entries()) {
        await tx.put(textTable(db), `${n}-${i}`, 'v'.repeat(500)).catch((error: AriesError) => {
          expect(error.code).toBe('DISK_FULL')
          stuck++
        })
      }
    }
    for (const tx of all.slice(0, 5)) await tx.abort()
    for (const tx of all.slice(5)) await tx.commit()
    expect(db.check()).toEqual([])
    const count = await textTable(db).count()
    await db.close()
    const reopened = await openOn(disk)
    expect(await textTable(reopened).count()).toBe(count)
    await reopened.close()
  })

  test('during a large value: nothing of it stays', async () => {
    const disk = await diskWith(10)
    const db = await openOn(disk)
    fill(disk, 2_000_000)
    const table = db.table('blobs', { key: utf8, value: buffer })
    await table.put('small', new Uint8Array(10_000).fill(1))
    await expectFailure(
      () => table.put('big', new Uint8Array(5_000_000).fill(2)),
      'DISK_FULL',
      'make room, then try again',
    )
    expect(await table.get('big')).toBe(undefined)
    expect((await table.get('small'))?.length).toBe(10_000)
    expect(db.check()).toEqual([])
    await settle()
    const reopened = await openOn(disk.crash({ mode: 'kill' }), {})
    expect(reopened.check()).toEqual([])
    await reopened.close()
    disk.capacityBytes = Number.POSITIVE_INFINITY
    await table.put('big', new Uint8Array(5_000_000).fill(2))
    expect((await table.get('big'))?.every((byte) => byte === 2)).toBe(true)
    await db.close()
  })

  test('a put that made its table leaves none when it fails, and the transaction goes on', async () => {
    const disk = await diskWith(10)
    // No page has to leave the pool, so it is the log that finds no room.
    const db = await openOn(disk, { poolBytes: 1024 * PAGE_SIZE })
    const table = db.table('blobs', { key: utf8, value: buffer })
    const tx = db.begin()
    await tx.put(textTable(db), keyOf(10), textOf(10))
    fill(disk)
    const big = new Uint8Array(1_000_000)
    await expectFailure(() => tx.put(table, 'big', big), 'DISK_FULL', 'make room, then try again')
    await expectFailure(() => tx.putMany(table, [['big', big]]), 'DISK_FULL', 'make room, then try again')
    expect(await tx.tables()).toEqual(['rows'])
    await tx.put(table, 'small', new Uint8Array(10))
    expect(await tx.count(table)).toBe(1)
    await tx.delete(table, 'small')
    await tx.dropTable(table)
    await expectFailure(() => tx.put(table, 'big', big), 'DISK_FULL', 'make room, then try again')
    await tx.commit()
    expect(await db.tables()).toEqual(['rows'])
    await expectRows(db, 11)
    await db.close()
    await expectDiskHas(disk, 11)
  })

  test.each([0, 100, 5000, 9000, 300_000, 500_000, 1_500_000, 2_500_000, 4_500_000])(
    'while a database is made, with room for %i bytes',
    async (room) => {
      const disk = new SimulatedFileSystem({ capacityBytes: room })
      await expectFailure(() => openOn(disk), 'DISK_FULL', 'make room, then try again')
      await expectFailure(() => openOn(disk), 'DISK_FULL', 'make room, then try again')
      await expectFailure(() => openOn(disk, { createIfMissing: false }), 'DB_NOT_FOUND', 'holds no database')
      disk.capacityBytes = Number.POSITIVE_INFINITY
      const db = await openOn(disk)
      await writeRows(db, 0, 10)
      await db.close()
      await expectDiskHas(disk, 10)
      expect(disk.list()).not.toContain('creating')
    },
  )

  test('at restart: an error, and all is there once there is room', async () => {
    const disk = await diskWith(100, { length: 900, killed: true })
    const loser = await openOn(disk)
    const tx = loser.begin()
    for (let i = 0; i < 600; i++) {
      await tx.put(textTable(loser), keyOf(i % 100), textOf(i + 1 + Math.floor(i / 100), 900))
    }
    await loser.flush()
    const image = disk.crash({ mode: 'kill' })
    // The segments kept for compensation are gone, and there is no room to make them again.
    const tail = Math.floor(loser.stats().log.endLsn / SEGMENT_BYTES)
    const unused = image.list().filter((name) => (segmentNumberOf(name) ?? 0) > tail)
    expect(unused.length).toBeGreaterThan(1)
    for (const name of unused.slice(1)) image.remove(name)
    fill(image)
    for (let i = 0; i < 3; i++) await expectFailure(() => openOn(image), 'DISK_FULL', 'write of log-new failed')
    image.capacityBytes = Number.POSITIVE_INFINITY
    await expectDiskHas(image, 100, 900)
  })

  test.each(Array.from({ length: 12 }, (_, skip) => skip * 3))('at restart, at write %i', async (skip) => {
    const disk = await diskWith(100, { length: 2000, killed: true })
    disk.failNext('write', { errno: 'ENOSPC', times: Number.POSITIVE_INFINITY, skip })
    const opened = await openOn(disk).catch((error: AriesError) => error)
    if (opened instanceof AriesError) expect(['DISK_FULL', 'DB_FAILED']).toContain(opened.code)
    disk.clearFaults()
    const after = opened instanceof AriesError ? disk : disk.crash({ mode: 'none' })
    await expectDiskHas(after, 100, 2000)
  })

  test('at a checkpoint: it fails and can be taken later; commits go on', async () => {
    const disk = await diskWith(10)
    const db = await openOn(disk)
    fill(disk)
    for (let i = 0; i < 10; i++) await textTable(db).put(keyOf(i), textOf(i))
    disk.failNext('write', { errno: 'ENOSPC', file: /^log-new$/, times: Number.POSITIVE_INFINITY })
    let failed = 0
    for (let i = 0; i < 300 && failed === 0; i++) {
      await db.checkpoint().catch((error: AriesError) => {
        expect(error.code).toBe('DISK_FULL')
        failed++
      })
      await db.transaction((tx) => tx.get(textTable(db), 'x'))
      await textTable(db)
        .put(keyOf(0), textOf(0))
        .catch(() => {})
    }
    disk.clearFaults()
    disk.capacityBytes = Number.POSITIVE_INFINITY
    await db.checkpoint()
    await expectRows(db, 10)
    await db.close()
    await expectDiskHas(disk, 10)
  })

  test('at write-back: put off, shown by the statistics, done when there is room', async () => {
    const disk = await diskWith(10)
    const db = await openOn(disk)
    disk.failNext('write', { errno: 'ENOSPC', file: /^double-write$/, times: 3 })
    for (let i = 10; i < 600; i++) {
      const put = () => textTable(db).put(keyOf(i), textOf(i, 1000))
      // Who needs a frame at once is told; it can be tried again.
      await put().catch((error: AriesError) => {
        expect(error.code).toBe('DISK_FULL')
        return put().catch(put)
      })
    }
    await settle()
    expect(db.stats().buffer.deferredBatches).toBeGreaterThan(0)
    for (let i = 0; i < 10; i++) await textTable(db).put(keyOf(i), textOf(i, 1000))
    await expectRows(db, 600, 1000)
    await db.close()
    await expectDiskHas(disk, 600, 1000)
  })

  test.each(['log', 'master', 'data'])(
    'a write to the %s meets it although room was made: the engine stops',
    async (name) => {
      const disk = await diskWith(10)
      const db = await openOn(disk)
      await writeRows(db, 10, 20)
      const pattern = name === 'log' ? /^log-\d+$/ : new RegExp(`^${name}$`)
      disk.failNext('write', { errno: 'ENOSPC', file: pattern, times: Number.POSITIVE_INFINITY })
      const error = await failureOf(async () => {
        await textTable(db).put(keyOf(20), textOf(20))
        await db.checkpoint()
        await db.close()
      })
      expect(['DB_FAILED', 'TX_OUTCOME_UNKNOWN']).toContain(error.code)
      await db.close().catch(() => {})
      disk.clearFaults()
      const reopened = await openOn(disk)
      const count = await textTable(reopened).count()
      expect(count).toBeGreaterThanOrEqual(name === 'log' ? 20 : 21)
      await expectRows(reopened, count)
      await reopened.close()
    },
  )
})
