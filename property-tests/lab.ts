/**
 * The bench the crash tests work on: databases on simulated disks, opened with their managers in sight,
 * and everything that must hold of one that has just been opened.
 */

import { DATA_FILE_NAME } from '../src/buffer/data-file.ts'
import { compareRanges } from '../src/common/bytes.ts'
import type { Trace } from '../src/common/trace.ts'
import type { Managers } from '../src/database/assemble.ts'
import { checkDatabase } from '../src/database/check.ts'
import { buffer, utf8 } from '../src/database/codecs.ts'
import { Database } from '../src/database/database.ts'
import { openFiles } from '../src/database/open.ts'
import { type OpenOptions, settingsOf } from '../src/database/options.ts'
import type { Snapshot } from '../src/database/snapshot.ts'
import type { Table } from '../src/database/table.ts'
import type { FileSystem } from '../src/io/file-system.ts'
import { readFully } from '../src/io/file-system.ts'
import { SimulatedFileSystem, type TraceEntry } from '../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../src/io/simulated-runtime.ts'
import type { Identity } from '../src/log/identity.ts'
import { pageIdOf, pageLsnOf, pageTypeOf } from '../src/page/page.ts'
import { SlowTurns } from '../test/io/slow-turns.ts'
import { scanLog } from './log-scan.ts'
import { type Content, IN_DOUBT, type TableContent } from './model.ts'

export const PAGE_SIZE = 4096
export const SEGMENT_BYTES = 65_536
export const LOCK_TIMEOUT_MS = 20

export type Options = Pick<OpenOptions, 'checkpointBytes' | 'deferRedo' | 'doubleWrite' | 'escalateLocksAt'> & {
  readonly frames?: number
}

/** An open database, what it stands on, and the clock it goes by. */
export interface Lab {
  readonly db: Database
  readonly managers: Managers
  readonly runtime: SimulatedRuntime
}

export type KeyTable = Table<string, Uint8Array>

/** The handle of a table with plain keys and values. */
export const tableOf = (db: Database, name: string): KeyTable => db.table(name, { key: utf8, value: buffer })

function optionsFor(options: Options, runtime: SimulatedRuntime, trace: Trace): OpenOptions {
  return {
    runtime,
    trace,
    createIfMissing: true,
    pageSize: PAGE_SIZE,
    segmentBytes: SEGMENT_BYTES,
    poolBytes: (options.frames ?? 8) * PAGE_SIZE,
    checkpointBytes: options.checkpointBytes ?? 65_536,
    maxRedoBytes: 131_072,
    lockTimeoutMs: LOCK_TIMEOUT_MS,
    doubleWrite: options.doubleWrite ?? true,
    deferRedo: options.deferRedo ?? false,
    ...(options.escalateLocksAt === undefined ? {} : { escalateLocksAt: options.escalateLocksAt }),
  }
}

/** A database as restart leaves it, before anything goes on by itself. */
export interface Restarted {
  readonly identity: Identity
  readonly managers: Managers
  /** Lets it go on. */
  readonly start: (unlock?: () => void) => Lab
}

/** Opens without background work, so that the disk is left exactly as restart leaves it. */
export async function restart(disk: FileSystem, options: Options = {}, trace?: Trace): Promise<Restarted> {
  const runtime = options.deferRedo === true ? new SlowTurns(1) : new SimulatedRuntime(1)
  const openOptions = optionsFor(options, runtime, trace)
  const settings = settingsOf(openOptions)
  const opened = await openFiles({ fileSystem: disk, settings, options: openOptions, runtime })
  const { identity, managers } = opened
  return {
    identity,
    managers,
    start: (unlock = () => undefined) => ({
      db: new Database(opened, settings, runtime, disk, unlock),
      managers,
      runtime,
    }),
  }
}

/** Opens as `open` of the public surface does, and keeps the managers in sight. */
export async function openLab(disk: FileSystem, options: Options = {}, trace?: Trace): Promise<Lab> {
  const unlock = await disk.lock()
  try {
    return (await restart(disk, options, trace)).start(unlock)
  } catch (error) {
    unlock()
    throw error
  }
}

