/**
 * The files of a database, and how one comes into being.
 *
 * | FILE                | CONTENT                                           |
 * |---------------------|---------------------------------------------------|
 * | `data`              | pages, see `page/page.ts`; page 0 is the meta page, see `buffer/meta-page.ts` |
 * | `log-000000000000`… | the log, see `log/segment.ts`                     |
 * | `master`            | where the last checkpoint is, see `log/master-record.ts` |
 * | `double-write`      | copies of pages being written, see `buffer/double-write.ts` |
 * | `creating`          | there while the database is being made; at first its name is `creating-new` |
 * | `lock`              | pid of the process that has it open, for messages |
 *
 * A database is made behind the marker file `creating`, which goes last. A crash before that leaves
 * the marker, and the next open begins anew: nothing had been acknowledged. Beside a master record, valid or damaged,
 * which is written when all else is durable, the marker does not count any more: its removal may have been given up
 * after a failed sync. So a missing file without the marker is always damage.
 */
import { DATA_FILE_NAME } from '../buffer/data-file.ts'
import { DOUBLE_WRITE_FILE_NAME, doubleWriteBytes } from '../buffer/double-write.ts'
import { formatVersionOf, META_PAGE, metaPage, startsAsDataFile } from '../buffer/meta-page.ts'
import { isZero } from '../common/bytes.ts'
import { AriesError } from '../common/errors.ts'
import { type Lsn, NULL_LSN } from '../common/ids.ts'
import {
  cleaningUp,
  type File,
  type FileSystem,
  ioError,
  type OpenMode,
  readTwice,
  writeFully,
  writeZeros,
} from '../io/file-system.ts'
import type { Runtime } from '../io/runtime.ts'
import { FORMAT_VERSION, type Identity, makeIdentity } from '../log/identity.ts'
import { MASTER_FILE_BYTES, MASTER_FILE_NAME, type MasterRecord, readMaster } from '../log/master-record.ts'
import { NEW_SEGMENT_NAME, segmentNumberOf } from '../log/segment.ts'
import { isPageValid, pageLsnOf } from '../page/page.ts'

export const CREATING_FILE_NAME = 'creating'
/** The marker before it has its name. */
const NEW_MARKER_NAME = 'creating-new'

/** Opens a file of the database. @throws `IO_ERROR`, `DB_READ_ONLY`, `DISK_FULL` */
export function openFile(fileSystem: FileSystem, name: string, mode: OpenMode): File {
  try {
    return fileSystem.open(name, mode)
  } catch (error) {
    throw ioError(error, mode === 'create' ? 'creation' : 'open', name)
  }
}

const OUR_NAMES: readonly string[] = [
  DATA_FILE_NAME,
  MASTER_FILE_NAME,
  DOUBLE_WRITE_FILE_NAME,
  CREATING_FILE_NAME,
  NEW_MARKER_NAME,
  NEW_SEGMENT_NAME,
]

function isOurs(name: string): boolean {
  return OUR_NAMES.includes(name) || segmentNumberOf(name) !== undefined
}

/**
 * What the directory holds: nothing of ours, a half-made database, or a database.
 * @throws `FORMAT_UNSUPPORTED` when the marker is not ours: files beside it must not be made anew
 */
export function stateOf(fileSystem: FileSystem): 'empty' | 'creating' | 'there' {
  const names = fileSystem.list()
  if (names.includes(CREATING_FILE_NAME)) {
    if (isEmptyFile(fileSystem, CREATING_FILE_NAME)) return isMade(fileSystem) ? 'there' : 'creating'
    throw notOurs(fileSystem, CREATING_FILE_NAME)
  }
  const hasParts = names.includes(DATA_FILE_NAME) || names.includes(MASTER_FILE_NAME) || hasLog(names)
  return hasParts ? 'there' : 'empty'
}

/**
 * Whether the marker alone is left: the master record is written when all else is durable. Of a removal whose
 * sync has failed the system may show what the disk does not have, so the marker may come back later (F11). A master
 * record that holds something and is not valid is a damaged one, unless there is no log yet: then its zeros may not
 * have reached the disk.
 */
function isMade(fileSystem: FileSystem): boolean {
  const names = fileSystem.list()
  if (!names.includes(MASTER_FILE_NAME)) return false
  const file = openFile(fileSystem, MASTER_FILE_NAME, 'read')
  try {
    if (readMaster(file).records.length > 0) return true
    const bytes = new Uint8Array(MASTER_FILE_BYTES)
    readTwice(file, bytes, 0, bytes.length, 0)
    return !isZero(bytes, 0, bytes.length) && hasLog(names)
  } finally {
    file.close()
  }
}

