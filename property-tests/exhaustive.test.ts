/**
 * Small fixed workloads, crashed before every single change and sync of the disk, with several choices
 * of what survives; and for some of those states crashed again before every change of the restart. Each
 * state is restarted, its content compared with what was acknowledged at that moment, and the database
 * checked (I16, I18, I22, I30).
 *
 * The workload runs once: at each point the disk is copied, which is the state a crash there leaves.
 */
import { describe, expect, test } from 'vitest'
import { SimulatedFileSystem } from '../src/io/simulated-file-system.ts'
import type { Durability } from '../src/txn/transaction-manager.ts'
import { choiceOf } from './commands/runner.ts'
import type { CrashHow } from './commands/script.ts'
import { contentOf, keyOf } from './commands/script.ts'
import { type Lab, newDisk, openLab, problemsAfterRestart, problemsOfRestartingAgain, readAll, tableOf } from './lab.ts'
import { type CrashKind, type Effect, Model } from './model.ts'
import { runsOf, TIMEOUT_MS } from './runs.ts'
import { WatchedFileSystem } from './watched-file-system.ts'

/** Seeds of what survives, besides nothing and all. */
const DRAWS = Array.from({ length: runsOf(2) }, (_, i) => 17 * i + 5)
/** About so many states of a workload are crashed again at every change of their restart. */
const DEEPER_STATES = runsOf(4)

/** A transaction as a workload writes it down. */
class Writer {
  readonly effects: Effect[] = []
  readonly #lab: Lab
  readonly #tx

  constructor(lab: Lab) {
    this.#lab = lab
    this.#tx = lab.db.begin()
  }

  async put(table: string, key: string, value: Uint8Array): Promise<void> {
    await this.#tx.put(tableOf(this.#lab.db, table), key, value)
    this.effects.push({ kind: 'put', table, key, value })
  }

  async delete(table: string, key: string): Promise<void> {
    await this.#tx.delete(tableOf(this.#lab.db, table), key)
    this.effects.push({ kind: 'delete', table, key })
  }

  async drop(table: string): Promise<void> {
    await this.#tx.dropTable(tableOf(this.#lab.db, table))
    this.effects.push({ kind: 'drop', table })
  }

  /** Runs `work` and rolls it back to where it began. */
  async undone(work: () => Promise<void>): Promise<void> {
    const savepoint = await this.#tx.savepoint()
    const { length } = this.effects
    await work()
    await this.#tx.rollbackTo(savepoint)
    this.effects.length = length
  }

  async commit(model: Model, durability: Durability = 'full'): Promise<void> {
    const done = this.#tx.commit({ durability })
    const commit = model.commit(this.effects, durability)
    await done
    commit.acknowledged = true
  }

  async abort(): Promise<void> {
    await this.#tx.abort()
  }
}

interface Workload {
  readonly name: string
  /** Brings the database to where the crashes begin. */
  readonly before?: (lab: Lab, model: Model) => Promise<void>
  readonly run: (lab: Lab, model: Model) => Promise<void>
}

async function fill(lab: Lab, model: Model, table: string, count: number, bytes: number, serial = 1): Promise<void> {
  const writer = new Writer(lab)
  for (let i = 0; i < count; i++) await writer.put(table, keyOf(0, i), contentOf(serial * 1000 + i, bytes))
  await writer.commit(model)
}

const amount = (value: number): Uint8Array => new TextEncoder().encode(String(value))

