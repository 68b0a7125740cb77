/**
 * The file-system port in memory: for tests and scratch databases. Nothing survives the process, so
 * a sync has nothing to do; in every other respect it behaves as a directory: opens of one
 * `MemoryFileSystem` see the same files, and a removed file lives on for whoever has it open.
 */
import { assert } from '../common/assert.ts'
import { AriesError } from '../common/errors.ts'
import type { File, FileSystem, OpenMode } from './file-system.ts'
import { GrowableBytes } from './growable-bytes.ts'
import { compareNames } from './names.ts'
import { systemError } from './system-error.ts'

export class MemoryFileSystem implements FileSystem {
  readonly location: string
  readonly writable = true
  readonly #contents = new Map<string, GrowableBytes>()
  #locked = false

  constructor(location = 'memory') {
    this.location = location
  }

  list(): string[] {
    return [...this.#contents.keys()].sort(compareNames)
  }

  open(name: string, mode: OpenMode): File {
    const content = this.#contents.get(name)
    if (mode === 'create') {
      if (content !== undefined) throw systemError('EEXIST', 'create', name)
      const created = new GrowableBytes()
      this.#contents.set(name, created)
      return new MemoryFile(name, created, true)
    }
    if (content === undefined) throw systemError('ENOENT', 'open', name)
    return new MemoryFile(name, content, mode === 'write')
  }

  rename(from: string, to: string): void {
    const content = this.#contents.get(from)
    if (content === undefined) throw systemError('ENOENT', 'rename', from)
    this.#contents.delete(from)
    this.#contents.set(to, content)
  }

  remove(name: string): void {
    if (!this.#contents.delete(name)) throw systemError('ENOENT', 'remove', name)
  }

  syncDirectory(): void {}

  async syncNames(): Promise<void> {}

  async lock(): Promise<() => void> {
    if (this.#locked) {
      throw new AriesError('DB_LOCKED', `${this.location} is open already; close that handle first`)
    }
    this.#locked = true
    let held = true
    return () => {
      if (held) this.#locked = false
      held = false
    }
  }
}

class MemoryFile implements File {
  readonly name: string
  readonly #content: GrowableBytes
  readonly #writable: boolean
  #open = true

  constructor(name: string, content: GrowableBytes, writable: boolean) {
    this.name = name
    this.#content = content
    this.#writable = writable
  }

  readAt(target: Uint8Array, targetStart: number, length: number, fileOffset: number): number {
    this.#assertOpen()
    return this.#content.read(target, targetStart, length, fileOffset)
  }

  writeAt(source: Uint8Array, sourceStart: number, length: number, fileOffset: number): number {
    this.#assertOpen()
    if (!this.#writable) throw systemError('EBADF', 'write', this.name)
    this.#content.write(source.subarray(sourceStart, sourceStart + length), fileOffset)
    return length
  }

  size(): number {
    this.#assertOpen()
    return this.#content.length
  }

  truncate(size: number): void {
    this.#assertOpen()
    if (!this.#writable) throw systemError('EINVAL', 'truncate', this.name)
    this.#content.truncate(size)
  }

  async sync(): Promise<void> {
    this.#assertOpen()
  }

  syncBlocking(): void {
    this.#assertOpen()
  }

  close(): void {
    this.#assertOpen()
    this.#open = false
  }

  #assertOpen(): void {
    assert(this.#open, 'file used after close')
  }
}
