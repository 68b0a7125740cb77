/**
 * An older copy of the data file beside the log and the master record of now (I39), or what is left of that. Whatever
 * moment it is of, the open refuses it, or it lacks nothing that redo does not bring back: it is never a database of before.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { DATA_FILE_NAME } from '../src/buffer/data-file.ts'
import { AriesError } from '../src/common/errors.ts'
import type { SimulatedFileSystem } from '../src/io/simulated-file-system.ts'
import { MASTER_FILE_NAME } from '../src/log/master-record.ts'
import { newestSlot } from '../test/database/support.ts'
import { contentOf, keyOf } from './commands/script.ts'
import { drive, newDisk, openLab, readAll, tableOf } from './lab.ts'
import { type Content, firstDifference } from './model.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'
import { WatchedFileSystem } from './watched-file-system.ts'

const RUNS = 60
const KEYS = 40
/** So many changes of the files apart copies are taken. */
const COPY_EVERY = 7

const life = fc.record({
  puts: fc.array(fc.record({ key: fc.nat(KEYS - 1), bytes: fc.oneof(fc.nat(60), fc.nat(5000)) }), { maxLength: 30 }),
  checkpointAt: fc.nat(40),
  isClosed: fc.boolean(),
})
type Life = typeof life extends fc.Arbitrary<infer T> ? T : never

const REFUSED = /^PAGE_CORRUPT: data (is an older copy|has \d+ pages, but had at least)/
/** A copy may have been taken in the middle of a page. */
const REFUSED_WITHOUT_MASTER = new RegExp(`${REFUSED.source}|^PAGE_CORRUPT: page|^LOG_CORRUPT: .* that data has seen`)

const masterDamage = fc.constantFrom('none', 'newest slot', 'both slots', 'missing')
type MasterDamage = typeof masterDamage extends fc.Arbitrary<infer T> ? T : never

function damageMaster(image: SimulatedFileSystem, damage: MasterDamage): void {
  if (damage === 'none') return
  if (damage === 'missing') {
    image.remove(MASTER_FILE_NAME)
    image.syncDirectory()
    return
  }
  for (const slot of damage === 'newest slot' ? [newestSlot(image)] : [0, 4096])
    image.flipBit(MASTER_FILE_NAME, slot + 50, 1)
}

/** Cases that went wrong once. */
const EXAMPLES: [Life[], MasterDamage][] = [
  // A later checkpoint of the log knew of pages that had been written; the copy does not have them.
  [
    [
      {
        puts: [
          { key: 0, bytes: 4045 },
          { key: 0, bytes: 998 },
          { key: 0, bytes: 0 },
        ],
        checkpointAt: 0,
        isClosed: false,
      },
      { puts: [{ key: 0, bytes: 1 }], checkpointAt: 0, isClosed: false },
    ],
    'both slots',
  ],
]

class Run {
  readonly copies: Uint8Array[] = []
  readonly content: Content = new Map()
  disk: SimulatedFileSystem
  #changes = 0
  #serial = 0

  constructor(disk: SimulatedFileSystem) {
    this.disk = disk
  }

  async live({ puts, checkpointAt, isClosed }: Life): Promise<void> {
    const watched = new WatchedFileSystem(this.disk, () => this.#copy())
    const { db, runtime } = await openLab(watched)
    const rows = this.content.get('t') ?? new Map<string, Uint8Array>()
    for (const [i, { key, bytes }] of puts.entries()) {
      const value = contentOf(++this.#serial, bytes)
      await drive(runtime, tableOf(db, 't').put(keyOf(0, key), value))
      this.content.set('t', rows.set(keyOf(0, key), value))
      if (i === checkpointAt) await drive(runtime, db.checkpoint())
    }
    if (isClosed) await drive(runtime, db.close())
    this.disk = this.disk.crash({ mode: 'kill' })
  }

  #copy(): void {
    if (this.#changes++ % COPY_EVERY === 0) this.copies.push(this.disk.contentOf(DATA_FILE_NAME))
  }

  /** Opens with this data file; false when that is refused. */
  async isOpenedWith(copy: Uint8Array, damage: MasterDamage): Promise<boolean> {
    const image = this.disk.crash({ mode: 'kill' })
    image.placeFile(DATA_FILE_NAME, copy)
    damageMaster(image, damage)
    try {
      const { db } = await openLab(image)
      expect(firstDifference(this.content, await readAll(db))).toBeUndefined()
      return true
    } catch (error) {
      if (!AriesError.is(error)) throw error
      expect(error.message).toMatch(damage === 'none' ? REFUSED : REFUSED_WITHOUT_MASTER)
      return false
    }
  }
}

test(
  'is refused, or has all that redo needs',
  async () => {
    let refused = 0
    let opened = 0
    const property = fc.asyncProperty(
      fc.array(life, { minLength: 1, maxLength: 4 }),
      masterDamage,
      async (lives, damage) => {
        const run = new Run(await newDisk())
        for (const each of lives) await run.live(each)
        for (const copy of run.copies) {
          if (await run.isOpenedWith(copy, damage)) opened++
          else refused++
        }
      },
    )
    await checkProperty(property, { numRuns: runsOf(RUNS), examples: EXAMPLES }, ([lives, damage]) =>
      [damage, ...lives.map((each) => JSON.stringify(each))].join('\n'),
    )
    expect(refused).toBeGreaterThan(RUNS)
    expect(opened).toBeGreaterThan(RUNS)
  },
  TIMEOUT_MS,
)
