/** PREPARE in the log, and what the three passes make of it, record by record. */

import { describe, expect, test } from 'vitest'
import { DirtyPageTable } from '../../src/buffer/dirty-page-table.ts'
import { asTxnId, type Lsn, NULL_LSN } from '../../src/common/ids.ts'
import type { TraceEvent } from '../../src/common/trace.ts'
import { nodeRuntime } from '../../src/io/node-runtime.ts'
import { type LogRecordView, RECORD_TYPE_NAMES, RecordType } from '../../src/log/log-record.ts'
import { type Analysis, analyse } from '../../src/recovery/analysis.ts'
import { encodeCheckpoint } from '../../src/recovery/checkpoint-record.ts'
import { decodePrepare, isTransactionName, logPrepare } from '../../src/recovery/prepare-record.ts'
import { restart } from '../../src/recovery/restart.ts'
import { isFurther, TransactionEntry, TxnStatus } from '../../src/recovery/transaction-table.ts'
import { changesOf } from '../../src/recovery/undo.ts'
import { FIRST_LSN } from '../log/support.ts'
import { RecoveryBench } from './support.ts'

const analysisOf = ({ bench }: RecoveryBench): Analysis => {
  bench.log.writeOut()
  return analyse(bench.reader(), FIRST_LSN)
}

const commit = (r: RecoveryBench, entry: TransactionEntry): Lsn => {
  r.rollback.spendReserve(entry, 40)
  const at = r.writer.append(entry, RecordType.COMMIT, NULL_LSN, 8)
  r.bench.log.bytes.fill(0, at, at + 8)
  return r.writer.finish()
}

/** The log as people would write it down: type, transaction, prevLsn as the number of a record. */
function shown(r: RecoveryBench): string[] {
  r.bench.log.writeOut()
  const { records } = r.bench.scan()
  return records.map(({ type, txnId, prevLsn }) => {
    const previous = records.findIndex(({ lsn }) => lsn === prevLsn)
    return `${RECORD_TYPE_NAMES[type]} T${txnId} ${previous < 0 ? '-' : previous}`
  })
}

test('says what is pending, what is held back, and the name', () => {
  const r = new RecoveryBench()
  const tx = r.begin()
  r.format(tx, 1)
  r.set(tx, 1, 0, 5)
  tx.lastPendingLsn = tx.firstLsn
  const lsn = logPrepare(r.writer, tx, 'naïve')
  expect(tx).toMatchObject({ status: TxnStatus.PREPARED, lastLsn: lsn, undoNextLsn: lsn })
  const record = r.bench.log.read(lsn)
  expect(decodePrepare(record)).toEqual({ name: 'naïve', reservedBytes: tx.reservedBytes })
  expect(record.length).toBe(32 + 16 + 6)
  expect(analysisOf(r).transactions.get(tx.id)).toMatchObject({
    status: TxnStatus.PREPARED,
    lastLsn: lsn,
    lastPendingLsn: tx.firstLsn,
  })
})

test('of a transaction without changes: it is in the table, and has room for its end', () => {
  const r = new RecoveryBench()
  const tx = r.begin()
  const lsn = logPrepare(r.writer, tx, 'x')
  expect([tx.firstLsn, tx.lastLsn, r.table.get(tx.id)]).toEqual([lsn, lsn, tx])
  r.bench.disk.capacityBytes = 0
  r.rollback.begin(tx)
  r.rollback.rollback(tx, NULL_LSN)
  r.rollback.end(tx)
  expect(r.bench.log.reservedBytes).toBe(0)
})

test('names are texts of 1 to 255 bytes that UTF-8 can say', () => {
  const good = ['a', '\ufeffa', 'x'.repeat(255), 'ä'.repeat(127), '\0']
  const bad = ['', 'x'.repeat(256), 'ä'.repeat(128), '\ud800', 'a\udc00b']
  expect([good.filter(isTransactionName), bad.filter(isTransactionName)]).toEqual([good, []])
})

test('its changes, the last first, are those that are not undone (I36)', () => {
  const r = new RecoveryBench()
  const tx = r.begin()
  r.format(tx, 1)
  const first = r.set(tx, 1, 0, 1)
  r.set(tx, 1, 1, 2)
  r.set(tx, 1, 2, 3)
  r.rollback.rollback(tx, first)
  r.rollback.nestedTopAction(tx, (savedLsn) => {
    r.set(tx, 1, 3, 4)
    r.writer.closeWithDummyClr(tx, savedLsn)
  })
  const last = r.set(tx, 1, 4, 5)
  logPrepare(r.writer, tx, 'x')
  expect([...changesOf(r.bench.log, tx)].map(({ lsn }) => lsn)).toEqual([last, first])
})

