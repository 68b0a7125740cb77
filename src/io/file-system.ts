/**
 * The file-system port: everything the engine knows of disks. One `FileSystem` is one directory;
 * names in it are flat (no separators). Implementations: `node-file-system.ts`,
 * `memory-file-system.ts`, `simulated-file-system.ts`.
 *
 * PROMISES an implementation makes, and the only ones the engine builds on:
 *
 * 1. After `sync()` resolves, or `syncBlocking()` returns, every earlier `writeAt` and `truncate` of
 *    that file survives a power cut. If it throws, nothing is known, and calling it again proves
 *    nothing: the engine stops (fsync failures are not retried).
 * 2. Without a sync, any subset of writes may survive, in any order, torn at 512-byte sectors.
 * 3. A created, renamed or removed name survives a power cut only after `syncDirectory` or `syncNames`.
 * 4. `readAt` returns what was last written, synced or not, and zeros in holes below `size()`; or, if a transfer is
 *    bad, something else, but the right bytes when it is made again.
 * 5. `readAt` and `writeAt` may transfer fewer bytes than asked without an error; `readFully` and
 *    `writeFully` below loop. `readAt` returns 0 only at or past the end of the file. Either may throw
 *    EINTR or EAGAIN when it has transferred nothing; the same two make the call again. Elsewhere these
 *    are failures like any other: of a sync nothing is known then.
 * 6. A process kill loses nothing that `writeAt` was given.
 * 7. Errors are thrown as they come from the system with a `code` (`ENOSPC`, `EIO`, `ENOENT`, ...);
 *    `ioError` below turns them into the engine's.
 *
 * INVARIANT I29: all that the engine takes in comes through here and through `runtime.ts`, so with a simulated one of
 * each the same seed gives the same run.
 *
 * INVARIANT I40: a read that is wrong once does no harm. Bytes count as damaged, are acted upon or are written back only
 * as two readings have them (`readTwice`), or as a checksum proves them.
 *
 * Reads, writes and name changes are synchronous: a cached 8 KiB read takes about a microsecond,
 * a trip through a thread pool thirty. Only a sync may take long, so it has both forms.
 */
import { compareBytes, zerosOf } from '../common/bytes.ts'
import { AriesError, type ErrorCode } from '../common/errors.ts'

/** One open file of the directory. */
export interface File {
  readonly name: string
  /** Reads up to `length` bytes at `fileOffset` into `target[targetStart...]`; returns how many. */
  readAt(target: Uint8Array, targetStart: number, length: number, fileOffset: number): number
  /** Writes up to `length` bytes of `source[sourceStart...]` at `fileOffset`; returns how many. */
  writeAt(source: Uint8Array, sourceStart: number, length: number, fileOffset: number): number
  size(): number
  truncate(size: number): void
  /**
   * Makes the file's bytes and size durable without stopping the event loop. With `isIdle` the database has
   * nothing else to do meanwhile: then an implementation may block, if it expects the sync to be short.
   */
  sync(isIdle?: boolean): Promise<void>
  /** The same, blocking. */
  syncBlocking(): void
  close(): void
}

/** `read`: must exist, never written. `write`: must exist. `create`: made empty; must not exist. */
export type OpenMode = 'read' | 'write' | 'create'

/** One directory. */
export interface FileSystem {
  /** How the directory is called in messages: a path, or a made-up name. */
  readonly location: string
  /** The names in the directory, sorted. Files that are not ours may be among them. */
  list(): string[]
  open(name: string, mode: OpenMode): File
  /** Renames over an existing target. */
  rename(from: string, to: string): void
  remove(name: string): void
  /** Makes creations, renames and removals durable. */
  syncDirectory(): void
  /** The same of those made before the call, without stopping the event loop. */
  syncNames(): Promise<void>
  /**
   * Takes the one exclusive lock on the directory; the returned function gives it back. The lock
   * dies with the process.
   * @throws `DB_LOCKED` at once when another handle or process holds it, with `details.pid` if known.
   */
  lock(): Promise<() => void>
  /**
   * While the lock is held, others who may read the directory can ask for `figures`, which are gathered when
   * somebody asks. Absent where nobody can.
   */
  publish?(figures: () => object): void
  /** Whether files can be created and written here. */
  readonly writable: boolean
}

const CODE_BY_ERRNO: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  EFBIG: 'DISK_FULL',
  EROFS: 'DB_READ_ONLY',
  EACCES: 'DB_READ_ONLY',
  EPERM: 'DB_READ_ONLY',
}

