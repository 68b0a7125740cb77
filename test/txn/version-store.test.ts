import { expect, test } from 'vitest'
import { asTxnId } from '../../src/common/ids.ts'
import { TransactionEntry } from '../../src/recovery/transaction-table.ts'
import { ActiveTransaction } from '../../src/txn/active-transaction.ts'
import { VersionStore } from '../../src/txn/version-store.ts'

const TREE = 7
const KEY = new Uint8Array([1, 2, 3])

const transaction = (id: number): ActiveTransaction => new ActiveTransaction(new TransactionEntry(asTxnId(id)), 0)
const before = (value: number): (() => { flags: number; bytes: Uint8Array }) => {
  return () => ({ flags: 0, bytes: new Uint8Array([value]) })
}

function change(versions: VersionStore, writer: number, old: number): void {
  const active = transaction(writer)
  versions.note(active, TREE, KEY, before(old))
  versions.commit(active)
}

test('a closed reader points at no other one, so that the dead keep nobody alive', () => {
  const versions = new VersionStore(() => [])
  const readers = [1, 2, 3, 4].map((nowMs) => versions.open(nowMs))
  for (const at of [1, 0, 3, 2]) {
    const reader = readers[at] as (typeof readers)[number]
    versions.close(reader)
    expect([reader.older, reader.younger]).toEqual([undefined, undefined])
  }
  expect(versions.stats.readers).toBe(0)
})

test('nor does a version that nobody needs any more, and the others are found as before', () => {
  const versions = new VersionStore(() => [])
  const first = versions.open(1)
  change(versions, 1, 10)
  const second = versions.open(2)
  change(versions, 2, 11)
  const third = versions.open(3)
  change(versions, 3, 12)
  const seen = [first, second, third].map(({ csn }) => versions.find(csn, undefined, TREE, KEY))
  expect(seen.map((version) => version?.before?.bytes[0])).toEqual([10, 11, 12])

  versions.close(second)
  expect([seen[1]?.older, seen[1]?.newer]).toEqual([undefined, undefined])
  expect([first, third].map(({ csn }) => versions.find(csn, undefined, TREE, KEY)?.before?.bytes[0])).toEqual([10, 12])
  versions.close(first)
  versions.close(third)
  expect(seen.map((version) => [version?.older, version?.newer])).toEqual(Array(3).fill([undefined, undefined]))
  expect(versions.stats.entries).toBe(0)
})
