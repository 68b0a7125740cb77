/**
 * The log manager: appends records to the one infinite log and makes them durable.
 *
 * ```
 *   in the files, durable | in the files, not yet synced | only in the log buffer |
 *   ----------------------+------------------------------+------------------------+-- reserved --|
 *                     flushedLsn                     writtenLsn                nextLsn
 * ```
 *
 * Appending is synchronous and encodes in place: `start` makes room in the log buffer and writes the
 * header, the caller writes the payload, `finish` computes the CRC. Writing to the files is
 * synchronous too (a copy into the operating system's cache); only the sync is waited for.
 *
 * GROUP COMMIT. Those who wait for durability share syncs: `group-flush.ts`.
 *
 * FLUSH MARKERS. The first record of every batch that is written carries flushedLsn as of that
 * moment. At restart it tells a torn tail (nothing later was ever durable) from damage.
 *
 * ROOM. `reserve` holds back bytes for the rollback of every active transaction, and sees to it that there
 * are segments for them. It is the only function that can meet a full disk, and it is called before anything is
 * changed (I19). How segments are made ahead of need, recycled and given back is in `log-room.ts`.
 *
 * INVARIANTS: I5 (LSNs rise, each record starts where the last ended), I19, I28 (nothing after a
 * failed write or sync).
 */
import { assert } from '../common/assert.ts'
import { setU53 } from '../common/bytes.ts'
import { checksum, placeSeed } from '../common/checksum.ts'
import { asLsn, type Lsn, NO_PAGE, NO_TXN, NULL_LSN, type PageId, type TxnId } from '../common/ids.ts'
import { SILENT, type Tracer } from '../common/tracer.ts'
import type { FailStop } from '../io/fail-stop.ts'
import { type File, writeFully } from '../io/file-system.ts'
import type { Runtime } from '../io/runtime.ts'
import { FlushStatistics } from './flush-statistics.ts'
import { GroupFlush } from './group-flush.ts'
import type { Identity } from './identity.ts'
import { LogReader, MARKER_BYTES, SINGLE_RECORD_BYTES } from './log-reader.ts'
import {
  alignRecord,
  appendedEvent,
  CLR_HEADER_BYTES,
  CRC,
  FLAGS,
  LENGTH,
  LogRecordView,
  OPERATION,
  PAGE_ID,
  PREV_LSN,
  RECORD_HEADER_BYTES,
  RESOURCE,
  RecordType,
  TXN_ID,
  TYPE,
  UNDO_NEXT_LSN,
} from './log-record.ts'
import { LogRoom } from './log-room.ts'
import { ResourceId } from './resource-manager.ts'
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES } from './segment.ts'
import type { Segments } from './segments.ts'

const BUFFER_BYTES_MAX = 1 << 20

const DONE: Promise<void> = Promise.resolve()

export class LogManager {
  /** The log buffer. Payloads are written here, at the offset that `start` returned. */
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly statistics = new FlushStatistics()
  /** Where the log ended when it was opened. */
  readonly openedLsn: Lsn
  /** Its segments: what is made, kept and given back. */
  readonly room: LogRoom
  tracer: Tracer = SILENT
  /** Whether anybody could use the time while a sync is under way. The transaction manager knows. */
  isSomebodyAtWork: () => boolean = () => true
  readonly #segments: Segments
  readonly #identity: Identity
  readonly #runtime: Runtime
  readonly #failStop: FailStop
  readonly #reader: LogReader
  /** For records that lie far from each other. */
  readonly #singleReader: LogReader
  readonly #record = new LogRecordView()
  /** LSN of the first byte of the log buffer. */
  #bufferLsn: number
  #tail = 0
  #started = -1
  #startedLength = 0
  #markerAt = -1
  #writtenLsn: number
  #flushedLsn: number
  readonly #unsynced = new Set<File>()
  readonly #groupFlush: GroupFlush

