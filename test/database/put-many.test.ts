/** `putMany`, from outside: what it stores, what it locks, what it undoes, and whom it keeps waiting. */
import { describe, expect, test } from 'vitest'
import { ROWS_MAX } from '../../src/btree/row-batch.ts'
import { buffer } from '../../src/database/codecs.ts'
import type { Database } from '../../src/database/database.ts'
import { nodeRuntime } from '../../src/io/node-runtime.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { prepared } from './prepare-support.ts'
import {
  diskWith,
  expectFailure,
  expectRows,
  failureOf,
  keyOf,
  openOn,
  rowsOf,
  settle,
  textOf,
  textTable,
  waits,
} from './support.ts'

type Row = readonly [string, string]
const rows = (from: number, to: number, text = textOf): Row[] =>
  Array.from({ length: to - from }, (_, i) => [keyOf(from + i), text(from + i)])

const empty = (): Promise<Database> => openOn(new SimulatedFileSystem())

/** A clock that goes on whenever it is looked at, as if everything took long, and a count of the turns that are asked for. */
class SlowMachine extends SimulatedRuntime {
  turns = 0
  /** Is told when a turn is asked for. */
  onTurn: () => void = () => undefined

  override nowMs(): number {
    this.advance(3)
    return super.nowMs()
  }

  override nextTurn(callback: () => void): void {
    this.turns++
    this.onTurn()
    super.nextTurn(callback)
  }
}

describe('what it stores', () => {
  test('is what puts in the same order would have stored', async () => {
    const db = await openOn(await diskWith(100))
    const table = textTable(db)
    const given: Row[] = [...rows(50, 400, (i) => `first ${i}`).reverse(), ...rows(0, 400), [keyOf(7), 'last']]
    await db.transaction(async (tx) => {
      await tx.delete(table, keyOf(60))
      await tx.putMany(table, [...given, [keyOf(7), textOf(7)]])
    })
    await expectRows(db, 400)
    await db.close()
  })

  test('more rows than fit one batch, long values among them, come through a crash', async () => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk)
    const text = (i: number): string => textOf(i, i % 500 === 0 ? 9000 : 20)
    await textTable(db).putMany(rows(0, 3000, text).reverse())
    const again = await openOn(disk.crash({ mode: 'none' }))
    expect(await rowsOf(again)).toEqual(Object.fromEntries(rows(0, 3000, text)))
    expect(again.check()).toEqual([])
    await again.close()
  })

  test('is the bytes as they were when they were given out', async () => {
    const db = await empty()
    const table = db.table('bytes', { key: buffer, value: buffer })
    const [key, value] = [new Uint8Array(4), new Uint8Array(8)]
    function* reusing(): Generator<[Uint8Array, Uint8Array]> {
      for (let i = 0; i < 2500; i++) {
        new DataView(key.buffer).setUint32(0, i)
        value.fill(i & 255)
        yield [key, value]
      }
    }
    await table.putMany(reusing())
    let count = 0
    for await (const [key, value] of table.range()) {
      expect(new DataView(key.buffer, key.byteOffset).getUint32(0)).toBe(count)
      expect(value).toEqual(new Uint8Array(8).fill(count++ & 255))
    }
    expect(count).toBe(2500)
    await db.close()
  })

  test('is nothing, and no table, when nothing is given', async () => {
    const db = await empty()
    await textTable(db).putMany([])
    await db.transaction((tx) => tx.putMany(textTable(db), new Map<string, string>()))
    await db.transaction(async (tx) => expect(await tx.tables()).toEqual([]))
    await db.close()
  })

  test('is what a snapshot from before does not see', async () => {
    const db = await openOn(await diskWith(10))
    const early = db.snapshot()
    const tx = db.begin()
    await tx.putMany(
      textTable(db),
      rows(5, 300, () => 'new'),
    )
    const between = db.snapshot()
    await tx.commit()
    for (const snapshot of [early, between]) {
      expect([...snapshot.range(textTable(db))]).toEqual(rows(0, 10))
      snapshot.close()
    }
    expect(await textTable(db).count()).toBe(300)
    await db.close()
  })
})

