/**
 * Overwriting what has committed and is not durable yet: a put need not wait for the disk, and nobody sees what
 * the disk does not have.
 */
import { describe, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import type { Transaction } from '../../src/database/transaction.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { diskWith, expectFailure, keyOf, openOn, settle, textOf, textTable, writeRows } from './support.ts'

const ROWS = 3
const SYNC_MS = 5
const KEY = keyOf(1)

/** A database whose syncs take a while, and what has been acknowledged, in order. */
class Bench {
  readonly db: Database
  readonly disk: SimulatedFileSystem
  readonly done: string[] = []
  readonly #runtime: SimulatedRuntime

  private constructor(db: Database, disk: SimulatedFileSystem, runtime: SimulatedRuntime) {
    this.db = db
    this.disk = disk
    this.#runtime = runtime
  }

  static async open(): Promise<Bench> {
    const runtime = new SimulatedRuntime(1)
    const disk = new SimulatedFileSystem({ runtime })
    const db = await openOn(disk, { runtime })
    await writeRows(db, 0, ROWS)
    disk.inject('sync', { effect: 'slow', delayMs: SYNC_MS }, { times: Number.POSITIVE_INFINITY })
    return new Bench(db, disk, runtime)
  }

  /** Begins something and goes on when all has happened that does not wait for the disk. */
  async begin(name: string, work: Promise<unknown>): Promise<void> {
    void work.then(() => this.done.push(name))
    await settle(10)
  }

  put(value: string): Promise<void> {
    return this.begin(value, textTable(this.db).put(KEY, value))
  }

  /** One sync of the disk ends. */
  async sync(): Promise<void> {
    this.#runtime.advance(SYNC_MS)
    await settle(10)
  }

  /** What a power cut would leave now. */
  async left(): Promise<string | undefined> {
    const db = await openOn(this.disk.crash({ mode: 'none' }))
    const value = await textTable(db).get(KEY)
    await db.close()
    return value
  }

  async close(): Promise<void> {
    this.disk.clearFaults()
    await this.sync()
    await this.db.close()
  }
}

describe('puts of one key', () => {
  test('do not wait for each other to be durable, and are acknowledged in their order', async () => {
    const bench = await Bench.open()
    for (const value of ['a', 'b', 'c', 'd']) await bench.put(value)
    expect(bench.db.stats().transactions.active).toBe(4)
    expect(bench.done).toEqual([])
    await bench.sync()
    await bench.sync()
    expect(bench.done).toEqual(['a', 'b', 'c', 'd'])
    expect(await bench.left()).toBe('d')
    await bench.close()
  })

  test('show nothing that is not durable', async () => {
    const bench = await Bench.open()
    using before = bench.db.snapshot()
    await bench.put('a')
    await bench.put('b')
    using between = bench.db.snapshot()
    for (const snapshot of [before, between]) expect(snapshot.get(textTable(bench.db), KEY)).toBe(textOf(1))
    expect(await textTable(bench.db).get(KEY)).toBe(textOf(1))
    await bench.sync()
    expect(bench.done).toEqual(['a'])
    expect(await textTable(bench.db).get(KEY)).toBe('a')
    expect(await bench.left()).toBe('a')
    await bench.sync()
    expect(await textTable(bench.db).get(KEY)).toBe('b')
    for (const snapshot of [before, between]) expect(snapshot.get(textTable(bench.db), KEY)).toBe(textOf(1))
    await bench.close()
  })

  test('of which one is rolled back leave what the one before has put', async () => {
    const bench = await Bench.open()
    await bench.put('a')
    const tx = bench.db.begin()
    await tx.put(textTable(bench.db), KEY, 'b')
    await tx.abort()
    expect(await textTable(bench.db).get(KEY)).toBe(textOf(1))
    await bench.sync()
    expect(await textTable(bench.db).get(KEY)).toBe('a')
    await bench.close()
  })

  test('are all lost when the disk fails, and none is acknowledged', async () => {
    const bench = await Bench.open()
    bench.disk.clearFaults()
    bench.disk.failNext('sync', { errno: 'EIO', file: /^log-/ })
    const puts = ['a', 'b'].map((value) => textTable(bench.db).put(KEY, value))
    for (const put of puts) await expectFailure(() => put, 'TX_OUTCOME_UNKNOWN', 'restart has decided')
    await bench.db.close().catch(() => undefined)
    expect(await bench.left()).toBe(textOf(1))
  })
})

describe('putting what is there already', () => {
  const again: Record<string, (db: Database) => Promise<unknown>> = {
    'a put of its own': (db) => textTable(db).put(KEY, 'a'),
    'a transaction': (db) => db.transaction((tx) => tx.put(textTable(db), KEY, 'a')),
    'a transaction at none': (db) => db.transaction((tx) => tx.put(textTable(db), KEY, 'a'), { durability: 'none' }),
    putMany: (db) => textTable(db).putMany([[KEY, 'a']]),
  }
  test.each(Object.keys(again))('%s is acknowledged when it is durable', async (name) => {
    const bench = await Bench.open()
    await bench.put('a')
    await bench.begin('again', (again[name] as (typeof again)[string])(bench.db))
    expect(await textTable(bench.db).get(KEY)).toBe(textOf(1))
    await bench.put('b')
    expect(bench.done).toEqual([])
    await bench.sync()
    expect(bench.done).toEqual(['a', 'again'])
    expect(await bench.left()).toBe('a')
    await bench.sync()
    expect(bench.done).toEqual(['a', 'again', 'b'])
    await bench.close()
  })

  test('waits for nothing when that is durable', async () => {
    const bench = await Bench.open()
    await bench.put(textOf(1))
    expect(bench.done).toEqual([textOf(1)])
    await bench.close()
  })

  test('fails with the write of what it found', async () => {
    const bench = await Bench.open()
    bench.disk.clearFaults()
    const table = textTable(bench.db)
    await bench.db.transaction((tx) => tx.put(table, KEY, 'a'), { durability: 'none' })
    bench.disk.failNext('write', { errno: 'EIO', file: /^log-/ })
    const tx = bench.db.begin({ durability: 'lazy' })
    await tx.put(table, KEY, 'a')
    await expectFailure(() => tx.commit(), 'TX_OUTCOME_UNKNOWN', 'restart has decided')
    await bench.db.close().catch(() => undefined)
    expect(await bench.left()).toBe(textOf(1))
  })

  type Change = (tx: Transaction, db: Database) => Promise<unknown>
  const put: Change = (tx, db) => tx.put(textTable(db), KEY, 'a')
  const remove: Change = (tx, db) => tx.delete(textTable(db), KEY)
  const clear: Change = (tx, db) => tx.clear(textTable(db), { gte: KEY, lte: KEY })
  const drop: Change = (tx, db) => tx.dropTable(textTable(db))
  test.each([
    ['put', put, put],
    ['delete', remove, remove],
    ['clear', clear, clear],
    ['delete, in a table that is gone', drop, remove],
  ])('%s at full outlives a power cut, also after a commit at none', async (_name, first, again) => {
    const bench = await Bench.open()
    const { db, disk } = bench
    disk.clearFaults()
    await db.transaction((tx) => first(tx, db), { durability: 'none' })
    await db.transaction((tx) => again(tx, db))
    expect(await bench.left()).toBe(await textTable(db).get(KEY))
    await bench.close()
  })

  test.each([
    ['createTable', 'TABLE_EXISTS', 'another'],
    ['dropTable', 'TABLE_NOT_FOUND', 'rows'],
  ] as const)('%s at full that fails with %s was right also after a power cut', async (method, code, name) => {
    const bench = await Bench.open()
    const { db, disk } = bench
    disk.clearFaults()
    const table = textTable(db, name)
    await db.transaction((tx) => tx[method](table), { durability: 'none' })
    const tx = db.begin()
    await expectFailure(() => tx[method](table), code, name)
    await tx.commit()
    const after = await openOn(disk.crash({ mode: 'none' }))
    expect(await after.tables()).toEqual(await db.tables())
    await after.close()
    await bench.close()
  })
})

describe('who has overwritten', () => {
  test('sees nothing else before that is durable', async () => {
    const bench = await Bench.open()
    await bench.put('a')
    const tx = bench.db.begin()
    const table = textTable(bench.db)
    const savepoint = await tx.savepoint()
    await tx.put(table, KEY, 'b')
    await tx.rollbackTo(savepoint)
    await bench.begin(
      'get',
      tx.get(table, KEY).then((value) => expect(value).toBe('a')),
    )
    expect(bench.done).toEqual([])
    await bench.sync()
    expect(bench.done).toEqual(['a', 'get'])
    await tx.abort()
    await bench.close()
  })

  test.each(['lazy', 'none'] as const)('at %s is acknowledged when it is durable', async (durability) => {
    const bench = await Bench.open()
    await bench.put('a')
    const tx = bench.db.begin({ durability })
    await tx.put(textTable(bench.db), KEY, 'b')
    await bench.begin('b', tx.commit())
    expect(bench.done).toEqual([])
    await bench.sync()
    await bench.sync()
    expect(bench.done).toEqual(['a', 'b'])
    expect(await bench.left()).toBe('b')
    await bench.close()
  })

  test('and is prepared is in doubt only after what it has overwritten is durable', async () => {
    const bench = await Bench.open()
    await bench.put('a')
    const tx = bench.db.begin()
    await tx.put(textTable(bench.db), KEY, 'b')
    await bench.begin('prepared', tx.prepare('p'))
    expect(bench.done).toEqual([])
    await bench.sync()
    await bench.sync()
    expect(bench.done).toEqual(['a', 'prepared'])
    await bench.begin('rolled back', tx.abort())
    await bench.sync()
    expect(bench.done).toEqual(['a', 'prepared', 'rolled back'])
    expect(await textTable(bench.db).get(KEY)).toBe('a')
    await bench.close()
  })
})

describe('who waits for the disk', () => {
  test('is who reads, or deletes, or has read without locks', async () => {
    const bench = await Bench.open()
    const table = textTable(bench.db)
    const transactions = [bench.db.begin(), bench.db.begin(), bench.db.begin({ isolation: 'snapshot' })] as const
    await bench.put('a')
    const [reader, deleter, writer] = transactions
    await bench.begin('read', reader.get(table, KEY))
    await bench.begin('deleted', deleter.delete(table, KEY))
    const conflict = expectFailure(() => writer.put(table, KEY, 'b'), 'TX_CONFLICT', 'was changed')
    await bench.begin('conflict', conflict)
    expect(bench.done).toEqual([])
    await bench.sync()
    expect(bench.done).toEqual(['a', 'read'])
    await reader.abort()
    await deleter.abort()
    await conflict
    for (const tx of transactions) if (tx.isActive) await tx.abort()
    await bench.close()
  })

  test('and before them nobody is let in who comes later', async () => {
    const bench = await Bench.open()
    const table = textTable(bench.db)
    const reader = bench.db.begin()
    await bench.put('a')
    await bench.begin(
      'read',
      reader.get(table, KEY).then((value) => expect(value).toBe('a')),
    )
    await bench.put('b')
    await bench.sync()
    expect(bench.done).toEqual(['a', 'read'])
    await bench.begin('committed', reader.commit())
    await bench.sync()
    expect(bench.done).toEqual(['a', 'read', 'committed', 'b'])
    await bench.close()
  })
})

test('a rollback at restart undoes an overwritten value only down to what had committed', async () => {
  const disk = await diskWith(ROWS)
  const db = await openOn(disk)
  const table = textTable(db)
  const committed = table.put(KEY, 'a')
  const tx = db.begin()
  await tx.put(table, KEY, 'b')
  await committed
  await db.flush()
  const after = await openOn(disk.crash({ mode: 'all' }))
  expect(after.recovery.undo.losersUndone).toBe(1)
  expect(await textTable(after).get(KEY)).toBe('a')
  await after.close()
})
