/** A transaction that is prepared and ended later: the kit crashes at every step of it, and restarts it in doubt. */
import { expect, test } from 'vitest'
import { type Database, utf8 } from '../../../src/index.ts'
import { type CrashTestOptions, crashTest } from '../../../src/testing/index.ts'
import { failureOf } from './support.ts'

const rowsOf = (db: Database) => db.table('rows', { key: utf8, value: utf8 })

function preparing(recover: (db: Database) => Promise<void>): CrashTestOptions<'prepared' | 'committed'> {
  return {
    setup: ({ db }) => rowsOf(db).put('a', 'old'),
    workload: async ({ db, ack }) => {
      const tx = db.begin()
      await tx.put(rowsOf(db), 'a', 'new')
      await tx.prepare('one')
      ack('prepared')
      for (const inDoubt of db.inDoubt()) await inDoubt.commit()
      ack('committed')
    },
    invariant: async ({ db, acknowledged }) => {
      await recover(db)
      const value = await db.transaction((tx) => tx.get(rowsOf(db), 'a'))
      if (acknowledged.includes('prepared')) expect(value, 'what was prepared').toBe('new')
      else expect(['old', 'new']).toContain(value)
    },
    statesPerCrashPoint: 4,
  }
}

test('is committed by whoever finds it in doubt', async () => {
  const figures = await crashTest(
    preparing(async (db) => {
      for (const inDoubt of db.inDoubt()) await inDoubt.commit()
    }),
  )
  expect(figures.states).toBeGreaterThan(10)
})

test('keeps its locks when it is forgotten, and the timeline shows where it came from', async () => {
  const failure = await failureOf(crashTest(preparing(async () => undefined)))
  expect(failure.message).toContain('TX_LOCK_TIMEOUT')
  expect(failure.timeline).toMatch(/transaction \d+: prepare "one" \.\.\./)
})
