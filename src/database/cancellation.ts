/**
 * Rolling a transaction back without its having asked: a deadlock chose it, or its `AbortSignal` says so.
 * Whoever waits in it hears of it once everything is undone, so that he can begin again at once.
 *
 *     signal aborts --> the wait for a lock ends --> rollback --> the operation rejects, TX_CANCELLED
 *
 * A signal does nothing more once the transaction commits or rolls back by itself: a commit in flight is
 * decided by the log alone, and so is a prepared transaction by its coordinator.
 */
import { AriesError } from '../common/errors.ts'
import type { ActiveTransaction } from '../txn/active-transaction.ts'
import type { Store } from './store.ts'

/** Rolls an active transaction back. `cause` is what its later users hear. Rejects as `Store.abort`. */
export function rollBackBecause(cause: AriesError, store: Store, active: ActiveTransaction): Promise<void> {
  active.cause = cause
  active.forcedRollback = store.abort(active)
  // Who waits in the transaction hears of an error; if nobody does, the next user finds it stuck.
  active.forcedRollback.catch(() => undefined)
  return active.forcedRollback
}

/** @throws `TX_CANCELLED` when the signal has aborted */
export function checkNotAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw cancelledError(signal)
}

/** Lets `signal` end the transaction, for as long as that is open. */
export function endOnAbort(signal: AbortSignal, store: Store, active: ActiveTransaction): void {
  const end = (): void => {
    if (active.state === 'active') void rollBackBecause(cancelledError(signal), store, active)
  }
  signal.addEventListener('abort', end)
  active.whenEnded(() => signal.removeEventListener('abort', end))
}

/** Waits until a transaction that was rolled back without having asked is so. @throws why, if it was */
export async function throwCauseOf(active: ActiveTransaction): Promise<void> {
  if (active.cause === undefined) return
  await active.forcedRollback
  throw active.cause
}

function cancelledError(signal: AbortSignal): AriesError {
  return new AriesError('TX_CANCELLED', 'the AbortSignal of the transaction was aborted', {}, signal.reason)
}
