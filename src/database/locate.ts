/**
 * Finding out which database is in a directory and where its last checkpoint is, without changing a
 * byte: from the master record's newer slot; where one of its slots is damaged, from the meta page of the data file.
 */
import { DATA_FILE_NAME } from '../buffer/data-file.ts'
import { META_BYTES, startsAsDataFile } from '../buffer/meta-page.ts'
import { AriesError } from '../common/errors.ts'
import { asLsn, type Lsn } from '../common/ids.ts'
import { cleaningUp, type FileSystem, readTwice } from '../io/file-system.ts'
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
  const seenLsn = checkData(fileSystem, identity, newest?.master)
  const segments = new Segments(fileSystem, identity)
  try {
    const reader = new LogReader(segments, identity)
    const checkpoint = checkpointOf(content, fileSystem, identity, reader, seenLsn)
    return { identity, segments, reader, ...checkpoint }
  } catch (error) {
    throw cleaningUp(error, () => segments.close())
  }
}

/**
 * The checkpoint to begin with: what the newest slot names. When a slot is damaged, that may have been the newest, and
 * what the other one needs may be recycled. Then it is the checkpoint at `seenLsn`, the last one that the data file has
 * seen: that is the newest slot's, or one that came too late for it. The log must hold it in any case, else the data
 * file is of another moment than the log (I39).
 */
function checkpointOf(
  content: MasterContent,
  fileSystem: FileSystem,
  identity: Identity,
  reader: LogReader,
  seenLsn: Lsn,
): Pick<Location, 'master' | 'provenEndLsn' | 'notices'> {
  const newest = content.records[0]?.master
  const sound = content.damagedSlots === 0 ? newest : undefined
  if (sound !== undefined) {
    const { checkpointLsn, endLsn } = sound
    if (!reader.isValidAt(checkpointLsn)) {
      throw checkpointMissing(fileSystem, checkpointLsn, identity, 'the master record names')
    }
    if (checkpointLsn === seenLsn) return { master: sound, provenEndLsn: endLsn, notices: [] }
  }
  const seenEndLsn = endOfCheckpoint(reader, seenLsn)
  if (seenEndLsn === undefined) throw checkpointMissing(fileSystem, seenLsn, identity, `${DATA_FILE_NAME} has seen`)
  const provenEndLsn = asLsn(Math.max(seenEndLsn, newest?.endLsn ?? 0))
  if (sound !== undefined) return { master: sound, provenEndLsn, notices: [] }
  const { sequence, pageCount } = newest ?? { sequence: 0, pageCount: 0 }
  const master = { sequence, checkpointLsn: seenLsn, endLsn: provenEndLsn, pageCount, isClean: false }
  const what = newest === undefined ? 'the master record' : 'one slot of the master record'
  return { master, provenEndLsn, notices: [`${what} is damaged; the data file says where the checkpoint is`] }
}

/** Right behind the checkpoint that begins at `beginLsn`, if the log holds all of it. @throws `LOG_CORRUPT`, `IO_ERROR` */
function endOfCheckpoint(reader: LogReader, beginLsn: Lsn): Lsn | undefined {
  if (!reader.isValidAt(beginLsn)) return undefined
  reader.seek(beginLsn)
  if (reader.next()?.type !== RecordType.BEGIN_CHECKPOINT) return undefined
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    if (record.type === RecordType.FLUSH_MARKER) continue
    if (record.type !== RecordType.END_CHECKPOINT) return undefined
    const part = decodeCheckpointPart(record)
    if (part.index === part.count - 1) return reader.position
  }
  return undefined
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

function checkpointMissing(fileSystem: FileSystem, lsn: Lsn, identity: Identity, who: string): AriesError {
  const number = Math.floor(lsn / identity.segmentBytes)
  const file = segmentName(number)
  if (fileSystem.list().includes(file)) {
    checkSegmentHeader(headOf(fileSystem, file, SEGMENT_HEADER_BYTES), file, identity, number)
  }
  return new AriesError(
    'LOG_CORRUPT',
    `${file} does not hold the checkpoint at LSN ${lsn} that ${who}: it is missing, cut short, damaged or of another backup; restore all files from one backup`,
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
    readTwice(file, bytes, 0, length, 0)
  } finally {
    file.close()
  }
  return bytes
}
