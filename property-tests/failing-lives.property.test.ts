/**
 * Several lives of a database on a machine that goes on, with and without double-writing, each with a sync that fails once
 * at most, in its open, its work or its close, and with a read that is wrong in one bit and good when it is made again
 * (F19), which nobody may notice. What an open takes for durable has to be on the disk and not only in the
 * system's cache (F9, F11): a power cut in any life leaves what was acknowledged. Nor may the disk keep what would be
 * believed later: old copies of pages that may have been written past the double-write file (I33), or a closing mark
 * in a log that goes on (I38).
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DOUBLE_WRITE_FILE_NAME, DoubleWrite } from '../src/buffer/double-write.ts'
import { AriesError } from '../src/common/errors.ts'
import type { SimulatedFileSystem } from '../src/io/simulated-file-system.ts'
import type { Identity } from '../src/log/identity.ts'
import { closedBytesOf, segmentNumberOf } from '../src/log/segment.ts'
import { contentOf, keyOf } from './commands/script.ts'
import {
  drive,
  idle,
  type Lab,
  newDisk,
  PAGE_SIZE,
  problemsAfterRestart,
  type Restarted,
  readAll,
  restart,
  tableOf,
} from './lab.ts'
import { Model } from './model.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const RUNS = 100

interface Life {
  readonly doubleWrite: boolean
  /** The rows of each commit. */
  readonly commits: readonly { readonly from: number; readonly count: number; readonly bytes: number }[]
  /** The sync that fails: of files like this, or of the directory, behind `skip` that do not. */
  readonly failing: { readonly file: RegExp | undefined; readonly skip: number } | undefined
  /** The read that is wrong in one bit: of files like this, behind `skip` that are not. */
  readonly flip: { readonly file: RegExp; readonly skip: number } | undefined
  readonly end: 'close' | 'kill'
}

const lives: fc.Arbitrary<Life[]> = fc.array(
  fc.record({
    doubleWrite: fc.boolean(),
    commits: fc.array(
      fc.record({
        from: fc.nat(60),
        count: fc.integer({ min: 1, max: 20 }),
        bytes: fc.oneof(fc.nat(60), fc.nat(1500)),
      }),
      { maxLength: 4 },
    ),
    failing: fc.option(
      fc.record({ file: fc.constantFrom(/^data$/, /^log-\d+$/, /^master$/, undefined), skip: fc.nat(5) }),
      { nil: undefined },
    ),
    flip: fc.option(fc.record({ file: fc.constantFrom(/^log-\d+$/, /./), skip: fc.oneof(fc.nat(10), fc.nat(300)) }), {
      nil: undefined,
    }),
    end: fc.constantFrom('close', 'kill'),
  }),
  { minLength: 2, maxLength: 5 },
)

const singleLife = (failing: Life['failing'], commits: Life['commits'] = []): Life => ({
  doubleWrite: false,
  commits,
  end: 'close',
  failing,
  flip: undefined,
})
const EXAMPLES: readonly (readonly Life[])[] = [
  // To read what an open has found a page is evicted, and its sync is the one that fails.
  [
    singleLife({ file: /^data$/, skip: 3 }, [
      { from: 14, count: 19, bytes: 41 },
      { from: 0, count: 18, bytes: 582 },
    ]),
    singleLife({ file: /^log-\d+$/, skip: 5 }),
    singleLife({ file: /^data$/, skip: 3 }),
  ],
  // The double-write file goes, with an unfinished batch in it, and the sync that makes its removal durable fails.
  [
    singleLife(undefined, [{ from: 0, count: 14, bytes: 295 }]),
    { ...singleLife(undefined, [{ from: 0, count: 8, bytes: 794 }]), end: 'kill' },
    { ...singleLife(undefined, [{ from: 0, count: 1, bytes: 0 }]), doubleWrite: true, end: 'kill' },
    singleLife({ file: undefined, skip: 1 }),
    singleLife(undefined),
  ],
]

class Run {
  readonly #model = new Model()
  #disk: SimulatedFileSystem
  #serial = 0
  /** Whether a sync of this life is to fail. */
  #isFailing = false
  /** How many calls have failed. */
  failures = 0

  constructor(disk: SimulatedFileSystem) {
    this.#disk = disk
  }

  async life({ doubleWrite, commits, failing, flip, end }: Life, seed: number): Promise<void> {
    this.#disk = this.#disk.crash({ mode: 'kill' })
    this.#isFailing = failing !== undefined
    if (flip !== undefined) this.#disk.inject('read', { effect: 'flip' }, flip)
    if (failing?.file !== undefined) this.#disk.failNext('sync', { errno: 'EIO', ...failing, file: failing.file })
    else if (failing !== undefined) this.#disk.failNext('syncDirectory', { errno: 'EIO', skip: failing.skip })
    const lab = await this.#open(doubleWrite)
    await this.#attempt(lab, this.#readBack(lab))
    for (const { from, count, bytes } of commits) await this.#attempt(lab, this.#commit(lab, from, count, bytes))
    await this.#verify(seed)
    if (end === 'close') await this.#attempt(lab, lab.db.close())
    await idle()
  }

