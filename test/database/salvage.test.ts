/** Rows around damaged pages: all that can be read one by one are given out, and the gaps between them are named. */
import { describe, expect, test } from 'vitest'
import { AriesError } from '../../src/common/errors.ts'
import { buffer, utf8 } from '../../src/database/codecs.ts'
import type { Database } from '../../src/database/database.ts'
import type { Gap } from '../../src/database/salvage.ts'
import type { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { PAGE_HEADER_BYTES } from '../../src/page/page.ts'
import { diskWith, keyOf, openOn, PAGE_SIZE, readFile, textOf, textTable } from './support.ts'

const ROWS = 1500
const LENGTH = 100

interface Salvaged {
  readonly keys: string[]
  readonly gaps: Gap<string>[]
}

function salvaged(db: Database): Salvaged {
  const gaps: Gap<string>[] = []
  using snapshot = db.snapshot()
  return { keys: [...snapshot.salvage(textTable(db), (gap) => gaps.push(gap))].map(([key]) => key), gaps }
}

async function readableKeys(db: Database): Promise<string[]> {
  const keys: string[] = []
  for (let i = 0; i < ROWS; i++) {
    try {
      if ((await textTable(db).get(keyOf(i))) !== undefined) keys.push(keyOf(i))
    } catch (error) {
      if (!AriesError.is(error) || error.code !== 'PAGE_CORRUPT') throw error
    }
  }
  return keys
}

const isIn = (key: string, { after, before }: Gap<string>): boolean =>
  (after === undefined || key > after) && (before === undefined || key < before)

/** Some rows have values with pages of their own. */
async function diskOfRows(): Promise<SimulatedFileSystem> {
  const disk = await diskWith(ROWS, { length: LENGTH })
  const db = await openOn(disk)
  for (let i = 7; i < ROWS; i += 500) await textTable(db).put(keyOf(i), 'x'.repeat(20_000))
  await db.close()
  return disk
}

/** Pages that are in use, behind those of the catalog. */
function usedPages(disk: SimulatedFileSystem): number[] {
  const data = readFile(disk, 'data')
  const all = Array.from({ length: data.length / PAGE_SIZE }, (_, i) => i)
  return all.filter((i) => i > 2 && data.subarray(i * PAGE_SIZE, (i + 1) * PAGE_SIZE).some((byte) => byte !== 0))
}

function damaged(disk: SimulatedFileSystem, ...pageIds: number[]): SimulatedFileSystem {
  const image = disk.crash({ mode: 'none' })
  for (const pageId of pageIds) image.flipBit('data', pageId * PAGE_SIZE + PAGE_HEADER_BYTES, 0)
  return image
}

describe('a table with a damaged page', () => {
  test('whichever it is, the rows that can be read come in order, and the others lie in gaps that name it', async () => {
    const disk = await diskOfRows()
    let gapCount = 0
    let fewest = ROWS
    for (const pageId of usedPages(disk)) {
      const db = await openOn(damaged(disk, pageId))
      const readable = await readableKeys(db)
      const { keys, gaps } = salvaged(db)
      expect(keys).toEqual(readable)
      for (let i = 0; i < ROWS; i++) {
        if (!readable.includes(keyOf(i))) expect(gaps.filter((gap) => isIn(keyOf(i), gap)).length).toBe(1)
      }
      for (const { errors } of gaps) expect(errors.map(({ details }) => details.pageId)).toEqual([pageId])
      gapCount += gaps.length
      fewest = Math.min(fewest, keys.length)
      await db.close()
    }
    // Of leaves, of long values, and of the root.
    expect(gapCount).toBeGreaterThan(40)
    expect(fewest).toBe(0)
  })

  test('every second page: the gaps have what was read on both sides', async () => {
    const disk = await diskOfRows()
    const db = await openOn(damaged(disk, ...usedPages(disk).filter((pageId) => pageId > 4 && pageId % 2 === 0)))
    const { keys, gaps } = salvaged(db)
    expect(keys).toEqual(await readableKeys(db))
    expect(gaps.length).toBeGreaterThan(5)
    for (const { after, before } of gaps) {
      const place = after === undefined ? -1 : keys.indexOf(after)
      expect(keys[place + 1]).toBe(before)
    }
    await db.close()
  })
})

test('of a table without damage, or one that is not there, there are all rows and no gaps', async () => {
  const db = await openOn(await diskWith(20))
  expect(salvaged(db)).toEqual({ keys: Array.from({ length: 20 }, (_, i) => keyOf(i)), gaps: [] })
  using snapshot = db.snapshot()
  expect([...snapshot.salvage(db.table('none', { key: utf8, value: utf8 }), () => {})]).toEqual([])
  await db.close()
})

test('a key that is written over when it is given out is named rightly in the gap behind it', async () => {
  const disk = await diskOfRows()
  const [, , , pageId] = usedPages(disk)
  const db = await openOn(damaged(disk, pageId as number))
  const { gaps } = salvaged(db)
  expect(gaps).toHaveLength(1)
  const found: Gap<Uint8Array>[] = []
  using snapshot = db.snapshot()
  const table = db.table(textTable(db).name, { key: buffer, value: buffer })
  for (const [key] of snapshot.salvage(table, (gap) => found.push(gap))) key.fill(0)
  expect(found.map(({ after }) => after && utf8.decode(after))).toEqual(gaps.map(({ after }) => after))
  await db.close()
})

describe('a disk that fails one read', () => {
  function salvagedWithFailure(disk: SimulatedFileSystem, db: Database): Salvaged {
    const gaps: Gap<string>[] = []
    const keys: string[] = []
    using snapshot = db.snapshot()
    for (const [key] of snapshot.salvage(textTable(db), (gap) => gaps.push(gap))) {
      keys.push(key)
      if (key === keyOf(10)) disk.failNext('read', { errno: 'EIO', file: /^data$/, times: 1 })
    }
    return { keys, gaps }
  }

  test('and nothing else loses no row and leaves no gap', async () => {
    const disk = await diskWith(ROWS, { length: LENGTH })
    const db = await openOn(disk)
    const { keys, gaps } = salvagedWithFailure(disk, db)
    expect(keys).toEqual(Array.from({ length: ROWS }, (_, i) => keyOf(i)))
    expect(gaps).toEqual([])
    await db.close()
  })

  test('before a damaged leaf loses only the rows of that leaf', async () => {
    const sound = await diskWith(ROWS, { length: LENGTH })
    const pageId = Math.floor(Buffer.from(readFile(sound, 'data')).indexOf(textOf(1200, LENGTH)) / PAGE_SIZE)
    const disk = damaged(sound, pageId)
    const db = await openOn(disk)
    const { keys, gaps } = salvagedWithFailure(disk, db)
    expect(gaps.map(({ errors }) => errors.map(({ details }) => details.pageId))).toEqual([[pageId]])
    expect(keys).not.toContain(keyOf(1200))
    expect(keys).toEqual(await readableKeys(db))
    await db.close()
  })
})

test('a disk that cannot read a page leaves a gap, a closed snapshot does not', async () => {
  const disk = await diskOfRows()
  const db = await openOn(disk)
  const gaps: Gap<string>[] = []
  const snapshot = db.snapshot()
  const rows = snapshot.salvage(textTable(db), (gap) => gaps.push(gap))
  while (rows.next().value?.[0] !== keyOf(10));
  // Once for the walk, once for the second try.
  disk.failNext('read', { errno: 'EIO', file: /^data$/, times: 2 })
  while (gaps.length === 0) expect(rows.next().done).toBe(false)
  expect(gaps[0]?.errors.map(({ code }) => code)).toEqual(['IO_ERROR'])
  snapshot.close()
  expect(() => [...rows]).toThrow('TX_CLOSED')
  await db.close()
})
