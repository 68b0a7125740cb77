/** A full buffer of the log is written out in the middle of a change of the tree, and that write fails: who asked hears DB_FAILED. */
import { expect, test } from 'vitest'
import { AriesError } from '../../src/common/errors.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { keyOf, openOn, textTable } from './support.ts'

const SEGMENT = 65_536

test.each(['put', 'putMany', 'delete'] as const)(
  '%s: the error is one of ours',
  async (verb) => {
    const strange = new Set<string>()
    for (let length = 0; length < 60; length++) {
      const disk = new SimulatedFileSystem()
      const db = await openOn(disk, { segmentBytes: SEGMENT, poolBytes: 256 * 4096, flushIntervalMs: 3_600_000 })
      const rows = textTable(db)
      const tx = db.begin()
      if (verb === 'delete') for (let i = 0; i < 2000; i++) await rows.put(keyOf(i), 'x'.repeat(100 + length))
      disk.failNext('write', { file: /^log-\d+$/, errno: 'EIO' })
      try {
        for (let i = 0; i < 2000; i++) {
          if (verb === 'put') await tx.put(rows, keyOf((i * 7919) % 2000), 'x'.repeat(100 + length))
          else if (verb === 'delete') await tx.delete(rows, keyOf(i))
          else
            await tx.putMany(
              rows,
              Array.from({ length: 50 }, (_, k) => [keyOf((i * 50 + k) * 3), 'y'.repeat(50 + length)]),
            )
        }
        throw new Error('nothing failed')
      } catch (error) {
        if (!AriesError.is(error))
          strange.add(
            String((error as Error).stack)
              .split('\n')
              .slice(0, 6)
              .join('\n'),
          )
        else if (error.code !== 'DB_FAILED') strange.add(error.code)
      }
      await db.close().catch(() => undefined)
    }
    expect([...strange]).toEqual([])
  },
  120_000,
)
