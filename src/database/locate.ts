/**
 * Finding out which database is in a directory and where its last checkpoint is, without changing a
 * byte: from the master record's newer slot, else from the other one, else from the log itself.
 */
import { DATA_FILE_NAME } from '../buffer/data-file.ts'
import { AriesError } from '../common/errors.ts'
import { asLsn, type Lsn } from '../common/ids.ts'
import { type FileSystem, readFully } from '../io/file-system.ts'
import { type Identity, makeIdentity } from '../log/identity.ts'
import { LogReader } from '../log/log-reader.ts'
import { RecordType } from '../log/log-record.ts'
import { MASTER_FILE_NAME, type MasterRecord, readMaster } from '../log/master-record.ts'
import { SEGMENT_HEADER_BYTES, segmentName, segmentNumberOf } from '../log/segment.ts'
import { Segments } from '../log/segments.ts'
import { decodeCheckpointPart } from '../recovery/checkpoint-record.ts'
import { checkMetaPage, META_ID, openFile } from './files.ts'

export interface Location {
  readonly identity: Identity
  readonly master: MasterRecord
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
  const identity = newest?.identity ?? identityFromFiles(fileSystem)
  checkData(fileSystem, identity)
  const segments = new Segments(fileSystem, identity)
  const reader = new LogReader(segments, identity)
  const usable = content.records.find(({ master }) => reader.isValidAt(master.checkpointLsn))
  const isWhole = content.damagedSlots === 0 && content.records.length > 0
  if (usable !== undefined && (usable === newest || !isWhole)) {
    const notices = isWhole ? [] : ['one slot of the master record is damaged; the other one was used']
    return { identity, master: usable.master, segments, reader, notices }
  }
  if (isWhole && newest !== undefined) throw checkpointMissing(newest.master.checkpointLsn, identity)
  const master = searchLog(reader, segments, Math.max(0, ...content.records.map((record) => record.master.sequence)))
  return { identity, master, segments, reader, notices: ['the master record is damaged; its checkpoint was found in the log'] }
}

function masterContent(fileSystem: FileSystem): ReturnType<typeof readMaster> {
  if (!fileSystem.list().includes(MASTER_FILE_NAME)) return { records: [], damagedSlots: 2 }
  const file = openFile(fileSystem, MASTER_FILE_NAME, 'read')
  try {
    return readMaster(file)
  } finally {
    file.close()
  }
}

function checkpointMissing(lsn: Lsn, identity: Identity): AriesError {
  const file = segmentName(Math.floor(lsn / identity.segmentBytes))
  return new AriesError(
    'LOG_CORRUPT',
    `${file} does not hold the checkpoint at LSN ${lsn} that the master record names: the file is missing, cut short or damaged; restore the log files from a backup`,
    { file, lsn, offset: lsn % identity.segmentBytes },
  )
}

function checkData(fileSystem: FileSystem, identity: Identity): void {
  if (!fileSystem.list().includes(DATA_FILE_NAME)) {
    throw new AriesError('PAGE_CORRUPT', `the file ${DATA_FILE_NAME} is missing; restore it from a backup`, {
      file: DATA_FILE_NAME,
    })
  }
  const file = openFile(fileSystem, DATA_FILE_NAME, 'read')
  try {
    checkMetaPage(file, identity)
  } finally {
    file.close()
  }
}

/** With no master record left: the id from the meta page, the segment size from a segment's header. */
function identityFromFiles(fileSystem: FileSystem): Identity {
  const segment = fileSystem.list().find((name) => segmentNumberOf(name) !== undefined)
  if (segment === undefined || !fileSystem.list().includes(DATA_FILE_NAME)) {
    throw new AriesError(
      'MASTER_CORRUPT',
      'both slots of the master record are damaged, and the log or data file is missing; restore the files from a backup',
      { file: MASTER_FILE_NAME },
    )
  }
  const header = headOf(fileSystem, segment, SEGMENT_HEADER_BYTES)
  const meta = headOf(fileSystem, DATA_FILE_NAME, META_ID + 16)
  const view = new DataView(header.buffer)
  return makeIdentity(meta.slice(META_ID, META_ID + 16), view.getUint32(40, true), view.getUint32(12, true))
}

function headOf(fileSystem: FileSystem, name: string, length: number): Uint8Array {
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
 * Finds the last complete checkpoint by reading the whole log. Records never cross a segment, so the
 * first one lies right behind the header of the oldest segment.
 * @throws `MASTER_CORRUPT` when there is none
 */
function searchLog(reader: LogReader, segments: Segments, sequence: number): MasterRecord {
  let beginLsn = asLsn(0)
  let found: Lsn | undefined
  reader.seek(asLsn(segments.firstLsn))
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    if (record.type === RecordType.BEGIN_CHECKPOINT) beginLsn = record.lsn
    if (record.type !== RecordType.END_CHECKPOINT || beginLsn === 0) continue
    const part = decodeCheckpointPart(record)
    if (part.index === part.count - 1) found = beginLsn
  }
  if (found === undefined) {
    throw new AriesError(
      'MASTER_CORRUPT',
      'both slots of the master record are damaged and the log holds no complete checkpoint; restore the files from a backup',
      { file: MASTER_FILE_NAME },
    )
  }
  return { sequence, checkpointLsn: found, endLsn: asLsn(found + 1), pageCount: 0, isClean: false }
}