let emptyDisk: Promise<SimulatedFileSystem> | undefined

/** A disk with a new database on it, closed and durable; made once, then copied. */
export async function newDisk(): Promise<SimulatedFileSystem> {
  emptyDisk ??= (async () => {
    const disk = new SimulatedFileSystem()
    const { db } = await openLab(disk)
    await db.close()
    return disk
  })()
  return (await emptyDisk).crash({ mode: 'none' })
}

/** Lets everything go on that can without the clock. */
export const idle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const IDLE_ROUNDS_MAX = 400

/** Waits for `work`, moving the clock on when nothing else goes on. @throws when it never ends */
export async function drive<T>(runtime: SimulatedRuntime, work: Promise<T>): Promise<T> {
  let settled = false
  const done = (): void => {
    settled = true
  }
  work.then(done, done)
  for (let round = 0; !settled; round++) {
    await idle()
    if (settled) break
    if (round > IDLE_ROUNDS_MAX) throw new Error('an operation never ends, though nothing holds it up')
    runtime.advance(LOCK_TIMEOUT_MS)
  }
  return work
}

/** All that a snapshot shows. */
export function contentOfSnapshot(db: Database, snapshot: Snapshot): Content {
  return new Map(snapshot.tables().map((name) => [name, new Map(snapshot.range(tableOf(db, name)))]))
}

/**
 * All tables with all their rows, read forwards, and read backwards again to compare; and the names of what
 * is in doubt. That keeps its locks, so then it is all read from a snapshot.
 */
export async function readAll(db: Database): Promise<Content> {
  const content: Content = new Map()
  const inDoubt = db.inDoubt()
  if (inDoubt.length > 0) {
    content.set(IN_DOUBT, new Map(inDoubt.map(({ name }) => [name, new Uint8Array(0)])))
    using snapshot = db.snapshot()
    return new Map([...content, ...contentOfSnapshot(db, snapshot)])
  }
  const tx = db.begin()
  for (const name of await tx.tables()) {
    const table = tableOf(db, name)
    const rows: TableContent = new Map()
    for await (const [key, value] of tx.range(table)) rows.set(key, value)
    const backwards: string[] = []
    for await (const [key] of tx.range(table, { reverse: true })) backwards.push(key)
    const keys = [...rows.keys()]
    if (backwards.reverse().join() !== keys.join()) throw new Error(`table ${name} reads differently backwards`)
    for (let i = 0; i < keys.length; i += 7) {
      if ((await tx.get(table, keys[i] as string)) === undefined)
        throw new Error(`get does not find ${keys[i]}, range does`)
    }
    content.set(name, rows)
  }
  await tx.commit()
  return content
}

/** What is wrong with a database that has just come up and with its log, the content aside. */
export function problemsAfterRestart({ managers }: Lab, disk: SimulatedFileSystem): string[] {
  const log = scanLog(disk)
  return [
    ...log.problems,
    ...pageTableProblems(managers, disk, log),
    ...checkDatabase(managers),
    ...remainders(managers),
  ]
}

/** What is still held though nobody is there to hold it. */
export function remainders({ transactions, table, locks, buffer, log }: Managers): string[] {
  const problems: string[] = []
  const inDoubt = transactions.inDoubt.length
  const { held, waiting } = locks.stats
  if (transactions.active.size !== inDoubt) problems.push(`${transactions.active.size} transactions are active (I17)`)
  if (table.size !== inDoubt) problems.push(`${table.size} transactions have no END (I17)`)
  if ((held > 0 && inDoubt === 0) || waiting > 0) problems.push(`${held} locks are held (I17)`)
  if (buffer.pinnedCount > 0) problems.push(`${buffer.pinnedCount} frames are pinned (I17)`)
  const { reservedBytes } = log
  if (reservedBytes > 0 !== inDoubt > 0) problems.push(`${reservedBytes} log bytes are reserved (I19, I37)`)
  return problems
}

