/**
 * Small workloads whose crash states are explored: fixed ones, each for one thing that recovery has to
 * get right, and ones drawn from a seed, in which three clients take turns on keys and tables of their
 * own, so that none ever waits for another. They tell the model what they ask for as they go, so that at every moment it is known
 * what a crash must leave and may leave.
 */
import { AriesError } from '../../src/common/errors.ts'
import { type Random, randomBelow, randomFrom } from '../../src/common/random.ts'
import { pickOne } from '../../src/io/simulated-changes.ts'
import type { Durability } from '../../src/txn/transaction-manager.ts'
import { contentOf, keyOf } from '../commands/script.ts'
import { type Lab, tableOf } from '../lab.ts'
import type { Effect, Model } from '../model.ts'

/** A transaction as a workload writes it down. */
export class Writer {
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

  async putMany(table: string, rows: readonly (readonly [string, Uint8Array])[]): Promise<void> {
    await this.#tx.putMany(tableOf(this.#lab.db, table), rows)
    for (const [key, value] of rows) this.effects.push({ kind: 'put', table, key, value })
  }

  /** A transaction that only deletes what is not there has written nothing, and its commit makes nothing durable. */
  async delete(table: string, key: string): Promise<void> {
    const existed = await this.#tx.delete(tableOf(this.#lab.db, table), key)
    if (existed) this.effects.push({ kind: 'delete', table, key })
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

  async prepare(model: Model, name: string): Promise<void> {
    const done = this.#tx.prepare(name)
    const prepared = model.prepare(name, this.effects)
    await done
    prepared.acknowledged = true
  }
}

/** Ends the transaction that was prepared as `name`. */
async function decide(lab: Lab, model: Model, name: string, outcome: 'commit' | 'abort'): Promise<void> {
  const done = lab.db
    .inDoubt()
    .find((inDoubt) => inDoubt.name === name)
    ?.[outcome]()
  const decided = model.decide(name, outcome, 'full')
  await done
  decided.acknowledged = true
}

export interface Workload {
  readonly name: string
  /** There is no database yet, and making it belongs to the workload. */
  readonly onEmptyDisk?: boolean
  /** Brings the database to where the crashes begin. */
  readonly before?: (lab: Lab, model: Model) => Promise<void>
  /** Closes the database after that and opens it again, so that no restart has to repeat it. */
  readonly reopens?: boolean
  readonly run: (lab: Lab, model: Model) => Promise<void>
}

async function fill(lab: Lab, model: Model, table: string, count: number, bytes: number, serial = 1): Promise<void> {
  const writer = new Writer(lab)
  for (let i = 0; i < count; i++) await writer.put(table, keyOf(0, i), contentOf(serial * 1000 + i, bytes))
  await writer.commit(model)
}

const flush = (lab: Lab, model: Model): Promise<void> => model.flushing(() => lab.db.flush())

const amount = (value: number): Uint8Array => new TextEncoder().encode(String(value))

export const WORKLOADS: readonly Workload[] = [
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
    name: 'a loser whose undo needs room beside the ghosts of another',
    before: (lab, model) => fill(lab, model, 't', 12, 300),
    run: async (lab, model) => {
      const deletes = new Writer(lab)
      for (let i = 0; i < 3; i++) await deletes.delete('t', keyOf(0, i))
      const shrinks = new Writer(lab)
      for (let i = 3; i < 7; i++) await shrinks.put('t', keyOf(0, i), contentOf(i, 10))
      const taker = new Writer(lab)
      for (let i = 20; i < 23; i++) await taker.put('t', keyOf(0, i), contentOf(i, 300))
      await taker.commit(model)
      await shrinks.abort()
      await flush(lab, model)
    },
  },
  {
    name: 'rows put together, which lie in several leaves when they are undone',
    before: (lab, model) => fill(lab, model, 't', 1, 10),
    run: async (lab, model) => {
      const loser = new Writer(lab)
      const far = [10, 20, 30, 40].map((i) => [keyOf(0, i), contentOf(i, 200)] as const)
      await loser.putMany('t', far)
      const between = new Writer(lab)
      const near = [12, 14, 16, 22, 24, 26, 32, 34, 36, 42].map((i) => [keyOf(0, i), contentOf(i, 700)] as const)
      await between.putMany('t', near)
      await between.commit(model)
      const more = [11, 21, 31, 41].map((i) => [keyOf(0, i), contentOf(i, 100)] as const)
      await loser.undone(() => loser.putMany('t', more))
      await loser.abort()
      await flush(lab, model)
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
      await flush(lab, model)
      await aborted.abort()
      await flush(lab, model)
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
  {
    name: 'transactions are prepared, and end one after the other',
    before: async (lab, model) => {
      await fill(lab, model, 't', 12, 300)
      await fill(lab, model, 'long', 2, 9_000)
    },
    run: async (lab, model) => {
      const [one, two, three] = [new Writer(lab), new Writer(lab), new Writer(lab)]
      await one.put('t', keyOf(0, 1), contentOf(1, 600))
      await one.undone(() => one.put('t', keyOf(0, 2), contentOf(2, 9_000)))
      await one.delete('long', keyOf(0, 0))
      await one.put('new', 'x', contentOf(3, 300))
      await one.prepare(model, 'one')
      await two.delete('t', keyOf(0, 5))
      await two.put('long', keyOf(0, 1), contentOf(4, 20_000))
      await two.prepare(model, 'two')
      await lab.db.checkpoint()
      await decide(lab, model, 'one', 'commit')
      await three.prepare(model, 'three')
      await decide(lab, model, 'two', 'abort')
      await lab.db.close()
    },
  },
  {
    name: 'a dropped table is in doubt over a clean close',
    before: async (lab, model) => {
      await fill(lab, model, 't', 12, 300)
      const writer = new Writer(lab)
      await writer.put('other', 'x', contentOf(1, 9_000))
      await writer.prepare(model, 'before')
    },
    run: async (lab, model) => {
      const writer = new Writer(lab)
      await writer.drop('t')
      await writer.prepare(model, 'drop')
      await fill(lab, model, 'u', 3, 900)
      await lab.db.close()
    },
  },
  {
    name: 'making a database',
    onEmptyDisk: true,
    run: async (lab, model) => {
      await fill(lab, model, 't', 2, 60)
      await lab.db.close()
    },
  },
]

const CLIENTS = 3
/** Mostly little, so that restarts are short and crash points many; sometimes enough for splits and merges. */
const KEYS_MAX = [3, 8, 25]
const SIZES = [8, 60, 300, 900, 3000, 9000]
const DURABILITIES: readonly Durability[] = ['full', 'full', 'lazy', 'none']

/** The workload of a seed. */
export function drawnWorkload(seed: number): Workload {
  return {
    name: `drawn ${seed}`,
    reopens: seed % 4 !== 0,
    before: async (lab, model) => {
      const random = randomFrom(seed)
      await fill(lab, model, 'shared', 1 + randomBelow(random, 50), 300)
      if (random() < 0.5) await fill(lab, model, 'own 0', randomBelow(random, 6), pickOne(random, SIZES), 2)
    },
    run: async (lab, model) => {
      const random = randomFrom(seed ^ 0x5bd1_e995)
      const clients = Array.from({ length: CLIENTS }, (_, number) => new Client(lab, model, number, random))
      for (let steps = 5 + randomBelow(random, 14); steps > 0; steps--) {
        const what = random()
        if (what < 0.06) await lab.db.checkpoint()
        else if (what < 0.1) await flush(lab, model)
        else await pickOne(random, clients).step()
      }
      if (random() < 0.2) await lab.db.close()
    },
  }
}

/** A client of a drawn workload, and its transaction if one is open. */
class Client {
  readonly #lab: Lab
  readonly #model: Model
  readonly #number: number
  readonly #random: Random
  #writer: Writer | undefined
  #serial = 0

  constructor(lab: Lab, model: Model, number: number, random: Random) {
    this.#lab = lab
    this.#model = model
    this.#number = number
    this.#random = random
  }

  async step(): Promise<void> {
    this.#writer ??= new Writer(this.#lab)
    const writer = this.#writer
    const random = this.#random
    const what = random()
    if (what < 0.5) await this.#put(writer)
    else if (what < 0.65) await this.#delete(writer)
    else if (what < 0.73) await writer.undone(() => this.#put(writer))
    else if (what < 0.76) await this.#drop(writer)
    else {
      this.#writer = undefined
      if (what < 0.82) await writer.abort()
      else await writer.commit(this.#model, pickOne(random, DURABILITIES))
    }
  }

  async #put(writer: Writer): Promise<void> {
    const random = this.#random
    const [table, from] = this.#place()
    const bytes = pickOne(random, SIZES)
    const count = 1 + randomBelow(random, bytes > 1000 ? 3 : pickOne(random, KEYS_MAX))
    for (let i = 0; i < count; i++) await writer.put(table, this.#key(from + i), contentOf(this.#nextSerial(), bytes))
  }

  async #delete(writer: Writer): Promise<void> {
    const [table, from] = this.#place()
    const count = 1 + randomBelow(this.#random, pickOne(this.#random, KEYS_MAX))
    for (let i = 0; i < count; i++) await writer.delete(table, this.#key(from + i))
  }

  async #drop(writer: Writer): Promise<void> {
    try {
      await writer.drop(this.#own)
    } catch (error) {
      if (!AriesError.is(error) || error.code !== 'TABLE_NOT_FOUND') throw error
    }
  }

  #place(): [table: string, from: number] {
    return [this.#random() < 0.7 ? 'shared' : this.#own, randomBelow(this.#random, 60)]
  }

  get #own(): string {
    return `own ${this.#number}`
  }

  #key(index: number): string {
    return keyOf(0, index * CLIENTS + this.#number)
  }

  #nextSerial(): number {
    return ++this.#serial * CLIENTS + this.#number + 100_000
  }
}

const DRAWN_NAME = /^drawn (\d+)$/

/** The workload of this name. @throws when there is none */
export function workloadOf(name: string): Workload {
  const seed = DRAWN_NAME.exec(name)?.[1]
  const workload = seed === undefined ? WORKLOADS.find((each) => each.name === name) : drawnWorkload(Number(seed))
  if (workload === undefined) throw new Error(`there is no workload ${name}`)
  return workload
}