  /** Appends from `endLsn` on; everything before it is in the segments and durable. */
  constructor(segments: Segments, identity: Identity, runtime: Runtime, failStop: FailStop, endLsn: Lsn) {
    this.bytes = new Uint8Array(Math.min(BUFFER_BYTES_MAX, identity.segmentBytes))
    this.view = new DataView(this.bytes.buffer)
    this.#segments = segments
    this.#identity = identity
    this.#runtime = runtime
    this.#failStop = failStop
    this.#reader = new LogReader(segments, identity)
    this.#singleReader = new LogReader(segments, identity, SINGLE_RECORD_BYTES)
    this.openedLsn = endLsn
    this.#bufferLsn = endLsn
    this.room = new LogRoom(this, segments, runtime, failStop)
    this.#writtenLsn = endLsn
    this.#flushedLsn = endLsn
    this.#groupFlush = new GroupFlush(
      {
        flushedLsn: () => this.flushedLsn,
        writeOut: () => {
          this.writeOut()
          return asLsn(this.#writtenLsn)
        },
        unsynced: this.#unsynced,
        durableUpTo: (lsn, tookMs) => this.#durableUpTo(lsn, tookMs),
        isSomebodyAtWork: () => this.isSomebodyAtWork(),
      },
      runtime,
      failStop,
    )
    segments.unsyncedLsn = () => Math.min(this.#flushedLsn, this.inFlightStartLsn ?? this.#flushedLsn)
  }

  /** Where the log ends: no record has this LSN or a later one yet. */
  get nextLsn(): Lsn {
    return asLsn(this.#bufferLsn + this.#tail)
  }

  /** The place held free for the flush marker of the next batch, which has no content yet; undefined when there is none. */
  get openMarkerLsn(): Lsn | undefined {
    return this.#markerAt < 0 ? undefined : asLsn(this.#bufferLsn + this.#markerAt)
  }

  /** Every byte below is durable: the record at `lsn` is durable exactly when `flushedLsn > lsn`. */
  get flushedLsn(): Lsn {
    return asLsn(this.#flushedLsn)
  }

  /** From where on a flush in flight makes the log durable; undefined when none is. */
  get inFlightStartLsn(): number | undefined {
    return this.#groupFlush.inFlightStartLsn
  }

  get reservedBytes(): number {
    return this.room.reservedBytes
  }

  /** The largest record: a page image and some. Segments hold several. */
  get recordBytesMax(): number {
    return this.#identity.pageSize + 1024
  }

  /**
   * Holds back `rollbackBytes` and makes sure that besides all that is held back a record of
   * `payloadBytes` fits (or several, of that many bytes together). Makes a new segment when needed.
   * @throws `DISK_FULL`, `IO_ERROR`; nothing is held back then.
   */
  reserve(rollbackBytes: number, payloadBytes: number): void {
    this.room.reserve(this.#bufferLsn + this.#tail, rollbackBytes, payloadBytes)
  }

  /** Gives back what `reserve` held. */
  release(bytes: number): void {
    this.room.release(bytes)
  }

  /**
   * Starts a record: writes its header and returns the offset in `bytes` where its payload belongs.
   * Exactly one `finish` must follow, after the payload is there and before any other call.
   */
  start(
    type: number,
    resource: number,
    operation: number,
    flags: number,
    pageId: PageId,
    txnId: TxnId,
    prevLsn: Lsn,
    undoNextLsn: Lsn,
    payloadBytes: number,
  ): number {
    assert(this.#started < 0, 'one record at a time')
    const header = type === RecordType.CLR ? CLR_HEADER_BYTES : RECORD_HEADER_BYTES
    const length = header + payloadBytes
    this.#makePlace(length)
    const { view } = this
    const at = this.#tail
    view.setUint32(at + LENGTH, length, true)
    view.setUint8(at + TYPE, type)
    view.setUint8(at + RESOURCE, resource)
    view.setUint8(at + OPERATION, operation)
    view.setUint8(at + FLAGS, flags)
    view.setUint32(at + PAGE_ID, pageId, true)
    setU53(view, at + TXN_ID, txnId)
    setU53(view, at + PREV_LSN, prevLsn)
    if (type === RecordType.CLR) setU53(view, at + UNDO_NEXT_LSN, undoNextLsn)
    this.#started = at
    this.#startedLength = length
    return at + header
  }

  /** Seals the started record. The view holds until the next `start`. */
  finish(): LogRecordView {
    const at = this.#started
    assert(at >= 0, 'finish without start')
    this.#started = -1
    const lsn = this.#bufferLsn + at
    this.#seal(at, this.#startedLength, lsn)
    this.#tail = at + alignRecord(this.#startedLength)
    const record = this.#record.set(this.bytes, this.view, at, asLsn(lsn))
    const { listener } = this.tracer
    if (listener !== undefined) listener(appendedEvent(record))
    return record
  }

  #seal(at: number, length: number, lsn: number): void {
    const seed = placeSeed(this.#identity.databaseSeed, lsn, length)
    this.view.setUint32(at + CRC, checksum(this.bytes, at + TYPE, at + length, seed), true)
    // The gap up to the next multiple of 8 is written too: it must not hold what was there before.
    for (let i = at + length; (i & 7) !== 0; i++) this.bytes[i] = 0
  }

  /** Makes the tail a place where `length` bytes fit: buffer, batch marker, segment. */
  #makePlace(length: number): void {
    const worst = length + MARKER_BYTES + SEGMENT_HEADER_BYTES + this.recordBytesMax + 16
    if (this.#tail + worst > this.bytes.length) {
      this.writeOut()
      this.#bufferLsn += this.#tail
      this.#tail = 0
      // What the reader holds may have been read before the records behind it were written.
      this.#reader.reset()
      this.#singleReader.reset()
    }
    if (this.#markerAt < 0) {
      this.#fitSegment(MARKER_BYTES)
      this.#markerAt = this.#tail
      this.#tail += MARKER_BYTES
    }
    this.#fitSegment(length)
  }

  /** Pads to the next segment when `length` does not fit in this one, and passes its header. */
  #fitSegment(length: number): void {
    const { segmentBytes } = this.#identity
    const used = (this.#bufferLsn + this.#tail) % segmentBytes
    if (used !== 0 && used + alignRecord(length) <= segmentBytes) return
    if (used !== 0) this.#pad(segmentBytes - used)
    const lsn = this.#bufferLsn + this.#tail
    assert(lsn + segmentBytes <= this.#segments.allocatedLsn, 'room was made before the record was started (I19)')
    this.bytes.set(encodeSegmentHeader(this.#identity, lsn / segmentBytes), this.#tail)
    this.#tail += SEGMENT_HEADER_BYTES
  }

  #pad(rest: number): void {
    const at = this.#tail
    this.bytes.fill(0, at, at + rest)
    this.#tail += rest
    if (rest < RECORD_HEADER_BYTES) return
    this.view.setUint32(at + LENGTH, rest, true)
    this.view.setUint8(at + TYPE, RecordType.PADDING)
    this.view.setUint32(at + PAGE_ID, NO_PAGE, true)
    this.#seal(at, rest, this.#bufferLsn + at)
  }

  /** Hands everything to the operating system: it survives a process kill from here on. */
  writeOut(): void {
    this.#failStop.check()
    const end = this.#bufferLsn + this.#tail
    if (end === this.#writtenLsn) return
    if (this.#markerAt >= 0) this.#sealMarker()
    try {
      while (this.#writtenLsn < end) this.#writeToSegment(end)
    } catch (error) {
      throw this.#failStop.fail(error)
    }
  }

  #sealMarker(): void {
    const at = this.#markerAt
    const { view } = this
    this.bytes.fill(0, at, at + RECORD_HEADER_BYTES)
    view.setUint32(at + LENGTH, MARKER_BYTES, true)
    view.setUint8(at + TYPE, RecordType.FLUSH_MARKER)
    view.setUint8(at + RESOURCE, ResourceId.NONE)
    view.setUint32(at + PAGE_ID, NO_PAGE, true)
    setU53(view, at + TXN_ID, NO_TXN)
    setU53(view, at + RECORD_HEADER_BYTES, this.#flushedLsn)
    this.#seal(at, MARKER_BYTES, this.#bufferLsn + at)
    this.#markerAt = -1
  }

  #writeToSegment(end: number): void {
    const { segmentBytes } = this.#identity
    const number = Math.floor(this.#writtenLsn / segmentBytes)
    const upTo = Math.min(end, (number + 1) * segmentBytes)
    const file = this.#segments.file(number)
    const start = this.#writtenLsn - this.#bufferLsn
    writeFully(file, this.bytes, start, upTo - this.#writtenLsn, this.#writtenLsn - number * segmentBytes)
    this.#unsynced.add(file)
    this.#writtenLsn = upTo
  }

  /**
   * Resolves when the record at `lsn` is durable. All who ask in one turn share one sync.
   * Rejects with `DB_FAILED` when the write or sync fails.
   */
  waitDurable(lsn: Lsn): Promise<void> {
    if (lsn < this.#flushedLsn) return DONE
    return this.#groupFlush.wait(lsn)
  }

  #durableUpTo(lsn: number, tookMs: number): void {
    const fromLsn = this.flushedLsn
    if (lsn <= fromLsn) return
    this.statistics.flushed(lsn - fromLsn, tookMs)
    this.#flushedLsn = lsn
    this.tracer.listener?.({ kind: 'flushed', fromLsn, toLsn: asLsn(lsn) })
  }

  /**
   * Makes the record at `lsn` durable before it returns (the WAL rule's way, when a page must go out
   * now). @throws `DB_FAILED`
   */
  flushTo(lsn: Lsn): void {
    if (lsn < this.#flushedLsn) return
    this.writeOut()
    const startedMs = this.#runtime.nowMs()
    // Files of a flush in flight are synced again: its own sync may not have begun to work yet.
    const from = this.#segments.numberOf(this.#flushedLsn)
    const to = this.#segments.numberOf(Math.max(this.#flushedLsn, this.#writtenLsn - 1))
    try {
      for (let number = from; number <= to; number++) this.#segments.file(number).syncBlocking()
    } catch (error) {
      throw this.#failStop.fail(error)
    }
    this.#unsynced.clear()
    this.#durableUpTo(this.#writtenLsn, this.#runtime.nowMs() - startedMs)
  }

  /** Makes everything appended so far durable, by the shared flush. Rejects with `DB_FAILED`. */
  flush(): Promise<void> {
    if (this.nextLsn === this.#flushedLsn) return DONE
    return this.waitDurable(asLsn(this.nextLsn - 1))
  }

  /**
   * The record at `lsn`, copied: from the buffer when it is recent, else from its segment.
   * @throws `LOG_CORRUPT`, `IO_ERROR`
   */
  read(lsn: Lsn): LogRecordView {
    return this.#recent(lsn) ?? this.#reader.readAt(lsn)
  }

  /** The same for records far from each other: no more of a file is read than one takes. It holds until the next call. */
  readSingle(lsn: Lsn): LogRecordView {
    return this.#recent(lsn) ?? this.#singleReader.recordAt(lsn)
  }

  #recent(lsn: Lsn): LogRecordView | undefined {
    assert(lsn !== NULL_LSN && lsn < this.nextLsn, 'a record that exists is read')
    if (lsn < this.#bufferLsn) return undefined
    return new LogRecordView().set(this.bytes, this.view, lsn - this.#bufferLsn, lsn).copy()
  }

  /** Writes out and syncs what is left, then closes the files. @throws `DB_FAILED` */
  close(): void {
    try {
      if (!this.#failStop.failed && this.nextLsn > this.#flushedLsn) this.flushTo(asLsn(this.nextLsn - 1))
    } finally {
      this.#segments.close()
    }
  }

  /** Bytes of log files on disk, and the first LSN still there. */
  get retention(): { bytes: number; firstLsn: Lsn } {
    return { bytes: this.#segments.count * this.#identity.segmentBytes, firstLsn: asLsn(this.#segments.firstLsn) }
  }
}
