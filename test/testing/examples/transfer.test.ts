/**
 * Money moves from one account to another. Each `put` of a table is a transaction of its own, so a crash
 * between the two leaves money taken and not given.
 */
import { describe, expect, test } from 'vitest'
import { type Database, json, utf8 } from '../../../src/index.ts'
import { type CrashTestOptions, crashTest } from '../../../src/testing/index.ts'
import { failureOf } from './support.ts'

const accountsOf = (db: Database) => db.table('accounts', { key: utf8, value: json<number>() })

async function transferInTwo(db: Database, from: string, to: string, amount: number): Promise<void> {
  const accounts = accountsOf(db)
  await accounts.put(from, ((await accounts.get(from)) ?? 0) - amount)
  await accounts.put(to, ((await accounts.get(to)) ?? 0) + amount)
}

async function transferInOne(db: Database, from: string, to: string, amount: number): Promise<void> {
  const accounts = accountsOf(db)
  await db.transaction(async (tx) => {
    await tx.put(accounts, from, ((await tx.get(accounts, from, { forUpdate: true })) ?? 0) - amount)
    await tx.put(accounts, to, ((await tx.get(accounts, to, { forUpdate: true })) ?? 0) + amount)
  })
}

function bank(transfer: typeof transferInOne): CrashTestOptions<number> {
  return {
    setup: async ({ db }) => {
      await accountsOf(db).put('alice', 100)
      await accountsOf(db).put('bob', 0)
    },
    workload: async ({ db, ack }) => {
      for (const amount of [10, 20, 30]) {
        await transfer(db, 'alice', 'bob', amount)
        ack(amount)
      }
    },
    invariant: async ({ db, acknowledged }) => {
      const alice = (await accountsOf(db).get('alice')) ?? 0
      const bob = (await accountsOf(db).get('bob')) ?? 0
      expect(alice + bob, 'money in all accounts').toBe(100)
      expect(bob, 'what bob was told of').toBeGreaterThanOrEqual(acknowledged.reduce((sum, amount) => sum + amount, 0))
    },
    statesPerCrashPoint: 4,
  }
}

describe('a transfer', () => {
  test('in two transactions loses money', async () => {
    const failure = await failureOf(crashTest(bank(transferInTwo)))
    expect(failure.message).toContain('money in all accounts: expected 90 to be 100')
    expect(failure.timeline).toContain('table accounts: put "alice" 90 ...')
    // Shrunk to the first transfer, between its two transactions.
    expect(failure.timeline).not.toContain('put "bob" 10')
    expect(failure.message).toContain('Acknowledged before the crash: nothing')
  })

  test('in one transaction does not', async () => {
    const figures = await crashTest(bank(transferInOne))
    expect(figures.crashPoints).toBe(figures.crashPointsPossible)
    expect(figures.states).toBeGreaterThan(50)
  })
})
