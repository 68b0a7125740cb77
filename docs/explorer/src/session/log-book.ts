/** The log as rows: of an open database with what is only in its buffer, of a crashed one what the disk has kept. */
import {
  keyOfRecord,
  keysOfRecord,
  replacementOf,
  TreeOperation,
  treeOfRecord,
  valueOfRecord,
} from '../../../../src/btree/btree-log.ts'
import { CATALOG_TREE } from '../../../../src/btree/catalog.ts'
import { AriesError } from '../../../../src/common/errors.ts'
import { asLsn } from '../../../../src/common/ids.ts'
import { recordsIn } from '../../../../src/inspect/live-log.ts'
import { shownRecord } from '../../../../src/inspect/record-text.ts'
import type { FileSystem } from '../../../../src/io/file-system.ts'
import type { Identity } from '../../../../src/log/identity.ts'
import type { LogManager } from '../../../../src/log/log-manager.ts'
import { LogReader } from '../../../../src/log/log-reader.ts'
import { type LogRecordView, RecordType } from '../../../../src/log/log-record.ts'
import { ResourceId } from '../../../../src/log/resource-manager.ts'
import { SEGMENT_HEADER_BYTES } from '../../../../src/log/segment.ts'
import { Segments } from '../../../../src/log/segments.ts'
import { decodeCheckpointPart } from '../../../../src/recovery/checkpoint-record.ts'
import { TXN_STATUS_NAMES } from '../../../../src/recovery/transaction-table.ts'
import { pageName, textOf } from './page-view.ts'
import type { LogRow } from './types.ts'
import type { Spoken } from './words.ts'

/** A row in both of its states, so that states of the session can share them. */
interface Entry {
  readonly lsn: number
  readonly flushed: LogRow
  readonly unflushed: LogRow
}

export class LogBook {
  readonly #names: Spoken
  /** What is older is of no interest. */
  readonly #firstLsn: number
  #entries: Entry[] = []
  /** Every record that begins below is among the entries. */
  #end = 0
  /** Which record a CLR compensates. */
  readonly #undoes = new Map<number, number>()

  constructor(names: Spoken, firstLsn: number) {
    this.#names = names
    this.#firstLsn = firstLsn
  }

  get end(): number {
    return this.#end
  }

