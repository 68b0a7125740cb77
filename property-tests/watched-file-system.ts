/**
 * A file system with somebody looking over its shoulder: `before` is called before each change and
 * each sync reaches the disk. It is how tests see the disk at every point at which a crash can strike,
 * and every page on its way to the data file.
 */
import type { File, FileSystem, OpenMode } from '../src/io/file-system.ts'

/** A change or a sync that is about to happen. */
export interface Mutation {
  readonly kind: 'create' | 'write' | 'truncate' | 'sync' | 'rename' | 'remove' | 'syncDirectory'
  readonly file: string
  readonly offset: number
  /** What is written, for a write. */
  readonly bytes: Uint8Array | undefined
}

export type Watch = (mutation: Mutation) => void

export class WatchedFileSystem implements FileSystem {
  readonly location: string
  readonly #inner: FileSystem
  readonly #before: Watch

  constructor(inner: FileSystem, before: Watch) {
    this.location = inner.location
    this.#inner = inner
    this.#before = before
  }

  get writable(): boolean {
    return this.#inner.writable
  }

  list(): string[] {
    return this.#inner.list()
  }

  open(name: string, mode: OpenMode): File {
    if (mode === 'create') this.#tell('create', name)
    return new WatchedFile(this.#inner.open(name, mode), this.#before)
  }

  rename(from: string, to: string): void {
    this.#tell('rename', from)
    this.#inner.rename(from, to)
  }

  remove(name: string): void {
    this.#tell('remove', name)
    this.#inner.remove(name)
  }

  syncDirectory(): void {
    this.#tell('syncDirectory', '')
    this.#inner.syncDirectory()
  }

  syncNames(): Promise<void> {
    this.#tell('syncDirectory', '')
    return this.#inner.syncNames()
  }

  lock(): Promise<() => void> {
    return this.#inner.lock()
  }

  #tell(kind: Mutation['kind'], file: string): void {
    this.#before({ kind, file, offset: 0, bytes: undefined })
  }
}

class WatchedFile implements File {
  readonly name: string
  readonly #inner: File
  readonly #before: Watch

  constructor(inner: File, before: Watch) {
    this.name = inner.name
    this.#inner = inner
    this.#before = before
  }

  readAt(target: Uint8Array, targetStart: number, length: number, fileOffset: number): number {
    return this.#inner.readAt(target, targetStart, length, fileOffset)
  }

  writeAt(source: Uint8Array, sourceStart: number, length: number, fileOffset: number): number {
    const bytes = source.subarray(sourceStart, sourceStart + length)
    this.#before({ kind: 'write', file: this.name, offset: fileOffset, bytes })
    return this.#inner.writeAt(source, sourceStart, length, fileOffset)
  }

  size(): number {
    return this.#inner.size()
  }

  truncate(size: number): void {
    this.#before({ kind: 'truncate', file: this.name, offset: size, bytes: undefined })
    this.#inner.truncate(size)
  }

  sync(): Promise<void> {
    this.#tellSync()
    return this.#inner.sync()
  }

  syncBlocking(): void {
    this.#tellSync()
    this.#inner.syncBlocking()
  }

  close(): void {
    this.#inner.close()
  }

  #tellSync(): void {
    this.#before({ kind: 'sync', file: this.name, offset: 0, bytes: undefined })
  }
}
