/** Pages that were under way when the engine stopped come back, whatever the next open says of double-writing. */
import { expect, test } from 'vitest'
import { DATA_FILE_NAME } from '../../src/buffer/data-file.ts'
import { DOUBLE_WRITE_FILE_NAME } from '../../src/buffer/double-write.ts'
import type { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import {
  diskWith,
  expectDiskHas,
  expectFailure,
  expectRows,
  keyOf,
  openOn,
  PAGE_SIZE,
  textOf,
  textTable,
  writeRows,
} from './support.ts'

/** Rows that are long in their places, changed; the power fails while the close writes the pages back, and tears them. */
async function torn(after: number): Promise<SimulatedFileSystem> {
  const disk = await diskWith(300, { length: 500 })
  const db = await openOn(disk)
  await db.transaction(async (tx) => {
    for (let i = 0; i < 300; i++) await tx.put(textTable(db), keyOf(i), textOf(i, 400))
  })
  disk.crashAfter(after)
  await db.close().catch(() => undefined)
  return disk.crash({
    mode: 'pick',
    keep: (change, part) => !('file' in change) || change.file !== 'data' || part === 0,
  })
}

test('pages that a crash has torn are restored before the double-write file is removed', async () => {
  let restoredPages = 0
  for (let after = 10; after < 60 && restoredPages === 0; after += 5) {
    const image = await torn(after)
    const other = image.crash({ mode: 'none' })
    const db = await openOn(image)
    restoredPages = db.recovery.restoredPages.length
    await expectRows(db, 300, 400)
    await db.close()
    const without = await openOn(other, { doubleWrite: false })
    expect(without.recovery.damagedPages, `after ${after} changes, ${restoredPages} restored`).toEqual([])
    await expectRows(without, 300, 400)
    await without.close()
  }
  expect(restoredPages).toBeGreaterThan(0)
})

test.each([false, true])('pages whose sync failed are written again; double-writing before %s', async (before) => {
  for (const after of [false, true]) {
    const disk = await diskWith(0)
    const failing = await openOn(disk, { doubleWrite: before })
    await writeRows(failing, 0, 100)
    disk.failNext('sync', { errno: 'EIO', file: /^data$/ })
    await expectFailure(() => failing.close(), 'DB_FAILED', 'reopen the database')
    const db = await openOn(disk, { doubleWrite: after })
    await db.close()
    await expectDiskHas(disk.crash({ mode: 'none' }), 100)
  }
})

test('pages that nobody has written back are not written by the next open either', async () => {
  const disk = await diskWith(100)
  const db = await openOn(disk)
  await writeRows(db, 100, 200)
  const image = disk.crash({ mode: 'kill' })
  image.trace = []
  const reopened = await openOn(image)
  const last = image.contentOf(DATA_FILE_NAME).length - PAGE_SIZE
  const written = image.trace.filter(({ operation, file }) => operation === 'write' && file === DATA_FILE_NAME)
  // Only the file's end, so that its length is durable, and the meta page, of the checkpoint.
  expect(written.map(({ offset }) => offset)).toEqual([last, 0])
  await expectRows(reopened, 200)
  await reopened.close()
})

test('of a double-write file whose removal failed no old copy comes back', async () => {
  const disk = await torn(30)
  expect(disk.contentOf(DOUBLE_WRITE_FILE_NAME).some((byte) => byte !== 0)).toBe(true)
  const remove = disk.remove.bind(disk)
  disk.remove = (name: string): void => {
    remove(name)
    disk.failNext('syncDirectory', { errno: 'EIO' })
  }
  await expectFailure(() => openOn(disk, { doubleWrite: false }), 'IO_ERROR', DOUBLE_WRITE_FILE_NAME)
  disk.remove = remove
  const db = await openOn(disk, { doubleWrite: false })
  await writeRows(db, 0, 300, 400)
  await db.flush()
  const image = disk.crash({ mode: 'none' })
  expect(image.contentOf(DOUBLE_WRITE_FILE_NAME).length).toBe(0)
  await expectDiskHas(image, 300, 400)
})

test('a double-write file whose name did not become durable is made again', async () => {
  const disk = await diskWith(0)
  await (await openOn(disk, { doubleWrite: false })).close()
  for (let skip = 0, hasFailed = true; hasFailed; skip++) {
    const image = disk.crash({ mode: 'none' })
    image.failNext('syncDirectory', { errno: 'EIO', skip })
    hasFailed = await openOn(image).then(
      () => false,
      () => true,
    )
    image.clearFaults()
    if (hasFailed) await openOn(image)
    expect(image.crash({ mode: 'none' }).list(), `sync ${skip + 1} failed`).toContain(DOUBLE_WRITE_FILE_NAME)
  }
})
