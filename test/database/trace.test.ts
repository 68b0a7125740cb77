/** The trace of normal work: what it tells is what happens, in the order in which it happens. */
import { expect, test } from 'vitest'
import { asLsn } from '../../src/common/ids.ts'
import { describeEvent, type TraceEvent, type WorkEvent } from '../../src/index.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { LogReader } from '../../src/log/log-reader.ts'
import { RECORD_TYPE_NAMES, RecordType } from '../../src/log/log-record.ts'
import { MASTER_FILE_NAME, readMaster } from '../../src/log/master-record.ts'
import { Segments } from '../../src/log/segments.ts'
import { keyOf, openOn, PAGE_SIZE, textTable, writeRows } from './support.ts'

const ofKind = <K extends WorkEvent['kind']>(
  events: readonly TraceEvent[],
  kind: K,
): Extract<WorkEvent, { kind: K }>[] =>
  events.filter((event): event is Extract<WorkEvent, { kind: K }> => event.kind === kind)

/** The LSN and type of each record that is not the log's own. */
function recordsOf(disk: SimulatedFileSystem, fromLsn: number): { lsn: number; type: string | undefined }[] {
  const file = disk.open(MASTER_FILE_NAME, 'read')
  const { identity } = readMaster(file).records[0] as { identity: ConstructorParameters<typeof Segments>[1] }
  file.close()
  const segments = new Segments(disk, identity)
  const reader = new LogReader(segments, identity)
  const records: { lsn: number; type: string | undefined }[] = []
  reader.seek(asLsn(64))
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    if (record.type === RecordType.FLUSH_MARKER || record.lsn < fromLsn) continue
    records.push({ lsn: record.lsn, type: RECORD_TYPE_NAMES[record.type] })
  }
  segments.close()
  return records
}

test('records, flushes, pages, splits and checkpoints, with the WAL rule kept', async () => {
  const disk = new SimulatedFileSystem()
  const events: TraceEvent[] = []
  // Eight frames: pages are evicted and written all the time.
  const db = await openOn(disk, { trace: (event) => events.push(event), poolBytes: 8 * PAGE_SIZE })
  const startLsn = db.stats().log.endLsn
  await writeRows(db, 0, 400, 100)
  await db.checkpoint()
  const { log, buffer } = db.stats()
  expect(log.oldestRequiredLsn).toBeGreaterThan(0)
  const appended = ofKind(events, 'appended').map(({ lsn, type }) => ({ lsn, type }))
  await db.flush()
  expect(appended).toEqual(recordsOf(disk, startLsn).slice(0, appended.length))
  expect(ofKind(events, 'flushed').at(-1)?.toLsn).toBe(db.stats().log.flushedLsn)
  expect(ofKind(events, 'evicted')).toHaveLength(buffer.evictions)
  expect(ofKind(events, 'split').length).toBeGreaterThan(5)
  expect(ofKind(events, 'root-grown')).toHaveLength(1)
  expect(ofKind(events, 'checkpoint').at(-1)?.lsn).toBe(
    appended.findLast(({ type }) => type === 'begin-checkpoint')?.lsn,
  )
  let durableLsn = 0
  const dirty = new Set<number>()
  let written = 0
  for (const event of events) {
    if (event.kind === 'flushed') durableLsn = event.toLsn
    if (event.kind === 'dirtied') dirty.add(event.pageId)
    if (event.kind !== 'page-written') continue
    written++
    expect(event.pageLsn).toBeLessThan(durableLsn)
    expect(dirty.has(event.pageId)).toBe(true)
  }
  expect(written).toBeGreaterThan(20)
  await db.close()
  for (const event of events) expect(describeEvent(event)).toMatch(/^[A-Z].*\.$/)
})

test('each page that is fixed, and where it was found', async () => {
  const events: TraceEvent[] = []
  const db = await openOn(new SimulatedFileSystem(), { trace: (event) => events.push(event), poolBytes: 8 * PAGE_SIZE })
  const before = db.stats().buffer
  events.length = 0
  await writeRows(db, 0, 300, 100)
  await textTable(db).get(keyOf(0))
  const { hits, misses } = db.stats().buffer
  expect(misses).toBeGreaterThan(before.misses)
  const found = ofKind(events, 'fixed').map((event) => event.found)
  const made = found.filter((how) => how === 'new').length
  expect(made).toBeGreaterThan(5)
  expect(found.filter((how) => how === 'hit')).toHaveLength(hits - before.hits)
  expect(found.filter((how) => how === 'miss')).toHaveLength(misses - before.misses)
  // A page that was evicted is met on disk again, and not in the pool.
  const resident = new Set<number>()
  for (const event of events) {
    if (event.kind === 'evicted') resident.delete(event.pageId)
    if (event.kind !== 'fixed') continue
    if (event.found !== 'hit') expect(resident.has(event.pageId)).toBe(false)
    resident.add(event.pageId)
  }
  await db.close()
})

