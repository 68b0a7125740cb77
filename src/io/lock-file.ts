/**
 * The file `lock` in a database directory, and where the process that holds the lock can be reached.
 *
 * ```
 *   lock:   <process id>\n<secret>\n        the second line is missing where nobody can be reached
 * ```
 *
 * The address is made of device and inode, so it is the same by whatever path the directory is named. On Linux it
 * is an abstract Unix socket, on Windows a named pipe, elsewhere a Unix socket in the directory for temporary files.
 */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ioError } from './file-system.ts'

export const LOCK_FILE = 'lock'

export interface LockHolder {
  readonly pid: number
  /** Whoever can read the directory knows it, and nobody else. */
  readonly secret: string | undefined
}

/** @throws `IO_ERROR` */
export function writeLockFile(path: string, secret?: string): void {
  writeFileSync(path, secret === undefined ? `${process.pid}\n` : `${process.pid}\n${secret}\n`)
}

/** What a lock file says; undefined when it is not there or says nothing that makes sense. */
export function readLockFile(path: string): LockHolder | undefined {
  try {
    const [first = '', secret = ''] = readFileSync(path, 'utf8').split('\n')
    const pid = Number.parseInt(first, 10)
    if (!Number.isSafeInteger(pid) || pid <= 0) return undefined
    return { pid, secret: secret === '' ? undefined : secret }
  } catch {
    return undefined
  }
}

/** @throws `IO_ERROR` */
export function addressOf(directory: string, platform: NodeJS.Platform): string {
  const name = nameOf(directory)
  if (platform === 'linux') return `\0${name}`
  return platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`)
}

function nameOf(directory: string): string {
  try {
    const { dev, ino } = statSync(directory, { bigint: true })
    return `aries-db-${dev}-${ino}`
  } catch (error) {
    throw ioError(error, 'lock', directory)
  }
}