function hasLog(names: readonly string[]): boolean {
  return names.some((name) => segmentNumberOf(name) !== undefined)
}

function isEmptyFile(fileSystem: FileSystem, name: string): boolean {
  const file = openFile(fileSystem, name, 'read')
  try {
    return file.size() === 0
  } finally {
    file.close()
  }
}

/** The error for a directory whose files have our names and not our content. */
export function notOurs(fileSystem: FileSystem, name: string): AriesError {
  return new AriesError(
    'FORMAT_UNSUPPORTED',
    `the file ${name} in ${fileSystem.location} is not one of aries-db; is this the right directory?`,
    { file: name },
  )
}

/**
 * Makes the files of an empty database behind the marker; `finishCreation` removes that. A marker that is there is
 * replaced, never missing: the system may show one that the disk does not have, and files that the disk has behind one
 * may seem to be gone (F11).
 */
export function createFiles(
  fileSystem: FileSystem,
  runtime: Runtime,
  pageSize: number,
  segmentBytes: number,
): Identity {
  try {
    for (const name of fileSystem.list()) if (isOurs(name) && name !== CREATING_FILE_NAME) fileSystem.remove(name)
    fileSystem.open(NEW_MARKER_NAME, 'create').close()
    fileSystem.rename(NEW_MARKER_NAME, CREATING_FILE_NAME)
    fileSystem.syncDirectory()
    const identity = makeIdentity(randomId(runtime), pageSize, segmentBytes)
    makeFile(fileSystem, DATA_FILE_NAME, metaPage(identity, NULL_LSN))
    makeFile(fileSystem, MASTER_FILE_NAME, new Uint8Array(MASTER_FILE_BYTES))
    makeFile(fileSystem, DOUBLE_WRITE_FILE_NAME, new Uint8Array(doubleWriteBytes(pageSize)))
    fileSystem.syncDirectory()
    return identity
  } catch (error) {
    throw ioError(error, 'making a database', fileSystem.location)
  }
}

/** The database is whole: from here on a missing file is damage. */
export function finishCreation(fileSystem: FileSystem): void {
  try {
    fileSystem.remove(CREATING_FILE_NAME)
    fileSystem.syncDirectory()
  } catch (error) {
    throw ioError(error, 'making a database', fileSystem.location)
  }
}

/**
 * Writes the master record and the last page of the data file once more, as they are read, so that the
 * slots and the file's length are durable with the next sync even if an earlier one has failed.
 * @throws `IO_ERROR`, `DISK_FULL`
 */
export function writeEndsAgain(fileSystem: FileSystem, pageSize: number): void {
  const names = fileSystem.list()
  for (const [name, length] of [
    [MASTER_FILE_NAME, MASTER_FILE_BYTES],
    [DATA_FILE_NAME, pageSize],
  ] as const) {
    if (!names.includes(name)) continue
    const file = openFile(fileSystem, name, 'write')
    try {
      const bytes = new Uint8Array(length)
      const offset = Math.max(0, Math.floor(file.size() / length) - 1) * length
      const count = readTwice(file, bytes, 0, length, offset)
      writeFully(file, bytes, 0, count, offset)
    } finally {
      file.close()
    }
  }
}

/**
 * Syncs all files and the directory before a restart builds on them.
 *
 * From here on a record that was read counts as durable, and a page that was read need not be redone. If
 * only the process died, neither need be on the disk yet, nor the names of the files.
 * @throws `IO_ERROR`, `DISK_FULL`
 */
export function makeDurable(fileSystem: FileSystem): void {
  try {
    for (const name of fileSystem.list()) {
      if (!isOurs(name)) continue
      const file = fileSystem.open(name, 'write')
      try {
        file.syncBlocking()
      } finally {
        file.close()
      }
    }
    fileSystem.syncDirectory()
  } catch (error) {
    throw ioError(error, 'making durable what is there', fileSystem.location)
  }
}

/** The double-write file, made again when it is missing. @throws `DISK_FULL`, `IO_ERROR` */
export function openDoubleWrite(fileSystem: FileSystem, pageSize: number): File {
  return openOrMake(fileSystem, DOUBLE_WRITE_FILE_NAME, doubleWriteBytes(pageSize))
}

