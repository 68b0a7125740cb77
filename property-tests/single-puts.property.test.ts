/**
 * `Table.put` beside open transactions: a transaction of its own, made in one go when nobody is in the way.
 * It is acknowledged when nobody who is open has read or written the key, or has read all of the table, and
 * before that it has not happened; those of one key happen in the order of the calls (I21). When the
 * power fails, what was acknowledged is there and the rest is not (I18).
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Transaction } from '../src/database/transaction.ts'
import type { SimulatedFileSystem } from '../src/io/simulated-file-system.ts'
import { idle, type KeyTable, type Lab, newDisk, openLab, tableOf } from './lab.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const RUNS = 150
const KEYS = ['a', 'b', 'c', 'd'] as const
const SESSIONS = 3

type Key = (typeof KEYS)[number]

type Access =
  | { readonly do: 'read' | 'write'; readonly by: number; readonly key: Key }
  | { readonly do: 'readAll'; readonly by: number }
type Step =
  | { readonly do: 'put'; readonly key: Key }
  | Access
  | { readonly do: 'commit'; readonly by: number }
  | { readonly do: 'abort'; readonly by: number }

const by = fc.nat(SESSIONS - 1)
const key = fc.constantFrom(...KEYS)

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('put' as const), key }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('read' as const, 'write' as const), by, key }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('readAll' as const), by }) },
    {
      weight: 3,
      arbitrary: fc.oneof(
        fc.record({ do: fc.constant('commit' as const), by }),
        fc.record({ do: fc.constant('abort' as const), by }),
      ),
    },
  ),
  { minLength: 3, maxLength: 30 },
)

/** An open transaction and what it keeps from others. */
class Session {
  readonly tx: Transaction
  readonly reads = new Set<Key>()
  readonly writes = new Map<Key, number>()
  readsAll = false

  constructor(tx: Transaction) {
    this.tx = tx
  }

  holds(each: Key): boolean {
    return this.readsAll || this.reads.has(each) || this.writes.has(each)
  }
}

interface Put {
  readonly key: Key
  readonly value: number
  /** Somebody had read all when it came: if its key is new it waits in line at the next key, for the gap. */
  readonly isInLine: boolean
  isDone: boolean
}

/** Lets everything go on that waits for nobody. */
async function settle(): Promise<void> {
  for (let round = 0; round < 5; round++) await idle()
}

const encode = (value: number): Uint8Array => new Uint8Array([value >>> 8, value & 255])

class Run {
  readonly #lab: Lab
  readonly #table: KeyTable
  readonly #committed = new Map<string, number>()
  readonly #sessions = new Map<number, Session>()
  /** Those that are not acknowledged, in the order of their calls. */
  #waiting: Put[] = []
  #value = 0

  constructor(lab: Lab) {
    this.#lab = lab
    this.#table = tableOf(lab.db, 't')
  }

