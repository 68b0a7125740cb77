/** What records and pages of scenarios hold, in a few words, for those who show them. */
import type { Shown } from './names.ts'
import type { ScenarioRecord } from './scenario.ts'

const valueText = (value: string | null | undefined): string => value ?? '(none)'

/** What a record does, beside its type, its transaction, its page and its links. */
export function recordContent(record: ScenarioRecord): string {
  switch (record.type) {
    case 'update':
      return `${record.slot}: ${valueText(record.before)} -> ${valueText(record.after)}`
    case 'clr':
      return clrContent(record.slot, record.after, record.undoes, record.undoNextLsn)
    case 'end_checkpoint':
      return checkpointContent(record)
    default:
      return ''
  }
}

/** The same of a CLR that restart has written. */
export function clrContent(
  slot: string | null,
  after: string | null | undefined,
  undoes: Shown | undefined,
  undoNext: Shown | undefined,
): string {
  return `${compensationText(slot, after, undoes)}, undoNextLSN ${undoNext ?? '-'}`
}

/** What a CLR compensates, for those who show its undoNextLSN elsewhere. */
export function compensationText(
  slot: string | null,
  after: string | null | undefined,
  undoes: Shown | undefined,
): string {
  const what = undoes === null || undoes === undefined ? 'closes a nested top action' : `undoes ${undoes}`
  return slot === null ? what : `${slot} back to ${valueText(after)}, ${what}`
}

function checkpointContent({ att, dpt }: Extract<ScenarioRecord, { type: 'end_checkpoint' }>): string {
  const transactions = Object.entries(att).map(([txn, { status, lastLsn }]) => `${txn} ${status} ${lastLsn ?? '-'}`)
  const pages = Object.entries(dpt).map(([page, recLsn]) => `${page} ${recLsn}`)
  return `ATT {${transactions.join(', ')}} DPT {${pages.join(', ')}}`
}

/** The slots of a page. */
export const pageContent = (data: Readonly<Record<string, string>>): string =>
  Object.entries(data)
    .map(([slot, value]) => `${slot} = ${value}`)
    .join(', ')
