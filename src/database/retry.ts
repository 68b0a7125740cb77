/**
 * Running a transaction again after an error that may pass, such as a deadlock.
 *
 * Before each further attempt there is a pause of random length, so that those who have collided do not
 * meet again, up to a limit that doubles with each attempt and ends at a tenth of a second. What makes an
 * attempt's chances better than the last one's is not the pause but the choice of a deadlock's victim
 * (`src/lock/deadlock.ts`): each attempt weighs four times as much. And locks are served in order, so
 * nobody who waits is overtaken.
 *
 * A lock timeout is another matter: whoever has waited for so long is likely to do so again. To begin anew
 * helps where the transaction itself was in somebody's way, with what it held; a single operation has held
 * nothing that anybody waits for, and would only wait longer.
 */
import { AriesError } from '../common/errors.ts'
import { invalid } from '../common/options.ts'
import type { Runtime } from '../io/runtime.ts'
import type { TransactionOptions } from './options.ts'

const ATTEMPTS_DEFAULT = 10
/** Attempts that may end with a lock timeout. */
const TIMEOUT_ATTEMPTS_DEFAULT = 2
const PAUSE_MS = 4
const PAUSE_MS_MAX = 100

export class Retries {
  readonly #runtime: Runtime
  /** What ends each pause under way. */
  readonly #pauses = new Set<() => void>()
  #isClosed = false

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** Runs a transaction until it succeeds, fails for good, or has been run as often as the options say. */
  transaction<T>(options: TransactionOptions, once: (attempt: number) => Promise<T>): Promise<T> {
    return this.#run(options, options.attempts ?? TIMEOUT_ATTEMPTS_DEFAULT, once)
  }

  /** The same for a transaction of one operation. */
  operation<T>(options: TransactionOptions, once: (attempt: number) => Promise<T>): Promise<T> {
    return this.#run(options, 1, once)
  }

  async #run<T>(
    { attempts = ATTEMPTS_DEFAULT, signal }: TransactionOptions,
    timeoutAttempts: number,
    once: (attempt: number) => Promise<T>,
  ): Promise<T> {
    if (!(attempts >= 1)) throw invalid(`attempts must be at least 1, got ${attempts}`)
    let timeouts = 0
    for (let attempt = 1; ; attempt++) {
      try {
        return await once(attempt)
      } catch (error) {
        if (!AriesError.is(error) || !error.retryable || attempt >= attempts) throw error
        if (error.code === 'TX_LOCK_TIMEOUT' && ++timeouts >= timeoutAttempts) throw error
        await this.#pause(attempt, signal)
      }
    }
  }

  /** Ends all pauses: the next attempts find the database closed. */
  close(): void {
    this.#isClosed = true
    for (const end of [...this.#pauses]) end()
  }

  #pause(attempt: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#isClosed || signal?.aborted === true) return Promise.resolve()
    const limitMs = Math.min(PAUSE_MS_MAX, PAUSE_MS * 2 ** (attempt - 1))
    return new Promise((resolve) => {
      const end = (): void => {
        cancelTimer()
        signal?.removeEventListener('abort', end)
        this.#pauses.delete(end)
        resolve()
      }
      const cancelTimer = this.#runtime.after(limitMs * this.#runtime.random(), end)
      signal?.addEventListener('abort', end)
      this.#pauses.add(end)
    })
  }
}
