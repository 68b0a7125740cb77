/** rocksdb: the binding of the Level project, by its own callbacks. As with LevelDB, transfers lock by hand. */
import { join } from 'node:path'
import { type Engine, present, type Store, type StoreOptions, withBalance } from './engine.ts'
import { fileBytes, loadPeer } from './files.ts'
import { KeyLocks } from './key-locks.ts'

/** More than any log that is measured: RocksDB then keeps it. */
const WHOLE_LOG_BYTES = 1 << 30

type Done<T> = (error: Error | null | undefined, ...result: T[]) => void

interface RocksIterator {
  next(done: (error: Error | null, key?: Buffer, value?: Buffer) => void): void
  end(done: Done<never>): void
}

interface RocksDatabase {
  open(options: object, done: Done<never>): void
  put(key: Buffer, value: Buffer, options: object, done: Done<never>): void
  batch(operations: object[], options: object, done: Done<never>): void
  get(key: Buffer, options: object, done: Done<Buffer>): void
  iterator(options: object): RocksIterator
  close(done: Done<never>): void
}

class RocksStore implements Store {
  readonly #db: RocksDatabase
  readonly #path: string
  readonly #write: { readonly sync: boolean }
  readonly #locks = new KeyLocks()

  constructor(db: RocksDatabase, path: string, isDurable: boolean) {
    this.#db = db
    this.#path = path
    this.#write = { sync: isDurable }
  }

  put(key: Buffer, value: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#db.put(key, value, this.#write, (error) => (error ? reject(error) : resolve()))
    })
  }

  putAll(keys: readonly Buffer[], values: readonly Buffer[]): Promise<void> {
    const batch: object[] = []
    for (let i = 0; i < keys.length; i++) batch.push({ type: 'put', key: keys[i], value: values[i] })
    return new Promise((resolve, reject) => {
      this.#db.batch(batch, this.#write, (error) => (error ? reject(error) : resolve()))
    })
  }

  transfer(from: Buffer, to: Buffer, amount: number): Promise<void> {
    return this.#locks.withBoth(from, to, async () => {
      const [giver, taker] = await Promise.all([this.get(from), this.get(to)])
      await this.putAll([from, to], [withBalance(present(giver), -amount), withBalance(present(taker), amount)])
    })
  }

  get(key: Buffer): Promise<Buffer | undefined> {
    return new Promise((resolve, reject) => {
      this.#db.get(key, {}, (error, value) => (error ? reject(error) : resolve(value)))
    })
  }

  getAsync(key: Buffer): Promise<Buffer | undefined> {
    return this.get(key)
  }

  scan(from: Buffer | undefined, limit: number): Promise<number> {
    const iterator = this.#db.iterator(from === undefined ? { limit } : { gte: from, limit })
    return new Promise((resolve, reject) => {
      let count = 0
      const step = (): void =>
        iterator.next((error, key, value) => {
          if (error) return reject(error)
          if (key === undefined || value === undefined) return iterator.end(() => resolve(count))
          if (key.length > 0 && value.length > 0) count++
          step()
        })
      step()
    })
  }

  logBytes(): number {
    return fileBytes(this.#path, /\.log$/)
  }

  close(): Promise<void> {
    return new Promise((resolve, reject) => this.#db.close((error) => (error ? reject(error) : resolve())))
  }
}

export const rocksdb: Engine = {
  id: 'rocksdb',
  packageName: 'rocksdb',
  note: 'RocksDB by the binding of the Level project; `sync: true` for durable rows; key locks by hand for transfers',
  async open(directory, { level, cacheBytes, keepsLog = false }: StoreOptions) {
    const path = join(directory, 'data')
    const db = loadPeer<(path: string) => RocksDatabase>('rocksdb')(path)
    const options = { cacheSize: cacheBytes, ...(keepsLog ? { writeBufferSize: WHOLE_LOG_BYTES } : {}) }
    await new Promise<void>((resolve, reject) => db.open(options, (error) => (error ? reject(error) : resolve())))
    return new RocksStore(db, path, level === 'full')
  },
}
