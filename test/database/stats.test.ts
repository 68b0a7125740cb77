/** Figures are told whatever the disk does. */
import { expect, test } from 'vitest'
import { diskWith, openOn } from './support.ts'

test('when the pages that count pages cannot be read, that figure is left out', async () => {
  const disk = await diskWith(100)
  const db = await openOn(disk)
  disk.failNext('read', { file: /^data$/, errno: 'EIO' })
  expect(db.stats().pages.allocated).toBeUndefined()
  expect(db.stats().pages.allocated).toBeGreaterThan(3)
  await db.close()
})
