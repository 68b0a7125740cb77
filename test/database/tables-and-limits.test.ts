/** Ranges, values, and that memory, files and log stay within bounds. */
import { describe, expect, test } from 'vitest'
import { type Codec, json } from '../../src/database/codecs.ts'
import type { Database } from '../../src/database/database.ts'
import { open } from '../../src/database/open-location.ts'
import type { RangeOptions } from '../../src/database/range.ts'
import { buffer, utf8 } from '../../src/index.ts'
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import {
  expectRows,
  keyOf,
  openOn,
  PAGE_SIZE,
  readFile,
  SEGMENT_BYTES,
  settle,
  textOf,
  textTable,
  writeRows,
} from './support.ts'

const fresh = (): Promise<Database> => openOn(new SimulatedFileSystem())

/** Gives `count` rows of 900 bytes other content in each round: what does not change is not logged. */
async function rewriteRows(db: Database, count: number, round: number): Promise<void> {
  await db.transaction(async (tx) => {
    for (let i = 0; i < count; i++) await tx.put(textTable(db), keyOf(i), textOf(i + round, 900))
  })
}

describe('ranges', () => {
  const letters = ['a', 'b', 'c', 'd', 'e', 'f']
  const cases: [RangeOptions<string>, string][] = [
    [{}, 'abcdef'],
    [{ reverse: true }, 'fedcba'],
    [{ gte: 'c' }, 'cdef'],
    [{ gt: 'c' }, 'def'],
    [{ lt: 'c' }, 'ab'],
    [{ lte: 'c' }, 'abc'],
    [{ gte: 'b', lt: 'e' }, 'bcd'],
    [{ gt: 'b', lte: 'e' }, 'cde'],
    [{ gt: 'b', lte: 'e', reverse: true }, 'edc'],
    [{ gte: 'b', lt: 'e', reverse: true, limit: 2 }, 'dc'],
    [{ limit: 0 }, ''],
    [{ limit: 1 }, 'a'],
    [{ limit: Number.POSITIVE_INFINITY }, 'abcdef'],
    [{ gt: 'bb', lt: 'dd' }, 'cd'],
    [{ gt: 'b', lt: 'c' }, ''],
    [{ gt: 'c', lt: 'c' }, ''],
    [{ gte: 'c', lt: 'c' }, ''],
    [{ gte: 'c', lte: 'c' }, 'c'],
    [{ gte: 'e', lt: 'b' }, ''],
    [{ gte: 'e', lt: 'b', reverse: true }, ''],
    [{ gte: 'z' }, ''],
    [{ lt: 'A' }, ''],
    [{ gte: 'z', reverse: true }, ''],
    [{ lt: 'A', reverse: true }, ''],
    [{ lte: 'zzz', reverse: true, limit: 1 }, 'f'],
    [{ gte: '' }, letters.join('')],
    [{ gt: '', reverse: true }, [...letters].reverse().join('')],
    [{ lt: '' }, ''],
    [{ lte: '', reverse: true }, ''],
  ]
  test('a bound stays what it was when the iteration began', async () => {
    const db = await fresh()
    const table = db.table('t', { key: buffer, value: utf8 })
    for (let i = 1; i < 10; i++) await table.put(new Uint8Array([i]), String(i))
    const lt = new Uint8Array([4])
    const found: string[] = []
    await db.transaction(async (tx) => {
      for await (const [, value] of tx.range(table, { lt })) {
        found.push(value)
        lt[0] = 8
      }
    })
    expect(found.join('')).toBe('123')
  })

  test.each(cases)('%o is %s', async (range, expected) => {
    const db = await fresh()
    const table = textTable(db)
    for (const letter of letters) await table.put(letter, letter.toUpperCase())
    const keys: string[] = []
    for await (const [key, value] of table.range(range)) {
      expect(value).toBe(key.toUpperCase())
      keys.push(key)
    }
    expect(keys.join('')).toBe(expected)
    expect(await table.count(range)).toBe(expected.length)
    expect(await table.clear(range)).toBe(expected.length)
    const rest: string[] = []
    for await (const [key] of table.range()) rest.push(key)
    expect(rest).toEqual(letters.filter((letter) => !expected.includes(letter)))
    await db.close()
  })

  test('of a table that is not there, and of an empty one', async () => {
    const db = await fresh()
    const table = textTable(db)
    expect(await table.count()).toBe(0)
    for await (const _ of table.range({ reverse: true })) expect.unreachable()
    await table.put('a', '1')
    await table.delete('a')
    expect(await table.count()).toBe(0)
    await db.close()
  })

  test('ended early they let go of their transaction', async () => {
    const db = await fresh()
    await writeRows(db, 0, 100)
    for await (const [key] of textTable(db).range()) if (key === keyOf(5)) break
    expect(db.stats().transactions.active).toBe(0)
    expect(db.stats().locks.held).toBe(0)
    await db.close()
  })

  test.each([false, true])(
    'while others insert, delete, split and merge around them (reverse: %s)',
    async (reverse) => {
      const db = await openOn(new SimulatedFileSystem(), { poolBytes: 16 * PAGE_SIZE })
      await writeRows(db, 0, 1000, 100)
      const reader = db.begin()
      const seen: string[] = []
      let step = 0
      for await (const [key, value] of reader.range(textTable(db), { reverse })) {
        seen.push(key)
        expect(value).toBe(textOf(Number(key.slice(4)), 100))
        if (++step % 10 !== 0 || step > 600) continue
        // What it has not reached yet: fill some, empty some. Rows of its own stay.
        await db.transaction(async (tx) => {
          for (let i = 0; i < 20; i++) await tx.put(textTable(db, 'other'), `${step}-${i}`, 'x'.repeat(300))
        })
        const ahead = reverse ? 990 - step : step + 10
        await db.transaction(async (tx) => {
          for (let i = 0; i < 8; i++)
            await tx.put(textTable(db), `${keyOf(ahead)}+${i}`, textOf(ahead, 100).padEnd(100))
          for (let i = 0; i < 8; i++) await tx.delete(textTable(db), `${keyOf(ahead)}+${i}`)
        })
      }
      await reader.commit()
      const expected = Array.from({ length: 1000 }, (_, i) => keyOf(i))
      expect(seen).toEqual(reverse ? expected.reverse() : expected)
      await settle()
      expect(db.check()).toEqual([])
      await db.close()
    },
  )

  test("sees its own transaction's writes as it goes", async () => {
    const db = await fresh()
    const tx = db.begin()
    const table = textTable(db)
    await tx.put(table, 'a', '1')
    await tx.put(table, 'c', '1')
    const seen: string[] = []
    for await (const [key] of tx.range(table)) {
      seen.push(key)
      if (key === 'a') {
        await tx.put(table, 'b', '1')
        await tx.delete(table, 'c')
        await tx.put(table, 'd', '1')
      }
    }
    expect(seen).toEqual(['a', 'b', 'd'])
    await tx.abort()
    await db.close()
  })
})