const WORKLOADS: readonly Workload[] = [
  {
    name: 'transfers between two accounts at all durabilities',
    before: async (lab, model) => {
      const writer = new Writer(lab)
      await writer.put('accounts', 'a', amount(100))
      await writer.put('accounts', 'b', amount(100))
      await writer.commit(model)
    },
    run: async (lab, model) => {
      for (const [i, durability] of (['full', 'lazy', 'none', 'lazy', 'full', 'none'] as const).entries()) {
        const writer = new Writer(lab)
        await writer.put('accounts', 'a', amount(90 - i))
        await writer.put('accounts', 'b', amount(110 + i))
        await writer.commit(model, durability)
      }
    },
  },
  {
    name: 'splits, then merges',
    run: async (lab, model) => {
      await fill(lab, model, 't', 60, 300)
      const writer = new Writer(lab)
      for (let i = 4; i < 56; i++) await writer.delete('t', keyOf(0, i))
      await writer.commit(model)
      await lab.db.checkpoint()
    },
  },
  {
    name: 'an overflow value replaced, shortened and deleted',
    before: (lab, model) => fill(lab, model, 't', 2, 20_000),
    run: async (lab, model) => {
      for (const bytes of [30_000, 10]) {
        const writer = new Writer(lab)
        await writer.put('t', keyOf(0, 0), contentOf(7, bytes))
        await writer.commit(model)
      }
      const writer = new Writer(lab)
      await writer.delete('t', keyOf(0, 1))
      await writer.commit(model)
    },
  },
  {
    name: 'a table dropped, and another made of its pages',
    before: async (lab, model) => {
      await fill(lab, model, 't', 40, 300)
      await fill(lab, model, 'long', 3, 9_000)
    },
    run: async (lab, model) => {
      const writer = new Writer(lab)
      await writer.drop('t')
      await writer.drop('long')
      await writer.commit(model)
      await fill(lab, model, 'new', 40, 300, 2)
    },
  },
  {
    name: 'savepoint rollback, abort, and a transaction left open',
    before: (lab, model) => fill(lab, model, 't', 30, 300),
    run: async (lab, model) => {
      const open = new Writer(lab)
      await open.put('other', 'x', contentOf(1, 9_000))
      const writer = new Writer(lab)
      await writer.put('t', keyOf(0, 1), contentOf(2, 300))
      await writer.undone(async () => {
        for (let i = 2; i < 20; i++) await writer.put('t', keyOf(0, i), contentOf(3, 600))
        await writer.delete('t', keyOf(0, 25))
      })
      await writer.put('t', keyOf(0, 3), contentOf(4, 300))
      await writer.commit(model)
      const aborted = new Writer(lab)
      for (let i = 0; i < 30; i++) await aborted.delete('t', keyOf(0, i))
      await aborted.put('t', 'z', contentOf(5, 20_000))
      await lab.db.flush()
      await aborted.abort()
      await lab.db.flush()
    },
  },
  {
    name: 'checkpoints in the middle of transactions, then a clean close',
    run: async (lab, model) => {
      const writer = new Writer(lab)
      for (let i = 0; i < 12; i++) await writer.put('t', keyOf(0, i), contentOf(i, 900))
      await lab.db.checkpoint()
      for (let i = 12; i < 24; i++) await writer.put('t', keyOf(0, i), contentOf(i, 900))
      const aborted = new Writer(lab)
      await aborted.put('u', 'x', contentOf(5, 900))
      await lab.db.checkpoint()
      await writer.commit(model)
      await aborted.abort()
      await lab.db.close()
    },
  },
  {
    name: 'checkpoints while pages are being written back',
    before: (lab, model) => fill(lab, model, 't', 40, 300),
    run: async (lab, model) => {
      for (let turns = 4; turns < 60; turns += 8) {
        const writer = new Writer(lab)
        for (let i = 0; i < 40; i += 9) await writer.put('t', keyOf(0, i), contentOf(turns, 300))
        const committed = writer.commit(model, 'lazy')
        for (let i = 0; i < turns; i++) await undefined
        await lab.db.checkpoint()
        await committed
      }
    },
  },
  {
    name: 'enough log to switch and recycle segments',
    before: async (lab, model) => {
      for (let round = 1; round < 3; round++) await fill(lab, model, 't', 100, 900, round)
    },
    run: (lab, model) => fill(lab, model, 't', 100, 900, 9),
  },
]

