/**
 * What the steps of a client do: each operation on the engine and on the model, and what it has to find. The first
 * thing that is wrong is thrown.
 */
import { compareBytes } from '../../src/common/bytes.ts'
import type { InDoubtTransaction } from '../../src/database/in-doubt.ts'
import { type KeyTable, type Lab, tableOf } from '../lab.ts'
import type { Commit, Effect, Model } from '../model.ts'
import { contentOf, keyOf, type Step, TABLES } from './script.ts'
import type { ClientStep, Session } from './session.ts'

/** How often transactions came to these ends. */
export interface OperationCounts {
  commits: number
  prepared: number
  decided: number
}

export class Operations {
  readonly model: Model
  readonly #counts: OperationCounts
  /** The database of this life. */
  lab: Lab
  #serial = 0
  /** The end of the log when a commit was asked for. */
  readonly #endLsns = new WeakMap<Commit, number>()

  constructor(model: Model, counts: OperationCounts, lab: Lab) {
    this.model = model
    this.#counts = counts
    this.lab = lab
  }

  /** Does one step in the transaction of a session. */
  async perform(session: Session, step: ClientStep): Promise<void> {
    const { tx } = session
    switch (step.do) {
      case 'put':
      case 'delete':
        for (let i = 0; i < step.count; i++) {
          await this.#write(session, step, keyOf(step.table, step.from + i * step.stride))
        }
        return
      case 'putMany':
        return this.#putMany(session, step)
      case 'get':
        return this.#get(session, step.table, keyOf(step.table, step.from))
      case 'range':
        return this.#range(session, step)
      case 'clear':
        return this.#clear(session, step)
      case 'create':
        await tx.createTable(this.#table(step.table))
        return this.#did(session, { kind: 'create', table: TABLES[step.table] as string })
      case 'drop':
        await tx.dropTable(this.#table(step.table))
        return this.#did(session, { kind: 'drop', table: TABLES[step.table] as string })
      case 'savepoint':
        session.savepoints.push({ savepoint: await tx.savepoint(), length: session.effects.length })
        return
      case 'rollbackTo':
        return this.#rollbackTo(session, step.index)
      case 'abort':
        await tx.abort()
        return
      case 'cancel':
        return session.cancel()
      case 'prepare':
        return this.#prepare(session)
      default:
        return this.#commit(session, step)
    }
  }

  #table(table: number): KeyTable {
    return tableOf(this.lab.db, TABLES[table] as string)
  }

  #did(session: Session, effect: Effect): void {
    session.effects.push(effect)
  }

