/**
 * The segment files of the log: which exist, opening them, making new ones, recycling old ones.
 *
 * ```
 *   log-000000000003   log-000000000004   log-000000000005   log-000000000006
 *   below the low-     |<------- needed ------->|             preallocated
 *   water mark: is                        ^ nextLsn           ^ allocatedLsn (end)
 *   renamed to the far end
 * ```
 *
 * Segments are made whole, with zeros, before anything is written in them: overwriting is cheaper to
 * sync than appending (no metadata to journal), and a full disk shows when room is made and not when
 * a commit is written. Names are durable (directory synced) before a segment is used.
 *
 * A clean close gives back what lies ahead of the log, and an open for writing makes it whole again:
 *
 * ```
 *   close   a mark in the header says where the log ends ---> sync ---> cut off there ---> sync
 *   open    zeros to the full length ---> sync ---> the mark goes ---> sync
 * ```
 *
 * At most one is being made at a time (`new-segment.ts`), step by step in the background. Who needs room at
 * once finishes it on the spot, wherever it is; the step that was waiting for a sync then finds another one,
 * or none, and leaves it alone.
 *
 * INVARIANTS
 * - I12 nothing at or above the low-water mark is recycled
 * - I38 a segment is shorter than the others only behind the place that the mark in its header names, and while
 *   there is a mark nothing of the log lies behind that place: so whatever has cut it there, nothing is lost,
 *   and a cut anywhere else, or once the log has gone on, is damage
 */
import { assert } from '../common/assert.ts'
import { compareBytes, isZero } from '../common/bytes.ts'
import type { Lsn } from '../common/ids.ts'
import {
  cleaningUp,
  closeAll,
  closeFile,
  type File,
  type FileSystem,
  ioError,
  readFully,
  readTwice,
  writeFully,
  writeZeros,
} from '../io/file-system.ts'
import type { Identity } from './identity.ts'
import { NewSegment, removeIfThere } from './new-segment.ts'
import {
  encodeSegmentHeader,
  NEW_SEGMENT_NAME,
  recordStartBehind,
  SEGMENT_HEADER_BYTES,
  segmentName,
  segmentNumberOf,
} from './segment.ts'

/** Segments are read in pieces of this size. */
const SCRATCH_BYTES = 1 << 16
/** Recycled segments kept ahead of the tail; more than that are removed. */
const SPARE_SEGMENTS_MAX = 8
/**
 * So many files are kept open: a transaction may hold back thousands of segments, and a process may often have no more
 * than 1024 descriptors, or 256, of which a file takes two. Redo goes to and fro in fewer, unless it is to be longer.
 */
export const OPEN_SEGMENTS_MAX = 32

export class Segments {
  /**
   * Where what is not known to be durable begins, or what somebody is making durable. Files from there on stay open:
   * of a write that was lost on its way to the disk only who had the file open then is sure to be told.
   */
  unsyncedLsn: () => number = () => Number.POSITIVE_INFINITY
  readonly #fileSystem: FileSystem
  readonly #identity: Identity
  /** The open files, in the order in which they were last used. */
  readonly #open = new Map<number, File>()
  /** The numbers that exist. Contiguous, unless the directory is damaged. */
  readonly #present: Set<number>
  #first: number
  #end: number
  #new: NewSegment | undefined
  /** The last segment that could not be made. */
  #failedNumber = -1
  #scratch: Uint8Array | undefined
  #isClosed = false

  /** Finds the segments in the directory. */
  constructor(fileSystem: FileSystem, identity: Identity) {
    this.#fileSystem = fileSystem
    this.#identity = identity
    const numbers = fileSystem.list().flatMap((name) => segmentNumberOf(name) ?? [])
    this.#present = new Set(numbers)
    this.#first = numbers.length === 0 ? 0 : numbers.reduce((a, b) => Math.min(a, b))
    this.#end = numbers.reduce((end, number) => Math.max(end, number + 1), 0)
  }

  get segmentBytes(): number {
    return this.#identity.segmentBytes
  }

  /** The end of the last segment that exists: the log has room up to here. */
  get allocatedLsn(): number {
    return this.#end * this.segmentBytes
  }

  /** The first byte that still exists. */
  get firstLsn(): number {
    return this.#first * this.segmentBytes
  }

