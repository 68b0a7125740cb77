/** Why a transaction cannot do what it is asked to: what its state says, and the errors of its end. */
import { AriesError } from '../common/errors.ts'
import type { ActiveTransaction } from './active-transaction.ts'

/** Whether the record of a commit or a prepare has got to the disk cannot be said. */
export function outcomeUnknown(what: 'commit' | 'prepare', cause: unknown): AriesError {
  return new AriesError(
    'TX_OUTCOME_UNKNOWN',
    `the log could not be written while this ${what} was in flight; reopen the database and look: restart has decided`,
    {},
    cause,
  )
}

/** Why a snapshot was ended by others than its user. */
export function tooOld(why: string): AriesError {
  return new AriesError('SNAPSHOT_TOO_OLD', `the snapshot was ended: ${why}; open a new one`)
}

/** Two prepared transactions cannot have one name. */
export function nameTaken(name: string): AriesError {
  return new AriesError(
    'TX_NAME_TAKEN',
    `there is a prepared transaction "${name}"; choose another name, or commit or abort that one (db.inDoubt() lists it)`,
    { name },
  )
}

/** @throws why `transaction` cannot be used: `TX_CLOSED`, or `DB_CLOSED` when its database was closed. */
export function checkActive(transaction: ActiveTransaction): void {
  const { cause, state } = transaction
  if (state === 'active') return
  if (cause?.code === 'DB_CLOSED') throw cause
  if (state === 'preparing' || state === 'prepared') {
    throw new AriesError('TX_PREPARED', 'the transaction has been prepared: it can only be committed or aborted')
  }
  if (cause === undefined) throw closedError(`its state is ${state}`)
  throw new AriesError('TX_CLOSED', `the transaction has ended: ${cause.message}`, {}, cause)
}

/**
 * @throws why `transaction` cannot be committed or aborted: as `checkActive` when it has ended, and
 *   `TX_BUSY` while it is being prepared
 */
export function checkMayEnd(transaction: ActiveTransaction): void {
  const { cause, state } = transaction
  if (state === 'prepared' && cause === undefined) return
  if (state === 'preparing' && cause === undefined) {
    throw new AriesError('TX_BUSY', 'the transaction is being prepared; await that before it is committed or aborted')
  }
  checkActive(transaction)
}

/** @throws as `checkMayEnd`, but what is stuck may be aborted again, unless its database was closed. */
export function checkMayAbort(transaction: ActiveTransaction): void {
  if (!mayBeRetried(transaction)) checkMayEnd(transaction)
}

/** Whether nobody has ended the transaction: it is open, or a rollback of it met an error and may be called again. */
export function isUnended(transaction: ActiveTransaction): boolean {
  return transaction.state === 'active' || mayBeRetried(transaction)
}

/** Whether a rollback has met an error that may have passed. */
function mayBeRetried({ state, cause }: ActiveTransaction): boolean {
  return state === 'stuck' && cause?.code !== 'DB_CLOSED'
}

/** The error for using a transaction after its end. */
export function closedError(why: string): AriesError {
  return new AriesError('TX_CLOSED', `the transaction has ended: ${why}; begin a new one`)
}
