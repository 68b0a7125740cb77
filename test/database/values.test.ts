/**
 * Values come back as they were stored, and belong to whoever gets them: what he does to them, nobody else sees
 * (I34).
 */
import { describe, expect, test } from 'vitest'
import { buffer, decodeText, utf8 } from '../../src/database/codecs.ts'
import type { Database } from '../../src/database/database.ts'
import type { Table } from '../../src/database/table.ts'
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts'
import { keyOf, openOn, textTable } from './support.ts'

const ROWS = 5
/** Long enough to be cut from what several values have in common. */
const LENGTH = 100
const bytesOf = (byte: number): Uint8Array => new Uint8Array(LENGTH).fill(byte)

async function makeTable(): Promise<{ db: Database; table: Table<string, Uint8Array> }> {
  const db = await openOn(new MemoryFileSystem())
  const table = db.table('t', { key: utf8, value: buffer })
  for (let i = 0; i < ROWS; i++) await table.put(keyOf(i), bytesOf(i))
  return { db, table }
}

const overwrite = (value: Uint8Array): void => void value.fill(255)
const transfer = (value: Uint8Array): void => {
  structuredClone(value, { transfer: [value.buffer as ArrayBuffer] })
}

describe.each([
  ['overwritten', overwrite],
  ['transferred', transfer],
])('a value that is %s changes nothing', (_name, spoil) => {
  test('that snapshots see of older versions', async () => {
    const { db, table } = await makeTable()
    using first = db.snapshot()
    using second = db.snapshot()
    for (let i = 0; i < ROWS; i++) await table.put(keyOf(i), bytesOf(99))
    spoil((await table.get(keyOf(0))) as Uint8Array)
    spoil(first.get(table, keyOf(0)) as Uint8Array)
    for (const [, value] of first.range(table)) spoil(value)
    for (let i = 0; i < ROWS; i++) expect(second.get(table, keyOf(i))).toEqual(bytesOf(i))
    expect(second.range(table).all()).toEqual(Array.from({ length: ROWS }, (_, i) => [keyOf(i), bytesOf(i)]))
    await db.close()
  })

  test.each([false, true])('that the rest of a range gives (reverse: %s)', async (reverse) => {
    const { db, table } = await makeTable()
    using snapshot = db.snapshot()
    const found: unknown[] = []
    for (const [key, value] of snapshot.range(table, { limit: ROWS - 1, reverse })) {
      found.push([key, value.slice()])
      spoil(value)
    }
    const rows = Array.from({ length: ROWS }, (_, i) => [keyOf(i), bytesOf(i)])
    expect(found).toEqual((reverse ? rows.reverse() : rows).slice(0, ROWS - 1))
    await db.close()
  })

  test('that others see beside an open writer', async () => {
    const { db, table } = await makeTable()
    const reader = db.begin({ isolation: 'read-committed' })
    spoil((await reader.get(table, keyOf(1))) as Uint8Array)
    const writer = db.begin()
    await writer.put(table, keyOf(0), bytesOf(99))
    spoil((await table.get(keyOf(0))) as Uint8Array)
    spoil((await table.get(keyOf(1))) as Uint8Array)
    expect(await table.get(keyOf(0))).toEqual(bytesOf(0))
    expect(await reader.get(table, keyOf(0))).toEqual(bytesOf(0))
    await writer.abort()
    await reader.commit()
    await db.close()
  })
})

test('text keeps a byte order mark at its beginning, as a key, a value and the name of a table', async () => {
  const db = await openOn(new MemoryFileSystem())
  const table = textTable(db, '\ufefft')
  await table.put('\ufeffk', '\ufeffv')
  await table.put('k', 'v')
  using snapshot = db.snapshot()
  expect(snapshot.range(table).all()).toEqual([
    ['k', 'v'],
    ['\ufeffk', '\ufeffv'],
  ])
  expect(snapshot.tables()).toEqual(['\ufefft'])
  expect(await db.transaction((tx) => tx.tables())).toEqual(['\ufefft'])
  await db.close()
})

describe('a long text is decoded in pieces', () => {
  const text = 'aé€😀'.repeat(20)

  test('of any length', () => {
    const bytes = utf8.encode(`\ufeff${text}`)
    for (let piece = 1; piece <= bytes.length; piece++) expect(decodeText(bytes, piece)).toBe(`\ufeff${text}`)
  })

  test('and what is no text is refused', () => {
    const cut = utf8.encode(text).subarray(0, -1)
    expect(() => decodeText(cut, 7)).toThrow(TypeError)
    expect(() => decodeText(Uint8Array.of(0x61, 0xff, 0x61), 2)).toThrow(TypeError)
    expect(utf8.decode(utf8.encode(text))).toBe(text)
  })
})
