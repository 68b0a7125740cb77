/** The events of a trace in words. */
import { NULL_LSN } from './ids.ts'
import type { SkipReason, TracedDirtyPage, TracedLock, TracedTransaction, TraceEvent, UndoPassReason } from './trace.ts'

/** One sentence that says what has happened and why. */
export function describeEvent(event: TraceEvent): string {
  switch (event.kind) {
    case 'appended': {
      const { lsn, type, txnId, pageId } = event
      const of = txnId === undefined ? '' : ` of transaction ${txnId}`
      return `LSN ${lsn} is appended: ${type}${of}${pageId === undefined ? '' : `, page ${pageId}`}.`
    }
    case 'flushed':
      return `The log is durable up to LSN ${event.toLsn}.`
    case 'fixed':
      return `Page ${event.pageId} is fixed: ${FIX_TEXTS[event.found]}.`
    case 'dirtied':
      return `Page ${event.pageId} becomes dirty: its recLSN is ${event.recLsn}.`
    case 'page-written':
      return `Page ${event.pageId} is written to disk with pageLSN ${event.pageLsn}; the log was durable up to there first.`
    case 'evicted':
      return `Page ${event.pageId} gives up its frame.`
    case 'checkpoint':
      return `The checkpoint at LSN ${event.lsn} is complete; a restart begins there, and the log is needed from LSN ${event.lowWaterLsn} on.`
    case 'split':
      return `Page ${event.pageId} of tree ${event.tree} is split: its upper half is now page ${event.newPageId}.`
    case 'redistributed':
      return `Page ${event.pageId} of tree ${event.tree} is full: ${event.rows} of its rows move to its neighbour, page ${event.toPageId}.`
    case 'root-grown':
      return `Tree ${event.tree} grows by a level: what its root held is now page ${event.newPageId}.`
    case 'merged':
      return `Page ${event.pageId} of tree ${event.tree} takes in what its right neighbour held: page ${event.freedPageId} is free.`
    case 'root-lowered':
      return `Tree ${event.tree} loses a level: its root holds what its only child held, and page ${event.freedPageId} is free.`
    case 'locked':
      return `Transaction ${event.txnId} locks ${resourceInWords(event)} in mode ${event.mode}.`
    case 'lock-wait':
      return `Transaction ${event.txnId} waits for ${event.mode} on ${resourceInWords(event)}.`
    case 'lock-granted':
      return `Transaction ${event.txnId} has got ${event.mode} on ${resourceInWords(event)}, which it waited for.`
    case 'lock-refused':
      return `Transaction ${event.txnId} does not get ${event.mode} on ${resourceInWords(event)}: ${event.code}.`
    case 'escalated':
      return `Transaction ${event.txnId} gives back ${count(event.released, 'lock')} on keys of tree ${event.space}: the one on the table covers them.`
    case 'yielded':
      return `Transaction ${event.txnId} is committed when the COMMIT at LSN ${event.commitLsn} is durable: who overwrites what it has locked need not wait for that.`
    case 'unlocked':
      return `Transaction ${event.txnId} has ended and gives back ${count(event.released, 'lock')}.`
    case 'deadlock':
      return `Transactions ${event.members.join(', ')} wait for each other in a circle; ${event.victim} is given up.`
    case 'analysed':
      return describeAnalysed(event)
    case 'analysis':
      return `Analysis has read the log from LSN ${event.startLsn} to its end at LSN ${event.endLsn}: ${count(event.transactions.length, 'transaction')} and ${count(event.dirtyPages.length, 'dirty page')} are in the tables.`
    case 'winner-ended':
      return `Transaction ${event.txnId} had committed and only lacked its END, which is written at LSN ${event.endLsn}.`
    case 'redo-start':
      if (event.lsn === NULL_LSN) return 'No page was dirty, so there is nothing to redo.'
      return `Redo begins at LSN ${event.lsn}, the oldest recLSN of the dirty page table.`
    case 'redone':
      return `LSN ${event.lsn} is redone: page ${event.pageId} has pageLSN ${event.pageLsn}, so the change is not on it.`
    case 'redo-skipped':
      return `LSN ${event.lsn} is not redone: ${SKIP_TEXTS[event.reason](event)}.`
    case 'redo-end':
      return `Redo has ended: ${count(event.dirtyPages.length, 'page')} in the buffer pool differ from the disk.`
    case 'undone':
      return `LSN ${event.lsn} of transaction ${event.txnId} is undone; the CLR is at LSN ${event.clrLsn}; ${nextText(event.undoNextLsn)}.`
    case 'undo-passed':
      return `LSN ${event.lsn} of transaction ${event.txnId} is passed over: ${PASS_TEXTS[event.reason]}; ${nextText(event.nextLsn)}.`
    case 'rolled-back':
      return `Transaction ${event.txnId} is rolled back; its END is at LSN ${event.endLsn}.`
    case 'in-doubt':
      return `Transaction ${event.txnId} was prepared as ${JSON.stringify(event.name)} at LSN ${event.lsn}: it holds its locks again and waits for its outcome.`
  }
}

