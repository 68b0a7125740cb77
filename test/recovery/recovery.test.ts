/** The three passes and what they stand on, record by record. */
import { describe, expect, test } from 'vitest'
import { DirtyPageTable } from '../../src/buffer/dirty-page-table.ts'
import { asLsn, asPageId, asTxnId, type Lsn, NO_PAGE, NO_TXN, NULL_LSN, type PageId } from '../../src/common/ids.ts'
import type { Trace, TraceEvent } from '../../src/common/trace.ts'
import type { LogReader } from '../../src/log/log-reader.ts'
import { LogRecordView, RecordType } from '../../src/log/log-record.ts'
import { pageLsnOf } from '../../src/page/page.ts'
import { analyse } from '../../src/recovery/analysis.ts'
import { lowWaterMark } from '../../src/recovery/checkpoint.ts'
import { decodeCheckpointPart, encodeCheckpoint } from '../../src/recovery/checkpoint-record.ts'
import { Redo } from '../../src/recovery/redo.ts'
import { TransactionEntry, TxnStatus } from '../../src/recovery/transaction-table.ts'
import { FIRST_LSN, LogBench } from '../log/support.ts'
import { RecoveryBench } from './support.ts'

function entryOf(id: number, status: TxnStatus, ...lsns: number[]): TransactionEntry {
  const entry = new TransactionEntry(asTxnId(id))
  entry.status = status
  const [first = 0, last = 0, undoNext = 0, pending = 0] = lsns
  Object.assign(entry, { firstLsn: first, lastLsn: last, undoNextLsn: undoNext, lastPendingLsn: pending })
  return entry
}

/** Appends any record to a bare log. */
function append(
  bench: LogBench,
  type: number,
  txn: number,
  page: number,
  payload: Uint8Array = new Uint8Array(8),
  undoNext = 0,
): Lsn {
  bench.log.reserve(0, payload.length + 64)
  const pageId = page === 0 ? NO_PAGE : asPageId(page)
  const txnId = txn === 0 ? NO_TXN : asTxnId(txn)
  const at = bench.log.start(type, page === 0 ? 0 : 1, 1, 0, pageId, txnId, NULL_LSN, asLsn(undoNext), payload.length)
  bench.log.bytes.set(payload, at)
  return bench.log.finish().lsn
}

describe('the checkpoint record', () => {
  test('splits large tables over parts that fit, and nothing is lost', () => {
    const transactions = Array.from({ length: 300 }, (_, i) =>
      entryOf(i + 1, TxnStatus.RUNNING, i + 10, i + 20, i + 15, i % 3),
    )
    const pages = Array.from({ length: 2000 }, (_, i) => [asPageId(i + 1), asLsn(2 ** 40 + i)] as const)
    const parts = encodeCheckpoint(777, transactions, DirtyPageTable.of(pages))
    expect(parts.length).toBeGreaterThan(8)
    const decoded = parts.map((part) => {
      expect(part.length).toBeLessThanOrEqual(4000)
      const record = new LogRecordView()
      Object.assign(record, { view: new DataView(part.buffer), payloadStart: 0, payloadEnd: part.length })
      return decodeCheckpointPart(record)
    })
    for (const [i, part] of decoded.entries())
      expect(part).toMatchObject({ index: i, count: parts.length, nextTxnId: 777 })
    expect(decoded.flatMap((part) => part.transactions)).toEqual(transactions)
    expect(decoded.flatMap((part) => part.dirtyPages)).toEqual(pages)
    expect(encodeCheckpoint(1, [], DirtyPageTable.of([]))).toHaveLength(1)
  })

  test('the low-water mark is the oldest of what a restart can need, and named (I12)', () => {
    const none: Lsn[] = []
    expect(lowWaterMark(asLsn(500), none, none)).toEqual({ lsn: 500, holder: 'checkpoint' })
    expect(lowWaterMark(asLsn(500), [asLsn(300), asLsn(400)], none)).toEqual({ lsn: 300, holder: 'dirty-page' })
    expect(lowWaterMark(asLsn(500), [asLsn(300)], [NULL_LSN, asLsn(200)])).toEqual({ lsn: 200, holder: 'transaction' })
    expect(lowWaterMark(asLsn(500), [asLsn(600)], [asLsn(700)])).toEqual({ lsn: 500, holder: 'checkpoint' })
  })
})

