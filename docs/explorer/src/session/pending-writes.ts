/** What a crash may take: the changes of the simulated disk that are not synced, and a student's choice among them. */
import { DATA_FILE_NAME } from '../../../../src/buffer/data-file.ts'
import { DOUBLE_WRITE_FILE_NAME } from '../../../../src/buffer/double-write.ts'
import { type PendingChange, partCount } from '../../../../src/io/simulated-changes.ts'
import type { CrashChoice } from '../../../../src/io/simulated-file-system.ts'
import type { Identity } from '../../../../src/log/identity.ts'
import { MASTER_FILE_NAME } from '../../../../src/log/master-record.ts'
import { segmentNumberOf } from '../../../../src/log/segment.ts'
import { pageName } from './page-view.ts'
import type { PendingWrite, Survivors } from './types.ts'

export function pendingWritesOf(changes: readonly PendingChange[], identity: Identity): PendingWrite[] {
  return changes.map((change, index) => ({
    index,
    file: change.file,
    kind: change.kind,
    text: textOf(change, identity),
    parts: partCount(change),
  }))
}

function textOf(change: PendingChange, identity: Identity): string {
  switch (change.kind) {
    case 'write':
      return writtenText(change.file, change.offset, change.bytes.length, identity)
    case 'truncate':
      return `${change.file} gets ${change.sizeAfter} bytes`
    case 'rename':
      return `${change.file} becomes ${change.to}`
    default:
      return `${change.kind} ${change.file}`
  }
}

/** What lies in a part of a file. */
export function writtenText(file: string, offset: number, length: number, identity: Identity): string {
  const { pageSize, segmentBytes } = identity
  const segment = segmentNumberOf(file)
  if (segment !== undefined) {
    const lsn = segment * segmentBytes + offset
    return `the log from LSN ${lsn} up to ${lsn + length}`
  }
  if (file === DATA_FILE_NAME) {
    const [first, last] = [Math.floor(offset / pageSize), Math.ceil((offset + length) / pageSize) - 1]
    return first === last ? `page ${pageName(first)}` : `pages ${pageName(first)} to ${pageName(last)}`
  }
  if (file === DOUBLE_WRITE_FILE_NAME) return `${length} bytes of the double-write file`
  return file === MASTER_FILE_NAME ? 'the master record' : `${length} bytes of ${file}`
}

/** The choice as the simulated disk takes it; `changes` are those that it is about. */
export function crashChoiceOf(survivors: Survivors, changes: readonly PendingChange[]): CrashChoice {
  if (survivors === 'none' || survivors === 'all' || survivors === 'kill') return { mode: survivors }
  const kept = new Map(survivors.map(({ index, parts }) => [changes[index]?.sequence, parts] as const))
  return {
    mode: 'pick',
    keep: ({ sequence }, part) => kept.has(sequence) && (kept.get(sequence)?.includes(part) ?? true),
  }
}