describe('values and codecs', () => {
  test.each([0, 1, 100, 1000, 1023, 1024, 1025, 4000, 4096, 8192, 100_000, 3_000_000])(
    '%i bytes come back',
    async (length) => {
      const disk = new SimulatedFileSystem()
      const db = await openOn(disk)
      const table = db.table('blobs', { key: utf8, value: buffer })
      const value = Uint8Array.from({ length }, (_, i) => (i * 7) % 251)
      await table.put('k', value)
      await table.put(
        'k',
        value.map((byte) => byte ^ 255),
      )
      expect(
        Buffer.from((await table.get('k')) as Uint8Array).equals(Buffer.from(value.map((byte) => byte ^ 255))),
      ).toBe(true)
      const tx = db.begin()
      await tx.put(table, 'k', new Uint8Array(5))
      await tx.abort()
      const reopened = await openOn(disk.crash({ mode: 'none' }))
      const after = await reopened.table('blobs', { key: utf8, value: buffer }).get('k')
      expect(Buffer.from(after as Uint8Array).equals(Buffer.from(value.map((byte) => byte ^ 255)))).toBe(true)
      expect(reopened.check()).toEqual([])
      await reopened.close()
      await db.close()
    },
  )

  test('64 MiB in a pool of one', async () => {
    const db = await open(new MemoryFileSystem(), { createIfMissing: true, poolBytes: 1 << 20 })
    const table = db.table('blobs', { key: utf8, value: buffer })
    const value = new Uint8Array(64 << 20).fill(3)
    value[12_345_678] = 9
    await table.put('k', value)
    expect(Buffer.from((await table.get('k')) as Uint8Array).equals(value)).toBe(true)
    expect(await table.delete('k')).toBe(true)
    await db.close()
  })

  test('what is given and got is a copy', async () => {
    const db = await fresh()
    const table = db.table('blobs', { key: buffer, value: buffer })
    const key = new Uint8Array([1, 2])
    const value = new Uint8Array([3, 4])
    await table.put(key, value)
    key.fill(0)
    value.fill(0)
    const got = (await table.get(new Uint8Array([1, 2]))) as Uint8Array
    expect([...got]).toEqual([3, 4])
    got.fill(9)
    expect([...((await table.get(new Uint8Array([1, 2]))) as Uint8Array)]).toEqual([3, 4])
    await db.close()
  })

  test("json, text of all planes, and codecs of one's own", async () => {
    const db = await fresh()
    const documents = db.table('json', { key: utf8, value: json<unknown>() })
    for (const value of [null, 0, '', [1, [2]], { a: { b: 'ü' } }, false]) {
      await documents.put('k', value)
      expect(await documents.get('k')).toEqual(value)
    }
    const text = textTable(db)
    for (const key of ['ä', '€', '😀', `${'x'.repeat(70)}😀`, '\0']) {
      await text.put(key, key)
      expect(await text.get(key)).toBe(key)
    }
    const big: Codec<bigint> = {
      encode: (value) => {
        const bytes = new Uint8Array(8)
        new DataView(bytes.buffer).setBigUint64(0, value)
        return bytes
      },
      decode: (bytes) => new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0),
    }
    const numbers = db.table('numbers', { key: big, value: utf8 })
    for (const n of [300n, 5n, 2n ** 60n]) await numbers.put(n, String(n))
    const keys: bigint[] = []
    for await (const [key] of numbers.range({ gt: 5n })) keys.push(key)
    expect(keys).toEqual([300n, 2n ** 60n])
    await db.close()
  })
})

