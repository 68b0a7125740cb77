/** Wrong arguments, finished transactions, closed databases: a typed error each, and nothing half-done. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../src/common/errors.ts'
import { type Codec, json } from '../../src/database/codecs.ts'
import type { Database } from '../../src/database/database.ts'
import { open } from '../../src/database/open-location.ts'
import { buffer, utf8 } from '../../src/index.ts'
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import {
  expectDiskHas,
  expectFailure,
  expectRows,
  keyOf,
  openOn,
  settle,
  TEXT,
  textOf,
  textTable,
  writeRows,
} from './support.ts'

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
  ])('open with a wrong %s', async (_name, options, text) => {
    const disk = new SimulatedFileSystem()
    await expectFailure(() => openOn(disk, options as never), 'INVALID_ARGUMENT', text)
    expect(disk.list()).toEqual([])
  })

  test.each([null, 5, {}, undefined])('open of %s', async (location) => {
    await expectFailure(
      () => open(location as never, { createIfMissing: true }),
      'INVALID_ARGUMENT',
      'a path or a FileSystem',
    )
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
    for (const codecs of [undefined, {}, { key: utf8 }, { key: utf8, value: 'utf8' }]) {
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
      [() => tx.commit({ durability: 'soon' as never }), 'INVALID_ARGUMENT', 'durability must be'],
      [() => tx.rollbackTo(undefined as never), 'INVALID_ARGUMENT', 'the savepoint'],
      [() => db.transaction(5 as never), 'INVALID_ARGUMENT', 'takes a function'],
      [() => db.transaction(() => {}, { attempts: 0 }), 'INVALID_ARGUMENT', 'attempts must be at least 1'],
      [() => db.begin({ durability: 'x' as never }), 'INVALID_ARGUMENT', 'durability must be'],
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

  test.each<[string, object, string]>([
    ['gt and gte', { gt: 'a', gte: 'a' }, 'gt or gte, not both'],
    ['lt and lte', { lt: 'a', lte: 'a' }, 'lt or lte, not both'],
    ['a negative limit', { limit: -1 }, 'limit must be'],
    ['a limit that is no number', { limit: '5' }, 'limit must be'],
    ['an unknown option', { from: 'a' }, 'unknown range option from'],
    ['a bound of the wrong type', { gte: 5 }, 'expected a string'],
  ])('a range with %s', async (_what, options, text) => {
    const db = await fresh()
    const tx = db.begin()
    await expectFailure(() => tx.range(textTable(db), options as never).next(), 'INVALID_ARGUMENT', text)
    await expectFailure(() => tx.count(textTable(db), options as never), 'INVALID_ARGUMENT', text)
    await expectFailure(() => tx.clear(textTable(db), options as never), 'INVALID_ARGUMENT', text)
    await tx.abort()
    await db.close()
  })
})

const bad: Codec<number> = { encode: () => 'text' as never, decode: () => 0 }

describe('a finished transaction', () => {
  const ends: [string, (db: Database, tx: ReturnType<Database['begin']>) => Promise<void>][] = [
    ['committed', async (_db, tx) => tx.commit()],
    ['aborted', async (_db, tx) => tx.abort()],
    ['disposed', async (_db, tx) => tx[Symbol.asyncDispose]()],
  ]
  test.each(ends)('%s: every use of it is TX_CLOSED', async (_how, end) => {
    const db = await fresh()
    const table = textTable(db)
    await writeRows(db, 0, 10)
    const tx = db.begin()
    await tx.put(table, keyOf(0), textOf(0))
    const savepoint = await tx.savepoint()
    const iterator = tx.range(table)
    await iterator.next()
    await end(db, tx)
    expect(tx.isActive).toBe(false)
    const uses: (() => unknown)[] = [
      () => tx.get(table, 'k'),
      () => tx.put(table, 'k', 'v'),
      () => tx.delete(table, 'k'),
      () => tx.range(table).next(),
      () => iterator.next(),
      () => tx.count(table),
      () => tx.clear(table),
      () => tx.createTable(table),
      () => tx.dropTable(table),
      () => tx.tables(),
      () => tx.savepoint(),
      () => tx.rollbackTo(savepoint),
      () => tx.commit(),
      () => tx.abort(),
    ]
    for (const use of uses) await expectFailure(use, 'TX_CLOSED', 'the transaction has ended')
    await tx[Symbol.asyncDispose]()
    await expectRows(db, 10)
    await db.close()
  })

  test("an iterator across its transaction's end, in a loop", async () => {
    const db = await fresh()
    const table = textTable(db)
    await writeRows(db, 0, 10)
    const tx = db.begin()
    const seen: string[] = []
    await expectFailure(
      async () => {
        for await (const [key] of tx.range(table)) {
          seen.push(key)
          if (seen.length === 3) await tx.commit()
        }
      },
      'TX_CLOSED',
      'begin a new one',
    )
    expect(seen).toEqual([keyOf(0), keyOf(1), keyOf(2)])
    await db.close()
  })

  test('a savepoint of another transaction, or rolled back over', async () => {
    const db = await fresh()
    const table = textTable(db)
    const one = db.begin()
    const other = db.begin()
    const first = await one.savepoint()
    await one.put(table, 'a', '1')
    const second = await one.savepoint()
    await one.put(table, 'b', '2')
    await expectFailure(() => other.rollbackTo(first), 'INVALID_ARGUMENT', 'of another transaction')
    await one.rollbackTo(first)
    await expectFailure(() => one.rollbackTo(second), 'INVALID_ARGUMENT', 'was rolled back over')
    await one.rollbackTo(first)
    await one.commit()
    await other.commit()
    expect(await db.table('rows', TEXT).count()).toBe(0)
    await db.close()
  })
})

describe('operations in flight when a transaction ends', () => {
  // The operations go on in later callbacks; none may write for a transaction that has ended.
  const works = ['createTable', 'dropTable', 'clear', 'put', 'range'] as const
  test.each(works.flatMap((work) => [0, 1, 2, 3, 4, 5, 6, 8, 10].map((after) => [work, after] as const)))(
    '%s, aborted %i callbacks later, does nothing',
    async (work, after) => {
      const disk = new SimulatedFileSystem()
      const db = await openOn(disk)
      await writeRows(db, 0, 20)
      const table = textTable(db)
      const tx = db.begin()
      const running =
        work === 'createTable'
          ? tx.createTable(textTable(db, 'other'))
          : work === 'dropTable'
            ? tx.dropTable(table)
            : work === 'clear'
              ? tx.clear(table)
              : work === 'put'
                ? tx.put(textTable(db, 'other'), 'k', 'v')
                : tx.count(table)
      running.catch(() => {})
      for (let i = 0; i < after; i++) await undefined
      await tx.abort()
      await Promise.allSettled([running])
      await settle()
      expect(await db.tables()).toEqual(['rows'])
      await expectRows(db, 20)
      await db.close()
      await expectDiskHas(disk, 20)
    },
  )

  test.each([0, 1, 2, 3, 5])('close %i callbacks after clear', async (after) => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk)
    await writeRows(db, 0, 20)
    const clearing = db.begin().clear(textTable(db))
    clearing.catch(() => {})
    for (let i = 0; i < after; i++) await undefined
    await db.close()
    await Promise.allSettled([clearing])
    await expectDiskHas(disk, 20)
  })

  test('commit while an operation waits is TX_BUSY, and works once it is done', async () => {
    const db = await fresh()
    const table = textTable(db)
    await table.put('a', '0')
    const holder = db.begin()
    await holder.put(table, 'a', '1')
    const tx = db.begin()
    const waiting = tx.put(table, 'a', '2')
    await expectFailure(() => tx.commit(), 'TX_BUSY', 'await it first')
    await holder.commit()
    await waiting
    await tx.commit()
    expect(await table.get('a')).toBe('2')
    await db.close()
  })

  test('close rolls back a long transaction that is being rolled back', async () => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk)
    await writeRows(db, 0, 5)
    const tx = db.begin()
    for (let i = 100; i < 15_000; i++) await tx.put(textTable(db), keyOf(i), textOf(i))
    const aborting = tx.abort()
    await db.close()
    const mutations = disk.mutations
    await aborting
    await settle()
    expect(disk.mutations, 'changes after close').toBe(mutations)
    const reopened = await openOn(disk)
    expect(reopened.recovery.wasNeeded).toBe(false)
    await expectRows(reopened, 5)
    await reopened.close()
  })

  test('close during a long rollback to a savepoint', async () => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk)
    await writeRows(db, 0, 5)
    const tx = db.begin()
    const savepoint = await tx.savepoint()
    for (let i = 100; i < 2500; i++) await tx.put(textTable(db), keyOf(i), textOf(i))
    const rolling = tx.rollbackTo(savepoint)
    rolling.catch(() => {})
    await db.close()
    const mutations = disk.mutations
    await Promise.allSettled([rolling])
    await settle()
    expect(disk.mutations).toBe(mutations)
    await expectDiskHas(disk, 5)
  })
})

describe('a closed database', () => {
  test('every use of it and its tables is DB_CLOSED; close again is the same close', async () => {
    const db = await fresh()
    const table = textTable(db)
    const open = db.begin()
    await open.put(table, 'k', 'v')
    const iterator = open.range(table)
    const closing = db.close()
    expect(db.close()).toBe(closing)
    await closing
    await db.close()
    const uses: (() => unknown)[] = [
      () => db.begin(),
      () => db.transaction(() => {}),
      () => db.tables(),
      () => db.dropTable(table),
      () => db.checkpoint(),
      () => db.flush(),
      () => db.stats(),
      () => db.check(),
      () => table.get('k'),
      () => table.put('k', 'v'),
      () => table.delete('k'),
      () => table.count(),
      () => table.clear(),
      () => table.range().next(),
      () => open.get(table, 'k'),
      () => open.commit(),
      () => open.savepoint(),
      () => iterator.next(),
    ]
    for (const use of uses) await expectFailure(use, 'DB_CLOSED', 'the database was closed')
    expect(open.isActive).toBe(false)
  })

  test('open transactions are rolled back, waiting operations end, committing ones are waited for', async () => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk)
    await writeRows(db, 0, 3)
    const table = textTable(db)
    const holder = db.begin()
    await holder.put(table, keyOf(0), 'lost')
    const waiter = db.begin({ lockTimeoutMs: Number.POSITIVE_INFINITY })
    const waiting = waiter.put(table, keyOf(0), 'lost too')
    waiting.catch(() => {})
    const committing = db.begin()
    await committing.put(table, keyOf(3), textOf(3))
    const committed = committing.commit()
    await db.close()
    await committed
    await expectFailure(() => waiting, 'DB_CLOSED', 'was closed')
    const reopened = await openOn(disk)
    expect(reopened.recovery.wasNeeded).toBe(false)
    await expectRows(reopened, 4)
    await reopened.close()
  })
})

describe('two opens', () => {
  test('of one file system', async () => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk)
    await expectFailure(() => openOn(disk), 'DB_LOCKED', 'open already; close')
    await writeRows(db, 0, 3)
    await db.close()
    await expectDiskHas(disk, 3)
  })

  test('of one directory in this process and in another one', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'aries-two-'))
    try {
      const db = await open(directory, { createIfMissing: true, segmentBytes: 262144 })
      const here = await expectFailure(() => open(directory), 'DB_LOCKED', 'is open already by process')
      expect(here.details['pid']).toBe(process.pid)
      const program = `
        import { open } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
        await open(${JSON.stringify(directory)}).then(() => console.log('opened'), (e) => console.log(e.code, e.details.pid))`
      const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const [said] = (await once(child.stdout, 'data')) as [Buffer]
      expect(said.toString().trim()).toBe(`DB_LOCKED ${process.pid}`)
      await once(child, 'exit')
      await writeRows(db, 0, 3)
      await db.close()
      await expectDiskHas(
        (await import('../../src/io/node-file-system.ts')).NodeFileSystem.open(directory, { createIfMissing: false }),
        3,
      )
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })

  test('an open that failed leaves the directory free, and no file open', async () => {
    const disk = new CountingFileSystem(new SimulatedFileSystem())
    await (await openOn(disk)).close()
    expect(disk.openFiles.size).toBe(0)
    disk.inner.flipBit('log-000000000000', 33, 1)
    await expectFailure(() => openOn(disk), 'LOG_CORRUPT', 'log-000000000000')
    expect([...disk.openFiles]).toEqual([])
    disk.inner.flipBit('log-000000000000', 33, 1)
    // Whichever of the files it is that cannot be opened.
    for (let skip = 0; skip < 6; skip++) {
      disk.inner.failNext('open', { errno: 'EMFILE', skip })
      await expectFailure(() => openOn(disk), 'IO_ERROR', 'EMFILE')
      expect([...disk.openFiles]).toEqual([])
      disk.inner.clearFaults()
    }
    await expectDiskHas(disk, 0)
    expect(disk.openFiles.size).toBe(0)
  })
})

/** Passes everything on and remembers which files are open. */
class CountingFileSystem {
  readonly inner: SimulatedFileSystem
  readonly openFiles = new Set<string>()
  readonly location = 'counting'
  readonly writable = true
  #count = 0

  constructor(inner: SimulatedFileSystem) {
    this.inner = inner
  }

  list = (): string[] => this.inner.list()
  rename = (from: string, to: string): void => this.inner.rename(from, to)
  remove = (name: string): void => this.inner.remove(name)
  syncDirectory = (): void => this.inner.syncDirectory()
  syncNames = (): Promise<void> => this.inner.syncNames()
  lock = (): Promise<() => void> => this.inner.lock()

  open(name: string, mode: 'read' | 'write' | 'create'): ReturnType<SimulatedFileSystem['open']> {
    const file = this.inner.open(name, mode)
    const label = `${name} #${this.#count++}`
    this.openFiles.add(label)
    const close = file.close.bind(file)
    file.close = (): void => {
      this.openFiles.delete(label)
      close()
    }
    return file
  }
}
