/**
 * Disks whose syncs take time: meanwhile other clients write and commit, flushes and checkpoints begin,
 * pages are evicted. What was acknowledged by the moment of a crash is there after it, whichever syncs
 * were still under way (I2, I12, I13, I18).
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DATA_FILE_NAME } from '../src/buffer/data-file.ts'
import type { SimulatedFileSystem } from '../src/io/simulated-file-system.ts'
import { MASTER_FILE_NAME } from '../src/log/master-record.ts'
import { segmentNumberOf } from '../src/log/segment.ts'
import type { Durability } from '../src/txn/transaction-manager.ts'
import { contentOf, keyOf } from './commands/script.ts'
import { idle, type Lab, newDisk, type Options, openLab, problemsAfterRestart, readAll, tableOf } from './lab.ts'
import { Model } from './model.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'
import { type Mutation, WatchedFileSystem } from './watched-file-system.ts'

const RUNS = 150
/** A sync takes this long at least, and up to so much longer. */
const SYNC_MS = 2
const SYNC_SPREAD_MS = 10
/** So many times in a run the restart without a segment that is being recycled is tried, or with a new master record. */
const MOMENTS_MAX = 4

type Step =
  | {
      readonly do: 'write'
      readonly from: number
      readonly count: number
      readonly bytes: number
      readonly durability: Durability
    }
  | { readonly do: 'flush' | 'checkpoint' | 'turn' }
  | { readonly do: 'time'; readonly ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('write' as const),
      from: fc.nat(150),
      count: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 30 })),
      bytes: fc.oneof(fc.nat(60), fc.nat(900), fc.integer({ min: 3000, max: 20_000 }), fc.constant(60_000)),
      durability: fc.constantFrom<Durability>('full', 'full', 'lazy', 'none'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('flush', 'checkpoint', 'checkpoint', 'turn') }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('time' as const),
      ms: fc.oneof(fc.integer({ min: 1, max: 15 }), fc.integer({ min: 16, max: 80 })),
    }),
  },
)

const steps: fc.Arbitrary<Step[]> = fc.array(step, { minLength: 2, maxLength: 60, size: 'max' })

const options: fc.Arbitrary<Options> = fc.record({
  frames: fc.constantFrom(8, 8, 64, 1024),
  checkpointBytes: fc.constantFrom(65_536, 1 << 20),
})

/** A disk as a power cut leaves it, and how many commits have to be on it, and may be. */
interface Moment {
  readonly image: SimulatedFileSystem
  readonly floor: number
  readonly total: number
}

/** Clients that do not wait for each other, on a database with a slow disk. */
class Run {
  readonly model = new Model()
  readonly #disk: SimulatedFileSystem
  readonly #lab: Lab
  readonly #moments: Moment[] = []
  #serial = 0
  #failure: unknown

  private constructor(disk: SimulatedFileSystem, lab: Lab) {
    this.#disk = disk
    this.#lab = lab
    disk.runtime = lab.runtime
    const slow = { effect: 'slow', delayMs: SYNC_MS, spreadMs: SYNC_SPREAD_MS } as const
    disk.inject('sync', slow, { times: Number.POSITIVE_INFINITY })
  }

  static async begin(options: Options): Promise<Run> {
    const disk = await newDisk()
    let run: Run | undefined
    const watched = new WatchedFileSystem(disk, (mutation) => run?.look(mutation))
    run = new Run(disk, await openLab(watched, options))
    return run
  }

  look({ kind, file }: Mutation): void {
    if (this.#moments.length >= MOMENTS_MAX) return
    const isRecycled = (kind === 'rename' || kind === 'remove') && segmentNumberOf(file) !== undefined
    if (isRecycled) this.#lookWithout(file)
    if (kind === 'sync' && file === MASTER_FILE_NAME) this.#lookWithNewMaster()
  }

  /** What is recycled must not be missed by a restart of what is durable at that moment (I12). */
  #lookWithout(file: string): void {
    const image = this.#disk.crash({ mode: 'none' })
    image.remove(file)
    image.syncDirectory()
    this.#note(image)
  }

  /** All that a master record names must be durable by then, also while the data file is longer than its last sync saw (I13). */
  #lookWithNewMaster(): void {
    const image = this.#disk.crash({ mode: 'none' })
    if (image.contentOf(DATA_FILE_NAME).length === this.#disk.contentOf(DATA_FILE_NAME).length) return
    image.placeFile(MASTER_FILE_NAME, this.#disk.contentOf(MASTER_FILE_NAME))
    this.#note(image)
  }

  #note(image: SimulatedFileSystem): void {
    this.#moments.push({ image, floor: this.model.floor('power'), total: this.model.commits.length })
  }

  /** Begins what the step says, and lets everything go on that needs no time. */
  async take(each: Step): Promise<void> {
    if (each.do === 'write') this.#start(this.#write(each))
    else if (each.do === 'flush') this.#start(this.#flush())
    else if (each.do === 'checkpoint') this.#start(this.#lab.db.checkpoint())
    else if (each.do === 'time') this.#lab.runtime.advance(each.ms)
    await idle()
    if (this.#failure !== undefined) throw this.#failure
  }

  #start(work: Promise<void>): void {
    work.catch((error: unknown) => {
      if (!this.#disk.poweredOff) this.#failure ??= error
    })
  }

  /** A key that another client has locked is waited for: its commit is under way. */
  async #write({ from, count, bytes, durability }: Extract<Step, { do: 'write' }>): Promise<void> {
    const { db } = this.#lab
    const tx = db.begin({ lockTimeoutMs: Number.POSITIVE_INFINITY })
    const effects = []
    for (let i = 0; i < count; i++) {
      const [key, value] = [keyOf(0, from + i), contentOf(++this.#serial, bytes)]
      await tx.put(tableOf(db, 't'), key, value)
      effects.push({ kind: 'put', table: 't', key, value } as const)
    }
    const committed = tx.commit({ durability })
    const commit = this.model.commit(effects, durability)
    await committed
    commit.acknowledged = true
  }

  async #flush(): Promise<void> {
    const commits = [...this.model.commits]
    await this.#lab.db.flush()
    for (const commit of commits) commit.flushed = true
  }

  /** What crashes leave now or have left before, as every restart must find it. */
  async verify(seed: number): Promise<void> {
    this.#note(this.#disk.crash({ mode: 'none' }))
    this.#note(this.#disk.crash({ mode: 'random', seed }))
    this.#disk.crashAfter(1)
    for (const { image, floor, total } of this.#moments) {
      const lab = await openLab(image)
      const problems = problemsAfterRestart(lab, image)
      const wrong = this.model.problemOf(await readAll(lab.db), floor, total)
      expect(wrong === undefined ? problems : [...problems, wrong]).toEqual([])
      image.crashAfter(1)
    }
  }
}

describe('a slow disk', () => {
  test(
    'what is acknowledged while syncs are under way is durable',
    async () => {
      const property = fc.asyncProperty(fc.nat(1_000_000), options, steps, async (seed, options, list) => {
        const run = await Run.begin(options)
        await run.take({ do: 'write', from: 0, count: 1, bytes: 10, durability: 'none' })
        for (const each of list) await run.take(each)
        await run.verify(seed)
      })
      const printed = ([seed, options, list]: [number, Options, Step[]]): string =>
        [seed, JSON.stringify(options), ...list.map((s) => JSON.stringify(s))].join('\n')
      await checkProperty(property, { numRuns: runsOf(RUNS) }, printed)
    },
    TIMEOUT_MS,
  )
})
