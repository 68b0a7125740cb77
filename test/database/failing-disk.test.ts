/** A failing write or sync stops the engine for good; a reopen has all that was acknowledged. */
import { describe, expect, test } from 'vitest'
import { AriesError } from '../../src/common/errors.ts'
import type { Database } from '../../src/database/database.ts'
import type { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { diskWith, expectFailure, expectRows, failureOf, keyOf, openOn, settle, textOf, textTable } from './support.ts'

type OperationKind = Parameters<SimulatedFileSystem['failNext']>[0]

describe('a failed sync or write stops the engine (I28)', () => {
  const cases: [string, OperationKind, RegExp, (db: Database) => Promise<unknown>][] = [
    ['sync of the log at a commit', 'sync', /^log-/, (db) => textTable(db).put(keyOf(10), textOf(10))],
    ['write of the log at a commit', 'write', /^log-/, (db) => textTable(db).put(keyOf(10), textOf(10))],
    [
      'write of the log at a lazy commit',
      'write',
      /^log-/,
      (db) => db.transaction((tx) => tx.put(textTable(db), keyOf(10), textOf(10)), { durability: 'lazy' }),
    ],
    [
      'sync of the log at a flush',
      'sync',
      /^log-/,
      async (db) => {
        await db.transaction((tx) => tx.put(textTable(db), keyOf(10), textOf(10)), { durability: 'lazy' })
        await db.flush()
      },
    ],
    [
      'sync of the master at a checkpoint',
      'sync',
      /^master$/,
      async (db) => {
        await textTable(db).put(keyOf(10), textOf(10))
        await db.checkpoint()
      },
    ],
    [
      'write of the master at a checkpoint',
      'write',
      /^master$/,
      async (db) => {
        await textTable(db).put(keyOf(10), textOf(10))
        await db.checkpoint()
      },
    ],
    ['sync of the data file at close', 'sync', /^data$/, closing],
    ['write of the data file at close', 'write', /^data$/, closing],
    ['sync of the double-write file at close', 'sync', /^double-write$/, closing],
    ['write of the double-write file at close', 'write', /^double-write$/, closing],
  ]

  async function closing(db: Database): Promise<void> {
    await textTable(db).put(keyOf(10), textOf(10))
    await db.close()
  }

  test.each(cases)('%s', async (_what, kind, file, work) => {
    const disk = await diskWith(10)
    const db = await openOn(disk)
    const open = db.begin()
    await open.put(textTable(db), 'open', 'never committed')
    disk.failNext(kind, { errno: 'EIO', file })
    const error = await failureOf(() => work(db))
    expect(['DB_FAILED', 'TX_OUTCOME_UNKNOWN']).toContain(error.code)
    expect(error.message).toMatch(/reopen the database/)
    const { mutations } = disk
    if (work !== closing) {
      for (const use of [
        () => db.begin(),
        () => textTable(db).get('k'),
        () => textTable(db).put('k', 'v'),
        () => db.checkpoint(),
        () => db.flush(),
        () => open.put(textTable(db), 'k', 'v'),
        () => open.commit(),
      ]) {
        await expectFailure(use, 'DB_FAILED', 'close and reopen the database: restart decides')
      }
    }
    await settle()
    await db.close().catch((error: AriesError) => expect(error.code).toBe('DB_FAILED'))
    await settle()
    expect(disk.mutations, 'changes after the failure').toBe(mutations)
    for (const image of [disk, disk.crash({ mode: 'none' }), disk.crash({ mode: 'all' }), disk.crash(7)]) {
      const reopened = await openOn(image)
      const count = await textTable(reopened).count()
      expect(count === 10 || count === 11).toBe(true)
      await expectRows(reopened, count)
      await reopened.close()
    }
  })

  test('also when only the background has met it: then the close says so, unless a call has been refused before', async () => {
    for (const isAsked of [false, true]) {
      const disk = await diskWith(10)
      const runtime = new SimulatedRuntime(1)
      const db = await openOn(disk, { runtime, flushIntervalMs: 100 })
      const rows = textTable(db)
      await db.transaction((tx) => tx.put(rows, keyOf(10), textOf(10)), { durability: 'none' })
      disk.failNext('sync', { errno: 'EIO', file: /^log-/ })
      runtime.advance(100)
      await settle()
      if (isAsked) {
        await expectFailure(() => rows.put(keyOf(11), textOf(11)), 'DB_FAILED', 'failed write or sync')
        await db.close()
      } else await expectFailure(() => db.close(), 'DB_FAILED', 'a failed write or sync stopped the engine')
      // The files are closed all the same.
      const reopened = await openOn(disk)
      await reopened.close()
    }
  })

  test('commits in flight are TX_OUTCOME_UNKNOWN, and what they wait for ends', async () => {
    const disk = await diskWith(10)
    const db = await openOn(disk)
    const table = textTable(db)
    const committing = Array.from({ length: 5 }, () => db.begin())
    for (const [i, tx] of committing.entries()) await tx.put(table, keyOf(10 + i), textOf(10 + i))
    const holder = db.begin()
    await holder.put(table, keyOf(5), 'held')
    const waiter = db.begin({ lockTimeoutMs: Number.POSITIVE_INFINITY })
    const waiting = [() => waiter.get(table, keyOf(10)), () => table.put(keyOf(5), 'x')].map((wait) => failureOf(wait))
    disk.failNext('sync', { errno: 'EIO', file: /^log-/ })
    const results = await Promise.allSettled(committing.map((tx) => tx.commit()))
    for (const result of results) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'TX_OUTCOME_UNKNOWN', retryable: false } })
    }
    // No time passes, and nobody has closed the database.
    for (const error of await Promise.all(waiting)) expect(error.code).toBe('DB_FAILED')
    await expect(holder.abort()).rejects.toMatchObject({ code: 'DB_FAILED' })
    await db.close()
    const reopened = await openOn(disk)
    const count = await textTable(reopened).count()
    await expectRows(reopened, count)
    expect(count === 10 || count === 15).toBe(true)
    await reopened.close()
  })

  test('every sync and every directory sync of some work, one after the other', async () => {
    const work = async (db: Database): Promise<number> => {
      let acknowledged = 10
      try {
        for (let i = 10; i < 130; i++) {
          await textTable(db).put(keyOf(i), textOf(i, 3000))
          acknowledged = i + 1
          if (i % 40 === 0) await db.checkpoint()
        }
        await db.close()
      } catch (error) {
        if (!AriesError.is(error)) throw error
        expect(['DB_FAILED', 'TX_OUTCOME_UNKNOWN', 'IO_ERROR']).toContain(error.code)
        await db.close().catch(() => {})
      }
      return acknowledged
    }
    const base = await diskWith(10, { length: 3000 })
    for (const kind of ['sync', 'syncDirectory', 'rename', 'write'] as const) {
      for (let skip = 0; skip < 260; skip += kind === 'write' || kind === 'sync' ? 23 : 1) {
        const disk = base.crash({ mode: 'all' })
        const db = await openOn(disk, { checkpointBytes: 65536, maxRedoBytes: 65536 })
        disk.failNext(kind, { errno: 'EIO', skip })
        const acknowledged = await work(db)
        disk.clearFaults()
        for (const image of [disk.crash({ mode: 'none' }), disk]) {
          const reopened = await openOn(image)
          const count = await textTable(reopened).count()
          expect(count, `${kind} ${skip}`).toBeGreaterThanOrEqual(acknowledged)
          expect(count).toBeLessThanOrEqual(acknowledged + 1)
          await expectRows(reopened, count, 3000)
          await reopened.close()
        }
        if (acknowledged === 130 && kind !== 'sync' && kind !== 'write') break
      }
    }
  })

  test('recycling of a segment fails, and the log that goes on behind it is there after a power cut', async () => {
    const base = await diskWith(10, { length: 3000 })
    for (const kind of ['rename', 'write', 'sync', 'syncDirectory'] as const) {
      const disk = base.crash({ mode: 'all' })
      const db = await openOn(disk, { checkpointBytes: 65536, maxRedoBytes: 65536 })
      let acknowledged = 10
      // From when the first segment is renamed: the operation of this kind that follows it fails.
      const rename = disk.rename.bind(disk)
      let armed = false
      disk.rename = (from: string, to: string): void => {
        if (/^log-\d+$/.test(from) && !armed) {
          armed = true
          disk.failNext(kind, {
            errno: 'EIO',
            ...(kind === 'syncDirectory' ? {} : { file: kind === 'rename' ? new RegExp(from) : new RegExp(to) }),
          })
        }
        rename(from, to)
      }
      try {
        for (let i = 10; i < 600; i++) {
          await textTable(db).put(keyOf(i), textOf(i, 3000))
          acknowledged = i + 1
        }
      } catch (error) {
        if (!AriesError.is(error)) throw error
      }
      expect(armed, 'a segment was recycled').toBe(true)
      const image = disk.crash({ mode: 'none' })
      const reopened = await openOn(image)
      const count = await textTable(reopened).count()
      expect(count, kind).toBeGreaterThanOrEqual(acknowledged)
      await expectRows(reopened, count, 3000)
      await reopened.close()
      await db.close().catch(() => {})
    }
  })

  test('a page that cannot be read now is an error of the operations that need it', async () => {
    const disk = await diskWith(400, { length: 1000 })
    const db = await openOn(disk, { poolBytes: 8 * 4096 })
    disk.failNext('read', { errno: 'EIO', file: /^data$/, skip: 20, times: 5 })
    let failed = 0
    for (let i = 0; i < 400; i += 10) {
      await textTable(db)
        .get(keyOf(i))
        .catch((error: AriesError) => {
          expect(error.code).toBe('IO_ERROR')
          failed++
        })
    }
    expect(failed).toBeGreaterThan(0)
    await expectRows(db, 400, 1000)
    await db.close()
  })
})
