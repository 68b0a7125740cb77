/**
 * `npm run stress`: a thousand transactions at once on ten keys, deadlocks, conflicts, timeouts, rollbacks,
 * and long scans beside writers, on a real directory. All of them have to commit in the end, and nothing may
 * be left: no lock, no version, no memory.
 *
 *   npm run stress -- --clients 1000 --durability full --seed 1 --only deadlock
 *
 * The times hold for the machine they were taken on. They are from a client's first attempt until its
 * transaction had committed; all begin at the same moment, so with `full` the last one on a hot key has
 * waited for the flushes of all before it.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import Table from 'cli-table3'
import { Command, InvalidArgumentError } from 'commander'
import { open } from '../../src/database/open-location.ts'
import type { Durability } from '../../src/txn/transaction-manager.ts'
import { type Ordeal, runWorkload } from './stress.ts'
import { fill, problemsAfter, WORKLOADS, type Workload } from './workloads.ts'

const KIB = 1024
/** Runs of a workload before the one that memory is compared with: caches and compiled code have come to rest. */
const WARM_UPS = 2

interface Options {
  readonly clients: number
  readonly seed: number
  readonly durability: Durability
  readonly only: string
}

const count = (text: string): number => {
  const value = Number(text)
  if (!(Number.isInteger(value) && value > 0)) throw new InvalidArgumentError('It has to be a whole number above 0.')
  return value
}

const durability = (text: string): Durability => {
  if (text === 'full' || text === 'lazy' || text === 'none') return text
  throw new InvalidArgumentError('It has to be full, lazy or none.')
}

const program = new Command('stress')
  .description('Runs many transactions at once on few keys, and sees that all get through and nothing is left behind.')
  .option('--clients <n>', 'transactions at once', count, 1000)
  .option('--seed <n>', 'what is drawn follows from it', count, 1)
  .option('--durability <level>', 'of all commits', durability, 'full')
  .option('--only <text>', 'only the workloads with this in their name', '')
  .addHelpText('after', '\nExits with 0 when all got through and nothing was left behind, else with 1.')

const garbageCollector = (globalThis as { gc?: () => void }).gc

/** Bytes in use that no garbage collection gives back. */
async function heapBytes(): Promise<number> {
  // Promises and buffers that hold each other go in several rounds.
  for (let round = 0; round < 3; round++) {
    await setImmediate()
    garbageCollector?.()
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

interface LockCounts {
  readonly waits: number
  readonly deadlocks: number
  readonly timeouts: number
  /** Still held. */
  readonly held: number
}

function locksSince(before: LockCounts, { waits, deadlocks, timeouts, held }: LockCounts): LockCounts {
  return {
    waits: waits - before.waits,
    deadlocks: deadlocks - before.deadlocks,
    timeouts: timeouts - before.timeouts,
    held,
  }
}

interface Figures {
  readonly ordeals: readonly Ordeal[]
  readonly seconds: number
  readonly locks: LockCounts
  readonly problems: readonly string[]
  readonly leftBytes: number
}

async function measure(workload: Workload, options: Options): Promise<Figures> {
  const directory = mkdtempSync(join(tmpdir(), 'aries-stress-'))
  const db = await open(directory, { createIfMissing: true, durability: options.durability })
  const { clients, seed } = options
  const run = (round: number): Promise<Ordeal[]> =>
    runWorkload(db, workload, {
      clients,
      seed: seed + round,
      nowMs: () => performance.now(),
      pause: () => setImmediate(),
    })
  try {
    await fill(db, workload)
    for (let round = 0; round < WARM_UPS; round++) await run(round)
    const before = await heapBytes()
    const locksBefore = db.stats().locks
    const startMs = performance.now()
    const ordeals = await run(WARM_UPS)
    const seconds = (performance.now() - startMs) / 1000
    const locks = locksSince(locksBefore, db.stats().locks)
    const problems = await problemsAfter(db, workload, clients * (WARM_UPS + 1))
    return { ordeals, seconds, locks, problems, leftBytes: (await heapBytes()) - before }
  } finally {
    await db.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
}

function rowOf(name: string, { ordeals, seconds, locks, leftBytes }: Figures): (string | number)[] {
  const waits = ordeals.map(({ waitedMs }) => waitedMs).sort((a, b) => a - b)
  const attempts = ordeals.map((each) => each.attempts).sort((a, b) => a - b)
  const ms = (value: number): string => value.toFixed(1)
  const total = attempts.reduce((sum, each) => sum + each, 0)
  return [
    name,
    ordeals.length,
    (total / ordeals.length).toFixed(2),
    attempts.at(-1) ?? 0,
    locks.waits,
    locks.deadlocks,
    locks.timeouts,
    ms(quantile(waits, 0.5)),
    ms(quantile(waits, 0.99)),
    ms(waits.at(-1) ?? 0),
    seconds.toFixed(2),
    locks.held,
    Math.round(leftBytes / KIB),
  ]
}

const HEAD = [
  'workload',
  'committed',
  'attempts',
  'most',
  'lock waits',
  'deadlocks',
  'timeouts',
  'p50 ms',
  'p99 ms',
  'max ms',
  's',
  'locks left',
  'KiB left',
]

async function stress(options: Options): Promise<number> {
  if (garbageCollector === undefined) console.error('without node --expose-gc the memory left is not to be trusted')
  const table = new Table({ head: HEAD, style: { head: [], border: [], compact: true } })
  const problems: string[] = []
  for (const workload of WORKLOADS.filter(({ name }) => name.includes(options.only))) {
    const figures = await measure(workload, options)
    table.push(rowOf(workload.name, figures))
    problems.push(...figures.problems.map((problem) => `${workload.name}: ${problem}`))
  }
  console.log(table.toString())
  for (const problem of problems) console.error(problem)
  return problems.length === 0 ? 0 : 1
}

process.exitCode = await stress(program.parse().opts<Options>())
