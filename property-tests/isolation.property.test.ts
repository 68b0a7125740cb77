/**
 * Many clients on few rows, without crashes: strict two-phase locking seen from outside (I21). Whoever
 * reads sees what is committed and his own changes, and what he has read stays so until he ends, whatever
 * others commit, roll back, or roll back to a savepoint meanwhile; into what he has read all of nothing
 * comes. Locks belong to open transactions only (I17). Rollbacks may be so long that they take several
 * turns, and syncs may take time. In many runs a few locks on keys are enough to ask for the whole table.
 *
 * In the end the database is closed while all this is under way: everything comes to its end, what was
 * acknowledged is there, and the next open has nothing to recover.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareBytes } from '../src/common/bytes.ts'
import { AriesError } from '../src/common/errors.ts'
import type { Database } from '../src/database/database.ts'
import type { Savepoint, Transaction } from '../src/database/transaction.ts'
import type { SimulatedFileSystem } from '../src/io/simulated-file-system.ts'
import type { Durability } from '../src/txn/transaction-manager.ts'
import { contentOf, keyOf } from './commands/script.ts'
import { Peeks } from './isolation/peeks.ts'
import { CLIENTS, EXAMPLES, MAKING, type Setting, type Step, setting, steps, TABLES } from './isolation/steps.ts'
import { drive, idle, type Lab, newDisk, openLab, readAll, tableOf } from './lab.ts'
import { type Effect, Model } from './model.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const RUNS = 200
/** More changes than one turn of a rollback undoes. */
const MANY = 600
const SYNC_MS = 3
/** So many times the locks after which the table is asked for, of those that read and of those that write. */
const PATIENCE = 16
/** Errors that have ended the transaction, and those it gets over. */
const ENDING = new Set(['TX_DEADLOCK', 'TX_CANCELLED', 'TX_CLOSED', 'DB_CLOSED'])
const PASSING = new Set(['TX_LOCK_TIMEOUT', 'TABLE_EXISTS', 'TABLE_NOT_FOUND', 'TX_BUSY'])

type Seen = Uint8Array | undefined
const isSame = (a: Seen, b: Seen): boolean => (a === undefined || b === undefined ? a === b : compareBytes(a, b) === 0)
const shown = (value: Seen): string => (value === undefined ? 'nothing' : `the bytes ${value.join(' ')}`)

/** An open transaction: what it has done, and what it has read that others must leave alone. */
class Session {
  readonly tx: Transaction
  readonly controller: AbortController
  readonly effects: Effect[] = []
  readonly savepoints: { readonly savepoint: Savepoint; readonly length: number }[] = []
  readonly read = new Map<string, { readonly table: string; readonly key: string; readonly value: Seen }>()
  /** Tables that it has read from end to end. */
  readonly scanned = new Set<string>()

  constructor(db: Database) {
    this.controller = new AbortController()
    this.tx = db.begin({ signal: this.controller.signal })
  }
}

interface Client {
  session: Session | undefined
  /** An operation is under way. */
  busy: boolean
}

class Run {
  readonly #disk: SimulatedFileSystem
  readonly #lab: Lab
  /** How many locks one transaction may have in one table. */
  readonly #locksMax: number
  readonly #model = new Model()
  readonly #peeks = new Peeks(this.#model)
  readonly #clients: Client[] = Array.from({ length: CLIENTS }, () => ({ session: undefined, busy: false }))
  readonly #underWay = new Set<Promise<void>>()
  /** Transactions that have begun, until the operation that ends them has ended itself. */
  readonly #open = new Set<number>()
  /** All that were ever begun by a client. */
  readonly #begun = new Set<number>()
  #serial = 0
  #failure: unknown

  constructor(disk: SimulatedFileSystem, lab: Lab, isSlow: boolean, escalateAt: number) {
    this.#disk = disk
    this.#locksMax = 2 * PATIENCE * escalateAt
    this.#lab = lab
    disk.runtime = lab.runtime
    if (isSlow) disk.inject('sync', { effect: 'slow', delayMs: SYNC_MS }, { times: Number.POSITIVE_INFINITY })
  }

