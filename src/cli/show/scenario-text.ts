/** Attempts to restart as the tables of the textbooks. */
import Table from 'cli-table3'
import type { ObservedRecord, ObservedRestart } from '../../scenario/observe.ts'
import type { ScenarioRecord } from '../../scenario/scenario.ts'

type Cell = string | number | null | undefined

function tableOf(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const table = new Table({ head: [...head], style: { head: [], border: [], compact: true } })
  for (const row of rows) table.push(row.map((cell) => cell ?? '-'))
  return table.toString()
}

const valueText = (value: string | null | undefined): string => value ?? '(none)'

function recordRow(record: ScenarioRecord): Cell[] {
  const txn = 'txn' in record ? record.txn : ''
  const prevLsn = 'prevLsn' in record ? record.prevLsn : ''
  switch (record.type) {
    case 'update':
      return [
        record.lsn,
        record.type,
        txn,
        prevLsn,
        record.page,
        `${record.slot}: ${valueText(record.before)} -> ${valueText(record.after)}`,
      ]
    case 'clr':
      return [
        record.lsn,
        record.type,
        txn,
        prevLsn,
        record.page,
        clrText(record.slot, record.after, record.undoes, record.undoNextLsn),
      ]
    case 'end_checkpoint':
      return [record.lsn, record.type, '', '', '', checkpointText(record)]
    default:
      return [record.lsn, record.type, txn, prevLsn, '', '']
  }
}

function clrText(slot: string | null, after: string | null | undefined, undoes: Cell, undoNext: Cell): string {
  const what = undoes === null || undoes === undefined ? 'closes a nested top action' : `undoes ${undoes}`
  const change = slot === null ? '' : `${slot} back to ${valueText(after)}, `
  return `${change}${what}, undoNextLSN ${undoNext ?? '-'}`
}

function checkpointText({ att, dpt }: Extract<ScenarioRecord, { type: 'end_checkpoint' }>): string {
  const transactions = Object.entries(att).map(([txn, { status, lastLsn }]) => `${txn} ${status} ${lastLsn ?? '-'}`)
  const pages = Object.entries(dpt).map(([page, recLsn]) => `${page} ${recLsn}`)
  return `ATT {${transactions.join(', ')}} DPT {${pages.join(', ')}}`
}

const REDO_REASONS = {
  'not-redoable': 'no: (1) it changes no page',
  'not-in-dpt': 'no: (2) its page is not in the dirty page table',
  'lsn<recLsn': 'no: (3) LSN < recLSN',
  'pageLsn>=lsn': 'no: (4) pageLSN >= LSN',
  'page-damaged': 'no: (5) its page cannot be read',
} as const

function appendedRow({ lsn, type, txn, prevLsn, change, undoes, undoNextLsn, isLost }: ObservedRecord): Cell[] {
  const text = type === 'clr' ? clrText(change?.slot ?? null, change?.after, undoes, undoNextLsn) : ''
  const lost = isLost ? 'lost in the next crash' : ''
  return [lsn, type, txn, prevLsn, change?.page ?? '', [text, lost].filter((part) => part !== '').join('; ')]
}

const LOG_HEAD = ['LSN', 'type', 'txn', 'prevLSN', 'page', 'content']

/** One attempt, as lines. */
export function restartText(restart: ObservedRestart): string {
  const { log, transactions, dirtyPages, redo, appended, pages, crashLsn } = restart
  const parts = [
    'log at the crash',
    tableOf(LOG_HEAD, log.map(recordRow)),
    `analysis, from LSN ${restart.startLsn ?? '-'}`,
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
      redo.map(({ lsn, reason }) => [lsn, reason === undefined ? 'yes' : REDO_REASONS[reason]]),
    ),
    `undo, in the order ${restart.undoOrder.join(', ') || '(nothing to undo)'}`,
    tableOf(LOG_HEAD, appended.map(appendedRow)),
    'pages',
    tableOf(
      ['page', 'pageLSN', 'content'],
      pages.map(({ page, pageLsn, data }) => [page, pageLsn, contentText(data)]),
    ),
  ]
  if (crashLsn !== undefined) parts.push(`the next crash leaves the log up to LSN ${crashLsn}`)
  return parts.join('\n')
}

const contentText = (data: Readonly<Record<string, string>>): string =>
  Object.entries(data)
    .map(([slot, value]) => `${slot} = ${value}`)
    .join(', ')
