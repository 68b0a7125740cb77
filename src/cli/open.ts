/** Opening a database: to look at it, recovered in memory where it has to be and never written to; or to write. */
import { openParts } from '../database/open-location.ts'
import { AriesError, type Database, type ErrorCode, type OpenOptions, type Trace } from '../index.ts'
import type { LockKind } from '../io/node-file-system.ts'
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
export function openPartsToInspect(directory: string, lockKind: LockKind = 'quiet', trace?: Trace): Promise<Parts> {
  return openShowingProgress(directory, (options) =>
    openParts(openDirectory(directory, lockKind), trace === undefined ? options : { ...options, trace }),
  )
}

/**
 * The database in `directory`, to be changed.
 * @throws `CliError` when there is none; what `open` throws
 */
export async function openToWrite(directory: string, options: OpenOptions = {}): Promise<Database> {
  const shown = await openShowingProgress(directory, (added) => openParts(directory, { ...options, ...added }))
  return shown.database
}

type Parts = Awaited<ReturnType<typeof openParts>>

async function openShowingProgress(directory: string, start: (options: OpenOptions) => Promise<Parts>): Promise<Parts> {
  using bar = new ProgressBar()
  try {
    return await start({ onProgress: bar.recovery })
  } catch (error) {
    throw AriesError.is(error) && error.code === 'DB_NOT_FOUND' ? noDatabase(directory) : error
  }
}
