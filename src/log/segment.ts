/**
 * Log segments: files of one fixed size that together are the one infinite log. Segment n holds the
 * bytes with LSN in [n * segmentBytes, (n + 1) * segmentBytes). Of a closed log the last one is shorter, see
 * `segments.ts`. Its first 64 bytes are a header:
 *
 * | OFFSET | SIZE | FIELD                                                       |
 * |--------|------|-------------------------------------------------------------|
 * | 0      | 8    | magic "ARIESLOG"                                            |
 * | 8      | 4    | format version                                              |
 * | 12     | 4    | segmentBytes                                                |
 * | 16     | 16   | database id                                                 |
 * | 32     | 8    | segment number                                              |
 * | 40     | 4    | page size                                                   |
 * | 44     | 4    | closedBytes: where a clean close has cut the file off, or what lies behind is to be wiped; or 0 |
 * | 48     | 4    | CRC-32 of bytes [0, 48), or 0                               |
 * | 52     | 8    | zero                                                        |
 * | 60     | 4    | CRC-32 of bytes [0, 60), with zeros from 44 to 52           |
 *
 * The bytes from 44 to 52, the closing mark, are written over in place. Of a write that was cut off in the middle
 * the CRC does not hold, and then there is no mark: which is right, because the file is whole when a mark is written
 * and when one is taken away.
 */
import { compareBytes, getU53, setU53 } from '../common/bytes.ts'
import { checksum } from '../common/checksum.ts'
import { AriesError } from '../common/errors.ts'
import { FORMAT_VERSION, type Identity, makeIdentity } from './identity.ts'
import { RECORD_HEADER_BYTES } from './log-record.ts'

export const SEGMENT_HEADER_BYTES = 64
const MAGIC = 'ARIESLOG'
const CLOSED_BYTES = 44
const CLOSED_CRC = 48
const CLOSED_END = 52
const PREFIX = 'log-'
/** A segment under construction: renamed to its real name when it is whole. */
export const NEW_SEGMENT_NAME = 'log-new'

/** The file name of segment `number`. Numbers sort as names do. */
export const segmentName = (number: number): string => `${PREFIX}${String(number).padStart(12, '0')}`

/** The number in a segment's file name, or undefined for other files. */
export function segmentNumberOf(name: string): number | undefined {
  const digits = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : ''
  return /^\d{12}$/.test(digits) ? Number(digits) : undefined
}

/** The header of a segment that is whole, or of the last one of a closed log, which is cut off at `closedBytes`. */
export function encodeSegmentHeader(identity: Identity, number: number, closedBytes = 0): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < MAGIC.length; i++) bytes[i] = MAGIC.charCodeAt(i)
  view.setUint32(8, FORMAT_VERSION, true)
  view.setUint32(12, identity.segmentBytes, true)
  bytes.set(identity.databaseId, 16)
  setU53(view, 32, number)
  view.setUint32(40, identity.pageSize, true)
  view.setUint32(60, checksum(bytes, 0, 60, 0), true)
  if (closedBytes > 0) {
    view.setUint32(CLOSED_BYTES, closedBytes, true)
    view.setUint32(CLOSED_CRC, checksum(bytes, 0, CLOSED_CRC, 0), true)
  }
  return bytes
}

/** Where a clean close has cut the segment with this header off; 0 when the segment is whole. */
export function closedBytesOf(header: Uint8Array): number {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength)
  const isMarked = view.getUint32(CLOSED_CRC, true) === checksum(header, 0, CLOSED_CRC, 0)
  return isMarked ? view.getUint32(CLOSED_BYTES, true) : 0
}

/**
 * Where the record behind `end`, the end of another, starts: a rest too short for a record header
 * belongs to nobody, and a segment begins with its header.
 */
export function recordStartBehind(end: number, segmentBytes: number): number {
  const rest = segmentBytes - (end % segmentBytes)
  const lsn = rest < RECORD_HEADER_BYTES ? end + rest : end
  return lsn % segmentBytes === 0 ? lsn + SEGMENT_HEADER_BYTES : lsn
}

/**
 * The database that a segment header names.
 * @throws `LOG_CORRUPT`, `FORMAT_UNSUPPORTED`
 */
export function identityOfHeader(bytes: Uint8Array, file: string, lsn?: number): Identity {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const place = lsn === undefined ? { file, offset: 0 } : { file, offset: 0, lsn }
  for (let i = 0; i < MAGIC.length; i++) {
    if (bytes[i] !== MAGIC.charCodeAt(i)) {
      throw new AriesError(
        'LOG_CORRUPT',
        `${file} does not start as a log segment does; restore all files from one backup`,
        place,
      )
    }
  }
  const unmarked = bytes.slice(0, 60).fill(0, CLOSED_BYTES, CLOSED_END)
  if (view.getUint32(60, true) !== checksum(unmarked, 0, 60, 0)) {
    throw new AriesError(
      'LOG_CORRUPT',
      `the header of ${file} fails its checksum; restore all files from one backup`,
      place,
    )
  }
  const version = view.getUint32(8, true)
  if (version !== FORMAT_VERSION) {
    throw new AriesError(
      'FORMAT_UNSUPPORTED',
      `${file} has log format ${version}; this build reads ${FORMAT_VERSION}; use the version of aries-db that made it`,
      { file, version },
    )
  }
  return makeIdentity(bytes.slice(16, 32), view.getUint32(40, true), view.getUint32(12, true))
}

/**
 * Checks a segment header against the database it should belong to.
 * @throws `LOG_CORRUPT`, `LOG_FOREIGN`, `FORMAT_UNSUPPORTED`
 */
export function checkSegmentHeader(bytes: Uint8Array, file: string, identity: Identity, number: number): void {
  const lsn = number * identity.segmentBytes
  const found = identityOfHeader(bytes, file, lsn)
  if (compareBytes(found.databaseId, identity.databaseId) !== 0) {
    throw new AriesError('LOG_FOREIGN', `${file} belongs to another database; put this database's own segment back`, {
      file,
      lsn,
    })
  }
  const foundNumber = getU53(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 32)
  if (foundNumber !== number || found.segmentBytes !== identity.segmentBytes) {
    throw new AriesError('LOG_CORRUPT', `${file} holds segment ${foundNumber}, not ${number}`, { file, lsn })
  }
}
