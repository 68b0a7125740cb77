/**
 * Writing over what has committed and is not durable yet, on a disk whose syncs take time. Whoever writes without
 * looking need not wait for the disk; so of each key several commits may be under way. Nobody sees, in any way of
 * reading, what a power cut at that moment would take back, and what is acknowledged it does not take back; and who
 * holds a snapshot sees the same all the time (I18, I21, I34). Some transactions are large ones, which do not let
 * others overwrite anything, and whose older values are looked up in the log.
 *
 * Values are numbered in the order in which they are written, which need not be that of the calls: a put that is a
 * deadlock's victim is run again, after others that came later. So a value gets its number when it is encoded: whoever
 * has waited, or is run again, encodes it anew, and the last time it is written in the same step. Some take the number
 * of the value before them, so that they may put what is there already, durable or not.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AriesError } from '../src/common/errors.ts'
import { buffer, type Codec, utf8 } from '../src/database/codecs.ts'
import type { Database } from '../src/database/database.ts'
import type { Snapshot } from '../src/database/snapshot.ts'
import type { Table } from '../src/database/table.ts'
import type { Savepoint, Transaction } from '../src/database/transaction.ts'
import type { SimulatedFileSystem } from '../src/io/simulated-file-system.ts'
import type { Durability } from '../src/txn/transaction-manager.ts'
import { drive, idle, type Lab, newDisk, openLab, SEGMENT_BYTES } from './lab.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const RUNS = 250
const KEYS = ['a', 'b'] as const
const CLIENTS = 3
const SYNC_MS = 3
/** More log than a quarter of a segment makes a transaction a large one. */
const LARGE = new Uint8Array(SEGMENT_BYTES / 3)
const STEPS_MAX = 20
/** So many looks at the disk a run. */
const LOOKS_MAX = 12

/** Errors that a client gets over. A large transaction keeps its locks until it is durable, and the clock is moved on. */
const PASSING = new Set(['TX_DEADLOCK', 'TX_CLOSED', 'TX_LOCK_TIMEOUT'])

type Key = (typeof KEYS)[number]
/** What a transaction does. */
type Act =
  | { readonly do: 'write'; readonly by: number; readonly key: Key; readonly isAgain?: boolean }
  | { readonly do: 'read'; readonly by: number; readonly key: Key }
  | { readonly do: 'begin'; readonly by: number; readonly durability: Durability }
  | { readonly do: 'writeMuch'; readonly by: number; readonly key: Key; readonly commits: boolean }
  | { readonly do: 'savepoint' | 'rollbackTo' | 'commit' | 'abort' | 'grow'; readonly by: number }
type Step =
  | Act
  | { readonly do: 'put'; readonly key: Key; readonly isAgain?: boolean }
  | { readonly do: 'get' | 'snapshot'; readonly key: Key }
  | { readonly do: 'time' | 'hold' }

const by = fc.nat(CLIENTS - 1)
const key = fc.constantFrom(...KEYS)
const isAgain = fc.constantFrom(false, false, true)
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('put' as const), key, isAgain }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('get' as const, 'snapshot'), key }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('write' as const), by, key, isAgain }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('read' as const), by, key }) },
    {
      weight: 1,
      arbitrary: fc.record({
        do: fc.constant('begin' as const),
        by,
        durability: fc.constantFrom<Durability>('lazy', 'none'),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: fc.constantFrom('savepoint' as const, 'rollbackTo', 'commit', 'commit', 'abort'),
        by,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ do: fc.constant('writeMuch' as const), by, key, commits: fc.boolean() }),
    },
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('time' as const, 'hold') }) },
  ),
  { minLength: 3, maxLength: STEPS_MAX, size: 'max' },
)

/** A value and its number, which is that of its last attempt. */
interface Numbered {
  number: number
  /** Whether it is the same as the value that was numbered before it. */
  readonly isAgain?: boolean
}

function numbering(): Codec<Numbered> {
  let count = 0
  return {
    encode(value) {
      if (value.isAgain !== true) count++
      value.number = count
      // Of different lengths, so that what is undone on the wrong value does not come out right by luck.
      return new Uint8Array([...new Uint8Array(count % 3), count >>> 8, count & 255])
    },
    decode: (bytes) => ({ number: ((bytes.at(-2) as number) << 8) | (bytes.at(-1) as number) }),
  }
}

