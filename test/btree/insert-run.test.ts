/** Runs: what they log, and how they are undone. */
import { describe, expect, test } from 'vitest'
import { TreeOperation } from '../../src/btree/btree-log.ts'
import { countOfRun, keysOfRun } from '../../src/btree/insert-run.ts'
import type { Tree } from '../../src/btree/node-page.ts'
import { RowBatch } from '../../src/btree/row-batch.ts'
import { type LogRecordView, RecordType } from '../../src/log/log-record.ts'
import type { TransactionEntry } from '../../src/recovery/transaction-table.ts'
import { bytesOf, Fixture, textOf } from './fixture.ts'

const PER_LEAF = 200

function makeTree(): { fixture: Fixture; tree: Tree } {
  const fixture = new Fixture()
  return { fixture, tree: fixture.run((entry) => fixture.btree.create(entry)) }
}

const keyOf = (index: number): string => `key-${String(index).padStart(4, '0')}`
const range = (from: number, to: number, step = 1): number[] => {
  const indexes: number[] = []
  for (let i = from; i < to; i += step) indexes.push(i)
  return indexes
}

function putRows(fixture: Fixture, entry: TransactionEntry, tree: Tree, indexes: number[], bytes = 0): void {
  const rows = new RowBatch()
  for (const index of indexes) rows.add(bytesOf(keyOf(index)), bytesOf(`v${index}`.padEnd(bytes, '.')))
  rows.sort()
  fixture.btree.putRows(entry, tree, rows)
}

const recordsOf = (fixture: Fixture, operation: number): LogRecordView[] =>
  fixture.records().filter((record) => record.operation === operation && record.resource === 2)

const contentOf = (fixture: Fixture, tree: Tree, upTo: number): number[] =>
  range(0, upTo).filter((i) => fixture.btree.get(tree, bytesOf(keyOf(i))) !== undefined)

describe('logging', () => {
  test('the new rows of a leaf are one record, which names their keys in order', () => {
    const { fixture, tree } = makeTree()
    fixture.run((entry) => putRows(fixture, entry, tree, range(0, 40, 4)))
    fixture.run((entry) => putRows(fixture, entry, tree, range(0, 40, 3)))
    const runs = recordsOf(fixture, TreeOperation.INSERT_RUN)
    // A key that is there already is replaced, and ends a run.
    expect(runs.flatMap((run) => keysOfRun(run).map(textOf))).toEqual(
      [...range(0, 40, 4), ...range(0, 40, 3).filter((i) => i % 4 !== 0)].map(keyOf),
    )
    expect(runs[0] === undefined ? 0 : countOfRun(runs[0])).toBe(10)
    expect(contentOf(fixture, tree, 40)).toEqual(range(0, 40).filter((i) => i % 3 === 0 || i % 4 === 0))
    expect(fixture.check(tree).problems).toEqual([])
  })

  test('a run ends at the high fence of its leaf, and at a value that is too long for a leaf', () => {
    const { fixture, tree } = makeTree()
    fixture.run((entry) => putRows(fixture, entry, tree, range(0, 900, 3), 20))
    fixture.run((entry) => {
      const rows = new RowBatch()
      for (const i of range(1, 900, 3)) rows.add(bytesOf(keyOf(i)), new Uint8Array(i === 301 ? 5000 : 5).fill(i & 255))
      rows.sort()
      fixture.btree.putRows(entry, tree, rows)
    })
    expect(contentOf(fixture, tree, 900)).toEqual(range(0, 900).filter((i) => i % 3 !== 2))
    expect(fixture.btree.get(tree, bytesOf(keyOf(301)))).toEqual(new Uint8Array(5000).fill(301 & 255))
    expect(fixture.check(tree).problems).toEqual([])
  })

  test('rows in key order fill their pages', () => {
    const { fixture, tree } = makeTree()
    for (const from of range(0, 2000, 100)) {
      fixture.run((entry) => putRows(fixture, entry, tree, range(from, from + 100), 30))
    }
    const { pages, problems } = fixture.check(tree)
    expect(problems).toEqual([])
    const bytes = 2000 * (5 + 4 + 30 + 6)
    expect(pages.size).toBeLessThan((bytes / 4096) * 1.25)
  })
})

