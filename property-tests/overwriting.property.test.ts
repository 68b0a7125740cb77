/**
 * Writing over what has committed and is not durable yet, on a disk whose syncs take time. Whoever writes without
 * looking need not wait for the disk; so of each key several commits may be under way. Nobody sees, in any way of
 * reading, what a power cut at that moment would take back, and what is acknowledged it does not take back
 * (I18, I21, I34). Values of a key are numbered in the order in which they are written.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AriesError } from '../src/common/errors.ts'
import type { Savepoint, Transaction } from '../src/database/transaction.ts'
import type { SimulatedFileSystem } from '../src/io/simulated-file-system.ts'
import type { Durability } from '../src/txn/transaction-manager.ts'
import { drive, idle, type KeyTable, type Lab, newDisk, openLab, tableOf } from './lab.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const RUNS = 250
const KEYS = ['a', 'b'] as const
const CLIENTS = 3
const SYNC_MS = 3
/** So few milliseconds go by that no wait for a lock ends for lack of time. */
const STEPS_MAX = 19
/** So many looks at the disk a run. */
const LOOKS_MAX = 12

type Key = (typeof KEYS)[number]
/** What a transaction does. */
type Act =
  | { readonly do: 'write' | 'read'; readonly by: number; readonly key: Key }
  | { readonly do: 'begin'; readonly by: number; readonly durability: Durability }
  | { readonly do: 'savepoint' | 'rollbackTo' | 'commit' | 'abort'; readonly by: number }
type Step = Act | { readonly do: 'put' | 'get' | 'snapshot'; readonly key: Key } | { readonly do: 'time' }

const by = fc.nat(CLIENTS - 1)
const key = fc.constantFrom(...KEYS)
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('put' as const, 'put', 'get', 'snapshot'), key }) },
    { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('write' as const, 'write', 'read'), by, key }) },
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
    { weight: 2, arbitrary: fc.record({ do: fc.constant('time' as const) }) },
  ),
  { minLength: 3, maxLength: STEPS_MAX, size: 'max' },
)

const encode = (value: number): Uint8Array => new Uint8Array([value >>> 8, value & 255])
const decode = (bytes: Uint8Array | undefined): number =>
  bytes === undefined ? 0 : ((bytes[0] as number) << 8) | (bytes[1] as number)

/** A client's transaction. One operation of it is under way at a time. */
class Client {
  readonly tx: Transaction
  readonly durability: Durability
  readonly read = new Set<Key>()
  readonly written = new Set<number>()
  /** What puts of their own had written there before: whoever hears of this commit hears of those. */
  readonly overwritten = new Map<Key, number>()
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
  readonly #table: KeyTable
  readonly #clients = new Map<number, Client>()
  readonly #work: Promise<void>[] = []
  /** The value of the last put of its own of each key. */
  readonly #put = new Map<Key, number>()
  /** What need not be durable when it is seen: the values of those who commit at a lower level. */
  readonly #lazy = new Set<number>()
  /** What had been shown or acknowledged at a moment, and the disk as a power cut would leave it then. */
  readonly #looks: { readonly key: Key; readonly value: number; readonly image: SimulatedFileSystem }[] = []
  #value = 0

  /** With the table made before: who waits for that is not let in in the order of the calls. */
  static async begin(): Promise<Run> {
    const disk = await newDisk()
    const lab = await openLab(disk)
    for (const each of KEYS) await tableOf(lab.db, 't').put(each, encode(0))
    return new Run(lab, disk)
  }

  private constructor(lab: Lab, disk: SimulatedFileSystem) {
    this.#lab = lab
    this.#disk = disk
    this.#table = tableOf(lab.db, 't')
    disk.runtime = lab.runtime
    disk.inject('sync', { effect: 'slow', delayMs: SYNC_MS }, { times: Number.POSITIVE_INFINITY })
  }

