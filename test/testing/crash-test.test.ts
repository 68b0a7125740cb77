import { describe, expect, test, vi } from 'vitest'
import { type Database, json, utf8 } from '../../src/index.ts'
import { type CrashTestFigures, type CrashTestOptions, crashTest } from '../../src/testing/index.ts'
import { failureOf } from './examples/support.ts'

const numbersOf = (db: Database) => db.table('numbers', { key: utf8, value: json<number>() })

/** A workload that holds: every number is there when it is acknowledged. */
const sound: CrashTestOptions<number> = {
  workload: async ({ db, ack }) => {
    for (const number of [1, 2, 3]) {
      await numbersOf(db).put(`k${number}`, number)
      ack(number)
    }
  },
  invariant: async ({ db, acknowledged }) => {
    for (const number of acknowledged) expect(await numbersOf(db).get(`k${number}`)).toBe(number)
  },
}

/** For tests of something else. */
const FEW = { maxCrashPoints: 8, statesPerCrashPoint: 3 }

/** The same, but the third is told before it is committed. */
const unsound: CrashTestOptions<number> = {
  ...sound,
  workload: async ({ db, ack, note }) => {
    await numbersOf(db).put('k1', 1)
    ack(1)
    await numbersOf(db).put('k2', 2)
    note('now something goes wrong')
    ack(3)
    await numbersOf(db).put('k3', 3)
  },
}

describe('a crash test that passes', () => {
  test('says what it tried, and tries all crash points of a small workload', async () => {
    const progress: CrashTestFigures[] = []
    const figures = await crashTest({ ...sound, onProgress: (now) => progress.push(now) })
    expect(figures.crashPoints).toBe(figures.crashPointsPossible)
    expect(figures.states).toBeGreaterThan(figures.crashPoints)
    expect(figures.statesAfterCrashedRestart).toBeGreaterThan(figures.crashPoints)
    expect(figures.processes).toBeGreaterThan(figures.states)
    expect(progress).toHaveLength(figures.crashPoints)
    expect(progress.at(-1)).toEqual(figures)
  })

  test('keeps to its limits', async () => {
    const limits = { maxCrashPoints: 4, statesPerCrashPoint: 2, alsoCrashRecovery: false }
    const figures = await crashTest({ ...sound, ...limits })
    expect(figures).toMatchObject({ crashPoints: 4, statesAfterCrashedRestart: 0 })
    expect(figures.states).toBeLessThanOrEqual(8)
  })

  test('opens as the program does', async () => {
    const deferred: number[] = []
    const invariant: typeof sound.invariant = async (context) => {
      deferred.push(context.db.recovery.redo.deferredPages)
      await sound.invariant(context)
    }
    await crashTest({ ...sound, ...FEW, invariant, deferRedo: true })
    expect(Math.max(...deferred)).toBeGreaterThan(0)
    deferred.length = 0
    await crashTest({ ...sound, ...FEW, invariant })
    expect(Math.max(...deferred)).toBe(0)
  })

  test('calls a process kill only what no power cut followed', async () => {
    const kinds = new Set<string>()
    await crashTest({
      ...sound,
      durability: 'lazy',
      statesPerCrashPoint: 2,
      invariant: async (context) => {
        const { kind, persisted, duringRestart } = context.crash
        kinds.add([kind, persisted.mode, ...duringRestart.map((cut) => cut.persisted.mode)].join(', '))
        // At this level a commit outlives a kill, but no power cut.
        if (kind === 'process kill') await sound.invariant(context)
      },
    })
    expect([...kinds].sort()).toEqual([
      'power cut, kill, none',
      'power cut, none',
      'power cut, none, kill',
      'power cut, none, none',
      'process kill, kill',
      'process kill, kill, kill',
    ])
  })

  test('is the same every time', async () => {
    const seen = async (): Promise<string[]> => {
      const crashes: string[] = []
      await crashTest({
        ...sound,
        seed: 5,
        maxCrashPoints: 10,
        invariant: ({ crash }) => void crashes.push(JSON.stringify(crash)),
      })
      return crashes
    }
    const first = await seen()
    expect(await seen()).toEqual(first)
    expect(first.some((crash) => crash.includes('"kind":"process kill"'))).toBe(true)
    expect(first.some((crash) => crash.includes('"mode":"random"'))).toBe(true)
  })

  test('does not need the real clock', async () => {
    vi.useFakeTimers()
    try {
      const workload: typeof sound.workload = async (context) => {
        await context.sleep(3_600_000)
        await sound.workload(context)
      }
      await crashTest({ ...sound, ...FEW, workload })
    } finally {
      vi.useRealTimers()
    }
  })
})