describe('a failure', () => {
  test('undoes all of the operation and nothing else', async () => {
    const db = await openOn(await diskWith(10))
    const table = textTable(db)
    const tx = db.begin()
    await tx.put(table, keyOf(3), 'mine')
    function* failing(): Generator<Row> {
      yield* rows(0, 3000, () => 'lost')
      throw new Error('no more')
    }
    await expect(tx.putMany(table, failing())).rejects.toThrow('no more')
    await expectFailure(() => tx.putMany(table, [...rows(20, 30), ['x'.repeat(2000), 'v']]), 'KEY_TOO_LARGE', /2000/)
    await expectFailure(() => tx.putMany(table, [['', 'v']]), 'INVALID_ARGUMENT', /empty/)
    expect(tx.isActive).toBe(true)
    expect(await tx.get(table, keyOf(3))).toBe('mine')
    expect(await tx.count(table)).toBe(10)
    await tx.put(table, keyOf(3), textOf(3))
    await tx.commit()
    await expectRows(db, 10)
    await db.close()
  })

  test('undoes the making of the table too, and the next put makes it', async () => {
    const db = await empty()
    const table = textTable(db)
    const tx = db.begin()
    function* failing(): Generator<Row> {
      yield* rows(0, 1500)
      throw new Error('no more')
    }
    await expect(tx.putMany(table, failing())).rejects.toThrow('no more')
    expect(await tx.tables()).toEqual([])
    await tx.putMany(table, rows(0, 20))
    await tx.commit()
    await expectRows(db, 20)
    await db.close()
  })

  test('leaves it to an abort, when one has come in between', async () => {
    const db = await openOn(await diskWith(10))
    const tx = db.begin()
    const running = failureOf(() =>
      tx.putMany(
        textTable(db),
        rows(0, 5000, () => 'lost'),
      ),
    )
    await tx.abort()
    expect((await running).code).toBe('TX_CLOSED')
    await expectRows(db, 10)
    await db.close()
  })
})

describe('locks', () => {
  test('are taken on each key; a wait is waited for, and what changed meanwhile is overwritten', async () => {
    const db = await openOn(await diskWith(10))
    const table = textTable(db)
    const [one, two] = [db.begin(), db.begin()]
    await one.put(table, keyOf(5), 'first')
    const many = two.putMany(table, rows(0, 20))
    expect(await waits(many)).toBe(true)
    await one.commit()
    await many
    const reader = db.begin()
    const reading = reader.get(table, keyOf(19))
    expect(await waits(reading)).toBe(true)
    await two.commit()
    expect(await reading).toBe(textOf(19))
    await reader.commit()
    await expectRows(db, 20)
    await db.close()
  })

  test('are given up for one on the table, when they are many', async () => {
    const db = await openOn(await diskWith(10), { escalateLocksAt: 100 })
    const tx = db.begin()
    await tx.putMany(textTable(db), rows(0, 2000))
    expect(db.stats().locks).toMatchObject({ held: 1, escalations: 1 })
    await tx.commit()
    await expectRows(db, 2000)
    await db.close()
  })

  test('keep new rows out of a gap that somebody has read', async () => {
    const db = await openOn(await diskWith(10))
    const table = textTable(db)
    const reader = db.begin()
    expect(await reader.count(table)).toBe(10)
    const many = table.putMany(rows(8, 30))
    expect(await waits(many)).toBe(true)
    expect(await reader.count(table)).toBe(10)
    await reader.commit()
    await many
    await expectRows(db, 30)
    await db.close()
  })

  test('keep new rows out of a gap that somebody has read while others came to run', async () => {
    const runtime = new SlowMachine(1)
    const db = await openOn(await diskWith(10), { runtime, lockTimeoutMs: 1_000_000 })
    // Batches become as long as they may be, slices do not.
    await textTable(db, 'other').putMany(rows(0, 2 * ROWS_MAX))
    const reader = db.begin()
    let reading: Promise<number> | undefined
    runtime.onTurn = () => {
      reading ??= reader.count(textTable(db), { gte: keyOf(150) })
    }
    const many = textTable(db).putMany(rows(10, 200))
    expect(await waits(many)).toBe(true)
    expect(await reading).toBe(0)
    expect(await reader.count(textTable(db), { gte: keyOf(150) })).toBe(0)
    await reader.commit()
    await many
    await expectRows(db, 200)
    await db.close()
  })

  test('are taken again after a restart, when the transaction was prepared', async () => {
    const disk = new SimulatedFileSystem()
    const first = await openOn(disk)
    await textTable(first).putMany(rows(0, 5))
    await prepared(first, 'load', (tx) => tx.putMany(textTable(first), rows(5, 60)))
    const db = await openOn(disk.crash({ mode: 'none' }))
    const reader = db.begin()
    expect(await reader.get(textTable(db), keyOf(70))).toBeUndefined()
    const readers = [5, 30, 59].map((i) => ({ i, tx: db.begin() }))
    const readings = readers.map(({ i, tx }) => tx.get(textTable(db), keyOf(i)))
    for (const reading of readings) expect(await waits(reading)).toBe(true)
    await db.inDoubt()[0]?.abort()
    expect(await Promise.all(readings)).toEqual([undefined, undefined, undefined])
    for (const { tx } of readers) await tx.commit()
    await reader.commit()
    await expectRows(db, 5)
    await db.close()
  })
})

