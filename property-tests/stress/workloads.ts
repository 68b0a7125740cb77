/**
 * Many clients at once on very few keys. Each workload has a number of clients, all of which begin at the
 * same time and do one transaction each, again and again until it has committed; in the end something must
 * have come out of it that only whole transactions could have made.
 */
import { json, utf8 } from '../../src/database/codecs.ts'
import type { Database } from '../../src/database/database.ts'
import type { TransactionOptions } from '../../src/database/options.ts'
import type { Table } from '../../src/database/table.ts'
import type { Transaction } from '../../src/database/transaction.ts'

export const HOT_KEYS = 10
/** Rows of the table that is read from end to end. */
const ROWS = 500
const BALANCE = 100
/** Of so many clients one reads all. */
const SCANNER_EVERY = 20

type Rows = Table<string, number>

const rowsOf = (db: Database): Rows => db.table('rows', { key: utf8, value: json<number>() })
const keyOf = (index: number): string => `row-${String(index).padStart(4, '0')}`

/** One client, and what it draws from. */
export interface Client {
  readonly db: Database
  readonly index: number
  readonly random: () => number
  /** Runs a transaction until it has committed, and counts. */
  readonly transaction: (work: (tx: Transaction) => Promise<void>, options?: TransactionOptions) => Promise<void>
  /** Waits for others to go on. */
  readonly pause: () => Promise<void>
}

export interface Workload {
  readonly name: string
  /** How many rows there are, and what each holds at the beginning. */
  readonly rows: number
  readonly balance: number
  readonly run: (client: Client) => Promise<void>
  /** What all rows hold together in the end, when so many clients have run. */
  readonly sum: (clients: number) => number
}

/** Adds to a row, which is locked before it is read or while it is written. */
async function add(tx: Transaction, rows: Rows, key: string, amount: number, forUpdate: boolean): Promise<void> {
  const value = await tx.get(rows, key, { forUpdate })
  await tx.put(rows, key, (value ?? 0) + amount)
}

const hotKey = ({ random }: Client): string => keyOf(Math.floor(random() * HOT_KEYS))

/** Different keys in an order of their own. */
function hotKeys(client: Client, count: number): string[] {
  const keys = new Set<string>()
  while (keys.size < count) keys.add(hotKey(client))
  return [...keys]
}

const isScanner = ({ index }: Client): boolean => index % SCANNER_EVERY === 0

/** Takes from one row and gives to another. */
function transfer(client: Client): Promise<void> {
  const rows = rowsOf(client.db)
  const [from, to] = [0, 1].map(() => keyOf(Math.floor(client.random() * ROWS))) as [string, string]
  return client.transaction(async (tx) => {
    await add(tx, rows, from, -1, true)
    await client.pause()
    await add(tx, rows, to, 1, true)
  })
}

/** Reads all rows, slowly, and sees what transfers leave as it is. */
function audit(client: Client, options: TransactionOptions): Promise<void> {
  return client.transaction(async (tx) => {
    let sum = 0
    let count = 0
    for await (const [, value] of tx.range(rowsOf(client.db))) {
      sum += value
      if (++count % 50 === 0) await client.pause()
    }
    if (count !== ROWS || sum !== ROWS * BALANCE) throw new Error(`a scan sees ${sum} in ${count} rows`)
  }, options)
}

class ChangedItsMind extends Error {}

/** Adds to three keys, and as often as not gives up: by an error, or from outside while it waits. */
async function fickle(client: Client): Promise<void> {
  const rows = rowsOf(client.db)
  for (;;) {
    const [whenToFail, whenToAbort] = [client.random() * 6, client.random() * 6]
    try {
      await client.transaction(async (tx) => {
        for (const [i, key] of hotKeys(client, 3).sort().entries()) {
          const added = add(tx, rows, key, 1, true)
          if (i === Math.floor(whenToAbort)) {
            const ended = added.catch(() => undefined)
            await client.pause()
            await Promise.all([tx.abort(), ended])
            throw new ChangedItsMind()
          }
          await added
          if (i === Math.floor(whenToFail)) throw new ChangedItsMind()
        }
      })
      return
    } catch (error) {
      if (!(error instanceof ChangedItsMind)) throw error
    }
  }
}

const HOT = { rows: HOT_KEYS, balance: 0 } as const
const WIDE = { rows: ROWS, balance: BALANCE, sum: () => ROWS * BALANCE } as const

export const WORKLOADS: readonly Workload[] = [
  {
    ...HOT,
    name: 'hot keys',
    run: (client) => client.transaction((tx) => add(tx, rowsOf(client.db), keyOf(client.index % HOT_KEYS), 1, true)),
    sum: (clients) => clients,
  },
  {
    ...HOT,
    name: 'deadlock storm',
    run: (client) =>
      client.transaction(async (tx) => {
        for (const key of hotKeys(client, 3)) await add(tx, rowsOf(client.db), key, 1, false)
      }),
    sum: (clients) => 3 * clients,
  },
  {
    ...HOT,
    name: 'conflict storm (snapshot)',
    run: (client) =>
      client.transaction((tx) => add(tx, rowsOf(client.db), hotKey(client), 1, false), { isolation: 'snapshot' }),
    sum: (clients) => clients,
  },
  {
    ...HOT,
    name: 'lock timeouts',
    run: (client) =>
      client.transaction((tx) => add(tx, rowsOf(client.db), hotKey(client), 1, true), { lockTimeoutMs: 5 }),
    sum: (clients) => clients,
  },
  { ...HOT, name: 'random aborts', run: fickle, sum: (clients) => 3 * clients },
  {
    ...WIDE,
    name: 'scans beside writers',
    run: (client) => (isScanner(client) ? audit(client, {}) : transfer(client)),
  },
  {
    ...WIDE,
    name: 'read-only scans beside writers',
    run: (client) => (isScanner(client) ? audit(client, { readOnly: true }) : transfer(client)),
  },
]

export async function fill(db: Database, { rows, balance }: Workload): Promise<void> {
  await db.transaction(async (tx) => {
    for (let i = 0; i < rows; i++) await tx.put(rowsOf(db), keyOf(i), balance)
  })
}

/** What is wrong in the end: with the rows, or because something was left behind. */
export async function problemsAfter(db: Database, workload: Workload, clients: number): Promise<string[]> {
  const problems = db.check()
  let sum = 0
  for await (const [, value] of rowsOf(db).range()) sum += value
  const expected = workload.sum(clients)
  if (sum !== expected) problems.push(`the rows hold ${sum}, not ${expected}`)
  const { locks, transactions, versions } = db.stats()
  if (locks.held > 0 || locks.waiting > 0) problems.push(`${locks.held} locks are held, ${locks.waiting} waited for`)
  if (transactions.active > 0) problems.push(`${transactions.active} transactions are active`)
  if (versions.entries > 0) problems.push(`${versions.entries} versions are kept`)
  return problems
}