const FIX_TEXTS: Readonly<Record<Extract<TraceEvent, { kind: 'fixed' }>['found'], string>> = {
  hit: 'it is in the buffer pool',
  miss: 'it was read from disk',
  new: 'it is made anew, and nothing was read',
}

/** What is locked, in words. */
export function resourceInWords({
  resource,
  table,
  space,
  key,
}: Pick<TracedLock, 'resource' | 'table' | 'space' | 'key'>): string {
  const name = table === undefined ? `tree ${space}` : `table '${table}'`
  if (resource === 'table') return name
  return `${resource === 'end' ? 'the end' : `key ${key}`} of ${name}`
}

/** Numbers in front of reasons are those of `SkipReason`. */
type Skipped = Extract<TraceEvent, { kind: 'redo-skipped' }>
const SKIP_TEXTS: Readonly<Record<SkipReason, (event: Skipped) => string>> = {
  'not-redoable': () => '(1) it changes no page',
  'not-in-dpt': ({ pageId }) => `(2) page ${pageId} is not in the dirty page table, so the change was on disk`,
  'lsn<recLsn': ({ pageId, recLsn }) => `(3) page ${pageId} became dirty only at LSN ${recLsn}`,
  'pageLsn>=lsn': ({ pageId, pageLsn }) => `(4) page ${pageId} has pageLSN ${pageLsn}, so the change is on it`,
  'page-damaged': ({ pageId }) => `(5) page ${pageId} cannot be read and stays set apart`,
}

/** Numbers in front of reasons are those of `UndoPassReason`. */
const PASS_TEXTS: Readonly<Record<UndoPassReason, string>> = {
  clr: '(1) it is a CLR, and what it leads past is undone or is to stay',
  'redo-only': '(2) it was written to be redone only',
  'not-undoable': '(3) it changes no page',
  'nothing-left': '(4) nothing of it is left to undo',
}

const nextText = (nextLsn: number): string => (nextLsn === NULL_LSN ? 'nothing is left' : `LSN ${nextLsn} is next`)

const count = (value: number, noun: string): string => `${value} ${noun}${value === 1 ? '' : 's'}`

function describeAnalysed(event: Extract<TraceEvent, { kind: 'analysed' }>): string {
  const changes = [
    ...event.transactions.map(rowText),
    ...(event.ended === undefined ? [] : [`transaction ${event.ended} leaves the table`]),
    ...event.dirtyPages.map(pageText),
  ]
  return `LSN ${event.lsn}, ${event.type}: ${changes.length === 0 ? 'the tables stay as they are' : changes.join('; ')}.`
}

const rowText = ({ txnId, status, lastLsn, undoNextLsn }: TracedTransaction): string =>
  `transaction ${txnId} is ${status} with lastLSN ${lastLsn}${undoNextLsn === lastLsn ? '' : `, undoNextLSN ${undoNextLsn}`}`

const pageText = ({ pageId, recLsn }: TracedDirtyPage): string => `page ${pageId} may be dirty since LSN ${recLsn}`
