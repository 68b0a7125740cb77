/**
 * Reading without locks beside writers: a snapshot shows what had committed when it was opened, for as long
 * as it is open, whatever others write, roll back, split, merge, drop and clean up meanwhile (I34). Three
 * clients write at all isolation levels, three snapshots come and go, each with an iterator that moves on a
 * few entries at a time. What each has to show is a copy of the model, made when it was opened. In the end
 * nothing is kept any more.
 *
 * One run in three is of large transactions, whose older values are looked up in the log: many long rows, and all three
 * want the same few keys.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareBytes } from '../src/common/bytes.ts'
import { AriesError } from '../src/common/errors.ts'
import type { SnapshotEntries } from '../src/database/entries.ts'
import type { Isolation } from '../src/database/options.ts'
import type { Snapshot } from '../src/database/snapshot.ts'
import type { Savepoint, Transaction } from '../src/database/transaction.ts'
import { contentOf } from './commands/script.ts'
import { drive, idle, type Lab, newDisk, openLab, tableOf } from './lab.ts'
import { type Effect, Model, type TableContent } from './model.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const RUNS = 600
const CLIENTS = 3
const TABLES = ['t', 'u'] as const
const KEYS = 120
const LEVELS: readonly Isolation[] = ['serializable', 'snapshot', 'read-committed']
const SETTLING_ROUNDS = 200

type Step = { readonly by: number } & (
  | {
      readonly do: 'put' | 'delete'
      readonly table: string
      readonly from: number
      readonly count: number
      readonly bytes: number
    }
  | {
      readonly do: 'undonePut'
      readonly table: string
      readonly from: number
      readonly count: number
      readonly bytes: number
    }
  | { readonly do: 'drop' | 'clear' | 'read' | 'get'; readonly table: string }
  | { readonly do: 'begin'; readonly level: Isolation }
  | { readonly do: 'savepoint' | 'rollbackTo' | 'abort' | 'commit' | 'commitLater' }
  | { readonly do: 'clean' }
  | { readonly do: 'open' | 'close' | 'look' }
  | { readonly do: 'iterate'; readonly table: string; readonly count: number; readonly reverse: boolean }
)

const by = fc.nat(CLIENTS - 1)
const table = fc.constantFrom('t', 't', 'u')
const bytes = fc.oneof(
  { weight: 5, arbitrary: fc.nat(40) },
  { weight: 3, arbitrary: fc.integer({ min: 300, max: 900 }) },
  { weight: 2, arbitrary: fc.integer({ min: 3000, max: 9000 }) },
)
const from = fc.nat(KEYS - 1)
const many = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 5, max: 60 }))
const simple = <T extends string>(...names: T[]): fc.Arbitrary<{ do: T; by: number }> =>
  fc.record({ do: fc.constantFrom(...names), by })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('put' as const), by, table, from, count: many, bytes }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('delete' as const), by, table, from, count: many, bytes }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('clear' as const, 'drop'), by, table }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('read' as const, 'get'), by, table }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('begin' as const), by, level: fc.constantFrom(...LEVELS) }) },
  { weight: 3, arbitrary: simple('savepoint', 'rollbackTo', 'abort') },
  { weight: 6, arbitrary: simple('commit', 'commit', 'commitLater') },
  { weight: 4, arbitrary: simple('open') },
  { weight: 2, arbitrary: simple('close') },
  { weight: 4, arbitrary: simple('look') },
  { weight: 3, arbitrary: simple('clean') },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('iterate' as const), by, table, count: fc.nat(30), reverse: fc.boolean() }),
  },
)

const largePut = fc.record({
  do: fc.constantFrom('put' as const, 'put', 'put', 'delete', 'undonePut'),
  by,
  table: fc.constant('t'),
  from: fc.nat(20),
  count: fc.integer({ min: 15, max: 40 }),
  bytes: fc.integer({ min: 300, max: 900 }),
})
const largeStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: largePut },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('read' as const, 'get'), by, table: fc.constant('t') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('clear' as const, 'drop'), by, table }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('begin' as const), by, level: fc.constantFrom(...LEVELS) }) },
  { weight: 4, arbitrary: simple('savepoint', 'rollbackTo', 'rollbackTo', 'abort') },
  { weight: 4, arbitrary: simple('commit', 'commitLater', 'commitLater') },
  { weight: 6, arbitrary: simple('open', 'open', 'close', 'look') },
  { weight: 1, arbitrary: simple('clean') },
)

interface Passage {
  readonly by: number
  readonly reader: number
  readonly table: string
  readonly from: number
  readonly how: 'drop' | 'clear' | 'delete'
}

/**
 * Steps that belong together, as single ones seldom come: a table is given up while a snapshot shows it, and then
 * somebody needs the room.
 */