describe('undo', () => {
  /** Rows of one record that lie in two leaves: another transaction has filled the gaps between them. */
  function spread(): { fixture: Fixture; tree: Tree; entry: TransactionEntry; run: LogRecordView } {
    const { fixture, tree } = makeTree()
    const entry = fixture.begin()
    putRows(fixture, entry, tree, range(0, PER_LEAF, 10), 20)
    fixture.run((other) =>
      putRows(
        fixture,
        other,
        tree,
        range(0, PER_LEAF).filter((i) => i % 10 !== 0),
        60,
      ),
    )
    const run = recordsOf(fixture, TreeOperation.INSERT_RUN)[0] as LogRecordView
    expect(countOfRun(run)).toBe(PER_LEAF / 10)
    return { fixture, tree, entry, run }
  }

  const others = range(0, PER_LEAF).filter((i) => i % 10 !== 0)
  const clrsOf = (fixture: Fixture, entry: TransactionEntry): LogRecordView[] =>
    fixture.records().filter((record) => record.type === RecordType.CLR && record.txnId === entry.id)

  test('of one record takes a CLR a leaf; each but the last leads back to the record', () => {
    const { fixture, tree, entry, run } = spread()
    fixture.rollback(entry)
    const clrs = clrsOf(fixture, entry)
    expect(clrs.length).toBeGreaterThan(1)
    expect(clrs.map(({ undoNextLsn }) => undoNextLsn)).toEqual([...clrs.slice(1).map(() => run.lsn), run.prevLsn])
    expect(new Set(clrs.map(({ pageId }) => pageId)).size).toBe(clrs.length)
    expect(contentOf(fixture, tree, PER_LEAF)).toEqual(others)
    expect(fixture.log.reservedBytes).toBe(0)
    expect(fixture.check(tree).problems).toEqual([])
  })

  test('goes on where it was broken off, after any of the CLRs', () => {
    for (let done = 1; ; done++) {
      const { fixture, tree, entry } = spread()
      for (let i = 0; i < done; i++) fixture.rollbacks.undoNext(entry)
      if (entry.undoNextLsn === 0) {
        expect(done, 'so many CLRs').toBeGreaterThan(2)
        return
      }
      // All that restart knows of it is where it is to go on.
      fixture.rollback(entry)
      expect(contentOf(fixture, tree, PER_LEAF)).toEqual(others)
      expect(fixture.check(tree).problems).toEqual([])
    }
  })

  test('room for a CLR a row is held back', () => {
    const { fixture, tree } = makeTree()
    const entry = fixture.begin()
    putRows(fixture, entry, tree, [0])
    const one = entry.reservedBytes
    putRows(fixture, entry, tree, range(1, 21))
    const rows = range(21, 23)
    const before = entry.reservedBytes
    for (const index of rows) putRows(fixture, entry, tree, [index])
    const each = (entry.reservedBytes - before) / rows.length
    expect(before - one).toBe(20 * each)
    fixture.rollback(entry)
  })

  test('of what the transaction has done since then comes first', () => {
    const { fixture, tree } = makeTree()
    const entry = fixture.begin()
    putRows(fixture, entry, tree, range(0, 10))
    fixture.btree.delete(entry, tree, bytesOf(keyOf(3)))
    fixture.btree.put(entry, tree, bytesOf(keyOf(4)), bytesOf('longer than it was'))
    putRows(fixture, entry, tree, range(3, 12))
    fixture.rollback(entry)
    expect(contentOf(fixture, tree, 20)).toEqual([])
    expect(fixture.check(tree).entryCount).toBe(0)
  })
})
