/**
 * Disks that fail: syncs that fail once and then say yes, short writes, writes that fail midway, full
 * disks, drawn from a seed and struck at any moment of a run of commits. Whatever happens, an operation
 * ends with one of our errors or with its promise kept (I28): after a failed sync nothing is
 * acknowledged any more, and after a power cut a reopen shows what was acknowledged, and a sound database.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AriesError } from '../src/common/errors.ts'
import type { SimulatedFileSystem, TraceEntry } from '../src/io/simulated-file-system.ts'
import { describeFault, type PlannedFault, planFaults } from '../src/io/simulated-plan.ts'
import { NEW_SEGMENT_NAME } from '../src/log/segment.ts'
import { contentOf, keyOf } from './commands/script.ts'
import { drive, idle, type Lab, newDisk, openLab, problemsAfterRestart, readAll, tableOf } from './lab.ts'
import { Model } from './model.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const RUNS = 120
/** About how many operations of a kind a run has. */
const HORIZON = 60
/** What is drawn: faults of syncs, of writes and of room. A close that fails loses nothing that was synced. */
const FAULTS = new Set(['F9', 'F11', 'F12', 'F13', 'F14'])

const faultsOf = (seed: number): PlannedFault[] =>
  planFaults(seed, { horizon: HORIZON }).filter(({ fault, kind }) => FAULTS.has(fault) && kind !== 'close')

/** The first syncs of each kind of file are hit as often: faults of any sync hardly ever hit the one that tells. */
const SYNCED = [/^master$/, /^data$/, /^double-write$/, /^log-\d+$/]

/** A sync that fails of one kind of file. */
interface FailingSync {
  readonly file: RegExp
  /** How many of its syncs succeed first. */
  readonly skip: number
}

const failingSync: fc.Arbitrary<FailingSync | undefined> = fc.option(
  fc.record({ file: fc.constantFrom(...SYNCED), skip: fc.nat(3) }),
  { nil: undefined },
)

interface Round {
  readonly from: number
  readonly count: number
  readonly bytes: number
  readonly end: 'full' | 'lazy' | 'checkpoint'
}

const rounds: fc.Arbitrary<Round[]> = fc.array(
  fc.record({
    from: fc.nat(120),
    count: fc.integer({ min: 1, max: 40 }),
    bytes: fc.oneof(fc.nat(900), fc.integer({ min: 3000, max: 20_000 })),
    end: fc.constantFrom('full', 'full', 'lazy', 'checkpoint'),
  }),
  { minLength: 3, maxLength: 12 },
)

/**
 * Whether entry `index` is a failed sync of something that was in use. A segment that is being made, or
 * being renamed to the end of the log, is thrown away when its sync fails, and made again: nothing is lost.
 */
function isFailedSync({ file, operation, outcome }: TraceEntry, index: number, trace: readonly TraceEntry[]): boolean {
  if (operation !== 'sync' || outcome?.errno === undefined || file === NEW_SEGMENT_NAME) return false
  const named = trace.findLastIndex((entry, i) => i < index && entry.operation === 'rename' && entry.to === file)
  const isFirst = !trace.slice(named + 1, index).some((entry) => entry.operation === 'sync' && entry.file === file)
  return named < 0 || !isFirst
}

/** A run of commits on a disk that fails as planned. */
class Run {
  readonly model = new Model()
  readonly disk: SimulatedFileSystem
  readonly #lab: Lab
  #serial = 0

  constructor(disk: SimulatedFileSystem, lab: Lab) {
    this.disk = disk
    this.#lab = lab
  }

  async round(round: Round): Promise<void> {
    try {
      await drive(this.#lab.runtime, this.#work(round))
    } catch (error) {
      if (!AriesError.is(error)) throw error
    }
    await idle()
  }

  async #work({ from, count, bytes, end }: Round): Promise<void> {
    const { db } = this.#lab
    // Of a sync that fails while this round is under way the engine may hear after the round's commit.
    const hadFailed = this.#hasFailedSync()
    const effects = []
    const tx = db.begin()
    try {
      for (let i = 0; i < count; i++) {
        const [key, value] = [keyOf(0, from + i), contentOf(++this.#serial, bytes)]
        await tx.put(tableOf(db, 't'), key, value)
        effects.push({ kind: 'put', table: 't', key, value } as const)
      }
    } catch (error) {
      await tx.abort().catch(() => undefined)
      throw error
    }
    const durability = end === 'lazy' ? 'lazy' : 'full'
    const committed = tx.commit({ durability })
    const commit = this.model.commit(effects, durability)
    await committed
    commit.acknowledged = true
    if (hadFailed) throw new Error('a commit is acknowledged after a failed sync (I28)')
    if (end === 'checkpoint') await db.checkpoint()
  }

  #hasFailedSync(): boolean {
    return this.disk.trace?.some(isFailedSync) ?? false
  }

  /** What a power cut leaves is legal and sound, and so is it once more after a close. */
  async verify(seed: number): Promise<void> {
    const image = this.disk.crash({ mode: 'random', seed })
    const lab = await openLab(image)
    const problems = problemsAfterRestart(lab, image)
    const wrong = this.model.problemOf(await readAll(lab.db), this.model.floor('power'))
    expect(wrong === undefined ? problems : [...problems, wrong]).toEqual([])
    await drive(lab.runtime, lab.db.close())
  }

  async close(): Promise<void> {
    await drive(this.#lab.runtime, this.#lab.db.close()).catch((error: unknown) => {
      if (!AriesError.is(error)) throw error
    })
  }
}

async function runWith(list: readonly Round[], seed: number, failing: FailingSync | undefined): Promise<number> {
  const disk = await newDisk()
  const run = new Run(disk, await openLab(disk))
  disk.trace = []
  for (const { kind, effect, match } of faultsOf(seed)) disk.inject(kind, effect, match)
  if (failing !== undefined) {
    const { file, skip } = failing
    disk.inject('sync', { effect: 'error', errno: 'EIO' }, { file, skip })
  }
  for (const round of list) await run.round(round)
  await run.verify(seed)
  await run.close()
  return disk.trace.filter(({ outcome }) => outcome !== undefined).length
}

/** A sync of the log fails while a lazy commit, which does not wait for it, is acknowledged. */
const LAZY_BESIDE_FAILING_SYNC: [number, Round[], undefined] = [
  24_618,
  [
    { from: 0, count: 15, bytes: 564, end: 'lazy' },
    ...Array.from({ length: 3 }, () => ({ from: 0, count: 1, bytes: 3000, end: 'full' as const })),
  ],
  undefined,
]

describe('a failing disk', () => {
  test(
    'nothing acknowledged is lost, and nothing is acknowledged after a failed sync',
    async () => {
      let struck = 0
      const property = fc.asyncProperty(fc.nat(1_000_000), rounds, failingSync, async (seed, list, failing) => {
        struck += await runWith(list, seed, failing)
      })
      const printed = ([seed, list, failing]: [number, Round[], FailingSync | undefined]): string =>
        [
          ...faultsOf(seed).map(describeFault),
          ...(failing === undefined ? [] : [`sync ${failing.skip + 1} of ${failing.file.source} fails`]),
          JSON.stringify(list),
        ].join('\n')
      await checkProperty(property, { numRuns: runsOf(RUNS), examples: [LAZY_BESIDE_FAILING_SYNC] }, printed)
      expect(struck).toBeGreaterThan(50)
    },
    TIMEOUT_MS,
  )
})
