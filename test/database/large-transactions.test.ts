/** Who reads without locks beside a transaction that has written much does not read all that it has written. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { openLab } from '../../property-tests/lab.ts'
import type { Database } from '../../src/database/database.ts'
import type { OpenOptions } from '../../src/database/options.ts'
import type { Transaction } from '../../src/database/transaction.ts'
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { LogManager } from '../../src/log/log-manager.ts'
import { expectFailure, keyOf, openOn, SEGMENT_BYTES, settle, textOf, textTable, waits, writeRows } from './support.ts'

const ROWS = 2000
/** Of more than a quarter of a segment of the log, all rows together. */
const LENGTH = SEGMENT_BYTES / ROWS

let db: Database
let tx: Transaction

beforeAll(async () => {
  db = await openOn(new MemoryFileSystem())
  await writeRows(db, 0, ROWS, 20)
  tx = db.begin()
  const rows = Array.from({ length: ROWS }, (_, i) => [keyOf(i), textOf(i, LENGTH)] as const)
  await tx.putMany(textTable(db), rows)
  await tx.delete(textTable(db), keyOf(3))
})

afterAll(() => db.close())

test('a get takes one key from the log, and nothing is kept for it', async () => {
  for (const i of [0, 3, ROWS - 1]) expect(await textTable(db).get(keyOf(i))).toBe(textOf(i, 20))
  expect(db.stats().versions).toMatchObject({ entries: 0, bytes: 0 })
})

test('nor for a snapshot, until the transaction commits; then it shows what it did', async () => {
  using snapshot = db.snapshot()
  const shown = (): string[] => [...snapshot.range(textTable(db))].map(([, value]) => value)
  const old = Array.from({ length: ROWS }, (_, i) => textOf(i, 20))
  expect(shown()).toEqual(old)
  expect(db.stats().versions.entries).toBe(0)
  expect(await tx.get(textTable(db), keyOf(3))).toBeUndefined()
  await tx.commit()
  expect(db.stats().versions.entries).toBe(ROWS)
  expect(shown()).toEqual(old)
  expect(await textTable(db).get(keyOf(0))).toBe(textOf(0, LENGTH))
  snapshot.close()
  expect(db.stats().versions).toMatchObject({ entries: 0, bytes: 0 })
})

const largeRows = Array.from({ length: ROWS }, (_, i) => [keyOf(i), textOf(i, LENGTH)] as const)

test('what a key held that is changed over and over is looked up once, until all changes are undone', async () => {
  const { db: own, managers } = await openLab(new MemoryFileSystem())
  const table = textTable(own)
  await writeRows(own, 0, 10)
  const large = own.begin()
  await large.putMany(textTable(own, 'others'), largeRows)
  const before = await large.savepoint()
  for (const text of ['a', 'b', 'c']) {
    for (let i = 0; i < 100; i++) {
      await large.put(table, keyOf(1), `${text}${i}`)
      if (i % 10 === 0) await large.delete(table, keyOf(1))
    }
    expect(await table.get(keyOf(1))).toBe(textOf(1))
    const read = vi.spyOn(managers.log, 'readSingle')
    for (let i = 0; i < 10; i++) expect(await table.get(keyOf(1))).toBe(textOf(1))
    expect(read).not.toHaveBeenCalled()
    read.mockRestore()
    if (text !== 'c') await large.rollbackTo(before)
    expect(await table.get(keyOf(1))).toBe(textOf(1))
  }
  await large.commit()
  expect(await table.get(keyOf(1))).toBe('c99')
  await own.transaction((other) => other.put(table, keyOf(1), 'd'))
  expect(await table.get(keyOf(1))).toBe('d')
  await own.close()
})

describe('a large transaction that reads without locks itself', () => {
  test('finds one change of a key that it has changed often, and looks for no more', async () => {
    const { db: own, managers } = await openLab(new MemoryFileSystem())
    const [table, read] = [textTable(own), vi.spyOn(managers.log, 'readSingle')]
    const often = own.begin({ isolation: 'read-committed' })
    await often.putMany(table, largeRows)
    for (let i = 0; i < 100; i++) await often.put(table, 'often', textOf(i))
    expect(await often.get(table, 'often')).toBe(textOf(99))
    expect(read.mock.calls.length).toBeLessThan(5)
    await often.abort()
    await own.close()
  })

  test('reads no more when it commits, and nothing is noted for that', async () => {
    const own = await openOn(new MemoryFileSystem())
    const large = own.begin({ isolation: 'snapshot' })
    await large.putMany(textTable(own), largeRows)
    const committed = large.commit()
    expect(own.stats().versions.readers).toBe(0)
    await committed
    expect(own.stats().versions.entries).toBe(0)
    expect(await textTable(own).get(keyOf(1))).toBe(textOf(1, LENGTH))
    await own.close()
  })
})

