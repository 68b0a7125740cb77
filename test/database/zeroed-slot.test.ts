/** A slot of the master record that reads as zeros is damaged like any other (F18): the data file knows the checkpoint, with a notice. */
import { describe, expect, test } from 'vitest'
import { diskWith, expectRows, newestSlot, openOn, settle, writeFile, writeRows } from './support.ts'

const ROWS = 300
const LENGTH = 3000

describe.each(['zeros', 'garbage'])('the newest slot is %s', (how) => {
  test('and the log that the older one needs is recycled', async () => {
    const disk = await diskWith(ROWS, { length: LENGTH })
    const db = await openOn(disk, { checkpointBytes: 65_536 * 4, maxRedoBytes: 65_536 })
    await writeRows(db, ROWS, 4 * ROWS, LENGTH)
    await db.checkpoint()
    await settle()
    const image = disk.crash({ mode: 'kill' })
    await db.close()
    writeFile(image, 'master', new Uint8Array(512).fill(how === 'zeros' ? 0 : 7), newestSlot(image))
    const again = await openOn(image)
    expect(again.recovery.notices).toEqual([
      'one slot of the master record is damaged; the data file says where the checkpoint is',
    ])
    await expectRows(again, 4 * ROWS, LENGTH)
    await again.close()
  })

  test('after a clean close', async () => {
    const disk = await diskWith(10)
    const db = await openOn(disk)
    await writeRows(db, 10, 20)
    await db.close()
    writeFile(disk, 'master', new Uint8Array(512).fill(how === 'zeros' ? 0 : 7), newestSlot(disk))
    const again = await openOn(disk)
    expect(again.recovery.notices).toEqual([
      'one slot of the master record is damaged; the data file says where the checkpoint is',
    ])
    await expectRows(again, 20)
    await again.close()
  })
})
