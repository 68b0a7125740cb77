/**
 * Scripts of two or three transactions, step by step, as Hermitage has them: each step is done by hand
 * after the one before, and either it is done at once, or it waits until a later one lets it go on.
 *
 * The table holds 1 => 10 and 2 => 20. Steps, after the name of their transaction:
 *
 *   begin                only where a transaction does not begin with the script
 *   get 1 2              reads keys
 *   scan                 reads all; `scan =20`, `scan %3` only rows with such a value, a multiple of it
 *   put 1 11             writes a key without reading it
 *   add 10               raises all values
 *   set 12 =10           writes 12 to all rows with such a value; says to which
 *   delete =20           deletes all rows with such a value; says which
 *   commit, abort
 *
 * A change of all rows with a value reads the range, locks each row that fits, and looks whether it still
 * does. A transaction does its steps one after the other: while one waits, so do the next ones, except that
 * an abort comes at once.
 */
import { AriesError } from '../../../src/common/errors.ts'
import { json, utf8 } from '../../../src/database/codecs.ts'
import type { Database } from '../../../src/database/database.ts'
import type { Isolation } from '../../../src/database/options.ts'
import type { Table } from '../../../src/database/table.ts'
import type { Transaction } from '../../../src/database/transaction.ts'
import { SimulatedFileSystem } from '../../../src/io/simulated-file-system.ts'
import { openOn } from '../support.ts'

type Rows = Table<string, number>

export interface StepResult {
  readonly step: string
  /** What it showed, or the code it failed with. */
  readonly shown: string
  /** The step that let it go on, if it had to wait. */
  readonly after: string | undefined
}

export interface Outcome {
  readonly steps: readonly StepResult[]
  /** The transactions that have committed. */
  readonly committed: ReadonlySet<string>
  /** What is in the table in the end. */
  readonly final: string
}

const NOTHING = 'nothing'

/** Runs a script at a level. */
export async function runScript(steps: readonly string[], isolation: Isolation): Promise<Outcome> {
  const db = await openOn(new SimulatedFileSystem(), { lockTimeoutMs: Number.POSITIVE_INFINITY })
  try {
    return await new ScriptRun(db, isolation).all(steps)
  } finally {
    await db.close()
  }
}

interface Client {
  transaction: Transaction | undefined
  /** The step under way, and those behind it. */
  last: Promise<void>
}

class ScriptRun {
  readonly #db: Database
  readonly #rows: Rows
  readonly #isolation: Isolation
  readonly #clients = new Map<string, Client>()
  readonly #committed = new Set<string>()
  #current = ''

  constructor(db: Database, isolation: Isolation) {
    this.#db = db
    this.#isolation = isolation
    this.#rows = db.table('rows', { key: utf8, value: json<number>() })
  }

  async all(steps: readonly string[]): Promise<Outcome> {
    await this.#db.transaction(async (tx) => {
      await tx.put(this.#rows, '1', 10)
      await tx.put(this.#rows, '2', 20)
    })
    this.#beginClients(steps)
    const results: Promise<StepResult>[] = []
    for (const step of steps) {
      this.#current = step
      results.push(this.#release(step))
      // The simulated disk is as quick as promises are: what has not come to its end now waits for a lock.
      await new Promise((resolve) => setImmediate(resolve))
    }
    const ended = await Promise.all(results)
    const final = await this.#db.transaction((tx) => scan(tx, this.#rows, () => true))
    return { steps: ended, committed: this.#committed, final: shownOf(final) }
  }

  #beginClients(steps: readonly string[]): void {
    for (const step of steps) {
      const [name, operation] = step.split(' ') as [string, string]
      if (this.#clients.has(name)) continue
      this.#clients.set(name, {
        transaction: operation === 'begin' ? undefined : this.#begin(),
        last: Promise.resolve(),
      })
    }
  }

  #begin(): Transaction {
    return this.#db.begin({ isolation: this.#isolation })
  }

  #release(step: string): Promise<StepResult> {
    const [name, operation, ...words] = step.split(' ') as [string, string, ...string[]]
    const client = this.#clients.get(name) as Client
    const work = async (): Promise<StepResult> => {
      const shown = await this.#shownBy(name, client, operation, words)
      return { step, shown, after: this.#current === step ? undefined : this.#current }
    }
    const result = operation === 'abort' ? work() : client.last.then(work)
    client.last = result.then(() => undefined)
    return result
  }

  async #shownBy(name: string, client: Client, operation: string, words: readonly string[]): Promise<string> {
    if (operation === 'begin') client.transaction = this.#begin()
    const { transaction } = client
    if (transaction?.isActive !== true) return 'gone'
    try {
      const shown = await operate(transaction, this.#rows, operation, words)
      if (operation === 'commit') this.#committed.add(name)
      return shown
    } catch (error) {
      if (!AriesError.is(error)) throw error
      // An application that has lost rolls back.
      if (error.code === 'TX_CONFLICT') await transaction.abort()
      return error.code
    }
  }
}

async function operate(tx: Transaction, rows: Rows, operation: string, words: readonly string[]): Promise<string> {
  const [first = '', second = ''] = words
  switch (operation) {
    case 'get':
      return (await Promise.all(words.map((key) => tx.get(rows, key)))).map((value) => value ?? '-').join(' ')
    case 'scan':
      return shownOf(await scan(tx, rows, conditionOf(first)))
    case 'put':
      await tx.put(rows, first, Number(second))
      return ''
    case 'add':
      for (const [key, value] of await scan(tx, rows, () => true, true)) await tx.put(rows, key, value + Number(first))
      return ''
    case 'set':
      return changeWhere(tx, rows, second, (key) => tx.put(rows, key, Number(first)))
    case 'delete':
      return changeWhere(tx, rows, first, (key) => tx.delete(rows, key))
    case 'commit':
      await tx.commit()
      return ''
    case 'abort':
      await tx.abort()
      return ''
    case 'begin':
      return ''
    default:
      throw new Error(`there is no step ${operation}`)
  }
}

async function changeWhere(
  tx: Transaction,
  rows: Rows,
  where: string,
  change: (key: string) => Promise<unknown>,
): Promise<string> {
  const fits = conditionOf(where)
  const changed: string[] = []
  for (const [key] of await scan(tx, rows, fits)) {
    const value = await tx.get(rows, key, { forUpdate: true })
    if (value === undefined || !fits(value)) continue
    await change(key)
    changed.push(key)
  }
  return changed.join(' ') || NOTHING
}

async function scan(
  tx: Transaction,
  rows: Rows,
  fits: (value: number) => boolean,
  forUpdate = false,
): Promise<[string, number][]> {
  const found: [string, number][] = []
  for await (const [key, value] of tx.range(rows, { forUpdate })) if (fits(value)) found.push([key, value])
  return found
}

function conditionOf(text: string): (value: number) => boolean {
  const operand = Number(text.slice(1))
  if (text.startsWith('=')) return (value) => value === operand
  if (text.startsWith('%')) return (value) => value % operand === 0
  return () => true
}

const shownOf = (rows: readonly (readonly [string, number])[]): string =>
  rows.map(([key, value]) => `${key}:${value}`).join(' ') || NOTHING
