/** The steps of a restart for people and for programs, with the two tables as they are after each. */
import type { RestartEvent, TracedDirtyPage, TracedTransaction } from '../../index.ts'
import { describeEvent } from '../../index.ts'
import type { ShownRecord } from '../../inspect/record-text.ts'
import { phaseOf, type RestartTables } from '../../inspect/restart-tables.ts'
import { coloured } from '../output.ts'

const ROWS_SHOWN = 8
const LSN_WIDTH = 9

/** The transactions that a step is about, besides that of its record. */
export function transactionsOf(event: RestartEvent): number[] {
  if ('txnId' in event) return [event.txnId]
  if (event.kind === 'analysed') return event.transactions.map(({ txnId }) => txnId)
  return []
}

/** The step with its record, and of analysis the tables after it. */
export function eventAsJson(event: RestartEvent, record: ShownRecord | undefined, tables: RestartTables): object {
  const { transactions, dirtyPages } = tables
  return {
    phase: phaseOf(event),
    ...event,
    ...(event.kind === 'analysed' ? { att: [...transactions.values()], dpt: [...dirtyPages.values()] } : {}),
    ...(record === undefined ? {} : { record }),
    text: describeEvent(event),
  }
}

/** The step in one line or a few. */
export function eventLines(
  event: RestartEvent,
  record: ShownRecord | undefined,
  tables: RestartTables,
  isFull: boolean,
): string[] {
  switch (event.kind) {
    case 'analysed':
      return [recordLine(record), ...tableLines(event, tables, isFull)]
    case 'redone':
    case 'redo-skipped':
    case 'undone':
    case 'undo-passed':
      return [recordLine(record), continuation(describeEvent(event), event.kind)]
    default:
      return [describeEvent(event)]
  }
}

function recordLine(record: ShownRecord | undefined): string {
  if (record === undefined) return ''
  const { lsn, type, txn, page, description } = record
  const places = [...(txn === null ? [] : [`T${txn}`]), ...(page === null ? [] : [`P${page}`])].join(' ')
  return `${String(lsn).padStart(LSN_WIDTH)}  ${type.padEnd(16)} ${places.padEnd(12)} ${description}`.trimEnd()
}

const INDENT = ' '.repeat(LSN_WIDTH + 2)

function continuation(text: string, kind: RestartEvent['kind']): string {
  const style = kind === 'redone' ? 'green' : kind === 'undone' ? 'yellow' : 'dim'
  return `${INDENT}${coloured(style, text)}`
}

/** The tables that the record has changed, as they are now. */
function tableLines(
  event: Extract<RestartEvent, { kind: 'analysed' }>,
  tables: RestartTables,
  isFull: boolean,
): string[] {
  const lines: string[] = []
  if (event.transactions.length > 0 || event.ended !== undefined) {
    lines.push(tableLine('ATT', [...tables.transactions.values()].map(attRow), isFull))
  }
  if (event.dirtyPages.length > 0) lines.push(tableLine('DPT', [...tables.dirtyPages.values()].map(dptRow), isFull))
  return lines
}

function tableLine(name: string, rows: readonly string[], isFull: boolean): string {
  const shown = isFull ? rows : rows.slice(-ROWS_SHOWN)
  const more = rows.length - shown.length
  const text = rows.length === 0 ? 'empty' : `${more > 0 ? `${more} more, ` : ''}${shown.join(', ')}`
  return `${INDENT}${coloured('dim', `${name}  ${text}`)}`
}

const attRow = ({ txnId, status, lastLsn, undoNextLsn }: TracedTransaction): string =>
  `T${txnId} ${status} last ${lastLsn}${undoNextLsn === lastLsn ? '' : ` undoNext ${undoNextLsn}`}`

const dptRow = ({ pageId, recLsn }: TracedDirtyPage): string => `P${pageId} since ${recLsn}`
