import { expect, test } from 'vitest'
import { areaPages } from '../../src/buffer/double-write.ts'
import { type Database, open, utf8 } from '../../src/index.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'

const PAGE_SIZE = 4096
const OPTIONS = {
  createIfMissing: true,
  pageSize: PAGE_SIZE,
  segmentBytes: 262144,
  poolBytes: 8 * PAGE_SIZE,
  flushIntervalMs: 3_600_000,
}

async function load(db: Database, letter: string, rows: number): Promise<void> {
  const table = db.table('t', { key: utf8, value: utf8 })
  for (let i = 0; i < rows; i++) await table.put(`k${String(i).padStart(4, '0')}`, letter.repeat(700))
}

/** Sequence and first page of the batch in each area of the double-write file. */
function batches(disk: SimulatedFileSystem): { sequence: number; pageId: number }[] {
  const file = disk.open('double-write', 'read')
  const areaBytes = (areaPages(PAGE_SIZE) + 1) * PAGE_SIZE
  return Array.from({ length: file.size() / areaBytes }, (_, area) => {
    const header = new DataView(new ArrayBuffer(64))
    file.readAt(new Uint8Array(header.buffer), 0, 64, area * areaBytes)
    return { sequence: header.getUint32(16, true), pageId: header.getUint32(40, true) }
  })
}

test.each([
  ['nobody', 0],
  ['a transaction', 4],
])(
  'a page torn in the newest batch after a clean reopen is restored, with %s in doubt (I25, I33)',
  async (_who, kept) => {
    const disk = new SimulatedFileSystem({ seed: 1 })
    const first = await open(disk, OPTIONS)
    await load(first, 'a', 400)
    if (kept > 0) {
      const prepared = first.begin()
      await prepared.put(first.table('other', { key: utf8, value: utf8 }), 'k', 'v')
      await prepared.prepare('one')
    }
    await first.close()
    // Batches that a close has kept look newer unless the numbers go on.
    const before = batches(disk)
    expect(before).toHaveLength(kept)
    const second = await open(disk, OPTIONS)
    await load(second, 'b', 40)
    const written = batches(disk).filter((batch, area) => batch.sequence !== before[area]?.sequence)
    const torn = written.sort((a, b) => b.sequence - a.sequence)[0]?.pageId as number

    const crashed = disk.crash({ mode: 'kill' })
    crashed.open('data', 'write').writeAt(new Uint8Array(512).fill(0xee), 0, 512, torn * PAGE_SIZE + 1024)
    const third = await open(crashed, OPTIONS)
    expect(third.recovery.restoredPages).toContain(torn)
    expect(third.recovery.damagedPages).toEqual([])
    expect(third.check()).toEqual([])
    await third.close()
  },
)
