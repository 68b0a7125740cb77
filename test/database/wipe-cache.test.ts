/**
 * The sync of the zeros behind the end of the log fails once, and the database is opened again while the
 * machine goes on: the cache shows the zeros, the disk still holds what was to be wiped (F9, I31).
 */
import { expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { openOn, textTable } from './support.ts'

/** Commits without writing the log; returns where the log ends behind it. */
async function commit(db: Database, key: string, length: number): Promise<number> {
  const tx = db.begin({ durability: 'none' })
  await tx.put(textTable(db), key, key.padEnd(length, '.'))
  await tx.commit()
  return db.stats().log.endLsn
}

/** Commits that fill the log exactly up to the end of a block of 4 KiB. */
async function fillBlock(db: Database, name: string): Promise<void> {
  let end = 0
  for (const [i, length] of [200, 600, 600, 100, 100, 773].entries()) end = await commit(db, `${name}${i}`, length)
  expect(end % 4096).toBe(0)
}

test('what was behind the end does not come back to life behind new records', async () => {
  const disk = new SimulatedFileSystem()
  const made = await openOn(disk)
  await textTable(made).put('first', 'first')
  await made.close()

  // One batch, not synced: of it the second block survives, and the first does not.
  const first = await openOn(disk)
  await fillBlock(first, 'a')
  await commit(first, 'ghost', 300)
  const tx = first.begin({ durability: 'lazy' })
  await tx.put(textTable(first), 'writes the log out', '')
  await tx.commit()
  const machine = disk.crash({
    mode: 'pick',
    tearBytes: 4096,
    keep: (change, part) => change.kind === 'write' && Math.floor(change.offset / 4096) + part >= 1,
  })

  // The disk fails once while the rest of the segment is wiped; then it is well.
  machine.trace = []
  const watched = machine.crash({ mode: 'kill' })
  watched.trace = []
  await (await openOn(watched)).close()
  const logOps = watched.trace.filter(({ file, operation }) => /^log-/.test(file) && /^(write|sync)$/.test(operation))
  const syncsBefore = logOps.findIndex(({ operation }) => operation === 'write')
  machine.failNext('sync', { errno: 'EIO', file: /^log-/, skip: syncsBefore })
  await expect(openOn(machine)).rejects.toThrow('wiping behind the end')

  // As before the crash, so new records end where an old one begins.
  const second = await openOn(machine)
  expect(await textTable(second).get('ghost')).toBeUndefined()
  await fillBlock(second, 'b')
  await second.flush()

  const third = await openOn(machine.crash({ mode: 'none' }))
  expect(await textTable(third).get('b5')).toBeDefined()
  expect(await textTable(third).get('ghost')).toBeUndefined()
  await third.close()
})
