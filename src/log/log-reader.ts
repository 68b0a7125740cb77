/**
 * Reading the log from its files: forward from an LSN until the first invalid record, or one record
 * at an LSN. Blocks of the file are kept, so that both a scan and a walk backward along prevLsn cost
 * one file read per block.
 *
 * A record is VALID when its length fits its segment, its type is known, and its CRC, which covers
 * database, LSN and length, holds. Nothing else is believed.
 */

import { checksum, placeSeed } from '../common/checksum.ts'
import { AriesError } from '../common/errors.ts'
import { asLsn, type Lsn } from '../common/ids.ts'
import { readFully, readTwice } from '../io/file-system.ts'
import type { Identity } from './identity.ts'
import {
  alignRecord,
  CRC,
  headerBytesOf,
  LENGTH,
  LogRecordView,
  RECORD_HEADER_BYTES,
  RECORD_TYPE_MAX,
  RecordType,
  TYPE,
} from './log-record.ts'
import { checkSegmentHeader, closedBytesOf, recordStartBehind, SEGMENT_HEADER_BYTES, segmentName } from './segment.ts'
import type { Segments } from './segments.ts'

const BLOCK_BYTES = 1 << 18
/** Most records are shorter, and from the system's cache so much costs hardly more than one byte. */
export const SINGLE_RECORD_BYTES = 2048
/** A flush marker: a record header and flushedLsn. */
export const MARKER_BYTES = RECORD_HEADER_BYTES + 8
/** How far before the record a block begins when reading backward. */
const BACKWARD_BYTES = BLOCK_BYTES - (1 << 16)

const EMPTY = new Uint8Array(0)
const EMPTY_VIEW = new DataView(EMPTY.buffer)

export class LogReader {
  readonly #segments: Segments
  readonly #identity: Identity
  readonly #blockBytes: number
  readonly #readBytes: number
  /** The block, once something is read: of those who can read the log few ever do. */
  #bytes = EMPTY
  #view = EMPTY_VIEW
  readonly #record = new LogRecordView()
  #blockLsn = 0
  #blockEnd = 0
  #nextLsn = 0
  /** Of each segment that was found sound where a clean close says that the log ends in it, or 0. */
  readonly #closedLsns = new Map<number, number>()

  /** Reads `readBytes` of a file at once, or as much as a longer record takes. */
  constructor(segments: Segments, identity: Identity, readBytes = BLOCK_BYTES) {
    this.#segments = segments
    this.#identity = identity
    this.#blockBytes = Math.min(BLOCK_BYTES, identity.segmentBytes)
    this.#readBytes = Math.min(readBytes, this.#blockBytes)
  }