const passages: fc.Arbitrary<Step[]> = fc
  .record<Passage>({ by, reader: by, table, from, how: fc.constantFrom('drop', 'clear', 'delete') })
  .map(({ by, reader, table, from, how }) => {
    const rows = { by, table, from, count: 4, bytes: 3000 }
    return [
      { do: 'put', ...rows },
      { do: 'commit', by },
      { do: 'open', by: reader },
      how === 'delete' ? { do: how, ...rows } : { do: how, by, table },
      { do: 'commit', by },
      { do: 'clean', by },
      { do: 'put', ...rows, table: table === 't' ? 'u' : 't' },
      { do: 'look', by: reader },
    ]
  })

const scriptOf = (steps: fc.Arbitrary<Step>, maxLength: number): fc.Arbitrary<Step[]> =>
  fc
    .array(fc.oneof({ weight: 39, arbitrary: steps.map((each) => [each]) }, { weight: 1, arbitrary: passages }), {
      minLength: 4,
      maxLength,
      size: 'max',
    })
    .map((lists) => lists.flat())
const script = fc.oneof({ weight: 2, arbitrary: scriptOf(step, 45) }, { weight: 1, arbitrary: scriptOf(largeStep, 25) })

/** Steps that found a bug. */
const EXAMPLES: readonly Step[][] = [
  // A transaction that only deleted what was not there left versions behind.
  [
    { do: 'open', by: 1 },
    { do: 'delete', by: 0, table: 't', from: 5, count: 5, bytes: 0 },
    { do: 'put', by: 0, table: 't', from: 1, count: 1, bytes: 0 },
    { do: 'commit', by: 0 },
    { do: 'delete', by: 0, table: 't', from: 5, count: 5, bytes: 0 },
    { do: 'commit', by: 0 },
    { do: 'put', by: 0, table: 't', from: 5, count: 5, bytes: 0 },
  ],
  // A put that met a conflict about its table had made the table already.
  [
    { do: 'begin', by: 1, level: 'snapshot' },
    { do: 'put', by: 0, table: 't', from: 0, count: 1, bytes: 0 },
    { do: 'drop', by: 0, table: 't' },
    { do: 'commit', by: 0 },
    { do: 'put', by: 1, table: 't', from: 0, count: 1, bytes: 0 },
    { do: 'commit', by: 1 },
    { do: 'open', by: 0 },
  ],
  // What was undone with its table counted as a change on, and stood in the way of the next table on that page.
  [
    { do: 'savepoint', by: 2 },
    { do: 'put', by: 2, table: 't', from: 0, count: 5, bytes: 0 },
    { do: 'rollbackTo', by: 2 },
    { do: 'put', by: 0, table: 'u', from: 0, count: 5, bytes: 0 },
    { do: 'clear', by: 0, table: 't' },
    { do: 'delete', by: 0, table: 't', from: 0, count: 1, bytes: 0 },
    { do: 'put', by: 0, table: 't', from: 0, count: 5, bytes: 0 },
    { do: 'open', by: 0 },
  ],
  // What a large transaction had undone was undone for its readers once more.
  [
    { do: 'put', by: 0, table: 't', from: 0, count: 40, bytes: 300 },
    { do: 'commit', by: 0 },
    { do: 'open', by: 0 },
    { do: 'put', by: 0, table: 't', from: 40, count: 40, bytes: 900 },
    { do: 'undonePut', by: 0, table: 't', from: 0, count: 40, bytes: 700 },
    { do: 'look', by: 0 },
    { do: 'get', by: 1, table: 't' },
  ],
]

/** Errors that a client gets over: it skips the operation. */
const PASSING = new Set(['TX_LOCK_TIMEOUT', 'TX_CONFLICT', 'TABLE_NOT_FOUND'])

type State = Map<string, TableContent | undefined>

