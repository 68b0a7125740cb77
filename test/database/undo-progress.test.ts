/** The progress of undo, beside transactions that are in doubt. */
import { expect, test } from 'vitest'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import type { RecoveryProgress } from '../../src/recovery/report.ts'
import { keyOf, openOn, textTable } from './support.ts'

test('progress of undo is told from 0 on', async () => {
  const disk = new SimulatedFileSystem()
  const db = await openOn(disk)
  await textTable(db).put('first', '')
  for (let i = 0; i < 3; i++) {
    const tx = db.begin()
    await tx.put(textTable(db), keyOf(i), 'in doubt')
    await tx.prepare(`p${i}`)
  }
  const loser = db.begin()
  await loser.put(textTable(db), 'loser', 'x')
  await db.flush()
  const told: RecoveryProgress[] = []
  const again = await openOn(disk.crash({ mode: 'kill' }), { onProgress: (progress) => told.push(progress) })
  await again.close()
  const undo = told.filter(({ phase }) => phase === 'undo')
  expect(undo.length).toBeGreaterThan(0)
  for (const { done, total } of undo) expect([done >= 0, done <= total]).toEqual([true, true])
})
