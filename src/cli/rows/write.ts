/** Transactions of the verbs that write. */
import { resourceInWords } from '../../common/trace-text.ts'
import { AriesError, type Database, type LockReport, type Transaction } from '../../index.ts'
import { CliError } from '../errors.ts'

/**
 * Runs `work` as one transaction. The program has the database alone, so only what is in doubt can hold a lock, and
 * that gives up none meanwhile: it would be no use to wait, or to try again.
 * @throws `CliError` with the names of what is in doubt; what `Database.transaction` throws
 */
export async function writeRows<T>(
  database: Database,
  signal: AbortSignal,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  try {
    return await database.transaction(work, { signal, attempts: 1, lockTimeoutMs: 0 })
  } catch (error) {
    throw AriesError.is(error) && error.code === 'TX_LOCK_TIMEOUT' ? inDoubtError(database, error) : error
  }
}

function inDoubtError(database: Database, { details }: AriesError): CliError {
  const { kind, table, space, key, holders } = details as Pick<LockReport, 'kind' | 'table' | 'space'> & {
    readonly key: string
    readonly holders: readonly number[]
  }
  const names = database.inDoubt().filter(({ id }) => holders.includes(id))
  return new CliError(
    `${resourceInWords({ resource: kind, table, space, key })} is locked by what is in doubt: ` +
      `${names.map(({ name }) => JSON.stringify(name)).join(', ')}; ` +
      `end it first with "aries in-doubt ${database.location} --commit NAME" or --abort`,
  )
}