  async #readBack({ db }: Lab): Promise<void> {
    this.#model.recovered(await readAll(db), this.#model.floor('power'))
  }

  async #open(doubleWrite: boolean): Promise<Lab> {
    const { start, identity } = await this.#restart(doubleWrite)
    expect(problemsOfLeftovers(this.#disk.crash({ mode: 'none' }), identity, doubleWrite)).toEqual([])
    return start()
  }

  /** A sync that fails does so once. */
  async #restart(doubleWrite: boolean): Promise<Restarted> {
    try {
      return await restart(this.#disk, { doubleWrite })
    } catch (error) {
      const isDisk = AriesError.is(error) || (error as { code?: unknown }).code === 'EIO'
      if (!isDisk || !this.#isFailing) throw error
      this.failures++
      return await restart(this.#disk, { doubleWrite })
    }
  }

  async #attempt(lab: Lab, work: Promise<void>): Promise<void> {
    try {
      await drive(lab.runtime, work)
    } catch (error) {
      if (!AriesError.is(error) || !this.#isFailing) throw error
      this.failures++
    }
  }

  async #commit({ db }: Lab, from: number, count: number, bytes: number): Promise<void> {
    const tx = db.begin()
    const effects = []
    for (let i = 0; i < count; i++) {
      const [key, value] = [keyOf(0, from + i), contentOf(++this.#serial, bytes)]
      await tx.put(tableOf(db, 't'), key, value)
      effects.push({ kind: 'put', table: 't', key, value } as const)
    }
    const committed = tx.commit({ durability: 'full' })
    const commit = this.#model.commit(effects, 'full')
    await committed
    commit.acknowledged = true
  }

  /** Without double-writing pages are written whole, by promise of who opens so. */
  async #verify(seed: number): Promise<void> {
    const image = this.#disk.crash(seed % 2 === 0 ? { mode: 'none' } : { mode: 'random', seed, tearBytes: PAGE_SIZE })
    const lab = (await restart(image)).start()
    const problems = problemsAfterRestart(lab, image)
    const wrong = this.#model.problemOf(await readAll(lab.db), this.#model.floor('power'))
    expect(wrong === undefined ? problems : [...problems, wrong]).toEqual([])
    await drive(lab.runtime, lab.db.close())
  }
}

/** What lies on the disk of a database that has just been opened, and would be believed by a later open, or is missing. */
function problemsOfLeftovers(disk: SimulatedFileSystem, identity: Identity, doubleWrite: boolean): string[] {
  const problems: string[] = []
  if (doubleWrite && !disk.list().includes(DOUBLE_WRITE_FILE_NAME)) {
    problems.push('the double-write file is not durably there (I25)')
  }
  for (const name of disk.list()) {
    const file = disk.open(name, 'read')
    if (segmentNumberOf(name) !== undefined && closedBytesOf(disk.contentOf(name)) > 0) {
      problems.push(`${name} is marked as closed while the log goes on (I38)`)
    }
    if (name === DOUBLE_WRITE_FILE_NAME && !doubleWrite && new DoubleWrite(file, identity).unfinishedPages?.size) {
      problems.push('copies of pages are left that nobody writes to any more (I33)')
    }
    file.close()
  }
  return problems
}

test(
  'what an open takes for durable is on the disk, and nothing else that it would believe',
  async () => {
    let failures = 0
    const property = fc.asyncProperty(lives, fc.nat(1_000_000), async (list, seed) => {
      const run = new Run(await newDisk())
      for (const life of list) await run.life(life, seed)
      failures += run.failures
    })
    const printed = ([list, seed]: [Life[], number]): string =>
      [
        ...list.map(({ failing, flip, ...life }) => {
          const what = (call: typeof failing): string =>
            call === undefined ? 'none' : `${call.skip + 1} of ${call.file?.source ?? 'the directory'}`
          return `${JSON.stringify(life)}, failing sync: ${what(failing)}, wrong read: ${what(flip)}`
        }),
        `seed ${seed}`,
      ].join('\n')
    const examples = EXAMPLES.map((list): [Life[], number] => [[...list], 0])
    await checkProperty(property, { numRuns: runsOf(RUNS), examples }, printed)
    expect(failures).toBeGreaterThan(10)
  },
  TIMEOUT_MS,
)
