/**
 * The file-system port on node:fs. Reads and writes are one system call each, synchronous, at an
 * offset; see file-system.ts for why.
 *
 * SYNC. `fdatasync` is enough for every promise: on Linux it also writes the metadata without which
 * the data could not be read back (a changed size, newly allocated blocks), and leaves out only times.
 * On macOS Node turns it into F_FULLFSYNC, on Windows into FlushFileBuffers. A name is not part of the
 * file: it is made durable by an fsync of the directory.
 */
import {
  accessSync,
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { assert } from '../common/assert.ts'
import { AriesError } from '../common/errors.ts'
import { type Figures, FiguresTeller } from './figures.ts'
import { cleaningUp, type File, type FileSystem, ioError, type OpenMode } from './file-system.ts'
import { assertFlat, compareNames } from './names.ts'
import { lockDirectory } from './process-lock.ts'
import { SyncPace } from './sync-pace.ts'

/** `create` refuses a file that exists, so that nothing of a database is ever overwritten by it. */
const FLAGS: Readonly<Record<OpenMode, string>> = { read: 'r', write: 'r+', create: 'wx+' }

/**
 * The most that one call writes. Linux caches what a call brought in anew in pieces about as long as that call's, on
 * ext4 since 6.16, and every later write into a piece, however small, looks at each 4 KiB of it: in pieces of a
 * mebibyte a page costs four times, and a short record of the log three times, what it costs in these.
 */
const WRITE_BYTES_MAX = 64 << 10

/**
 * What `lock` does: takes the lock and leaves the process id for others to see; only takes it, and writes
 * nothing where the lock is no file; or takes none, for those who look at what another process uses.
 */
export type LockKind = 'announced' | 'quiet' | 'none'

export class NodeFileSystem implements FileSystem {
  readonly location: string
  readonly writable: boolean
  readonly #lockKind: LockKind
  readonly #pace = new SyncPace()
  readonly #teller = new FiguresTeller()

  private constructor(location: string, writable: boolean, lockKind: LockKind) {
    this.location = location
    this.writable = writable
    this.#lockKind = lockKind
  }

  /**
   * The directory at `path`. With `createIfMissing` it and its missing parents are made, durably.
   * @throws `DB_NOT_FOUND` when it is missing; `INVALID_ARGUMENT` when it is no directory;
   *   `DB_READ_ONLY`, `DISK_FULL`, `IO_ERROR` when it cannot be made.
   */
  static open(
    path: string,
    options: { readonly createIfMissing: boolean },
    lockKind: LockKind = 'announced',
  ): NodeFileSystem {
    const location = resolve(path)
    const found = lookUp(location)
    if (found === undefined) {
      if (!options.createIfMissing) {
        throw new AriesError('DB_NOT_FOUND', `${location} does not exist; pass createIfMissing to make it`, {
          file: location,
        })
      }
      createDirectory(location)
    } else if (!found.isDirectory()) {
      throw new AriesError('INVALID_ARGUMENT', `${location} is a file; a database is a directory`, { file: location })
    } else if (options.createIfMissing && readdirSync(location).length === 0) {
      makeDurable(location)
    }
    return new NodeFileSystem(location, isWritable(location), lockKind)
  }

  list(): string[] {
    return readdirSync(this.location).sort(compareNames)
  }

  open(name: string, mode: OpenMode): File {
    const descriptor = openSync(this.#path(name), FLAGS[mode])
    try {
      const blockingDescriptor = mode === 'read' ? descriptor : openSync(this.#path(name), FLAGS.write)
      return new NodeFile(name, descriptor, blockingDescriptor, this.#pace)
    } catch (error) {
      throw cleaningUp(error, () => {
        closeSync(descriptor)
        if (mode === 'create') unlinkSync(this.#path(name))
      })
    }
  }

  rename(from: string, to: string): void {
    renameSync(this.#path(from), this.#path(to))
  }

  remove(name: string): void {
    unlinkSync(this.#path(name))
  }

  syncDirectory(): void {
    syncDirectoryAt(this.location)
  }

  async syncNames(): Promise<void> {
    if (process.platform === 'win32') return
    const descriptor = openSync(this.location, 'r')
    try {
      await new Promise<void>((resolve, reject) => {
        fsync(descriptor, (error) => (error === null ? resolve() : reject(error)))
      })
    } finally {
      closeSync(descriptor)
    }
  }

  async lock(): Promise<() => void> {
    if (this.#lockKind === 'none') return () => {}
    return lockDirectory(this.location, process.platform, this.#lockKind === 'announced', this.#teller)
  }

  publish(figures: Figures): void {
    this.#teller.figures = figures
  }

  #path(name: string): string {
    assertFlat(name)
    return join(this.location, name)
  }
}

class NodeFile implements File {
  readonly name: string
  readonly #descriptor: number
  /**
   * Linux reports a failed write-back once to each descriptor. A blocking sync has one of its own, so
   * that it meets the error even when a sync under way in the thread pool has been told it already.
   */
  readonly #blockingDescriptor: number
  #open = true
  #syncsInFlight = 0
  readonly #pace: SyncPace

  constructor(name: string, descriptor: number, blockingDescriptor: number, pace: SyncPace) {
    this.name = name
    this.#pace = pace
    this.#descriptor = descriptor
    this.#blockingDescriptor = blockingDescriptor
  }

  readAt(target: Uint8Array, targetStart: number, length: number, fileOffset: number): number {
    this.#assertOpen()
    return readSync(this.#descriptor, target, targetStart, length, fileOffset)
  }

  writeAt(source: Uint8Array, sourceStart: number, length: number, fileOffset: number): number {
    this.#assertOpen()
    return writeSync(this.#descriptor, source, sourceStart, Math.min(length, WRITE_BYTES_MAX), fileOffset)
  }

  size(): number {
    this.#assertOpen()
    return fstatSync(this.#descriptor).size
  }

  truncate(size: number): void {
    this.#assertOpen()
    ftruncateSync(this.#descriptor, size)
  }

  async sync(isIdle = false): Promise<void> {
    this.#assertOpen()
    const startedMs = performance.now()
    if (isIdle && this.#pace.isShort) fdatasyncSync(this.#blockingDescriptor)
    else await this.#syncInPool()
    this.#pace.took(performance.now() - startedMs)
  }

  async #syncInPool(): Promise<void> {
    this.#syncsInFlight++
    try {
      await new Promise<void>((resolve, reject) => {
        fdatasync(this.#descriptor, (error) => (error === null ? resolve() : reject(error)))
      })
    } finally {
      this.#syncsInFlight--
      if (!this.#open && this.#syncsInFlight === 0) closeSync(this.#descriptor)
    }
  }

  syncBlocking(): void {
    this.#assertOpen()
    fdatasyncSync(this.#blockingDescriptor)
  }

  /**
   * A descriptor closed under a running sync could be another file's by the time the thread pool gets
   * to it, so the last sync closes it then.
   */
  close(): void {
    this.#assertOpen()
    this.#open = false
    try {
      if (this.#blockingDescriptor !== this.#descriptor) closeSync(this.#blockingDescriptor)
    } finally {
      if (this.#syncsInFlight === 0) closeSync(this.#descriptor)
    }
  }

  #assertOpen(): void {
    assert(this.#open, 'file used after close')
  }
}

function lookUp(location: string): Stats | undefined {
  try {
    return statSync(location, { throwIfNoEntry: false })
  } catch (error) {
    throw ioError(error, 'look-up', location)
  }
}

/** Makes the directory and its missing parents, each durable in the one above it. */
function createDirectory(location: string): void {
  try {
    const first = mkdirSync(location, { recursive: true }) ?? location
    for (let made = location; ; made = dirname(made)) {
      syncDirectoryAt(dirname(made))
      if (made === first || made === dirname(made)) return
    }
  } catch (error) {
    throw ioError(error, 'creation', location)
  }
}

/**
 * Makes durable a directory that was found: whoever made it may have died, or failed, before it was. Where its parent
 * may be passed and not opened, only he can have done that.
 */
function makeDurable(location: string): void {
  try {
    syncDirectoryAt(dirname(location))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EACCES' && code !== 'EPERM') throw ioError(error, 'creation', location)
  }
}

/** Windows cannot open a directory for this; NTFS journals names by itself. */
function syncDirectoryAt(path: string): void {
  if (process.platform === 'win32') return
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

function isWritable(location: string): boolean {
  try {
    accessSync(location, constants.W_OK)
    return true
  } catch {
    return false
  }
}
