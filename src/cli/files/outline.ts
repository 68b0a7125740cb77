/** What can still be told of a database that damage keeps from opening: from the files as they lie there. */
import { DATA_FILE_NAME } from '../../buffer/data-file.ts'
import type { AriesError } from '../../index.ts'
import { segmentNumberOf } from '../../log/segment.ts'
import { ExitCode } from '../errors.ts'
import { coloured, grouped, kibibytes, printJson, printLine } from '../output.ts'
import { RawDatabase, sizeOf } from './raw-database.ts'

interface Outline {
  readonly directory: string
  /** Why it does not open. */
  readonly damage: string
  readonly pageSize: number
  readonly segmentBytes: number
  readonly files: readonly FileSize[]
  readonly log: {
    readonly firstLsn: number
    /** As the master record has it; undefined when it cannot be read. */
    readonly checkpointLsn: number | undefined
    /** Up to where the log was durable at that checkpoint. */
    readonly durableLsn: number | undefined
  }
}

export interface FileSize {
  readonly name: string
  readonly bytes: number
}

export const fileSizesOf = ({ fileSystem }: RawDatabase): FileSize[] =>
  fileSystem.list().map((name) => ({ name, bytes: sizeOf(fileSystem, name) }))

export const isSegment = ({ name }: FileSize): boolean => segmentNumberOf(name) !== undefined

export const totalBytes = (files: readonly FileSize[]): number => files.reduce((sum, { bytes }) => sum + bytes, 0)

/** Tells what there is, and sets the exit code. @throws `CliError` when nothing can be decoded */
export async function tellOutline(directory: string, error: AriesError, isJson: boolean): Promise<void> {
  process.exitCode = ExitCode.PROBLEMS
  const outline = await outlineOf(directory, error)
  if (isJson) printJson(outline)
  else printOutline(outline)
}

async function outlineOf(directory: string, { message }: AriesError): Promise<Outline> {
  using raw = await RawDatabase.open(directory)
  const newest = raw.master.records[0]?.master
  return {
    directory,
    damage: message,
    pageSize: raw.identity.pageSize,
    segmentBytes: raw.identity.segmentBytes,
    files: fileSizesOf(raw),
    log: { firstLsn: raw.segments.firstLsn, checkpointLsn: newest?.checkpointLsn, durableLsn: newest?.endLsn },
  }
}

function printOutline({ directory, damage, pageSize, files, log }: Outline): void {
  const dataBytes = totalBytes(files.filter(({ name }) => name === DATA_FILE_NAME))
  printLine(directory)
  printLine(`  does not open   ${coloured('red', damage)}`)
  printLine(`  pages           ${grouped(dataBytes / pageSize)} in the file, ${pageSize} bytes each`)
  printLine(`  log             from LSN ${log.firstLsn}; ${checkpointText(log)}`)
  printLine(`  log files       ${kibibytes(totalBytes(files.filter(isSegment)))}`)
  printLine('"aries check" lists the damage; "aries log --salvage" and "aries page" show what there is')
}

const checkpointText = ({ checkpointLsn, durableLsn }: Outline['log']): string =>
  checkpointLsn === undefined
    ? 'no master record says where its last checkpoint is'
    : `the last checkpoint is at LSN ${checkpointLsn}, and the log was durable up to LSN ${durableLsn}`
