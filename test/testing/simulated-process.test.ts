/** What a life in a crash test is: its clock, its turns of the event loop, and its end. */
import { describe, expect, test } from 'vitest'
import { type Database, json, utf8 } from '../../src/index.ts'
import { type CrashTestOptions, crashTest, type WorkloadContext } from '../../src/testing/index.ts'
import { failureOf } from './examples/support.ts'

const numbersOf = (db: Database) => db.table('numbers', { key: utf8, value: json<number>() })
const FEW = { maxCrashPoints: 2, statesPerCrashPoint: 1, alsoCrashRecovery: false }

const run = (workload: CrashTestOptions['workload'], more: Partial<CrashTestOptions> = {}) =>
  crashTest({ ...FEW, invariant: () => undefined, ...more, workload })

const put = async ({ db }: { db: Database }): Promise<void> => numbersOf(db).put('a', 1)

describe('the clock', () => {
  test('stands still while anybody can go on', async () => {
    const orders = new Set<string>()
    await run(async ({ db, sleep }) => {
      const order: string[] = []
      const early = async (): Promise<void> => {
        await sleep(1)
        await numbersOf(db).put('a', 1)
        order.push('put')
      }
      const late = async (): Promise<void> => {
        await sleep(9)
        order.push('slept')
      }
      await Promise.all([late(), early()])
      orders.add(order.join())
    })
    expect([...orders]).toEqual(['put,slept'])
  })

  test.each([0, 90 * 60_000, 24 * 3_600_000])('is exact after %i ms of sleep', async (beforeMs) => {
    await run(async ({ db, sleep }) => {
      await sleep(beforeMs)
      const holder = db.begin()
      await holder.put(numbersOf(db), 'a', 1)
      // A lock is waited for 10 seconds.
      const waiter = numbersOf(db).put('a', 2)
      await sleep(9_900)
      await holder.commit()
      await waiter
    })
  })

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, '5'])('takes no sleep of %s', async (milliseconds) => {
    await expect(run(({ sleep }) => sleep(milliseconds as number))).rejects.toMatchObject({
      cause: { code: 'INVALID_ARGUMENT', message: expect.stringContaining('sleep takes') },
    })
  })

  test('does not go on for ever for who does nothing but sleep', async () => {
    const workload = async ({ sleep }: WorkloadContext): Promise<never> => {
      for (;;) await sleep(1)
    }
    await expect(run(workload)).rejects.toThrow('the workload never ends: it waits for something that does not come')
  })
})

describe('a workload that goes on and on', () => {
  const goOnUntil =
    (end: (stop: () => void, context: WorkloadContext) => Promise<void>) =>
    async (context: WorkloadContext): Promise<void> => {
      let isStopped = false
      const stopped = end(() => {
        isStopped = true
      }, context)
      while (!isStopped) await put(context)
      await stopped
    }

  test('until a sleep ends is told that it never will', async () => {
    const workload = goOnUntil(async (stop, { sleep }) => {
      await sleep(100)
      stop()
    })
    await expect(run(workload)).rejects.toThrow('put a `sleep` into its loop')
  })

  test('does not keep the event loop from going on', async () => {
    const workload = goOnUntil(async (stop) => {
      await new Promise((resolve) => setTimeout(resolve, 0))
      stop()
    })
    await expect(run(workload, { maxCrashPoints: 1 })).resolves.toBeDefined()
  })
})

describe('who leaves something under way is asked for the await', () => {
  const table = (db: Database) => numbersOf(db)

  test.each<[string, CrashTestOptions['workload']]>([
    [
      'transaction 3 was still open',
      ({ db }) => {
        void db.transaction(async (tx) => {
          await tx.put(table(db), 'a', 1)
          await tx.put(table(db), 'b', 1)
        })
      },
    ],
    ['put of table numbers was under way', ({ db }) => void table(db).put('a', 1)],
    ['flush of the database was under way', ({ db }) => void db.flush()],
    ['a sleep was under way', ({ sleep }) => void sleep(1)],
  ])('%s', async (open, floating) => {
    const asked = `ended while ${open}: is an \`await\` missing?`
    const setup = ({ db }: { db: Database }): Promise<void> => put({ db })
    await expect(run(floating, { setup })).rejects.toThrow(`the workload ${asked}`)
    // In a later life transactions have other numbers.
    const anywhere = new RegExp(asked.replace('3', String.raw`\d+`).replace('?', String.raw`\?`))
    expect((await failureOf(run(put, { setup, restart: floating }))).message).toMatch(anywhere)
    const invariant = (context: object): unknown => floating(context as WorkloadContext)
    expect((await failureOf(run(put, { setup, invariant }))).message).toMatch(anywhere)
  })

  test('but not a transaction that was begun by hand and is left open', async () => {
    await run(async ({ db }) => db.begin().put(table(db), 'a', 1))
  })

  test('in setup', async () => {
    const setup = ({ db }: { db: Database }): void => void table(db).put('a', 1)
    await expect(run(put, { setup })).rejects.toThrow('the setup ended while put of table numbers was under way')
  })

  test.each([5, 500])('and so is who only begins after its end, %i callbacks later', async (callbacks) => {
    const workload = ({ db }: { db: Database }): void => {
      void (async () => {
        for (let i = 0; i < callbacks; i++) await undefined
        await put({ db })
      })()
    }
    await expect(run(workload)).rejects.toThrow('the workload went on after its end, with put of table numbers')
  })

  test.each<[string, (db: Database) => Promise<unknown>]>([
    ['flush', (db) => db.flush()],
    ['get', (db) => table(db).get('a')],
  ])('and what it would have found is not heard any more: after a %s', async (_name, call) => {
    let found = 0
    const invariant = ({ db }: { db: Database }): void => {
      void (async () => {
        for (let i = 0; i < 40; i++) await call(db)
        found++
      })()
    }
    expect((await failureOf(run(put, { invariant }))).message).toContain('is an `await` missing?')
    expect(found).toBe(0)
  })
})
