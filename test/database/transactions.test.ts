/** What transactions do: order, locks, savepoints, tables, durability. */
import { describe, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import type { Durability } from '../../src/index.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { expectFailure, instantRuntime, openOn, rowsOf, settle, TEXT, textTable } from './support.ts'

const fresh = (): Promise<Database> => openOn(new SimulatedFileSystem())

describe('operations of one transaction', () => {
  test('run in the order in which they were called, also behind one that waits', async () => {
    const db = await fresh()
    const table = textTable(db)
    await table.put('a', '0')
    const holder = db.begin()
    await holder.put(table, 'a', 'held')
    const tx = db.begin()
    const done: string[] = []
    const note = (name: string) => () => done.push(name)
    const all = [
      tx.put(table, 'a', '1').then(note('put a')),
      tx.put(table, 'b', '1').then(note('put b')),
      tx.get(table, 'a').then((value) => done.push(`get ${value}`)),
      tx.put(table, 'a', '2').then(note('put a again')),
      tx.delete(table, 'b').then((was) => done.push(`delete ${was}`)),
      tx.count(table).then((count) => done.push(`count ${count}`)),
      tx.savepoint().then(note('savepoint')),
    ]
    await settle()
    expect(done).toEqual([])
    await holder.abort()
    await Promise.all(all)
    expect(done).toEqual(['put a', 'put b', 'get 1', 'put a again', 'delete true', 'count 1', 'savepoint'])
    await tx.commit()
    expect(await rowsOf(db)).toEqual({ a: '2' })
    await db.close()
  })

  test('one that fails does not hold up the next', async () => {
    const runtime = new SimulatedRuntime(1)
    const db = await openOn(new SimulatedFileSystem(), { runtime })
    const table = textTable(db)
    await table.put('a', '0')
    const holder = db.begin()
    await holder.put(table, 'a', 'held')
    const tx = db.begin({ lockTimeoutMs: 10 })
    const first = tx.put(table, 'a', '1')
    const second = tx.put(table, 'b', '1')
    runtime.advance(10)
    await expectFailure(() => first, 'TX_LOCK_TIMEOUT', /lock/)
    await second
    await tx.commit()
    await holder.commit()
    expect(await rowsOf(db)).toEqual({ a: 'held', b: '1' })
    await db.close()
  })
})

describe('conflicts', () => {
  test('a deadlock has one victim, which is rolled back; the other goes on', async () => {
    const db = await fresh()
    const table = textTable(db)
    await table.put('a', '0')
    await table.put('b', '0')
    const one = db.begin()
    const two = db.begin()
    await one.put(table, 'a', 'one')
    await one.put(table, 'more', 'log bytes, so that the other is the cheaper victim')
    await two.put(table, 'b', 'two')
    const waiting = one.put(table, 'b', 'one')
    const error = await expectFailure(() => two.put(table, 'a', 'two'), 'TX_DEADLOCK', /deadlock/i)
    expect(error.retryable).toBe(true)
    expect(two.isActive).toBe(false)
    await expectFailure(() => two.get(table, 'a'), 'TX_CLOSED', 'deadlock')
    await waiting
    await one.commit()
    expect(await rowsOf(db)).toMatchObject({ a: 'one', b: 'one' })
    expect(db.stats().locks.deadlocks).toBe(1)
    expect(db.stats().locks.held).toBe(0)
    await db.close()
  })

  test('a lock timeout leaves the transaction usable', async () => {
    const runtime = new SimulatedRuntime(1)
    const db = await openOn(new SimulatedFileSystem(), { runtime, lockTimeoutMs: 500 })
    const table = textTable(db)
    await table.put('a', '0')
    const holder = db.begin()
    await holder.put(table, 'a', '1')
    const tx = db.begin()
    const waiting = tx.get(table, 'a')
    runtime.advance(499)
    await settle()
    expect(db.stats().locks.waiting).toBe(1)
    runtime.advance(1)
    const error = await expectFailure(() => waiting, 'TX_LOCK_TIMEOUT', /500/)
    expect(error.retryable).toBe(true)
    expect(tx.isActive).toBe(true)
    await holder.commit()
    expect(await tx.get(table, 'a')).toBe('1')
    await tx.commit()
    await db.close()
  })

  test('await using aborts what was not committed', async () => {
    const disk = new SimulatedFileSystem()
    {
      await using db = await openOn(disk)
      const table = textTable(db)
      {
        await using tx = db.begin()
        await tx.put(table, 'a', 'aborted')
      }
      {
        await using tx = db.begin()
        await tx.put(table, 'b', 'committed')
        await tx.commit()
      }
      expect(await rowsOf(db)).toEqual({ b: 'committed' })
    }
    const db = await openOn(disk)
    expect(db.recovery.wasNeeded).toBe(false)
    await db.close()
  })

  test('many concurrent transfers keep the sum', async () => {
    const db = await openOn(new SimulatedFileSystem(), { runtime: instantRuntime() })
    const table = textTable(db)
    for (let i = 0; i < 5; i++) await table.put(`account-${i}`, '100')
    const transfer = (from: number, to: number): Promise<void> =>
      db.transaction(
        async (tx) => {
          const a = Number(await tx.get(table, `account-${from}`))
          const b = Number(await tx.get(table, `account-${to}`))
          await tx.put(table, `account-${from}`, String(a - 1))
          await tx.put(table, `account-${to}`, String(b + 1))
        },
        { attempts: 1000 },
      )
    await Promise.all(
      Array.from({ length: 60 }, (_, i) => transfer(i % 5, (i * 3 + 1) % 5 === i % 5 ? (i + 1) % 5 : (i * 3 + 1) % 5)),
    )
    const rows = await rowsOf(db)
    expect(Object.values(rows).reduce((sum, value) => sum + Number(value), 0)).toBe(500)
    expect(db.stats().locks).toMatchObject({ held: 0, waiting: 0 })
    await db.close()
  })
})

describe('savepoints', () => {
  test('nested, rolled back in parts, then committed; the same after a crash', async () => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk)
    const table = textTable(db)
    await table.put('kept', '0')
    const tx = db.begin()
    await tx.put(table, 'a', '1')
    const outer = await tx.savepoint()
    await tx.put(table, 'a', '2')
    await tx.delete(table, 'kept')
    const inner = await tx.savepoint()
    await tx.put(table, 'b', '1')
    await tx.put(table, 'a', '3')
    await tx.rollbackTo(inner)
    expect(await tx.get(table, 'a')).toBe('2')
    expect(await tx.get(table, 'b')).toBe(undefined)
    await tx.put(table, 'c', '1')
    await tx.rollbackTo(inner)
    expect(await tx.get(table, 'c')).toBe(undefined)
    await tx.rollbackTo(outer)
    expect(await tx.get(table, 'a')).toBe('1')
    expect(await tx.get(table, 'kept')).toBe('0')
    await tx.put(table, 'd', '1')
    await tx.commit()
    const expected = { a: '1', d: '1', kept: '0' }
    expect(await rowsOf(db)).toEqual(expected)
    const reopened = await openOn(disk.crash({ mode: 'none' }))
    expect(await rowsOf(reopened)).toEqual(expected)
    await reopened.close()
    await db.close()
  })

  test('rolling back to the same savepoint again writes nothing', async () => {
    const db = await fresh()
    const tx = db.begin()
    await tx.put(textTable(db), 'a', '1')
    const savepoint = await tx.savepoint()
    for (let i = 0; i < 20; i++) await tx.put(textTable(db), `k${i}`, 'v')
    await tx.rollbackTo(savepoint)
    const { endLsn } = db.stats().log
    await tx.rollbackTo(savepoint)
    await tx.rollbackTo(savepoint)
    expect(db.stats().log.endLsn).toBe(endLsn)
    await tx.commit()
    await db.close()
  })

  test('the making and dropping of tables, and their pending actions, roll back too', async () => {
    const db = await fresh()
    await textTable(db, 'old').put('k', 'v')
    const tx = db.begin()
    const savepoint = await tx.savepoint()
    await tx.put(textTable(db, 'new'), 'k', 'v')
    await tx.dropTable(textTable(db, 'old'))
    expect(await tx.tables()).toEqual(['new'])
    await tx.rollbackTo(savepoint)
    expect(await tx.tables()).toEqual(['old'])
    await tx.put(textTable(db, 'new'), 'other', 'v')
    await tx.commit()
    await settle()
    expect(await db.tables()).toEqual(['new', 'old'])
    expect(await rowsOf(db, 'old')).toEqual({ k: 'v' })
    expect(await rowsOf(db, 'new')).toEqual({ other: 'v' })
    expect(db.check()).toEqual([])
    await db.close()
  })
})

