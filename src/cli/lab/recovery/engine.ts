/**
 * The side of the engine that a student's passes see: all that their files may import, as `./engine.js`, and all that
 * the engine's own passes import. These themselves are not in it. The declarations of this module are in the lab's
 * folder, so that editors know them.
 */

export type { BufferManager } from '../../../buffer/buffer-manager.ts'
export { assert } from '../../../common/assert.ts'
export { getU53 } from '../../../common/bytes.ts'
export { AriesError } from '../../../common/errors.ts'
export { Heap } from '../../../common/heap.ts'
export { asLsn, type Lsn, NO_PAGE, NO_TXN, NULL_LSN, type PageId, type TxnId } from '../../../common/ids.ts'
export type { SkipReason, Trace, TraceEvent, UndoPassReason } from '../../../common/trace.ts'
export { SILENT, type Tracer } from '../../../common/tracer.ts'
export type { LogManager } from '../../../log/log-manager.ts'
export { flushedLsnOf, type LogReader } from '../../../log/log-reader.ts'
export { CLR_HEADER_BYTES, type LogRecordView, RECORD_TYPE_NAMES, RecordType } from '../../../log/log-record.ts'
export { ResourceId, type ResourceManager, type ResourceManagers } from '../../../log/resource-manager.ts'
export { segmentName } from '../../../log/segment.ts'
export { pageLsnOf, setPageLsn } from '../../../page/page.ts'
export { pendingLsnOf } from '../../../recovery/analysis.ts'
export { type CheckpointPart, decodeCheckpointPart } from '../../../recovery/checkpoint-record.ts'
export type { PageWriter } from '../../../recovery/page-writer.ts'
export { RedoQueues } from '../../../recovery/redo-queues.ts'
export { visitRecords } from '../../../recovery/redo-scan.ts'
export {
  isFurther,
  TransactionEntry,
  type TransactionTable,
  TxnStatus,
  tracedTransaction,
} from '../../../recovery/transaction-table.ts'

/** Thrown by what the student has still to write. */
export class NotWritten extends Error {
  override readonly name = 'NotWritten'
}

/** Stands where a body is missing. @throws always */
export function notWritten(name: string): never {
  throw new NotWritten(`${name} is not written yet`)
}
