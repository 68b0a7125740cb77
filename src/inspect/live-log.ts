/** The log of an open database, record by record, with the part that is only in the log buffer. */
import { asLsn } from '../common/ids.ts'
import type { LogManager } from '../log/log-manager.ts'
import { MARKER_BYTES } from '../log/log-reader.ts'
import { alignRecord, type LogRecordView, RecordType } from '../log/log-record.ts'
import { recordStartBehind } from '../log/segment.ts'

/**
 * The records that begin in `[from, end)`, without paddings; `from` is where a record begins or another one
 * ends. The place held free for a flush marker that has no content yet is passed over.
 */
export function recordsIn(log: LogManager, segmentBytes: number, from: number, end: number): LogRecordView[] {
  const found: LogRecordView[] = []
  for (let lsn = recordStartBehind(from, segmentBytes); lsn < end; ) {
    const record = lsn === log.openMarkerLsn ? undefined : log.read(asLsn(lsn))
    if (record !== undefined && record.type !== RecordType.PADDING) found.push(record)
    lsn = recordStartBehind(lsn + alignRecord(record?.length ?? MARKER_BYTES), segmentBytes)
  }
  return found
}

/** The last `count` records. Records do not cross segments, so the first one of a segment is where reading begins. */
export function lastRecords(log: LogManager, segmentBytes: number, count: number): LogRecordView[] {
  const bySegment: LogRecordView[][] = []
  let found = 0
  for (let end: number = log.nextLsn; end > log.retention.firstLsn && found < count; ) {
    const start = Math.floor((end - 1) / segmentBytes) * segmentBytes
    const records = recordsIn(log, segmentBytes, start, end)
    bySegment.push(records)
    found += records.length
    end = start
  }
  return bySegment.reverse().flat().slice(-count)
}