describe('tables', () => {
  test('are made and dropped in transactions, with rollback', async () => {
    const db = await fresh()
    const table = textTable(db, 't')
    const making = db.begin()
    await making.createTable(table)
    await expectFailure(() => making.createTable(table), 'TABLE_EXISTS', 't')
    await making.put(table, 'k', 'v')
    await making.abort()
    expect(await db.tables()).toEqual([])
    await db.transaction((tx) => tx.createTable(table))
    expect(await db.tables()).toEqual(['t'])
    await table.put('k', 'v')
    const dropping = db.begin()
    await dropping.dropTable(table)
    expect(await dropping.get(table, 'k')).toBe(undefined)
    await expectFailure(() => dropping.dropTable(table), 'TABLE_NOT_FOUND', 't')
    await dropping.put(table, 'again', 'new')
    await dropping.abort()
    expect(await rowsOf(db, 't')).toEqual({ k: 'v' })
    await db.dropTable(table)
    await expectFailure(() => db.dropTable(table), 'TABLE_NOT_FOUND', 't')
    expect(await table.get('k')).toBe(undefined)
    expect(await table.delete('k')).toBe(false)
    expect(await table.count()).toBe(0)
    expect(await table.clear()).toBe(0)
    await settle()
    expect(db.check()).toEqual([])
    await db.close()
  })

  test('a drop waits for those who use the table, and they for it', async () => {
    const db = await fresh()
    const table = textTable(db)
    await table.put('a', '1')
    const reader = db.begin()
    expect(await reader.get(table, 'a')).toBe('1')
    const dropper = db.begin()
    let dropped = false
    const dropping = dropper.dropTable(table).then(() => {
      dropped = true
    })
    await settle()
    expect(dropped).toBe(false)
    await reader.commit()
    await dropping
    const late = db.begin()
    const reading = late.get(table, 'a')
    await dropper.commit()
    expect(await reading).toBe(undefined)
    await late.commit()
    await db.close()
  })

  test('a dropped table gives its pages back, also when a crash comes between', async () => {
    const disk = new SimulatedFileSystem()
    const runtime = new SimulatedRuntime(1)
    const db = await openOn(disk, { runtime })
    const before = db.stats().pages.allocated as number
    const fillIt = async (d: Database): Promise<void> =>
      d.transaction(async (tx) => {
        for (let i = 0; i < 500; i++) await tx.put(textTable(d), `k${i}`, 'v'.repeat(i % 50 === 0 ? 9000 : 300))
      })
    await fillIt(db)
    expect(db.stats().pages.allocated).toBeGreaterThan(before + 30)
    const tx = db.begin()
    await tx.dropTable(textTable(db))
    await tx.commit()
    // The commit is durable, the pages are not free yet.
    const image = disk.crash({ mode: 'none' })
    runtime.advance(200)
    await settle()
    expect(db.stats().pages.allocated).toBeLessThanOrEqual(before)
    expect(db.stats().background.pendingActions).toBe(0)
    const reopened = await openOn(image)
    await settle()
    expect(reopened.stats().pages.allocated).toBeLessThanOrEqual(before)
    expect(reopened.check()).toEqual([])
    expect(await reopened.tables()).toEqual([])
    await reopened.close()
    await db.close()
  })
})

