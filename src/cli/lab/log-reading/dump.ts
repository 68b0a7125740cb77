/** The dump that a student reads: the master record, the log, and the pages as the crash left them on disk. */

import { shownRecord } from '../../../inspect/record-text.ts'
import { RecordType } from '../../../log/log-record.ts'
import { decodeCheckpointPart } from '../../../recovery/checkpoint-record.ts'
import { TXN_STATUS_NAMES } from '../../../recovery/transaction-table.ts'
import type { CrashRun } from './crash-run.ts'

export function dumpText({ checkpointLsn, records, pages, trees }: CrashRun): string {
  const lines = [
    'The power has failed. This is what is on the disk.',
    '',
    `MASTER RECORD   the last complete checkpoint begins at LSN ${checkpointLsn}`,
    '',
    'LOG   all of it that is durable and not recycled (flush markers are left out)',
    '',
    `${'LSN'.padStart(6)}  ${'type'.padEnd(16)} ${'txn'.padStart(4)} ${'prevLSN'.padStart(8)} ${'undoNext'.padStart(8)} ${'page'.padStart(5)}  what`,
  ]
  for (const record of records) {
    const { lsn, type, txn, prevLsn, undoNextLsn, page, description } = shownRecord(record)
    const undoNext = undoNextLsn === null ? '-' : (undoNextLsn ?? '')
    lines.push(
      `${cell(lsn, 6)}  ${type.padEnd(16)} ${cell(txn === null ? '' : `T${txn}`, 4)} ${cell(prevLsn ?? '', 8)} ${cell(undoNext, 8)} ${cell(page ?? '', 5)}  ${description}`.trimEnd(),
    )
    if (record.type !== RecordType.END_CHECKPOINT) continue
    const { transactions, dirtyPages } = decodeCheckpointPart(record)
    for (const { id, status, lastLsn, undoNextLsn: next } of transactions) {
      lines.push(`${' '.repeat(26)}T${id} ${TXN_STATUS_NAMES[status]}, lastLSN ${lastLsn}, undoNextLSN ${next}`)
    }
    for (const [pageId, recLsn] of dirtyPages) lines.push(`${' '.repeat(26)}page ${pageId} dirty, recLSN ${recLsn}`)
  }
  lines.push('', 'PAGES ON DISK', '', '  page  pageLSN')
  for (const { pageId, pageLsn } of pages) {
    const table = trees.find(({ tree }) => tree === pageId)
    lines.push(
      `${cell(pageId, 6)} ${cell(pageLsn, 8)}${table === undefined ? '' : `   the only page of table ${table.name}`}`,
    )
  }
  return `${lines.join('\n')}\n`
}

const cell = (value: string | number, width: number): string => String(value).padStart(width)
