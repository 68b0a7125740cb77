/**
 * Log segments: files of one fixed size that together are the one infinite log. Segment n holds the
 * bytes with LSN in [n * segmentBytes, (n + 1) * segmentBytes). Its first 64 bytes are a header:
 *
 * | OFFSET | SIZE | FIELD                                        |
 * |--------|------|----------------------------------------------|
 * | 0      | 8    | magic "ARIESLOG"                             |
 * | 8      | 4    | format version                               |
 * | 12     | 4    | segmentBytes                                 |
 * | 16     | 16   | database id                                  |
 * | 32     | 8    | segment number                               |
 * | 40     | 4    | page size                                    |
 * | 44     | 16   | zero                                         |
 * | 60     | 4    | CRC-32 of bytes [0, 60)                      |
 */
import { getU53, setU53 } from '../common/bytes.ts'
import { checksum } from '../common/checksum.ts'
import { AriesError } from '../common/errors.ts'
import { FORMAT_VERSION, type Identity } from './identity.ts'

export const SEGMENT_HEADER_BYTES = 64
const MAGIC = 'ARIESLOG'
const PREFIX = 'log-'

/** The file name of segment `number`. Numbers sort as names do. */
export const segmentName = (number: number): string => `${PREFIX}${String(number).padStart(12, '0')}`

/** The number in a segment's file name, or undefined for other files. */
export function segmentNumberOf(name: string): number | undefined {
  const digits = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : ''
  return /^\d{12}$/.test(digits) ? Number(digits) : undefined
}

export function encodeSegmentHeader(identity: Identity, number: number): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < MAGIC.length; i++) bytes[i] = MAGIC.charCodeAt(i)
  view.setUint32(8, FORMAT_VERSION, true)
  view.setUint32(12, identity.segmentBytes, true)
  bytes.set(identity.databaseId, 16)
  setU53(view, 32, number)
  view.setUint32(40, identity.pageSize, true)
  view.setUint32(60, checksum(bytes, 0, 60, 0), true)
  return bytes
}

/**
 * Checks a segment header against the database it should belong to.
 * @throws `LOG_CORRUPT`, `LOG_FOREIGN`, `FORMAT_UNSUPPORTED`
 */
export function checkSegmentHeader(bytes: Uint8Array, file: string, identity: Identity, number: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const lsn = number * identity.segmentBytes
  for (let i = 0; i < MAGIC.length; i++) {
    if (bytes[i] !== MAGIC.charCodeAt(i)) {
      throw new AriesError('LOG_CORRUPT', `${file} does not start as a log segment does`, { file, offset: 0, lsn })
    }
  }
  if (view.getUint32(60, true) !== checksum(bytes, 0, 60, 0)) {
    throw new AriesError('LOG_CORRUPT', `the header of ${file} fails its checksum`, { file, offset: 0, lsn })
  }
  if (view.getUint32(8, true) !== FORMAT_VERSION) {
    throw new AriesError(
      'FORMAT_UNSUPPORTED',
      `${file} has log format ${view.getUint32(8, true)}; this build reads ${FORMAT_VERSION}`,
      { file },
    )
  }
  for (let i = 0; i < 16; i++) {
    if (bytes[16 + i] !== identity.databaseId[i]) {
      throw new AriesError('LOG_FOREIGN', `${file} belongs to another database; put this database's own segment back`, {
        file,
      })
    }
  }
  if (getU53(view, 32) !== number || view.getUint32(12, true) !== identity.segmentBytes) {
    throw new AriesError('LOG_CORRUPT', `${file} holds segment ${getU53(view, 32)}, not ${number}`, { file, lsn })
  }
}