/**
 * The dirty page table against the disk, at any moment: a clean page in the pool is what the disk
 * durably holds (I11), and the recLSN of a dirty one is at or below its first change that the disk
 * lacks (I10), as far as the log has been written out.
 */
export function pageTableProblems(
  managers: Managers,
  disk: SimulatedFileSystem,
  log = scanLog(disk),
  durableDisk = disk.crash({ mode: 'none' }),
): string[] {
  const problems: string[] = []
  const file = durableDisk.open(DATA_FILE_NAME, 'read')
  const durable = new Uint8Array(PAGE_SIZE)
  const durableView = new DataView(durable.buffer)
  const dirty = new Map(managers.buffer.dirtyPages())
  const { bytes, view } = managers.buffer
  for (let page = 0; page < bytes.length; page += PAGE_SIZE) {
    if (pageTypeOf(view, page) === 0) continue
    const pageId = pageIdOf(view, page)
    durable.fill(0)
    readFully(file, durable, 0, PAGE_SIZE, pageId * PAGE_SIZE)
    const recLsn = dirty.get(pageId)
    if (recLsn === undefined) {
      if (compareRanges(bytes, page + 4, page + PAGE_SIZE, durable, 4, PAGE_SIZE) !== 0) {
        problems.push(`page ${pageId}: clean, but the disk does not durably hold it (I11)`)
      }
    } else {
      const missing = log.changes.get(pageId)?.find((lsn) => lsn > pageLsnOf(durableView, 0))
      if (missing !== undefined && missing < recLsn) {
        problems.push(`page ${pageId}: recLSN ${recLsn}, but the disk lacks the change at ${missing} (I10)`)
      }
    }
  }
  file.close()
  return problems
}

/**
 * Restart of what is durable, once more and, if that changes anything, twice: the last changes nothing
 * any more (I15), and its log is sound. All that the first has ended has ended durably.
 */
export async function problemsOfRestartingAgain(disk: SimulatedFileSystem, options: Options): Promise<string[]> {
  const second = disk.crash({ mode: 'none' })
  const { changes, unended } = await restartAgain(second, options)
  const problems = unended.map((txnId) => `transaction ${txnId} is ended by each restart anew (I15)`)
  if (changes.length === 0) return problems
  const third = second.crash({ mode: 'none' })
  const again = await restartAgain(third, options)
  return [
    ...problems,
    ...again.changes.map(
      ({ operation, file, offset }) => `a third restart does a ${operation} of ${file} at ${offset} (I15)`,
    ),
    ...scanLog(third).problems,
  ]
}

/** What a restart changes, and the transactions that it has to end. */
async function restartAgain(
  disk: SimulatedFileSystem,
  options: Options,
): Promise<{ readonly changes: TraceEntry[]; readonly unended: number[] }> {
  const before = disk.crash({ mode: 'kill' })
  const unended: number[] = []
  disk.trace = []
  await restart(disk, options, (event) => {
    if (event.kind !== 'analysis') return
    for (const { txnId, status } of event.transactions) if (status !== 'prepared') unended.push(txnId)
  })
  const changes = disk.trace.filter(({ operation }) => !HARMLESS.has(operation))
  return {
    changes: changes.filter((change) => change.operation !== 'write' || !isSame(before, disk, change)),
    unended,
  }
}

/** Whether what a write wrote was there before. */
function isSame(
  before: SimulatedFileSystem,
  after: SimulatedFileSystem,
  { file: name, offset, length }: TraceEntry,
): boolean {
  const [old, now] = [before, after].map((disk) => {
    const bytes = new Uint8Array(length)
    if (!disk.list().includes(name)) return bytes
    const file = disk.open(name, 'read')
    readFully(file, bytes, 0, length, offset)
    file.close()
    return bytes
  }) as [Uint8Array, Uint8Array]
  return compareRanges(old, 0, length, now, 0, length) === 0
}

/** What leaves every byte as it was. A file is opened for creation only to be written. */
const HARMLESS = new Set(['open', 'read', 'size', 'list', 'close', 'sync', 'syncDirectory'])
