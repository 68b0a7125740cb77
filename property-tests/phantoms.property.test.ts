/**
 * Ranges of all shapes beside writers: what a range has shown is there, and nothing else is, until its
 * transaction ends (I21). Three clients read ranges with every kind of bound, direction and limit, and
 * put and delete rows in between. When a transaction commits,
 * each range that it has read is looked up again in what is committed then, its own rows aside: others
 * must not have touched it. In some runs few locks are enough to ask for the whole table.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { AriesError } from '../src/common/errors.ts'
import type { RangeOptions } from '../src/database/range.ts'
import type { Transaction } from '../src/database/transaction.ts'
import { contentOf } from './commands/script.ts'
import { drive, idle, type Lab, newDisk, openLab, tableOf } from './lab.ts'
import { type Effect, Model } from './model.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const RUNS = 1000
const CLIENTS = 3
const KEYS = 10
/** Of so many keys one exists at the beginning, so that several fit into a gap. */
const SPARSE = 4
const TABLE = 't'
/** After how many locks the table is locked as a whole. */
const escalateLocksAt = fc.constantFrom(10_000, 10_000, 1, 2, 5)

type Bounds = Pick<RangeOptions<string>, 'gt' | 'gte' | 'lt' | 'lte' | 'reverse' | 'limit'>
type Step = { readonly by: number } & (
  | { readonly do: 'range'; readonly bounds: Bounds; readonly how: 'read' | 'forUpdate' | 'count' | 'clear' }
  /** `putMany`: this row and two of the next ones, in one operation. */
  | { readonly do: 'put' | 'putMany' | 'delete'; readonly key: string }
  | { readonly do: 'savepoint' | 'rollbackTo' | 'abort' | 'commit' }
)

const keyAt = (index: number): string => String.fromCharCode(97 + index)
const by = fc.nat(CLIENTS - 1)
const key = fc.nat(KEYS - 1).map(keyAt)
const bounds: fc.Arbitrary<Bounds> = fc
  .tuple(fc.constantFrom('gt', 'gte', ''), key, fc.constantFrom('lt', 'lte', ''), key, fc.boolean(), fc.nat(6))
  .map(([low, from, high, to, reverse, limit]) => ({
    ...(low === '' ? {} : { [low]: from }),
    ...(high === '' ? {} : { [high]: to }),
    ...(reverse ? { reverse } : {}),
    ...(limit > 3 ? {} : { limit }),
  }))
const how = fc.constantFrom('read' as const, 'read' as const, 'forUpdate' as const, 'count' as const, 'clear' as const)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('range' as const), by, bounds, how }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('put' as const, 'put', 'putMany', 'delete'), by, key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('savepoint' as const, 'rollbackTo', 'abort'), by }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('commit' as const), by }) },
)

/** Steps that found a bug. */
const EXAMPLES: readonly Step[][] = [
  // A range that ended at a key whose insert was rolled back then.
  [
    { do: 'put', by: 1, key: 'g' },
    { do: 'range', by: 2, bounds: { gt: 'a', lte: 'f', limit: 2 }, how: 'read' },
    { do: 'abort', by: 1 },
    { do: 'put', by: 0, key: 'f' },
    { do: 'commit', by: 0 },
  ],
  // A put into a gap that its own transaction has read, and then somebody's put before it.
  [
    { do: 'range', by: 0, bounds: { gt: 'a', lt: 'e' }, how: 'read' },
    { do: 'put', by: 0, key: 'c' },
    { do: 'put', by: 1, key: 'b' },
    { do: 'commit', by: 1 },
    { do: 'commit', by: 0 },
  ],
]

/** Errors that have ended the transaction, and those it gets over. */
const ENDING = new Set(['TX_DEADLOCK', 'TX_CLOSED'])
const PASSING = new Set(['TX_LOCK_TIMEOUT', 'TX_BUSY'])

class Session {
  readonly tx: Transaction
  readonly effects: Effect[] = []
  /** What it has written, also if that was undone since: there its ranges may look different. */
  readonly written = new Set<string>()
  readonly ranges: { readonly bounds: Bounds; readonly found: readonly string[] }[] = []
  savepoint: { readonly mark: Awaited<ReturnType<Transaction['savepoint']>>; readonly length: number } | undefined
  isBusy = false

  constructor(tx: Transaction) {
    this.tx = tx
  }
}

class Run {
  readonly #lab: Lab
  readonly #model = new Model()
  readonly #sessions: (Session | undefined)[] = []
  readonly #underWay = new Set<Promise<void>>()
  #serial = 0
  #failure: unknown
  rangesChecked = 0

  constructor(lab: Lab) {
    this.#lab = lab
  }

