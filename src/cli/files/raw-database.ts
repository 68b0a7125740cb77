/**
 * The files of a database as they lie there: for those who look at the log and at pages, also where `open`
 * refuses because of damage. Nothing is recovered, and nothing is written.
 *
 * Which database it is, its page size and its segment size are told by the master record, else by the first
 * segment with a sound header, else by the meta page.
 */
import { DATA_FILE_NAME } from '../../buffer/data-file.ts'
import { identityOfMetaPage, META_BYTES } from '../../buffer/meta-page.ts'
import { headOf, identityOfSegments, masterContent } from '../../database/locate.ts'
import { SEGMENT_BYTES_DEFAULT } from '../../database/options.ts'
import { AriesError } from '../../index.ts'
import type { FileSystem } from '../../io/file-system.ts'
import { type LockKind, NodeFileSystem } from '../../io/node-file-system.ts'
import type { Identity } from '../../log/identity.ts'
import { LogReader } from '../../log/log-reader.ts'
import { MASTER_FILE_NAME, type MasterContent } from '../../log/master-record.ts'
import { segmentNumberOf } from '../../log/segment.ts'
import { Segments } from '../../log/segments.ts'
import { CliError, ExitCode } from '../errors.ts'
import { InspectionFileSystem } from '../inspection-file-system.ts'

/** Segment sizes are multiples of this. */
const SEGMENT_UNIT_BYTES = 1 << 16

export class RawDatabase implements Disposable {
  readonly directory: string
  readonly fileSystem: FileSystem
  readonly identity: Identity
  readonly master: MasterContent
  readonly segments: Segments
  readonly reader: LogReader
  readonly #unlock: () => void

  private constructor(directory: string, fileSystem: FileSystem, unlock: () => void) {
    this.directory = directory
    this.fileSystem = fileSystem
    this.#unlock = unlock
    this.master = masterContent(fileSystem)
    this.identity = identityOf(directory, fileSystem, this.master)
    this.segments = new Segments(fileSystem, this.identity)
    this.reader = new LogReader(this.segments, this.identity)
  }

  /** @throws `CliError` when there is no database; `DB_LOCKED`, `FORMAT_UNSUPPORTED`, `IO_ERROR` */
  static async open(directory: string, lockKind: LockKind = 'quiet'): Promise<RawDatabase> {
    const fileSystem = openDirectory(directory, lockKind)
    const unlock = await fileSystem.lock()
    try {
      return new RawDatabase(directory, fileSystem, unlock)
    } catch (error) {
      unlock()
      throw error
    }
  }

  [Symbol.dispose](): void {
    this.segments.close()
    this.#unlock()
  }
}

/** The directory of a database, to be looked at only. @throws `CliError` when it is missing */
export function openDirectory(directory: string, lockKind: LockKind): FileSystem {
  try {
    return new InspectionFileSystem(NodeFileSystem.open(directory, { createIfMissing: false }, lockKind))
  } catch (error) {
    throw AriesError.is(error) && error.code === 'DB_NOT_FOUND' ? noDatabase(directory) : error
  }
}

/** `canCreate`: of verbs that have `--create`. */
export function noDatabase(directory: string, canCreate = false): CliError {
  const advice = canCreate ? ', or --create to make one' : ''
  return new CliError(
    `there is no database in ${directory}; give the directory that was passed to open()${advice}`,
    ExitCode.FAILED,
  )
}

function identityOf(directory: string, fileSystem: FileSystem, master: MasterContent): Identity {
  const newest = master.records[0]
  if (newest !== undefined) return newest.identity
  const names = fileSystem.list()
  const segments = names.filter((name) => segmentNumberOf(name) !== undefined)
  const ofSegments = identityOfSegments(fileSystem, segments)
  if (ofSegments !== undefined) return ofSegments
  const hasData = names.includes(DATA_FILE_NAME)
  // All are of one size but the last of a closed log, which is shorter; if it is the only one the default is tried.
  const whole = segments.map((name) => sizeOf(fileSystem, name)).filter((bytes) => bytes % SEGMENT_UNIT_BYTES === 0)
  const segmentBytes =
    whole.length === 0 ? SEGMENT_BYTES_DEFAULT : whole.reduce((a, b) => Math.max(a, b), SEGMENT_UNIT_BYTES)
  const found = hasData ? identityOfMetaPage(headOf(fileSystem, DATA_FILE_NAME, META_BYTES), segmentBytes) : undefined
  if (found !== undefined) return found
  if (!hasData && segments.length === 0 && !names.includes(MASTER_FILE_NAME)) throw noDatabase(directory)
  throw new CliError(
    `${directory}: master record, segment headers and meta page are all damaged or not of aries-db; without one of them nothing can be decoded`,
    ExitCode.PROBLEMS,
  )
}

export function sizeOf(fileSystem: FileSystem, name: string): number {
  const file = fileSystem.open(name, 'read')
  try {
    return file.size()
  } finally {
    file.close()
  }
}