describe('a crash test that fails', () => {
  test('is shrunk to the simplest state of the earliest crash point, and tells the story', async () => {
    const failure = await failureOf(crashTest(unsound))
    expect(failure.replay).toMatch(/^seed 1, crash at \d+ kill$/)
    expect(failure.message).toContain('the invariant does not hold after a crash:')
    expect(failure.message).toContain('Acknowledged before the crash: 1, 3')
    expect(failure.message).toContain(`replay: '${failure.replay}'`)
    const lines = failure.timeline.split('\n').map((line) => line.trim())
    const inOrder = ['workload', 'ack 1', 'note now something goes wrong', 'ack 3', 'open again', 'invariant']
    expect(lines.filter((line) => inOrder.includes(line))).toEqual(inOrder)
    const stop = /^ +(\d+) {2}write log, \d+ bytes {2}<- the machine stops here$/m.exec(failure.timeline)
    expect(failure.replay).toContain(`crash at ${stop?.[1]} `)
    expect(failure.cause).toMatchObject({ name: 'AssertionError' })
  })

  test('tells of what was written, many entries at once included', async () => {
    const workload: typeof sound.workload = async ({ db, ack }) => {
      const numbers = numbersOf(db)
      await numbers.putMany([['k1', 1]])
      await db.transaction((tx) => tx.putMany(numbers, [['k2', 2]]))
      ack(3)
    }
    const { timeline } = await failureOf(
      crashTest({ workload, invariant: ({ acknowledged }) => acknowledged.length === 0 }),
    )
    expect(timeline).toContain('table numbers: putMany [["k1",1]] ...')
    expect(timeline).toMatch(/transaction \d+: putMany numbers \[\["k2",2\]\]/)
  })

  test('is found earlier than sampled', async () => {
    const invariant: typeof sound.invariant = async ({ db }) => (await numbersOf(db).get('k2')) === undefined
    const all = await failureOf(crashTest({ ...sound, invariant }))
    const sampled = await failureOf(crashTest({ ...sound, invariant, maxCrashPoints: 1 }))
    expect(sampled.figures.crashPoints).toBe(1)
    expect(sampled.replay).toBe(all.replay)
  })

  test('fails the same way when replayed, and passes once mended', async () => {
    const { replay, timeline } = await failureOf(crashTest(unsound))
    const again = await failureOf(crashTest({ ...unsound, replay }))
    expect(again.timeline).toBe(timeline)
    expect(again.replay).toBe(replay)
    await expect(crashTest({ ...sound, replay })).resolves.toMatchObject({ states: 1 })
  })

  test('may fail in a crash of the restart only', async () => {
    const invariant: typeof sound.invariant = ({ crash }) => crash.duringRestart.length === 0
    const failure = await failureOf(crashTest({ ...sound, invariant }))
    expect(failure.message).toContain('the invariant returned false')
    expect(failure.replay).toMatch(/^seed 1, crash at \d+ \S+, crash at \d+ kill$/)
    expect(failure.timeline.match(/the machine stops here/g)).toHaveLength(2)
    expect((await failureOf(crashTest({ ...sound, invariant, replay: failure.replay }))).timeline).toBe(
      failure.timeline,
    )
  })

  test('may fail in the restart of the application', async () => {
    const restart = async ({ db }: { db: Database }): Promise<void> => {
      if ((await numbersOf(db).get('k2')) !== undefined) throw new Error('cannot bear 2')
    }
    const failure = await failureOf(crashTest({ ...sound, restart }))
    expect(failure.message).toContain('restart failed after a crash:\n  cannot bear 2')
  })

  test('keeps of the unsynced changes as few as it can', async () => {
    // Fails only when the power cut kept something, but not the oldest change.
    const invariant: typeof sound.invariant = ({ crash: { persisted } }) =>
      persisted.mode !== 'keep' || persisted.kept.length === 0 || persisted.kept.some(({ change }) => change === 1)
    const workload: typeof sound.workload = async ({ db }) => {
      for (let i = 0; i < 40; i++) await db.table('big', { key: utf8, value: utf8 }).put(`k${i}`, 'v'.repeat(3000))
    }
    const failure = await failureOf(crashTest({ workload, invariant, durability: 'none', maxCrashPoints: 10 }))
    expect(failure.replay).toMatch(/ keep:\d+$/)
  })
})

