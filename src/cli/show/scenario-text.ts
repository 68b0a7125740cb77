/** What happens in scenarios as the tables of the textbooks: attempts to restart, rollbacks, refusals, low-water marks. */
import Table from 'cli-table3'
import type {
  ObservedDecision,
  ObservedDirtyPage,
  ObservedRecord,
  ObservedRefusal,
  ObservedRestart,
  ObservedRollback,
  ObservedTransaction,
  ObservedTruncation,
} from '../../scenario/observe.ts'
import { clrContent, pageContent, recordContent } from '../../scenario/record-words.ts'
import type { ScenarioRecord } from '../../scenario/scenario.ts'

type Cell = string | number | null | undefined

function tableOf(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const table = new Table({ head: [...head], style: { head: [], border: [], compact: true } })
  for (const row of rows) table.push(row.map((cell) => cell ?? '-'))
  return table.toString()
}

function recordRow(record: ScenarioRecord): Cell[] {
  const txn = 'txn' in record ? record.txn : ''
  const prevLsn = 'prevLsn' in record ? record.prevLsn : ''
  const page = record.type === 'update' || record.type === 'clr' ? record.page : ''
  return [record.lsn, record.type, txn, prevLsn, page, recordContent(record)]
}

/** Whether and why a record was redone. */
export function redoText({ lsn, reason, recLsn, pageLsn }: ObservedDecision): string {
  switch (reason) {
    case undefined:
      return pageLsn === null ? 'yes: the page has no LSN yet' : `yes: pageLSN ${pageLsn} < LSN ${lsn}`
    case 'not-redoable':
      return 'no: (1) it changes no page'
    case 'not-in-dpt':
      return 'no: (2) its page is not in the dirty page table'
    case 'lsn<recLsn':
      return `no: (3) LSN ${lsn} < recLSN ${recLsn}`
    case 'pageLsn>=lsn':
      return `no: (4) pageLSN ${pageLsn} >= LSN ${lsn}`
    case 'page-damaged':
      return 'no: (5) its page cannot be read'
  }
}

/** What is left of each loser after each record that restart writes: the set ToUndo of the textbooks. */
function leftToUndo({ transactionsAfter, appended }: ObservedRestart): string[] {
  const next = new Map(
    transactionsAfter.flatMap(({ txn, status, undoNextLsn }) =>
      status === 'committing' || undoNextLsn === null ? [] : [[txn, undoNextLsn] as const],
    ),
  )
  return appended.map(({ txn, undoNextLsn }) => {
    if (undoNextLsn === null || undoNextLsn === undefined) next.delete(txn)
    else next.set(txn, undoNextLsn)
    return setText([...next.values()].sort((a, b) => Number(b) - Number(a)))
  })
}

const setText = (items: readonly unknown[]): string => `{${items.join(', ')}}`

const attText = (rows: readonly ObservedTransaction[]): string =>
  rows.map(({ txn, status, lastLsn }) => `${txn} ${status} ${lastLsn ?? '-'}`).join('\n')

const dptText = (rows: readonly ObservedDirtyPage[]): string =>
  rows.map(({ page, recLsn }) => `${page} ${recLsn}`).join('\n')

/** A record in a few words, where the log with all its fields stands above. */
export function shortText(record: ScenarioRecord | undefined): string {
  if (record === undefined) return ''
  const txn = 'txn' in record ? `${record.txn} ` : ''
  const page = 'page' in record && record.page !== null ? ` ${record.page}` : ''
  return `${txn}${record.type}${page}`
}

function analysisRows({ log, steps }: ObservedRestart): Cell[][] {
  const records = new Map(log.map((record) => [record.lsn as Cell, record]))
  return steps.map(({ lsn, transactions, dirtyPages }) => [
    lsn,
    shortText(records.get(lsn)),
    attText(transactions),
    dptText(dirtyPages),
  ])
}

function appendedRow({ lsn, type, txn, prevLsn, change, undoes, undoNextLsn, isLost }: ObservedRecord): Cell[] {
  const text = type === 'clr' ? clrContent(change?.slot ?? null, change?.after, undoes, undoNextLsn) : ''
  const lost = isLost ? 'lost in the next crash' : ''
  return [lsn, type, txn, prevLsn, change?.page ?? '', [text, lost].filter((part) => part !== '').join('; ')]
}

