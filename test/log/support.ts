/** A log over a simulated disk, without anything above it. */
import { asLsn, asPageId, asTxnId, type Lsn, NULL_LSN } from '../../src/common/ids.ts'
import { FailStop } from '../../src/io/fail-stop.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { makeIdentity } from '../../src/log/identity.ts'
import { LogManager } from '../../src/log/log-manager.ts'
import { LogReader } from '../../src/log/log-reader.ts'
import { type LogRecordView, RecordType } from '../../src/log/log-record.ts'
import { SEGMENT_HEADER_BYTES } from '../../src/log/segment.ts'
import { Segments } from '../../src/log/segments.ts'

export const PAGE_SIZE = 4096
export const SEGMENT_BYTES = 65536
export const IDENTITY = makeIdentity(new Uint8Array(16).fill(7), PAGE_SIZE, SEGMENT_BYTES)
export const FIRST_LSN = asLsn(SEGMENT_HEADER_BYTES)

/** The marker record at the start of each batch. */
export const MARKER_BYTES = 40

export class LogBench {
  readonly disk: SimulatedFileSystem
  readonly runtime = new SimulatedRuntime()
  readonly failStop = new FailStop()
  readonly segments: Segments
  readonly log: LogManager

  constructor(disk = new SimulatedFileSystem(), endLsn: Lsn = FIRST_LSN) {
    this.disk = disk
    this.segments = new Segments(disk, IDENTITY)
    if (this.segments.count === 0) this.segments.append()
    this.log = new LogManager(this.segments, IDENTITY, this.runtime, this.failStop, endLsn)
  }

  /** Appends an UPDATE with `payloadBytes` bytes of `fill`; returns its LSN. */
  append(payloadBytes: number, fill = 1, prevLsn: Lsn = NULL_LSN): Lsn {
    this.log.reserve(0, payloadBytes + 32)
    const at = this.log.start(RecordType.UPDATE, 2, 3, 0, asPageId(5), asTxnId(9), prevLsn, NULL_LSN, payloadBytes)
    this.log.bytes.fill(fill, at, at + payloadBytes)
    return this.log.finish().lsn
  }

  reader(): LogReader {
    return new LogReader(new Segments(this.disk, IDENTITY), IDENTITY)
  }

  /** What a scan from `from` finds, flush markers left out. */
  scan(from: Lsn = FIRST_LSN): { records: LogRecordView[]; endLsn: Lsn } {
    const reader = this.reader()
    reader.seek(from)
    const records: LogRecordView[] = []
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      if (record.type !== RecordType.FLUSH_MARKER) records.push(record.copy())
    }
    return { records, endLsn: reader.position }
  }
}

/** Does all that is left to do on a segment that is being made. */
export async function finishNew(segments: Segments): Promise<void> {
  while (segments.isMaking) await segments.makeStep()
}