/**
 * Gives the double-write file the length that a clean close has taken from it, or damage, before it is written
 * to. What it holds stays: after a crash that is needed. Durable. @throws `DISK_FULL`, `IO_ERROR`
 */
export function makeDoubleWriteWhole(file: File, pageSize: number): void {
  const length = doubleWriteBytes(pageSize)
  if (file.size() >= length) return
  try {
    writeZeros(file, file.size(), length)
    file.syncBlocking()
  } catch (error) {
    throw ioError(error, 'preallocation', file.name)
  }
}

/** The master record's file, made again when it is missing: the log has told where the checkpoint is. */
export function openMaster(fileSystem: FileSystem): File {
  return openOrMake(fileSystem, MASTER_FILE_NAME, MASTER_FILE_BYTES)
}

/** What is seen counts as durable: a file whose name could not be made durable does not stay (F11). */
function openOrMake(fileSystem: FileSystem, name: string, length: number): File {
  try {
    if (!fileSystem.list().includes(name)) {
      makeFile(fileSystem, name, new Uint8Array(length))
      syncOrRemove(fileSystem, name)
    }
  } catch (error) {
    throw ioError(error, 'creation', name)
  }
  return openFile(fileSystem, name, fileSystem.writable ? 'write' : 'read')
}

function syncOrRemove(fileSystem: FileSystem, name: string): void {
  try {
    fileSystem.syncDirectory()
  } catch (error) {
    throw cleaningUp(error, () => fileSystem.remove(name))
  }
}

function makeFile(fileSystem: FileSystem, name: string, content: Uint8Array): void {
  const file = openFile(fileSystem, name, 'create')
  try {
    writeFully(file, content, 0, content.length, 0)
    file.syncBlocking()
  } finally {
    file.close()
  }
}

function randomId(runtime: Runtime): Uint8Array {
  return Uint8Array.from({ length: 16 }, () => Math.floor(runtime.random() * 256))
}

/**
 * Checks that the data file is ours, of this format, belongs to `identity`, has at least the pages that the newest
 * master record knows of, as it never gets shorter by itself, and is no older than the checkpoint that this names.
 * Returns the BEGIN_CHECKPOINT of the last checkpoint that the file has seen.
 * @throws `FORMAT_UNSUPPORTED`, `PAGE_CORRUPT`
 */
export function checkDataFile(file: File, identity: Identity, newest: MasterRecord | undefined): Lsn {
  const { pageSize } = identity
  const pageCount = Math.max(1, newest?.pageCount ?? 0)
  const found = Math.floor(file.size() / pageSize)
  if (found < pageCount) {
    throw damaged(
      `${DATA_FILE_NAME} has ${found} pages, but had at least ${pageCount}: it was cut short`,
      found,
      pageSize,
    )
  }
  const bytes = new Uint8Array(pageSize)
  const view = new DataView(bytes.buffer)
  readTwice(file, bytes, 0, pageSize, 0)
  if (!isPageValid(bytes, view, 0, pageSize, META_PAGE, identity.databaseSeed)) {
    if (!startsAsDataFile(bytes)) throw unsupported(`${DATA_FILE_NAME} does not start as a data file of aries-db does`)
    throw damaged(`the meta page of ${DATA_FILE_NAME} is damaged or belongs to another database`, META_PAGE, pageSize)
  }
  const version = formatVersionOf(view)
  if (version !== FORMAT_VERSION) {
    throw unsupported(`the data file has format ${version}; this build reads ${FORMAT_VERSION}`)
  }
  const checkpointLsn = pageLsnOf(view, 0)
  if (checkpointLsn < (newest?.checkpointLsn ?? NULL_LSN)) {
    const older = `${DATA_FILE_NAME} is an older copy: it has seen the checkpoint at LSN ${checkpointLsn}, the master record names the one at LSN ${newest?.checkpointLsn}`
    throw damaged(older, META_PAGE, pageSize)
  }
  return checkpointLsn
}

function damaged(what: string, pageId: number, pageSize: number): AriesError {
  const place = { file: DATA_FILE_NAME, pageId, offset: pageId * pageSize }
  return new AriesError('PAGE_CORRUPT', `${what}; restore all files from one backup`, place)
}

function unsupported(message: string): AriesError {
  return new AriesError('FORMAT_UNSUPPORTED', message, { file: DATA_FILE_NAME, offset: 0 })
}
