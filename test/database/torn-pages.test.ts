/** Pages that a crash has torn come back, whatever the next open says of double-writing. */
import { expect, test } from 'vitest'
import type { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { diskWith, expectRows, keyOf, openOn, textOf, textTable } from './support.ts'

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