describe('analysis', () => {
  const run = (bench: LogBench, from: Lsn = FIRST_LSN): ReturnType<typeof analyse> => {
    bench.log.writeOut()
    return analyse(bench.reader(), from)
  }

  test('builds both tables from the records', () => {
    const bench = new LogBench()
    const a = append(bench, RecordType.UPDATE, 1, 10)
    const b = append(bench, RecordType.UPDATE, 2, 11)
    append(bench, RecordType.UPDATE, 1, 10)
    const clr = append(bench, RecordType.CLR, 1, 12, new Uint8Array(4), a)
    const abort = append(bench, RecordType.ABORT, 3, 0)
    append(bench, RecordType.UPDATE, 4, 13)
    append(bench, RecordType.END, 4, 0)
    const commit = append(bench, RecordType.COMMIT, 2, 0, Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0))
    const { transactions, dirtyPages, nextTxnId, endLsn } = run(bench)
    expect([...transactions.keys()]).toEqual([1, 2, 3])
    expect(transactions.get(asTxnId(1))).toMatchObject({
      status: TxnStatus.RUNNING,
      firstLsn: a,
      lastLsn: clr,
      undoNextLsn: a,
    })
    expect(transactions.get(asTxnId(2))).toMatchObject({
      status: TxnStatus.COMMITTING,
      firstLsn: b,
      lastLsn: commit,
      lastPendingLsn: 9,
    })
    expect(transactions.get(asTxnId(3))).toMatchObject({ status: TxnStatus.ABORTING, lastLsn: abort })
    expect([...dirtyPages.entries()].slice(0, 2)).toEqual([
      [10, a],
      [11, b],
    ])
    expect([...dirtyPages.keys()]).toEqual([10, 11, 12, 13])
    expect([nextTxnId, endLsn]).toEqual([5, bench.log.nextLsn])
  })

  test('reads past more transactions that have ended than a Set takes', () => {
    const count = 2 ** 24 + 1
    const record = new LogRecordView()
    record.type = RecordType.END
    record.pageId = NO_PAGE
    const next = (): LogRecordView | undefined => {
      record.txnId = asTxnId(record.txnId + 1)
      record.lsn = asLsn(record.lsn + 32)
      return record.txnId > count ? undefined : record
    }
    const reader = { position: FIRST_LSN, seek: () => undefined, next } as unknown as LogReader
    expect(analyse(reader, FIRST_LSN)).toMatchObject({ records: count, nextTxnId: count + 1 })
  })

  test('merges a checkpoint: its older recLsn and firstLsn win, later lastLsn and status win, the ended stay out', () => {
    const bench = new LogBench()
    for (let i = 0; i < 20; i++) append(bench, RecordType.UPDATE, 99, 99)
    const begin = append(bench, RecordType.BEGIN_CHECKPOINT, 0, 0, new Uint8Array(0))
    const later = append(bench, RecordType.UPDATE, 1, 10)
    append(bench, RecordType.END, 2, 0)
    const commit = append(bench, RecordType.COMMIT, 3, 0)
    const saved = [
      entryOf(1, TxnStatus.RUNNING, 100, 200, 150),
      entryOf(2, TxnStatus.RUNNING, 100, 200, 200),
      entryOf(3, TxnStatus.RUNNING, 300, 400, 400, 250),
      entryOf(4, TxnStatus.ABORTING, 500, 600, 550),
    ]
    const pages = DirtyPageTable.of([
      [asPageId(10), asLsn(120)],
      [asPageId(20), asLsn(130)],
    ])
    for (const part of encodeCheckpoint(50, saved, pages)) {
      append(bench, RecordType.END_CHECKPOINT, 0, 0, part)
    }
    const { transactions, dirtyPages, nextTxnId } = run(bench, begin)
    expect([...transactions.keys()].sort()).toEqual([1, 3, 4])
    expect(transactions.get(asTxnId(1))).toMatchObject({ firstLsn: 100, lastLsn: later, undoNextLsn: later })
    expect(transactions.get(asTxnId(3))).toMatchObject({
      status: TxnStatus.COMMITTING,
      firstLsn: 300,
      lastLsn: commit,
      lastPendingLsn: 250,
    })
    expect(transactions.get(asTxnId(4))).toMatchObject({
      status: TxnStatus.ABORTING,
      firstLsn: 500,
      lastLsn: 600,
      undoNextLsn: 550,
    })
    expect(dirtyPages).toEqual(
      new Map([
        [10, 120],
        [20, 130],
      ]),
    )
    expect(nextTxnId).toBe(50)
  })
})

