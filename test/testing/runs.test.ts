/** What a crash test does from one run to the next: runs that differ, what was told, random numbers. */
import { describe, expect, test } from 'vitest'
import { type Database, json, utf8 } from '../../src/index.ts'
import { type CrashTestOptions, crashTest } from '../../src/testing/index.ts'
import { failureOf } from './examples/support.ts'

const numbersOf = (db: Database) => db.table('numbers', { key: utf8, value: json<number>() })

describe('a crash test whose runs differ', () => {
  /** The invariant throws in its fifth run, and then in no more. */
  const once = (afterwards: () => void = () => undefined): CrashTestOptions<number> => {
    let runs = 0
    return {
      workload: async ({ db }) => {
        if (runs >= 5) afterwards()
        await numbersOf(db).put('k1', 1)
      },
      invariant: () => {
        if (++runs === 5) throw new Error('lost')
      },
    }
  }

  test.each<[string, CrashTestOptions<number>]>([
    ['in another it holds', once()],
    [
      'another one does not come to its end',
      once(() => {
        throw new Error('an id that is not to my liking')
      }),
    ],
  ])('tells of the run that it has found, when %s', async (_name, options) => {
    const failure = await failureOf(crashTest(options))
    expect(failure.cause).toMatchObject({ message: 'lost' })
    expect(failure.message).toContain('the invariant does not hold after a crash:\n  lost\n')
    expect(failure.message).toContain('Another run of the same case held. So runs differ in what they write')
    expect(failure.message).not.toContain('replay:')
    expect(failure.timeline).toContain('<- the machine stops here')
    expect(failure.replay).toMatch(/^seed 1, crash at \d+ /)
  })
})

describe('what is acknowledged', () => {
  const crash = (workload: CrashTestOptions<unknown>['workload'], acknowledgedOnce: (known: unknown) => void) =>
    crashTest<unknown>({
      workload,
      invariant: ({ acknowledged }) => {
        for (const value of acknowledged) acknowledgedOnce(value)
      },
      statesPerCrashPoint: 2,
    })

  test('stays as it was told, whatever becomes of it', async () => {
    const balances = new Set<string>()
    await crash(
      async ({ db, ack }) => {
        const account = { balances: [0] }
        for (const number of [1, 2]) {
          account.balances[0] = number
          await numbersOf(db).put('a', number)
          ack(account)
        }
        account.balances[0] = -1
      },
      (known) => {
        const account = known as { balances: number[] }
        balances.add(account.balances.join())
        account.balances[0] = -2
      },
    )
    expect([...balances].sort()).toEqual(['1', '2'])
  })

  test('is handed out as it is when it is no plain data', async () => {
    class Account {}
    const account = new Account()
    const known = new Set<unknown>()
    await crash(
      async ({ db, ack }) => {
        await numbersOf(db).put('a', 1)
        ack(account)
      },
      (value) => known.add(value),
    )
    expect([...known]).toEqual([account])
    expect(known.has(account)).toBe(true)
  })
})

test('random numbers are others in each part and life, and the same in every run', async () => {
  const drawn = new Map<string, Set<number>>()
  const draw = (name: string, number: number): void => {
    drawn.set(name, (drawn.get(name) ?? new Set()).add(number))
  }
  await crashTest<unknown, { inRestart: number }>({
    setup: ({ random }) => draw('setup', random()),
    workload: async ({ db, random }) => {
      draw('workload', random())
      await numbersOf(db).put('k1', 1)
    },
    world: () => ({ inRestart: 0 }),
    restart: ({ random, world }) => {
      world.inRestart = random()
    },
    invariant: ({ random, world, crash }) => {
      draw(`restart ${crash.duringRestart.length}`, world.inRestart)
      draw(`invariant ${crash.duringRestart.length}`, random())
    },
    maxCrashPoints: 8,
    statesPerCrashPoint: 3,
  })
  expect([...drawn.keys()].sort()).toEqual([
    'invariant 0',
    'invariant 1',
    'restart 0',
    'restart 1',
    'setup',
    'workload',
  ])
  expect([...drawn.values()].map((numbers) => numbers.size)).toEqual([1, 1, 1, 1, 1, 1])
  expect(new Set([...drawn.values()].flatMap((numbers) => [...numbers])).size).toBe(6)
})
