/** Opening a database to look at it: recovered in memory where it has to be, never written to. */
import { AriesError, type Database, type ErrorCode, open } from '../index.ts'
import { noDatabase, openDirectory } from './files/raw-database.ts'

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
  try {
    return await open(openDirectory(directory))
  } catch (error) {
    throw AriesError.is(error) && error.code === 'DB_NOT_FOUND' ? noDatabase(directory) : error
  }
}
