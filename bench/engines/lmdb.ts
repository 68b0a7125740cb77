/**
 * lmdb-js. Writes of one turn of the event loop share a commit; a durable write awaits `flushed`. Three forms:
 * the default, in which the next commit need not wait for the last one's sync; `overlappingSync: false`, which
 * does; and its synchronous calls, which suit a single client.
 */
import { join } from 'node:path'
import { type Awaitable, type Engine, type Level, present, type Store, withBalance } from './engine.ts'
import { fileBytes, loadPeer } from './files.ts'

interface LmdbDatabase {
  put(key: Buffer, value: Buffer): Promise<boolean>
  putSync(key: Buffer, value: Buffer): boolean
  batch(work: () => void): Promise<boolean>
  transaction<T>(work: () => T): Promise<T>
  transactionSync<T>(work: () => T): T
  get(key: Buffer): Buffer | undefined
  getRange(options: object): Iterable<{ key: Buffer; value: Buffer }>
  useReadTransaction(): { done(): void }
  readonly flushed: Promise<unknown>
  close(): Promise<void>
}

interface LmdbModule {
  open(options: object): LmdbDatabase
}

function openLmdb(directory: string, overlappingSync: boolean): LmdbDatabase {
  return loadPeer<LmdbModule>('lmdb').open({
    path: join(directory, 'data'),
    noSubdir: false,
    keyEncoding: 'binary',
    encoding: 'binary',
    overlappingSync,
  })
}

class LmdbStore implements Store {
  protected readonly db: LmdbDatabase
  readonly #directory: string
  readonly #isDurable: boolean

  constructor(db: LmdbDatabase, directory: string, level: Level) {
    this.db = db
    this.#directory = join(directory, 'data')
    this.#isDurable = level === 'full'
  }

  async #done(written: Promise<unknown>): Promise<void> {
    await written
    if (this.#isDurable) await this.db.flushed
  }

  put(key: Buffer, value: Buffer): Awaitable<unknown> {
    return this.#done(this.db.put(key, value))
  }

  putAll(keys: readonly Buffer[], values: readonly Buffer[]): Awaitable<unknown> {
    if (keys.length === 1) return this.put(keys[0] as Buffer, values[0] as Buffer)
    const work = (): void => {
      for (let i = 0; i < keys.length; i++) this.db.put(keys[i] as Buffer, values[i] as Buffer)
    }
    return this.#done(this.db.batch(work))
  }

  transfer(from: Buffer, to: Buffer, amount: number): Awaitable<unknown> {
    return this.#done(this.db.transaction(() => this.move(from, to, amount)))
  }

  protected move(from: Buffer, to: Buffer, amount: number): void {
    const giver = withBalance(present(this.db.get(from)), -amount)
    const taker = withBalance(present(this.db.get(to)), amount)
    this.db.put(from, giver)
    this.db.put(to, taker)
  }

  get(key: Buffer): Buffer | undefined {
    return this.db.get(key)
  }

  getSync(key: Buffer): Buffer | undefined {
    return this.db.get(key)
  }

  scan(from: Buffer | undefined, limit: number): number {
    let count = 0
    for (const { key, value } of this.db.getRange(from === undefined ? { limit } : { start: from, limit })) {
      if (key.length > 0 && value.length > 0) count++
    }
    return count
  }

  holdSnapshot(): () => void {
    const transaction = this.db.useReadTransaction()
    return () => transaction.done()
  }

  /** It has no log; what the file holds stands in for it. */
  logBytes(): number {
    return fileBytes(this.#directory, /^data/)
  }

  async close(): Promise<void> {
    await this.db.flushed
    await this.db.close()
  }
}

class LmdbSyncStore extends LmdbStore {
  override put(key: Buffer, value: Buffer): boolean {
    return this.db.putSync(key, value)
  }

  override putAll(keys: readonly Buffer[], values: readonly Buffer[]): void {
    this.db.transactionSync(() => {
      for (let i = 0; i < keys.length; i++) this.db.putSync(keys[i] as Buffer, values[i] as Buffer)
    })
  }

  override transfer(from: Buffer, to: Buffer, amount: number): void {
    this.db.transactionSync(() => this.move(from, to, amount))
  }
}

export const lmdb: Engine = {
  id: 'lmdb',
  packageName: 'lmdb',
  note: 'lmdb-js, `overlappingSync` as by default; durable rows await `flushed`',
  open: async (directory, { level }) => new LmdbStore(openLmdb(directory, true), directory, level),
}

export const lmdbNotOverlapping: Engine = {
  id: 'lmdb-nov',
  packageName: 'lmdb',
  note: 'the same with `overlappingSync: false`',
  onlyIn: ['a', 'a-4k', 'b-64', 'b-1000', 'c-64'],
  open: async (directory, { level }) => new LmdbStore(openLmdb(directory, false), directory, level),
}

export const lmdbSync: Engine = {
  id: 'lmdb-sync',
  packageName: 'lmdb',
  note: 'the same by its synchronous calls, with a sync in each commit in durable rows',
  onlyIn: ['a', 'a-4k', 'c-1', 'd-1', 'd-ordered', 'd-random'],
  open: async (directory, { level }) => new LmdbSyncStore(openLmdb(directory, level === 'lazy'), directory, level),
}