describe('bounds', () => {
  test('20 rounds of filling and emptying take no more than 1.2 times the file of one', async () => {
    const disk = new SimulatedFileSystem()
    const runtime = new SimulatedRuntime(1)
    const db = await openOn(disk, { runtime, durability: 'none' })
    let afterOne = 0
    for (let round = 0; round < 20; round++) {
      await db.transaction(async (tx) => {
        for (let i = 0; i < 3000; i++)
          await tx.put(textTable(db), keyOf((i * 7919) % 3000), textOf(i, i % 100 === 0 ? 6000 : 400))
      })
      if (round % 2 === 0) await textTable(db).clear()
      else await db.dropTable(textTable(db))
      for (let i = 0; i < 5; i++) {
        runtime.advance(100)
        await settle(20)
      }
      if (round === 0) afterOne = readFile(disk, 'data').length
    }
    expect(readFile(disk, 'data').length).toBeLessThanOrEqual(1.2 * afterOne)
    expect(db.check()).toEqual([])
    await db.close()
  })

  test('a pool of 8 frames with 100 times the data', async () => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk, { poolBytes: 0, durability: 'none' })
    expect(db.stats().buffer.frames).toBe(8)
    await writeRows(db, 0, 12_000, 300)
    expect(readFile(disk, 'data').length).toBeGreaterThan(100 * 8 * PAGE_SIZE)
    await expectRows(db, 12_000, 300)
    expect(db.stats().buffer).toMatchObject({ frames: 8 })
    expect(db.stats().buffer.evictions).toBeGreaterThan(1000)
    await db.close()
  })

  test('a pool of 1 GiB opens and works', async () => {
    const db = await openOn(new SimulatedFileSystem(), { poolBytes: 1 << 30 })
    await writeRows(db, 0, 100)
    expect(db.stats().buffer.frames).toBe((1 << 30) / PAGE_SIZE)
    await expectRows(db, 100)
    await db.close()
  })

  test('the log files stay bounded over a long run, by checkpoints and recycling', async () => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk, { checkpointBytes: 300_000, maxRedoBytes: 400_000 })
    let most = 0
    for (let round = 0; round < 40; round++) {
      await rewriteRows(db, 300, round)
      await settle(5)
      most = Math.max(most, db.stats().log.fileBytes)
    }
    expect(db.stats().log.endLsn).toBeGreaterThan(20 * SEGMENT_BYTES)
    expect(most).toBeLessThanOrEqual(12 * SEGMENT_BYTES)
    expect(db.stats().log.redoWindowBytes).toBeLessThan(1_500_000)
    const image = disk.crash({ mode: 'none' })
    const reopened = await openOn(image)
    expect(await textTable(reopened).get(keyOf(7))).toBe(textOf(7 + 39, 900))
    expect(await textTable(reopened).count()).toBe(300)
    expect(reopened.check()).toEqual([])
    await reopened.close()
    await db.close()
  })

  test('an old transaction holds the low-water mark, and the statistics name it', async () => {
    const db = await openOn(new SimulatedFileSystem(), { checkpointBytes: 100_000, maxRedoBytes: 100_000 })
    const old = db.begin()
    await old.put(textTable(db, 'other'), 'k', 'v')
    const { endLsn } = db.stats().log
    for (let round = 0; round < 8; round++) await rewriteRows(db, 300, round)
    await settle()
    await db.checkpoint()
    expect(db.stats().log.oldestRequiredBy).toBe('transaction')
    expect(db.stats().log.oldestRequiredLsn).toBeLessThan(endLsn)
    expect(db.stats().transactions).toMatchObject({ active: 1, oldestId: old.id })
    const kept = db.stats().log.fileBytes
    expect(kept).toBeGreaterThan(10 * SEGMENT_BYTES)
    await old.abort()
    await settle()
    await db.checkpoint()
    for (let round = 0; round < 8; round++) await rewriteRows(db, 300, round)
    await settle()
    expect(db.stats().log.oldestRequiredBy).not.toBe('transaction')
    expect(db.stats().log.oldestRequiredLsn).toBeGreaterThan(endLsn)
    expect(db.stats().log.fileBytes).toBeLessThanOrEqual(kept)
    await db.close()
  })

  test('checkpoints come by bytes, by time, on demand and at close', async () => {
    const runtime = new SimulatedRuntime(1)
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk, { runtime, checkpointBytes: 200_000, checkpointIntervalMs: 5000 })
    const taken = (): number => db.stats().background.checkpoints
    const before = taken()
    await writeRows(db, 0, 10)
    await settle()
    expect(taken()).toBe(before)
    runtime.advance(5000)
    await settle()
    expect(taken()).toBe(before + 1)
    runtime.advance(20_000)
    await settle()
    expect(taken(), 'nothing was written since').toBe(before + 1)
    await writeRows(db, 0, 400, 900)
    await settle()
    const byBytes = taken()
    expect(byBytes).toBeGreaterThan(before + 1)
    await textTable(db).put(keyOf(0), 'changed')
    await db.checkpoint()
    expect(taken()).toBe(byBytes + 1)
    await db.close()
    const reopened = await openOn(disk)
    expect(reopened.recovery).toMatchObject({ wasNeeded: false, redo: { records: 0 }, undo: { clrs: 0 } })
    await reopened.close()
  })
})

