/** classic-level: LevelDB. Batches are atomic but it has no transactions, so a transfer locks its keys by hand. */
import { join } from 'node:path'
import { type Engine, present, type Store, type StoreOptions, withBalance } from './engine.ts'
import { fileBytes, loadPeer } from './files.ts'
import { KeyLocks } from './key-locks.ts'

/** Rows that an iterator fetches at once. */
const FETCH_ROWS = 1000
/** More than any log that is measured: LevelDB then keeps it. */
const WHOLE_LOG_BYTES = 1 << 30

type Batch = { type: 'put'; key: Buffer; value: Buffer }[]

interface LevelIterator {
  nextv(count: number): Promise<[Buffer, Buffer][]>
  close(): Promise<void>
}

interface LevelDatabase {
  open(): Promise<void>
  put(key: Buffer, value: Buffer, options: object): Promise<void>
  batch(operations: Batch, options: object): Promise<void>
  get(key: Buffer): Promise<Buffer | undefined>
  getSync(key: Buffer): Buffer | undefined
  iterator(options: object): LevelIterator
  snapshot(): { close(): Promise<void> }
  close(): Promise<void>
}

interface LevelModule {
  ClassicLevel: new (path: string, options: object) => LevelDatabase
}

class LevelStore implements Store {
  readonly #db: LevelDatabase
  readonly #path: string
  readonly #write: { readonly sync: boolean }
  readonly #locks = new KeyLocks()

  constructor(db: LevelDatabase, path: string, isDurable: boolean) {
    this.#db = db
    this.#path = path
    this.#write = { sync: isDurable }
  }

  put(key: Buffer, value: Buffer): Promise<void> {
    return this.#db.put(key, value, this.#write)
  }

  putAll(keys: readonly Buffer[], values: readonly Buffer[]): Promise<void> {
    const batch: Batch = []
    for (let i = 0; i < keys.length; i++) {
      batch.push({ type: 'put', key: keys[i] as Buffer, value: values[i] as Buffer })
    }
    return this.#db.batch(batch, this.#write)
  }

  transfer(from: Buffer, to: Buffer, amount: number): Promise<void> {
    return this.#locks.withBoth(from, to, () => {
      const giver = withBalance(present(this.#db.getSync(from)), -amount)
      const taker = withBalance(present(this.#db.getSync(to)), amount)
      return this.putAll([from, to], [giver, taker])
    })
  }

  get(key: Buffer): Buffer | undefined {
    return this.#db.getSync(key)
  }

  getAsync(key: Buffer): Promise<Buffer | undefined> {
    return this.#db.get(key)
  }

  getSync(key: Buffer): Buffer | undefined {
    return this.#db.getSync(key)
  }

  async scan(from: Buffer | undefined, limit: number): Promise<number> {
    const iterator = this.#db.iterator(from === undefined ? { limit } : { gte: from, limit })
    let count = 0
    for (;;) {
      const rows = await iterator.nextv(Math.min(limit, FETCH_ROWS))
      if (rows.length === 0) break
      for (const [key, value] of rows) if (key.length > 0 && value.length > 0) count++
      if (count >= limit) break
    }
    await iterator.close()
    return count
  }

  holdSnapshot(): () => void {
    const snapshot = this.#db.snapshot()
    return () => void snapshot.close()
  }

  logBytes(): number {
    return fileBytes(this.#path, /\.log$/)
  }

  close(): Promise<void> {
    return this.#db.close()
  }
}

export const classicLevel: Engine = {
  id: 'classic-level',
  packageName: 'classic-level',
  note: 'LevelDB; `sync: true` for durable rows; its synchronous get where it may be used; key locks by hand for transfers',
  async open(directory, { level, cacheBytes, keepsLog = false }: StoreOptions) {
    const { ClassicLevel } = loadPeer<LevelModule>('classic-level')
    const path = join(directory, 'data')
    const db = new ClassicLevel(path, {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
      cacheSize: cacheBytes,
      ...(keepsLog ? { writeBufferSize: WHOLE_LOG_BYTES } : {}),
    })
    await db.open()
    return new LevelStore(db, path, level === 'full')
  },
}