interface Session {
  readonly tx: Transaction
  readonly level: Isolation
  readonly effects: Effect[]
  /** What was committed at its begin. */
  readonly base: State
  savepoint?: { readonly mark: Savepoint; readonly length: number }
}

interface Reader {
  readonly snapshot: Snapshot
  readonly state: State
  iterator?: { readonly entries: SnapshotEntries<string, Uint8Array>; readonly left: [string, Uint8Array][] }
}

const keyAt = (index: number): string => `key-${String(index % KEYS).padStart(4, '0')}`
const sorted = (content: TableContent | undefined): [string, Uint8Array][] =>
  [...(content ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))

/** The first difference in words; comparing rows by `toEqual` would take most of the time. */
function difference(
  found: readonly [string, Uint8Array][],
  expected: readonly [string, Uint8Array][],
): string | undefined {
  for (const [i, [key, value]] of expected.entries()) {
    const [foundKey, foundValue] = found[i] ?? []
    if (foundKey !== key || foundValue === undefined) return `${foundKey} instead of ${key}`
    if (compareBytes(foundValue, value) !== 0) return `${key} has another value`
  }
  return found.length > expected.length ? `${found[expected.length]?.[0]} should not be there` : undefined
}

class Run {
  readonly #lab: Lab
  readonly #model = new Model()
  readonly #sessions: (Session | undefined)[] = []
  readonly #readers: (Reader | undefined)[] = []
  readonly #commits: Promise<unknown>[] = []
  #serial = 0
  looks = 0
  mostKept = 0

  constructor(lab: Lab) {
    this.#lab = lab
  }