  async all(steps: readonly Step[]): Promise<void> {
    for (let i = 0; i < KEYS; i += SPARSE) await this.#take({ do: 'put', by: 0, key: keyAt(i) })
    await this.#take({ do: 'commit', by: 0 })
    for (const each of steps) await this.#take(each)
    await drive(this.#lab.runtime, Promise.all(this.#underWay))
    for (let client = 0; client < CLIENTS; client++) await this.#take({ do: 'commit', by: client })
    expect(this.#lab.db.check()).toEqual([])
    await drive(this.#lab.runtime, this.#lab.db.close())
  }

  async #take(each: Step): Promise<void> {
    this.#sessions[each.by] ??= new Session(this.#lab.db.begin())
    const session = this.#sessions[each.by] as Session
    if (session.isBusy) return
    if (each.do === 'commit' || each.do === 'abort') this.#sessions[each.by] = undefined
    session.isBusy = true
    const running = this.#operate(session, each)
      .catch((error: unknown) => {
        if (!AriesError.is(error)) this.#failure ??= error
        else if (ENDING.has(error.code)) this.#sessions[each.by] = undefined
        else if (!PASSING.has(error.code)) this.#failure ??= error
      })
      .finally(() => {
        session.isBusy = false
        this.#underWay.delete(running)
      })
    this.#underWay.add(running)
    await idle()
    if (this.#failure !== undefined) throw this.#failure
  }

  async #operate(session: Session, each: Step): Promise<void> {
    const { tx, effects } = session
    const table = tableOf(this.#lab.db, TABLE)
    switch (each.do) {
      case 'put': {
        const value = contentOf(++this.#serial, 8)
        session.written.add(each.key)
        await tx.put(table, each.key, value)
        effects.push({ kind: 'put', table: TABLE, key: each.key, value })
        return
      }
      case 'putMany': {
        const keys = [0, 2, 4].map((more) => String.fromCharCode(each.key.charCodeAt(0) + more))
        const entries = keys.map((name) => [name, contentOf(++this.#serial, 8)] as const)
        for (const name of keys) session.written.add(name)
        await tx.putMany(table, entries)
        for (const [name, value] of entries) effects.push({ kind: 'put', table: TABLE, key: name, value })
        return
      }
      case 'delete':
        session.written.add(each.key)
        if (await tx.delete(table, each.key)) effects.push({ kind: 'delete', table: TABLE, key: each.key })
        return
      case 'range':
        return this.#range(session, each)
      case 'savepoint':
        session.savepoint = { mark: await tx.savepoint(), length: effects.length }
        return
      case 'rollbackTo':
        if (session.savepoint === undefined) return
        await tx.rollbackTo(session.savepoint.mark)
        effects.length = session.savepoint.length
        return
      case 'abort':
        return tx.abort()
      case 'commit':
        return this.#commit(session)
    }
  }

  async #range(session: Session, { bounds: range, how: manner }: Extract<Step, { do: 'range' }>): Promise<void> {
    const { tx } = session
    const table = tableOf(this.#lab.db, TABLE)
    if (manner === 'clear') return this.#clear(session, range)
    const found: string[] = []
    if (manner === 'count') {
      const count = await tx.count(table, range)
      found.push(...this.#lookUp(session, range))
      expect(count, `the count of ${JSON.stringify(range)}`).toBe(found.length)
    } else {
      for await (const [each] of tx.range(table, { ...range, forUpdate: manner === 'forUpdate' })) found.push(each)
      expect(found, JSON.stringify(range)).toEqual(this.#lookUp(session, range))
    }
    session.ranges.push({ bounds: range, found })
  }

  async #clear(session: Session, range: Bounds): Promise<void> {
    const { tx, effects } = session
    await tx.clear(tableOf(this.#lab.db, TABLE), range)
    for (const each of this.#lookUp(session, range)) {
      effects.push({ kind: 'delete', table: TABLE, key: each })
      session.written.add(each)
    }
    session.ranges.push({ bounds: range, found: [] })
  }

  /** What a range has to show, by the model. */
  #lookUp({ effects }: Session, { gt, gte, lt, lte, reverse, limit }: Bounds): string[] {
    const keys = [...(this.#model.table(effects, TABLE)?.keys() ?? [])].sort()
    const within = keys.filter(
      (each) =>
        (gt === undefined || each > gt) &&
        (gte === undefined || each >= gte) &&
        (lt === undefined || each < lt) &&
        (lte === undefined || each <= lte),
    )
    if (reverse === true) within.reverse()
    return within.slice(0, limit)
  }

  async #commit(session: Session): Promise<void> {
    const committed = session.tx.commit()
    for (const { bounds: range, found } of session.ranges) this.#checkRange(session, range, found)
    const commit = this.#model.commit(session.effects, 'full')
    await committed
    commit.acknowledged = true
  }

  /** The rows that the transaction has not written itself are the same as when it read them. */
  #checkRange(session: Session, range: Bounds, found: readonly string[]): void {
    const others = (keys: readonly string[]): string[] => keys.filter((each) => !session.written.has(each))
    // What its own rows push out of a limited range is not known any more.
    if (range.limit !== undefined && session.written.size > 0) return
    this.rangesChecked++
    expect(others(this.#lookUp(session, range)), `${JSON.stringify(range)}, when it committed`).toEqual(others(found))
  }
}

test(
  'what a range has shown stays all there is',
  async () => {
    let rangesChecked = 0
    const steps = fc.array(step, { minLength: 4, maxLength: 40, size: 'max' })
    const property = fc.asyncProperty(steps, escalateLocksAt, async (list, escalateAt) => {
      const run = new Run(await openLab(await newDisk(), { escalateLocksAt: escalateAt }))
      await run.all(list)
      rangesChecked += run.rangesChecked
    })
    const print = ([list, escalateAt]: [Step[], number]): string =>
      [`the table from ${escalateAt} locks on`, ...list.map((each) => JSON.stringify(each))].join('\n')
    await checkProperty(
      property,
      { numRuns: runsOf(RUNS), examples: EXAMPLES.map((list): [Step[], number] => [list, 10_000]) },
      print,
    )
    expect(rangesChecked).toBeGreaterThan(RUNS)
  },
  TIMEOUT_MS,
)
