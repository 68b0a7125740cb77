/** The clients of a script, and what their steps may end with. */
import type { Savepoint, Transaction } from '../../src/database/transaction.ts'
import type { Effect } from '../model.ts'
import type { Step } from './script.ts'

/** An open transaction and what it has done. An operation that outlives it writes here, and nobody reads it. */
export class Session {
  readonly tx: Transaction
  readonly effects: Effect[] = []
  readonly savepoints: { readonly savepoint: Savepoint; readonly length: number }[] = []
  /** An operation is under way. */
  isBusy = false

  constructor(tx: Transaction) {
    this.tx = tx
  }
}

export interface Client {
  session: Session | undefined
}

export type ClientStep = Extract<Step, { by: number }>

/** Errors of an operation that a transaction gets over. */
export const EXPECTED = new Set(['TX_LOCK_TIMEOUT', 'TABLE_EXISTS', 'TABLE_NOT_FOUND', 'TX_BUSY'])
/** Errors that have ended the transaction. */
export const ENDING = new Set(['TX_DEADLOCK', 'TX_CLOSED', 'DB_CLOSED'])

/** Steps that may leave background work under way. */
export const LOOKS_AFTER = new Set<Step['do']>(['turns', 'commit', 'checkpoint'])