  /** Takes the records that an open database has appended below `end`. */
  extend(log: LogManager, segmentBytes: number, end: number): void {
    if (end <= this.#end) return
    this.#add(recordsIn(log, segmentBytes, this.#end, end))
    this.#end = end
  }

  /** Begins again with what a disk has: up to the first record that is not whole. */
  readDisk(disk: FileSystem, identity: Identity): void {
    const segments = new Segments(disk, identity)
    const reader = new LogReader(segments, identity)
    this.#entries = []
    reader.seek(asLsn(segments.firstLsn + SEGMENT_HEADER_BYTES))
    try {
      for (let record = reader.next(); record !== undefined; record = reader.next()) this.#add([record.copy()])
    } catch (error) {
      // A segment that the crash has kept in part only: the log ends before it.
      if (!AriesError.is(error)) throw error
    }
    this.#end = reader.position
    segments.close()
    for (const clrLsn of this.#undoes.keys()) if (clrLsn >= this.#end) this.#undoes.delete(clrLsn)
  }

  /** Undo has told which record this CLR compensates. */
  compensated(clrLsn: number, lsn: number): void {
    this.#undoes.set(clrLsn, lsn)
    const index = this.#entries.findIndex((entry) => entry.lsn === clrLsn)
    const entry = this.#entries[index]
    if (entry !== undefined) {
      this.#entries[index] = bothStates({ ...entry.flushed, undoes: lsn, text: undoText(entry.flushed.text, lsn) })
    }
  }

  rows(flushedLsn: number): LogRow[] {
    return this.#entries.map(({ lsn, flushed, unflushed }) => (lsn < flushedLsn ? flushed : unflushed))
  }

  #add(records: readonly LogRecordView[]): void {
    for (const record of records) {
      if (record.type === RecordType.FLUSH_MARKER || record.lsn < this.#firstLsn) continue
      this.#entries.push(bothStates(this.#row(record)))
    }
  }

  #row(record: LogRecordView): LogRow {
    const { lsn, type, txn, prevLsn, page, undoNextLsn, redoOnly, description } = shownRecord(record)
    const undoes = this.#undoes.get(lsn)
    const text = namedText(record, this.#names) ?? description
    return {
      lsn,
      type,
      txnId: txn ?? undefined,
      txn: txn === null ? undefined : this.#names.transaction(txn),
      pageId: page ?? undefined,
      page: page === null ? undefined : pageName(page),
      prevLsn: prevLsn ?? undefined,
      undoNextLsn: undoNextLsn ?? undefined,
      undoes,
      isRedoOnly: redoOnly,
      text: undoes === undefined ? text : undoText(text, undoes),
      isFlushed: true,
    }
  }
}

const undoText = (text: string, undoes: number): string => `${text}, undoes ${undoes}`

const bothStates = (row: LogRow): Entry => ({
  lsn: row.lsn,
  flushed: { ...row, isFlushed: true },
  unflushed: { ...row, isFlushed: false },
})

/** A change of a key, of the children of an inner node, or the tables of a checkpoint, by the names that the user knows; undefined for others. */
function namedText(record: LogRecordView, names: Spoken): string | undefined {
  if (record.type === RecordType.END_CHECKPOINT) return checkpointText(record, names)
  const isChange = record.type === RecordType.UPDATE || record.type === RecordType.CLR
  if (!isChange || record.resource !== ResourceId.BTREE) return undefined
  switch (record.operation) {
    case TreeOperation.INSERT:
      return `insert ${keyText(record)} = ${valueText(record)} in ${placeOf(record, names)}`
    case TreeOperation.INSERT_RUN:
      return `insert ${keysOfRecord(record).map(textOf).join(', ')} in ${placeOf(record, names)}`
    case TreeOperation.REPLACE: {
      const { at, before, after } = replacementOf(record)
      const from = at === 0 ? '' : `, from byte ${at} on`
      return `change ${keyText(record)} in ${placeOf(record, names)}: "${textOf(before)}" -> "${textOf(after)}"${from}`
    }
    case TreeOperation.GHOST:
      return `delete ${keyText(record)} from ${placeOf(record, names)}`
    case TreeOperation.INSERT_CHILD:
      return `child ${childText(record)} from key ${keyText(record)} on`
    case TreeOperation.REMOVE_CHILD:
      return `without child ${childText(record)}`
    default:
      return undefined
  }
}

const placeOf = (record: LogRecordView, names: Spoken): string => names.table(treeOfRecord(record))
const keyText = (record: LogRecordView): string => textOf(keyOfRecord(record))

/** A checkpoint that takes several records has one of the tables in each, or a part of it. */
function checkpointText(record: LogRecordView, names: Spoken): string {
  const { transactions, dirtyPages, count } = decodeCheckpointPart(record)
  const rows = transactions.map(
    ({ id, status, lastLsn }) => `${names.transaction(id)} ${TXN_STATUS_NAMES[status]} ${lastLsn}`,
  )
  const pages = dirtyPages.map(([pageId, recLsn]) => `${names.page(pageId)} ${recLsn}`)
  const tables = [
    ...(rows.length > 0 || count === 1 ? [`ATT {${rows.join(', ')}}`] : []),
    ...(pages.length > 0 || count === 1 ? [`DPT {${pages.join(', ')}}`] : []),
  ]
  return tables.join(' ')
}

function childText(record: LogRecordView): string {
  const value = valueOfRecord(record)
  return pageName(new DataView(value.buffer, value.byteOffset, value.byteLength).getUint32(0, true))
}

function valueText(record: LogRecordView): string {
  const value = valueOfRecord(record)
  if (treeOfRecord(record) !== CATALOG_TREE) return textOf(value)
  return pageName(new DataView(value.buffer, value.byteOffset, value.byteLength).getUint32(1, true))
}
