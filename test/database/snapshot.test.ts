import { describe, expect, test, vi } from 'vitest'
import { json } from '../../src/database/codecs.ts'
import type { Database } from '../../src/database/database.ts'
import type { OpenOptions } from '../../src/database/options.ts'
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { ActiveTransaction } from '../../src/txn/active-transaction.ts'
import { VersionStore } from '../../src/txn/version-store.ts'
import { failureOf, keyOf, openOn, textOf, textTable, writeRows } from './support.ts'

interface Bench {
  readonly db: Database
  readonly runtime: SimulatedRuntime
  readonly table: ReturnType<typeof textTable>
}

async function bench(options: OpenOptions = {}): Promise<Bench> {
  const runtime = new SimulatedRuntime(1)
  const db = await openOn(new MemoryFileSystem(), { runtime, ...options })
  return { db, runtime, table: textTable(db) }
}

/** Lets background work be done. */
async function settle({ runtime }: Bench): Promise<void> {
  for (let i = 0; i < 20; i++) {
    runtime.advance(200)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const caught = (action: () => unknown): unknown => {
  try {
    action()
  } catch (error) {
    return (error as { code?: string }).code
  }
  return undefined
}

describe('a snapshot', () => {
  test('is what had committed when it was opened, whatever happens then', async () => {
    const { db, table } = await bench()
    await table.put('kept', 'old')
    await table.put('gone', 'here')
    const open = db.begin()
    await open.put(table, 'kept', 'uncommitted')
    using snapshot = db.snapshot()
    await open.put(table, 'new', 'x')
    await open.delete(table, 'gone')
    await open.commit()
    await db.dropTable(table)
    expect(snapshot.tables()).toEqual(['rows'])
    expect(snapshot.range(table).all()).toEqual([
      ['gone', 'here'],
      ['kept', 'old'],
    ])
    expect([snapshot.get(table, 'kept'), snapshot.get(table, 'new'), snapshot.count(table)]).toEqual([
      'old',
      undefined,
      2,
    ])
    expect(db.snapshot().tables()).toEqual([])
    await db.close()
  })

  test('does not wait for a writer, nor a writer for it', async () => {
    const { db, table } = await bench({ lockTimeoutMs: 0 })
    await table.put('a', '1')
    const writer = db.begin()
    await writer.put(table, 'a', '2')
    const reader = db.begin({ readOnly: true })
    expect(await reader.get(table, 'a')).toBe('1')
    await writer.clear(table)
    await writer.commit()
    expect([await reader.get(table, 'a'), await reader.count(table)]).toEqual(['1', 1])
    expect(db.stats().locks).toMatchObject({ held: 0, waits: 0 })
    await reader.commit()
    await db.close()
  })

  test('keeps deleted rows and their pages until it is closed', async () => {
    const b = await bench()
    const long = 'x'.repeat(30_000)
    await b.table.put('long', long)
    await writeRows(b.db, 0, 200)
    const snapshot = b.db.snapshot()
    await b.table.clear()
    await settle(b)
    const during = b.db.stats()
    expect([during.background.pendingActions, during.versions.entries]).toEqual([1, 201])
    expect(during.versions.heldBackLogBytes).toBeGreaterThan(0)
    expect([snapshot.get(b.table, 'long'), snapshot.count(b.table)]).toEqual([long, 201])
    snapshot.close()
    await settle(b)
    const after = b.db.stats()
    expect([after.background.pendingActions, after.background.uncleanLeaves]).toEqual([0, 0])
    expect(after.versions).toEqual({
      readers: 0,
      oldestAgeMs: undefined,
      entries: 0,
      bytes: 0,
      heldBackLogBytes: 0,
    })
    await b.db.close()
  })

  test('costs by the rows that change, not by how often they do', async () => {
    const { db, table } = await bench({ durability: 'lazy' })
    await table.put('hot', '0')
    const old = db.snapshot()
    for (let i = 1; i <= 300; i++) {
      using short = db.snapshot()
      await table.put('hot', String(i))
      expect(short.get(table, 'hot')).toBe(String(i - 1))
    }
    expect(db.stats().versions.entries).toBe(1)
    expect(old.get(table, 'hot')).toBe('0')
    old.close()
    await db.close()
  })

  test('that is open for too long is ended, and says so', async () => {
    const b = await bench({ snapshotMaxAgeMs: 5000 })
    await b.table.put('a', '1')
    const snapshot = b.db.snapshot()
    const reader = b.db.begin({ isolation: 'snapshot' })
    b.runtime.advance(4999)
    expect(snapshot.get(b.table, 'a')).toBe('1')
    b.runtime.advance(1)
    expect(caught(() => snapshot.get(b.table, 'a'))).toBe('SNAPSHOT_TOO_OLD')
    expect(caught(() => snapshot.range(b.table).next())).toBe('SNAPSHOT_TOO_OLD')
    expect(await failureOf(() => reader.get(b.table, 'a'))).toMatchObject({ code: 'SNAPSHOT_TOO_OLD', retryable: true })
    expect(await failureOf(() => reader.put(b.table, 'a', '2'))).toMatchObject({ code: 'SNAPSHOT_TOO_OLD' })
    await reader.abort()
    expect([snapshot.isOpen, b.db.stats().versions.readers]).toEqual([false, 0])
    await b.db.close()
  })

  test('that holds back too much memory is ended, the oldest first', async () => {
    const { db, table } = await bench({ snapshotMaxBytes: 196_608 })
    await writeRows(db, 0, 400)
    const first = db.snapshot()
    await table.put(keyOf(0), 'changed')
    const second = db.snapshot()
    await writeRows(db, 0, 200, 30)
    expect([first.isOpen, second.isOpen]).toEqual([true, true])
    await writeRows(db, 0, 400, 30)
    expect([first.isOpen, second.isOpen]).toEqual([false, false])
    expect(caught(() => first.get(table, 'a'))).toBe('SNAPSHOT_TOO_OLD')
    expect(db.stats().versions).toMatchObject({ entries: 0, bytes: 0 })
    await db.close()
  })

  test('that holds back too much of the log is ended', async () => {
    const b = await bench({ snapshotMaxBytes: 131_072, checkpointBytes: 65_536 })
    await b.table.put('long', 'x'.repeat(30_000))
    const snapshot = b.db.snapshot()
    await b.table.delete('long')
    for (let i = 0; i < 60; i++) {
      await b.table.put('hot', `${i}`.padEnd(3000, '.'))
      await settle(b)
    }
    expect(caught(() => snapshot.get(b.table, 'long'))).toBe('SNAPSHOT_TOO_OLD')
    expect(b.db.stats().background.pendingActions).toBe(0)
    await b.db.close()
  })

  test('is of no use after its end or the end of its database', async () => {
    const { db, table } = await bench()
    const closed = db.snapshot()
    closed.close()
    closed.close()
    expect(caught(() => closed.get(table, 'a'))).toBe('TX_CLOSED')
    expect(caught(() => closed.tables())).toBe('TX_CLOSED')
    expect(() => closed.get(table, 'a')).toThrow('TX_CLOSED: the snapshot was closed; open a new one')
    const open = db.snapshot()
    const iterator = open.range(table)
    await db.close()
    expect(caught(() => open.get(table, 'a'))).toBe('DB_CLOSED')
    expect(caught(() => iterator.next())).toBe('DB_CLOSED')
    expect(caught(() => db.snapshot())).toBe('DB_CLOSED')
  })

  test('checks what it is asked', async () => {
    const { db, table } = await bench()
    using snapshot = db.snapshot()
    expect(caught(() => snapshot.get(table, ''))).toBe('INVALID_ARGUMENT')
    expect(caught(() => snapshot.get('rows' as never, 'a'))).toBe('INVALID_ARGUMENT')
    expect(caught(() => snapshot.range(table, { limit: -1 }).next())).toBe('INVALID_ARGUMENT')
    expect(caught(() => snapshot.get(db.table('t', { key: json<number>(), value: json() }), 1))).toBe(undefined)
    await db.close()
  })
})

describe('isolation', () => {
  test('snapshot: the first updater wins, and transaction() runs the second again', async () => {
    const b = await bench()
    const { db, table } = b
    await table.put('counter', '0')
    const first = db.begin({ isolation: 'snapshot' })
    const second = db.begin({ isolation: 'snapshot' })
    await first.put(table, 'counter', '1')
    const waiting = second.put(table, 'counter', '2')
    await first.commit()
    expect(await failureOf(() => waiting)).toMatchObject({ code: 'TX_CONFLICT', retryable: true })
    await second.abort()
    const attempts: number[] = []
    const done = db.transaction(
      async (tx, attempt) => {
        attempts.push(attempt)
        const value = Number(await tx.get(table, 'counter'))
        if (attempt === 1) await table.put('counter', '10')
        await tx.put(table, 'counter', String(value + 1))
      },
      { isolation: 'snapshot' },
    )
    await settle(b)
    await done
    expect([attempts, await table.get('counter')]).toEqual([[1, 2], '11'])
    await db.close()
  })

  test('read-committed: each operation sees what has committed, and nothing else', async () => {
    const { db, table } = await bench()
    await table.put('a', '1')
    const reader = db.begin({ isolation: 'read-committed' })
    const writer = db.begin()
    await writer.put(table, 'a', '2')
    expect(await reader.get(table, 'a')).toBe('1')
    await writer.commit()
    expect(await reader.get(table, 'a')).toBe('2')
    const entries = reader.range(table)
    await table.put('b', 'later')
    expect(await entries.all()).toEqual([
      ['a', '2'],
      ['b', 'later'],
    ])
    await reader.commit()
    await db.close()
  })

  test('readOnly refuses every write', async () => {
    const { db, table } = await bench()
    await table.put('a', '1')
    const reader = db.begin({ readOnly: true })
    expect(await failureOf(() => reader.put(table, 'a', '2'))).toMatchObject({ code: 'TX_READ_ONLY' })
    expect(await failureOf(() => reader.delete(table, 'a'))).toMatchObject({ code: 'TX_READ_ONLY' })
    expect(await failureOf(() => reader.clear(table))).toMatchObject({ code: 'TX_READ_ONLY' })
    expect(await failureOf(() => reader.get(table, 'a', { forUpdate: true }))).toMatchObject({ code: 'TX_READ_ONLY' })
    expect(await failureOf(() => reader.range(table, { forUpdate: true }).next())).toMatchObject({
      code: 'TX_READ_ONLY',
    })
    expect(await failureOf(() => reader.createTable(db.table('t', table)))).toMatchObject({ code: 'TX_READ_ONLY' })
    expect(await failureOf(() => reader.dropTable(table))).toMatchObject({ code: 'TX_READ_ONLY' })
    await reader.commit()
    await db.close()
  })

  test('an unknown level is refused', async () => {
    const { db } = await bench()
    expect(caught(() => db.begin({ isolation: 'dirty' as never }))).toBe('INVALID_ARGUMENT')
    await db.close()
  })
})

describe('what a rollback to a savepoint has undone', () => {
  test('is no change any more, also where its table is gone and another one has its page', async () => {
    const { db, table } = await bench()
    using reader = db.snapshot()
    const tx = db.begin()
    const savepoint = await tx.savepoint()
    for (let i = 0; i < 5; i++) await tx.put(table, keyOf(i), 'undone')
    expect(db.stats().versions.entries).toBe(6)
    await tx.rollbackTo(savepoint)
    expect(db.stats().versions.entries).toBe(0)
    const other = textTable(db, 'other')
    const rows = Array.from({ length: 5 }, (_, i): [string, string] => [keyOf(i), 'kept'])
    await other.putMany(rows)
    await tx.put(table, keyOf(1), 'kept')
    await tx.commit()
    expect(reader.tables()).toEqual([])
    expect(await other.count()).toBe(5)
    expect(await table.count()).toBe(1)
    await db.close()
  })

  test('what was done before it stays one', async () => {
    const { db, table } = await bench()
    await writeRows(db, 0, 4)
    const tx = db.begin()
    await tx.put(table, keyOf(1), 'kept')
    using reader = db.snapshot()
    const savepoint = await tx.savepoint()
    await tx.put(table, keyOf(1), 'undone')
    await tx.put(table, keyOf(2), 'undone')
    await tx.rollbackTo(savepoint)
    expect(db.stats().versions.entries).toBe(1)
    await tx.commit()
    expect([1, 2].map((i) => reader.get(table, keyOf(i)))).toEqual([textOf(1), textOf(2)])
    expect(await table.get(keyOf(1))).toBe('kept')
    await db.close()
  })
})

describe('iterators', () => {
  test('seek, nextv, all and close, with locks and without', async () => {
    const { db, table } = await bench()
    await writeRows(db, 0, 20)
    const keys = (entries: [string, string][]): string[] => entries.map(([key]) => key)
    for (const isolation of ['serializable', 'snapshot', 'read-committed'] as const) {
      const tx = db.begin({ isolation })
      const up = tx.range(table, { gte: keyOf(2), lt: keyOf(18), limit: 8 })
      expect(keys(await up.nextv(2))).toEqual([keyOf(2), keyOf(3)])
      up.seek(keyOf(10))
      expect((await up.next()).value?.[0]).toBe(keyOf(10))
      up.seek(keyOf(0))
      expect(keys(await up.nextv(2))).toEqual([keyOf(2), keyOf(3)])
      up.seek(keyOf(15))
      expect(keys(await up.all())).toEqual([keyOf(15), keyOf(16), keyOf(17)])
      const down = tx.range(table, { lte: keyOf(9), reverse: true })
      down.seek(`${keyOf(4)}x`)
      expect(keys(await down.nextv(2))).toEqual([keyOf(4), keyOf(3)])
      await down.close()
      expect(await down.next()).toEqual({ done: true, value: undefined })
      await tx.commit()
    }
    await db.close()
  })

  test('that are closed leave nothing with the transaction that it would have to do when it ends', async () => {
    const { db, table } = await bench()
    await writeRows(db, 0, 5)
    const noted = vi.spyOn(ActiveTransaction.prototype, 'whenEnded')
    const closed = vi.spyOn(VersionStore.prototype, 'close')
    const readers = { 'read-committed': 2, snapshot: 1 } as const
    for (const isolation of ['read-committed', 'snapshot'] as const) {
      const tx = db.begin({ isolation })
      noted.mockClear()
      for (let i = 0; i < 10; i++) for await (const _ of tx.range(table, { gte: keyOf(i % 3) })) break
      const open = tx.range(table)
      await open.next()
      expect(noted).toHaveBeenCalledTimes(isolation === 'snapshot' ? 0 : 11)
      closed.mockClear()
      await tx.commit()
      expect(closed, 'its own and that of the range that is open').toHaveBeenCalledTimes(readers[isolation])
    }
    vi.restoreAllMocks()
    await db.close()
  })
})
