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
 * INVARIANT I12: nothing at or above the low-water mark is recycled.
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
  writeFully,
} from '../io/file-system.ts'
import type { Identity } from './identity.ts'
import { encodeSegmentHeader, NEW_SEGMENT_NAME, SEGMENT_HEADER_BYTES, segmentName, segmentNumberOf } from './segment.ts'

/** Zeros are written in pieces of this size. */
const FILL_BYTES = 1 << 20
/** Segments are read, and wiped, in pieces of this size. */
const SCRATCH_BYTES = 1 << 16
/** Recycled segments kept ahead of the tail; more than that are removed. */
const SPARE_SEGMENTS_MAX = 8

export class Segments {
  readonly #fileSystem: FileSystem
  readonly #identity: Identity
  readonly #open = new Map<number, File>()
  /** The numbers that exist. Contiguous, unless the directory is damaged. */
  readonly #present: Set<number>
  #first: number
  #end: number
  #scratch: Uint8Array | undefined

  /** Finds the segments in the directory. */
  constructor(fileSystem: FileSystem, identity: Identity) {
    this.#fileSystem = fileSystem
    this.#identity = identity
    const numbers = fileSystem.list().flatMap((name) => segmentNumberOf(name) ?? [])
    this.#present = new Set(numbers)
    this.#first = numbers.length === 0 ? 0 : Math.min(...numbers)
    this.#end = numbers.length === 0 ? 0 : Math.max(...numbers) + 1
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

  /** The open file of segment `number`, which must exist. @throws `IO_ERROR` */
  file(number: number): File {
    let file = this.#open.get(number)
    if (file === undefined) {
      const name = segmentName(number)
      try {
        file = this.#fileSystem.open(name, this.#fileSystem.writable ? 'write' : 'read')
      } catch (error) {
        throw ioError(error, 'open', name)
      }
      this.#open.set(number, file)
    }
    return file
  }

  /**
   * Makes one more segment at the end, durable before it returns.
   * @throws `DISK_FULL`, `IO_ERROR`; a half-made file is removed.
   */
  append(): void {
    const number = this.#end
    try {
      this.#removeIfThere(NEW_SEGMENT_NAME)
      const file = this.#fileSystem.open(NEW_SEGMENT_NAME, 'create')
      try {
        this.#fill(file)
        writeFully(file, encodeSegmentHeader(this.#identity, number), 0, 64, 0)
        file.syncBlocking()
      } finally {
        file.close()
      }
      this.#fileSystem.rename(NEW_SEGMENT_NAME, segmentName(number))
      this.#fileSystem.syncDirectory()
    } catch (error) {
      const failure = ioError(error, 'preallocation', segmentName(number))
      throw cleaningUp(failure, () => this.#removeIfThere(NEW_SEGMENT_NAME))
    }
    this.#present.add(number)
    this.#end = number + 1
  }

  #fill(file: File): void {
    const zeros = new Uint8Array(Math.min(FILL_BYTES, this.segmentBytes))
    for (let at = 0; at < this.segmentBytes; at += zeros.length) {
      writeFully(file, zeros, 0, Math.min(zeros.length, this.segmentBytes - at), at)
    }
  }

  #removeIfThere(name: string): void {
    if (this.#fileSystem.list().includes(name)) this.#fileSystem.remove(name)
  }

  /**
   * Turns segments wholly below `lowWaterLsn` into segments at the end, or removes them when enough
   * lie ahead of `nextLsn` already. At most one a call, so that nobody waits long; returns whether
   * there is more to do. In a read-only directory nothing is done.
   * @throws `IO_ERROR`
   */
  recycleOne(lowWaterLsn: Lsn, nextLsn: Lsn): boolean {
    if (!this.#fileSystem.writable) return false
    const oldest = this.#first
    if (oldest >= this.numberOf(lowWaterLsn)) return false
    assert((oldest + 1) * this.segmentBytes <= lowWaterLsn, 'nothing at or above the low-water mark goes (I12)')
    this.#close(oldest)
    const spare = this.#end - 1 - this.numberOf(nextLsn)
    const name = segmentName(oldest)
    try {
      if (spare >= SPARE_SEGMENTS_MAX) {
        this.#fileSystem.remove(name)
        this.#forgetFirst()
        this.#fileSystem.syncDirectory()
      } else {
        this.#reuse(oldest)
      }
    } catch (error) {
      throw ioError(error, 'recycling', name)
    }
    return this.#first < this.numberOf(lowWaterLsn)
  }

  /**
   * The old content needs no wiping: its checksums hold only at its old LSNs (I31). When it fails midway
   * the file is let go of: the next segment is renamed over it, and a handle would be of the old one.
   */
  #reuse(oldest: number): void {
    const number = this.#end
    this.#fileSystem.rename(segmentName(oldest), segmentName(number))
    this.#forgetFirst()
    try {
      const file = this.file(number)
      writeFully(file, encodeSegmentHeader(this.#identity, number), 0, 64, 0)
      file.syncBlocking()
      this.#fileSystem.syncDirectory()
    } catch (error) {
      throw cleaningUp(error, () => this.#close(number))
    }
    this.#present.add(number)
    this.#end = number + 1
  }

  #forgetFirst(): void {
    this.#present.delete(this.#first)
    while (this.#first < this.#end && !this.#present.has(this.#first)) this.#first++
  }

  /**
   * Makes sure that nothing at or behind `endLsn`, the end of the log, can ever be taken for a record
   * (I31): zeros the rest of its segment and removes later ones, unless they are zero already. The next
   * segment is zeroed and not removed: the end may be so near to it that its absence would look like
   * damage. Durable.
   * @throws `DISK_FULL`, `IO_ERROR`, `DB_READ_ONLY`
   */
  wipeFrom(endLsn: Lsn): void {
    const number = this.numberOf(endLsn)
    try {
      if (this.has(number)) {
        this.#wipeRest(this.file(number), Math.max(SEGMENT_HEADER_BYTES, endLsn % this.segmentBytes))
      }
      const next = number + 1
      if (this.#isWhole(next)) this.#wipeRest(this.file(next), SEGMENT_HEADER_BYTES)
      for (let later = next; later < this.#end; later++) {
        if (this.#isWhole(later) && this.#isZeroFrom(this.file(later), SEGMENT_HEADER_BYTES)) continue
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
    const bytes = this.#takeScratch()
    for (let lsn = fromLsn; lsn < endLsn; ) {
      const file = this.file(this.numberOf(lsn))
      const offset = lsn % this.segmentBytes
      const length = Math.min(bytes.length, endLsn - lsn, this.segmentBytes - offset)
      readFully(file, bytes, 0, length, offset)
      writeFully(file, bytes, 0, length, offset)
      lsn += length
    }
  }

  /** Whether the segment is there in its full length, and its header says that it is this one. */
  #isWhole(number: number): boolean {
    if (!this.has(number) || this.file(number).size() < this.segmentBytes) return false
    const header = new Uint8Array(SEGMENT_HEADER_BYTES)
    readFully(this.file(number), header, 0, SEGMENT_HEADER_BYTES, 0)
    const expected = encodeSegmentHeader(this.#identity, number)
    return compareBytes(header, expected) === 0
  }

  #wipeRest(file: File, from: number): void {
    if (file.size() >= this.segmentBytes && this.#isZeroFrom(file, from)) return
    const zeros = this.#takeScratch().fill(0)
    for (let at = from; at < this.segmentBytes; at += zeros.length) {
      writeFully(file, zeros, 0, Math.min(zeros.length, this.segmentBytes - at), at)
    }
    file.syncBlocking()
  }

  /** Room for reading and writing a piece of a segment, its content left over from the last time. */
  #takeScratch(): Uint8Array {
    this.#scratch ??= new Uint8Array(Math.min(SCRATCH_BYTES, this.segmentBytes))
    return this.#scratch
  }

  #isZeroFrom(file: File, from: number): boolean {
    const bytes = this.#takeScratch()
    for (let at = from; at < this.segmentBytes; at += bytes.length) {
      const count = readFully(file, bytes, 0, Math.min(bytes.length, this.segmentBytes - at), at)
      if (!isZero(bytes, 0, count)) return false
    }
    return true
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
    closeAll([...this.#open.keys()].map((number) => () => this.#close(number)))
  }
}
