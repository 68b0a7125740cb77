/** What a log record of the B+tree says, for people. */
import { printableKey } from '../lock/lock-report.ts'
import type { LogRecordView } from '../log/log-record.ts'
import {
  keyOfRecord,
  keysOfRecord,
  slotOfRecord,
  TREE_OPERATION_NAMES,
  TreeOperation,
  treeOfRecord,
} from './btree-log.ts'
import { countOfRun } from './insert-run.ts'

/** One line. */
export function describeTree(record: LogRecordView): string {
  const name = TREE_OPERATION_NAMES[record.operation] ?? `operation ${record.operation}`
  switch (record.operation) {
    case TreeOperation.FORMAT:
    case TreeOperation.CREATE:
      return name
    case TreeOperation.INSERT_RUN:
      return `${name} of ${countOfRun(record)} keys into tree ${treeOfRecord(record)} from key ${printableKey(keysOfRecord(record)[0] as Uint8Array)}`
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