describe('figures', () => {
  test('of stats()', async () => {
    const db = await fresh()
    await writeRows(db, 0, 100)
    const tx = db.begin()
    await tx.put(textTable(db), 'a', 'b')
    const stats = db.stats()
    expect(stats.log.reservedBytes).toBeGreaterThan(0)
    expect(stats.log.flushedLsn).toBeLessThan(stats.log.endLsn)
    expect(stats.log.flushHistogram.reduce((sum, bucket) => sum + bucket.count, 0)).toBe(stats.log.flushes)
    expect(stats.log.flushHistogram.at(-1)?.upToMs).toBe(Number.POSITIVE_INFINITY)
    expect(stats.log.fileBytes % SEGMENT_BYTES).toBe(0)
    expect(stats.buffer.dirtyPages).toBeGreaterThan(0)
    expect(stats.buffer.hitRatio).toBeGreaterThan(0.5)
    expect(stats.transactions).toMatchObject({ active: 1, committed: 2, aborted: 0, oldestId: tx.id })
    await tx.abort()
    expect(db.stats().log.reservedBytes).toBe(0)
    expect(db.stats().transactions).toMatchObject({ active: 0, aborted: 1, oldestId: undefined })
    expect(db.stats().buffer.dirtyPages).toBeGreaterThan(0)
    await db.close()
  })

  test('of the recovery report, with progress and trace', async () => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk)
    await writeRows(db, 0, 100)
    await db.checkpoint()
    await writeRows(db, 100, 200)
    const loser = db.begin()
    for (let i = 0; i < 30; i++) await loser.put(textTable(db), `loser-${i}`, 'v')
    await db.flush()
    const image = disk.crash({ mode: 'none' })
    await db.close()
    const phases = new Set<string>()
    const kinds = new Map<string, number>()
    const reopened = await openOn(image, {
      onProgress: ({ phase, done, total }) => {
        phases.add(phase)
        expect(done).toBeLessThanOrEqual(Math.max(done, total))
      },
      trace: ({ kind }) => kinds.set(kind, (kinds.get(kind) ?? 0) + 1),
    })
    const { recovery } = reopened
    expect(recovery).toMatchObject({ wasNeeded: true, notices: [], restoredPages: [], damagedPages: [] })
    expect(recovery.analysis.losers).toBe(1)
    expect(recovery.undo).toMatchObject({ losersUndone: 1, clrs: 30 })
    expect(recovery.redo.redone).toBeGreaterThan(100)
    const skipped = Object.values(recovery.redo.skipped).reduce((sum, count) => sum + count, 0)
    expect(recovery.redo.redone + skipped).toBe(recovery.redo.records)
    expect(recovery.analysis.bytes).toBe(recovery.analysis.endLsn - recovery.analysis.startLsn)
    expect([...phases]).toEqual(['analysis', 'redo', 'undo'])
    expect(kinds.get('redone')).toBe(recovery.redo.redone)
    expect(kinds.get('undone')).toBe(30)
    expect(kinds.get('rolled-back')).toBe(1)
    await expectRows(reopened, 200)
    await reopened.close()
  })
})
