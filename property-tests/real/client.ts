/**
 * One client of the working process: one transaction after the other, each drawn anew.
 *
 *   own       puts and deletes of the client's own rows over three tables, few or many, short or long
 *   counters  a few counters that all clients share are read and raised, in any order: so clients wait
 *             for each other, deadlock, run into timeouts, and try again
 *   clear     a range of its own rows is emptied
 *   scratch   a table of its own is dropped, or made and filled
 *
 * Now and then part of it is rolled back to a savepoint, or all of it aborted, and pauses keep some
 * transactions open while many others commit.
 */
import { setImmediate, setTimeout } from 'node:timers/promises'
import { type Random, randomBelow } from '../../src/common/random.ts'
import {
  AriesError,
  buffer,
  type Database,
  type Durability,
  type Table,
  type Transaction,
  utf8,
} from '../../src/index.ts'
import { type Change, tell } from './protocol.ts'
import { COUNTER_BYTES, COUNTERS, stampOf, valueFor } from './rows.ts'

type Rows = Table<string, Uint8Array>

const TABLES = ['alpha', 'beta', 'gamma']
const ROWS_A_CLIENT = 60
const COUNTER_ROWS = 16
const STEPS_MAX = 6
/** So many steps have the batch that is one in eighty. */
const STEPS_OF_A_BATCH = 80
const SHORT_BYTES = 240
/** Several overflow pages of 4 KiB. */
const LONG_BYTES = 30_000
const LONG_PAUSE_MS = 25
const LEVELS: readonly Durability[] = ['full', 'full', 'lazy', 'none']
/** After the engine has stopped a client goes on asking so often: it must get nothing. */
const TRIES_AFTER_FAILURE = 5
const PAUSE_AFTER_FAILURE_MS = 5
const PAUSE_WHEN_FULL_MS = 10

/** What all clients of a process share. */
export interface Office {
  readonly database: Database
  readonly random: Random
  /** A number that no other commit of this process has, ascending. */
  nextId(): number
  /** A number that no other value has in any process. */
  nextStamp(): number
  isStopping(): boolean
}

export class Client {
  readonly #office: Office
  readonly #name: string
  #failures = 0

  constructor(office: Office, index: number) {
    this.#office = office
    this.#name = `client-${String(index).padStart(2, '0')}`
  }

  /** Works until it is told to stop, or the engine has stopped. */
  async run(): Promise<void> {
    const { database } = this.#office
    while (!this.#office.isStopping() && this.#failures < TRIES_AFTER_FAILURE) {
      try {
        await database.transaction((tx, attempt) => this.#attempt(tx, attempt), { attempts: Number.POSITIVE_INFINITY })
      } catch (error) {
        await this.#failed(error)
      }
    }
  }

  async #failed(error: unknown): Promise<void> {
    const code = AriesError.is(error) ? error.code : 'none'
    const message = error instanceof Error ? (code === 'none' ? (error.stack ?? '') : error.message) : String(error)
    if (code === 'DISK_FULL') {
      tell({ event: 'full', code, message })
      await setTimeout(PAUSE_WHEN_FULL_MS)
      return
    }
    this.#failures++
    tell({ event: 'failed', code, message })
    await setTimeout(PAUSE_AFTER_FAILURE_MS)
  }

  async #attempt(tx: Transaction, attempt: number): Promise<void> {
    if (attempt > 1) tell({ event: 'rolled-back', code: 'retried' })
    const transaction = new DrawnTransaction(this.#office, tx, this.#name)
    await transaction.change()
    const { random } = this.#office
    if (random() < 0.08) {
      await tx.abort()
      tell({ event: 'rolled-back', code: undefined })
      return
    }
    const { changes } = transaction
    const durability = LEVELS[randomBelow(random, LEVELS.length)] as Durability
    const id = this.#office.nextId()
    // Nothing comes between this line and the commit record, so the lines are in the order of the log.
    if (changes.length > 0) tell({ event: 'ask', id, durability, changes })
    await tx.commit({ durability })
    if (changes.length > 0) tell({ event: 'ack', id })
  }
}

