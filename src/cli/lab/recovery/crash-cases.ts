/**
 * Crash tests for a student's restart: small programs on the simulated disk, crashed at many of their writes and
 * again inside restart. A transaction writes rows of its own, and overwrites those of the one before it where that
 * has committed; so at every moment it is known which rows are to be there.
 */
import { type Database, type Savepoint, type Table, type Transaction, utf8 } from '../../../index.ts'
import { PASSES, type Passes } from '../../../recovery/passes.ts'
import { crashTestWith } from '../../../testing/crash-test.ts'
import { CrashTestFailure } from '../../../testing/failure.ts'
import { type CrashTestOptions, crashTestSettingsOf } from '../../../testing/options.ts'

/** How a transaction ends; `open` stays so until the crash, `savepoint` rolls half of itself back and commits. */
type Ending = 'commit' | 'abort' | 'open' | 'savepoint'

interface CrashCase {
  readonly id: string
  readonly title: string
  readonly endings: readonly Ending[]
  readonly rows: number
  readonly valueBytes: number
  readonly checkpointAfter: readonly number[]
  readonly poolPages: number
}

const PAGE_BYTES = 4096

export const CRASH_CASES: readonly CrashCase[] = [
  {
    id: 'commits',
    title: 'what was committed is there',
    endings: ['commit', 'commit', 'commit', 'commit', 'commit'],
    rows: 4,
    valueBytes: 60,
    checkpointAfter: [],
    poolPages: 16,
  },
  {
    id: 'rollbacks',
    title: 'aborts and rollbacks to savepoints before the crash',
    endings: ['commit', 'abort', 'savepoint', 'abort', 'commit', 'savepoint'],
    rows: 4,
    valueBytes: 60,
    checkpointAfter: [],
    poolPages: 16,
  },
  {
    id: 'losers',
    title: 'transactions that are open at the crash, with pages of theirs on disk',
    endings: ['commit', 'open', 'commit', 'open', 'commit', 'open', 'commit'],
    rows: 12,
    valueBytes: 700,
    checkpointAfter: [],
    poolPages: 8,
  },
  {
    id: 'checkpoints',
    title: 'checkpoints while transactions are open',
    endings: ['commit', 'open', 'commit', 'abort', 'open', 'savepoint', 'commit'],
    rows: 5,
    valueBytes: 200,
    checkpointAfter: [1, 4],
    poolPages: 16,
  },
  {
    id: 'splits',
    title: 'splits of B+tree nodes, which are nested top actions, by losers and winners',
    endings: ['commit', 'open', 'commit', 'abort', 'open', 'commit'],
    rows: 24,
    valueBytes: 300,
    checkpointAfter: [3],
    poolPages: 16,
  },
]

type State = ReadonlyMap<string, string>

const tableOf = (db: Database): Table<string, string> => db.table('rows', { key: utf8, value: utf8 })
const keyOf = (txn: number, row: number): string => `row ${String(row).padStart(2, '0')} of transaction ${txn}`
const isCommitted = (ending: Ending | undefined): boolean => ending === 'commit' || ending === 'savepoint'

/** The rows that transaction `txn` writes, with their values. */
function* writesOf({ endings, rows, valueBytes }: CrashCase, txn: number): Generator<readonly [string, string]> {
  const value = `by ${txn} `.padEnd(valueBytes, '.')
  for (let row = 0; row < rows; row++) yield [keyOf(txn, row), value]
  if (isCommitted(endings[txn - 1])) for (let row = 0; row < rows; row += 2) yield [keyOf(txn - 1, row), value]
}

/** The rows after so many of the transactions that commit. */
function statesOf(test: CrashCase): State[] {
  const states: State[] = [new Map()]
  for (const [txn, ending] of test.endings.entries()) {
    if (isCommitted(ending)) states.push(new Map([...(states.at(-1) as State), ...writesOf(test, txn)]))
  }
  return states
}

async function run(test: CrashCase, db: Database, ack: (commits: number) => void): Promise<void> {
  const table = tableOf(db)
  let commits = 0
  for (const [txn, ending] of test.endings.entries()) {
    const tx = db.begin()
    for (const [key, value] of writesOf(test, txn)) await tx.put(table, key, value)
    if (ending === 'savepoint') await writeInVain(test, tx, await tx.savepoint(), table, txn)
    if (ending === 'abort') await tx.abort()
    if (isCommitted(ending)) {
      await tx.commit()
      ack(++commits)
    }
    if (test.checkpointAfter.includes(txn)) await db.checkpoint()
  }
}

async function writeInVain(
  test: CrashCase,
  tx: Transaction,
  savepoint: Savepoint,
  table: Table<string, string>,
  txn: number,
): Promise<void> {
  for (const [key] of writesOf(test, txn)) await tx.put(table, key, 'rolled back to the savepoint')
  await tx.rollbackTo(savepoint)
}

/** @throws an error that says what is wrong */
async function verify(states: readonly State[], db: Database, acknowledged: number): Promise<void> {
  const problems = db.check()
  if (problems.length > 0) throw new Error(`the B+trees are damaged: ${problems.slice(0, 3).join('; ')}`)
  const found = new Map<string, string>()
  for await (const [key, value] of tableOf(db).range()) found.set(key, value)
  const allowed = states.slice(acknowledged, acknowledged + 2)
  const complaints = allowed.map((state) => complaintOf(state, found))
  if (complaints.every((complaint) => complaint !== undefined)) throw new Error(complaints[0])
}

function complaintOf(state: State, found: State): string | undefined {
  for (const [key, value] of state) {
    const has = found.get(key)
    if (has === undefined)
      return `"${key}" was committed by ${writer(value)} and is not there: it was not redone, or was undone`
    if (has !== value)
      return `"${key}" was committed by ${writer(value)} and has the value written by ${writer(has)}: redo or undo has left a wrong version`
  }
  const extra = [...found.keys()].find((key) => !state.has(key))
  return extra === undefined
    ? undefined
    : `"${extra}" is there, and its transaction has not committed: it was not undone`
}

const writer = (value: string): string =>
  value.startsWith('by ') ? `transaction ${value.split(' ')[1]}` : 'a part that was rolled back to a savepoint'

/** What is wrong with a database that restarts with `passes`; nothing when it stands all crashes. */
export async function judgeCrashes(
  test: CrashCase,
  passes: Passes,
  describeError: (error: unknown) => string,
  isAlive: () => void,
): Promise<string[]> {
  const states = statesOf(test)
  const options: CrashTestOptions<number> = {
    maxCrashPoints: 24,
    statesPerCrashPoint: 2,
    poolBytes: test.poolPages * PAGE_BYTES,
    workload: ({ db, ack }) => run(test, db, ack),
    invariant: ({ db, acknowledged }) => verify(states, db, acknowledged.length),
    onProgress: isAlive,
  }
  const settings = crashTestSettingsOf(options)
  try {
    await crashTestWith(options, { ...settings, open: { ...settings.open, [PASSES]: passes } as typeof settings.open })
    return []
  } catch (error) {
    return [error instanceof CrashTestFailure ? failureText(error, describeError) : describeError(error)]
  }
}

const TIMELINE_LINES_MAX = 30

/** The timeline from its end: how the crash came, and what the restart did. */
function failureText(failure: CrashTestFailure, describeError: (error: unknown) => string): string {
  const lines = failure.timeline.split('\n')
  const shown = lines.slice(-TIMELINE_LINES_MAX)
  const left = lines.length > shown.length ? [`    (${lines.length - shown.length} lines before)`] : []
  return [`after a crash, ${describeError(failure.cause)}`, ...left, ...shown].join('\n')
}
