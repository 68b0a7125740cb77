/** The options of `open` and `begin`, their defaults and their limits. */
import { checkOptions, flagOf, inRange, invalid, type OptionNames } from '../common/options.ts'
import type { Trace } from '../common/trace.ts'
import { checkRuntime, type Runtime } from '../io/runtime.ts'
import type { RecoveryProgress } from '../recovery/report.ts'
import type { Durability } from '../txn/transaction-manager.ts'

export interface OpenOptions {
  /** Makes a database where there is none. Default false: a mistyped path is an error, not an empty database. */
  readonly createIfMissing?: boolean | undefined
  /** When commits are acknowledged; each commit may ask for another level. Default `full`. */
  readonly durability?: Durability | undefined
  /** At `lazy` and `none`: the log is flushed at least this often. Default 100 ms. */
  readonly flushIntervalMs?: number | undefined
  /** Memory for pages; what is less than 8 pages counts as 8. Default 64 MiB. */
  readonly poolBytes?: number | undefined
  /** Fixed when the database is made: 4096, 8192, 16384 or 32768. Default 8192. */
  readonly pageSize?: number | undefined
  /** Fixed when the database is made: size of a log segment. Default 4 MiB, at least 64 KiB and 8 pages. */
  readonly segmentBytes?: number | undefined
  /** A checkpoint is taken after so many log bytes. Default 32 MiB. */
  readonly checkpointBytes?: number | undefined
  /** A checkpoint is taken after so long, when anything was written. Default 60 s. */
  readonly checkpointIntervalMs?: number | undefined
  /** Old dirty pages are written back so that redo stays below about this. Default 128 MiB. */
  readonly maxRedoBytes?: number | undefined
  /** How long an operation waits for a lock. Default 10 s; Infinity waits for good. */
  readonly lockTimeoutMs?: number | undefined
  /** A snapshot, or a transaction that reads one, that is open for longer is ended: `SNAPSHOT_TOO_OLD`. Default 1 h; Infinity: never. */
  readonly snapshotMaxAgeMs?: number | undefined
  /** When snapshots hold back more than this, of older versions in memory or of the log, the oldest is ended. Default 256 MiB. */
  readonly snapshotMaxBytes?: number | undefined
  /**
   * After so many locks on keys of one table a transaction tries to lock the table as a whole instead, which
   * bounds its memory (380 bytes a lock) and makes others wait; while others use the table it goes on with
   * keys, up to 16 times as many. Default 10,000; Infinity: never.
   */
  readonly escalateLocksAt?: number | undefined
  /** False only on a file system that writes pages atomically. Default true. */
  readonly doubleWrite?: boolean | undefined
  /**
   * After a crash, `open` returns without having redone what the pages lack: it notes what that is, and each page is
   * brought up to date when it is first wanted, the rest in the background. That takes about a third of the time.
   * What `open` would have found of damaged pages is then found there. Default false.
   */
  readonly deferRedo?: boolean | undefined
  /** Called now and then during restart. */
  readonly onProgress?: ((progress: RecoveryProgress) => void) | undefined
  /** Receives every step of restart, then of normal work. It is called in the middle of things, so it must not use the database. */
  readonly trace?: Trace | undefined
  /** Time, turns and randomness; for simulation. Default: the process's own. */
  readonly runtime?: Runtime | undefined
}

/**
 * What a transaction may see of others; docs/isolation.md has all of it by the names of the anomalies.
 *
 * | level            | reads                                               | others' writes in between       |
 * |------------------|-----------------------------------------------------|---------------------------------|
 * | `serializable`   | the newest state, with locks on keys and gaps       | wait until this one has ended   |
 * | `snapshot`       | the state at its begin, without locks               | `TX_CONFLICT` when it changes the same keys |
 * | `read-committed` | at each operation the newest committed state, without locks | are seen by the next operation |
 */
export type Isolation = 'serializable' | 'snapshot' | 'read-committed'

export interface BeginOptions {
  /** Default `serializable`. */
  readonly isolation?: Isolation | undefined
  /** It never writes; at `serializable` it then reads a snapshot, without locks and without waiting. Default false. */
  readonly readOnly?: boolean | undefined
  /** Level of this transaction's commit. Default: the database's. */
  readonly durability?: Durability | undefined
  /** How long its operations wait for a lock. Default: the database's. */
  readonly lockTimeoutMs?: number | undefined
  /**
   * Ends the transaction when it is aborted: a wait for a lock ends at once, everything is rolled back, and
   * who waits gets `TX_CANCELLED`. A commit or prepare that has begun goes on.
   */
  readonly signal?: AbortSignal | undefined
}