const MAKE_ROOM = 'nothing is lost: make room, then try again'

/** The engine's error for one the system gave; errors that are ours already pass through. */
export function ioError(error: unknown, doing: string, file: string): AriesError {
  if (AriesError.is(error)) return error
  const errno = (error as { code?: unknown } | null)?.code
  const code = (typeof errno === 'string' ? CODE_BY_ERRNO[errno] : undefined) ?? 'IO_ERROR'
  const reason = error instanceof Error ? error.message : String(error)
  const advice = code === 'DISK_FULL' ? `; ${MAKE_ROOM}` : ''
  return new AriesError(code, `${doing} of ${file} failed: ${reason}${advice}`, { file, errno }, error)
}

/** Closes a file. @throws `IO_ERROR`, and the file is closed all the same */
export function closeFile(file: File): void {
  try {
    file.close()
  } catch (error) {
    throw ioError(error, 'close', file.name)
  }
}

/** Calls all of these, whichever fail. @throws what the first that failed threw */
export function closeAll(closers: Iterable<() => void>): void {
  const failures: unknown[] = []
  for (const close of closers) {
    try {
      close()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}

/** Cleans up after `error`, which it returns: it says more than that the cleaning failed too. */
export function cleaningUp(error: unknown, cleanUp: () => void): unknown {
  try {
    cleanUp()
  } catch {
    return error
  }
  return error
}

/**
 * Writes all `length` bytes.
 * @throws `DISK_FULL`, `IO_ERROR`, `DB_READ_ONLY`
 */
export function writeFully(
  file: File,
  source: Uint8Array,
  sourceStart: number,
  length: number,
  fileOffset: number,
): void {
  let done = 0
  while (done < length) {
    const count = attempt(file, 'write', () =>
      file.writeAt(source, sourceStart + done, length - done, fileOffset + done),
    )
    if (count <= 0) {
      throw new AriesError(
        'DISK_FULL',
        `write of ${file.name} stopped after ${done} of ${length} bytes; ${MAKE_ROOM}`,
        {
          file: file.name,
          offset: fileOffset + done,
        },
      )
    }
    done += count
  }
}

/** Zeros are written in pieces of this size. */
const FILL_BYTES = 1 << 20

/** Writes zeros to [from, to). @throws as `writeFully` */
export function writeZeros(file: File, from: number, to: number): void {
  for (let at = from; at < to; at += FILL_BYTES) {
    const length = Math.min(FILL_BYTES, to - at)
    writeFully(file, zerosOf(length), 0, length, at)
  }
}

/**
 * Reads until `length` bytes are there or the file ends; returns how many.
 * @throws `IO_ERROR`
 */
export function readFully(
  file: File,
  target: Uint8Array,
  targetStart: number,
  length: number,
  fileOffset: number,
): number {
  let done = 0
  while (done < length) {
    const count = attempt(file, 'read', () => file.readAt(target, targetStart + done, length - done, fileOffset + done))
    if (count <= 0) break
    done += count
  }
  return done
}

/** How often bytes are read that come out differently each time. */
const READINGS_MAX = 4

/**
 * The same until two readings in a row agree, as a transfer may be bad once (I40). For what no checksum guards, and for
 * what is small.
 * @throws `IO_ERROR`, also when no two readings agree
 */
export function readTwice(
  file: File,
  target: Uint8Array,
  targetStart: number,
  length: number,
  fileOffset: number,
): number {
  let count = readFully(file, target, targetStart, length, fileOffset)
  for (let readings = 1; readings < READINGS_MAX; readings++) {
    const before = new Uint8Array(target.subarray(targetStart, targetStart + count))
    count = readFully(file, target, targetStart, length, fileOffset)
    if (compareBytes(before, target.subarray(targetStart, targetStart + count)) === 0) return count
  }
  throw new AriesError(
    'IO_ERROR',
    `${file.name} reads differently each time at byte ${fileOffset}; the disk or its controller may be failing`,
    { file: file.name, offset: fileOffset },
  )
}

/** An interrupted call (EINTR, EAGAIN) has transferred nothing and may simply be made again, but not for ever. */
const INTERRUPTIONS_MAX = 100

function attempt(file: File, doing: string, transfer: () => number): number {
  for (let interruptions = 0; ; interruptions++) {
    try {
      return transfer()
    } catch (error) {
      const code = (error as { code?: unknown } | null)?.code
      const again = (code === 'EINTR' || code === 'EAGAIN') && interruptions < INTERRUPTIONS_MAX
      if (!again) throw ioError(error, doing, file.name)
    }
  }
}