  async all(steps: readonly Step[]): Promise<void> {
    const { runtime, db, managers } = this.#lab
    for (const each of steps) {
      await drive(runtime, this.#take(each)).catch((error: unknown) => {
        if (!AriesError.is(error) || !PASSING.has(error.code)) throw error
        // Whether the table was made for a first row that met a lock is not known: its client gives up.
        if (each.do === 'put') return this.#take({ do: 'abort', by: each.by })
        return undefined
      })
      this.mostKept = Math.max(this.mostKept, managers.versions.stats.entries)
    }
    await drive(runtime, Promise.all(this.#commits))
    for (const reader of this.#readers) if (reader !== undefined) this.#close(reader)
    for (const session of this.#sessions) if (session !== undefined) await drive(runtime, session.tx.abort())
    expect(managers.versions.stats).toEqual({ readers: 0, oldestOpenedMs: undefined, entries: 0, bytes: 0 })
    await this.#settle()
    expect([db.check(), managers.pending.size, managers.btree.uncleanLeafCount]).toEqual([[], 0, 0])
    await drive(runtime, db.close())
  }

  /** Lets the background clean up all that can be. */
  async #settle(): Promise<void> {
    const { runtime, managers } = this.#lab
    for (let i = 0; i < SETTLING_ROUNDS; i++) {
      if (managers.pending.size === 0 && managers.btree.uncleanLeafCount === 0) return
      runtime.advance(100)
      await idle()
    }
  }

  #state(effects: readonly Effect[] = []): State {
    return new Map(TABLES.map((name) => [name, this.#model.table(effects, name)]))
  }

  #begin(client: number, level: Isolation): Session {
    const session = { tx: this.#lab.db.begin({ isolation: level }), level, effects: [], base: this.#state() }
    this.#sessions[client] = session
    return session
  }

  #session(client: number): Session {
    return this.#sessions[client] ?? this.#begin(client, LEVELS[client % LEVELS.length] as Isolation)
  }

  async #take(each: Step): Promise<void> {
    switch (each.do) {
      case 'put':
      case 'delete':
        return this.#write(this.#session(each.by), each)
      case 'undonePut':
        return this.#undonePut(this.#session(each.by), each)
      case 'clear':
      case 'drop':
        return this.#removeAll(this.#session(each.by), each.do, each.table)
      case 'read':
        return this.#read(this.#session(each.by), each.table)
      case 'get':
        return this.#get(each.table)
      case 'begin':
        await this.#sessions[each.by]?.tx.abort()
        this.#begin(each.by, each.level)
        return
      case 'savepoint':
      case 'rollbackTo':
        return this.#savepoint(this.#session(each.by), each.do)
      case 'abort':
        await this.#sessions[each.by]?.tx.abort()
        this.#sessions[each.by] = undefined
        return
      case 'commit':
      case 'commitLater':
        return this.#commit(each.by, each.do)
      case 'clean':
        this.#lab.runtime.advance(100)
        return idle()
      case 'iterate':
        return this.#iterate(this.#readers[each.by], each)
      default:
        return this.#readOn(each)
    }
  }

  async #write(session: Session, each: Extract<Step, { do: 'put' | 'delete' }>): Promise<void> {
    const { tx, effects } = session
    const rows = tableOf(this.#lab.db, each.table)
    // An odd number of rows goes in by one operation.
    if (each.do === 'put' && each.count % 2 === 1) return this.#putMany(session, each)
    for (let i = each.from; i < each.from + each.count; i++) {
      const key = keyAt(i)
      if (each.do === 'delete') {
        if (!(await tx.delete(rows, key))) continue
        effects.push({ kind: 'delete', table: each.table, key })
      } else {
        const value = contentOf(++this.#serial, each.bytes)
        await tx.put(rows, key, value)
        effects.push({ kind: 'put', table: each.table, key, value })
      }
      this.#checkFirstUpdater(session, each.table, key)
    }
  }

  /** Puts that are seen to be there by nobody, and are undone then. */
  async #undonePut(session: Session, each: Extract<Step, { do: 'undonePut' }>): Promise<void> {
    const { tx, effects } = session
    const mark = await tx.savepoint()
    const { length } = effects
    try {
      await this.#write(session, { ...each, do: 'put' })
      for (const reader of this.#readers) if (reader !== undefined) this.#look(reader)
    } finally {
      await tx.rollbackTo(mark)
      effects.length = length
    }
  }

  async #putMany(
    session: Session,
    { table, from, count, bytes }: Extract<Step, { do: 'put' | 'delete' }>,
  ): Promise<void> {
    const entries = Array.from(
      { length: count },
      (_, i) => [keyAt(from + i), contentOf(++this.#serial, bytes)] as const,
    )
    await session.tx.putMany(tableOf(this.#lab.db, table), entries)
    for (const [key, value] of entries) session.effects.push({ kind: 'put', table, key, value })
    for (const [key] of entries) this.#checkFirstUpdater(session, table, key)
  }

  /** At `snapshot` nobody has changed, since its begin, what a transaction has just changed. */
  #checkFirstUpdater({ level, base, effects }: Session, name: string, key: string): void {
    const isNewTable = effects.some((effect) => effect.kind === 'drop' && effect.table === name)
    if (level === 'snapshot' && !isNewTable) expect(this.#model.get([], name, key)).toBe(base.get(name)?.get(key))
  }

  async #removeAll({ tx, effects }: Session, how: 'clear' | 'drop', name: string): Promise<void> {
    const rows = tableOf(this.#lab.db, name)
    if (how === 'drop') {
      await tx.dropTable(rows)
      effects.push({ kind: 'drop', table: name })
      return
    }
    const mark = await tx.savepoint()
    const keys: string[] = []
    try {
      for await (const [key] of tx.range(rows, { forUpdate: true })) keys.push(key)
      expect(await tx.clear(rows)).toBe(keys.length)
    } catch (error) {
      await tx.rollbackTo(mark)
      throw error
    }
    for (const key of keys) effects.push({ kind: 'delete', table: name, key })
  }

  /** What a transaction reads without locks. */
  async #read({ tx, level, effects, base }: Session, name: string): Promise<void> {
    if (level === 'serializable') return
    const expected = level === 'snapshot' ? withEffects(base, effects, name) : this.#model.table(effects, name)
    const rows = tableOf(this.#lab.db, name)
    const entries = tx.range(rows)
    expect(difference(await entries.all(), sorted(expected))).toBeUndefined()
    for (const key of [keyAt(0), keyAt(60)]) expect(await tx.get(rows, key)).toEqual(expected?.get(key))
    expect(await tx.count(rows, { gte: keyAt(30) })).toBe(sorted(expected).filter(([key]) => key >= keyAt(30)).length)
  }

  /** What is read beside all transactions: the newest that has committed. */
  async #get(name: string): Promise<void> {
    const rows = tableOf(this.#lab.db, name)
    for (let i = 0; i < KEYS; i += 5) expect(await rows.get(keyAt(i))).toEqual(this.#model.get([], name, keyAt(i)))
  }

  async #savepoint(session: Session, how: 'savepoint' | 'rollbackTo'): Promise<void> {
    const { tx, effects, savepoint } = session
    if (how === 'savepoint') {
      session.savepoint = { mark: await tx.savepoint(), length: effects.length }
    } else if (savepoint !== undefined) {
      await tx.rollbackTo(savepoint.mark)
      effects.length = savepoint.length
    }
  }

  /** What has not been acknowledged is not seen yet. */
  async #commit(client: number, how: 'commit' | 'commitLater'): Promise<void> {
    const session = this.#sessions[client]
    if (session === undefined) return
    this.#sessions[client] = undefined
    const committed = session.tx.commit().then(() => this.#model.commit(session.effects, 'full'))
    if (how === 'commit') await committed
    else this.#commits.push(committed)
  }

  #readOn(each: Extract<Step, { do: 'open' | 'close' | 'look' }>): void {
    const reader = this.#readers[each.by]
    if (each.do === 'open') {
      if (reader !== undefined) this.#close(reader)
      this.#readers[each.by] = { snapshot: this.#lab.db.snapshot(), state: this.#state() }
    } else if (reader === undefined) {
      return
    } else if (each.do === 'close') {
      this.#close(reader)
      this.#readers[each.by] = undefined
    } else {
      this.#look(reader)
    }
  }

  #close(reader: Reader): void {
    this.#look(reader)
    reader.snapshot.close()
  }

  #look({ snapshot, state }: Reader): void {
    this.looks++
    expect(snapshot.tables()).toEqual(TABLES.filter((name) => state.get(name) !== undefined))
    for (const name of TABLES) {
      const rows = tableOf(this.#lab.db, name)
      const expected = sorted(state.get(name))
      expect(difference(snapshot.range(rows).all(), expected)).toBeUndefined()
      expect(difference(snapshot.range(rows, { reverse: true }).all(), [...expected].reverse())).toBeUndefined()
      for (const key of [keyAt(1), keyAt(50)]) expect(snapshot.get(rows, key)).toEqual(state.get(name)?.get(key))
    }
  }

  #iterate(reader: Reader | undefined, each: Extract<Step, { do: 'iterate' }>): void {
    const { reverse } = each
    if (reader === undefined) return
    reader.iterator ??= {
      entries: reader.snapshot.range(tableOf(this.#lab.db, each.table), { reverse }),
      left: reverse ? sorted(reader.state.get(each.table)).reverse() : sorted(reader.state.get(each.table)),
    }
    const { entries, left } = reader.iterator
    expect(difference(entries.nextv(each.count), left.splice(0, each.count))).toBeUndefined()
    if (left.length === 0) delete reader.iterator
  }
}

/** A table as it was, with the effects of one transaction. */
function withEffects(base: State, effects: readonly Effect[], name: string): TableContent | undefined {
  let content = base.get(name) === undefined ? undefined : new Map(base.get(name))
  for (const effect of effects) {
    if (effect.table !== name) continue
    if (effect.kind === 'drop') content = undefined
    else if (effect.kind === 'delete') content?.delete(effect.key)
    else if (effect.kind === 'put') content = (content ?? new Map<string, Uint8Array>()).set(effect.key, effect.value)
  }
  return content
}

test(
  'a snapshot shows what had committed when it was opened',
  async () => {
    let looks = 0
    let mostKept = 0
    const property = fc.asyncProperty(script, async (steps) => {
      const run = new Run(await openLab(await newDisk(), { frames: 8 }))
      await run.all(steps)
      looks += run.looks
      mostKept = Math.max(mostKept, run.mostKept)
    })
    const print = ([steps]: [Step[]]): string => steps.map((each) => JSON.stringify(each)).join('\n')
    await checkProperty(
      property,
      { numRuns: runsOf(RUNS), examples: EXAMPLES.map((steps): [Step[]] => [[...steps]]) },
      print,
    )
    expect(Math.min(looks / runsOf(RUNS), mostKept), 'snapshots were looked at, with versions').toBeGreaterThan(0.5)
  },
  TIMEOUT_MS,
)
