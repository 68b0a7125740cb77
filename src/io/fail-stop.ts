/**
 * Fail-stop: after a failed write or sync of log, data or master nothing may be acknowledged or
 * written any more (I28). A failed sync is never retried: the kernel may have dropped the dirty pages
 * and would report success for data that is gone (Rebello et al., "Can Applications Recover from
 * fsync Failures?", ATC 2020). Nor may it after a broken invariant: what that has left in memory nobody
 * knows. Only a reopen, which runs restart, goes on.
 */
import { AriesError } from '../common/errors.ts'

/** One per open database, shared by every part that writes. */
export class FailStop {
  #cause: unknown
  #failed = false
  #isBug = false
  #isUnheard = false
  #closed: AriesError | undefined
  /** Called once, when the engine stops: those who wait for what will not come any more are to hear of it. */
  onStop: (error: AriesError) => void = () => {}

  get failed(): boolean {
    return this.#failed
  }

  /** Whether the background alone has met the failure, and no call of a user has been refused since. */
  get isUnheard(): boolean {
    return this.#isUnheard
  }

  /** The background has met an error: when that is the failure, no user has heard of it. */
  metInBackground(): void {
    if (this.#failed) this.#isUnheard = true
  }

  /** Stops the engine for good; the first cause is kept. Returns the error to throw. */
  fail(cause: unknown): AriesError {
    if (!this.#failed) {
      this.#failed = true
      this.#cause = cause
      this.onStop(this.error())
    }
    return this.error()
  }

  /** Stops the engine if the error is none that its parts expect of each other, but a broken invariant. */
  stopOnBug(error: unknown): void {
    if (AriesError.is(error)) return
    if (!this.#failed) this.#isBug = true
    this.fail(error)
  }

  /** The files are closed: whatever comes now fails with `error`, as after a failure. */
  close(error: AriesError): void {
    this.#failed = true
    this.#closed = error
  }

  /** @throws `DB_FAILED` when the engine has stopped, or why it was closed. */
  check(): void {
    if (this.#failed) throw this.error()
  }

  /** The same at a call of a user, who knows then. @throws as `check` */
  checkForUser(): void {
    this.#isUnheard = false
    this.check()
  }

  error(): AriesError {
    if (this.#closed !== undefined) return this.#closed
    const reason = this.#cause instanceof Error ? this.#cause.message : String(this.#cause)
    return new AriesError(
      'DB_FAILED',
      `${this.#what} stopped the engine (${reason}); close and reopen the database: restart decides what had committed`,
      {},
      this.#cause,
    )
  }

  get #what(): string {
    if (this.#isBug) return 'a bug of the engine'
    const isDamage = AriesError.is(this.#cause) && this.#cause.code.endsWith('_CORRUPT')
    return isDamage ? 'damage' : 'a failed write or sync'
  }
}
