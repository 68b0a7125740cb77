/**
 * Lazy commits of one moment share one write to the operating system, which costs more than all the rest of a small
 * commit.
 *
 * ```
 *   client 1   put, COMMIT                                    acknowledged
 *   client 2        put, COMMIT                               acknowledged
 *   client 3             put, COMMIT                          acknowledged
 *                                    one write, all committed
 *              |---- one run of the microtasks ----|
 * ```
 *
 * The write comes when everybody has had his turn who is ready now, before timers and input, so that nobody waits
 * for anything but others' work. A client who is alone has his write at once.
 */
import { outcomeUnknown } from './refusals.ts'

/** So many, or those who do not wait for their acknowledgements would hold locks without end. */
const COMMITS_MAX = 256

/** What happens to those who commit together. */
export interface LazyCommitPorts<T> {
  /** Hands the log to the operating system. @throws `DB_FAILED` */
  readonly writeOut: () => void
  readonly committed: (transaction: T) => void
  /** They have ended, whether they are committed or not; a promise if they shall give way. */
  readonly ended: (count: number) => Promise<void> | undefined
}

interface Batch<T> {
  readonly transactions: T[]
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class LazyCommits<T> {
  readonly #ports: LazyCommitPorts<T>
  #batch: Batch<T> | undefined

  constructor(ports: LazyCommitPorts<T>) {
    this.#ports = ports
  }

  /** Commits a transaction whose COMMIT is in the log buffer. Rejects with `TX_OUTCOME_UNKNOWN`. */
  join(transaction: T): Promise<void> {
    const batch = this.#batch ?? this.#begin()
    batch.transactions.push(transaction)
    if (batch.transactions.length === COMMITS_MAX) this.end()
    return batch.promise
  }

  #begin(): Batch<T> {
    const batch = makeBatch<T>()
    this.#batch = batch
    void Promise.resolve().then(() => {
      if (this.#batch === batch) this.end()
    })
    return batch
  }

  /** Has those under way written and committed now; whether there were any. */
  end(): boolean {
    const batch = this.#batch
    if (batch === undefined) return false
    this.#batch = undefined
    let failure: unknown
    try {
      this.#commit(batch.transactions)
    } catch (error) {
      failure = error
    }
    const pause = this.#ports.ended(batch.transactions.length)
    if (failure !== undefined) batch.reject(failure)
    else if (pause === undefined) batch.resolve()
    else void pause.then(batch.resolve)
    return true
  }

  #commit(transactions: readonly T[]): void {
    try {
      this.#ports.writeOut()
    } catch (error) {
      throw outcomeUnknown('commit', error)
    }
    for (const transaction of transactions) this.#ports.committed(transaction)
  }
}

function makeBatch<T>(): Batch<T> {
  let resolve!: () => void
  let reject!: (error: unknown) => void
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  return { transactions: [], promise, resolve, reject }
}
