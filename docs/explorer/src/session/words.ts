/**
 * What steps are called, and where the paper tells of them: C. Mohan, D. Haderle, B. Lindsay, H. Pirahesh,
 * P. Schwarz, "ARIES: A Transaction Recovery Method Supporting Fine-Granularity Locking and Partial Rollbacks
 * Using Write-Ahead Logging", ACM Transactions on Database Systems 17(1), 1992, pages 94 to 162.
 */
import type { TraceEvent } from '../../../../src/common/trace.ts'

const section = (number: string): string => `ARIES (Mohan et al. 1992), section ${number}`

/** 1.1 write-ahead logging; 1.2 locks; 1.4 buffer management; 4 data structures; 5 normal processing; 6 restart; 9 nested top actions. */
const SECTIONS: Readonly<Record<string, string>> = {
  appended: '5.1',
  flushed: '1.1',
  dirtied: '4.4',
  'page-written': '1.1',
  evicted: '1.4',
  checkpoint: '5.4',
  split: '9',
  redistributed: '9',
  'root-grown': '9',
  merged: '9',
  'root-lowered': '9',
  'lock-wait': '1.2',
  'lock-granted': '1.2',
  'lock-refused': '1.2',
  deadlock: '1.2',
  analysed: '6.1',
  analysis: '6.1',
  'winner-ended': '6.1',
  'redo-start': '6.2',
  redone: '6.2',
  'redo-skipped': '6.2',
  'redo-end': '6.2',
  undone: '6.3',
  'undo-passed': '6.3',
  'rolled-back': '6.3',
  'in-doubt': '6.4',
  crash: '6',
}

const SECTIONS_OF_RECORDS: Readonly<Record<string, string>> = {
  begin: '4.1',
  /** One that compensates a record is told by its undo; the others close nested top actions. */
  clr: '9',
  commit: '5.3',
  prepare: '5.3',
  pending: '5.3',
  'pending-done': '5.3',
  abort: '5.2',
  end: '5.3',
  'begin-checkpoint': '5.4',
  'end-checkpoint': '5.4',
}

/** The section that tells of a step of this kind; for a record that is appended, of this type. */
export function referenceOf(kind: string, recordType?: string, isRestart = true): string | undefined {
  const ofRecord = kind === 'appended' && recordType !== undefined ? SECTIONS_OF_RECORDS[recordType] : undefined
  // Rolling back without a crash is the same work at another time.
  const ofRollback = !isRestart && (kind === 'undone' || kind === 'undo-passed') ? '5.2' : undefined
  const number = ofRecord ?? ofRollback ?? SECTIONS[kind]
  return number === undefined ? undefined : section(number)
}

/** A few words on an event. Not every event is a step: those without a title are part of another one. */
export function titleOf(event: TraceEvent, { transaction, page, lsn }: Spoken): string | undefined {
  switch (event.kind) {
    case 'appended': {
      const { type, txnId, pageId } = event
      const of = txnId === undefined ? '' : ` of ${transaction(txnId)}`
      return pageId === undefined || (type !== 'update' && type !== 'clr')
        ? `${type}${of}`
        : `${type}${of} on ${page(pageId)}`
    }
    case 'evicted':
      return `${page(event.pageId)} leaves the pool`
    case 'checkpoint':
      return 'checkpoint complete'
    case 'split':
      return `${page(event.pageId)} is split`
    case 'redistributed':
      return `${page(event.pageId)} hands rows to ${page(event.toPageId)}`
    case 'root-grown':
      return 'the tree grows by a level'
    case 'merged':
      return `${page(event.pageId)} takes in its neighbour`
    case 'root-lowered':
      return 'the tree loses a level'
    case 'lock-wait':
      return `${transaction(event.txnId)} waits`
    case 'lock-granted':
      return `${transaction(event.txnId)} goes on`
    case 'deadlock':
      return 'deadlock'
    case 'analysed':
      return `analysis: LSN ${lsn(event.lsn)}`
    case 'analysis':
      return 'analysis is complete'
    case 'winner-ended':
      return `${transaction(event.txnId)} has its END`
    case 'redo-start':
      return 'redo begins'
    case 'redone':
      return `redo: LSN ${lsn(event.lsn)}`
    case 'redo-skipped':
      return `not redone: LSN ${lsn(event.lsn)}`
    case 'redo-end':
      return 'redo is complete'
    case 'undone':
      return `undo: LSN ${lsn(event.lsn)}`
    case 'undo-passed':
      return `passed over: LSN ${lsn(event.lsn)}`
    case 'rolled-back':
      return `${transaction(event.txnId)} is rolled back`
    case 'in-doubt':
      return `${transaction(event.txnId)} is in doubt`
    default:
      return undefined
  }
}

/** How numbers of the engine are called. */
export interface Spoken {
  transaction(txnId: number): string
  page(pageId: number): string
  /** By the root of its tree. */
  table(root: number): string
  lsn(lsn: number): string
}

/** A sentence of the engine with the names that the user knows: `transaction T1`, `page P3`, the LSNs of an exercise. */
export function namedSentence(sentence: string, { transaction, page, table, lsn }: Spoken): string {
  return sentence
    .replace(/\b([Tt]ransaction) (\d+)/g, (_, noun: string, id: string) => `${noun} ${transaction(Number(id))}`)
    .replace(/\b([Tt]ransactions) (\d+(?:, \d+)*)/g, (_, noun: string, ids: string) => {
      return `${noun} ${ids.split(', ').map(Number).map(transaction).join(', ')}`
    })
    .replace(/; (\d+) is given up/g, (_, id: string) => `; ${transaction(Number(id))} is given up`)
    .replace(/\b([Pp]age) (\d+)/g, (_, noun: string, id: string) => `${noun} ${page(Number(id))}`)
    .replace(
      /\b([Tt])ree (\d+)/g,
      (_, t: string, id: string) => `${t === 'T' ? 'The' : 'the'} tree of ${table(Number(id))}`,
    )
    .replace(/has pageLSN 0\b/g, 'has no pageLSN yet')
    .replace(/LSN (\d+)/g, (_, number: string) => `LSN ${lsn(Number(number))}`)
}
