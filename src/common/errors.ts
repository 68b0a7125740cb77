/**
 * The error vocabulary of the engine: one class, a closed list of stable codes.
 *
 * Operating errors (a full disk, a deadlock, damage, a wrong argument) are `AriesError`s and carry a
 * `code` a program can switch on, `retryable`, and where there is one, the place (`details`). A
 * programmer's error inside the engine is an `AssertionError` from `assert.ts` and is never caught.
 */

/** Every code an operation can fail with. Codes are stable: they are added, never renamed. */
export type ErrorCode =
  /** The directory holds no database and `createIfMissing` was not given. */
  | 'DB_NOT_FOUND'
  /** Another handle or process has this database open. */
  | 'DB_LOCKED'
  /** The handle was closed. */
  | 'DB_CLOSED'
  /** A write or sync failed, or an invariant of the engine broke; it stopped. Reopen to go on: restart decides what had committed. */
  | 'DB_FAILED'
  /** Recovery must write, and the directory or medium is read-only. */
  | 'DB_READ_ONLY'
  /** Not our file, a format version this build does not read, or another page or segment size. */
  | 'FORMAT_UNSUPPORTED'
  /** An invalid log record although later bytes were durable, or a missing or short segment. */
  | 'LOG_CORRUPT'
  /** A segment that belongs to another database. */
  | 'LOG_FOREIGN'
  /** A page on disk is newer than the durable log: the end of the log was lost. */
  | 'PAGE_LSN_BEYOND_LOG'
  /** A page fails its checksum or carries another page's id, and no copy could restore it. */
  | 'PAGE_CORRUPT'
  /** The master record or another fixed structure is damaged and could not be found again. */
  | 'MASTER_CORRUPT'
  /** The disk is full. Nothing is lost: make room, then retry or reopen. */
  | 'DISK_FULL'
  /** An input or output operation failed for another reason; `cause` has the system's error. */
  | 'IO_ERROR'
  /** This transaction was chosen as the victim of a deadlock and rolled back. Retry it. */
  | 'TX_DEADLOCK'
  /** A lock was not granted within `lockTimeoutMs`. */
  | 'TX_LOCK_TIMEOUT'
  /** The transaction's `AbortSignal` was aborted; `cause` is the signal's reason. It has been rolled back. */
  | 'TX_CANCELLED'
  /** At isolation `snapshot`: somebody else has changed what this transaction would change since it began. */
  | 'TX_CONFLICT'
  /** A write in a transaction that was begun with `readOnly`. */
  | 'TX_READ_ONLY'
  /** A snapshot was open for longer, or held back more, than the options allow, and was ended. */
  | 'SNAPSHOT_TOO_OLD'
  /** The transaction has committed, aborted or was closed with its database. */
  | 'TX_CLOSED'
  /** An operation of this transaction still waits; await it before commit. */
  | 'TX_BUSY'
  /** The transaction has been prepared: it can only be committed or aborted. */
  | 'TX_PREPARED'
  /** Another prepared transaction, whose outcome is still open, has this name. */
  | 'TX_NAME_TAKEN'
  /** The commit or prepare was in flight when the engine stopped: a reopen decides it. */
  | 'TX_OUTCOME_UNKNOWN'
  /** A named table does not exist. */
  | 'TABLE_NOT_FOUND'
  /** A table of this name exists. */
  | 'TABLE_EXISTS'
  /** A key is longer than a quarter of a page. */
  | 'KEY_TOO_LARGE'
  /** A value is longer than 1 GiB. */
  | 'VALUE_TOO_LARGE'
  /** Every frame of the buffer pool is pinned: `poolBytes` is too small for what runs at once. */
  | 'POOL_EXHAUSTED'
  /** A codec cannot read bytes that the table holds: it is another one than they were written with. `cause` is what it threw. */
  | 'DECODE_FAILED'
  /** An argument or option has the wrong type or range; nothing was done. */
  | 'INVALID_ARGUMENT'

/** Where the error happened, as far as it is known. */
export interface ErrorDetails {
  readonly file?: string
  readonly offset?: number
  readonly pageId?: number
  readonly lsn?: number
  readonly endLsn?: number
  readonly [name: string]: unknown
}

const BRAND = Symbol.for('aries-db.error')

/** The codes whose operation may succeed when the whole transaction is run again. */
const RETRYABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'TX_DEADLOCK',
  'TX_LOCK_TIMEOUT',
  'TX_CONFLICT',
  'SNAPSHOT_TOO_OLD',
])

/**
 * An operating error. Recognise it by `code`, or by `AriesError.is(e)`, which also holds for an
 * error of a second installed copy of the package.
 */
export class AriesError extends Error {
  readonly code: ErrorCode
  /** True when running the whole transaction again may succeed without anything else changing. */
  readonly retryable: boolean
  readonly details: ErrorDetails

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(`${code}: ${message}`, cause === undefined ? undefined : { cause })
    this.name = 'AriesError'
    this.code = code
    this.retryable = RETRYABLE.has(code)
    this.details = details
    Object.defineProperty(this, BRAND, { value: true })
  }

  /** Whether `error` is an operating error of this package, from whichever copy of it. */
  static is(error: unknown): error is AriesError {
    return typeof error === 'object' && error !== null && BRAND in error
  }
}