const tableIn = (db: Database): Table<string, Numbered> => db.table('t', { key: utf8, value: numbering() })
const largeIn = (db: Database): Table<string, Uint8Array> => db.table('large', { key: utf8, value: buffer })

/** What had been shown or acknowledged at a moment, and the disk as a power cut would leave it then. */
interface Look {
  readonly key: Key
  readonly value: Numbered
  /** Not the value itself was acknowledged, but what puts of their own had written there before it. */
  readonly isAfter: boolean
  readonly image: SimulatedFileSystem
}

/** A client's transaction. One operation of it is under way at a time. */
class Client {
  readonly tx: Transaction
  readonly durability: Durability
  readonly read = new Set<Key>()
  readonly written: Numbered[] = []
  /** What it has written last of each key: whoever hears of its commit hears of what was there before. */
  readonly last = new Map<Key, Numbered>()
  savepoint: Savepoint | undefined
  isBusy = false

  constructor(tx: Transaction, durability: Durability) {
    this.tx = tx
    this.durability = durability
  }
}

class Run {
  readonly #lab: Lab
  readonly #disk: SimulatedFileSystem
  readonly #table: Table<string, Numbered>
  readonly #clients = new Map<number, Client>()
  readonly #work: Promise<void>[] = []
  /** The values of puts of their own. */
  readonly #puts: { readonly key: Key; readonly value: Numbered }[] = []
  /** What need not be durable when it is seen: the values of those who commit at a lower level. */
  readonly #lazy: Numbered[] = []
  readonly #looks: Look[] = []
  #held: { readonly snapshot: Snapshot; readonly shown: (number | undefined)[] } | undefined

  /** With the table made before: who waits for that is not let in in the order of the calls. */
  static async begin(): Promise<Run> {
    const disk = await newDisk()
    const lab = await openLab(disk)
    const table = tableIn(lab.db)
    for (const each of KEYS) await table.put(each, { number: 0 })
    await largeIn(lab.db).put('made', LARGE)
    return new Run(lab, disk, table)
  }

  private constructor(lab: Lab, disk: SimulatedFileSystem, table: Table<string, Numbered>) {
    this.#lab = lab
    this.#disk = disk
    this.#table = table
    disk.runtime = lab.runtime
    disk.inject('sync', { effect: 'slow', delayMs: SYNC_MS }, { times: Number.POSITIVE_INFINITY })
  }

  async take(step: Step): Promise<void> {
    if (step.do === 'time') this.#lab.runtime.advance(1)
    else if (step.do === 'put') this.#start(this.#putAlone(step.key, step.isAgain))
    else if (step.do === 'get') this.#start(this.#get(step.key))
    else if (step.do === 'snapshot') this.#lookAtSnapshot(step.key)
    else if (step.do === 'hold') this.#hold()
    else {
      // Making room in the log takes the disk a while. What counts comes after it.
      if (step.do === 'writeMuch') await drive(this.#lab.runtime, this.#act({ do: 'grow', by: step.by }))
      this.#start(this.#act(step as Act))
    }
    await idle()
    await idle()
  }

  #start(work: Promise<void>): void {
    this.#work.push(work)
    // What is wrong is said in the end.
    work.catch(() => undefined)
  }

