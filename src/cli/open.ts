/** Opening a database: to look at it, recovered in memory where it has to be and never written to; or to write. */
import { AriesError, type Database, type ErrorCode, type OpenOptions, open } from '../index.ts'
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
export function openToInspect(directory: string): Promise<Database> {
  return openShowingProgress(directory, (options) => open(openDirectory(directory), options))
}

/**
 * The database in `directory`, to be changed.
 * @throws `CliError` when there is none; what `open` throws
 */
export function openToWrite(directory: string, options: OpenOptions = {}): Promise<Database> {
  return openShowingProgress(directory, (shown) => open(directory, { ...options, ...shown }))
}

async function openShowingProgress(
  directory: string,
  start: (options: OpenOptions) => Promise<Database>,
): Promise<Database> {
  using bar = new ProgressBar()
  try {
    return await start({ onProgress: bar.recovery })
  } catch (error) {
    throw AriesError.is(error) && error.code === 'DB_NOT_FOUND' ? noDatabase(directory) : error
  }
}
