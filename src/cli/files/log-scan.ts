/**
 * Walks over the log as it lies in its files: forward up to its end, and with `salvage` past what is damaged
 * to the next valid record; or backward along a chain.
 *
 * ```
 *   | record | record | ## gap: no valid record ## | record | record |  end
 * ```
 *
 * Behind a gap every multiple of 8 is tried. A record is believed when its checksum holds, which covers the
 * database and the LSN, so what a recycled segment held before is never taken for a record.
 */

import { asLsn, type Lsn, NULL_LSN } from '../../common/ids.ts'
import { AriesError } from '../../index.ts'
import { alignRecord, type LogRecordView, RECORD_ALIGNMENT, RecordType } from '../../log/log-record.ts'
import { recordStartBehind, SEGMENT_HEADER_BYTES, segmentName } from '../../log/segment.ts'
import { nextTurn } from '../turns.ts'
import type { RawDatabase } from './raw-database.ts'

/** A stretch of log without a valid record, between two that are valid. */
export interface LogGap {
  readonly fromLsn: number
  readonly toLsn: number
  readonly reason: string
}

/** Where a walk came to its end. */
export interface LogEnd {
  readonly lsn: number
  /** Why it is damage and not just where the log ends; undefined when it is that. */
  readonly damage: string | undefined
}

export interface LogVisitor {
  /** The view holds during the call. Returns false to stop. */
  record(record: LogRecordView): boolean
  gap(gap: LogGap): void
}

/** How many records or tries are made before others get a turn, so that Ctrl-C is heard. */
const RECORDS_A_TURN = 20_000

/**
 * Visits the records from `fromLsn` on, or from the next one behind it.
 * @throws `IO_ERROR`
 */
export async function walkLog(
  raw: RawDatabase,
  fromLsn: number,
  salvage: boolean,
  visitor: LogVisitor,
): Promise<LogEnd> {
  const { segments } = raw
  // Records do not cross segments, so the first one of a segment is where reading can begin.
  let lsn = Math.max(firstNeededOf(raw), segments.numberOf(fromLsn) * segments.segmentBytes)
  let turn = 0
  let segment = -1
  for (;;) {
    const start = recordStartBehind(lsn, segments.segmentBytes)
    if (++turn % RECORDS_A_TURN === 0) await nextTurn()
    if (segments.numberOf(start) !== segment) {
      segment = segments.numberOf(start)
      const fault = segmentFault(raw, segment)
      if (fault !== undefined && !salvage) return { lsn: start, damage: fault }
      if (fault !== undefined) visitor.gap({ fromLsn: segment * segments.segmentBytes, toLsn: start, reason: fault })
    }
    const record = recordAt(raw, start)
    if (record !== undefined) {
      lsn = start + alignRecord(record.length)
      if (record.type === RecordType.PADDING || start < fromLsn) continue
      if (!visitor.record(record)) return { lsn, damage: undefined }
      continue
    }
    const end = endAt(raw, start)
    if (!salvage) return end
    const next = await nextValid(raw, start)
    if (next === undefined) return end
    visitor.gap({ fromLsn: start, toLsn: next, reason: 'no valid record' })
    lsn = next
  }
}

/** Where the log begins, or should: with the segment of the last checkpoint at the latest, be it there or not. */
function firstNeededOf({ segments, master }: RawDatabase): number {
  const checkpointLsn = master.records[0]?.master.checkpointLsn ?? segments.firstLsn
  return Math.min(segments.firstLsn, segments.numberOf(checkpointLsn) * segments.segmentBytes)
}

/** The records from `lsn` backward, along what `next` names, until it names none. @throws `LOG_CORRUPT`, `IO_ERROR` */
export function* chainFrom(
  raw: RawDatabase,
  lsn: number,
  next: (record: LogRecordView) => Lsn,
): Generator<LogRecordView> {
  for (let at = asLsn(lsn); at !== NULL_LSN; ) {
    const record = raw.reader.readAt(at)
    yield record
    at = next(record)
  }
}

/** What undo looks at after `record`: it jumps over what a CLR says is undone already. */
export const undoNextOf = (record: LogRecordView): Lsn =>
  record.type === RecordType.CLR ? record.undoNextLsn : record.prevLsn

/** The valid record at `lsn`, or undefined, whatever state its segment is in. */
function recordAt(raw: RawDatabase, lsn: number): LogRecordView | undefined {
  return raw.reader.isValidAt(lsn) ? raw.reader.readAt(asLsn(lsn)) : undefined
}

/** Whether the log ends here, or is damaged here: as restart decides it. */
function endAt({ segments, reader, master }: RawDatabase, lsn: number): LogEnd {
  const durableLsn = Math.max(0, ...master.records.map((record) => record.master.endLsn))
  const proof = lsn < durableLsn ? durableLsn : reader.findProofBehind(asLsn(lsn))?.durableLsn
  if (proof === undefined) return { lsn, damage: undefined }
  const file = segmentName(segments.numberOf(lsn))
  return { lsn, damage: `${file} has no valid record at LSN ${lsn}, although the log was durable up to LSN ${proof}` }
}

/** What is wrong with a segment as a file: it is missing, cut short, or its header is not right. */
function segmentFault({ reader, segments }: RawDatabase, number: number): string | undefined {
  try {
    reader.seek(asLsn(number * segments.segmentBytes + SEGMENT_HEADER_BYTES))
    reader.next()
    return undefined
  } catch (error) {
    if (!AriesError.is(error)) throw error
    return withoutCode(error.message)
  }
}

/** What an error says of the damage, without its code and its advice. */
const withoutCode = (message: string): string => message.replace(/^[A-Z_]+: /, '').replace(/;.*$/, '')

async function nextValid(raw: RawDatabase, lsn: number): Promise<number | undefined> {
  const { segments, reader } = raw
  let tries = 0
  for (let at = lsn + RECORD_ALIGNMENT; at < segments.allocatedLsn; at += RECORD_ALIGNMENT) {
    if (!segments.has(segments.numberOf(at))) {
      at = (segments.numberOf(at) + 1) * segments.segmentBytes
      if (at >= segments.allocatedLsn) return undefined
    }
    if (reader.isValidAt(at)) return at
    if (++tries % (RECORDS_A_TURN * 10) === 0) await nextTurn()
  }
  return undefined
}
