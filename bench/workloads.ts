/** The workloads of the small benchmark. Keys have 16 bytes, values 100. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { buffer, type Database, type OpenOptions, open, type Table } from '../src/index.ts'

const KEY_BYTES = 16
const VALUE_BYTES = 100
const BATCH_ROWS = 1000
const MIB = 1 << 20
const CACHE_BYTES = 512 * MIB

/** A key whose order is that of `n`. */
export function keyFor(n: number): Uint8Array {
  const key = new Uint8Array(KEY_BYTES)
  let rest = n
  for (let i = KEY_BYTES - 1; i >= 0; i--) {
    key[i] = 48 + (rest % 10)
    rest = Math.floor(rest / 10)
  }
  return key
}

/** A permutation of [0, count): a multiplication by a number without common factor. */
const scatter = (n: number, count: number): number => Number((BigInt(n) * 2_654_435_761n) % BigInt(count))

/** Made beforehand, so that the engine is measured and not the making of values. */
const VALUES: readonly Uint8Array[] = Array.from({ length: 1024 }, (_, n) =>
  Uint8Array.from({ length: VALUE_BYTES }, (_, i) => (n * 31 + i * 7) & 0xff),
)

export const valueFor = (n: number): Uint8Array => VALUES[n % VALUES.length] as Uint8Array

type Rows = Table<Uint8Array, Uint8Array>

async function withDatabase<T>(
  directory: string,
  options: OpenOptions,
  work: (db: Database, table: Rows) => Promise<T>,
): Promise<T> {
  const db = await open(directory, { createIfMissing: true, poolBytes: CACHE_BYTES, ...options })
  try {
    return await work(db, db.table('rows', { key: buffer, value: buffer }))
  } finally {
    await db.close()
  }
}

async function load(db: Database, table: Rows, keys: readonly Uint8Array[]): Promise<void> {
  for (let start = 0; start < keys.length; start += BATCH_ROWS) {
    const tx = db.begin()
    const end = Math.min(keys.length, start + BATCH_ROWS)
    for (let i = start; i < end; i++) await tx.put(table, keys[i] as Uint8Array, valueFor(i))
    await tx.commit()
  }
}

function keysInOrder(rows: number, order: 'ordered' | 'random'): Uint8Array[] {
  return Array.from({ length: rows }, (_, i) => keyFor(order === 'ordered' ? i : scatter(i, rows)))
}

export const secondsSince = (startedMs: number): number => (performance.now() - startedMs) / 1000

/** Rows a second, in transactions of 1,000, at durability `lazy`. */
export function bulkLoad(directory: string, rows: number, order: 'ordered' | 'random'): Promise<number> {
  const keys = keysInOrder(rows, order)
  return withDatabase(directory, { durability: 'lazy' }, async (db, table) => {
    const startedMs = performance.now()
    await load(db, table, keys)
    return rows / secondsSince(startedMs)
  })
}

/** Gets a second of one client that awaits each, in transactions of 1,000. */
export function randomGets(directory: string, rows: number, seconds: number): Promise<number> {
  return withDatabase(directory, { durability: 'lazy' }, async (db, table) => {
    await load(db, table, keysInOrder(rows, 'ordered'))
    const keys = Array.from({ length: 100_000 }, (_, i) => keyFor(scatter(i * 7919, rows)))
    let count = 0
    const startedMs = performance.now()
    while (secondsSince(startedMs) < seconds) {
      const tx = db.begin()
      for (let i = 0; i < BATCH_ROWS; i++) {
        const value = await tx.get(table, keys[count++ % keys.length] as Uint8Array)
        if (value === undefined) throw new Error('a row is missing')
      }
      await tx.commit()
    }
    return count / secondsSince(startedMs)
  })
}

/** Rows a second of one scan over everything. */
export function scan(directory: string, rows: number): Promise<number> {
  return withDatabase(directory, { durability: 'lazy' }, async (db, table) => {
    await load(db, table, keysInOrder(rows, 'ordered'))
    let count = 0
    const startedMs = performance.now()
    for await (const [key] of table.range()) count += key.length > 0 ? 1 : 0
    if (count !== rows) throw new Error(`${count} of ${rows} rows`)
    return rows / secondsSince(startedMs)
  })
}

/** Commits a second of one put each at durability `full`, by so many clients that each await theirs. */
export function durableCommits(directory: string, clients: number, seconds: number): Promise<number> {
  return withDatabase(directory, { durability: 'full' }, async (_, table) => {
    let count = 0
    const startedMs = performance.now()
    const client = async (id: number): Promise<void> => {
      for (let i = 0; secondsSince(startedMs) < seconds; i++) {
        await table.put(keyFor(id * 1_000_000 + i), valueFor(i))
        count++
      }
    }
    await Promise.all(Array.from({ length: clients }, (_, id) => client(id)))
    return count / secondsSince(startedMs)
  })
}

/** What the child process of `restartAfterKill` does: writes until it has logged enough, then waits to be killed. */
export async function writeUntilKilled(directory: string, logBytes: number): Promise<void> {
  const options = { durability: 'lazy', checkpointBytes: 2 ** 40, maxRedoBytes: 2 ** 40 } as const
  const db = await open(directory, { createIfMissing: true, poolBytes: CACHE_BYTES, ...options })
  const table = db.table('rows', { key: buffer, value: buffer })
  for (let i = 0; db.stats().log.endLsn < logBytes; ) {
    const tx = db.begin()
    for (const end = i + BATCH_ROWS; i < end; i++) await tx.put(table, keyFor(scatter(i, 10_000_000)), valueFor(i))
    await tx.commit()
  }
  process.stdout.write('written\n')
  setInterval(() => {}, 1000)
}

/** Milliseconds of an open after a SIGKILL that left `logBytes` of log to redo. */
export async function restartAfterKill(directory: string, logBytes: number): Promise<{ ms: number; logBytes: number }> {
  const script = fileURLToPath(new URL('restart-child.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', script, directory, String(logBytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  await new Promise((resolve) => child.stdout.once('data', resolve))
  child.kill('SIGKILL')
  await exited
  const startedMs = performance.now()
  const db = await open(directory, { poolBytes: CACHE_BYTES })
  const ms = performance.now() - startedMs
  const redoBytes = db.recovery.redo.bytes
  await db.close()
  return { ms, logBytes: redoBytes }
}
