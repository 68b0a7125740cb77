/**
 * Finding out which database is in a directory and where its last checkpoint is, without changing a
 * byte: from the master record's newer slot, else from the other one, else from the log itself.
 */
import { DATA_FILE_NAME } from '../buffer/data-file.ts'
import { META_BYTES, startsAsDataFile } from '../buffer/meta-page.ts'
import { AriesError } from '../common/errors.ts'
import { asLsn, type Lsn } from '../common/ids.ts'
import { cleaningUp, type FileSystem, readFully } from '../io/file-system.ts'
import type { Identity } from '../log/identity.ts'
import { LogReader } from '../log/log-reader.ts'
import { RecordType } from '../log/log-record.ts'
import { MASTER_FILE_NAME, type MasterContent, type MasterRecord, readMaster } from '../log/master-record.ts'
import {
  checkSegmentHeader,
  identityOfHeader,
  SEGMENT_HEADER_BYTES,
  segmentName,
  segmentNumberOf,
} from '../log/segment.ts'
import { Segments } from '../log/segments.ts'
import { decodeCheckpointPart } from '../recovery/checkpoint-record.ts'
import { checkDataFile, notOurs, openFile } from './files.ts'

export interface Location {
  readonly identity: Identity
  readonly master: MasterRecord
  /** The log was durable up to here once: master record and data file prove it. */
  readonly provenEndLsn: Lsn
  readonly segments: Segments
  readonly reader: LogReader
  readonly notices: readonly string[]
}

/**
 * Reads master record, meta page and segment headers.
 * @throws `FORMAT_UNSUPPORTED`, `MASTER_CORRUPT`, `LOG_CORRUPT`, `LOG_FOREIGN`, `PAGE_CORRUPT`, `IO_ERROR`
 */
export function locate(fileSystem: FileSystem): Location {
  const content = masterContent(fileSystem)
  const newest = content.records[0]
  const identity = newest?.identity ?? identityFromLog(fileSystem, content)
  const dataCheckpointLsn = checkData(fileSystem, identity, newest?.master)
  const segments = new Segments(fileSystem, identity)
  try {
    const reader = new LogReader(segments, identity)
    const { master, notices } = checkpointOf(content, fileSystem, identity, reader, segments)
    const provenEndLsn = asLsn(Math.max(master.endLsn, dataCheckpointLsn + 1))
    return { identity, master, provenEndLsn, segments, reader, notices }
  } catch (error) {
    throw cleaningUp(error, () => segments.close())
  }
}

/**
 * The checkpoint to begin with: what the newest slot names. When a slot is damaged, that may have been
 * the newest, and what the other one needs may be recycled; then it is the last one in the log.
 */
function checkpointOf(
  content: MasterContent,
  fileSystem: FileSystem,
  identity: Identity,
  reader: LogReader,
  segments: Segments,
): Pick<Location, 'master' | 'notices'> {
  const newest = content.records[0]?.master
  const isThere = newest !== undefined && reader.isValidAt(newest.checkpointLsn)
  if (newest !== undefined && content.damagedSlots === 0) {
    if (isThere) return { master: newest, notices: [] }
    throw checkpointMissing(fileSystem, newest.checkpointLsn, identity)
  }
  const master = searchLog(reader, isThere ? newest.checkpointLsn : asLsn(segments.firstLsn), newest)
  const notice = isThere
    ? 'one slot of the master record is damaged; the other one was used'
    : 'the master record is damaged; its checkpoint was found in the log'
  return { master, notices: [notice] }
}

/** What the master record holds, or that there is none. @throws `IO_ERROR` */
export function masterContent(fileSystem: FileSystem): MasterContent {
  if (!fileSystem.list().includes(MASTER_FILE_NAME)) return { records: [], damagedSlots: 2, isOurs: false }
  const file = openFile(fileSystem, MASTER_FILE_NAME, 'read')
  try {
    return readMaster(file)
  } finally {
    file.close()
  }
}