  async #write(session: Session, step: Extract<Step, { stride: number }>, key: string): Promise<void> {
    const table = TABLES[step.table] as string
    if (step.do === 'put') {
      const value = contentOf(++this.#serial, step.bytes)
      await session.tx.put(this.#table(step.table), key, value)
      return this.#did(session, { kind: 'put', table, key, value })
    }
    const existed = await session.tx.delete(this.#table(step.table), key)
    const expected = this.model.get(session.effects, table, key) !== undefined
    if (existed !== expected) throw new Error(`delete of ${key} found ${existed ? 'something' : 'nothing'}`)
    if (existed) this.#did(session, { kind: 'delete', table, key })
  }

  /** All of them are put, or none. */
  async #putMany(session: Session, step: Extract<Step, { do: 'put' | 'putMany' }>): Promise<void> {
    const table = TABLES[step.table] as string
    const indexes = [...Array(step.count).keys(), 0]
    const effects = indexes.map((i): Extract<Effect, { kind: 'put' }> => {
      const key = keyOf(step.table, step.from + i * step.stride)
      return { kind: 'put', table, key, value: contentOf(++this.#serial, step.bytes) }
    })
    await session.tx.putMany(
      this.#table(step.table),
      effects.map(({ key, value }) => [key, value]),
    )
    for (const effect of effects) this.#did(session, effect)
  }

  async #get(session: Session, table: number, key: string): Promise<void> {
    const found = await session.tx.get(this.#table(table), key)
    this.#checkDurable(TABLES[table] as string, key)
    const expected = this.model.get(session.effects, TABLES[table] as string, key)
    const equal =
      found === undefined || expected === undefined ? found === expected : compareBytes(found, expected) === 0
    if (!equal)
      throw new Error(`get of ${key} gives ${found?.length ?? 'no'} bytes, the model ${expected?.length ?? 'no'}`)
  }

  /** A lock is given back only once its commit is as durable as it was to be (I21). */
  #checkDurable(table: string, key: string): void {
    const { flushedLsn } = this.lab.managers.log
    for (const commit of this.model.commits) {
      if (commit.durability !== 'full' || (this.#endLsns.get(commit) ?? 0) <= flushedLsn) continue
      const touches = commit.effects.some((effect) => effect.table === table && 'key' in effect && effect.key === key)
      if (touches) throw new Error(`get of ${key} came past a commit that is not durable yet (I21)`)
    }
  }

  /** What a range has passed stays as it was until the transaction ends, so the whole of it is as it is now. */
  async #range(session: Session, step: Extract<Step, { do: 'range' }>): Promise<void> {
    const start = keyOf(step.table, step.from)
    const bound = step.reverse ? { lte: start } : { gte: start }
    const found: string[] = []
    const rows = session.tx.range(this.#table(step.table), { ...bound, reverse: step.reverse, limit: step.limit })
    for await (const [key] of rows) found.push(key)
    const seen = this.model.table(session.effects, TABLES[step.table] as string) ?? new Map<string, Uint8Array>()
    const keys = [...seen.keys()].filter((key) => (step.reverse ? key <= start : key >= start)).sort(compareKeys)
    if (step.reverse) keys.reverse()
    const expected = keys.slice(0, step.limit)
    if (expected.join() !== found.join())
      throw new Error(`range from ${start}: ${found.join()}; the model: ${expected.join()}`)
  }

  /** A clear that fails on the way has removed some keys; a savepoint takes them back. */
  async #clear(session: Session, step: Extract<Step, { do: 'clear' }>): Promise<void> {
    const table = TABLES[step.table] as string
    const [low, high] = [keyOf(step.table, step.from), keyOf(step.table, step.to)].sort(compareKeys) as [string, string]
    const savepoint = await session.tx.savepoint()
    try {
      await session.tx.clear(this.#table(step.table), { gte: low, lte: high })
    } catch (error) {
      if (session.tx.isActive) await session.tx.rollbackTo(savepoint)
      throw error
    }
    for (const key of this.model.table(session.effects, table)?.keys() ?? []) {
      if (key >= low && key <= high) this.#did(session, { kind: 'delete', table, key })
    }
  }

  async #rollbackTo(session: Session, index: number): Promise<void> {
    const mark = session.savepoints[index % Math.max(1, session.savepoints.length)]
    if (mark === undefined) return
    await session.tx.rollbackTo(mark.savepoint)
    session.effects.length = mark.length
    session.savepoints.length = session.savepoints.indexOf(mark) + 1
  }

  async #commit(session: Session, step: Extract<Step, { do: 'commit' }>): Promise<void> {
    const committed = session.tx.commit({ durability: step.durability })
    const commit = this.model.commit(session.effects, step.durability)
    this.#endLsns.set(commit, this.lab.managers.log.nextLsn)
    await committed
    commit.acknowledged = true
    this.#counts.commits++
  }

  async #prepare(session: Session): Promise<void> {
    const name = `transaction ${++this.#serial}`
    const prepared = session.tx.prepare(name)
    const entry = this.model.prepare(name, session.effects)
    try {
      await prepared
    } catch (error) {
      // It is as if it had been prepared and rolled back, and goes on.
      if (session.tx.isActive) this.model.decide(name, 'abort', 'full')
      throw error
    }
    entry.acknowledged = true
    this.#counts.prepared++
  }

  /** One of the transactions in doubt, if there are any. */
  inDoubt(which: number): InDoubtTransaction | undefined {
    const all = this.lab.db.inDoubt()
    return all[which % Math.max(1, all.length)]
  }

  /** Ends what this life or an earlier one has prepared. */
  async decide(inDoubt: InDoubtTransaction, { outcome, durability }: Extract<Step, { do: 'decide' }>): Promise<void> {
    const decided = outcome === 'commit' ? inDoubt.commit({ durability }) : inDoubt.abort()
    const entry = this.model.decide(inDoubt.name, outcome, outcome === 'commit' ? durability : 'full')
    this.#endLsns.set(entry, this.lab.managers.log.nextLsn)
    await decided
    entry.acknowledged = true
    this.#counts.decided++
  }
}

const compareKeys = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
