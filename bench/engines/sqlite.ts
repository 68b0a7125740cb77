/**
 * better-sqlite3 in WAL mode. Every call is synchronous, so that one transaction is open at a time. Its second
 * form does by hand what a busy server would: the transactions of all who wait share one commit. They then
 * fail together, which aries-db's do not.
 */
import { join } from 'node:path'
import { type Awaitable, type Engine, present, type Store, type StoreOptions, withBalance } from './engine.ts'
import { fileBytes, loadPeer } from './files.ts'

interface Statement {
  run(...values: unknown[]): unknown
  get(...values: unknown[]): unknown
  all(...values: unknown[]): [Buffer, Buffer][]
  iterate(...values: unknown[]): Iterable<[Buffer, Buffer]>
  pluck(): Statement
  raw(): Statement
}

interface SqliteDatabase {
  pragma(text: string): unknown
  exec(sql: string): unknown
  prepare(sql: string): Statement
  close(): void
}

type SqliteClass = new (path: string) => SqliteDatabase

export const SCHEMA = 'CREATE TABLE IF NOT EXISTS rows (k BLOB PRIMARY KEY, v BLOB NOT NULL) WITHOUT ROWID'
export const PUT = 'INSERT OR REPLACE INTO rows VALUES (?, ?)'
export const GET = 'SELECT v FROM rows WHERE k = ?'
export const SCAN_ALL = 'SELECT k, v FROM rows ORDER BY k LIMIT ?'
export const SCAN_FROM = 'SELECT k, v FROM rows WHERE k >= ? ORDER BY k LIMIT ?'

export function pragmasOf({ level, cacheBytes, keepsLog = false }: StoreOptions): string[] {
  return [
    'journal_mode = WAL',
    `synchronous = ${level === 'full' ? 'FULL' : 'NORMAL'}`,
    `cache_size = -${Math.floor(cacheBytes / 1024)}`,
    ...(keepsLog ? ['wal_autocheckpoint = 0'] : []),
  ]
}

class SqliteStore implements Store {
  readonly #db: SqliteDatabase
  readonly #directory: string
  readonly #begin: Statement
  readonly #commit: Statement
  readonly #put: Statement
  readonly #get: Statement
  readonly #scanAll: Statement
  readonly #scanFrom: Statement

  constructor(directory: string, options: StoreOptions) {
    const Sqlite = loadPeer<SqliteClass>('better-sqlite3')
    const db = new Sqlite(join(directory, 'data.db'))
    for (const pragma of pragmasOf(options)) db.pragma(pragma)
    db.exec(SCHEMA)
    this.#db = db
    this.#directory = directory
    this.#begin = db.prepare('BEGIN IMMEDIATE')
    this.#commit = db.prepare('COMMIT')
    this.#put = db.prepare(PUT)
    this.#get = db.prepare(GET).pluck()
    this.#scanAll = db.prepare(SCAN_ALL).raw()
    this.#scanFrom = db.prepare(SCAN_FROM).raw()
  }

  inTransaction(work: () => void): void {
    this.#begin.run()
    work()
    this.#commit.run()
  }

  put(key: Buffer, value: Buffer): Awaitable<unknown> {
    return this.#put.run(key, value)
  }

  putAll(keys: readonly Buffer[], values: readonly Buffer[]): Awaitable<unknown> {
    if (keys.length === 1) return this.put(keys[0] as Buffer, values[0] as Buffer)
    this.inTransaction(() => this.insert(keys, values))
    return undefined
  }

  insert(keys: readonly Buffer[], values: readonly Buffer[]): void {
    for (let i = 0; i < keys.length; i++) this.#put.run(keys[i], values[i])
  }

  transfer(from: Buffer, to: Buffer, amount: number): Awaitable<unknown> {
    this.inTransaction(() => this.move(from, to, amount))
    return undefined
  }

  move(from: Buffer, to: Buffer, amount: number): void {
    const giver = withBalance(present(this.#get.get(from) as Buffer), -amount)
    const taker = withBalance(present(this.#get.get(to) as Buffer), amount)
    this.#put.run(from, giver)
    this.#put.run(to, taker)
  }

  get(key: Buffer): Buffer | undefined {
    return this.#get.get(key) as Buffer | undefined
  }

  getSync(key: Buffer): Buffer | undefined {
    return this.#get.get(key) as Buffer | undefined
  }

  scan(from: Buffer | undefined, limit: number): number {
    let count = 0
    // Short results are fastest in one piece; a whole table would not fit in memory so.
    const rows = from === undefined ? this.#scanAll.iterate(limit) : this.#scanFrom.all(from, limit)
    for (const [key, value] of rows) if (key.length > 0 && value.length > 0) count++
    return count
  }

  checkpoint(): unknown {
    return this.#db.pragma('wal_checkpoint(TRUNCATE)')
  }

  /** Another connection in a transaction that has read. */
  holdSnapshot(): () => void {
    const Sqlite = loadPeer<SqliteClass>('better-sqlite3')
    const reader = new Sqlite(join(this.#directory, 'data.db'))
    reader.exec('BEGIN')
    reader.prepare('SELECT 1 FROM rows LIMIT 1').get()
    return () => reader.close()
  }

  logBytes(): number {
    return fileBytes(this.#directory, /-wal$/)
  }

  close(): void {
    this.#db.close()
  }
}

class GroupedSqliteStore extends SqliteStore {
  #waiting: { work: () => void; done: () => void }[] = []

  #join(work: () => void): Promise<void> {
    return new Promise((resolve) => {
      if (this.#waiting.length === 0) setImmediate(() => this.#commitAll())
      this.#waiting.push({ work, done: resolve })
    })
  }

  #commitAll(): void {
    const group = this.#waiting
    this.#waiting = []
    this.inTransaction(() => {
      for (const { work } of group) work()
    })
    for (const { done } of group) done()
  }

  override put(key: Buffer, value: Buffer): Promise<void> {
    return this.#join(() => super.put(key, value))
  }

  override putAll(keys: readonly Buffer[], values: readonly Buffer[]): Promise<void> {
    return this.#join(() => this.insert(keys, values))
  }

  override transfer(from: Buffer, to: Buffer, amount: number): Promise<void> {
    return this.#join(() => this.move(from, to, amount))
  }
}

export const betterSqlite: Engine = {
  id: 'better-sqlite3',
  packageName: 'better-sqlite3',
  note: 'WAL; `synchronous = FULL` for durable rows, `NORMAL` for the others; a table `WITHOUT ROWID`',
  open: async (directory, options) => new SqliteStore(directory, options),
}

export const groupedSqlite: Engine = {
  id: 'better-sqlite3-grouped',
  packageName: 'better-sqlite3',
  note: 'the same, with the transactions of all clients that wait in one commit, by hand',
  onlyIn: ['b-64', 'b-1000', 'c-64', 'd-64', 'g-a', 'g-b', 'g-a-lazy', 'g-b-lazy', 'k'],
  open: async (directory, options) => new GroupedSqliteStore(directory, options),
}