describe('redo', () => {
  test('applies what is missing and says by number why it does not the rest', async () => {
    const live = new RecoveryBench()
    const tx = live.begin()
    for (const page of [1, 2, 3, 4]) live.format(tx, page)
    await live.buffer.writeAll()
    const start = live.nextLsn
    live.set(tx, 1, 0, 11)
    live.set(tx, 2, 0, 22)
    await live.buffer.writeAll()
    const second = live.set(tx, 2, 1, 23)
    live.set(tx, 3, 0, 33)
    live.set(tx, 4, 0, 44)
    live.writer.append(tx, RecordType.ABORT, NULL_LSN, 0)
    live.writer.finish()
    live.bench.log.flushTo(asLsn(live.nextLsn - 1))
    const image = live.bench.disk.crash({ mode: 'none' })
    image.flipBit('data', 4 * 4096 + 2000, 1)
    const { endLsn } = new LogBench(image).scan(start)
    const again = new RecoveryBench(image, endLsn)
    const events: TraceEvent[] = []
    const dpt = new Map([
      [asPageId(1), start],
      [asPageId(2), second],
      [asPageId(4), start],
    ])
    const result = new Redo(again.buffer, again.managers, dpt, (event) => events.push(event)).run(
      again.bench.reader(),
      endLsn,
    )
    expect(result).toMatchObject({
      startLsn: start,
      records: 6,
      redone: 1,
      skipped: { 'not-redoable': 1, 'not-in-dpt': 1, 'lsn<recLsn': 1, 'pageLsn>=lsn': 1, 'page-damaged': 1 },
    })
    // The record before it on that page is passed over by recLsn: it is on the disk.
    const passed = events.flatMap((event) => (event.kind === 'redo-skipped' ? [event] : []))
    const first = passed.find(({ reason }) => reason === 'lsn<recLsn')
    expect(first).toMatchObject({ pageId: 2, recLsn: second, pageLsn: undefined })
    const there = passed.find(({ reason }) => reason === 'pageLsn>=lsn')
    expect(there).toMatchObject({ pageId: 1, recLsn: start, pageLsn: there?.lsn })
    expect(events.filter((event) => event.kind === 'redone')).toEqual([
      { kind: 'redone', lsn: second, pageId: 2, pageLsn: first?.lsn },
    ])
    expect([again.get(1, 0), again.get(2, 0), again.get(2, 1), again.get(3, 0)]).toEqual([11, 22, 23, 0])
    expect(again.buffer.quarantined).toEqual([4])
    // Again: nothing is left to do (I14).
    const repeated = new Redo(again.buffer, again.managers, dpt, undefined).run(again.bench.reader(), endLsn)
    expect(repeated.redone).toBe(0)
  })

  test('comes to the same with a listener, in the order of the log, and without, in queues', () => {
    const live = new RecoveryBench()
    const tx = live.begin()
    const dpt = new Map<PageId, Lsn>()
    const pages = Array.from({ length: 20 }, (_, i) => i + 1)
    for (const page of pages) dpt.set(asPageId(page), live.format(tx, page))
    for (let i = 0; i < 2000; i++) live.set(tx, ((i * 7) % 20) + 1, i % 100, i % 251)
    live.bench.log.flushTo(asLsn(live.nextLsn - 1))
    const redo = (listener?: Trace): unknown => {
      const image = live.bench.disk.crash({ mode: 'none' })
      const { endLsn } = new LogBench(image).scan()
      const again = new RecoveryBench(image, endLsn)
      const result = new Redo(again.buffer, again.managers, new Map(dpt), listener).run(again.bench.reader(), endLsn)
      return { result, rows: pages.map((page) => pages.map((_, place) => again.get(page, place * 5))) }
    }
    const told: Lsn[] = []
    const heard = redo((event) => event.kind === 'redone' && told.push(event.lsn))
    expect(redo()).toEqual(heard)
    expect(heard).toMatchObject({ result: { records: 2020, skipped: { 'page-damaged': 0 } } })
    expect(told.length).toBeGreaterThan(500)
    expect(told).toEqual([...told].sort((a, b) => a - b))
  })

  test('a record that formats its page needs nothing of a damaged one', () => {
    const live = new RecoveryBench()
    const tx = live.begin()
    const first = live.format(tx, 1)
    live.set(tx, 1, 5, 55)
    live.bench.log.flushTo(asLsn(live.nextLsn - 1))
    const image = live.bench.disk.crash({ mode: 'none' })
    const { endLsn } = new LogBench(image).scan()
    const again = new RecoveryBench(image, endLsn)
    const result = new Redo(again.buffer, again.managers, new Map([[asPageId(1), first]]), undefined).run(
      again.bench.reader(),
      endLsn,
    )
    expect(result.redone).toBe(2)
    expect(again.get(1, 5)).toBe(55)
  })
})