  async take(step: Step): Promise<void> {
    let isDone = false
    void this.#begin(step).then(() => {
      isDone = true
    })
    await settle()
    if (!isDone) throw new Error(`${JSON.stringify(step)} waits`)
    this.#check()
  }

  async #begin(step: Step): Promise<void> {
    if (step.do === 'put') this.#put(step.key)
    else if (step.do === 'commit' || step.do === 'abort') await this.#end(step.by, step.do)
    else await this.#access(this.#sessionOf(step.by), step)
  }

  #put(each: Key): void {
    const isInLine = [...this.#sessions.values()].some(({ readsAll }) => readsAll)
    const put: Put = { key: each, value: ++this.#value, isInLine, isDone: false }
    this.#waiting.push(put)
    void this.#table.put(each, encode(put.value)).then(() => {
      put.isDone = true
    })
  }

  #sessionOf(number: number): Session {
    const session = this.#sessions.get(number) ?? new Session(this.#lab.db.begin())
    this.#sessions.set(number, session)
    return session
  }

  async #end(number: number, how: 'commit' | 'abort'): Promise<void> {
    const session = this.#sessionOf(number)
    this.#sessions.delete(number)
    if (how === 'commit') for (const [each, value] of session.writes) this.#committed.set(each, value)
    await session.tx[how]()
  }

  async #access(session: Session, step: Access): Promise<void> {
    // What a wait of theirs leads to is not the matter here.
    if (this.#mustWait(session, step)) return
    if (step.do === 'readAll') {
      session.readsAll = true
      await session.tx.count(this.#table)
    } else if (step.do === 'read') {
      session.reads.add(step.key)
      await session.tx.get(this.#table, step.key)
    } else {
      session.writes.set(step.key, ++this.#value)
      await session.tx.put(this.#table, step.key, encode(this.#value))
    }
  }

  #mustWait(session: Session, step: Access): boolean {
    const others = [...this.#sessions.values()].filter((other) => other !== session)
    // A put of a new key waits at another one, for the gap.
    if (this.#waiting.length > 0 && [...this.#sessions.values()].some(({ readsAll }) => readsAll)) return true
    if (step.do === 'readAll') return this.#waiting.length > 0 || others.some((other) => other.writes.size > 0)
    if (this.#waiting.some((put) => put.key === step.key)) return true
    return others.some((other) => (step.do === 'read' ? other.writes.has(step.key) : other.holds(step.key)))
  }

  #check(): void {
    for (const [i, put] of this.#waiting.entries()) {
      const isFree = ![...this.#sessions.values()].some((session) => session.holds(put.key))
      // Locks are served in order: it goes on waiting behind who waits for that key itself.
      const mayWait = put.isInLine && this.#waiting.slice(0, i).some(({ isDone }) => !isDone)
      if (put.isDone !== isFree && (put.isDone || !mayWait))
        throw new Error(`the put of ${put.value} under ${put.key} ${put.isDone ? 'did not wait' : 'waits for nobody'}`)
      if (put.isDone) this.#committed.set(put.key, put.value)
    }
    this.#waiting = this.#waiting.filter((put) => !put.isDone)
  }

  /** What others see, and what a power cut leaves, is what is committed. */
  async checkContent(disk: SimulatedFileSystem): Promise<void> {
    const expected = [...this.#committed].sort().map(([each, value]) => [each, encode(value)])
    const snapshot = this.#lab.db.snapshot()
    expect([...snapshot.range(this.#table)]).toEqual(expected)
    snapshot.close()
    const { db } = await openLab(disk.crash({ mode: 'none' }))
    const left = []
    for await (const entry of tableOf(db, 't').range()) left.push(entry)
    expect(left).toEqual(expected)
    await db.close()
  }

  async close(): Promise<void> {
    for (const number of [...this.#sessions.keys()]) await this.#end(number, 'abort')
    await settle()
    this.#check()
    expect(this.#waiting).toEqual([])
    await this.#lab.db.close()
  }
}

/** The second put waits for the gap before the first's key, behind the first. */
const IN_LINE_FOR_A_GAP: Step[] = [
  { do: 'read', by: 1, key: 'b' },
  { do: 'readAll', by: 0 },
  { do: 'put', key: 'b' },
  { do: 'put', key: 'a' },
  { do: 'commit', by: 0 },
]

describe('puts without a transaction', () => {
  test(
    'wait for whoever is in the way and for nobody else, and are there when they are acknowledged',
    async () => {
      const property = fc.asyncProperty(steps, async (list) => {
        const disk = await newDisk()
        const run = new Run(await openLab(disk))
        await run.take({ do: 'put', key: 'b' })
        for (const step of list) await run.take(step)
        await run.checkContent(disk)
        await run.close()
      })
      const parameters = { numRuns: runsOf(RUNS), examples: [[IN_LINE_FOR_A_GAP]] as [Step[]][] }
      await checkProperty(property, parameters, ([list]: [Step[]]) => JSON.stringify(list))
    },
    TIMEOUT_MS,
  )
})
