/**
 * Whether a database shows what it must after a kill, told from the outside: its content against the
 * ledger of what was announced and acknowledged, and against the plan.
 *
 *   1  what was acknowledged is there, with the content it was given
 *   2  what was not is there as a whole or not at all; what was rolled back is not there
 *   3  every city has its one index entry, and every index entry its city
 *   4  every balance is what the transfers that are there make it, and the sum never changes
 *   5  the database's own check finds nothing
 */
import type { Database, RangeOptions, Table } from '../../index.ts'
import type { Ledger } from './ledger.ts'
import {
  ACCOUNTS,
  accountKey,
  batchOf,
  type City,
  citiesOf,
  cityAt,
  cityKey,
  indexKey,
  OPENING_BALANCE,
  type Plan,
  revisionOf,
  type Transfer,
  transferAt,
  transferKey,
} from './plan.ts'
import type { WorkKind } from './protocol.ts'
import { tablesOf } from './tables.ts'

const ROWS_PER_TRANSACTION = 1_000

/** Everything the database holds. */
export interface Content {
  readonly cities: ReadonlyMap<string, City>
  readonly citiesByName: ReadonlyMap<string, string>
  readonly accounts: ReadonlyMap<string, number>
  readonly transfers: ReadonlyMap<string, Transfer>
  /** What `database.check()` found. */
  readonly problems: readonly string[]
}

/** Reads everything. */
export async function readContent(database: Database): Promise<Content> {
  const tables = tablesOf(database)
  return {
    cities: await readTable(tables.cities),
    citiesByName: await readTable(tables.citiesByName),
    accounts: await readTable(tables.accounts),
    transfers: await readTable(tables.transfers),
    problems: database.check(),
  }
}

/** In pieces: a transaction holds a lock on every row it has read. */
async function readTable<V>(table: Table<string, V>): Promise<Map<string, V>> {
  const rows = new Map<string, V>()
  let range: RangeOptions<string> = { limit: ROWS_PER_TRANSACTION }
  for (let before = -1; before < rows.size; ) {
    before = rows.size
    for await (const [key, value] of table.range(range)) {
      rows.set(key, value)
      range = { gt: key, limit: ROWS_PER_TRANSACTION }
    }
  }
  return rows
}

/** What is violated, one line each; none when the database is as it must be. */
export function violationsOf(content: Content, ledger: Ledger, plan: Plan): string[] {
  return [
    ...batchViolations(content, ledger, plan),
    ...indexViolations(content),
    ...transferViolations(content, ledger, plan),
    ...balanceViolations(content),
    ...content.problems.map((problem) => `check: ${problem}`),
  ]
}

/** Whether a piece of work shows in the database. For work in flight; whether it shows as a whole is `violationsOf`'s. */
export function isThere(content: Content, plan: Plan, kind: WorkKind, id: number): boolean {
  if (kind === 'transfer') return content.transfers.has(transferKey(id))
  const [first] = citiesOf(plan, batchOf(plan, id))
  const city = content.cities.get(cityKey(first ?? 0))
  return city !== undefined && city.revision >= revisionOf(plan, id)
}

/** What a batch shows: the revision of its cities, or -1 while none of them is there. */
const ABSENT = -1

function* batchViolations(content: Content, ledger: Ledger, plan: Plan): Generator<string> {
  let found = 0
  for (let batch = 0; batch < plan.batches; batch++) {
    const ids = [...citiesOf(plan, batch)]
    const cities = ids.map((id) => content.cities.get(cityKey(id)))
    found += cities.filter((city) => city !== undefined).length
    const revisions = new Set(cities.map((city) => city?.revision ?? ABSENT))
    if (revisions.size > 1) {
      yield `batch ${batch}: shows in part: cities at ${[...revisions].map(revisionName).join(', ')}`
      continue
    }
    const [revision = ABSENT] = revisions
    yield* revisionViolations(ledger, plan, batch, revision)
    for (const [i, id] of ids.entries()) {
      if (revision !== ABSENT && !sameCity(cities[i] as City, cityAt(plan, id, revision))) {
        yield `city ${cityKey(id)}: another content than it was given: ${JSON.stringify(cities[i])}`
      }
    }
  }
  if (found !== content.cities.size) yield `cities: ${content.cities.size - found} that were never inserted`
}

