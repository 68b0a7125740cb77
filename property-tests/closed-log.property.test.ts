/**
 * Logs that a clean close has cut off (I38). A power cut at any operation of a close, or of the open behind one,
 * loses nothing; and of a closed log a shorter last segment, or a flipped bit at its end that matters, is damage and
 * never a torn tail.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AriesError } from '../src/common/errors.ts'
import type { SimulatedFileSystem } from '../src/io/simulated-file-system.ts'
import { segmentNumberOf } from '../src/log/segment.ts'
import { contentOf, keyOf } from './commands/script.ts'
import { type Lab, newDisk, openLab, problemsAfterRestart, readAll, tableOf } from './lab.ts'
import { Model } from './model.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const RUNS = 150
const KEYS = 20

interface Life {
  readonly rows: number
  readonly bytes: number
  /** The operation of the close, and of the open behind it, at which the power is cut, if it has so many. */
  readonly closeCut: number
  readonly openCut: number
  readonly seed: number
}

const life: fc.Arbitrary<Life> = fc.record({
  rows: fc.nat(12),
  bytes: fc.oneof(fc.nat(60), fc.nat(3000)),
  closeCut: fc.integer({ min: 1, max: 60 }),
  openCut: fc.integer({ min: 1, max: 30 }),
  seed: fc.nat(1_000_000),
})

class Run {
  readonly #model = new Model()
  #disk: SimulatedFileSystem
  #serial = 0

  constructor(disk: SimulatedFileSystem) {
    this.#disk = disk
  }

  async live({ rows, bytes, closeCut, openCut, seed }: Life): Promise<void> {
    const lab = await this.#open()
    for (let i = 0; i < rows; i++) {
      const [key, value] = [keyOf(0, this.#serial % KEYS), contentOf(++this.#serial, bytes)]
      await tableOf(lab.db, 't').put(key, value)
      this.#model.commit([{ kind: 'put', table: 't', key, value }], 'full').acknowledged = true
    }
    await this.#cutPower(closeCut, seed, () => lab.db.close())
    await this.#cutPower(openCut, seed + 1, async () => void (await openLab(this.#disk)))
    this.#disk.crashAfter(1)
    this.#disk = this.#disk.crash(seed + 2)
  }

  async #open(): Promise<Lab> {
    const lab = await openLab(this.#disk)
    const wrong = this.#model.problemOf(await readAll(lab.db), this.#model.floor('power'), this.#model.commits.length)
    expect(wrong === undefined ? problemsAfterRestart(lab, this.#disk) : [wrong]).toEqual([])
    return lab
  }

  /** Goes on with what is left of the disk, if the power was cut before the work was done. */
  async #cutPower(operation: number, seed: number, work: () => Promise<void>): Promise<void> {
    this.#disk.crashAfter(operation)
    try {
      await work()
    } catch (error) {
      if (!this.#disk.poweredOff) throw error
    }
    if (this.#disk.poweredOff) this.#disk = this.#disk.crash(seed)
    else this.#disk.crashAfter(Number.POSITIVE_INFINITY)
  }

  /** Closes for the last time, and damages the end of the log at `place` of its last bytes. */
  async damage(place: number, bit: number, isCut: boolean): Promise<void> {
    const lab = await this.#open()
    await lab.db.close()
    const image = this.#disk.crash({ mode: 'none' })
    const names = image.list().filter((name) => segmentNumberOf(name) !== undefined)
    const name = names.at(-1) as string
    const size = image.contentOf(name).length
    const offset = size - 1 - (place % Math.min(size - 64, 200))
    image.damage(name, isCut ? { kind: 'cut', size: offset } : { kind: 'bit', offset, bit })
    const { code, content } = await openLab(image).then(
      async ({ db }) => ({ code: undefined, content: await readAll(db) }),
      (error: unknown) => ({ code: AriesError.is(error) ? error.code : error, content: undefined }),
    )
    // What lies before the last checkpoint nobody needs any more, nor reads.
    const { length } = this.#model.commits
    const isHarmless = !isCut && content !== undefined && this.#model.problemOf(content, length, length) === undefined
    expect(isHarmless ? 'LOG_CORRUPT' : code, `${name} of ${size} bytes, damaged at ${offset}`).toBe('LOG_CORRUPT')
  }
}

test(
  'power cuts lose nothing, and damage of its end is told',
  async () => {
    const property = fc.asyncProperty(
      fc.array(life, { minLength: 1, maxLength: 4 }),
      fc.nat(1000),
      fc.nat(7),
      fc.boolean(),
      async (lives, place, bit, isCut) => {
        const run = new Run(await newDisk())
        for (const each of lives) await run.live(each)
        await run.damage(place, bit, isCut)
      },
    )
    const printed = ([lives, ...damage]: [Life[], number, number, boolean]): string =>
      [...lives.map((each) => JSON.stringify(each)), damage.join(' ')].join('\n')
    await checkProperty(property, { numRuns: runsOf(RUNS) }, printed)
  },
  TIMEOUT_MS,
)
