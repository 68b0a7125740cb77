/**
 * System transactions: work that belongs to no user, such as removing ghosts or freeing the pages of a dropped table.
 *
 * They run to completion in one synchronous step and take no locks: nobody sees one half done, and there is nothing
 * to wait for. Their commit is not flushed: it becomes durable before anything that depends on it does, being earlier
 * in the log. What is left half done by a crash, restart undoes as it does a user's.
 */
import { NULL_LSN } from '../common/ids.ts'
import type { FailStop } from '../io/fail-stop.ts'
import type { PageWriter } from '../recovery/page-writer.ts'
import type { TransactionEntry } from '../recovery/transaction-table.ts'
import type { Rollback } from '../recovery/undo.ts'
import { COMMIT_PAYLOAD_BYTES, logCommit } from './commit-record.ts'

export interface SystemTransactionPorts {
  readonly writer: PageWriter
  readonly rollback: Rollback
  readonly failStop: FailStop
  /** An entry with a number of its own. */
  readonly newEntry: () => TransactionEntry
}

export class SystemTransactions {
  readonly #ports: SystemTransactionPorts

  constructor(ports: SystemTransactionPorts) {
    this.#ports = ports
  }

  /**
   * Runs `action` as a transaction of its own: it commits, without a flush, when the action returns,
   * and is rolled back when it throws, or when there is no room for its COMMIT. @throws what it throws, `DISK_FULL`
   */
  run<T>(action: (entry: TransactionEntry) => T): T {
    const { writer, rollback, failStop, newEntry } = this.#ports
    failStop.check()
    const entry = newEntry()
    let result: T
    try {
      result = action(entry)
      if (entry.lastLsn !== NULL_LSN) writer.log.reserve(0, COMMIT_PAYLOAD_BYTES)
    } catch (error) {
      if (entry.lastLsn !== NULL_LSN) {
        rollback.begin(entry)
        rollback.rollback(entry, NULL_LSN)
        rollback.end(entry)
      }
      throw error
    }
    if (entry.lastLsn !== NULL_LSN) {
      logCommit(writer, entry)
      rollback.end(entry)
    }
    return result
  }
}
