/**
 * A sync of the directory fails once while a database is made, it is opened again while the machine goes on, and the power
 * fails later: what was acknowledged meanwhile stays (F11).
 */
import { expect, test } from 'vitest'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { openOn, textTable } from './support.ts'

const syncsOfCreation = async (): Promise<number> => {
  const disk = new SimulatedFileSystem()
  disk.trace = []
  await openOn(disk)
  return disk.trace.filter(({ operation }) => operation === 'syncDirectory').length
}

test('what is acknowledged behind a creation that met a failed sync of the directory stays', async () => {
  const count = await syncsOfCreation()
  expect(count).toBeGreaterThan(2)
  const lost: string[] = []
  for (let skip = 0; skip < count; skip++) {
    const disk = new SimulatedFileSystem()
    disk.failNext('syncDirectory', { errno: 'EIO', skip })
    await expect(openOn(disk)).rejects.toThrow('EIO')
    const db = await openOn(disk)
    await textTable(db).put('a', 'acknowledged')
    try {
      const again = await openOn(disk.crash({ mode: 'none' }))
      if ((await textTable(again).get('a')) === undefined)
        lost.push(`sync ${skip + 1} of ${count}: lost without a word`)
    } catch (error) {
      lost.push(`sync ${skip + 1} of ${count}: ${(error as Error).message}`)
    }
  }
  expect(lost).toEqual([])
})
