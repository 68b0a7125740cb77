/** `Table.put`: one value stored in one go, unless somebody is in the way. */
import { describe, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import type { Transaction } from '../../src/database/transaction.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import {
  diskWith,
  expectDiskHas,
  expectFailure,
  keyOf,
  openOn,
  settle,
  textOf,
  textTable,
  writeRows,
} from './support.ts'

const rows = 3
const open = async (): Promise<Database> => openOn(await diskWith(rows))
const put = (db: Database, key = keyOf(1)): Promise<void> => textTable(db).put(key, 'put')

/** Whether a put waits for somebody who has done something and is open; when he has ended it is there. */
async function waitsFor(work: (tx: Transaction, db: Database) => Promise<unknown>, key = keyOf(1)): Promise<boolean> {
  const db = await open()
  const tx = db.begin()
  await work(tx, db)
  let isDone = false
  const putting = put(db, key).then(() => {
    isDone = true
  })
  await settle(5)
  const waited = !isDone
  await tx.commit()
  await putting
  expect(await textTable(db).get(key)).toBe('put')
  expect(db.stats().locks.held).toBe(0)
  await db.close()
  return waited
}

describe('who is in the way is waited for', () => {
  test('who has read the key', async () => {
    expect(await waitsFor((tx, db) => tx.get(textTable(db), keyOf(1)))).toBe(true)
  })

  test('who has written it', async () => {
    expect(await waitsFor((tx, db) => tx.put(textTable(db), keyOf(1), 'other'))).toBe(true)
  })

  test('who has found that it is not there', async () => {
    expect(await waitsFor((tx, db) => tx.get(textTable(db), 'new'), 'new')).toBe(true)
  })

  test('who has read the range that it comes into', async () => {
    expect(await waitsFor((tx, db) => tx.count(textTable(db)), 'row-00001-new')).toBe(true)
  })

  test('who drops the table, and then it is a new one', async () => {
    expect(await waitsFor((tx, db) => tx.dropTable(textTable(db)))).toBe(true)
  })

  test('who makes the table', async () => {
    const db = await open()
    const tx = db.begin()
    const other = textTable(db, 'other')
    await tx.createTable(other)
    const putting = other.put('k', 'v')
    await tx.abort()
    await putting
    expect(await other.get('k')).toBe('v')
    await db.close()
  })
})

describe('who is not in the way is not waited for', () => {
  test('who has read or written other keys', async () => {
    const others = async (tx: Transaction, db: Database): Promise<void> => {
      await tx.get(textTable(db), keyOf(0))
      await tx.put(textTable(db), keyOf(2), 'other')
    }
    expect(await waitsFor(others)).toBe(false)
  })

  test('who has a snapshot, which goes on to show what it showed', async () => {
    const db = await open()
    using snapshot = db.snapshot()
    await put(db)
    expect(snapshot.get(textTable(db), keyOf(1))).toBe(textOf(1))
    await db.close()
  })
})

describe('what is acknowledged', () => {
  test('is durable, and what is not is not seen', async () => {
    const runtime = new SimulatedRuntime(1)
    const disk = new SimulatedFileSystem({ runtime })
    const db = await openOn(disk, { runtime })
    await writeRows(db, 0, rows)
    disk.inject('sync', { effect: 'slow', delayMs: 5 }, { times: Number.POSITIVE_INFINITY })
    const done: string[] = []
    const putting = put(db).then(() => done.push('put'))
    await settle(5)
    expect(await textTable(db).get(keyOf(1))).toBe(textOf(1))
    using snapshot = db.snapshot()
    expect(snapshot.get(textTable(db), keyOf(1))).toBe(textOf(1))
    expect(done).toEqual([])
    const held = db
      .locks()
      .flatMap(({ kind, table, holders }) =>
        holders.map(({ mode, isCommitting }) => `${isCommitting ? 'committing: ' : ''}${mode} on ${kind} of ${table}`),
      )
    expect(held.sort()).toEqual(['committing: IX on table of rows', 'committing: X on key of rows'])
    await expectDiskHas(disk.crash({ mode: 'none' }), rows)
    runtime.advance(5)
    await putting
    expect(await textTable(db).get(keyOf(1))).toBe('put')
    const after = await openOn(disk.crash({ mode: 'none' }))
    expect(await textTable(after).get(keyOf(1))).toBe('put')
    await after.close()
    disk.clearFaults()
    await db.close()
  })

  test('the first put makes the table', async () => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk)
    await put(db)
    expect(await textTable(db).get(keyOf(1))).toBe('put')
    await db.close()
  })
})

describe('what cannot be stored', () => {
  test('is said by a rejection, and leaves neither lock nor transaction', async () => {
    const db = await open()
    await expectFailure(() => put(db, ''), 'INVALID_ARGUMENT', 'must not be empty')
    await expectFailure(() => put(db, 'k'.repeat(10_000)), 'KEY_TOO_LARGE', '10000 bytes')
    expect(db.stats().locks.held).toBe(0)
    expect(db.stats().transactions.active).toBe(0)
    await db.close()
    await expectFailure(() => put(db), 'DB_CLOSED', 'closed')
  })

  test('for want of room is undone, and the key is free again', async () => {
    const disk = await diskWith(rows)
    const db = await openOn(disk, { checkpointBytes: 1 << 30, maxRedoBytes: 1 << 30 })
    disk.failNext('write', { errno: 'ENOSPC', file: /^log-new$/, times: Number.POSITIVE_INFINITY })
    let stored = 0
    const fill = async (): Promise<void> => {
      for (;;) {
        await textTable(db).put(`fill-${stored}`, 'x'.repeat(900))
        stored++
      }
    }
    await expect(fill()).rejects.toMatchObject({ code: 'DISK_FULL' })
    expect(db.stats().locks.held).toBe(0)
    expect(db.stats().transactions.active).toBe(0)
    disk.clearFaults()
    await put(db)
    expect(await textTable(db).get(keyOf(1))).toBe('put')
    await db.close()
  })
})