describe('beside a large commit whose COMMIT is not durable yet', () => {
  const SYNC_MS = 5

  /** A database in which a large transaction waits for the disk; `sync` ends that. */
  async function committing(options: OpenOptions = {}) {
    const runtime = new SimulatedRuntime(1)
    const disk = new SimulatedFileSystem({ runtime })
    const slow = await openOn(disk, { runtime, ...options })
    await writeRows(slow, 0, ROWS)
    const large = slow.begin()
    await large.putMany(textTable(slow), largeRows)
    disk.inject('sync', { effect: 'slow', delayMs: SYNC_MS }, { times: Number.POSITIVE_INFINITY })
    const committed = large.commit()
    await settle(10)
    const sync = (): void => {
      disk.clearFaults()
      runtime.advance(SYNC_MS)
    }
    return { slow, committed, sync }
  }

  test('nobody sees what it has written, whoever else commits meanwhile', async () => {
    const { slow, committed, sync } = await committing()
    await slow.transaction((other) => other.put(textTable(slow), 'other', 'x'), { durability: 'none' })
    expect(await waits(committed)).toBe(true)
    expect(await textTable(slow).get(keyOf(1))).toBe(textOf(1))
    expect(slow.locks().length).toBeGreaterThan(0)
    sync()
    await committed
    expect(await textTable(slow).get(keyOf(1))).toBe(textOf(1, LENGTH))
    await slow.close()
  })

  test('a snapshot is opened at once, and what it has to show is noted before the commit ends', async () => {
    const { slow, committed, sync } = await committing()
    using snapshot = slow.snapshot()
    expect(slow.stats().versions.entries).toBe(0)
    expect(snapshot.get(textTable(slow), keyOf(1))).toBe(textOf(1))
    sync()
    await committed
    expect(slow.stats().versions.entries).toBe(ROWS)
    expect(snapshot.range(textTable(slow)).all()).toEqual(largeRows.map(([key], i) => [key, textOf(i)]))
    expect(await textTable(slow).get(keyOf(1))).toBe(textOf(1, LENGTH))
    await slow.close()
  })

  test('it is ended where that is more than may be kept', async () => {
    const { slow, committed, sync } = await committing({ snapshotMaxBytes: 65_536 })
    using snapshot = slow.snapshot()
    expect(snapshot.get(textTable(slow), keyOf(1))).toBe(textOf(1))
    sync()
    await committed
    await expectFailure(() => snapshot.get(textTable(slow), keyOf(1)), 'SNAPSHOT_TOO_OLD', 'snapshotMaxBytes')
    expect(slow.stats().versions).toMatchObject({ readers: 0, entries: 0 })
    await slow.close()
  })
})

test('no more of a large transaction is noted than may be kept', async () => {
  const own = await openOn(new MemoryFileSystem(), { snapshotMaxBytes: 65_536 })
  await writeRows(own, 0, ROWS)
  const large = own.begin()
  await large.putMany(textTable(own), largeRows)
  using snapshot = own.snapshot()
  const read = vi.spyOn(LogManager.prototype, 'read')
  await large.commit()
  expect(read.mock.calls.length).toBeLessThan(ROWS / 2)
  read.mockRestore()
  await expectFailure(() => snapshot.get(textTable(own), keyOf(1)), 'SNAPSHOT_TOO_OLD', 'snapshotMaxBytes')
  await own.close()
})

describe('a log that cannot be read for a moment', () => {
  test('shows no change that is uncommitted to who goes on reading', async () => {
    const disk = new SimulatedFileSystem()
    const own = await openOn(disk)
    await writeRows(own, 0, ROWS)
    const large = own.begin()
    await large.putMany(textTable(own), largeRows)
    using snapshot = own.snapshot()
    const transaction = own.begin({ isolation: 'read-committed' })
    for (const entries of [snapshot.range(textTable(own)), transaction.range(textTable(own))]) {
      for (let i = 0; i < ROWS; i++) {
        if (i % 100 === 0) disk.failNext('read', { errno: 'EIO', file: /^log-/ })
        let next: IteratorResult<[string, string], undefined> | undefined
        while (next === undefined) {
          try {
            next = await entries.next()
          } catch (error) {
            expect(error).toMatchObject({ code: 'IO_ERROR' })
          }
        }
        expect(next.value).toEqual([keyOf(i), textOf(i)])
      }
      expect(await entries.next()).toMatchObject({ done: true })
      disk.clearFaults()
    }
    await transaction.abort()
    await large.abort()
    await own.close()
  })
})