/** The revision must be that of the last acknowledged step, or of one in flight. */
function* revisionViolations(ledger: Ledger, plan: Plan, batch: number, revision: number): Generator<string> {
  for (let step = batch; step < plan.steps; step += plan.batches) {
    const state = ledger.state('step', step)
    const shows = revision >= revisionOf(plan, step)
    const name = revisionName(revisionOf(plan, step))
    if (state === 'committed' && !shows) {
      yield `batch ${batch}: acknowledged as ${name}, but is ${revisionName(revision)}`
    }
    if ((state === 'unknown' || state === 'gone') && shows) {
      yield `batch ${batch}: is ${name}, but that was ${state === 'gone' ? 'rolled back' : 'never begun'}`
    }
  }
}

function revisionName(revision: number): string {
  return revision === ABSENT ? 'absent' : revision === 0 ? 'inserted' : 'renamed'
}

function sameCity(a: City, b: City): boolean {
  return a.name === b.name && a.country === b.country && a.lat === b.lat && a.lng === b.lng && a.revision === b.revision
}

/** An entry names its city, so when all entries fit and are as many as the cities, no city lacks its own. */
function* indexViolations({ cities, citiesByName }: Content): Generator<string> {
  let fitting = 0
  for (const [entry, key] of citiesByName) {
    const city = cities.get(key)
    if (city === undefined) yield `index entry ${entry}: there is no city ${key}`
    else if (indexKey(city, key) !== entry) yield `index entry ${entry}: city ${key} is called ${city.name} now`
    else fitting++
  }
  if (fitting === cities.size) return
  for (const [key, city] of cities) {
    if (citiesByName.get(indexKey(city, key)) !== key) yield `city ${key}: not in the index as ${indexKey(city, key)}`
  }
}

function* transferViolations({ transfers }: Content, ledger: Ledger, plan: Plan): Generator<string> {
  let found = 0
  for (let id = 0; id < ledger.next('transfer'); id++) {
    const state = ledger.state('transfer', id)
    const row = transfers.get(transferKey(id))
    if (row === undefined) {
      if (state === 'committed') yield `transfer ${id}: acknowledged, but not there`
      continue
    }
    found++
    const planned = transferAt(plan, id)
    if (state === 'gone' || state === 'unknown' || planned.isCalledOff)
      yield `transfer ${id}: there, but was rolled back`
    if (row.from !== planned.from || row.to !== planned.to || row.amount !== planned.amount) {
      yield `transfer ${id}: another content than it was given: ${JSON.stringify(row)}`
    }
  }
  if (found !== transfers.size) yield `transfers: ${transfers.size - found} that were never begun`
}

function* balanceViolations({ accounts, transfers }: Content): Generator<string> {
  const expected = new Map<string, number>()
  for (let account = 0; account < ACCOUNTS; account++) expected.set(accountKey(account), OPENING_BALANCE)
  for (const { from, to, amount } of transfers.values()) {
    expected.set(from, (expected.get(from) ?? 0) - amount)
    expected.set(to, (expected.get(to) ?? 0) + amount)
  }
  for (const [account, balance] of expected) {
    const actual = accounts.get(account)
    if (actual !== balance)
      yield `account ${account}: holds ${actual ?? 'nothing'}, but its transfers make it ${balance}`
  }
  if (accounts.size !== ACCOUNTS) yield `accounts: ${accounts.size} instead of ${ACCOUNTS}`
  let sum = 0
  for (const balance of accounts.values()) sum += balance
  if (sum !== ACCOUNTS * OPENING_BALANCE) yield `accounts: the sum is ${sum} instead of ${ACCOUNTS * OPENING_BALANCE}`
}
