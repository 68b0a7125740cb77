/** The library as its users get it: the built package, through its public interface. */
import type * as Aries from '../../src/index.ts'
import { type Engine, present, type Store, type StoreOptions, withBalance } from './engine.ts'

type AriesModule = typeof Aries
type Rows = Aries.Table<Uint8Array, Uint8Array>

/** So many rows are put in one operation: for fewer, to put one by one is quicker. */
const MANY_ROWS = 16

/** The library's default page size, and what its documentation advises for much more data than memory. */
const PAGE_BYTES = 8192
const SMALL_PAGE_BYTES = 4096
/** Never reached: the log stays whole. */
const UNREACHED_BYTES = 2 ** 40

/** A module of the built package, as seen from `bench/dist`, where children run. */
export const builtUrlOf = (name: string): string => new URL(`../../dist/${name}`, import.meta.url).href

export const loadAries = (): Promise<AriesModule> => import(builtUrlOf('index.js')) as Promise<AriesModule>

export const aries: Engine = {
  id: 'aries-db',
  note: 'this library: `full` for durable rows, `lazy` for the others; snapshots for synchronous gets and for scans',
  async open(directory, options) {
    const module = await loadAries()
    const db = await module.open(directory, ariesOptionsOf(options))
    return new AriesStore(db, db.table('rows', { key: module.buffer, value: module.buffer }))
  },
}

export function ariesOptionsOf({
  level,
  cacheBytes,
  isBeyondCache,
  keepsLog = false,
  defersRedo = false,
}: StoreOptions): Aries.OpenOptions {
  const pageSize = isBeyondCache === true ? SMALL_PAGE_BYTES : PAGE_BYTES
  const options = {
    createIfMissing: true,
    durability: level,
    poolBytes: cacheBytes,
    pageSize,
    deferRedo: defersRedo,
  }
  return keepsLog ? { ...options, checkpointBytes: UNREACHED_BYTES, maxRedoBytes: UNREACHED_BYTES } : options
}

export class AriesStore implements Store {
  readonly db: Aries.Database
  readonly rows: Rows
  /** Held open by synchronous gets, of which each measurement does nothing else. */
  #snapshot: Aries.Snapshot | undefined

  constructor(db: Aries.Database, rows: Rows) {
    this.db = db
    this.rows = rows
  }

  put(key: Buffer, value: Buffer): Promise<void> {
    return this.rows.put(key, value)
  }

  async putAll(keys: readonly Buffer[], values: readonly Buffer[]): Promise<void> {
    if (keys.length >= MANY_ROWS) return this.rows.putMany(keys.map((key, i) => [key, values[i] as Buffer] as const))
    const tx = this.db.begin()
    for (let i = 0; i < keys.length; i++) await tx.put(this.rows, keys[i] as Buffer, values[i] as Buffer)
    await tx.commit()
  }

  transfer(from: Buffer, to: Buffer, amount: number): Promise<void> {
    return this.db.transaction(async (tx) => {
      const giver = present(await tx.get(this.rows, from, { forUpdate: true }))
      const taker = present(await tx.get(this.rows, to, { forUpdate: true }))
      await tx.put(this.rows, from, withBalance(giver, -amount))
      await tx.put(this.rows, to, withBalance(taker, amount))
    })
  }

  get(key: Buffer): Promise<Uint8Array | undefined> {
    return this.rows.get(key)
  }

  getAsync(key: Buffer): Promise<Uint8Array | undefined> {
    return this.rows.get(key)
  }

  getSync(key: Buffer): Uint8Array | undefined {
    this.#snapshot ??= this.db.snapshot()
    return this.#snapshot.get(this.rows, key)
  }

  scan(from: Buffer | undefined, limit: number): number {
    const snapshot = this.db.snapshot()
    let count = 0
    for (const [key, value] of snapshot.range(this.rows, from === undefined ? { limit } : { gte: from, limit })) {
      if (key.length > 0 && value.length > 0) count++
    }
    snapshot.close()
    return count
  }

  checkpoint(): Promise<void> {
    return this.db.checkpoint()
  }

  holdSnapshot(): () => void {
    const snapshot = this.db.snapshot()
    return () => snapshot.close()
  }

  logBytes(): number {
    return this.db.stats().log.redoWindowBytes
  }

  cacheUsedBytes(): number {
    const { residentPages } = this.db.stats().buffer
    return residentPages * PAGE_BYTES
  }

  async close(): Promise<void> {
    this.#snapshot?.close()
    await this.db.close()
  }
}