  async take(each: Step): Promise<void> {
    if (each.do === 'time') this.#lab.runtime.advance(SYNC_MS)
    else this.#start(this.#clients[each.by] as Client, each)
    if (each.hasty === true) return
    await idle()
    if (this.#failure !== undefined) throw this.#failure
    this.#checkLocks()
  }

  #start(client: Client, each: Step): void {
    if (each.do === 'peek') {
      const table = tableOf(this.#lab.db, TABLES[each.table] as string)
      this.#track(this.#peeks.read(table, keyOf(0, each.row)))
      return
    }
    if (client.busy && each.do !== 'abort' && each.do !== 'cancel') return
    client.busy = true
    const session = client.session ?? this.#begin(client)
    if (each.do === 'commit' || each.do === 'abort' || each.do === 'cancel') client.session = undefined
    const operation = this.#operate(session, each)
      .catch((error: unknown) => {
        if (!AriesError.is(error)) throw error
        if (ENDING.has(error.code)) this.#ended(client, session, error)
        else if (error.code === 'TX_BUSY') client.session ??= session
        else if (!PASSING.has(error.code)) this.#failure ??= error
      })
      .finally(() => {
        client.busy = false
      })
    this.#track(operation)
  }

  #track(operation: Promise<void>): void {
    const running = operation.catch((error: unknown) => {
      this.#failure ??= error
    })
    this.#underWay.add(running)
    void running.then(() => this.#underWay.delete(running))
  }

  #begin(client: Client): Session {
    const session = new Session(this.#lab.db)
    this.#open.add(session.tx.id)
    this.#begun.add(session.tx.id)
    client.session = session
    return session
  }

  #isActive(id: number): boolean {
    return [...this.#lab.managers.transactions.active].some(({ txnId }) => txnId === id)
  }

  #ended(client: Client, session: Session, { code }: AriesError): void {
    const isOpen = this.#isActive(session.tx.id)
    if (isOpen && (code === 'TX_DEADLOCK' || code === 'TX_CANCELLED')) {
      this.#failure ??= new Error(`transaction ${session.tx.id} hears ${code} and is not rolled back yet`)
    }
    if (client.session === session) client.session = undefined
    this.#open.delete(session.tx.id)
  }

  /** Nobody holds a lock but open transactions (I17), and of none are there more in a table than is allowed (I35). */
  #checkLocks(): void {
    const counts = new Map<string, number>()
    for (const { space, holders, waiters } of this.#lab.managers.locks.snapshot()) {
      for (const { txnId } of [...holders, ...waiters]) {
        const isPeek = this.#peeks.count > 0 && !this.#begun.has(txnId)
        if (!this.#open.has(txnId) && !isPeek) throw new Error(`transaction ${txnId} has ended and has a lock (I17)`)
      }
      for (const { txnId } of holders) counts.set(`${txnId} ${space}`, (counts.get(`${txnId} ${space}`) ?? 0) + 1)
    }
    const most = Math.max(0, ...counts.values())
    if (most > this.#locksMax) throw new Error(`a transaction has ${most} locks in a table (I35)`)
  }

  async #operate(session: Session, each: Step): Promise<void> {
    const { tx } = session
    switch (each.do) {
      case 'get':
        return this.#get(session, TABLES[each.table] as string, keyOf(0, each.row))
      case 'put':
        return this.#put(session, TABLES[each.table] as string, keyOf(0, each.row))
      case 'delete':
        return this.#delete(session, TABLES[each.table] as string, keyOf(0, each.row))
      case 'range':
        return this.#range(session, each)
      case 'fill':
        for (let i = 0; i < MANY; i++) await this.#put(session, TABLES[each.table] as string, keyOf(0, i % 200))
        return
      case 'clear':
        return this.#clear(session, TABLES[each.table] as string)
      case 'create':
      case 'drop':
        return this.#createOrDrop(session, each.do, TABLES[each.table] as string)
      case 'savepoint':
        session.savepoints.push({ savepoint: await tx.savepoint(), length: session.effects.length })
        return
      case 'rollbackTo':
        return this.#rollbackTo(session)
      case 'commit':
        return this.#commit(session, each.durability)
      case 'abort':
        await tx.abort()
        this.#open.delete(tx.id)
        return
      case 'cancel':
        session.controller.abort()
        while (this.#isActive(tx.id)) await idle()
        this.#open.delete(tx.id)
    }
  }

  #did(session: Session, effect: Effect): void {
    session.effects.push(effect)
  }