test('nodes that become thin are merged, and the tree loses its levels', async () => {
  const events: TraceEvent[] = []
  const db = await openOn(new SimulatedFileSystem(), { trace: (event) => events.push(event) })
  await writeRows(db, 0, 300, 100)
  await textTable(db).clear()
  await db.close()
  const made = [...ofKind(events, 'split'), ...ofKind(events, 'root-grown')].map(({ newPageId }) => newPageId)
  const freed = [...ofKind(events, 'merged'), ...ofKind(events, 'root-lowered')].map(({ freedPageId }) => freedPageId)
  expect(ofKind(events, 'root-lowered')).toHaveLength(1)
  expect(freed.length).toBeGreaterThan(5)
  expect(freed.sort()).toEqual(made.sort())
})

test('locks from the first to the last, and those that a lock on the table replaces', async () => {
  const events: TraceEvent[] = []
  const db = await openOn(new SimulatedFileSystem(), { trace: (event) => events.push(event), escalateLocksAt: 3 })
  const table = textTable(db)
  await db.transaction((tx) => tx.put(table, 'apple', 'red'))
  events.length = 0
  const tx = db.begin()
  await tx.get(table, 'apple')
  for (const key of ['pear', 'apple', 'plum', 'quince', 'sloe']) await tx.put(table, key, 'green')
  await tx.commit()
  await table.get('apple')
  const told = events.filter((event) => 'mode' in event || event.kind === 'escalated' || event.kind === 'unlocked')
  expect(told.map(describeEvent)).toEqual([
    `Transaction ${tx.id} locks table 'rows' in mode IS.`,
    `Transaction ${tx.id} locks key 'apple' of table 'rows' in mode S.`,
    `Transaction ${tx.id} locks table 'rows' in mode IX.`,
    `Transaction ${tx.id} locks key 'pear' of table 'rows' in mode X.`,
    `Transaction ${tx.id} locks key 'apple' of table 'rows' in mode X.`,
    `Transaction ${tx.id} locks key 'plum' of table 'rows' in mode X.`,
    `Transaction ${tx.id} locks key 'quince' of table 'rows' in mode X.`,
    `Transaction ${tx.id} locks table 'rows' in mode X.`,
    `Transaction ${tx.id} gives back 4 locks on keys of tree 3: the one on the table covers them.`,
    `Transaction ${tx.id} has ended and gives back 1 lock.`,
  ])
  await db.close()
})

test('waits, grants and deadlocks', async () => {
  const events: TraceEvent[] = []
  const db = await openOn(new SimulatedFileSystem(), { trace: (event) => events.push(event) })
  await writeRows(db, 0, 2)
  const table = textTable(db)
  const [a, b] = [db.begin(), db.begin()]
  await a.put(table, keyOf(0), 'a')
  await b.put(table, keyOf(1), 'b')
  const waiting = a.put(table, keyOf(1), 'a')
  await expect(b.put(table, keyOf(0), 'b')).rejects.toMatchObject({ code: 'TX_DEADLOCK' })
  await waiting
  const told = events.filter(({ kind }) => kind.startsWith('lock-') || kind === 'deadlock')
  const keyText = (i: number): string => `'${keyOf(i)}'`
  const lockOf = (txnId: number, i: number) => {
    return { txnId, resource: 'key', table: 'rows', space: expect.any(Number), key: keyText(i), mode: 'X' }
  }
  expect(told).toEqual([
    { kind: 'lock-wait', ...lockOf(a.id, 1) },
    { kind: 'lock-wait', ...lockOf(b.id, 0) },
    { kind: 'deadlock', victim: b.id, members: expect.arrayContaining([a.id, b.id]) },
    { kind: 'lock-refused', code: 'TX_DEADLOCK', ...lockOf(b.id, 0) },
    { kind: 'lock-granted', ...lockOf(a.id, 1) },
  ])
  expect(told.map(describeEvent)).toEqual([
    `Transaction ${a.id} waits for X on key ${keyText(1)} of table 'rows'.`,
    `Transaction ${b.id} waits for X on key ${keyText(0)} of table 'rows'.`,
    expect.stringMatching(`wait for each other in a circle; ${b.id} is given up\\.$`),
    `Transaction ${b.id} does not get X on key ${keyText(0)} of table 'rows': TX_DEADLOCK.`,
    `Transaction ${a.id} has got X on key ${keyText(1)} of table 'rows', which it waited for.`,
  ])
  await a.commit()
  await db.close()
})
