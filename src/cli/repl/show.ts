/** What the shell shows of the inside: the tables of ARIES, the log with its unflushed part, locks, pages. */
import { asPageId } from '../../common/ids.ts'
import { lastRecords } from '../../inspect/live-log.ts'
import { shownRecord } from '../../inspect/record-text.ts'
import type { LogRecordView } from '../../log/log-record.ts'
import { TXN_STATUS_NAMES } from '../../recovery/transaction-table.ts'
import { CliError } from '../errors.ts'
import { coloured } from '../output.ts'
import { pageLines } from '../show/page-text.ts'
import type { Session } from './session.ts'

const RECORDS_SHOWN = 15

/** What `show` can show, by name. */
export const SHOWN: Readonly<Record<string, (session: Session, argument: string | undefined) => string[]>> = {
  att: showAtt,
  dpt: showDpt,
  log: showLog,
  locks: showLocks,
  page: showPage,
  tables: showTables,
  transactions: showTransactions,
}

function columns(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string[] {
  const all = [head, ...rows].map((row) => row.map(String))
  const widths = head.map((_, i) => all.reduce((widest, row) => Math.max(widest, (row[i] ?? '').length), 0))
  const lines = all.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return [coloured('bold', lines[0] ?? ''), ...lines.slice(1)]
}

function showAtt({ opened, transactions }: Session): string[] {
  const names = new Map([...transactions.values()].map(({ name, transaction }) => [transaction.id, name]))
  const rows = [...opened.managers.table].map((entry) => [
    names.get(entry.id) ?? '',
    entry.id,
    TXN_STATUS_NAMES[entry.status] ?? '',
    entry.firstLsn,
    entry.lastLsn,
    entry.undoNextLsn,
  ])
  return rows.length === 0
    ? ['the transaction table is empty: nobody has written and not ended']
    : columns(['name', 'id', 'status', 'firstLSN', 'lastLSN', 'undoNextLSN'], rows)
}

function showDpt({ opened }: Session): string[] {
  const rows = [...opened.managers.buffer.dirtyPages()]
  return rows.length === 0
    ? ['the dirty page table is empty: the disk has every page as the buffer pool has it']
    : columns(['page', 'recLSN'], rows)
}

function showLog({ opened }: Session, argument: string | undefined): string[] {
  const { log } = opened.managers
  const shown = lastRecords(
    log,
    opened.identity.segmentBytes,
    argument === undefined ? RECORDS_SHOWN : wholeNumberOf(argument),
  )
  const isUnflushed = (record: LogRecordView): boolean => record.lsn >= log.flushedLsn
  const rows = shown.map((record) => {
    const { lsn, type, txn, prevLsn, undoNextLsn, page, description } = shownRecord(record)
    const undoNext = undoNextLsn === undefined ? '' : (undoNextLsn ?? '-')
    return [isUnflushed(record) ? '*' : '', lsn, type, txn ?? '', prevLsn ?? '', undoNext, page ?? '', description]
  })
  const lines = columns(['', 'LSN', 'type', 'txn', 'prevLSN', 'undoNext', 'page', 'what'], rows)
  return shown.some(isUnflushed) ? [...lines, '* is only in memory: a power cut takes it'] : lines
}

function showLocks({ database }: Session): string[] {
  const rows = database
    .locks()
    .map(({ kind, table, keyText, holders, waiters }) => [
      table ?? '',
      kind === 'key' ? keyText : kind,
      holders
        .map(({ txnId, mode, isCommitting }) => `${txnId} ${mode}${isCommitting ? ' (committing)' : ''}`)
        .join(', '),
      waiters.map(({ txnId, mode, waitsFor }) => `${txnId} ${mode} for ${waitsFor.join(', ')}`).join('; '),
    ])
  return rows.length === 0 ? ['nothing is locked'] : columns(['table', 'what', 'held by', 'waited for by'], rows)
}

function showPage({ opened }: Session, argument: string | undefined): string[] {
  const pageId = asPageId(wholeNumberOf(argument))
  const { btree, buffer } = opened.managers
  const { pageSize } = opened.identity
  if (pageId >= buffer.pageCount)
    throw new CliError(`there is no page ${pageId}: the pages are 0 to ${buffer.pageCount - 1}`)
  // The checksum is set when a page is written; in the pool it is that of its last write.
  const bytes = btree.context.withPage(pageId, (page) => buffer.bytes.slice(page, page + pageSize))
  const recLsn = new Map(buffer.dirtyPages()).get(pageId)
  const state = recLsn === undefined ? 'as it is on disk' : `dirty since LSN ${recLsn}`
  return [
    `page ${pageId} in the buffer pool, ${state}`,
    ...pageLines({ bytes, view: new DataView(bytes.buffer) }, false),
  ]
}

function showTables({ opened, tableName }: Session): string[] {
  const rows = opened.managers.catalog.list().map(({ name, tree }) => [name === tableName ? '>' : '', name, tree])
  return rows.length === 0 ? ['there are no tables; the first put makes one'] : columns(['', 'table', 'tree'], rows)
}

function showTransactions({ transactions, current, database }: Session): string[] {
  const open = [...transactions.values()].map(({ name, transaction, savepoints }) => [
    name === current?.name ? '>' : '',
    name,
    transaction.id,
    [...savepoints.keys()].join(', '),
  ])
  const inDoubt = database.inDoubt().map(({ name, id }) => ['', name, id, 'in doubt'])
  const rows = [...open, ...inDoubt]
  return rows.length === 0 ? ['no transaction is open'] : columns(['', 'name', 'id', 'savepoints'], rows)
}

function wholeNumberOf(text: string | undefined): number {
  if (text === undefined || !/^\d+$/.test(text))
    throw new CliError(`a whole number is wanted, not ${text ?? 'nothing'}`)
  return Number(text)
}
