/** What people see of locks: `db.locks()`, and the errors of waits that failed. */
import { expect, test } from 'vitest'
import type { DeadlockStep, Transaction } from '../../src/index.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { expectFailure, failureOf, openOn, settle, textTable } from './support.ts'

test('who holds what, who waits for whom, and since when', async () => {
  const runtime = new SimulatedRuntime(1)
  const db = await openOn(new SimulatedFileSystem(), { runtime, lockTimeoutMs: Number.POSITIVE_INFINITY })
  const table = textTable(db, 'städte')
  await table.put('Zürich', '0')
  expect(db.locks()).toEqual([])

  const reader = db.begin()
  for await (const _ of reader.range(table));
  runtime.advance(30)
  const other = db.begin()
  await other.get(table, 'Zürich')
  const writing = other.put(table, 'Zürich', '1')
  runtime.advance(5)
  const third = db.begin()
  const behind = third.get(table, 'Zürich', { forUpdate: true })
  runtime.advance(2)
  await settle(2)

  const opened = { [reader.id]: 37, [other.id]: 7, [third.id]: 2 }
  const holder = (tx: { id: number }, mode: string) => ({
    txnId: tx.id,
    mode,
    openMs: opened[tx.id],
    isCommitting: false,
  })
  const space = expect.any(Number)
  const [named, end, row, ...more] = db.locks()
  expect(more).toEqual([])
  expect(named).toEqual({
    kind: 'table',
    table: 'städte',
    space,
    key: new TextEncoder().encode('städte'),
    keyText: "'städte'",
    holders: [holder(reader, 'IS'), holder(other, 'IX'), holder(third, 'IX')],
    waiters: [],
  })
  expect(end).toEqual({
    kind: 'end',
    table: 'städte',
    space,
    key: new Uint8Array(0),
    keyText: "''",
    holders: [holder(reader, 'gapS')],
    waiters: [],
  })
  expect(row).toEqual({
    kind: 'key',
    table: 'städte',
    space,
    key: new TextEncoder().encode('Zürich'),
    keyText: "'Zürich'",
    holders: [holder(reader, 'S+gapS'), holder(other, 'S')],
    waiters: [
      { txnId: other.id, mode: 'X', heldMode: 'S', waitingMs: 7, waitsFor: [reader.id] },
      { txnId: third.id, mode: 'X', heldMode: undefined, waitingMs: 2, waitsFor: [other.id, reader.id] },
    ],
  })

  await reader.commit()
  await writing
  await other.commit()
  await behind
  await third.commit()
  expect(db.locks()).toEqual([])
  await db.close()
  await expectFailure(() => db.locks(), 'DB_CLOSED', 'closed')
})

test('a deadlock names transactions, tables and keys', async () => {
  const db = await openOn(new SimulatedFileSystem())
  const [towns, rivers] = [textTable(db, 'towns'), textTable(db, 'rivers')]
  await towns.put('Bern', '0')
  await rivers.put('Aare', '0')
  const one = db.begin()
  const two = db.begin()
  await one.put(towns, 'Bern', 'more to undo than the victim has')
  await two.get(rivers, 'Aare')
  const waiting = one.put(rivers, 'Aare', '1')
  const error = await expectFailure(() => two.get(towns, 'Bern'), 'TX_DEADLOCK', /gives way/)
  expect(error.message).toContain(
    `(${two.id} waits for S on key 'Bern' of table 'towns', ${one.id} waits for X on key 'Aare' of table 'rivers')`,
  )
  expect(
    (error.details['cycle'] as DeadlockStep[]).map(({ txnId, mode, kind, table, key }) => ({
      txnId,
      mode,
      kind,
      table,
      key,
    })),
  ).toEqual([
    { txnId: two.id, mode: 'S', kind: 'key', table: 'towns', key: "'Bern'" },
    { txnId: one.id, mode: 'X', kind: 'key', table: 'rivers', key: "'Aare'" },
  ])
  await waiting
  await one.abort()
  await db.close()
})

test('a timeout names who is prepared', async () => {
  const runtime = new SimulatedRuntime(1)
  const db = await openOn(new SimulatedFileSystem(), { runtime, lockTimeoutMs: 50 })
  const table = textTable(db, 'towns')
  const holder = db.begin()
  await holder.put(table, 'Bern', '1')
  await holder.prepare('transfer 17')
  const late = failureOf(() => db.begin().get(table, 'Bern'))
  await settle(2)
  runtime.advance(50)
  expect((await late).message).toContain(`held by ${holder.id} (prepared as "transfer 17");`)
})

test('a timeout names what was waited for, and who has it', async () => {
  const runtime = new SimulatedRuntime(1)
  const db = await openOn(new SimulatedFileSystem(), { runtime, lockTimeoutMs: 50 })
  const table = textTable(db, 'towns')
  await table.put('Bern', '0')
  const holder = db.begin()
  await holder.put(table, 'Bern', '1')
  const tx = db.begin()
  const late = failureOf(() => tx.get(table, 'Bern'))
  const dropper = db.begin()
  const dropping = failureOf(() => dropper.dropTable(table))
  await settle(2)
  runtime.advance(50)
  const error = await late
  expect(error.message).toContain(`waited 50 ms for S on key 'Bern' of table 'towns', held by ${holder.id};`)
  expect(error.details).toMatchObject({
    txnId: tx.id,
    mode: 'S',
    kind: 'key',
    table: 'towns',
    key: "'Bern'",
    holders: [holder.id],
  })
  expect((await dropping).message).toContain(`for X on table 'towns', held by ${holder.id}, ${tx.id};`)
  await db.close()
})

test('prepared transactions keep their locks, and the tables their names, when the database is opened again', async () => {
  const disk = new SimulatedFileSystem()
  const db = await openOn(disk)
  const table = textTable(db, 'towns')
  await table.put('Bern', '0')
  const tx = db.begin()
  await tx.put(table, 'Bern', '1')
  await tx.prepare('transfer')
  await db.close()
  const again = await openOn(disk)
  const seen = again
    .locks()
    .map(({ kind, table: name, keyText, holders }) => [kind, name, keyText, holders.map(({ mode }) => mode)])
  expect(seen).toEqual([
    ['table', 'towns', "'towns'", ['IX']],
    ['key', 'towns', "'Bern'", ['X']],
  ])
  await again.close()
})

test('a count forUpdate locks what a range forUpdate does', async () => {
  const db = await openOn(new SimulatedFileSystem())
  const table = textTable(db)
  await table.putMany(['a', 'b', 'c'].map((key) => [key, 'v'] as const))
  const range = { gte: 'a', lt: 'c', forUpdate: true }
  const locked = async (read: (tx: Transaction) => Promise<unknown>): Promise<unknown> => {
    const tx = db.begin()
    await read(tx)
    const locks = db.locks().map(({ kind, keyText, holders }) => ({ kind, keyText, modes: holders.map((h) => h.mode) }))
    await tx.abort()
    return locks
  }
  const byRange = await locked((tx) => tx.range(table, range).all())
  expect(byRange).toContainEqual({ kind: 'key', keyText: "'b'", modes: ['X+gapS'] })
  expect(await locked((tx) => tx.count(table, range))).toEqual(byRange)
  await db.close()
})
