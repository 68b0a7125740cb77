/**
 * A segment that is being made, from nothing or from one that is no longer needed, until it is durable
 * under its name. Nothing is written to the log in it before that.
 *
 * ```
 *   from nothing    log-new: zeros, piece by piece ---> header ---> sync ---> name ---> directory synced
 *   recycled        has its name, and old records  ---> header ---> sync ------------> directory synced
 * ```
 *
 * A crash on the way is harmless. Nobody looks for `log-new`, and what stands behind the end of the log
 * without its own header is no segment. What a recycled one held needs no wiping: those checksums hold only
 * at its old LSNs (I31).
 */
import { zerosOf } from '../common/bytes.ts'
import { closeAll, closeFile, type File, type FileSystem, writeFully } from '../io/file-system.ts'
import type { Identity } from './identity.ts'
import { encodeSegmentHeader, NEW_SEGMENT_NAME, SEGMENT_HEADER_BYTES, segmentName } from './segment.ts'

/** Zeros are written in pieces of this size, each in a turn of its own: less than a millisecond. */
const FILL_BYTES = 1 << 18

export class NewSegment {
  readonly number: number
  readonly #fileSystem: FileSystem
  readonly #identity: Identity
  #name: string
  #file: File | undefined
  #filledBytes: number
  #isSynced = false

  /** `recycled`: the file is there, under its new name. Otherwise it is made. @throws the system's error */
  constructor(fileSystem: FileSystem, identity: Identity, number: number, isRecycled: boolean) {
    this.#fileSystem = fileSystem
    this.#identity = identity
    this.number = number
    this.#name = isRecycled ? segmentName(number) : NEW_SEGMENT_NAME
    this.#filledBytes = isRecycled ? identity.segmentBytes : 0
    this.#file = fileSystem.open(this.#name, isRecycled ? 'write' : 'create')
  }

  /** Whether the content is durable, and only `giveName` is left to do. */
  get isSynced(): boolean {
    return this.#isSynced
  }

  /** Writes a piece of what has to be written; whether that was the last one. @throws `DISK_FULL`, `IO_ERROR` */
  fillPiece(): boolean {
    const file = this.#file as File
    const { segmentBytes } = this.#identity
    const rest = Math.min(FILL_BYTES, segmentBytes - this.#filledBytes)
    if (rest > 0) writeFully(file, zerosOf(rest), 0, rest, this.#filledBytes)
    this.#filledBytes += rest
    if (this.#filledBytes < segmentBytes) return false
    writeFully(file, encodeSegmentHeader(this.#identity, this.number), 0, SEGMENT_HEADER_BYTES, 0)
    return true
  }

  /** Makes the content durable. The segment may be finished the blocking way meanwhile. */
  async sync(): Promise<void> {
    await this.#file?.sync()
    this.#isSynced = true
  }

  /** Does all but the name that is left, also what a `sync` under way does. @throws */
  finishBlocking(): void {
    if (this.#isSynced) return
    while (!this.fillPiece());
    this.#file?.syncBlocking()
    this.#isSynced = true
  }

  /** Gives the segment its name, durably: from then on it may be used. `giveNameBlocking` may come meanwhile. */
  async giveName(): Promise<void> {
    this.#rename()
    await this.#fileSystem.syncNames()
  }

  /** The same, done when it returns. @throws */
  giveNameBlocking(): void {
    this.#rename()
    this.#fileSystem.syncDirectory()
  }

  #rename(): void {
    this.close()
    const name = segmentName(this.number)
    if (this.#name !== name) this.#fileSystem.rename(this.#name, name)
    this.#name = name
  }

  /** Leaves no file. @throws `IO_ERROR` */
  discard(): void {
    closeAll([() => this.close(), () => removeIfThere(this.#fileSystem, this.#name)])
  }

  /** @throws `IO_ERROR`; closed it is all the same */
  close(): void {
    const file = this.#file
    this.#file = undefined
    if (file !== undefined) closeFile(file)
  }
}

/** @throws the system's error */
export function removeIfThere(fileSystem: FileSystem, name: string): void {
  if (fileSystem.list().includes(name)) fileSystem.remove(name)
}
