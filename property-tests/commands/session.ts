/** The clients of a script, and what their steps may end with. */
import type { Database } from '../../src/database/database.ts'
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
  readonly #controller = new AbortController()

  constructor(db: Database) {
    this.tx = db.begin({ signal: this.#controller.signal })
  }

  cancel(): void {
    this.#controller.abort()
  }
}

export interface Client {
  session: Session | undefined
  /** The one before, which may be ending yet. */
  last: Session | undefined
}

export type ClientStep = Extract<Step, { by: number }>

/** Errors of an operation that a transaction gets over. */
export const EXPECTED = new Set(['TX_LOCK_TIMEOUT', 'TABLE_EXISTS', 'TABLE_NOT_FOUND', 'TX_BUSY'])
/** Errors that have ended the transaction. */
export const ENDING = new Set(['TX_DEADLOCK', 'TX_CANCELLED', 'TX_CLOSED', 'DB_CLOSED'])

/** Steps after which a client begins anew. */
export const ENDS = new Set<Step['do']>(['commit', 'prepare', 'abort', 'cancel'])
/** Steps that need not wait for the one before. */
export const CUTS_IN = new Set<Step['do']>(['abort', 'cancel'])

/** Steps that may leave background work under way. */
export const LOOKS_AFTER = new Set<Step['do']>(['turns', 'commit', 'checkpoint'])