describe('durability levels', () => {
  const survivors = async (disk: SimulatedFileSystem, mode: 'kill' | 'none'): Promise<string[]> => {
    const db = await openOn(disk.crash({ mode }))
    const keys = Object.keys(await rowsOf(db))
    expect(db.check()).toEqual([])
    await db.close()
    return keys
  }
  const put = (db: Database, key: string, durability: Durability): Promise<void> =>
    db.transaction((tx) => tx.put(textTable(db), key, 'v'), { durability })

  test('full survives a power cut, lazy a kill, none neither; a later stronger commit takes earlier ones along', async () => {
    const disk = new SimulatedFileSystem()
    const runtime = new SimulatedRuntime(1)
    const db = await openOn(disk, { runtime })
    await put(db, '1-full', 'full')
    await put(db, '2-lazy', 'lazy')
    await put(db, '3-none', 'none')
    expect(await survivors(disk, 'none')).toEqual(['1-full'])
    expect(await survivors(disk, 'kill')).toEqual(['1-full', '2-lazy'])
    await put(db, '4-lazy', 'lazy')
    expect(await survivors(disk, 'none')).toEqual(['1-full'])
    expect(await survivors(disk, 'kill')).toEqual(['1-full', '2-lazy', '3-none', '4-lazy'])
    await put(db, '5-full', 'full')
    expect(await survivors(disk, 'none')).toEqual(['1-full', '2-lazy', '3-none', '4-lazy', '5-full'])
    await db.close()
  })

  test('the weaker levels are flushed within flushIntervalMs, and by flush()', async () => {
    const disk = new SimulatedFileSystem()
    const runtime = new SimulatedRuntime(1)
    const db = await openOn(disk, { runtime, durability: 'none', flushIntervalMs: 50 })
    await textTable(db).put('a', 'v')
    runtime.advance(49)
    await settle()
    expect(await survivors(disk, 'none')).toEqual([])
    runtime.advance(1)
    await settle()
    expect(await survivors(disk, 'none')).toEqual(['a'])
    await textTable(db).put('b', 'v')
    expect(await survivors(disk, 'kill')).toEqual(['a'])
    await db.flush()
    expect(await survivors(disk, 'none')).toEqual(['a', 'b'])
    await textTable(db).put('c', 'v')
    await db.close()
    expect(await survivors(disk, 'none')).toEqual(['a', 'b', 'c'])
  })

  test('a level for the commit alone', async () => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk, { durability: 'none' })
    const tx = db.begin()
    await tx.put(textTable(db), 'a', 'v')
    await tx.commit({ durability: 'full' })
    expect(await survivors(disk, 'none')).toEqual(['a'])
    const weak = await openOn(disk.crash({ mode: 'kill' }), { durability: 'full' })
    const other = weak.begin({ durability: 'none' })
    await other.put(textTable(weak), 'b', 'v')
    await other.commit()
    await weak.close()
    await db.close()
  })

  test('commits of one turn share a sync', async () => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk)
    await textTable(db).put('warm', 'up')
    const transactions = Array.from({ length: 64 }, () => db.begin())
    for (const [i, tx] of transactions.entries()) await tx.put(db.table('rows', TEXT), `k${i}`, 'v')
    disk.trace = []
    await Promise.all(transactions.map((tx) => tx.commit()))
    expect(disk.trace.filter((entry) => entry.operation === 'sync')).toHaveLength(1)
    expect(await survivors(disk, 'none')).toHaveLength(65)
    await db.close()
  })
})
