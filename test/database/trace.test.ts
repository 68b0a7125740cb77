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
  expect(told).toEqual([
    { kind: 'lock-wait', txnId: a.id, space: expect.any(Number), key: keyText(1), mode: 'X' },
    { kind: 'lock-wait', txnId: b.id, space: expect.any(Number), key: keyText(0), mode: 'X' },
    { kind: 'deadlock', victim: b.id, members: expect.arrayContaining([a.id, b.id]) },
    { kind: 'lock-granted', txnId: a.id, space: expect.any(Number), key: keyText(1), mode: 'X' },
  ])
  expect(told.map(describeEvent)).toEqual([
    `Transaction ${a.id} waits for X on ${keyText(1)} in tree 3.`,
    `Transaction ${b.id} waits for X on ${keyText(0)} in tree 3.`,
    expect.stringMatching(`wait for each other in a circle; ${b.id} is given up\\.$`),
    `Transaction ${a.id} has got X on ${keyText(1)} in tree 3, which it waited for.`,
  ])
  await a.commit()
  await db.close()
})