test('the rows of a generator are not asked for again after a deadlock', async () => {
  const db = await openOn(await diskWith(4), { runtime: new SimulatedRuntime(1) })
  const table = textTable(db)
  const other = db.begin()
  await other.put(table, keyOf(1), 'x'.repeat(2000))
  let given = 0
  function* once(): Generator<Row> {
    for (const row of rows(0, 1)) {
      given++
      yield row
    }
    for (const row of rows(0, 2)) {
      given++
      yield row
    }
  }
  const many = failureOf(() => table.putMany(once()))
  await settle(5)
  // The first key is locked by the load, which waits for the second.
  const reading = other.get(table, keyOf(0))
  expect((await many).code).toBe('TX_DEADLOCK')
  await reading
  await other.abort()
  expect(given).toBe(3)
  await expectRows(db, 4)
  await db.close()
})

test('others come to run in the midst of a batch too, when a few rows take long', async () => {
  const runtime = new SlowMachine(1)
  const db = await openOn(new SimulatedFileSystem(), { runtime, durability: 'none' })
  const turnsSeen: number[] = []
  function* many(): Generator<Row> {
    for (let i = 0; i < 3000; i++) {
      turnsSeen.push(runtime.turns)
      yield [keyOf(i), textOf(i)]
    }
  }
  await textTable(db).putMany(many())
  // The rows of a batch are asked for before the first of them is put; the last whole batch begins at row 2016.
  expect((turnsSeen[2016 + ROWS_MAX] as number) - (turnsSeen[2016] as number)).toBeGreaterThanOrEqual(ROWS_MAX / 32)
  await expectRows(db, 3000)
  await db.close()
})

test('others come to run after each batch', async () => {
  const db = await openOn(new SimulatedFileSystem(), { runtime: nodeRuntime, durability: 'none' })
  let given = 0
  let most = 0
  let isDone = false
  const beat = (): void => {
    most = Math.max(most, given)
    given = 0
    if (!isDone) setImmediate(beat)
  }
  setImmediate(beat)
  function* many(): Generator<Row> {
    for (let i = 0; i < 20_000; i++) {
      given++
      yield [keyOf(i), textOf(i)]
    }
  }
  await textTable(db).putMany(many())
  isDone = true
  // Another pause than that of the batch may have come before the beat.
  expect(most).toBeLessThanOrEqual(4 * ROWS_MAX)
  await expectRows(db, 20_000)
  await db.close()
})
