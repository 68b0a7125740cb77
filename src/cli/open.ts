/** Opening a database: to look at it, recovered in memory where it has to be and never written to; or to write. */
import { openParts } from '../database/open-location.ts'
import type { OpenedParts } from '../database/open-on.ts'
import { AriesError, type Database, type ErrorCode, type OpenOptions, type Trace } from '../index.ts'
import { noDatabase, openDirectory } from './files/raw-database.ts'
import { ProgressBar } from './progress.ts'

/** Errors that say: this is a database, and it is damaged. */
const DAMAGE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'LOG_CORRUPT',
  'LOG_FOREIGN',
  'MASTER_CORRUPT',
  'PAGE_CORRUPT',
  'PAGE_LSN_BEYOND_LOG',
])

export function isDamage(error: unknown): error is AriesError {
  return AriesError.is(error) && DAMAGE.has(error.code)
}

/**
 * The database in `directory` as the next open would find it.
 * @throws `CliError` when there is none; what `open` throws
 */
export async function openToInspect(directory: string): Promise<Database> {
  return (await openPartsToInspect(directory)).database
}

/** The same, with what it stands on. */
export function openPartsToInspect(directory: string): Promise<OpenedParts> {
  return openShowingProgress(directory, (options) => openParts(openDirectory(directory, 'quiet'), options))
}

/**
 * The same for who tells each step, so that a bar would only be in the way. No lock is taken: the caller has it.
 * @throws `CliError` when there is no database; what `open` throws
 */
export async function openTelling(directory: string, trace: NonNullable<Trace>): Promise<Database> {
  try {
    return (await openParts(openDirectory(directory, 'none'), { trace })).database
  } catch (error) {
    throw noDatabaseOr(error, directory)
  }
}

/**
 * The database in `directory`, to be changed. Verbs that have `--create` say in `createIfMissing` whether it is given.
 * @throws `CliError` when there is none; what `open` throws
 */
export async function openToWrite(directory: string, options: OpenOptions = {}): Promise<Database> {
  const canCreate = options.createIfMissing !== undefined
  const start = (added: OpenOptions): Promise<OpenedParts> => openParts(directory, { ...options, ...added })
  return (await openShowingProgress(directory, start, canCreate)).database
}

async function openShowingProgress(
  directory: string,
  start: (options: OpenOptions) => Promise<OpenedParts>,
  canCreate = false,
): Promise<OpenedParts> {
  using bar = new ProgressBar()
  try {
    return await start({ onProgress: bar.recovery })
  } catch (error) {
    throw noDatabaseOr(error, directory, canCreate)
  }
}

const noDatabaseOr = (error: unknown, directory: string, canCreate = false): unknown =>
  AriesError.is(error) && error.code === 'DB_NOT_FOUND' ? noDatabase(directory, canCreate) : error
