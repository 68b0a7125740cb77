/**
 * The working process of the demo, the one that gets killed: a few loaders that carry out steps and a
 * number of clients that make transfers, all at once in one database, each transaction durable before
 * it is acknowledged.
 */
import { type Database, open, type Transaction } from '../../index.ts'
import { readPlaces } from './places.ts'
import {
  batchOf,
  citiesOf,
  cityAt,
  cityKey,
  indexKey,
  makePlan,
  type Plan,
  revisionOf,
  transferAt,
  transferKey,
} from './plan.ts'
import { encodeMessage, type Job, type Message } from './protocol.ts'
import { type Tables, tablesOf } from './tables.ts'

const LOADERS = 4
export const TRANSFER_CLIENTS = 16
const MIB = 1 << 20
/** Loaders give the others a turn after so many cities, so that a batch stays open over several flushes. */
const CITIES_PER_TURN = 20

type Tell = (message: Message) => void

/** Works until all is done, or until it is killed. */
export async function work(job: Job): Promise<void> {
  const plan = makePlan(job.seed, readPlaces(job.source))
  const database = await open(job.directory, {
    durability: 'full',
    // Smaller than the data, so that pages of unfinished transactions reach the disk (steal).
    poolBytes: 16 * MIB,
    checkpointBytes: 8 * MIB,
  })
  const worker = new Worker(database, plan, (message) => process.stdout.write(encodeMessage(message)))
  await worker.run(job)
  await database.close()
}

class Worker {
  readonly #database: Database
  readonly #tables: Tables
  readonly #plan: Plan
  readonly #tell: Tell
  #nextTransfer = 0
  #isDone = false

  constructor(database: Database, plan: Plan, tell: Tell) {
    this.#database = database
    this.#tables = tablesOf(database)
    this.#plan = plan
    this.#tell = tell
  }

  async run(job: Job): Promise<void> {
    this.#tell({ event: 'ready' })
    this.#nextTransfer = job.nextTransfer
    const clients = Promise.all(Array.from({ length: TRANSFER_CLIENTS }, () => this.#makeTransfers()))
    await Promise.race([this.#doAllSteps(job), clients])
    this.#isDone = job.endsWhenDone
    await clients
  }

  /** First all inserts, then all renamings: a batch must be there before it can be renamed. */
  async #doAllSteps(job: Job): Promise<void> {
    const { batches, steps } = this.#plan
    const left = [...job.missedSteps]
    for (let step = job.nextStep; step < steps; step++) left.push(step)
    await this.#doSteps(left.filter((step) => step < batches))
    await this.#doSteps(left.filter((step) => step >= batches))
  }

  async #doSteps(steps: readonly number[]): Promise<void> {
    const queue = steps.values()
    const loader = async (): Promise<void> => {
      for (const step of queue) await this.#doStep(step)
    }
    await Promise.all(Array.from({ length: LOADERS }, loader))
  }

  async #doStep(step: number): Promise<void> {
    this.#tell({ event: 'begin', kind: 'step', id: step })
    await this.#database.transaction(async (tx) => {
      for (const id of citiesOf(this.#plan, batchOf(this.#plan, step))) {
        await this.#putCity(tx, id, revisionOf(this.#plan, step))
        if (id % CITIES_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve))
      }
    })
    this.#tell({ event: 'commit', kind: 'step', id: step })
  }

  /** The row and its index entry change together. */
  async #putCity(tx: Transaction, id: number, revision: number): Promise<void> {
    const { cities, citiesByName } = this.#tables
    const key = cityKey(id)
    const city = cityAt(this.#plan, id, revision)
    const old = await tx.get(cities, key, { forUpdate: true })
    if (old !== undefined) await tx.delete(citiesByName, indexKey(old, key))
    await tx.put(cities, key, city)
    await tx.put(citiesByName, indexKey(city, key), key)
  }

  async #makeTransfers(): Promise<void> {
    while (!this.#isDone) {
      const id = this.#nextTransfer++
      this.#tell({ event: 'begin', kind: 'transfer', id })
      const isMade = await this.#database.transaction((tx) => this.#transfer(tx, id), {
        attempts: Number.POSITIVE_INFINITY,
      })
      this.#tell({ event: isMade ? 'commit' : 'abort', kind: 'transfer', id })
    }
  }

  /** Moves the amount and writes down that it was moved; whether the client stayed with it. */
  async #transfer(tx: Transaction, id: number): Promise<boolean> {
    const { accounts, transfers } = this.#tables
    const { from, to, amount, isCalledOff } = transferAt(this.#plan, id)
    const balance = await tx.get(accounts, from, { forUpdate: true })
    await tx.put(accounts, from, (balance ?? 0) - amount)
    const otherBalance = await tx.get(accounts, to, { forUpdate: true })
    await tx.put(accounts, to, (otherBalance ?? 0) + amount)
    await tx.put(transfers, transferKey(id), { from, to, amount })
    if (isCalledOff) await tx.abort()
    return !isCalledOff
  }
}
