/** What a torn header says of finished batches counts: an older copy of a page is never put in the place of a newer one (I33). */
import { expect, test } from 'vitest'
import { DATA_FILE_NAME, DataFile } from '../../src/buffer/data-file.ts'
import { DoubleWrite, doubleWriteBytes } from '../../src/buffer/double-write.ts'
import { asLsn, asPageId, type PageId } from '../../src/common/ids.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { makeIdentity } from '../../src/log/identity.ts'
import { formatPage, PageType, pageLsnOf, sealPage, setPageLsn } from '../../src/page/page.ts'

const SIZE = 4096
const IDENTITY = makeIdentity(new Uint8Array(16).fill(3), SIZE, 1 << 20)

function pagesAt(ids: readonly PageId[], lsn: number): Uint8Array {
  const bytes = new Uint8Array(ids.length * SIZE)
  const view = new DataView(bytes.buffer)
  for (const [i, id] of ids.entries()) {
    formatPage(bytes, view, i * SIZE, SIZE, id, PageType.LEAF)
    setPageLsn(view, i * SIZE, asLsn(lsn))
    sealPage(bytes, view, i * SIZE, SIZE, IDENTITY.databaseSeed)
  }
  return bytes
}

test('an older copy of a page is never put in the place of a newer one', () => {
  const disk = new SimulatedFileSystem()
  const made = disk.open('double-write', 'create')
  made.truncate(doubleWriteBytes(SIZE))
  made.syncBlocking()
  disk.open(DATA_FILE_NAME, 'create').syncBlocking()
  disk.syncDirectory()
  const data = new DataFile(disk.open(DATA_FILE_NAME, 'write'), IDENTITY)
  data.grow(256)
  data.syncBlocking()
  const doubleWrite = new DoubleWrite(disk.open('double-write', 'write'), IDENTITY)
  const write = (area: number, ids: PageId[], lsn: number): void => {
    const pages = pagesAt(ids, lsn)
    const sequence = doubleWrite.write(area, ids, pages)
    doubleWrite.syncBlocking()
    for (const [i, id] of ids.entries()) data.write(id, pages, i * SIZE)
    data.syncBlocking()
    doubleWrite.completed(area, sequence)
  }
  const P = asPageId(7)
  write(0, [P], 100) // an eviction on demand
  write(1, [P], 200) // the background, later: finished, too
  // The next batch of the background is a full one; the power fails before it is synced, and its header is torn.
  const many = Array.from({ length: 200 }, (_, i) => asPageId(20 + i))
  doubleWrite.write(1, many, pagesAt(many, 300))
  const header = disk.pendingChanges().find((change) => change.kind === 'write' && change.file === 'double-write')
  const after = disk.crash({ mode: 'pick', keep: (change, part) => change === header && part === 0 })
  // And page 7 has rotted in its place: nothing is under way with it, so it is PAGE_CORRUPT for who wants it.
  after.damage(DATA_FILE_NAME, { kind: 'bit', offset: 7 * SIZE + 2000, bit: 3 })
  const found = new DataFile(after.open(DATA_FILE_NAME, 'write'), IDENTITY)
  const restored = new DoubleWrite(after.open('double-write', 'write'), IDENTITY).restore(found)
  const bytes = new Uint8Array(SIZE)
  const view = new DataView(bytes.buffer)
  const fault = found.read(P, bytes, view, 0)
  expect({ restored, fault, lsn: fault === undefined ? pageLsnOf(view, 0) : undefined }).toEqual({
    restored: [],
    fault: 'damaged',
    lsn: undefined,
  })
})
