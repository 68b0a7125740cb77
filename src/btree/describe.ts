/** What a log record of the B+tree says, for people. */
import { printableKey } from '../common/text.ts'
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
import { countOfExtend, rangeOfRecord } from './node-range.ts'

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
      return describeRange(name, record)
    case TreeOperation.EXTEND:
      return `${name} by ${countOfExtend(record)} cells`
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

function describeRange(name: string, record: LogRecordView): string {
  const { first, end } = rangeOfRecord(record)
  return first === 0 ? `${name} after ${end} cells` : `${name} to the cells from ${first} on`
}
