/**
 * Transactions as data: a script says what one transaction does to tables of texts. It can be run on a
 * database and, independently of the engine, on plain maps; the two must agree. Arbitraries for scripts
 * are in `aries-db/testing/fast-check`.
 */
import { type Database, type Durability, type RangeOptions, type Savepoint, type Table, utf8 } from '../index.ts'
import { show } from './handles.ts'

/** One step. Keys and values are texts; values may repeat a text to become large. */
export type ScriptStep =
  | { readonly do: 'put'; readonly table: string; readonly key: string; readonly value: string }
  | { readonly do: 'delete'; readonly table: string; readonly key: string }
  | { readonly do: 'clear'; readonly table: string; readonly range: RangeOptions<string> }
  /** Marks a point to roll back to. */
  | { readonly do: 'savepoint' }
  /** Rolls back to the last point marked that is still valid; without one does nothing. */
  | { readonly do: 'rollback' }

export interface TransactionScript {
  readonly steps: readonly ScriptStep[]
  readonly end: 'commit' | 'abort'
  /** Default: the database's. */
  readonly durability?: Durability
}

/** What is in the tables. A table without keys is the same as none. */
export type Contents = ReadonlyMap<string, ReadonlyMap<string, string>>

const textTable = (db: Database, name: string): Table<string, string> => db.table(name, { key: utf8, value: utf8 })

/** Runs the script in a transaction; when it resolves, that has ended. Throws as `Database.transaction`. */
export async function runScript(db: Database, { steps, end, durability }: TransactionScript): Promise<void> {
  await db.transaction(
    async (tx) => {
      let savepoint: Savepoint | undefined
      for (const step of steps) {
        if (step.do === 'savepoint') savepoint = await tx.savepoint()
        else if (step.do === 'rollback') {
          if (savepoint !== undefined) await tx.rollbackTo(savepoint)
        } else if (step.do === 'put') await tx.put(textTable(db, step.table), step.key, step.value)
        else if (step.do === 'delete') await tx.delete(textTable(db, step.table), step.key)
        else await tx.clear(textTable(db, step.table), step.range)
      }
      if (end === 'abort') await tx.abort()
    },
    durability === undefined ? {} : { durability },
  )
}

type Draft = Map<string, Map<string, string>>

/** What `contents` become by the script; they are not changed themselves. */
export function applyScript(contents: Contents, { steps, end }: TransactionScript): Contents {
  if (end === 'abort') return contents
  let draft = copyOf(contents)
  let savepoint: Draft | undefined
  for (const step of steps) {
    if (step.do === 'savepoint') savepoint = copyOf(draft)
    else if (step.do === 'rollback') draft = savepoint === undefined ? draft : copyOf(savepoint)
    else applyStep(draft, step)
  }
  return draft
}

function applyStep(draft: Draft, step: Extract<ScriptStep, { table: string }>): void {
  const table = draft.get(step.table) ?? new Map<string, string>()
  if (step.do === 'put') table.set(step.key, step.value)
  else if (step.do === 'delete') table.delete(step.key)
  else for (const key of keysIn(table, step.range)) table.delete(key)
  if (table.size === 0) draft.delete(step.table)
  else draft.set(step.table, table)
}

function keysIn(table: ReadonlyMap<string, string>, range: RangeOptions<string>): string[] {
  const { gt, gte, lt, lte, reverse = false, limit = Number.POSITIVE_INFINITY } = range
  const keys = [...table.keys()].sort(compareCodePoints).filter((key) => {
    if (gt !== undefined && compareCodePoints(key, gt) <= 0) return false
    if (gte !== undefined && compareCodePoints(key, gte) < 0) return false
    if (lt !== undefined && compareCodePoints(key, lt) >= 0) return false
    return lte === undefined || compareCodePoints(key, lte) <= 0
  })
  return (reverse ? keys.reverse() : keys).slice(0, limit)
}

/** The order of UTF-8, which is not that of `<`. */
function compareCodePoints(a: string, b: string): number {
  const others = b[Symbol.iterator]()
  for (const point of a) {
    const other = others.next().value
    if (other === undefined) return 1
    const difference = (point.codePointAt(0) as number) - (other.codePointAt(0) as number)
    if (difference !== 0) return difference
  }
  return others.next().done === true ? 0 : -1
}

function copyOf(contents: Contents): Draft {
  return new Map([...contents].map(([name, rows]) => [name, new Map(rows)]))
}

/** What differs between two contents, in words; undefined when nothing does. */
export function differenceOf(actual: Contents, expected: Contents): string | undefined {
  for (const name of new Set([...actual.keys(), ...expected.keys()])) {
    const found = actual.get(name)
    const wanted = expected.get(name)
    for (const key of new Set([...(found?.keys() ?? []), ...(wanted?.keys() ?? [])])) {
      const [is, shouldBe] = [found?.get(key), wanted?.get(key)]
      if (is !== shouldBe) return `table ${name}, key ${show(key)}: is ${wordsFor(is)}, should be ${wordsFor(shouldBe)}`
    }
  }
  return undefined
}

function wordsFor(value: string | undefined): string {
  return value === undefined ? 'missing' : show(value)
}

/** Reads all tables, whose keys and values must be texts. */
export async function readContents(db: Database): Promise<Contents> {
  return db.transaction(async (tx) => {
    const contents: Draft = new Map()
    for (const name of await tx.tables()) {
      const rows = new Map<string, string>()
      for await (const [key, value] of tx.range(textTable(db, name))) rows.set(key, value)
      if (rows.size > 0) contents.set(name, rows)
    }
    return contents
  })
}