  async #putAlone(each: Key, isAgain = false): Promise<void> {
    const value = { number: 0, isAgain }
    const put = { key: each, value }
    this.#puts.push(put)
    try {
      await this.#table.put(each, value)
    } catch (error) {
      if (!AriesError.is(error) || error.code !== 'TX_LOCK_TIMEOUT') throw error
      this.#puts.splice(this.#puts.indexOf(put), 1)
      return
    }
    this.#look(each, value, false)
  }

  async #get(each: Key): Promise<void> {
    this.#mustBeDurable(each, await this.#table.get(each))
  }

  #lookAtSnapshot(each: Key): void {
    using snapshot = this.#lab.db.snapshot()
    this.#mustBeDurable(each, snapshot.get(this.#table, each))
  }

  /** Opens a snapshot, or looks whether the one that is held shows what it did, and closes it. */
  #hold(): void {
    if (this.#held === undefined) {
      const snapshot = this.#lab.db.snapshot()
      this.#held = { snapshot, shown: this.#shownBy(snapshot) }
    } else {
      const { snapshot, shown } = this.#held
      expect(this.#shownBy(snapshot), 'a snapshot stays as it is').toEqual(shown)
      snapshot.close()
      this.#held = undefined
    }
  }

  #shownBy(snapshot: Snapshot): (number | undefined)[] {
    return KEYS.map((each) => snapshot.get(this.#table, each)?.number)
  }

  async #act(step: Act): Promise<void> {
    const client = this.#clientOf(step)
    if (client.isBusy) return
    client.isBusy = true
    try {
      if (step.do === 'grow') await client.tx.put(largeIn(this.#lab.db), `${step.by}`, LARGE)
      else if (step.do === 'writeMuch') await this.#writeMuch(client, step)
      else if (step.do === 'write') await this.#write(client, step.key, step.isAgain)
      else if (step.do === 'read') await this.#read(client, step.key)
      else if (step.do === 'savepoint') client.savepoint = await client.tx.savepoint()
      else if (step.do === 'rollbackTo') await (client.savepoint && client.tx.rollbackTo(client.savepoint))
      else if (step.do !== 'begin') await this.#end(client, step)
    } catch (error) {
      if (!AriesError.is(error) || !PASSING.has(error.code)) throw error
    } finally {
      client.isBusy = false
    }
  }

  #clientOf(step: Act): Client {
    const known = this.#clients.get(step.by)
    if (known?.tx.isActive || known?.isBusy) return known
    const durability = step.do === 'begin' ? step.durability : 'full'
    const client = new Client(this.#lab.db.begin({ durability }), durability)
    this.#clients.set(step.by, client)
    return client
  }

  /** Who has read a key would go before others who wait to write it. */
  async #write(client: Client, each: Key, isAgain = false): Promise<void> {
    if (client.read.has(each)) return
    const value = { number: 0, isAgain }
    client.written.push(value)
    if (client.durability !== 'full') this.#lazy.push(value)
    await client.tx.put(this.#table, each, value)
    client.last.set(each, value)
  }

  async #writeMuch(client: Client, step: Extract<Act, { do: 'writeMuch' }>): Promise<void> {
    await this.#write(client, step.key)
    if (step.commits) await this.#end(client, { do: 'commit', by: step.by })
  }

  async #read(client: Client, each: Key): Promise<void> {
    client.read.add(each)
    const value = await client.tx.get(this.#table, each)
    if (!client.written.some(isSame(value))) this.#mustBeDurable(each, value)
  }

  async #end({ tx, last }: Client, step: Act): Promise<void> {
    if (step.do !== 'commit') return tx.abort()
    await tx.commit()
    for (const [each, value] of last) this.#look(each, value, true)
  }

  #mustBeDurable(each: Key, value: Numbered | undefined): void {
    if (!this.#lazy.some(isSame(value))) this.#look(each, value as Numbered, false)
  }

  #look(each: Key, value: Numbered, isAfter: boolean): void {
    if (this.#looks.length === LOOKS_MAX) return
    this.#looks.push({ key: each, value, isAfter, image: this.#disk.crash({ mode: 'none' }) })
  }

  /** Ends everything; then looks at what a power cut would have left at each moment. */
  async finish(): Promise<void> {
    for (const { tx } of this.#clients.values()) if (tx.isActive) this.#start(tx.abort())
    await drive(this.#lab.runtime, Promise.all(this.#work))
    if (this.#held !== undefined) this.#hold()
    await drive(this.#lab.runtime, this.#lab.db.close())
    for (const look of this.#looks) {
      const { db } = await openLab(look.image)
      const left = await tableIn(db).get(look.key)
      await db.close()
      const least = this.#leastOf(look)
      expect(left?.number ?? 0, `${least} under ${look.key} was shown or acknowledged`).toBeGreaterThanOrEqual(least)
    }
  }

  /** The number of what was shown or acknowledged, now that all have ended and every value has its number. */
  #leastOf({ key: each, value, isAfter }: Look): number {
    if (!isAfter) return value.number
    const before = this.#puts.filter((put) => put.key === each && put.value.number < value.number)
    return Math.max(0, ...before.map((put) => put.value.number))
  }
}

const isSame =
  (a: Numbered | undefined) =>
  (b: Numbered): boolean =>
    a?.number === b.number

/** A put becomes a deadlock's victim, and is run again after those that came later. */
const VICTIM_COMES_LATER: Step[] = [
  { do: 'write', by: 1, key: 'a' },
  { do: 'read', by: 0, key: 'b' },
  { do: 'put', key: 'b' },
  { do: 'put', key: 'b' },
  { do: 'put', key: 'b' },
  { do: 'read', by: 1, key: 'b' },
  { do: 'write', by: 0, key: 'a' },
  { do: 'put', key: 'a' },
]

/** A lazy commit has overwritten what is not durable yet, and is looked at before that is. */
const LAZY_COMMIT_OVER_ANOTHER: Step[] = [
  { do: 'begin', by: 0, durability: 'lazy' },
  { do: 'put', key: 'b' },
  { do: 'write', by: 0, key: 'b' },
  { do: 'commit', by: 0 },
  { do: 'time' },
  { do: 'write', by: 0, key: 'a' },
  { do: 'put', key: 'a' },
]

/** Who has overwritten what is not durable yet takes that back, and reads what was there. */
const TAKEN_BACK_AND_READ: Step[] = [
  { do: 'put', key: 'b' },
  { do: 'savepoint', by: 1 },
  { do: 'write', by: 1, key: 'b' },
  { do: 'write', by: 0, key: 'a' },
  { do: 'rollbackTo', by: 1 },
  { do: 'read', by: 1, key: 'b' },
]

/** Who began first overwrites the other, and their undo chains are read for the first reader of versions (I34). */
const FIRST_OVERWRITES_SECOND: Step[] = [
  { do: 'read', by: 0, key: 'a' },
  { do: 'put', key: 'b', isAgain: false },
  { do: 'write', by: 0, key: 'b', isAgain: false },
  { do: 'time' },
  { do: 'time' },
  { do: 'get', key: 'b' },
]

/** A large transaction overwrites what a small one has not made durable yet, whose change is then taken back for a reader. */
const LARGE_OVERWRITES_SMALL: Step[] = [
  { do: 'writeMuch', by: 0, key: 'b', commits: false },
  { do: 'put', key: 'a' },
  { do: 'time' },
  { do: 'time' },
  { do: 'time' },
  { do: 'time' },
  { do: 'time' },
  { do: 'time' },
  { do: 'put', key: 'a' },
  { do: 'write', by: 0, key: 'a' },
  { do: 'get', key: 'a' },
]

/** A snapshot is opened while the COMMIT of a large transaction is on its way to the disk. */
const OPENED_BESIDE_A_LARGE_COMMIT: Step[] = [
  { do: 'writeMuch', by: 0, key: 'a', commits: true },
  { do: 'hold' },
  { do: 'put', key: 'a' },
  { do: 'get', key: 'a' },
  { do: 'time' },
  { do: 'time' },
  { do: 'time' },
  { do: 'time' },
  { do: 'hold' },
]

/** Another transaction commits at a lower level while the COMMIT of a large one is on its way to the disk. */
const COMMIT_BESIDE_A_LARGE_COMMIT: Step[] = [
  { do: 'begin', by: 1, durability: 'none' },
  { do: 'write', by: 1, key: 'b' },
  { do: 'writeMuch', by: 0, key: 'a', commits: true },
  { do: 'commit', by: 1 },
  { do: 'get', key: 'a' },
]

const EXAMPLES: [Step[]][] = [
  [COMMIT_BESIDE_A_LARGE_COMMIT],
  [LARGE_OVERWRITES_SMALL],
  [OPENED_BESIDE_A_LARGE_COMMIT],
  [VICTIM_COMES_LATER],
  [LAZY_COMMIT_OVER_ANOTHER],
  [TAKEN_BACK_AND_READ],
  [FIRST_OVERWRITES_SECOND],
]

test(
  'what is overwritten before it is durable is neither shown nor lost',
  async () => {
    const property = fc.asyncProperty(steps, async (list) => {
      const run = await Run.begin()
      for (const step of list) await run.take(step)
      await run.finish()
    })
    const parameters = { numRuns: runsOf(RUNS), examples: EXAMPLES }
    await checkProperty(property, parameters, ([list]: [Step[]]) => JSON.stringify(list))
  },
  TIMEOUT_MS,
)
