/**
 * The files of a database, and how one comes into being.
 *
 * | FILE                | CONTENT                                           |
 * |---------------------|---------------------------------------------------|
 * | `data`              | pages, see `page/page.ts`; page 0 is the meta page |
 * | `log-000000000000`… | the log, see `log/segment.ts`                     |
 * | `master`            | where the last checkpoint is, see `log/master-record.ts` |
 * | `double-write`      | copies of pages being written, see `buffer/double-write.ts` |
 * | `creating`          | there while the database is being made            |
 * | `lock`              | pid of the process that has it open, for messages |
 *
 * A database is made behind the marker file `creating`, which goes last. A crash before that leaves
 * the marker, and the next open begins anew: nothing had been acknowledged. So a missing file without
 * the marker is always damage.
 *
 * Meta page (page 0), after the page header:
 *
 * | OFFSET | SIZE | FIELD                |
 * |--------|------|----------------------|
 * | 32     | 8    | magic "ARIESDB\0"    |
 * | 40     | 4    | format version       |
 * | 44     | 4    | page size            |
 * | 48     | 16   | database id          |
 */
import { DATA_FILE_NAME } from '../buffer/data-file.ts'
import { DOUBLE_WRITE_FILE_NAME, doubleWriteBytes } from '../buffer/double-write.ts'
import { AriesError } from '../common/errors.ts'
import { asPageId } from '../common/ids.ts'
import { type File, type FileSystem, ioError, type OpenMode, readFully, writeFully } from '../io/file-system.ts'
import type { Runtime } from '../io/runtime.ts'
import { FORMAT_VERSION, type Identity, makeIdentity } from '../log/identity.ts'
import { MASTER_FILE_BYTES, MASTER_FILE_NAME } from '../log/master-record.ts'
import { segmentNumberOf } from '../log/segment.ts'
import { formatPage, isPageValid, PageType, sealPage } from '../page/page.ts'

export const CREATING_FILE_NAME = 'creating'
const MAGIC = 'ARIESDB\0'
const META_MAGIC = 32
const META_VERSION = 40
const META_PAGE_SIZE = 44
export const META_ID = 48
export const META_PAGE = asPageId(0)

/** Opens a file of the database. @throws `IO_ERROR`, `DB_READ_ONLY`, `DISK_FULL` */
export function openFile(fileSystem: FileSystem, name: string, mode: OpenMode): File {
  try {
    return fileSystem.open(name, mode)
  } catch (error) {
    throw ioError(error, mode === 'create' ? 'creation' : 'open', name)
  }
}

function isOurs(name: string): boolean {
  return (
    [DATA_FILE_NAME, MASTER_FILE_NAME, DOUBLE_WRITE_FILE_NAME, CREATING_FILE_NAME].includes(name) ||
    name.startsWith('log-')
  )
}

/** What the directory holds: nothing of ours, a half-made database, or a database. */
export function stateOf(fileSystem: FileSystem): 'empty' | 'creating' | 'there' {
  const names = fileSystem.list()
  if (names.includes(CREATING_FILE_NAME)) return 'creating'
  const hasParts =
    names.includes(DATA_FILE_NAME) ||
    names.includes(MASTER_FILE_NAME) ||
    names.some((name) => segmentNumberOf(name) !== undefined)
  return hasParts ? 'there' : 'empty'
}

/** Makes the files of an empty database behind the marker; `finishCreation` removes that. */
export function createFiles(fileSystem: FileSystem, runtime: Runtime, pageSize: number, segmentBytes: number): Identity {
  try {
    for (const name of fileSystem.list()) if (isOurs(name) && name !== CREATING_FILE_NAME) fileSystem.remove(name)
    if (!fileSystem.list().includes(CREATING_FILE_NAME)) fileSystem.open(CREATING_FILE_NAME, 'create').close()
    fileSystem.syncDirectory()
    const identity = makeIdentity(randomId(runtime), pageSize, segmentBytes)
    makeFile(fileSystem, DATA_FILE_NAME, metaPage(identity))
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

/** The double-write file, made again when it is missing. */
export function openDoubleWrite(fileSystem: FileSystem, pageSize: number): File {
  if (!fileSystem.list().includes(DOUBLE_WRITE_FILE_NAME)) {
    makeFile(fileSystem, DOUBLE_WRITE_FILE_NAME, new Uint8Array(doubleWriteBytes(pageSize)))
    fileSystem.syncDirectory()
  }
  return openFile(fileSystem, DOUBLE_WRITE_FILE_NAME, fileSystem.writable ? 'write' : 'read')
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

function metaPage(identity: Identity): Uint8Array {
  const { pageSize } = identity
  const bytes = new Uint8Array(pageSize)
  const view = new DataView(bytes.buffer)
  formatPage(bytes, view, 0, pageSize, META_PAGE, PageType.META)
  for (let i = 0; i < MAGIC.length; i++) bytes[META_MAGIC + i] = MAGIC.charCodeAt(i)
  view.setUint32(META_VERSION, FORMAT_VERSION, true)
  view.setUint32(META_PAGE_SIZE, pageSize, true)
  bytes.set(identity.databaseId, META_ID)
  sealPage(bytes, view, 0, pageSize, identity.databaseSeed)
  return bytes
}

/**
 * Checks that the data file is ours, of this format, and belongs to `identity`.
 * @throws `FORMAT_UNSUPPORTED`, `PAGE_CORRUPT`
 */
export function checkMetaPage(file: File, identity: Identity): void {
  const { pageSize } = identity
  const bytes = new Uint8Array(pageSize)
  const view = new DataView(bytes.buffer)
  readFully(file, bytes, 0, pageSize, 0)
  if (isPageValid(bytes, view, 0, pageSize, META_PAGE, identity.databaseSeed)) {
    const version = view.getUint32(META_VERSION, true)
    if (version === FORMAT_VERSION) return
    throw unsupported(`the data file has format ${version}; this build reads ${FORMAT_VERSION}`)
  }
  for (let i = 0; i < MAGIC.length; i++) {
    if (bytes[META_MAGIC + i] !== MAGIC.charCodeAt(i)) {
      throw unsupported(`${DATA_FILE_NAME} does not start as a data file of aries-db does`)
    }
  }
  throw new AriesError(
    'PAGE_CORRUPT',
    `the meta page of ${DATA_FILE_NAME} is damaged or belongs to another database; restore the file from a backup`,
    { file: DATA_FILE_NAME, pageId: META_PAGE, offset: 0 },
  )
}

function unsupported(message: string): AriesError {
  return new AriesError('FORMAT_UNSUPPORTED', message, { file: DATA_FILE_NAME, offset: 0 })
}
