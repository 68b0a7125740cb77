/**
 * aries-db: an ARIES-style, page-based, transactional storage engine. This is the whole public surface,
 * in the order in which it is best read.
 *
 * @module aries-db
 */

export { AriesError, type ErrorCode, type ErrorDetails } from './common/errors.ts'
export type { Lsn, PageId, TxnId } from './common/ids.ts'
export type {
  RestartEvent,
  SkipReason,
  Trace,
  TracedDirtyPage,
  TracedLock,
  TracedTransaction,
  TraceEvent,
  UndoPassReason,
  WorkEvent,
} from './common/trace.ts'
export { describeEvent } from './common/trace-text.ts'
export type { TraceMessage } from './common/tracer.ts'
export type { CheckProgress } from './database/check.ts'
export { buffer, type Codec, json, utf8 } from './database/codecs.ts'
export type { Database } from './database/database.ts'
export type { Entries, SnapshotEntries } from './database/entries.ts'
export type { InDoubtTransaction } from './database/in-doubt.ts'
export { open } from './database/open-location.ts'
export type {
  BeginOptions,
  CommitOptions,
  GetOptions,
  Isolation,
  OpenOptions,
  TransactionOptions,
} from './database/options.ts'
export { number, tuple } from './database/ordered-codecs.ts'
export type { RangeOptions } from './database/range.ts'
export type { Gap } from './database/salvage.ts'
export type { Snapshot } from './database/snapshot.ts'
export type { DatabaseStats } from './database/stats.ts'
export type { Table } from './database/table.ts'
export type { TableCodecs, TableShape } from './database/table-shape.ts'
export type { Savepoint, Transaction } from './database/transaction.ts'
export type { File, FileSystem, OpenMode } from './io/file-system.ts'
export { MemoryFileSystem } from './io/memory-file-system.ts'
export type { Cancel, Runtime } from './io/runtime.ts'
export type { LockModeName } from './lock/lock-mode.ts'
export type { DeadlockStep, LockHolder, LockReport, LockWaiter } from './lock/lock-report.ts'
export type { LowWaterHolder } from './recovery/checkpoint.ts'
export type { RecoveryPhase, RecoveryProgress, RecoveryReport } from './recovery/report.ts'
export type { Durability } from './txn/transaction-manager.ts'