test('how far a transaction has come', () => {
  const { RUNNING, PREPARED, COMMITTING, ABORTING } = TxnStatus
  const order = [[RUNNING], [PREPARED], [COMMITTING, ABORTING]]
  const rank = (status: TxnStatus): number => order.findIndex((equal) => (equal as TxnStatus[]).includes(status))
  for (const a of order.flat()) for (const b of order.flat()) expect(isFurther(a, b)).toBe(rank(a) > rank(b))
})

test('a checkpoint that began before it does not take a transaction back', () => {
  const r = new RecoveryBench()
  const entries = [1, 2, 3, 4].map(() => r.begin())
  for (const entry of entries) {
    r.format(entry, entry.id)
    r.set(entry, entry.id, 0, 1)
  }
  const [running, prepared, committed, aborted] = entries as [
    TransactionEntry,
    TransactionEntry,
    TransactionEntry,
    TransactionEntry,
  ]
  const saved = entries.map((entry) => Object.assign(new TransactionEntry(entry.id), entry))
  for (const entry of [prepared, committed, aborted]) logPrepare(r.writer, entry, `T${entry.id}`)
  for (const entry of saved.slice(2)) entry.status = TxnStatus.PREPARED
  commit(r, committed)
  r.rollback.begin(aborted)
  for (const part of encodeCheckpoint(9, saved, DirtyPageTable.of([]))) {
    r.bench.log.reserve(0, part.length + 64)
    const at = r.writer.append(new TransactionEntry(asTxnId(0)), RecordType.END_CHECKPOINT, NULL_LSN, part.length)
    r.bench.log.bytes.set(part, at)
    r.bench.log.finish()
  }
  const { transactions } = analysisOf(r)
  expect([running, prepared, committed, aborted].map(({ id }) => transactions.get(id)?.status)).toEqual([
    TxnStatus.RUNNING,
    TxnStatus.PREPARED,
    TxnStatus.COMMITTING,
    TxnStatus.ABORTING,
  ])
})

describe('restart', () => {
  /** T1 commits, T2 is prepared, T3 is running, T4 prepared and then aborting, T5 prepared and then committed. */
  function crashed(): RecoveryBench {
    const r = new RecoveryBench()
    const entries = Array.from({ length: 5 }, () => r.begin())
    for (const entry of entries) r.format(entry, entry.id)
    for (const entry of entries) r.set(entry, entry.id, 0, 10 + entry.id)
    const [one, two, , four, five] = entries as [
      TransactionEntry,
      TransactionEntry,
      TransactionEntry,
      TransactionEntry,
      TransactionEntry,
    ]
    for (const entry of [two, four, five]) logPrepare(r.writer, entry, `T${entry.id}`)
    commit(r, one)
    r.rollback.begin(four)
    commit(r, five)
    return r
  }

  test('repeats history, undoes the losers, and leaves what is prepared as it was', () => {
    const before = crashed()
    const { endLsn, transactions } = analysisOf(before)
    expect([...transactions.values()].map(({ status }) => status)).toEqual([2, 4, 1, 3, 2])
    const r = new RecoveryBench(before.bench.disk.crash({ mode: 'kill' }), endLsn)
    const events: TraceEvent[] = []
    const { bench, buffer, managers, table, rollback } = r
    const context = { reader: bench.reader(), log: bench.log, buffer, managers, table, rollback, runtime: nodeRuntime }
    const trace = (event: TraceEvent): void => void events.push(event)
    restart({ ...context, trace, onProgress: undefined }, analyse(bench.reader(), FIRST_LSN))
    expect([1, 2, 3, 4, 5].map((page) => r.get(page, 0))).toEqual([11, 12, 0, 0, 15])
    expect([...table].map(({ id, status }) => [id, status])).toEqual([[2, TxnStatus.PREPARED]])
    const [inDoubt] = table
    const record: LogRecordView = bench.log.read((inDoubt as TransactionEntry).lastLsn)
    expect(decodePrepare(record).name).toBe('T2')
    expect(events.flatMap((event) => (event.kind === 'undone' ? [event.txnId] : []))).toEqual([4, 3])
    const undoneAgain = analysisOf(r)
    expect([...undoneAgain.transactions.keys()]).toEqual([2])
  })

  test('the log of it', () => {
    const golden = [
      ...[1, 2, 3, 4, 5].map((id) => `update T${id} -`),
      ...[1, 2, 3, 4, 5].map((id) => `update T${id} ${id - 1}`),
      'prepare T2 6',
      'prepare T4 8',
      'prepare T5 9',
      'commit T1 5',
      'abort T4 11',
      'commit T5 12',
    ]
    expect(shown(crashed())).toEqual(golden)
  })
})
