/**
 * Reading the log from outside, and what must hold of any log (I5, I6, I9): found by following each
 * transaction through its records, not by asking the engine.
 */
import { compareBytes } from '../src/common/bytes.ts'
import { asLsn, type Lsn, type PageId } from '../src/common/ids.ts'
import { type FileSystem, readFully } from '../src/io/file-system.ts'
import type { Identity } from '../src/log/identity.ts'
import { LogReader } from '../src/log/log-reader.ts'
import { type LogRecordView, RECORD_TYPE_NAMES, RecordType } from '../src/log/log-record.ts'
import { MASTER_FILE_NAME, readMaster } from '../src/log/master-record.ts'
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES } from '../src/log/segment.ts'
import { Segments } from '../src/log/segments.ts'

/** A reader of the log in this directory, at its oldest record; undefined before there is a master record. */
export function readerOf(fileSystem: FileSystem): { reader: LogReader; firstLsn: Lsn } | undefined {
  if (!fileSystem.list().includes(MASTER_FILE_NAME)) return undefined
  const file = fileSystem.open(MASTER_FILE_NAME, 'read')
  const newest = readMaster(file).records[0]
  file.close()
  if (newest === undefined) return undefined
  const segments = new Segments(fileSystem, newest.identity)
  const reader = new LogReader(segments, newest.identity)
  const firstLsn = firstReadable(segments, newest.identity, newest.master.checkpointLsn)
  reader.seek(firstLsn)
  return { reader, firstLsn }
}

/**
 * Where the segments begin that follow each other up to the checkpoint. Older ones may have been caught
 * half recycled: they have their old name and the header of their new one.
 */
function firstReadable(segments: Segments, identity: Identity, checkpointLsn: Lsn): Lsn {
  let first = segments.numberOf(checkpointLsn)
  while (first > 0 && isSegment(segments, identity, first - 1)) first--
  return asLsn(first * segments.segmentBytes)
}

function isSegment(segments: Segments, identity: Identity, number: number): boolean {
  if (!segments.has(number)) return false
  const header = new Uint8Array(SEGMENT_HEADER_BYTES)
  readFully(segments.file(number), header, 0, SEGMENT_HEADER_BYTES, 0)
  return compareBytes(header, encodeSegmentHeader(identity, number)) === 0
}

/** Shows `visit` all records of the log, oldest first; each holds until the next. */
export function eachRecord(fileSystem: FileSystem, visit: (record: LogRecordView) => void): void {
  const reader = readerOf(fileSystem)?.reader
  for (let record = reader?.next(); record !== undefined; record = reader?.next()) visit(record)
}

/** All records of the log, oldest first. */
export function readLog(fileSystem: FileSystem): LogRecordView[] {
  const records: LogRecordView[] = []
  eachRecord(fileSystem, (record) => records.push(record.copy()))
  return records
}

interface Followed {
  lastLsn: number
  lsns: Set<number>
  /** Its beginning is in the log. */
  whole: boolean
  state: 'running' | 'prepared' | 'committed' | 'aborting' | 'ended'
}

/** What one reading of the log shows. */
export interface LogScan {
  /** What is wrong with its records. */
  readonly problems: readonly string[]
  /** The LSNs of the records that change each page. */
  readonly changes: ReadonlyMap<PageId, readonly number[]>
}

export function scanLog(fileSystem: FileSystem): LogScan {
  const problems: string[] = []
  const changes = new Map<PageId, number[]>()
  const followed = new Map<number, Followed>()
  let lastLsn = 0
  let record: LogRecordView | undefined
  const say = (what: string): void => {
    if (record === undefined) return
    problems.push(`record ${record.lsn} (${RECORD_TYPE_NAMES[record.type]} of transaction ${record.txnId}): ${what}`)
  }
  eachRecord(fileSystem, (next) => {
    record = next
    const { lsn, pageId } = next
    if (lsn <= lastLsn) say('LSNs do not rise (I5)')
    lastLsn = lsn
    if (next.txnId !== 0) follow(next, followed, say)
    if (next.resource === 0) return
    const lsns = changes.get(pageId)
    if (lsns === undefined) changes.set(pageId, [lsn])
    else lsns.push(lsn)
  })
  return { problems, changes }
}

function follow(record: LogRecordView, all: Map<number, Followed>, say: (what: string) => void): void {
  let txn = all.get(record.txnId)
  if (txn === undefined) {
    txn = { lastLsn: record.prevLsn, lsns: new Set(), whole: record.prevLsn === 0, state: 'running' }
    all.set(record.txnId, txn)
  }
  if (record.prevLsn !== txn.lastLsn) say(`prevLSN is ${record.prevLsn}, the record before it is ${txn.lastLsn} (I5)`)
  checkOrder(record, txn, say)
  if (record.type === RecordType.CLR) {
    const { undoNextLsn } = record
    if (undoNextLsn >= record.lsn) say(`undoNextLSN ${undoNextLsn} does not go back (I6)`)
    if (txn.whole && undoNextLsn !== 0 && !txn.lsns.has(undoNextLsn))
      say(`undoNextLSN ${undoNextLsn} is no record of it (I6)`)
  }
  txn.lastLsn = record.lsn
  txn.lsns.add(record.lsn)
}

/** The life of a transaction: nothing after END, no change after COMMIT, no COMMIT after ABORT (I9). */
function checkOrder(record: LogRecordView, txn: Followed, say: (what: string) => void): void {
  const { type } = record
  if (txn.state === 'ended') say('after END (I9)')
  if (txn.state === 'committed' && type !== RecordType.PENDING_DONE && type !== RecordType.END) say('after COMMIT (I9)')
  if (txn.state === 'aborting' && type === RecordType.COMMIT) say('after ABORT (I9)')
  if (txn.state === 'prepared' && type !== RecordType.COMMIT && type !== RecordType.ABORT) say('after PREPARE (I9)')
  if (type === RecordType.PREPARE) txn.state = 'prepared'
  if (type === RecordType.COMMIT) txn.state = 'committed'
  if (type === RecordType.ABORT) txn.state = 'aborting'
  if (type === RecordType.END) txn.state = 'ended'
}