describe('undo', () => {
  test('goes backward over CLRs and redo-only records, each update once, and ends (I6, I7)', () => {
    const r = new RecoveryBench()
    const tx = r.begin()
    r.format(tx, 1)
    const lsns = [1, 2, 3].map((value) => r.set(tx, 1, 0, value))
    r.rollback.begin(tx)
    r.rollback.rollback(tx, NULL_LSN)
    expect(r.undone).toEqual([...lsns].reverse())
    expect(r.get(1, 0)).toBe(0)
    r.rollback.end(tx)
    expect([r.bench.log.reservedBytes, r.table.size]).toEqual([0, 0])
    r.bench.log.writeOut()
    const records = r.bench.scan().records
    const clrs = records.filter((record) => record.type === RecordType.CLR)
    expect(clrs.map((record) => record.undoNextLsn)).toEqual([lsns[1], lsns[0], records[0]?.lsn])
    expect(records.at(-1)?.type).toBe(RecordType.END)
  })

  test('to a savepoint, twice: the second time writes nothing', () => {
    const r = new RecoveryBench()
    const tx = r.begin()
    r.format(tx, 1)
    r.set(tx, 1, 0, 1)
    const savepoint = tx.lastLsn
    r.set(tx, 1, 0, 2)
    r.set(tx, 1, 1, 3)
    r.rollback.rollback(tx, savepoint)
    expect([r.get(1, 0), r.get(1, 1)]).toEqual([1, 0])
    const before = r.nextLsn
    r.rollback.rollback(tx, savepoint)
    expect(r.nextLsn).toBe(before)
    r.set(tx, 1, 2, 4)
    r.rollback.rollback(tx, savepoint)
    r.rollback.rollback(tx, NULL_LSN)
    expect([r.get(1, 0), r.get(1, 1), r.get(1, 2)]).toEqual([0, 0, 0])
    expect(new Set(r.undone).size).toBe(r.undone.length)
  })

  test('of all losers is one sweep, the highest LSN first', () => {
    const r = new RecoveryBench()
    const [one, two, empty] = [r.begin(), r.begin(), r.begin()]
    r.format(one!, 1)
    const lsns = [one, two, two, one, two].map((tx, i) => r.set(tx!, 1, i, 9))
    expect(r.rollback.undoLosers([one!, two!, empty!])).toBe(5)
    expect(r.undone).toEqual([...lsns].reverse())
    expect(r.table.size).toBe(0)
    for (let i = 0; i < 5; i++) expect(r.get(1, i)).toBe(0)
  })

  test('does not look at every loser for each record', () => {
    const r = new RecoveryBench()
    const losers = Array.from({ length: 200 }, () => r.begin())
    r.format(losers[0]!, 1)
    const lsns = [0, 1, 2].flatMap((place) => losers.map((tx) => r.set(tx, 1, place, 9)))
    let looks = 0
    for (const tx of losers) {
      let { undoNextLsn } = tx
      const get = (): Lsn => {
        looks++
        return undoNextLsn
      }
      Object.defineProperty(tx, 'undoNextLsn', { get, set: (lsn: Lsn) => (undoNextLsn = lsn) })
    }
    expect(r.rollback.undoLosers(losers)).toBe(lsns.length)
    expect(r.undone).toEqual([...lsns].reverse())
    expect(looks).toBeLessThan(lsns.length * losers.length * 0.25)
  })

  test('goes on where it was after an interruption, and never undoes twice (I16)', () => {
    const r = new RecoveryBench()
    const tx = r.begin()
    r.format(tx, 1)
    for (let i = 0; i < 4; i++) r.set(tx, 1, i, 9)
    r.rollback.begin(tx)
    r.rollback.undoNext(tx)
    r.rollback.undoNext(tx)
    // What a restart would find: only the log.
    r.bench.log.writeOut()
    const found = analyse(r.bench.reader(), FIRST_LSN).transactions.get(tx.id) as TransactionEntry
    expect(found).toMatchObject({ status: TxnStatus.ABORTING, lastLsn: tx.lastLsn, undoNextLsn: tx.undoNextLsn })
    r.rollback.rollback(found, NULL_LSN)
    expect(r.undone).toHaveLength(4)
    expect(new Set(r.undone).size).toBe(4)
  })

  test('passes over a nested top action, and undoes one that failed at once (I8)', () => {
    const r = new RecoveryBench()
    const tx = r.begin()
    r.format(tx, 1)
    r.set(tx, 1, 0, 1)
    r.rollback.nestedTopAction(tx, (savedLsn) => {
      r.set(tx, 1, 1, 2)
      r.writer.closeWithDummyClr(tx, savedLsn)
    })
    expect(() =>
      r.rollback.nestedTopAction(tx, () => {
        r.set(tx, 1, 2, 3)
        throw new RangeError('no')
      }),
    ).toThrow('no')
    expect([r.get(1, 0), r.get(1, 1), r.get(1, 2)]).toEqual([1, 2, 0])
    r.set(tx, 1, 3, 4)
    r.rollback.rollback(tx, NULL_LSN)
    expect([r.get(1, 0), r.get(1, 1), r.get(1, 2), r.get(1, 3)]).toEqual([0, 2, 0, 0])
  })

  test('has its room reserved: it works on a full disk (I19)', () => {
    const r = new RecoveryBench()
    const tx = r.begin()
    r.format(tx, 1)
    r.bench.disk.capacityBytes = 0
    expect(() => {
      for (let i = 0; ; i++) r.set(tx, 1, i % 50, i % 250)
    }).toThrow('DISK_FULL')
    expect(tx.reservedBytes).toBeGreaterThan(1000)
    r.rollback.begin(tx)
    r.rollback.rollback(tx, NULL_LSN)
    r.rollback.end(tx)
    expect([r.get(1, 0), r.bench.log.reservedBytes]).toEqual([0, 0])
  })
})

describe('the page writer', () => {
  test('stamps the page with the record, marks it dirty first, and links the records (I3, I4, I5, I10)', () => {
    const r = new RecoveryBench()
    const tx = r.begin()
    const redo = r.redo.bind(r)
    const dirtyAtRedo: unknown[] = []
    r.redo = (applied, page) => {
      dirtyAtRedo.push([...r.buffer.dirtyPages()])
      redo(applied, page)
    }
    const first = r.format(tx, 1)
    const second = r.set(tx, 1, 0, 1)
    expect(dirtyAtRedo).toEqual([[[1, first]], [[1, first]]])
    const page = r.buffer.fix(asPageId(1))
    expect(pageLsnOf(r.buffer.view, page)).toBe(second)
    r.buffer.unfix(page)
    expect(tx).toMatchObject({ firstLsn: first, lastLsn: second, undoNextLsn: second })
    expect(r.table.oldest()).toBe(tx)
    r.bench.log.writeOut()
    const [, record] = r.bench.scan().records
    expect(record).toMatchObject({ lsn: second, prevLsn: first, pageId: 1, txnId: tx.id })
  })
})