/** A disk as a crash leaves it, and which commits must be on it. */
interface CrashState {
  readonly disk: SimulatedFileSystem
  readonly floors: Readonly<Record<CrashKind, number>>
  readonly total: number
  /** Whether the machine kept its power all the time. */
  readonly onlyKilled: boolean
  readonly where: string
}

/** The states in which a crash before the next change of `disk` may leave it. */
function statesOf(disk: SimulatedFileSystem, model: Model, where: string, draws: readonly number[]): CrashState[] {
  const hows: readonly CrashHow[] = disk.pendingChanges().length === 0 ? ['none'] : ['none', 'all', 'kill', ...draws]
  return hows.map((how) => ({
    disk: disk.crash(choiceOf(how)),
    floors: { power: model.floor('power'), kill: model.floor('kill') },
    total: model.commits.length,
    onlyKilled: how === 'kill',
    where: `${where}, ${how}`,
  }))
}

/** Restarts a state and checks it; returns the problems, each with where it was met. */
async function problemsOf(state: CrashState, model: Model): Promise<string[]> {
  try {
    const lab = await openLab(state.disk)
    const problems = [...problemsAfterRestart(lab, state.disk), ...(await problemsOfRestartingAgain(state.disk, {}))]
    const floor = state.onlyKilled ? state.floors.kill : state.floors.power
    const wrong = model.problemOf(await readAll(lab.db), floor, state.total)
    if (wrong !== undefined) problems.push(wrong)
    return problems.map((problem) => `${state.where}: ${problem}`)
  } catch (error) {
    return [`${state.where}: ${error instanceof Error ? error.stack : String(error)}`]
  }
}

/** The states that crashes before each change of the restart of `state` leave. */
async function deeperStates(state: CrashState, model: Model): Promise<CrashState[]> {
  const disk = state.disk.crash({ mode: 'kill' })
  const states: CrashState[] = []
  const { floors, total } = state
  let point = 0
  const watched = new WatchedFileSystem(disk, () => {
    const where = `${state.where}; restart ${++point}`
    for (const deeper of statesOf(disk, model, where, [point])) {
      states.push({ ...deeper, floors, total, onlyKilled: state.onlyKilled && deeper.onlyKilled })
    }
  })
  await openLab(watched)
  disk.crashAfter(1)
  return states
}

/** Runs a workload, and all its crash states; returns how many there were. */
async function explore({ before, run }: Workload): Promise<number> {
  const disk = await newDisk()
  const model = new Model()
  const states: CrashState[] = []
  let watching = false
  let point = 0
  const watched = new WatchedFileSystem(disk, ({ kind, file }) => {
    if (watching) states.push(...statesOf(disk, model, `point ${++point}, before ${kind} ${file}`, DRAWS))
  })
  const lab = await openLab(watched)
  await before?.(lab, model)
  watching = true
  await run(lab, model)
  watching = false
  states.push(...statesOf(disk, model, 'at the end', DRAWS))
  const deeperEvery = Math.ceil(states.length / DEEPER_STATES)
  let count = 0
  for (const [i, state] of states.entries()) {
    const deeper = i % deeperEvery === 0 ? await deeperStates(state, model) : []
    for (const each of [state, ...deeper]) {
      expect(await problemsOf(each, model)).toEqual([])
      count++
    }
  }
  return count
}

describe('every crash state of a small workload', () => {
  for (const workload of WORKLOADS) {
    test(
      workload.name,
      async () => {
        expect(await explore(workload)).toBeGreaterThan(60)
      },
      TIMEOUT_MS,
    )
  }

  test(
    'making a database',
    async () => {
      const disk = new SimulatedFileSystem()
      const model = new Model()
      const states: CrashState[] = []
      const lab = await openLab(
        new WatchedFileSystem(disk, ({ kind, file }) =>
          states.push(...statesOf(disk, model, `before ${kind} ${file}`, DRAWS)),
        ),
      )
      expect(states.length).toBeGreaterThan(30)
      await lab.db.close()
      for (const state of states) expect(await problemsOf(state, model)).toEqual([])
    },
    TIMEOUT_MS,
  )
})