  #noteRead(session: Session, table: string, key: string, value: Seen): void {
    const expected = this.#model.get(session.effects, table, key)
    if (!isSame(value, expected))
      throw new Error(
        `transaction ${session.tx.id} reads ${shown(value)} as ${key} of ${table}, not ${shown(expected)}`,
      )
    session.read.set(`${table} ${key}`, { table, key, value })
  }

  async #get(session: Session, table: string, key: string): Promise<void> {
    this.#noteRead(session, table, key, await session.tx.get(tableOf(this.#lab.db, table), key))
  }

  async #put(session: Session, table: string, key: string): Promise<void> {
    const value = contentOf(++this.#serial, 8)
    await session.tx.put(tableOf(this.#lab.db, table), key, value)
    this.#did(session, { kind: 'put', table, key, value })
    session.read.set(`${table} ${key}`, { table, key, value })
  }

  async #delete(session: Session, table: string, key: string): Promise<void> {
    const existed = await session.tx.delete(tableOf(this.#lab.db, table), key)
    const expected = this.#model.get(session.effects, table, key) !== undefined
    if (existed !== expected) throw new Error(`delete of ${key} found ${existed ? 'something' : 'nothing'}`)
    if (existed) this.#did(session, { kind: 'delete', table, key })
    session.read.set(`${table} ${key}`, { table, key, value: undefined })
  }

  /** When a range has come to its end, it has shown what is there then: nothing of it can have changed on the way. */
  async #range(session: Session, { table, reverse, forUpdate }: Extract<Step, { do: 'range' }>): Promise<void> {
    const name = TABLES[table] as string
    const found: string[] = []
    for await (const [key, value] of session.tx.range(tableOf(this.#lab.db, name), { reverse, forUpdate })) {
      found.push(key)
      this.#noteRead(session, name, key, value)
    }
    const expected = this.#keysOf(session, name).sort()
    if (reverse) expected.reverse()
    expect(found, 'a range').toEqual(expected)
    session.scanned.add(name)
  }

  #keysOf(session: Session, table: string): string[] {
    return [...(this.#model.table(session.effects, table)?.keys() ?? [])]
  }

  async #clear(session: Session, table: string): Promise<void> {
    const savepoint = await session.tx.savepoint()
    try {
      await session.tx.clear(tableOf(this.#lab.db, table))
    } catch (error) {
      if (session.tx.isActive) await session.tx.rollbackTo(savepoint)
      throw error
    }
    session.scanned.add(table)
    for (const key of this.#model.table(session.effects, table)?.keys() ?? []) {
      this.#did(session, { kind: 'delete', table, key })
      session.read.set(`${table} ${key}`, { table, key, value: undefined })
    }
  }

  async #createOrDrop(session: Session, kind: 'create' | 'drop', table: string): Promise<void> {
    const handle = tableOf(this.#lab.db, table)
    await (kind === 'create' ? session.tx.createTable(handle) : session.tx.dropTable(handle))
    this.#did(session, { kind, table })
    session.scanned.delete(table)
    for (const [name, read] of session.read) if (read.table === table) session.read.delete(name)
  }

  async #rollbackTo(session: Session): Promise<void> {
    const mark = session.savepoints.pop()
    if (mark === undefined) return
    const taken = session.effects.slice(mark.length)
    await session.tx.rollbackTo(mark.savepoint)
    session.effects.length = mark.length
    for (const effect of taken) {
      if ('key' in effect) this.#reread(session, effect.table, effect.key)
      else
        for (const { table, key } of session.read.values())
          if (table === effect.table) this.#reread(session, table, key)
    }
  }

  /** What a transaction has locked it may count on, also once its own change of it is undone. */
  #reread(session: Session, table: string, key: string): void {
    session.read.set(`${table} ${key}`, { table, key, value: this.#model.get(session.effects, table, key) })
  }

  async #commit(session: Session, durability: Durability): Promise<void> {
    const { tx, effects, read, scanned } = session
    const committed = tx.commit({ durability })
    for (const { table, key, value } of tx.isActive ? [] : read.values()) {
      if (!isSame(value, this.#model.get(effects, table, key)))
        throw new Error(`transaction ${tx.id} had read ${shown(value)} as ${key} of ${table}, and others changed it`)
    }
    for (const table of tx.isActive ? [] : scanned) {
      const phantom = this.#keysOf(session, table).find((key) => read.get(`${table} ${key}`)?.value === undefined)
      if (phantom !== undefined)
        throw new Error(`${phantom} came into ${table}, which transaction ${tx.id} had read all of`)
    }
    const commit = tx.isActive ? undefined : this.#model.commit(effects, durability)
    this.#peeks.noteCommit()
    await committed
    if (commit !== undefined) commit.acknowledged = true
    this.#open.delete(tx.id)
  }

  /**
   * Closes in the middle of it all, and if `commits` while whoever can commits; returns how often a table was
   * locked as a whole.
   */
  async finish(commits: boolean): Promise<number> {
    const { db, runtime, managers } = this.#lab
    for (const [by, client] of this.#clients.entries()) {
      if (commits && client.session !== undefined) this.#start(client, { do: 'commit', by, durability: 'full' })
    }
    await drive(runtime, db.close())
    await drive(runtime, Promise.all(this.#underWay))
    if (this.#failure !== undefined) throw this.#failure
    expect(managers.locks.stats, 'locks after the close (I17)').toMatchObject({ held: 0, waiting: 0 })
    const lab = await openLab(this.#disk.crash({ mode: 'none' }))
    expect(lab.db.recovery.wasNeeded, 'restart after a close').toBe(false)
    const { length } = this.#model.commits
    expect(this.#model.problemOf(await readAll(lab.db), length)).toBeUndefined()
    expect(lab.db.check()).toEqual([])
    return managers.locks.stats.escalations
  }
}

describe('many clients on few rows', () => {
  test(
    'see what is committed, and what they have seen stays so',
    async () => {
      let escalations = 0
      const property = fc.asyncProperty(steps, fc.boolean(), setting, async (list, isSlow, { escalateAt, isMade }) => {
        const disk = await newDisk()
        const run = new Run(disk, await openLab(disk, { frames: 64, escalateLocksAt: escalateAt }), isSlow, escalateAt)
        for (const each of [...(isMade ? MAKING : []), ...list]) await run.take(each)
        escalations += await run.finish(isSlow)
      })
      const printed = ([list, isSlow, { escalateAt, isMade }]: [Step[], boolean, Setting]): string => {
        const first = `slow: ${isSlow}, tables locked from ${escalateAt} locks on, there before: ${isMade}`
        return [first, ...list.map((each) => JSON.stringify(each))].join('\n')
      }
      const examples = EXAMPLES.map((list): [Step[], boolean, Setting] => [
        list,
        false,
        { escalateAt: 10_000, isMade: false },
      ])
      await checkProperty(property, { numRuns: runsOf(RUNS), examples }, printed)
      expect(escalations, 'tables locked as a whole').toBeGreaterThan(runsOf(RUNS) / 8)
    },
    TIMEOUT_MS,
  )
})