function checkpointMissing(fileSystem: FileSystem, lsn: Lsn, identity: Identity): AriesError {
  const number = Math.floor(lsn / identity.segmentBytes)
  const file = segmentName(number)
  if (fileSystem.list().includes(file)) {
    checkSegmentHeader(headOf(fileSystem, file, SEGMENT_HEADER_BYTES), file, identity, number)
  }
  return new AriesError(
    'LOG_CORRUPT',
    `${file} does not hold the checkpoint at LSN ${lsn} that the master record names: the file is missing, cut short or damaged; restore all files from one backup`,
    { file, lsn, offset: lsn % identity.segmentBytes },
  )
}

function checkData(fileSystem: FileSystem, identity: Identity, newest: MasterRecord | undefined): Lsn {
  if (!fileSystem.list().includes(DATA_FILE_NAME)) {
    throw new AriesError('PAGE_CORRUPT', `the file ${DATA_FILE_NAME} is missing; restore all files from one backup`, {
      file: DATA_FILE_NAME,
    })
  }
  const file = openFile(fileSystem, DATA_FILE_NAME, 'read')
  try {
    return checkDataFile(file, identity, newest)
  } finally {
    file.close()
  }
}

/**
 * The identity that the first of these segments with a sound header carries; undefined when none has one.
 * @throws `FORMAT_UNSUPPORTED`, `IO_ERROR`
 */
export function identityOfSegments(fileSystem: FileSystem, segmentNames: readonly string[]): Identity | undefined {
  for (const name of segmentNames) {
    try {
      return identityOfHeader(headOf(fileSystem, name, SEGMENT_HEADER_BYTES), name)
    } catch (error) {
      if (!AriesError.is(error) || error.code !== 'LOG_CORRUPT') throw error
    }
  }
  return undefined
}

/** With no master record left. */
function identityFromLog(fileSystem: FileSystem, content: MasterContent): Identity {
  const names = fileSystem.list()
  const segmentNames = names.filter((name) => segmentNumberOf(name) !== undefined)
  const identity = identityOfSegments(fileSystem, segmentNames)
  if (identity !== undefined) return identity
  const isData = names.includes(DATA_FILE_NAME)
  if (!content.isOurs && !(isData && startsAsDataFile(headOf(fileSystem, DATA_FILE_NAME, META_BYTES)))) {
    const stranger = isData ? DATA_FILE_NAME : names.includes(MASTER_FILE_NAME) ? MASTER_FILE_NAME : segmentNames[0]
    throw notOurs(fileSystem, stranger ?? MASTER_FILE_NAME)
  }
  throw new AriesError(
    'MASTER_CORRUPT',
    'both slots of the master record are damaged, and no log segment is sound; restore all files from one backup',
    { file: MASTER_FILE_NAME },
  )
}

/** The first bytes of a file, zeros behind its end. @throws `IO_ERROR` */
export function headOf(fileSystem: FileSystem, name: string, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  const file = openFile(fileSystem, name, 'read')
  try {
    readFully(file, bytes, 0, length, 0)
  } finally {
    file.close()
  }
  return bytes
}

/**
 * Finds the last complete checkpoint by reading the log from `startLsn`. Records never cross a segment,
 * so the first one of the log lies right behind the header of the oldest segment.
 * @throws `MASTER_CORRUPT` when there is none
 */
function searchLog(reader: LogReader, startLsn: Lsn, known: MasterRecord | undefined): MasterRecord {
  let beginLsn = asLsn(0)
  let found: Lsn | undefined
  reader.seek(startLsn)
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    if (record.type === RecordType.BEGIN_CHECKPOINT) beginLsn = record.lsn
    if (record.type !== RecordType.END_CHECKPOINT || beginLsn === 0) continue
    const part = decodeCheckpointPart(record)
    if (part.index === part.count - 1) found = beginLsn
  }
  if (found === undefined) {
    throw new AriesError(
      'MASTER_CORRUPT',
      'the master record is damaged and the log holds no complete checkpoint; restore all files from one backup',
      { file: MASTER_FILE_NAME },
    )
  }
  const endLsn = asLsn(Math.max(found + 1, known?.endLsn ?? 0))
  return {
    sequence: known?.sequence ?? 0,
    checkpointLsn: found,
    endLsn,
    pageCount: known?.pageCount ?? 0,
    isClean: false,
  }
}
