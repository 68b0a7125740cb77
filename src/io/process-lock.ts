/**
 * One process at a time: the exclusive lock on a database directory. Node has no `flock`, so the lock
 * is something the system gives to one process only and takes back when that process dies:
 *
 *   Linux     an abstract Unix socket, '\0aries-db-<device>-<inode>'. It has no file, so nothing stale
 *             can stay behind, and two paths to one directory give one name.
 *   Windows   a named pipe of the same name, which behaves likewise.
 *   others    a file `lock` with the holder's process id, made complete under another name and then
 *             linked into place, which only one process can do. Of a dead holder it is stale: moved
 *             aside, looked at once more, and taken.
 *
 * On Linux and Windows the file `lock` exists too, but only so that an error can name the holder, and others can
 * ask it for its figures (`figures.ts`); it may be missing (a read-only directory) and says nothing about whether
 * the lock is held.
 *
 * NOT COVERED: an abstract socket belongs to a network namespace, so two containers that share a
 * volume but no network do not see each other's lock; nor do two machines over a network file system.
 * With the lock file, a holder whose process id was reused looks alive; the error says what to remove. Of
 * three processes that meet the file of a dead one at the same moment two may get it: one moves aside what
 * the other has just put there.
 */
import { randomUUID } from 'node:crypto'
import { linkSync, renameSync, rmSync } from 'node:fs'
import type { Server } from 'node:net'
import { join } from 'node:path'
import { AriesError } from '../common/errors.ts'
import { FiguresTeller, tellElsewhere } from './figures.ts'
import { ioError } from './file-system.ts'
import { addressOf, LOCK_FILE, readLockFile, writeLockFile } from './lock-file.ts'

/**
 * Locks `directory` for this process; the returned function gives the lock back. It throws `IO_ERROR`
 * when the lock is a file that cannot be removed. Who only reads need not be announced: where the lock
 * is no file, nothing is written to the directory then. Meanwhile others who read the directory may ask `teller`.
 * @throws `DB_LOCKED` when it is held, by this process or another; `IO_ERROR`
 */
export async function lockDirectory(
  directory: string,
  platform: NodeJS.Platform = process.platform,
  isAnnounced = true,
  teller = new FiguresTeller(),
): Promise<() => void> {
  if (platform !== 'linux' && platform !== 'win32') return lockByFile(directory, platform, teller)
  const server = await listen(directory, addressOf(directory, platform), teller)
  const announced = isAnnounced && announce(directory, teller)
  let held = true
  return () => {
    if (!held) return
    held = false
    try {
      // The file goes first: after the socket is closed it could be the next holder's.
      if (announced) rmSync(join(directory, LOCK_FILE), { force: true })
    } catch {
      // A failed disk keeps the file. That means nothing; the socket is the lock.
    }
    server.close()
  }
}

function listen(directory: string, path: string, teller: FiguresTeller): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = teller.makeServer()
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? lockedError(directory) : ioError(error, 'lock', directory))
    })
    // `exclusive`: under node:cluster a listening handle would otherwise be shared with the primary.
    server.listen({ path, exclusive: true }, () => resolve(server))
  })
}

/** Leaves our process id in the directory; returns whether that was possible. */
function announce(directory: string, { secret }: FiguresTeller): boolean {
  try {
    writeLockFile(join(directory, LOCK_FILE), secret)
    return true
  } catch {
    return false
  }
}

function lockByFile(directory: string, platform: NodeJS.Platform, teller: FiguresTeller): () => void {
  const path = join(directory, LOCK_FILE)
  const candidate = join(directory, `${LOCK_FILE}.${randomUUID()}`)
  try {
    writeLockFile(candidate, teller.secret)
  } catch (error) {
    // Who cannot create files cannot write a database either, and reading needs no lock file.
    if (isErrno(error, 'EROFS') || isErrno(error, 'EACCES') || isErrno(error, 'EPERM')) return () => {}
    throw ioError(error, 'lock', directory)
  }
  try {
    while (!linkIfFree(candidate, path)) {
      const holder = readLockFile(path)?.pid
      if (holder !== undefined && isAlive(holder)) throw lockedError(directory)
      moveAside(path, `${candidate}.stale`, holder)
    }
  } finally {
    rmSync(candidate, { force: true })
  }
  const fallSilent = tellElsewhere(teller, directory, platform)
  let held = true
  return () => {
    if (!held) return
    held = false
    // First: once the file is gone, what lies at the address could be the next holder's.
    fallSilent()
    try {
      rmSync(path, { force: true })
    } catch (error) {
      throw ioError(error, 'removal', path)
    }
  }
}

function linkIfFree(candidate: string, path: string): boolean {
  try {
    linkSync(candidate, path)
    return true
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false
    throw ioError(error, 'lock', path)
  }
}

/** Removes the lock file of a dead `holder`, unless another process has replaced it meanwhile. */
function moveAside(path: string, aside: string, holder: number | undefined): void {
  try {
    renameSync(path, aside)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return
    throw ioError(error, 'lock', path)
  }
  if (readLockFile(aside)?.pid !== holder) linkIfFree(aside, path)
  rmSync(aside, { force: true })
}

function lockedError(directory: string): AriesError {
  const path = join(directory, LOCK_FILE)
  const holder = readLockFile(path)?.pid
  const known = holder !== undefined && isAlive(holder)
  const by = known ? ` by process ${holder}` : ''
  return new AriesError(
    'DB_LOCKED',
    `${directory} is open already${by}; close it there first, a directory has one handle in one process`,
    known ? { file: directory, pid: holder } : { file: directory },
  )
}

/** Whether a process of this id runs; one that is not ours to signal does. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return !isErrno(error, 'ESRCH')
  }
}

function isErrno(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === code
}
