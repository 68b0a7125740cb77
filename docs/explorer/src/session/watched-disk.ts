/**
 * The simulated disk with somebody who watches: before and after each change that the engine makes to a file,
 * and each sync. Between the two nothing else happens, so that what is seen belongs to one step.
 */
import type { File, FileSystem, OpenMode } from '../../../../src/io/file-system.ts'

/** What the engine did to a file. */
export interface DiskOperation {
  readonly kind: 'write' | 'sync'
  readonly file: string
  /** Of a write, in bytes. */
  readonly offset: number
  readonly length: number
}

export interface DiskWatcher {
  before(operation: DiskOperation): void
  after(operation: DiskOperation): void
}

export class WatchedDisk implements FileSystem {
  readonly #disk: FileSystem
  readonly #watcher: DiskWatcher

  constructor(disk: FileSystem, watcher: DiskWatcher) {
    this.#disk = disk
    this.#watcher = watcher
  }

  get location(): string {
    return this.#disk.location
  }

  get writable(): boolean {
    return this.#disk.writable
  }

  list(): string[] {
    return this.#disk.list()
  }

  open(name: string, mode: OpenMode): File {
    return new WatchedFile(this.#disk.open(name, mode), this.#watcher)
  }

  rename(from: string, to: string): void {
    this.#disk.rename(from, to)
  }

  remove(name: string): void {
    this.#disk.remove(name)
  }

  syncDirectory(): void {
    this.#disk.syncDirectory()
  }

  syncNames(): Promise<void> {
    return this.#disk.syncNames()
  }

  lock(): Promise<() => void> {
    return this.#disk.lock()
  }
}

class WatchedFile implements File {
  readonly #file: File
  readonly #watcher: DiskWatcher

  constructor(file: File, watcher: DiskWatcher) {
    this.#file = file
    this.#watcher = watcher
  }

  get name(): string {
    return this.#file.name
  }

  readAt(target: Uint8Array, targetStart: number, length: number, fileOffset: number): number {
    return this.#file.readAt(target, targetStart, length, fileOffset)
  }

  writeAt(source: Uint8Array, sourceStart: number, length: number, fileOffset: number): number {
    const operation = { kind: 'write', file: this.name, offset: fileOffset, length } as const
    this.#watcher.before(operation)
    const count = this.#file.writeAt(source, sourceStart, length, fileOffset)
    this.#watcher.after({ ...operation, length: count })
    return count
  }

  size(): number {
    return this.#file.size()
  }

  truncate(size: number): void {
    this.#file.truncate(size)
  }

  /** A sync that is done at once: the simulated disk has no other pace, and so it is one step. */
  async sync(): Promise<void> {
    this.syncBlocking()
  }

  syncBlocking(): void {
    const operation = { kind: 'sync', file: this.name, offset: 0, length: 0 } as const
    this.#watcher.before(operation)
    this.#file.syncBlocking()
    this.#watcher.after(operation)
  }

  close(): void {
    this.#file.close()
  }
}
