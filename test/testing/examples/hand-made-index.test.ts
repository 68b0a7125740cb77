/**
 * Users are found by their mail address through a second table, a hand-made index. Updated in a
 * transaction of its own, it disagrees with the users after a crash in between, in either order.
 */
import { describe, expect, test } from 'vitest'
import { type Database, json, utf8 } from '../../../src/index.ts'
import { type CrashTestOptions, crashTest } from '../../../src/testing/index.ts'
import { failureOf } from './support.ts'

const usersOf = (db: Database) => db.table('users', { key: utf8, value: json<{ mail: string }>() })
const byMailOf = (db: Database) => db.table('users by mail', { key: utf8, value: utf8 })

async function changeMailApart(db: Database, name: string, mail: string): Promise<void> {
  const old = await usersOf(db).get(name)
  await usersOf(db).put(name, { mail })
  await db.transaction(async (tx) => {
    if (old !== undefined) await tx.delete(byMailOf(db), old.mail)
    await tx.put(byMailOf(db), mail, name)
  })
}

async function changeMailTogether(db: Database, name: string, mail: string): Promise<void> {
  await db.transaction(async (tx) => {
    const old = await tx.get(usersOf(db), name, { forUpdate: true })
    await tx.put(usersOf(db), name, { mail })
    if (old !== undefined) await tx.delete(byMailOf(db), old.mail)
    await tx.put(byMailOf(db), mail, name)
  })
}

function indexTest(changeMail: typeof changeMailApart): CrashTestOptions {
  return {
    workload: async ({ db, note }) => {
      await changeMail(db, 'ann', 'ann@old.example')
      note('ann moves house')
      await changeMail(db, 'ann', 'ann@new.example')
      await changeMail(db, 'bea', 'bea@old.example')
    },
    invariant: async ({ db }) => {
      const indexed: string[] = []
      for await (const [mail, name] of byMailOf(db).range()) indexed.push(`${name} ${mail}`)
      const stored: string[] = []
      for await (const [name, { mail }] of usersOf(db).range()) stored.push(`${name} ${mail}`)
      expect(indexed.sort(), 'the index').toEqual(stored.sort())
    },
    statesPerCrashPoint: 4,
  }
}

describe('a hand-made index', () => {
  test('updated in a transaction of its own disagrees with its table', async () => {
    const failure = await failureOf(crashTest(indexTest(changeMailApart)))
    expect(failure.message).toContain("the index: expected [] to deeply equal [ 'ann ann@old.example' ]")
    expect(failure.timeline).toContain('table users: put "ann"')
    expect(failure.timeline).not.toContain('ann moves house')
  })

  test('updated in the same transaction agrees', async () => {
    await crashTest(indexTest(changeMailTogether))
  })
})
