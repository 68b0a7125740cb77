/** Wrong arguments: a typed error each, and nothing half-done. */
import { describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../src/common/errors.ts'
import { type Codec, json } from '../../src/database/codecs.ts'
import type { Database } from '../../src/database/database.ts'
import { open } from '../../src/database/open-location.ts'
import { buffer, utf8 } from '../../src/index.ts'
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { expectFailure, expectRows, openOn, TEXT, textTable, writeRows } from './support.ts'

const fresh = (): Promise<Database> => openOn(new SimulatedFileSystem())

describe('arguments', () => {
  test.each<[string, object, string]>([
    ['pageSize', { pageSize: 5000 }, 'pageSize must be one of 4096, 8192, 16384, 32768, got 5000'],
    ['pageSize', { pageSize: '4096' }, 'pageSize must be one of'],
    ['segmentBytes', { segmentBytes: 1000 }, 'segmentBytes must be a number from 65536'],
    ['segmentBytes', { segmentBytes: 65536, pageSize: 16384 }, 'segmentBytes must be at least 8 pages'],
    ['segmentBytes', { segmentBytes: 262145 }, 'multiple of 64 KiB'],
    ['poolBytes', { poolBytes: '1 GiB' }, 'poolBytes must be a number'],
    ['poolBytes', { poolBytes: Number.NaN }, 'poolBytes must be a number'],
    ['checkpointBytes', { checkpointBytes: 0 }, 'checkpointBytes must be a number'],
    ['lockTimeoutMs', { lockTimeoutMs: -1 }, 'lockTimeoutMs must be a number of at least 0, got -1'],
    ['flushIntervalMs', { flushIntervalMs: 0 }, 'flushIntervalMs must be a number'],
    ['durability', { durability: 'fast' }, "durability must be 'none', 'lazy' or 'full', got fast"],
    ['onProgress', { onProgress: 5 }, 'onProgress must be a function'],
    ['doubleWrite', { doubleWrite: 'no' }, 'doubleWrite must be true or false'],
    ['createIfMissing', { createIfMissing: 'yes' }, 'createIfMissing must be true or false'],
    ['name of an option', { createifmissing: true }, 'open has no option createifmissing; it has createIfMissing, '],
    ['runtime', { runtime: {} }, 'runtime must be an object with a function nowMs'],
    ['runtime', { runtime: null }, 'runtime must be an object with a function nowMs'],
  ])('open with a wrong %s', async (_name, options, text) => {
    const disk = new SimulatedFileSystem()
    await expectFailure(() => openOn(disk, options as never), 'INVALID_ARGUMENT', text)
    expect(disk.list()).toEqual([])
  })

  test.each([null, 5, {}, undefined, ''])('open of %j', async (location) => {
    await expectFailure(() => open(location as never), 'INVALID_ARGUMENT', 'a path or a FileSystem')
  })

  test('options that are no object', async () => {
    await expectFailure(() => open(new MemoryFileSystem(), null as never), 'INVALID_ARGUMENT', 'options')
  })

  test('table names and codecs', async () => {
    const db = await fresh()
    for (const name of ['', 'x'.repeat(256), 'ä'.repeat(128), 5, null, undefined]) {
      await expectFailure(
        () => db.table(name as never, TEXT),
        'INVALID_ARGUMENT',
        'a table name is a text of 1 to 255 bytes',
      )
    }
    for (const name of ['\ud800', 'rows\udbff', '\udc00\ud800']) {
      await expectFailure(() => db.table(name, TEXT), 'INVALID_ARGUMENT', 'the table name has a lone surrogate')
      await expectFailure(() => db.begin().get({ name, ...TEXT }, 'k'), 'INVALID_ARGUMENT', 'a lone surrogate')
    }
    const half = { key: utf8, value: { encode: utf8.encode } }
    for (const codecs of [undefined, {}, { key: utf8 }, { key: utf8, value: 'utf8' }, half]) {
      await expectFailure(() => db.table('t', codecs as never), 'INVALID_ARGUMENT', 'table needs codecs')
    }
    await db.table('x'.repeat(255), TEXT).put('k', 'v')
    expect(await db.tables()).toEqual(['x'.repeat(255)])
    await db.close()
  })

  test('a table that is none', async () => {
    const db = await fresh()
    const tx = db.begin()
    for (const table of [undefined, null, 'rows', {}]) {
      const wrong = table as never
      const all: (() => unknown)[] = [
        () => tx.get(wrong, 'k'),
        () => tx.put(wrong, 'k', 'v'),
        () => tx.delete(wrong, 'k'),
        () => tx.range(wrong).next(),
        () => tx.count(wrong),
        () => tx.clear(wrong),
        () => tx.createTable(wrong),
        () => tx.dropTable(wrong),
      ]
      for (const work of all) await expectFailure(work, 'INVALID_ARGUMENT', 'a table made by db.table')
    }
    await tx.put(textTable(db), 'k', 'v')
    await tx.commit()
    await db.close()
  })

  test('keys and values of a wrong type, size or none', async () => {
    const db = await fresh()
    const table = textTable(db)
    await writeRows(db, 0, 1)
    const tx = db.begin()
    const wrong: [() => unknown, ErrorCode, string][] = [
      [() => tx.put(table, 5 as never, 'v'), 'INVALID_ARGUMENT', 'expected a string, got number'],
      [() => tx.put(table, null as never, 'v'), 'INVALID_ARGUMENT', 'expected a string, got null'],
      [() => tx.get(table, undefined as never), 'INVALID_ARGUMENT', 'expected a string, got undefined'],
      [() => tx.put(table, 'k', undefined as never), 'INVALID_ARGUMENT', 'expected a string, got undefined'],
      [() => tx.put(table, '\ud800', 'v'), 'INVALID_ARGUMENT', 'lone surrogate'],
      [() => tx.put(table, `${'x'.repeat(100)}\udc00`, 'v'), 'INVALID_ARGUMENT', 'lone surrogate'],
      [() => tx.put(table, '', 'v'), 'INVALID_ARGUMENT', 'a key must not be empty'],
      [() => tx.get(table, ''), 'INVALID_ARGUMENT', 'a key must not be empty'],
      [() => tx.delete(table, ''), 'INVALID_ARGUMENT', 'a key must not be empty'],
      [() => tx.put(table, 'k'.repeat(1100), 'v'), 'KEY_TOO_LARGE', 'the key has 1100 bytes; at most'],
      [() => tx.get(table, 'k'.repeat(1100)), 'KEY_TOO_LARGE', 'a quarter of a page'],
      [
        () => tx.put(db.table('rows', { key: utf8, value: buffer }), 'k', 'text' as never),
        'INVALID_ARGUMENT',
        'expected a Uint8Array',
      ],
      [
        () => tx.put(db.table('rows', { key: utf8, value: json() }), 'k', undefined),
        'INVALID_ARGUMENT',
        'JSON can hold',
      ],
      [
        () => tx.put(db.table('rows', { key: utf8, value: bad }), 'k', 1),
        'INVALID_ARGUMENT',
        'a value codec must encode to a Uint8Array',
      ],
      [
        () => tx.put(db.table('rows', { key: bad, value: utf8 }), 1, 'v'),
        'INVALID_ARGUMENT',
        'a key codec must encode to a Uint8Array',
      ],
      ...[undefined, null, 5, { a: 1 }].flatMap((entries): typeof wrong => [
        [() => tx.putMany(table, entries as never), 'INVALID_ARGUMENT', 'putMany takes an iterable'],
        [() => table.putMany(entries as never), 'INVALID_ARGUMENT', 'putMany takes an iterable'],
      ]),
      [() => tx.putMany(table, [['k', 'v'], 'kv' as never]), 'INVALID_ARGUMENT', 'an entry of putMany is an array'],
      [() => table.putMany([undefined as never]), 'INVALID_ARGUMENT', 'an entry of putMany is an array'],
      [() => tx.commit({ durability: 'soon' as never }), 'INVALID_ARGUMENT', 'durability must be'],
      [() => tx.rollbackTo(undefined as never), 'INVALID_ARGUMENT', 'the savepoint'],
      [() => db.transaction(5 as never), 'INVALID_ARGUMENT', 'takes a function'],
      [() => db.transaction(() => {}, { attempts: 0 }), 'INVALID_ARGUMENT', 'attempts must be at least 1'],
      [() => db.begin({ durability: 'x' as never }), 'INVALID_ARGUMENT', 'durability must be'],
      [() => db.begin(null as never), 'INVALID_ARGUMENT', 'the options of begin must be an object'],
      [
        () => db.begin({ readonly: true } as never),
        'INVALID_ARGUMENT',
        'begin has no option readonly; it has isolation',
      ],
      [() => db.begin({ attempts: 3 } as never), 'INVALID_ARGUMENT', 'begin has no option attempts'],
      [() => db.begin(Object.create({ readonly: true })), 'INVALID_ARGUMENT', 'begin has no option readonly'],
      [() => db.begin({ toString: 1 } as never), 'INVALID_ARGUMENT', 'begin has no option toString'],
      [() => db.transaction(() => {}, null as never), 'INVALID_ARGUMENT', 'the options of transaction'],
      [() => db.transaction(() => {}, { tries: 3 } as never), 'INVALID_ARGUMENT', 'transaction has no option tries'],
      [() => tx.get(table, 'k', null as never), 'INVALID_ARGUMENT', 'the options of get must be an object'],
      [() => tx.get(table, 'k', { forupdate: true } as never), 'INVALID_ARGUMENT', 'get has no option forupdate'],
      [
        () => tx.commit({ level: 'none' } as never),
        'INVALID_ARGUMENT',
        'commit has no option level; it has durability',
      ],
      [() => db.begin({ lockTimeoutMs: Number.NaN }), 'INVALID_ARGUMENT', 'lockTimeoutMs'],
    ]
    for (const [work, code, text] of wrong) await expectFailure(work, code, text)
    // None of them did anything, and the transaction goes on.
    expect(tx.isActive).toBe(true)
    await tx.commit()
    await expectRows(db, 1)
    await db.close()
  })

  test('the longest key and one byte more', async () => {
    const db = await fresh()
    const table = textTable(db)
    const error = await expectFailure(() => table.put('k'.repeat(4096), 'v'), 'KEY_TOO_LARGE', /at most \d+/)
    const most = Number(/at most (\d+)/.exec(error.message)?.[1])
    expect(most).toBeGreaterThan(900)
    await table.put('k'.repeat(most), 'v'.repeat(3000))
    await expectFailure(() => table.put('k'.repeat(most + 1), 'v'), 'KEY_TOO_LARGE', `${most + 1} bytes`)
    expect(await table.get('k'.repeat(most))).toBe('v'.repeat(3000))
    expect(db.check()).toEqual([])
    await db.close()
  })

  test('a value of more than 1 GiB', async () => {
    const db = await fresh()
    const table = db.table('rows', { key: utf8, value: buffer })
    // Zeros that nobody touches cost no memory.
    const huge = new Uint8Array(2 ** 30 + 1)
    await expectFailure(
      () => table.put('k', huge),
      'VALUE_TOO_LARGE',
      'the value has 1073741825 bytes; at most 1073741824',
    )
    expect(await db.tables()).toEqual([])
    await db.close()
  })

  test.each<[string, object | null, string]>([
    ['gt and gte', { gt: 'a', gte: 'a' }, 'gt or gte, not both'],
    ['lt and lte', { lt: 'a', lte: 'a' }, 'lt or lte, not both'],
    ['null for it', null, 'the options of a range must be an object'],
    ['a negative limit', { limit: -1 }, 'limit must be'],
    ['a limit that is no whole number', { limit: 2.5 }, 'limit must be'],
    ['a limit that is no number', { limit: '5' }, 'limit must be'],
    [
      'an unknown option',
      { from: 'a' },
      'a range has no option from; it has gt, gte, lt, lte, reverse, limit, forUpdate',
    ],
    ['a bound of the wrong type', { gte: 5 }, 'expected a string'],
    ['null as a bound', { gte: null }, 'expected a string'],
    ['null as the other bound', { lte: null }, 'expected a string'],
  ])('a range with %s', async (_what, options, text) => {
    const db = await fresh()
    const tx = db.begin()
    using snapshot = db.snapshot()
    await expectFailure(() => tx.range(textTable(db), options as never), 'INVALID_ARGUMENT', text)
    await expectFailure(() => snapshot.range(textTable(db), options as never), 'INVALID_ARGUMENT', text)
    await expectFailure(() => snapshot.count(textTable(db), options as never), 'INVALID_ARGUMENT', text)
    await expectFailure(() => tx.count(textTable(db), options as never), 'INVALID_ARGUMENT', text)
    await expectFailure(() => tx.clear(textTable(db), options as never), 'INVALID_ARGUMENT', text)
    await tx.abort()
    await db.close()
  })

  test('null as a bound is a key, where the codec has it as one', async () => {
    const db = await fresh()
    const table = db.table('rows', { key: json<number | null>(), value: utf8 })
    const refill = (): Promise<void> => table.putMany([1, null, 2].map((key) => [key, 'v'] as const))
    const keys = (): unknown[] => {
      const snapshot = db.snapshot()
      const found = snapshot.range(table).all()
      snapshot.close()
      return found.map(([key]) => key)
    }
    await refill()
    // As texts: 1, 2, null.
    expect(await table.clear({ gte: null })).toBe(1)
    expect(keys()).toEqual([1, 2])
    await refill()
    expect(await table.clear({ lte: null, gt: 1 })).toBe(2)
    expect(keys()).toEqual([1])
    await db.close()
  })
})

const bad: Codec<number> = { encode: () => 'text' as never, decode: () => 0 }