const LOG_HEAD = ['LSN', 'type', 'txn', 'prevLSN', 'page', 'content']

/** One attempt, as lines. */
export function restartText(restart: ObservedRestart): string {
  const { log, disk, transactions, dirtyPages, redo, appended, pages, crashLsn } = restart
  const left = leftToUndo(restart)
  const onDisk = Object.entries(disk).map(([page, state]) => ({ page, ...state }))
  const parts = [
    'log at the crash',
    tableOf(LOG_HEAD, log.map(recordRow)),
    'pages on disk',
    pagesText(onDisk),
    `analysis, from LSN ${restart.startLsn ?? '-'}`,
    tableOf(['LSN', 'record', 'ATT after it', 'DPT after it'], analysisRows(restart)),
    'tables at the end of the log',
    tableOf(
      ['txn', 'status', 'lastLSN'],
      transactions.map(({ txn, status, lastLsn }) => [txn, status, lastLsn]),
    ),
    tableOf(
      ['page', 'recLSN'],
      dirtyPages.map(({ page, recLsn }) => [page, recLsn]),
    ),
    `redo, from LSN ${restart.redoStartLsn ?? '-'}`,
    tableOf(
      ['LSN', 'redone'],
      redo.map((decision) => [decision.lsn, redoText(decision)]),
    ),
    `undo, in the order ${restart.undoOrder.join(', ') || '(nothing to undo)'}`,
    tableOf(
      [...LOG_HEAD, 'left to undo'],
      appended.map((record, i) => [...appendedRow(record), left[i]]),
    ),
    'pages after it',
    pagesText(pages),
  ]
  if (crashLsn !== undefined) parts.push(`the next crash leaves the log up to LSN ${crashLsn}`)
  return parts.join('\n')
}

function pagesText(pages: ObservedRestart['pages']): string {
  const sorted = [...pages].sort((a, b) => a.page.localeCompare(b.page, 'en', { numeric: true }))
  return tableOf(
    ['page', 'pageLSN', 'content'],
    sorted.map(({ page, pageLsn, data }) => [page, pageLsn, pageContent(data)]),
  )
}

/** A rollback in normal processing. */
export function rollbackText({ log, txn, toLsn, undoOrder, appended, pages }: ObservedRollback): string {
  const upTo = toLsn === null ? '' : `, to the savepoint at LSN ${toLsn}`
  return [
    'log before the rollback',
    tableOf(LOG_HEAD, log.map(recordRow)),
    `rollback of ${txn}${upTo}, in the order ${undoOrder.join(', ') || '(nothing to undo)'}`,
    tableOf(LOG_HEAD, appended.map(appendedRow)),
    'pages in the buffer pool after it',
    pagesText(pages),
  ].join('\n')
}

/** A state that restart does not touch. */
export function refusalText({ log, disk, error }: ObservedRefusal): string {
  const parts = [
    'log at the crash',
    tableOf(LOG_HEAD, log.map(recordRow)),
    'pages on disk',
    pagesText(Object.entries(disk).map(([page, state]) => ({ page, ...state }))),
  ]
  if (error === undefined) return [...parts, 'restart goes through'].join('\n')
  return [...parts, `restart refuses it, with page numbers and LSNs of the engine:`, `  ${error.message}`].join('\n')
}

/** How much of the log may go. */
export function truncationText(cases: readonly ObservedTruncation[]): string {
  const rows = cases.map(({ checkpointBegin, dpt, att, lowWaterLsn, holder }, i) => [
    i + 1,
    checkpointBegin,
    Object.entries(dpt)
      .map(([page, recLsn]) => `${page} ${recLsn}`)
      .join('\n'),
    Object.entries(att)
      .map(([txn, { firstLsn }]) => `${txn} ${firstLsn ?? '-'}`)
      .join('\n'),
    lowWaterLsn,
    holder,
  ])
  return tableOf(['case', 'checkpoint', 'recLSNs', 'first LSNs', 'log needed from', 'by the oldest'], rows)
}