  get count(): number {
    return this.#present.size
  }

  numberOf(lsn: number): number {
    return Math.floor(lsn / this.segmentBytes)
  }

  has(number: number): boolean {
    return this.#present.has(number)
  }

  /**
   * The open file of segment `number`, which must exist. It may be closed when the next is asked for.
   * @throws `IO_ERROR`, also when one that makes place for it cannot be closed properly
   */
  file(number: number): File {
    const file = this.#open.get(number) ?? this.#openFile(number)
    this.#open.delete(number)
    this.#open.set(number, file)
    return file
  }

  #openFile(number: number): File {
    assert(!this.#isClosed, 'nobody opens a closed log again: its files may be those of another by now')
    this.#closeUnused()
    const name = segmentName(number)
    try {
      return this.#fileSystem.open(name, this.#fileSystem.writable ? 'write' : 'read')
    } catch (error) {
      throw ioError(error, 'open', name)
    }
  }

  /** Makes place for one more open file, of those that were not used for longest. @throws `IO_ERROR` */
  #closeUnused(): void {
    if (this.#open.size < OPEN_SEGMENTS_MAX) return
    const unsynced = this.numberOf(this.unsyncedLsn())
    for (const number of this.#open.keys()) {
      if (this.#open.size < OPEN_SEGMENTS_MAX) return
      if (number < unsynced) this.#close(number)
    }
  }

  /** Whether a segment is being made. */
  get isMaking(): boolean {
    return this.#new !== undefined
  }

  /** Whether the next segment could not be made: then it is tried only when it is needed. */
  get hasFailed(): boolean {
    return this.#failedNumber === this.#end
  }

  /**
   * Makes one more segment at the end, durable before it returns, or finishes the one that is being made.
   * @throws `DISK_FULL`, `IO_ERROR`; a half-made file is removed.
   */
  append(): void {
    this.begin()
    const made = this.#new as NewSegment
    try {
      made.finishBlocking()
      made.giveNameBlocking()
      this.#complete(made)
    } catch (error) {
      throw this.#failed(error, made)
    }
  }

  /** Begins to make one more segment, unless one is being made already. @throws `DISK_FULL`, `IO_ERROR` */
  begin(): void {
    if (this.#new !== undefined) return
    try {
      removeIfThere(this.#fileSystem, NEW_SEGMENT_NAME)
      this.#new = new NewSegment(this.#fileSystem, this.#identity, this.#end, false)
    } catch (error) {
      throw this.#failed(error, undefined)
    }
  }

  /**
   * Does a step of what is left to do on the segment that is being made, if one is, without stopping the event
   * loop for a sync. Somebody may finish it the blocking way meanwhile. Rejects with `DISK_FULL` or `IO_ERROR`;
   * a half-made file is removed.
   */
  async makeStep(): Promise<void> {
    const made = this.#new
    if (made === undefined) return
    try {
      if (made.isSynced) {
        await made.giveName()
        if (made === this.#new) this.#complete(made)
      } else if (made.fillPiece()) await made.sync()
    } catch (error) {
      throw this.#failed(error, made)
    }
  }

  #complete(made: NewSegment): void {
    assert(made.isSynced && made.number === this.#end, 'what a segment holds is durable before it is used')
    this.#new = undefined
    this.#present.add(made.number)
    this.#end = made.number + 1
  }

  /** Somebody else may have finished `made` meanwhile, without the failure. */
  #failed(error: unknown, made: NewSegment | undefined): unknown {
    const number = made?.number ?? this.#end
    this.#failedNumber = number
    const failure = ioError(error, 'preallocation', segmentName(number))
    if (made === undefined || made !== this.#new) return failure
    this.#new = undefined
    return cleaningUp(failure, () => made.discard())
  }

  /** Gives up the segment that is being made, if any, and leaves no file of it. Durable. @throws `IO_ERROR` */
  discardNew(): void {
    const made = this.#new
    if (made === undefined) return
    this.#new = undefined
    try {
      made.discard()
      this.#fileSystem.syncDirectory()
    } catch (error) {
      throw ioError(error, 'removal', NEW_SEGMENT_NAME)
    }
  }

  /**
   * Begins to turn the oldest segment, if it lies wholly below `lowWaterLsn`, into one at the end, or removes
   * it when `sparesMax` lie ahead of `nextLsn` already; returns whether it did. Only while none is being made. In
   * a read-only directory nothing is done.
   * @throws `IO_ERROR`
   */
  recycleOne(lowWaterLsn: Lsn, nextLsn: Lsn, sparesMax = SPARE_SEGMENTS_MAX): boolean {
    assert(this.#new === undefined, 'one segment is made at a time')
    if (!this.#fileSystem.writable) return false
    const oldest = this.#first
    if (oldest >= this.numberOf(lowWaterLsn)) return false
    assert((oldest + 1) * this.segmentBytes <= lowWaterLsn, 'nothing at or above the low-water mark goes (I12)')
    const spare = this.#end - 1 - this.numberOf(nextLsn)
    const name = segmentName(oldest)
    try {
      this.#close(oldest)
      if (spare >= sparesMax) {
        this.#fileSystem.remove(name)
        this.#forgetFirst()
        this.#fileSystem.syncDirectory()
      } else {
        this.#fileSystem.rename(name, segmentName(this.#end))
        this.#forgetFirst()
        this.#new = new NewSegment(this.#fileSystem, this.#identity, this.#end, true)
      }
    } catch (error) {
      throw ioError(error, 'recycling', name)
    }
    return true
  }

  #forgetFirst(): void {
    this.#present.delete(this.#first)
    while (this.#first < this.#end && !this.#present.has(this.#first)) this.#first++
  }

  /**
   * Makes sure that nothing at or behind `endLsn`, the end of the log, can ever be taken for a record
   * (I31): zeros the rest of the segment that the next record goes to and removes later ones, unless they are
   * zero already. The one after it is zeroed and not removed: on a full disk its room is worth more. A segment
   * that a clean close has cut off becomes whole (I38). Durable.
   * @throws `DISK_FULL`, `IO_ERROR`, `DB_READ_ONLY`
   */
  wipeFrom(endLsn: Lsn): void {
    for (const _ of this.wipeSteps(endLsn));
  }

  /** The same in steps; between two of them others may run, but nobody may append. @throws as `wipeFrom` */
  *wipeSteps(endLsn: Lsn): Generator<void> {
    const start = recordStartBehind(endLsn, this.segmentBytes)
    const number = this.numberOf(start)
    try {
      if (this.has(number)) yield* this.#wipeRest(number, start % this.segmentBytes)
      const next = number + 1
      if (this.#isWhole(next)) yield* this.#wipeRest(next, SEGMENT_HEADER_BYTES)
      for (let later = next; later < this.#end; later++) {
        if (this.#isWhole(later) && (yield* this.#isZeroFrom(later, SEGMENT_HEADER_BYTES))) continue
        this.#removeFrom(later)
        break
      }
    } catch (error) {
      throw ioError(error, 'wiping behind the end', segmentName(number))
    }
  }

  /**
   * Writes the log from `fromLsn` to `endLsn` once more, as it is read: after a failed sync the system may
   * show what it has given up writing. The caller syncs.
   * @throws `DISK_FULL`, `IO_ERROR`, `DB_READ_ONLY`
   */
  writeAgain(fromLsn: number, endLsn: number): void {
    this.unsyncedLsn = () => fromLsn
    const bytes = this.#takeScratch()
    for (let lsn = fromLsn; lsn < endLsn; ) {
      const file = this.file(this.numberOf(lsn))
      const offset = lsn % this.segmentBytes
      const length = Math.min(bytes.length, endLsn - lsn, this.segmentBytes - offset)
      readTwice(file, bytes, 0, length, offset)
      writeFully(file, bytes, 0, length, offset)
      lsn += length
    }
  }

  /** Whether the segment is there in its full length, and its header says that it is this one. */
  #isWhole(number: number): boolean {
    return this.has(number) && this.#hasFullLength(number) && this.#hasPlainHeader(number)
  }

  #hasFullLength(number: number): boolean {
    return this.file(number).size() >= this.segmentBytes
  }

  /** Whether its header says that it is this one, and has no closing mark, nor a part of one. */
  #hasPlainHeader(number: number): boolean {
    const header = new Uint8Array(SEGMENT_HEADER_BYTES)
    readTwice(this.file(number), header, 0, SEGMENT_HEADER_BYTES, 0)
    return compareBytes(header, encodeSegmentHeader(this.#identity, number)) === 0
  }

  /**
   * Of one with a mark all is written: if it has its length, a crash or a failed sync has met this very step, and what
   * reads as zeros may not be on the disk (F9). So one that has to be wiped is marked first. A header that reads as
   * plain is written too: the sync that should have taken the mark away may have been the one that failed.
   */
  *#wipeRest(number: number, from: number): Generator<void> {
    const isMarked = !this.#hasPlainHeader(number)
    if (isMarked || !this.#hasFullLength(number) || !(yield* this.#isZeroFrom(number, from))) {
      if (!isMarked) this.#writeHeader(number, from)
      const file = this.file(number)
      writeZeros(file, from, this.segmentBytes)
      file.syncBlocking()
    }
    this.#writeHeader(number, 0)
  }

  #writeHeader(number: number, closedBytes: number): void {
    const file = this.file(number)
    writeFully(file, encodeSegmentHeader(this.#identity, number, closedBytes), 0, SEGMENT_HEADER_BYTES, 0)
    file.syncBlocking()
  }

  /**
   * Gives back the room behind `endLsn`, the durable end of a log that is being closed cleanly: cuts the segment
   * off where the next record would start, and removes those behind it, and what a crash has left of a new one. Durable.
   * @throws `IO_ERROR`, `DB_READ_ONLY`
   */
  cutBehind(endLsn: Lsn): void {
    const start = recordStartBehind(endLsn, this.segmentBytes)
    const number = this.numberOf(start)
    const closedBytes = start % this.segmentBytes
    try {
      this.#removeFrom(number + 1)
      this.#writeHeader(number, closedBytes)
      const file = this.file(number)
      file.truncate(closedBytes)
      file.syncBlocking()
    } catch (error) {
      throw ioError(error, 'giving back room', segmentName(number))
    }
  }

  /** Room for reading and writing a piece of a segment, its content left over from the last time. */
  #takeScratch(): Uint8Array {
    this.#scratch ??= new Uint8Array(Math.min(SCRATCH_BYTES, this.segmentBytes))
    return this.#scratch
  }

  *#isZeroFrom(number: number, from: number): Generator<void, boolean> {
    const bytes = this.#takeScratch()
    for (let at = from; at < this.segmentBytes; at += bytes.length) {
      const length = Math.min(bytes.length, this.segmentBytes - at)
      // The file is asked for each time: those who run between the steps may have had it closed.
      const count = readFully(this.file(number), bytes, 0, length, at)
      if (!isZero(bytes, 0, count)) return false
      yield
    }
    return true
  }

  /** Removes the segments behind the one that comes next after `nextLsn`. Durable. @throws `IO_ERROR` */
  removeSpares(nextLsn: Lsn): void {
    const number = this.numberOf(nextLsn) + 2
    if (number >= this.#end) return
    try {
      this.#removeFrom(number)
    } catch (error) {
      throw ioError(error, 'removal', segmentName(number))
    }
  }

  /** Removes all segments from `number` on: they hold nothing that was acknowledged. Durable. */
  #removeFrom(number: number): void {
    let removed = false
    for (const name of this.#fileSystem.list()) {
      const found = segmentNumberOf(name)
      if ((found !== undefined && found >= number) || name === NEW_SEGMENT_NAME) {
        if (found !== undefined) {
          this.#close(found)
          this.#present.delete(found)
        }
        this.#fileSystem.remove(name)
        removed = true
      }
    }
    if (removed) this.#fileSystem.syncDirectory()
    this.#end = Math.min(this.#end, number)
  }

  /** A file that cannot be closed properly is closed all the same, and let go of. */
  #close(number: number): void {
    const file = this.#open.get(number)
    this.#open.delete(number)
    if (file !== undefined) closeFile(file)
  }

  /** @throws `IO_ERROR`; all files are closed all the same */
  close(): void {
    this.#isClosed = true
    closeAll([() => this.#new?.close(), ...[...this.#open.keys()].map((number) => () => this.#close(number))])
  }
}