describe('after the crash the process is dead', () => {
  test('what it does before it next waits for the database is not heard either', async () => {
    await crashTest<string>({
      workload: async ({ db, ack }) => {
        let isCommitted = false
        void numbersOf(db)
          .put('k1', 1)
          .then(() => {
            isCommitted = true
          })
        for (let i = 0; i < 1000; i++) await undefined
        if (!isCommitted) ack('after the crash')
      },
      invariant: ({ acknowledged }) => acknowledged.length === 0,
      statesPerCrashPoint: 2,
    })
  })

  test('its catch and finally blocks do not run, and nobody hears of it', async () => {
    let survivors = 0
    await crashTest({
      ...sound,
      statesPerCrashPoint: 2,
      workload: async ({ db, ack }) => {
        for (const number of [1, 2]) {
          try {
            await numbersOf(db).put(`k${number}`, number)
          } catch {
            ack(99)
            survivors++
          }
          ack(number)
        }
      },
    })
    expect(survivors).toBe(0)
  })

  test('also when the program keeps handles of its own', async () => {
    await crashTest({
      ...sound,
      statesPerCrashPoint: 2,
      workload: async ({ db, ack }) => {
        const tx = db.begin()
        await tx.put(numbersOf(db), 'k1', 1)
        for await (const [key, value] of tx.range(numbersOf(db))) expect([key, value]).toEqual(['k1', 1])
        await tx.commit()
        ack(1)
      },
    })
  })
})

describe('the outside world', () => {
  class Mailbox {
    readonly #sent: number[] = []
    get sent(): number[] {
      return this.#sent
    }
  }

  class Mails extends Array<number> {
    get sent(): number[] {
      return this
    }
  }

  test.each([
    ['plain data', () => ({ sent: [] as number[] })],
    ['an object of a class', () => new Mailbox()],
    ['an array with methods of its own', () => new Mails()],
  ])('survives the crash, and every state has its own: %s', async (_name, world) => {
    await crashTest<number, { sent: number[] }>({
      world,
      workload: async ({ db, world: { sent } }) => {
        await numbersOf(db).put('k1', 1)
        sent.push(1)
      },
      restart: ({ world: { sent }, ack }) => {
        sent.push(2)
        ack(2)
      },
      invariant: async ({ db, world: { sent }, acknowledged }) => {
        // Only the restarts that came to their end have sent, and those of other states are not seen.
        expect(sent.filter((number) => number === 2).length).toBeLessThanOrEqual(2)
        expect(acknowledged.length).toBe(sent.filter((number) => number === 2).length)
        expect(sent.at(-1)).toBe(2)
        if (sent.includes(1)) expect(await numbersOf(db).get('k1')).toBe(1)
      },
      ...FEW,
    })
  })
})

describe('what is not a violation', () => {
  test('a workload that fails by itself', async () => {
    const workload = (): never => {
      throw new Error('a plain bug')
    }
    await expect(crashTest({ ...sound, workload })).rejects.toThrow(
      'the workload failed without any crash: a plain bug',
    )
  })

  test('a setup that fails', async () => {
    const setup = (): Promise<never> => Promise.reject(new Error('no setup'))
    await expect(crashTest({ ...sound, setup })).rejects.toThrow('no setup')
  })

  test('a workload that does something else every time', async () => {
    let run = 0
    const workload: typeof sound.workload = async ({ db }) => numbersOf(db).put('k'.repeat(++run), 1)
    await expect(crashTest({ ...sound, workload })).rejects.toThrow('the workload is not deterministic: change')
  })

  test('a workload that never ends', async () => {
    const workload = (): Promise<void> => new Promise(() => undefined)
    await expect(crashTest({ ...sound, workload })).rejects.toThrow('the workload never ends')
  })

  test.each([
    [{ workload: undefined }, 'crashTest needs a function as workload'],
    [{ invariant: 1 }, 'crashTest needs a function as invariant'],
    [{ restart: 1 }, 'restart must be a function'],
    [{ seed: -1 }, 'seed must be a whole number of at least 0'],
    [{ maxCrashPoints: 0 }, 'maxCrashPoints must be a whole number of at least 1'],
    [{ pageSize: 100 }, 'pageSize must be one of'],
    [{ replay: 'yesterday' }, 'replay must be a text'],
    [{ replay: 5 }, 'replay must be a text that a failed crash test printed, got 5'],
    [{ replay: null }, 'replay must be a text that a failed crash test printed, got null'],
    [{ alsoCrashRecovery: 'no' }, 'alsoCrashRecovery must be true or false, got no'],
    [{ statesPerCrashpoint: 1 }, 'crashTest has no option statesPerCrashpoint; it has workload, invariant, setup, '],
    [{ toString: undefined }, 'crashTest has no option toString'],
  ])('wrong options: %j', async (wrong, message) => {
    await expect(crashTest({ ...sound, ...wrong } as never)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(message),
    })
  })
})
