/** Reading the part of the log that redo needs. */
import { AriesError } from '../common/errors.ts'
import type { Lsn } from '../common/ids.ts'
import type { LogReader } from '../log/log-reader.ts'
import { type LogRecordView, RecordType } from '../log/log-record.ts'
import { segmentName } from '../log/segment.ts'

/**
 * Visits all records from `startLsn` to `endLsn`; how many there were. Each holds until the next.
 * @throws `LOG_CORRUPT`, `IO_ERROR`
 */
export function visitRecords(
  reader: LogReader,
  startLsn: Lsn,
  endLsn: Lsn,
  visit: (record: LogRecordView) => void,
): number {
  let records = 0
  reader.seek(startLsn)
  while (reader.position < endLsn) {
    const record = reader.next()
    // The last thing before the end may be the padding of a segment.
    if (record === undefined && reader.position === endLsn) break
    if (record === undefined) throw damagedBefore(reader, endLsn)
    if (record.type === RecordType.FLUSH_MARKER) continue
    records++
    visit(record)
  }
  return records
}

function damagedBefore(reader: LogReader, endLsn: Lsn): AriesError {
  const { position: lsn, segmentBytes } = reader
  const file = segmentName(Math.floor(lsn / segmentBytes))
  return new AriesError(
    'LOG_CORRUPT',
    `${file} is missing or has no valid record at LSN ${lsn}, which redo needs; restore all files from one backup`,
    { file, lsn, endLsn, offset: lsn % segmentBytes },
  )
}
