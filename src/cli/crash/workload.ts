/**
 * What `aries crash` puts under crash: transactions drawn from a seed, one after the other, and what each leaves
 * behind. So after a crash only two states are right: that of the last commit acknowledged, and, if a commit was in
 * flight, that of the one after it.
 */
import { randomBelow, randomFrom } from '../../common/random.ts'
import { type Database, type Table, utf8 } from '../../index.ts'

const TRANSACTIONS = 40
const CHANGES_MAX = 12
const KEYS = 60
/** Some values are longer than a page. */
const VALUE_BYTES_MAX = 6_000

interface Change {
  readonly key: string
  /** Undefined deletes the key. */
  readonly value: string | undefined
}

interface PlannedTransaction {
  readonly changes: readonly Change[]
  readonly isCommitted: boolean
}

type State = ReadonlyMap<string, string>

export interface CrashPlan {
  readonly transactions: readonly PlannedTransaction[]
  /** The rows after so many commits. */
  readonly states: readonly State[]
}

/** The plan that belongs to `seed`. */
export function makeCrashPlan(seed: number): CrashPlan {
  const random = randomFrom(seed)
  const transactions = Array.from({ length: TRANSACTIONS }, () => ({
    changes: Array.from({ length: 1 + randomBelow(random, CHANGES_MAX) }, () => ({
      key: `key ${randomBelow(random, KEYS)}`,
      value: random() < 0.25 ? undefined : 'v'.repeat(randomBelow(random, random() < 0.1 ? VALUE_BYTES_MAX : 200)),
    })),
    isCommitted: random() < 0.8,
  }))
  const states: State[] = [new Map()]
  for (const { changes, isCommitted } of transactions) {
    if (isCommitted) states.push(applied(states.at(-1) as State, changes))
  }
  return { transactions, states }
}

function applied(state: State, changes: readonly Change[]): State {
  const after = new Map(state)
  for (const { key, value } of changes) {
    if (value === undefined) after.delete(key)
    else after.set(key, value)
  }
  return after
}

const tableOf = (db: Database): Table<string, string> => db.table('rows', { key: utf8, value: utf8 })

/** Runs the plan; `ack` is called with the number of commits so far. */
export async function runCrashPlan(plan: CrashPlan, db: Database, ack: (commits: number) => void): Promise<void> {
  const table = tableOf(db)
  let commits = 0
  for (const { changes, isCommitted } of plan.transactions) {
    const tx = db.begin()
    for (const { key, value } of changes) {
      if (value === undefined) await tx.delete(table, key)
      else await tx.put(table, key, value)
    }
    if (!isCommitted) {
      await tx.abort()
      continue
    }
    await tx.commit()
    ack(++commits)
  }
}

/** @throws an error that says what is wrong, unless the database has one of the two states that are right */
export async function verifyCrashPlan(plan: CrashPlan, db: Database, acknowledged: number): Promise<void> {
  const problems = db.check()
  if (problems.length > 0) throw new Error(problems.join('\n'))
  const found = new Map<string, string>()
  for await (const [key, value] of tableOf(db).range()) found.set(key, value)
  const right = plan.states.slice(acknowledged, acknowledged + 2)
  if (right.some((state) => isSame(state, found))) return
  const committed = plan.states[acknowledged] as State
  const wrong = [...new Set([...found.keys(), ...committed.keys()])].filter(
    (key) => found.get(key) !== committed.get(key),
  )
  throw new Error(`${acknowledged} commits were acknowledged, but these keys differ: ${wrong.join(', ')}`)
}

const isSame = (a: State, b: State): boolean =>
  a.size === b.size && [...a].every(([key, value]) => b.get(key) === value)