/** What one attempt does, and the list of what it did. */
class DrawnTransaction {
  /** The changes that stand, without those that were rolled back. */
  readonly changes: Change[] = []
  readonly #office: Office
  readonly #tx: Transaction
  readonly #name: string

  constructor(office: Office, tx: Transaction, name: string) {
    this.#office = office
    this.#tx = tx
    this.#name = name
  }

  async change(): Promise<void> {
    await this.#some()
    if (this.#draw(4) !== 0) return
    const mark = this.changes.length
    const savepoint = await this.#tx.savepoint()
    await this.#some()
    if (this.#draw(2) === 0) {
      await this.#tx.rollbackTo(savepoint)
      this.changes.length = mark
    }
    if (this.#draw(2) === 0) await this.#some()
  }

  async #some(): Promise<void> {
    const kind = this.#draw(80)
    if (kind < 48) await this.#changeOwn(kind === 0 ? STEPS_OF_A_BATCH : 1 + this.#draw(STEPS_MAX))
    else if (kind < 72) await this.#raiseCounters(1 + this.#draw(3))
    else if (kind < 77) await this.#clear()
    else await this.#changeScratch()
    if (this.#draw(80) === 0) await setTimeout(LONG_PAUSE_MS)
  }

  async #changeOwn(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) {
      const table = this.#table(TABLES[this.#draw(TABLES.length)] as string)
      const key = `${this.#name}-${String(this.#draw(ROWS_A_CLIENT)).padStart(3, '0')}`
      if (this.#draw(4) !== 0) await this.#put(table, key, this.#office.nextStamp(), this.#size())
      else if (await this.#tx.delete(table, key)) this.changes.push({ kind: 'delete', table: table.name, key })
      if (this.#draw(3) === 0) await setImmediate()
    }
  }

  async #raiseCounters(count: number): Promise<void> {
    const table = this.#table(COUNTERS)
    for (let i = 0; i < count; i++) {
      const key = `counter-${this.#draw(COUNTER_ROWS)}`
      const value = await this.#tx.get(table, key, { forUpdate: this.#draw(3) !== 0 })
      if (this.#draw(2) === 0) await setImmediate()
      await this.#put(table, key, value === undefined ? 1 : stampOf(value) + 1, COUNTER_BYTES)
    }
  }

  async #clear(): Promise<void> {
    const table = this.#table(TABLES[this.#draw(TABLES.length)] as string)
    const from = this.#draw(ROWS_A_CLIENT)
    const range = {
      gte: `${this.#name}-${String(from).padStart(3, '0')}`,
      lt: `${this.#name}-${String(from + this.#draw(ROWS_A_CLIENT)).padStart(3, '0')}`,
      forUpdate: true,
    }
    const keys: string[] = []
    for await (const [key] of this.#tx.range(table, range)) keys.push(key)
    await this.#tx.clear(table, range)
    for (const key of keys) this.changes.push({ kind: 'delete', table: table.name, key })
  }

  async #changeScratch(): Promise<void> {
    const table = this.#table(`scratch-${this.#name}`)
    const isThere = (await this.#tx.tables()).includes(table.name)
    if (isThere) await this.#tx.dropTable(table)
    else await this.#tx.createTable(table)
    this.changes.push({ kind: isThere ? 'drop' : 'create', table: table.name })
    if (isThere) return
    for (let row = this.#draw(30); row > 0; row--)
      await this.#put(table, `row-${row}`, this.#office.nextStamp(), this.#size())
  }

  async #put(table: Rows, key: string, stamp: number, size: number): Promise<void> {
    await this.#tx.put(table, key, valueFor(stamp, size))
    this.changes.push({ kind: 'put', table: table.name, key, stamp, size })
  }

  /** Mostly short, sometimes as long as a page, seldom over many pages. */
  #size(): number {
    const kind = this.#draw(60)
    return kind === 0 ? this.#draw(LONG_BYTES) : kind < 4 ? this.#draw(4_000) : this.#draw(SHORT_BYTES)
  }

  #table(name: string): Rows {
    return this.#office.database.table(name, { key: utf8, value: buffer })
  }

  #draw(bound: number): number {
    return randomBelow(this.#office.random, bound)
  }
}
