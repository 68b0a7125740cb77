import { describe, expect, test } from 'vitest'
import { AriesError } from '../../src/common/errors.ts'
import { asPageId, asTxnId } from '../../src/common/ids.ts'
import { TransactionEntry } from '../../src/recovery/transaction-table.ts'
import { ActiveTransaction } from '../../src/txn/active-transaction.ts'
import type { LargeWriterPorts } from '../../src/txn/large-writer-ports.ts'
import type { Version, VersionReader } from '../../src/txn/version.ts'
import { VersionStore } from '../../src/txn/version-store.ts'

const TREE = asPageId(7)
/** More than the tests keep, unless they want to. */
const BYTES_MAX = 1 << 20
const KEY = new Uint8Array([1, 2, 3])

const NOBODY_LARGE: LargeWriterPorts = {
  isEmpty: true,
  isLarge: () => false,
  follow: () => {},
  before: () => undefined,
  hasChanged: () => false,
  keysOf: () => [],
  undone: () => {},
  ended: () => {},
}

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
  const versions = new VersionStore(() => [], NOBODY_LARGE, BYTES_MAX)
  const readers = [1, 2, 3, 4].map((nowMs) => versions.open(nowMs))
  for (const at of [1, 0, 3, 2]) {
    const reader = readers[at] as (typeof readers)[number]
    versions.close(reader)
    expect([reader.older, reader.younger]).toEqual([undefined, undefined])
  }
  expect(versions.stats.readers).toBe(0)
})

test('nor does a version that nobody needs any more, and the others are found as before', () => {
  const versions = new VersionStore(() => [], NOBODY_LARGE, BYTES_MAX)
  const first = versions.open(1)
  change(versions, 1, 10)
  const second = versions.open(2)
  change(versions, 2, 11)
  const third = versions.open(3)
  change(versions, 3, 12)
  const seen = [first, second, third].map(({ csn }) => versions.find(csn, undefined, TREE, KEY) as Version | undefined)
  expect(seen.map((version) => version?.before?.bytes[0])).toEqual([10, 11, 12])

  versions.close(second)
  expect([seen[1]?.older, seen[1]?.newer]).toEqual([undefined, undefined])
  expect([first, third].map(({ csn }) => versions.find(csn, undefined, TREE, KEY)?.before?.bytes[0])).toEqual([10, 12])
  versions.close(first)
  versions.close(third)
  expect(seen.map((version) => [version?.older, version?.newer])).toEqual(Array(3).fill([undefined, undefined]))
  expect(versions.stats.entries).toBe(0)
})

/** A large transaction that has changed these keys, all of which were 7. */
function largeWriter(keys: readonly Uint8Array[]): { large: ActiveTransaction; ports: LargeWriterPorts } {
  const large = transaction(1)
  let isOpen = true
  const ports: LargeWriterPorts = {
    ...NOBODY_LARGE,
    isLarge: (writer) => isOpen && writer === large,
    before: () => (isOpen ? { before: before(7)() } : undefined),
    keysOf: () => keys.map((key) => ({ tree: TREE, key, isNew: false })),
    ended: () => {
      isOpen = false
    },
  }
  return { large, ports }
}

const KEYS = Array.from({ length: 300 }, (_, i) => new Uint8Array([i >>> 8, i & 255]))

const seenBy = (versions: VersionStore, { csn }: VersionReader): unknown[] =>
  KEYS.map((key) => versions.find(csn, undefined, TREE, key)?.before?.bytes[0])

describe('a large commit', () => {
  test('shows nothing to who reads while its changes are noted, also when nobody read for a moment', async () => {
    const { large, ports } = largeWriter(KEYS)
    const versions = new VersionStore(() => [], ports, BYTES_MAX)
    const first = versions.open(1)
    expect(versions.mustNoteAll(large)).toBe(true)
    const readers: VersionReader[] = []
    await versions.noteAll(large, () => {
      if (readers.length === 0) versions.close(first)
      readers.push(versions.open(2))
      return Promise.resolve()
    })
    versions.commit(large)
    expect(readers.length).toBeGreaterThan(1)
    for (const reader of readers) expect(seenBy(versions, reader)).toEqual(KEYS.map(() => 7))
    for (const reader of readers) versions.close(reader)
    expect(versions.stats.entries).toBe(0)
  })

  test('notes no more than it may: those who would need it are ended, and who comes then too', async () => {
    const { large, ports } = largeWriter(KEYS)
    const versions = new VersionStore(() => [], ports, BYTES_MAX / 100)
    const first = versions.open(1)
    let pauses = 0
    await versions.noteAll(large, () => {
      pauses++
      return Promise.resolve()
    })
    expect([first.endedBy?.code, pauses]).toEqual(['SNAPSHOT_TOO_OLD', 1])
    expect(versions.stats.entries).toBeLessThan(KEYS.length)
    const late = versions.open(1)
    expect(versions.mustNoteAll(large)).toBe(true)
    await versions.noteAll(large, () => Promise.resolve())
    expect([late.endedBy?.code, versions.mustNoteAll(large)]).toEqual(['SNAPSHOT_TOO_OLD', false])
    versions.commit(large)
    expect(versions.stats).toMatchObject({ readers: 0, entries: 0 })
  })

  test('whose changes cannot be read is done all the same, and those who would need them are ended', async () => {
    const error = new AriesError('IO_ERROR', 'the log cannot be read')
    const { large, ports } = largeWriter(KEYS)
    let readable = 150
    const failing: LargeWriterPorts = {
      ...ports,
      *keysOf() {
        for (const changed of ports.keysOf(large)) {
          if (readable-- <= 0) throw error
          yield changed
        }
      },
    }
    const versions = new VersionStore(() => [], failing, BYTES_MAX)
    const [older, younger] = [versions.open(1), versions.open(2)]
    await versions.noteAll(large, () => Promise.resolve())
    expect([older.endedBy, younger.endedBy]).toEqual([error, error])
    const late = versions.open(3)
    await versions.noteAll(large, () => Promise.resolve())
    expect(late.endedBy).toBe(error)
    expect(versions.commit(large)).toBe(1)
    expect(versions.stats).toMatchObject({ readers: 0, entries: 0 })
  })
})
