/** Databases on a simulated disk, and what the tests of this folder do to them. */
import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import { AriesError, type ErrorCode } from '../../src/common/errors.ts'
import { utf8 } from '../../src/database/codecs.ts'
import type { Database } from '../../src/database/database.ts'
import { open } from '../../src/database/open-location.ts'
import type { OpenOptions } from '../../src/database/options.ts'
import type { Table } from '../../src/database/table.ts'
import { type FileSystem, readFully, writeFully } from '../../src/io/file-system.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'

export const PAGE_SIZE = 4096
export const SEGMENT_BYTES = 262144
export const TEXT = { key: utf8, value: utf8 } as const

/** Opens with small pages, segments and pool; makes the database when there is none. */
export function openOn(fileSystem: FileSystem, options: OpenOptions = {}): Promise<Database> {
  return open(fileSystem, {
    runtime: new SimulatedRuntime(1),
    createIfMissing: true,
    poolBytes: 64 * PAGE_SIZE,
    ...(fileSystem.list().includes('master') ? {} : { pageSize: PAGE_SIZE, segmentBytes: SEGMENT_BYTES }),
    ...options,
  })
}

export const textTable = (db: Database, name = 'rows'): Table<string, string> => db.table(name, TEXT)

export const keyOf = (i: number): string => `row-${String(i).padStart(5, '0')}`
export const textOf = (i: number, length = 20): string => `${i}:`.padEnd(length, String(i % 10))

/** Commits rows [from, to), `perCommit` at a time; when it returns all of them are acknowledged. */
export async function writeRows(db: Database, from: number, to: number, length = 20, perCommit = 50): Promise<void> {
  const table = textTable(db)
  for (let start = from; start < to; start += perCommit) {
    await db.transaction(async (tx) => {
      for (let i = start; i < Math.min(to, start + perCommit); i++) await tx.put(table, keyOf(i), textOf(i, length))
    })
  }
}

/** Rows [0, count) are there, nothing else is, and the database is sound. */
export async function expectRows(db: Database, count: number, length = 20): Promise<void> {
  const found: string[] = []
  for await (const [key, value] of textTable(db).range()) {
    found.push(key)
    if (value !== textOf(found.length - 1, length)) expect(value, key).toBe(textOf(found.length - 1, length))
  }
  expect(found).toEqual(Array.from({ length: count }, (_, i) => keyOf(i)))
  expect(db.check()).toEqual([])
}

/** All rows of a table. */
export async function rowsOf(db: Database, name = 'rows'): Promise<Record<string, string>> {
  const rows: Record<string, string> = {}
  for await (const [key, value] of textTable(db, name).range()) rows[key] = value
  return rows
}

/** A disk with rows [0, count), closed cleanly or as a killed process leaves it. */
export async function diskWith(
  count: number,
  options: { killed?: boolean; length?: number } = {},
): Promise<SimulatedFileSystem> {
  const disk = new SimulatedFileSystem()
  const db = await openOn(disk)
  await writeRows(db, 0, count, options.length)
  if (options.killed === true) return disk.crash({ mode: 'kill' })
  await db.close()
  return disk
}

/** Opens, expects rows [0, count), closes. */
export async function expectDiskHas(disk: FileSystem, count: number, length = 20): Promise<void> {
  const db = await openOn(disk)
  await expectRows(db, count, length)
  await db.close()
}

export function readFile(disk: FileSystem, name: string): Uint8Array {
  const file = disk.open(name, 'read')
  const bytes = new Uint8Array(file.size())
  readFully(file, bytes, 0, bytes.length, 0)
  file.close()
  return bytes
}

/** The offset of the slot of the master record with the higher sequence. */
export function newestSlot(disk: FileSystem): number {
  const view = new DataView(readFile(disk, 'master').buffer)
  return view.getUint32(40, true) > view.getUint32(4096 + 40, true) ? 0 : 4096
}

/** Writes over a part of a file, or makes it, durably. */
export function writeFile(disk: FileSystem, name: string, bytes: Uint8Array, offset = 0): void {
  const file = disk.open(name, disk.list().includes(name) ? 'write' : 'create')
  writeFully(file, bytes, 0, bytes.length, offset)
  file.syncBlocking()
  file.close()
  disk.syncDirectory()
}

export function truncateFile(disk: FileSystem, name: string, size: number): void {
  const file = disk.open(name, 'write')
  file.truncate(size)
  file.syncBlocking()
  file.close()
}

/** Every file with its size and a digest of its bytes: comparing megabytes byte by byte takes `expect` a minute. */
export function imageOf(disk: FileSystem): string[] {
  return disk.list().map((name) => {
    const bytes = readFile(disk, name)
    return `${name} ${bytes.length} ${createHash('sha1').update(bytes).digest('hex')}`
  })
}

/** The error with which `work` fails; anything but an `AriesError` is passed on. */
export async function failureOf(work: () => unknown): Promise<AriesError> {
  try {
    await work()
  } catch (error) {
    if (error instanceof AriesError) return error
    throw error
  }
  throw new Error('it did not fail')
}

/** `work` fails with `code`, and the message has `text` in it. */
export async function expectFailure(work: () => unknown, code: ErrorCode, text: string | RegExp): Promise<AriesError> {
  const error = await failureOf(work)
  expect(error.code, error.message).toBe(code)
  expect(error.message).toMatch(text)
  return error
}

/** Opening fails with `code` and changes nothing on disk; and it can be tried again, so no lock stays. */
export async function expectRefused(
  disk: SimulatedFileSystem,
  code: ErrorCode,
  text: string | RegExp,
  options: OpenOptions = {},
): Promise<AriesError> {
  const before = imageOf(disk)
  const mutations = disk.mutations
  await expectFailure(() => openOn(disk, options), code, text)
  const error = await expectFailure(() => openOn(disk, options), code, text)
  expect(disk.mutations, 'changes on disk').toBe(mutations)
  expect(imageOf(disk)).toEqual(before)
  return error
}

/** Lets promise callbacks and turns of the simulated runtime run. */
export async function settle(rounds = 50): Promise<void> {
  for (let i = 0; i < rounds; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Whether an operation waits; it is not waited for. */
export async function waits(operation: Promise<unknown>): Promise<boolean> {
  let isDone = false
  void operation.then(() => {
    isDone = true
  })
  await settle(5)
  return !isDone
}

/** Timers are due in the next turn: for back-offs that nobody wants to wait for. */
export function instantRuntime(): SimulatedRuntime {
  const runtime = new SimulatedRuntime(3)
  runtime.after = (delayMs, callback) => {
    if (delayMs <= 100 && delayMs !== 100) runtime.nextTurn(callback)
    return () => {}
  }
  return runtime
}
