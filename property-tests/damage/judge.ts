/**
 * The judge: opens a database that has been damaged, reads all of it, checks it, and says what came of
 * the damage. It knows what has to be there from the specimen and nothing from the engine.
 *
 *   unharmed    the content is right, and nothing is reported: the damage lies where nothing is needed
 *   repaired    the content is right, and the recovery report says what was put right
 *   checked     the content is right, and `check` names what is damaged
 *   refused     `open` fails, and names the place
 *   unreadable  reads of what is on a damaged page fail and name it; everything else is right
 *   lastBatch   the last synced batch of an unclean shutdown is gone, as if its tail were torn
 *   violation   wrong or missing content without an error, an error without a place, another exception
 */
import { compareBytes } from '../../src/common/bytes.ts'
import { AriesError } from '../../src/common/errors.ts'
import type { Database } from '../../src/database/database.ts'
import type { FileSystem } from '../../src/io/file-system.ts'
import { openLab, tableOf } from '../lab.ts'
import { type Content, firstDifference, type TableContent } from '../model.ts'
import type { Specimen } from './specimen.ts'

export const OUTCOMES = ['unharmed', 'repaired', 'checked', 'refused', 'unreadable', 'lastBatch', 'violation'] as const
export type Outcome = (typeof OUTCOMES)[number]

export interface Verdict {
  readonly outcome: Outcome
  /** The code of the error, or what is wrong. */
  readonly why: string
}

/** What damage may do beyond being found: what it is, for the one thing that cannot be told. */
export interface Allowance {
  /** So many of the last commits may be gone. */
  readonly losable: number
}

export type Opener = (disk: FileSystem) => Promise<Database>

/** Opens with redo deferred or not. */
export const openSimulated =
  (deferRedo: boolean): Opener =>
  async (disk) =>
    (await openLab(disk, { deferRedo })).db

/** Opens what is on `disk` and judges it. The database, if it opened, stays open. */
export async function judge(
  disk: FileSystem,
  specimen: Specimen,
  allowance: Allowance,
  open: Opener = openSimulated(false),
): Promise<{ readonly verdict: Verdict; readonly db: Database | undefined }> {
  let db: Database | undefined
  try {
    db = await open(disk)
    return { verdict: await judgeOpened(db, specimen, allowance), db }
  } catch (error) {
    const verdict = failure('refused', error)
    return { verdict: db === undefined ? verdict : { outcome: 'violation', why: verdict.why }, db }
  }
}

async function judgeOpened(db: Database, specimen: Specimen, allowance: Allowance): Promise<Verdict> {
  const problems = db.check()
  const expected = specimen.states.at(-1) as Content
  let found: Content
  try {
    found = await contentOf(db)
  } catch (error) {
    const verdict = failure('unreadable', error)
    const wrong = verdict.outcome === 'violation' ? verdict.why : await wrongRow(db, expected)
    if (wrong !== undefined) return { outcome: 'violation', why: wrong }
    return problems.length > 0 ? verdict : { outcome: 'violation', why: `check does not find what ${verdict.why} says` }
  }
  const difference = firstDifference(expected, found)
  if (difference !== undefined) return judgeOlder(found, specimen, allowance, difference)
  if (problems.length > 0) return { outcome: 'checked', why: (problems[0] as string).replaceAll(/\d+/g, 'n') }
  const { notices, restoredPages, damagedPages } = db.recovery
  const repairs = notices.length + restoredPages.length + damagedPages.length
  return repairs > 0 ? { outcome: 'repaired', why: '' } : { outcome: 'unharmed', why: '' }
}

function judgeOlder(found: Content, { states }: Specimen, allowance: Allowance, difference: string): Verdict {
  const earlier = (count: number): boolean =>
    states.slice(-1 - count, -1).some((state) => firstDifference(state, found) === undefined)
  if (earlier(allowance.losable)) return { outcome: 'lastBatch', why: '' }
  return { outcome: 'violation', why: difference }
}

async function contentOf(db: Database): Promise<Content> {
  const content: Content = new Map()
  const tx = db.begin()
  for (const name of await tx.tables()) {
    const rows: TableContent = new Map()
    for await (const [key, value] of tx.range(tableOf(db, name))) rows.set(key, value)
    content.set(name, rows)
  }
  await tx.commit()
  return content
}

/** An error is as good as the place it names. */
function failure(outcome: Outcome, error: unknown): Verdict {
  if (!AriesError.is(error)) return { outcome: 'violation', why: `throws ${String(error)}` }
  const { file, pageId, lsn } = error.details
  const isPlaced =
    (typeof file === 'string' && error.message.includes(file)) || pageId !== undefined || lsn !== undefined
  return isPlaced ? { outcome, why: error.code } : { outcome: 'violation', why: `names no place: ${error.message}` }
}

/** The first row that is read wrongly, when each is read by itself: right, or an error that names the place. */
async function wrongRow(db: Database, expected: Content): Promise<string | undefined> {
  const tx = db.begin()
  for (const [name, rows] of expected) {
    for (const [key, value] of rows) {
      try {
        const found = await tx.get(tableOf(db, name), key)
        if (found === undefined) return `${name} ${key} is missing`
        if (compareBytes(found, value) !== 0) return `${name} ${key} has another value`
      } catch (error) {
        const verdict = failure('unreadable', error)
        if (verdict.outcome === 'violation') return verdict.why
      }
    }
    const wrong = (await wrongRange(db, name, rows, false)) ?? (await wrongRange(db, name, rows, true))
    if (wrong !== undefined) return wrong
  }
  return undefined
}

/** A range gives the right rows in order, all of them unless it ends with an error. */
async function wrongRange(
  db: Database,
  name: string,
  rows: ReadonlyMap<string, Uint8Array>,
  reverse: boolean,
): Promise<string | undefined> {
  const keys = [...rows.keys()].sort()
  if (reverse) keys.reverse()
  let next = 0
  try {
    for await (const [key, value] of tableOf(db, name).range({ reverse })) {
      if (key !== keys[next]) return `${name}: a range gives ${key} where ${keys[next]} comes next`
      if (compareBytes(value, rows.get(key) as Uint8Array) !== 0) return `${name} ${key} has another value in a range`
      next++
    }
  } catch (error) {
    const verdict = failure('unreadable', error)
    return verdict.outcome === 'violation' ? verdict.why : undefined
  }
  return next === keys.length ? undefined : `${name}: a range ends before ${keys[next]}`
}
