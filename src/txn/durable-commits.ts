/**
 * Commits that wait for the disk. All whose records one flush makes durable are ended together, and share one
 * promise: with many clients what waits is copied by the garbage collector.
 *
 * INVARIANTS
 * - I2  none ends before its COMMIT is durable; when the flush fails nobody is told that it has committed
 * - I21 they end, and give their locks back, in the order of their COMMITs: who has overwritten what another one wrote
 *       comes after it, whoever of the two hears first that the log is durable
 */

import type { Lsn } from '../common/ids.ts'
import { Queue } from '../common/queue.ts'
import type { ActiveTransaction } from './active-transaction.ts'
import { outcomeUnknown } from './refusals.ts'

export interface DurableCommitPorts {
  readonly flushedLsn: () => Lsn
  /** The same promise for all who wait for one flush. */
  readonly waitDurable: (lsn: Lsn) => Promise<void>
  readonly committed: (transaction: ActiveTransaction) => void
  /** So many have ended, whether they are committed or not. */
  readonly ended: (count: number) => void
}

/** Those that wait for one flush. */
interface Group {
  readonly flush: Promise<void>
  count: number
  ended: Promise<void>
}

export class DurableCommits {
  readonly #ports: DurableCommitPorts
  /** Those whose COMMIT is in the log and not known to be durable, in the order of the COMMITs. */
  readonly #waiting = new Queue<ActiveTransaction>()
  #group: Group | undefined

  constructor(ports: DurableCommitPorts) {
    this.#ports = ports
  }

  /** Commits a transaction whose COMMIT is in the log, at `lsn`. Rejects with `TX_OUTCOME_UNKNOWN`. */
  join(transaction: ActiveTransaction, lsn: Lsn): Promise<void> {
    transaction.commitLsn = lsn
    this.#waiting.push(transaction)
    const flush = this.#ports.waitDurable(lsn)
    const group = this.#group?.flush === flush ? this.#group : this.#begin(flush)
    group.count++
    return group.ended
  }

  #begin(flush: Promise<void>): Group {
    const group: Group = { flush, count: 0, ended: flush }
    group.ended = this.#end(group)
    this.#group = group
    return group
  }

  async #end(group: Group): Promise<void> {
    try {
      await group.flush
    } catch (error) {
      throw outcomeUnknown('commit', error)
    } finally {
      if (this.#group === group) this.#group = undefined
      this.#ports.ended(group.count)
    }
    this.endDurable()
  }

  /** Ends those that have become durable. */
  endDurable(): void {
    const flushedLsn = this.#ports.flushedLsn()
    for (let next = this.#waiting.first; next !== undefined && next.commitLsn < flushedLsn; ) {
      this.#waiting.shift()
      this.#ports.committed(next)
      next = this.#waiting.first
    }
  }
}