  async take(step: Step): Promise<void> {
    if (step.do === 'time') this.#lab.runtime.advance(1)
    else if (step.do === 'put') this.#start(this.#putAlone(step.key))
    else if (step.do === 'get') this.#start(this.#get(step.key))
    else if (step.do === 'snapshot') this.#lookAtSnapshot(step.key)
    else this.#start(this.#act(step as Act))
    await idle()
    await idle()
  }

  #start(work: Promise<void>): void {
    this.#work.push(work)
    // What is wrong is said in the end.
    work.catch(() => undefined)
  }

  async #putAlone(each: Key): Promise<void> {
    const value = ++this.#value
    this.#put.set(each, value)
    await this.#table.put(each, encode(value))
    this.#mustBeDurable(each, value)
  }

  async #get(each: Key): Promise<void> {
    this.#mustBeDurable(each, decode(await this.#table.get(each)))
  }

  #lookAtSnapshot(each: Key): void {
    using snapshot = this.#lab.db.snapshot()
    this.#mustBeDurable(each, decode(snapshot.get(this.#table, each)))
  }

  async #act(step: Act): Promise<void> {
    const client = this.#clientOf(step)
    if (client.isBusy) return
    client.isBusy = true
    try {
      if (step.do === 'write') await this.#write(client, step.key)
      else if (step.do === 'read') await this.#read(client, step.key)
      else if (step.do === 'savepoint') client.savepoint = await client.tx.savepoint()
      else if (step.do === 'rollbackTo') await (client.savepoint && client.tx.rollbackTo(client.savepoint))
      else if (step.do !== 'begin') await this.#end(client, step)
    } catch (error) {
      if (!AriesError.is(error) || !['TX_DEADLOCK', 'TX_CLOSED'].includes(error.code)) throw error
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
  async #write(client: Client, each: Key): Promise<void> {
    if (client.read.has(each)) return
    const value = ++this.#value
    client.written.add(value)
    if (client.durability !== 'full') this.#lazy.add(value)
    const before = this.#put.get(each)
    await client.tx.put(this.#table, each, encode(value))
    if (before !== undefined) client.overwritten.set(each, before)
  }

  async #read(client: Client, each: Key): Promise<void> {
    client.read.add(each)
    const value = decode(await client.tx.get(this.#table, each))
    if (!client.written.has(value)) this.#mustBeDurable(each, value)
  }

  async #end({ tx, overwritten }: Client, step: Act): Promise<void> {
    if (step.do !== 'commit') return tx.abort()
    await tx.commit()
    for (const [each, value] of overwritten) this.#mustBeDurable(each, value)
  }

  #mustBeDurable(each: Key, value: number): void {
    if (this.#lazy.has(value) || this.#looks.length === LOOKS_MAX) return
    this.#looks.push({ key: each, value, image: this.#disk.crash({ mode: 'none' }) })
  }

  /** Ends everything; then looks at what a power cut would have left at each moment. */
  async finish(): Promise<void> {
    for (const { tx } of this.#clients.values()) if (tx.isActive) this.#start(tx.abort())
    await drive(this.#lab.runtime, Promise.all(this.#work))
    await drive(this.#lab.runtime, this.#lab.db.close())
    for (const { key: each, value, image } of this.#looks) {
      const { db } = await openLab(image)
      const left = decode(await tableOf(db, 't').get(each))
      await db.close()
      expect(left, `${value} under ${each} was shown or acknowledged`).toBeGreaterThanOrEqual(value)
    }
  }
}

test(
  'what is overwritten before it is durable is neither shown nor lost',
  async () => {
    const property = fc.asyncProperty(steps, async (list) => {
      const run = await Run.begin()
      for (const step of list) await run.take(step)
      await run.finish()
    })
    await checkProperty(property, { numRuns: runsOf(RUNS) }, ([list]: [Step[]]) => JSON.stringify(list))
  },
  TIMEOUT_MS,
)
