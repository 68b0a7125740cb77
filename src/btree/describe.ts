/** What a log record of the B+tree says, for people. */
import { printableKey } from '../lock/lock-report.ts'
import type { LogRecordView } from '../log/log-record.ts'
import { keyOfRecord, slotOfRecord, TREE_OPERATION_NAMES, TreeOperation, treeOfRecord } from './btree-log.ts'

/** One line. */
export function describeTree(record: LogRecordView): string {
  const name = TREE_OPERATION_NAMES[record.operation] ?? `operation ${record.operation}`
  switch (record.operation) {
    case TreeOperation.FORMAT:
    case TreeOperation.CREATE:
      return name
    case TreeOperation.TRUNCATE:
      return `${name} after ${slotOfRecord(record)} cells`
    case TreeOperation.INSERT:
    case TreeOperation.REPLACE:
    case TreeOperation.GHOST:
    case TreeOperation.INSERT_CHILD:
    case TreeOperation.REMOVE_CHILD:
      return `${name} slot ${slotOfRecord(record)} of tree ${treeOfRecord(record)} key ${printableKey(keyOfRecord(record))}`
    default:
      return `${name} slot ${slotOfRecord(record)}`
  }
}
