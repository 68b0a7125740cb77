/**
 * The file-system port for looking at a database without changing it: reads come from the directory,
 * writes stay in memory, over the bytes below them. So a database that was not closed cleanly is
 * recovered for the one who looks, and its files stay as they are.
 *
 *   read   memory block, if it was ever written
 *            else the directory's file, up to where it was not truncated
 *            else zeros
 *
 * Names are taken when the lock is. What `directory.lock` does is its own affair: it may be quiet, or none.
 */
import { type File, type FileSystem, type OpenMode, readFully } from '../io/file-system.ts'
import { compareNames } from '../io/names.ts'
import { systemError } from '../io/system-error.ts'

const BLOCK_BYTES = 4096

export class InspectionFileSystem implements FileSystem {
  readonly location: string
  readonly writable = true
  readonly #directory: FileSystem
  /** The names as the database sees them; `undefined` stands for a file not yet opened. */
  readonly #contents = new Map<string, LayeredContent | undefined>()

  constructor(directory: FileSystem) {
    this.location = directory.location
    this.#directory = directory
  }

  list(): string[] {
    return [...this.#contents.keys()].sort(compareNames)
  }

  open(name: string, mode: OpenMode): File {
    if (mode === 'create') {
      if (this.#contents.has(name)) throw systemError('EEXIST', 'create', name)
      this.#contents.set(name, new LayeredContent(undefined))
    }
    const content = this.#content(name)
    content.open()
    return new LayeredFile(name, content)
  }

  rename(from: string, to: string): void {
    const content = this.#content(from)
    content.closeOriginal()
    this.#contents.delete(from)
    this.#contents.set(to, content)
  }

  remove(name: string): void {
    if (!this.#contents.has(name)) throw systemError('ENOENT', 'remove', name)
    this.#contents.get(name)?.closeOriginal()
    this.#contents.delete(name)
  }

  syncDirectory(): void {}

  async syncNames(): Promise<void> {}

  async lock(): Promise<() => void> {
    const unlock = await this.#directory.lock()
    for (const name of this.#directory.list()) this.#contents.set(name, undefined)
    return () => {
      for (const content of this.#contents.values()) content?.closeOriginal()
      unlock()
    }
  }

  #content(name: string): LayeredContent {
    const known = this.#contents.get(name)
    if (known !== undefined) return known
    if (!this.#contents.has(name)) throw systemError('ENOENT', 'open', name)
    const content = new LayeredContent(() => this.#directory.open(name, 'read'))
    this.#contents.set(name, content)
    return content
  }
}

/**
 * The bytes of one file: blocks in memory over an original that is only read, and open only while somebody has the file
 * open: a log may have more segments than a process may have files open.
 */
class LayeredContent {
  readonly #openOriginal: (() => File) | undefined
  #original: File | undefined
  #openCount = 0
  readonly #blocks = new Map<number, Uint8Array>()
  /** Up to here the original shows through; a truncation lowers it for good. */
  #originalEnd: number
  size: number

  constructor(openOriginal: (() => File) | undefined) {
    this.#openOriginal = openOriginal
    this.size = this.#opened()?.size() ?? 0
    this.#originalEnd = this.size
  }

  #opened(): File | undefined {
    this.#original ??= this.#openOriginal?.()
    return this.#original
  }

  /** One more has it open. */
  open(): void {
    this.#openCount++
  }

  /** One fewer has. */
  close(): void {
    if (--this.#openCount === 0) this.closeOriginal()
  }

  closeOriginal(): void {
    this.#original?.close()
    this.#original = undefined
  }

  read(target: Uint8Array, targetStart: number, length: number, fileOffset: number): number {
    const end = Math.min(fileOffset + length, this.size)
    // What nobody has written over is read as it lies, in one call.
    if (this.#blocks.size === 0 && this.#openOriginal !== undefined && end <= this.#originalEnd) {
      return readFully(this.#opened() as File, target, targetStart, Math.max(0, end - fileOffset), fileOffset)
    }
    for (let at = fileOffset; at < end; ) {
      const start = at % BLOCK_BYTES
      const count = Math.min(BLOCK_BYTES - start, end - at)
      const block = this.#block(Math.floor(at / BLOCK_BYTES))
      target.set(block.subarray(start, start + count), targetStart + at - fileOffset)
      at += count
    }
    return Math.max(0, end - fileOffset)
  }

  write(source: Uint8Array, fileOffset: number): void {
    for (let done = 0; done < source.length; ) {
      const at = fileOffset + done
      const number = Math.floor(at / BLOCK_BYTES)
      const block = this.#block(number)
      const start = at % BLOCK_BYTES
      const count = Math.min(BLOCK_BYTES - start, source.length - done)
      block.set(source.subarray(done, done + count), start)
      this.#blocks.set(number, block)
      done += count
    }
    this.size = Math.max(this.size, fileOffset + source.length)
  }

  truncate(size: number): void {
    const last = Math.floor(size / BLOCK_BYTES)
    for (const [number, block] of this.#blocks) {
      if (number > last) this.#blocks.delete(number)
      else if (number === last) block.fill(0, size % BLOCK_BYTES)
    }
    this.#originalEnd = Math.min(this.#originalEnd, size)
    this.size = size
  }

  /** A block of the file; only a written one is kept. */
  #block(number: number): Uint8Array {
    const written = this.#blocks.get(number)
    if (written !== undefined) return written
    const block = new Uint8Array(BLOCK_BYTES)
    const fileOffset = number * BLOCK_BYTES
    const length = Math.min(BLOCK_BYTES, this.#originalEnd - fileOffset)
    const original = length > 0 ? this.#opened() : undefined
    if (original !== undefined) readFully(original, block, 0, length, fileOffset)
    return block
  }
}

class LayeredFile implements File {
  readonly name: string
  readonly #content: LayeredContent

  constructor(name: string, content: LayeredContent) {
    this.name = name
    this.#content = content
  }

  readAt(target: Uint8Array, targetStart: number, length: number, fileOffset: number): number {
    return this.#content.read(target, targetStart, length, fileOffset)
  }

  writeAt(source: Uint8Array, sourceStart: number, length: number, fileOffset: number): number {
    this.#content.write(source.subarray(sourceStart, sourceStart + length), fileOffset)
    return length
  }

  size(): number {
    return this.#content.size
  }

  truncate(size: number): void {
    this.#content.truncate(size)
  }

  async sync(): Promise<void> {}

  syncBlocking(): void {}

  close(): void {
    this.#content.close()
  }
}
