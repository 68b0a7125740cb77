/**
 * What the workloads ask of a database: the few operations that all of them have, each in the way that its
 * own documentation recommends. An operation may be synchronous or not; who measures awaits it only where
 * it is not.
 */

export type Awaitable<T> = T | Promise<T>

/** When a write counts as done: it is on disk, or the process may die but the machine may not. */
export type Level = 'full' | 'lazy'

export interface StoreOptions {
  readonly level: Level
  readonly cacheBytes: number
  /** There are many more rows than the cache holds: who can choose chooses small pages. */
  readonly isBeyondCache?: boolean
  /** The log is kept whole: no checkpoint, no flush of what is in memory. For the measurement of restart. */
  readonly keepsLog?: boolean
  /** After a crash, who can makes up for it later, and lets others read before. */
  readonly defersRedo?: boolean
}

/** A table of rows in an open database. Keys and values are bytes. */
export interface Store {
  /** One transaction with one put; done when it is as durable as the level says. */
  put(key: Buffer, value: Buffer): Awaitable<unknown>
  /** One transaction with many. */
  putAll(keys: readonly Buffer[], values: readonly Buffer[]): Awaitable<unknown>
  /** One transaction that reads two rows and writes both. Whoever does this at once must not lose an update. */
  transfer(from: Buffer, to: Buffer, amount: number): Awaitable<unknown>
  /** The newest committed value, by the fastest way that many callers at once would use. */
  get(key: Buffer): Awaitable<Uint8Array | undefined>
  /** The same by an asynchronous call, where there is one. */
  getAsync?(key: Buffer): Promise<Uint8Array | undefined>
  /** The value, without a promise, where there is such a call. */
  getSync?(key: Buffer): Uint8Array | undefined
  /** Reads up to `limit` rows in key order, from a key or from the first; how many there were. */
  scan(from: Buffer | undefined, limit: number): Awaitable<number>
  /** Bytes of log that a restart would have to read. */
  logBytes(): number
  /** Bytes of the cache that are in use, where the engine tells. */
  cacheUsedBytes?(): number
  /** Writes back what is in memory or in the log, where there is such a call. */
  checkpoint?(): Awaitable<unknown>
  /** Holds the state as of now for reading, as a backup or a long report would; the result lets go of it. */
  holdSnapshot?(): () => void
  close(): Awaitable<unknown>
}

export interface Engine {
  readonly id: string
  /** The npm package that it needs; none: it is ours. */
  readonly packageName?: string
  /** What it is, for the tables' notes. */
  readonly note: string
  /** A variant takes part only in measurements where it differs from its main form. */
  readonly onlyIn?: readonly string[]
  open(directory: string, options: StoreOptions): Promise<Store>
}

/** Balances are the first four bytes of a row. */
export function withBalance(value: Uint8Array, change: number): Buffer {
  const copy = Buffer.from(value)
  copy.writeInt32LE(copy.readInt32LE(0) + change, 0)
  return copy
}

export function present<T>(value: T | undefined | null): T {
  if (value === undefined || value === null) throw new Error('a row that was written is missing')
  return value
}