export interface TransactionOptions extends BeginOptions {
  /** How often `fn` is run at most, when it fails with a retryable error. Default 10, of which one after a lock timeout. */
  readonly attempts?: number | undefined
}

export interface GetOptions {
  /** Locks the key as if it were written, so that a later write cannot deadlock with another reader. Default false. */
  readonly forUpdate?: boolean | undefined
}

export interface CommitOptions {
  /** Level of this commit. Default: the transaction's; of a prepared one `full`. */
  readonly durability?: Durability | undefined
}

/** The options of a transaction, with every default filled in. */
export interface TransactionSettings {
  readonly durability: Durability
  readonly lockTimeoutMs: number
  readonly isolation: Isolation
  readonly readOnly: boolean
  readonly signal: AbortSignal | undefined
}

/** Options with every default filled in. */
export interface Settings {
  readonly createIfMissing: boolean
  readonly durability: Durability
  readonly flushIntervalMs: number
  readonly poolBytes: number
  /** undefined: take the database's. */
  readonly pageSize: number | undefined
  readonly segmentBytes: number | undefined
  readonly checkpointBytes: number
  readonly checkpointIntervalMs: number
  readonly maxRedoBytes: number
  readonly lockTimeoutMs: number
  readonly snapshotMaxAgeMs: number
  readonly snapshotMaxBytes: number
  readonly escalateLocksAt: number
  readonly doubleWrite: boolean
  readonly deferRedo: boolean
}

const MIB = 1 << 20
const KIB = 1 << 10
export const PAGE_SIZE_DEFAULT = 8 * KIB
export const SEGMENT_BYTES_DEFAULT = 4 * MIB
const SEGMENT_BYTES_MIN = 64 * KIB
/** A segment has to hold several of the largest records, which are a page image and some. */
const PAGES_A_SEGMENT_MIN = 8
const SEGMENT_BYTES_MAX = 1024 * MIB
const PAGE_SIZES = [4 * KIB, 8 * KIB, 16 * KIB, 32 * KIB]
const POOL_BYTES_MAX = 4096 * MIB

const BEGIN_OPTIONS: OptionNames<BeginOptions> = {
  isolation: true,
  readOnly: true,
  durability: true,
  lockTimeoutMs: true,
  signal: true,
}
const TRANSACTION_OPTIONS: OptionNames<TransactionOptions> = { ...BEGIN_OPTIONS, attempts: true }
const GET_OPTIONS: OptionNames<GetOptions> = { forUpdate: true }
const COMMIT_OPTIONS: OptionNames<CommitOptions> = { durability: true }
const OPEN_OPTIONS: OptionNames<OpenOptions> = {
  createIfMissing: true,
  durability: true,
  flushIntervalMs: true,
  poolBytes: true,
  pageSize: true,
  segmentBytes: true,
  checkpointBytes: true,
  checkpointIntervalMs: true,
  maxRedoBytes: true,
  lockTimeoutMs: true,
  snapshotMaxAgeMs: true,
  snapshotMaxBytes: true,
  escalateLocksAt: true,
  doubleWrite: true,
  deferRedo: true,
  onProgress: true,
  trace: true,
  runtime: true,
}

/** @throws `INVALID_ARGUMENT` */
export const checkBeginOptions = (options: BeginOptions): void => checkOptions('begin', options, BEGIN_OPTIONS)

/** @throws `INVALID_ARGUMENT` */
export const checkTransactionOptions = (options: TransactionOptions): void =>
  checkOptions('transaction', options, TRANSACTION_OPTIONS)

/** @throws `INVALID_ARGUMENT` */
export const checkGetOptions = (options: GetOptions): void => checkOptions('get', options, GET_OPTIONS)

/** @throws `INVALID_ARGUMENT` */
export const checkCommitOptions = (options: CommitOptions): void => checkOptions('commit', options, COMMIT_OPTIONS)

