/**
 * A prepare, commit or abort that is begun after `close` was called: the close waits for it, or it is refused. Nothing
 * goes on behind the close, on files that belong to the next opener by then.
 */
import { describe, expect, test } from 'vitest'
import type { Database } from '../../src/database/database.ts'
import type { InDoubtTransaction } from '../../src/database/in-doubt.ts'
import type { OpenOptions } from '../../src/database/options.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SlowTurns } from '../io/slow-turns.ts'
import { keyOf, openOn, PAGE_SIZE, textOf, textTable } from './support.ts'

const options = (): OpenOptions => ({
  poolBytes: 4096 * PAGE_SIZE,
  pageSize: PAGE_SIZE,
  segmentBytes: 65_536,
  runtime: new SlowTurns(1),
})

/** The next opener commits a row, which no power cut may take away whatever the one before still does. */
async function expectNextIsSafe(disk: SimulatedFileSystem, late: () => Promise<unknown>): Promise<string> {
  const next = await openOn(disk, options())
  await textTable(next).put('next', 'acknowledged')
  const outcome = await late().then(
    () => 'done',
    (error: { code?: string }) => error.code ?? String(error),
  )
  const again = await openOn(disk.crash({ mode: 'none' }), options())
  expect(await textTable(again).get('next')).toBe('acknowledged')
  await again.close()
  return outcome
}

const put = async (db: Database, rows: number) => {
  await textTable(db).put('first', 'acknowledged')
  const tx = db.begin()
  for (let i = 0; i < rows; i++) await tx.put(textTable(db), keyOf(i), textOf(i, 100))
  return tx
}

describe('after close was called', () => {
  test('a transaction that is being prepared meanwhile: its handle is closed when the database is', async () => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk, options())
    const tx = await put(db, 1)
    const closing = db.close()
    const prepared = tx.prepare('p').catch((error: { code?: string }) => error.code)
    await closing
    await prepared
    expect(await expectNextIsSafe(disk, () => tx.commit())).toBe('DB_CLOSED')
  })

  test.each([300, 1000, 4000])('the abort of one in doubt, of %i rows: close waits for it', async (rows) => {
    const disk = new SimulatedFileSystem()
    const first = await openOn(disk, options())
    await (await put(first, rows)).prepare('p')
    await first.close()
    const db = await openOn(disk, options())
    const [inDoubt] = db.inDoubt()
    const closing = db.close()
    const aborted = (inDoubt as InDoubtTransaction).abort()
    aborted.catch(() => undefined)
    await closing
    const outcome = await expectNextIsSafe(disk, () => aborted)
    expect(['done', 'DB_CLOSED']).toContain(outcome)
  })

  test.each([1000, 4000])('the abort of an open one, of %i rows: close waits for it', async (rows) => {
    const disk = new SimulatedFileSystem()
    const db = await openOn(disk, options())
    const tx = await put(db, rows)
    const closing = db.close()
    const aborted = tx.abort()
    await closing
    expect(await expectNextIsSafe(disk, () => aborted)).toBe('done')
  })

  test.each([true, false])(
    'the abort of one that is stuck (prepared: %s), called again once the database is closed',
    async (isPrepared) => {
      const disk = new SimulatedFileSystem()
      const db = await openOn(disk, options())
      const tx = await put(db, 3000)
      if (isPrepared) await tx.prepare('p')
      disk.failNext('read', { errno: 'EIO', file: /^log-/ })
      await expect(tx.abort()).rejects.toThrow('EIO')
      await db.close()
      const outcome = await expectNextIsSafe(disk, () => tx.abort())
      expect(outcome).toBe('DB_CLOSED')
    },
  )
})
