/** Opening a database to look at it: recovered in memory where it has to be, never written to. */
import { AriesError, type Database, type ErrorCode, open } from '../index.ts'
import { NodeFileSystem } from '../io/node-file-system.ts'
import { CliError } from './errors.ts'
import { InspectionFileSystem } from './inspection-file-system.ts'

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
    const fileSystem = new InspectionFileSystem(NodeFileSystem.open(directory, { createIfMissing: false }))
    return await open(fileSystem)
  } catch (error) {
    if (AriesError.is(error) && error.code === 'DB_NOT_FOUND') {
      throw new CliError(`there is no database in ${directory}; give the directory that was passed to open()`)
    }
    throw error
  }
}
