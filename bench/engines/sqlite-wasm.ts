/** node-sqlite3-wasm: SQLite without a native build, as this library is. It has no shared memory, so one process. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { type Engine, present, type Store, type StoreOptions, withBalance } from './engine.ts'
import { fileBytes, loadPeer } from './files.ts'
import { GET, PUT, pragmasOf, SCAN_ALL, SCAN_FROM, SCHEMA } from './sqlite.ts'

interface Row {
  readonly k: Uint8Array
  readonly v: Uint8Array
}

interface Statement {
  run(values?: unknown[]): unknown
  get(values: unknown[]): Row | undefined | null
  iterate(values: unknown[]): Iterable<Row>
  finalize(): void
}

interface WasmModule {
  Database: new (path: string) => { exec(sql: string): void; prepare(sql: string): Statement; close(): void }
}

class WasmStore implements Store {
  readonly #db: InstanceType<WasmModule['Database']>
  readonly #directory: string
  readonly #statements: Record<'put' | 'get' | 'scanAll' | 'scanFrom', Statement>

  constructor(directory: string, options: StoreOptions) {
    const { Database } = loadPeer<WasmModule>('node-sqlite3-wasm')
    const path = join(directory, 'data.db')
    // Its lock is a directory, which a process that was killed leaves behind.
    rmSync(`${path}.lock`, { recursive: true, force: true })
    const db = new Database(path)
    db.exec('PRAGMA locking_mode = EXCLUSIVE')
    for (const pragma of pragmasOf(options)) db.exec(`PRAGMA ${pragma}`)
    db.exec(SCHEMA)
    this.#db = db
    this.#directory = directory
    this.#statements = {
      put: db.prepare(PUT),
      get: db.prepare(GET),
      scanAll: db.prepare(SCAN_ALL),
      scanFrom: db.prepare(SCAN_FROM),
    }
  }

  put(key: Buffer, value: Buffer): unknown {
    return this.#statements.put.run([key, value])
  }

  putAll(keys: readonly Buffer[], values: readonly Buffer[]): void {
    this.#db.exec('BEGIN IMMEDIATE')
    for (let i = 0; i < keys.length; i++) this.#statements.put.run([keys[i], values[i]])
    this.#db.exec('COMMIT')
  }

  transfer(from: Buffer, to: Buffer, amount: number): void {
    this.#db.exec('BEGIN IMMEDIATE')
    const giver = withBalance(present(this.get(from)), -amount)
    const taker = withBalance(present(this.get(to)), amount)
    this.put(from, giver)
    this.put(to, taker)
    this.#db.exec('COMMIT')
  }

  get(key: Buffer): Uint8Array | undefined {
    return this.#statements.get.get([key])?.v
  }

  getSync(key: Buffer): Uint8Array | undefined {
    return this.get(key)
  }

  scan(from: Buffer | undefined, limit: number): number {
    const { scanAll, scanFrom } = this.#statements
    let count = 0
    for (const { k, v } of from === undefined ? scanAll.iterate([limit]) : scanFrom.iterate([from, limit])) {
      if (k.length > 0 && v.length > 0) count++
    }
    return count
  }

  logBytes(): number {
    return fileBytes(this.#directory, /-wal$/)
  }

  close(): void {
    for (const statement of Object.values(this.#statements)) statement.finalize()
    this.#db.close()
  }
}

export const sqliteWasm: Engine = {
  id: 'node-sqlite3-wasm',
  packageName: 'node-sqlite3-wasm',
  note: 'SQLite as WebAssembly: WAL, `locking_mode = EXCLUSIVE`',
  open: async (directory, options) => new WasmStore(directory, options),
}