  /** Right behind what `next` has read. */
  get position(): Lsn {
    return asLsn(this.#nextLsn)
  }

  get segmentBytes(): number {
    return this.#identity.segmentBytes
  }

  seek(lsn: Lsn): void {
    this.#nextLsn = lsn
  }

  /** Forgets what was read, for when the files below have changed. */
  reset(): void {
    this.#blockEnd = this.#blockLsn
  }

  /**
   * The valid record at `position`, and moves on behind it; undefined at the first invalid one, and then
   * `position` is right behind the last valid one. Paddings are passed over. The view holds until the
   * next call.
   * @throws `LOG_CORRUPT` for a segment that is missing, cut short or has a damaged header; `LOG_FOREIGN`,
   *   `FORMAT_UNSUPPORTED` for one of another database or format
   */
  next(): LogRecordView | undefined {
    for (;;) {
      const record = this.#validAt(this.#recordStart(this.#nextLsn), false)
      if (record === undefined) return undefined
      this.#nextLsn = record.lsn + alignRecord(record.length)
      if (record.type !== RecordType.PADDING) return record
    }
  }

  /** The record at `lsn`, copied, for a walk backward. @throws `LOG_CORRUPT` when there is none. */
  readAt(lsn: Lsn): LogRecordView {
    return this.#recordAt(lsn, true).copy()
  }

  /** The record at `lsn`, for visits that skip much. It holds until the next call. @throws `LOG_CORRUPT` when there is none. */
  recordAt(lsn: Lsn): LogRecordView {
    return this.#recordAt(lsn, false)
  }

  #recordAt(lsn: Lsn, backward: boolean): LogRecordView {
    const record = this.#segments.has(this.#segments.numberOf(lsn)) ? this.#validAt(lsn, backward) : undefined
    if (record === undefined) {
      const file = segmentName(this.#segments.numberOf(lsn))
      throw new AriesError('LOG_CORRUPT', `${file} has no valid record at LSN ${lsn}, which recovery needs`, {
        file,
        lsn,
      })
    }
    return record
  }

  /** Whether a valid record starts at `lsn`. Does not move. */
  isValidAt(lsn: number): boolean {
    return this.#segments.has(this.#segments.numberOf(lsn)) && this.#validAt(lsn, false) !== undefined
  }

  /**
   * Looks for a proof that more than `endLsn`, where a record is invalid, had been durable: then that is damage
   * and not a torn tail. The header of a segment that a clean close has cut off is one, and behind `endLsn` a
   * flush marker that says so. A valid record of another kind proves nothing: of one unsynced batch a later
   * sector may have persisted without an earlier one.
   */
  findProofBehind(endLsn: Lsn): { durableLsn: Lsn } | undefined {
    const start = recordStartBehind(endLsn, this.#identity.segmentBytes)
    const closedLsn = this.#closedLsns.get(this.#segments.numberOf(start)) ?? 0
    if (closedLsn > start) return { durableLsn: asLsn(closedLsn) }
    return this.#findMarkerBehind(endLsn)
  }

  #findMarkerBehind(endLsn: Lsn): { durableLsn: Lsn } | undefined {
    for (let lsn = endLsn + 8; lsn < this.#segments.allocatedLsn; ) {
      if (lsn % this.#identity.segmentBytes === 0) lsn += SEGMENT_HEADER_BYTES
      const at = this.#load(lsn, MARKER_BYTES, false)
      if (at < 0) {
        lsn = (this.#segments.numberOf(lsn) + 1) * this.#identity.segmentBytes
        continue
      }
      const found = this.#likelyMarkerFrom(at)
      lsn = this.#blockLsn + found
      if (found + MARKER_BYTES > this.#blockEnd - this.#blockLsn) continue
      const durableLsn = this.#markerAt(lsn)
      if (durableLsn !== undefined && durableLsn > endLsn) return { durableLsn }
      lsn += 8
    }
    return undefined
  }

  /** The first place in the block, from `at` on, with the length and type of a flush marker; else where none fits. */
  #likelyMarkerFrom(at: number): number {
    const end = this.#blockEnd - this.#blockLsn - MARKER_BYTES
    for (let i = at; i <= end; i += 8) {
      if (this.#view.getUint32(i + LENGTH, true) !== MARKER_BYTES) continue
      if (this.#bytes[i + TYPE] === RecordType.FLUSH_MARKER) return i
    }
    return at > end ? at : end + 8 - ((end - at) & 7)
  }

  #markerAt(lsn: number): Lsn | undefined {
    const record = this.#validAt(lsn, false)
    return record === undefined ? undefined : flushedLsnOf(record)
  }

  #recordStart(end: number): number {
    const { segmentBytes } = this.#identity
    const lsn = recordStartBehind(end, segmentBytes)
    this.#checkSegment(Math.floor(lsn / segmentBytes))
    return lsn
  }

  /**
   * The log comes near the end of a segment only when the next one is whole and durable, header and
   * name included, so a segment that it reaches and that is not is damage and never a torn tail. Only
   * the one whose header says that a clean close has cut it off may be shorter, but not than that (I38).
   */
  #checkSegment(number: number): void {
    if (this.#closedLsns.has(number)) return
    const { segmentBytes } = this.#identity
    const file = segmentName(number)
    const fault = (what: string, size: number): AriesError =>
      new AriesError('LOG_CORRUPT', `${file} ${what}; nothing was changed; restore all files from one backup`, {
        file,
        lsn: number * segmentBytes + size,
        offset: size,
      })
    if (!this.#segments.has(number)) throw fault('is missing, although the log goes on there', 0)
    const size = this.#segments.file(number).size()
    const checkSize = (bytes: number): void => {
      if (size < bytes) throw fault(`has ${size} of ${bytes} bytes: it was cut short`, size)
    }
    checkSize(SEGMENT_HEADER_BYTES)
    const header = new Uint8Array(SEGMENT_HEADER_BYTES)
    readTwice(this.#segments.file(number), header, 0, SEGMENT_HEADER_BYTES, 0)
    checkSegmentHeader(header, file, this.#identity, number)
    const closedBytes = closedBytesOf(header)
    checkSize(closedBytes === 0 ? segmentBytes : closedBytes)
    this.#closedLsns.set(number, closedBytes === 0 ? 0 : number * segmentBytes + closedBytes)
  }

  /** One that is not valid is read from its file once more (I40). */
  #validAt(lsn: number, backward: boolean): LogRecordView | undefined {
    const record = this.#validAtOnce(lsn, backward)
    if (record !== undefined) return record
    this.reset()
    return this.#validAtOnce(lsn, backward)
  }

  #validAtOnce(lsn: number, backward: boolean): LogRecordView | undefined {
    const segmentEnd = (this.#segments.numberOf(lsn) + 1) * this.#identity.segmentBytes
    if (lsn + RECORD_HEADER_BYTES > segmentEnd) return undefined
    let at = this.#load(lsn, RECORD_HEADER_BYTES, backward)
    if (at < 0) return undefined
    const length = this.#view.getUint32(at + LENGTH, true)
    const type = this.#view.getUint8(at + TYPE)
    if (type === 0 || type > RECORD_TYPE_MAX) return undefined
    if (length < headerBytesOf(type) || length > this.#blockBytes || lsn + length > segmentEnd) return undefined
    at = this.#load(lsn, length, backward)
    if (at < 0) return undefined
    const seed = placeSeed(this.#identity.databaseSeed, lsn, length)
    if (checksum(this.#bytes, at + TYPE, at + length, seed) !== this.#view.getUint32(at + CRC, true)) return undefined
    return this.#record.set(this.#bytes, this.#view, at, asLsn(lsn))
  }

  /** Has [lsn, lsn + length) in the block and returns its offset there, or -1 past the end. */
  #load(lsn: number, length: number, backward: boolean): number {
    if (lsn < this.#blockLsn || lsn + length > this.#blockEnd) {
      const number = this.#segments.numberOf(lsn)
      if (!this.#segments.has(number)) return -1
      const segmentLsn = number * this.#identity.segmentBytes
      const start = backward ? Math.max(segmentLsn, lsn - BACKWARD_BYTES) : lsn
      if (this.#bytes.length === 0) {
        this.#bytes = new Uint8Array(this.#blockBytes)
        this.#view = new DataView(this.#bytes.buffer)
      }
      const enough = backward ? this.#blockBytes : Math.max(this.#readBytes, length)
      const wanted = Math.min(enough, segmentLsn + this.#identity.segmentBytes - start)
      const count = readFully(this.#segments.file(number), this.#bytes, 0, wanted, start - segmentLsn)
      this.#blockLsn = start
      this.#blockEnd = start + count
      if (lsn + length > this.#blockEnd) return -1
    }
    return lsn - this.#blockLsn
  }
}

/** The flushedLsn that a FLUSH_MARKER carries: everything below it was durable when it was written. */
export function flushedLsnOf(marker: LogRecordView): Lsn {
  return asLsn(
    marker.view.getUint32(marker.payloadStart + 4, true) * 0x1_0000_0000 +
      marker.view.getUint32(marker.payloadStart, true),
  )
}