/** Checks options and fills in defaults. @throws `INVALID_ARGUMENT` */
export function settingsOf(options: OpenOptions): Settings {
  checkOptions('open', options, OPEN_OPTIONS)
  for (const name of ['onProgress', 'trace'] as const) {
    if (options[name] !== undefined && typeof options[name] !== 'function') throw invalid(`${name} must be a function`)
  }
  if (options.runtime !== undefined) checkRuntime(options.runtime)
  const { pageSize, segmentBytes } = options
  if (pageSize !== undefined && !PAGE_SIZES.includes(pageSize)) {
    throw invalid(`pageSize must be one of ${PAGE_SIZES.join(', ')}, got ${pageSize}`)
  }
  if (segmentBytes !== undefined) {
    inRange('segmentBytes', segmentBytes, SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX)
    if (segmentBytes % (64 * KIB) !== 0) throw invalid('segmentBytes must be a multiple of 64 KiB')
    if (pageSize !== undefined && segmentBytes < PAGES_A_SEGMENT_MIN * pageSize) {
      throw invalid(`segmentBytes must be at least ${PAGES_A_SEGMENT_MIN} pages, ${PAGES_A_SEGMENT_MIN * pageSize}`)
    }
  }
  return {
    createIfMissing: flagOf('createIfMissing', options.createIfMissing ?? false),
    durability: durabilityOf(options.durability ?? 'full'),
    flushIntervalMs: inRange('flushIntervalMs', options.flushIntervalMs ?? 100, 1, 3_600_000),
    poolBytes: inRange('poolBytes', options.poolBytes ?? 64 * MIB, 0, POOL_BYTES_MAX),
    pageSize,
    segmentBytes,
    checkpointBytes: inRange('checkpointBytes', options.checkpointBytes ?? 32 * MIB, 64 * KIB, Number.MAX_SAFE_INTEGER),
    checkpointIntervalMs: inRange('checkpointIntervalMs', options.checkpointIntervalMs ?? 60_000, 1, 86_400_000),
    maxRedoBytes: inRange('maxRedoBytes', options.maxRedoBytes ?? 128 * MIB, 64 * KIB, Number.MAX_SAFE_INTEGER),
    lockTimeoutMs: lockTimeoutOf(options.lockTimeoutMs ?? 10_000),
    snapshotMaxAgeMs: inRange('snapshotMaxAgeMs', options.snapshotMaxAgeMs ?? 3_600_000, 1, Number.POSITIVE_INFINITY),
    snapshotMaxBytes: inRange(
      'snapshotMaxBytes',
      options.snapshotMaxBytes ?? 256 * MIB,
      64 * KIB,
      Number.MAX_SAFE_INTEGER,
    ),
    escalateLocksAt: inRange('escalateLocksAt', options.escalateLocksAt ?? 10_000, 1, Number.POSITIVE_INFINITY),
    doubleWrite: flagOf('doubleWrite', options.doubleWrite ?? true),
    deferRedo: flagOf('deferRedo', options.deferRedo ?? false),
  }
}

/** The settings of a transaction. @throws `INVALID_ARGUMENT` */
export function transactionSettingsOf(options: BeginOptions, settings: Settings): TransactionSettings {
  return {
    durability: options.durability === undefined ? settings.durability : durabilityOf(options.durability),
    lockTimeoutMs: options.lockTimeoutMs === undefined ? settings.lockTimeoutMs : lockTimeoutOf(options.lockTimeoutMs),
    isolation: isolationOf(options.isolation ?? 'serializable'),
    readOnly: flagOf('readOnly', options.readOnly ?? false),
    signal: signalOf(options.signal),
  }
}

function signalOf(signal: AbortSignal | undefined): AbortSignal | undefined {
  if (signal === undefined) return undefined
  if (typeof signal?.addEventListener !== 'function' || typeof signal.aborted !== 'boolean') {
    throw invalid('signal must be an AbortSignal, such as that of new AbortController()')
  }
  return signal
}

function isolationOf(value: Isolation): Isolation {
  if (value !== 'serializable' && value !== 'snapshot' && value !== 'read-committed') {
    throw invalid(`isolation must be 'serializable', 'snapshot' or 'read-committed', got ${String(value)}`)
  }
  return value
}

function lockTimeoutOf(value: number): number {
  if (typeof value !== 'number' || !(value >= 0))
    throw invalid(`lockTimeoutMs must be a number of at least 0, got ${value}`)
  return value
}

export function durabilityOf(value: Durability): Durability {
  if (value !== 'none' && value !== 'lazy' && value !== 'full') {
    throw invalid(`durability must be 'none', 'lazy' or 'full', got ${String(value)}`)
  }
  return value
}
