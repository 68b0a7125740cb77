/** A counter whose new value is told to a client. At durability `none` the client hears of it before the disk does. */
import { describe, expect, test } from 'vitest'
import { type Durability, json, utf8 } from '../../../src/index.ts'
import { type CrashTestOptions, crashTest } from '../../../src/testing/index.ts'
import { failureOf } from './support.ts'

function counting(durability: Durability): CrashTestOptions<number> {
  return {
    workload: async ({ db, ack }) => {
      const counters = db.table('counters', { key: utf8, value: json<number>() })
      for (let i = 0; i < 3; i++) {
        const value = await db.transaction(
          async (tx) => {
            const next = ((await tx.get(counters, 'visits', { forUpdate: true })) ?? 0) + 1
            await tx.put(counters, 'visits', next)
            return next
          },
          { durability },
        )
        ack(value)
      }
    },
    invariant: async ({ db, acknowledged }) => {
      const counters = db.table('counters', { key: utf8, value: json<number>() })
      const value = (await counters.get('visits')) ?? 0
      expect(value, 'the counter').toBeGreaterThanOrEqual(acknowledged.at(-1) ?? 0)
    },
    statesPerCrashPoint: 4,
  }
}

describe('a counter', () => {
  test.each(['none', 'lazy'] as const)('acknowledged at durability %s goes back', async (durability) => {
    const failure = await failureOf(crashTest(counting(durability)))
    expect(failure.message).toMatch(/the counter: expected \d to be greater than or equal to \d/)
    // What was written survives the death of a process, so at lazy only a power cut shows it.
    expect(failure.replay).toMatch(durability === 'lazy' ? / none$/ : / kill$/)
    expect(failure.message).toContain(durability === 'lazy' ? 'lost  write log' : 'the process is killed')
  })

  test('acknowledged at durability full does not', async () => {
    await crashTest(counting('full'))
  })
})
