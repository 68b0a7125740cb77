/**
 * One run of a scenario on a disk that fails once or from some moment on, and what must hold of it:
 *
 *   - every operation ends; when it fails it does so with an `AriesError`, or with the very exception that
 *     the port threw (a programmer's error is not dressed up as an operating one)
 *   - the fault is told: some error, or the statistics, have it as their cause; or it did no harm
 *   - after a failed write or sync of log, data or master nothing is acknowledged, and neither page nor
 *     master record is written any more; a commit in flight is TX_OUTCOME_UNKNOWN (I28)
 */
import { AriesError } from '../../src/common/errors.ts'
import type { Database } from '../../src/database/database.ts'
import { open } from '../../src/database/open-location.ts'
import type { OpenOptions } from '../../src/database/options.ts'
import type { Transaction } from '../../src/database/transaction.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { contentOf } from '../commands/script.ts'
import { drive, idle, LOCK_TIMEOUT_MS, PAGE_SIZE, SEGMENT_BYTES, tableOf } from '../lab.ts'
import { type Effect, Model } from '../model.ts'
import type { SiteFileSystem } from './site-file-system.ts'
import type { Method } from './static-sites.ts'

const OPTIONS: OpenOptions = {
  createIfMissing: true,
  pageSize: PAGE_SIZE,
  segmentBytes: SEGMENT_BYTES,
  poolBytes: 8 * PAGE_SIZE,
  checkpointBytes: 65_536,
  maxRedoBytes: 65_536,
  lockTimeoutMs: LOCK_TIMEOUT_MS,
}

/** What stops the engine, by file; where it is only made or got ready, a failure is one of that operation. */
const FAIL_STOP_FILES = /^(data|master|double-write|log-\d+)$/
const MAKING_READY = /^(grow|fillPiece|finishBlocking|#wipeRest|makeDurable|makeFile)\b|^sync < makeStep\b/

export class Session {
  readonly model = new Model()
  readonly runtime = new SimulatedRuntime(1)
  readonly violations: string[] = []
  /** Every error that an operation ended with. */
  readonly errors: unknown[] = []
  readonly fileSystem: SiteFileSystem
  beforeClose: (() => void) | undefined
  readonly #options: OpenOptions
  #db: Database | undefined
  #serial = 0
  #mustStop = false
  /** What check and statistics said. */
  readonly #mentions: string[] = []

  /** `way`: how the call that fails is reached, if one does. */
  constructor(fileSystem: SiteFileSystem, way = '', options: OpenOptions = {}) {
    this.fileSystem = fileSystem
    this.#options = { ...OPTIONS, ...options, runtime: this.runtime }
    fileSystem.onStrike = ({ method, file }) => this.#strike(method, file, way)
    fileSystem.afterStrike = ({ method, file }) => this.#watchAfter(method, file)
  }

  get db(): Database {
    if (this.#db === undefined) throw new Error('the database is open')
    return this.#db
  }

  /** Decides whether the engine has to stop after this failure. */
  #strike(method: Method, file: string, way: string): void {
    const { fault } = this.fileSystem.injection ?? {}
    const fails = method === 'writeAt' || method === 'sync' || method === 'syncBlocking'
    // A full double-write file is met before anything went to its place: that batch may be tried again.
    const isDeferred = method === 'writeAt' && file === 'double-write' && fault === 'ENOSPC'
    this.#mustStop = fault !== 'short' && fails && !isDeferred && FAIL_STOP_FILES.test(file) && !MAKING_READY.test(way)
  }

  #watchAfter(method: Method, file: string): void {
    if (this.#mustStop && method === 'writeAt' && (file === 'data' || file === 'master')) {
      this.violations.push(`${file} is written after the failure (I28)`)
    }
  }

  /** Opens; false when that failed, and then there is nothing more to do. */
  async open(): Promise<boolean> {
    this.#db = await this.step('open', () => open(this.fileSystem, this.#options))
    return this.#db !== undefined
  }

  /** An operation: its result, or undefined when it failed. */
  async step<T>(name: string, work: () => Promise<T> | T): Promise<T | undefined> {
    try {
      return await drive(this.runtime, Promise.resolve().then(work))
    } catch (error) {
      this.errors.push(error)
      if (!AriesError.is(error) && !this.fileSystem.thrown.has(error)) this.violations.push(`${name} throws ${error}`)
      if (AriesError.is(error) || this.fileSystem.injection?.fault === 'throw') return undefined
      this.violations.push(`${name} throws the system's error as it is: ${error}`)
      return undefined
    } finally {
      await idle()
    }
  }

  /** A transaction of puts (a length) and deletes (undefined) that commits. */
  async write(table: string, rows: readonly (readonly [key: string, length: number | undefined])[]): Promise<void> {
    await this.step(`a transaction on ${table}`, async () => {
      const tx = this.db.begin()
      const effects: Effect[] = []
      try {
        for (const [key, length] of rows) effects.push(await this.#change(tx, table, key, length))
      } catch (error) {
        await tx.abort()
        throw error
      }
      await this.commit(tx, effects)
    })
  }

  async #change(tx: Transaction, table: string, key: string, length: number | undefined): Promise<Effect> {
    if (length === undefined) {
      await tx.delete(tableOf(this.db, table), key)
      return { kind: 'delete', table, key }
    }
    const value = contentOf(++this.#serial, length)
    await tx.put(tableOf(this.db, table), key, value)
    return { kind: 'put', table, key, value }
  }

  /** Commits at `full`, which the model is told of. */
  async commit(tx: Transaction, effects: readonly Effect[]): Promise<void> {
    const hadToStop = this.#mustStop
    const committed = tx.commit({ durability: 'full' })
    const commit = this.model.commit(effects, 'full')
    try {
      await committed
    } catch (error) {
      const code = AriesError.is(error) ? error.code : String(error)
      if (this.#mustStop && code !== 'TX_OUTCOME_UNKNOWN' && code !== 'DB_FAILED') {
        this.violations.push(`a commit in flight fails with ${code}, not TX_OUTCOME_UNKNOWN`)
      }
      throw error
    }
    commit.acknowledged = true
    if (hadToStop) this.violations.push('a commit is acknowledged after the failure (I28)')
  }

  async check(): Promise<void> {
    await this.step('check', () => {
      this.#mentions.push(...this.db.check())
    })
  }

  async close(): Promise<void> {
    await this.step('statistics', () => {
      this.#mentions.push(this.db.stats().background.lastError ?? '')
    })
    this.beforeClose?.()
    await this.step('close', () => this.db.close())
  }

  /** The codes of the errors, if there were any. */
  get codes(): string | undefined {
    const codes = this.errors.map((error) => (AriesError.is(error) ? error.code : String(error)))
    return codes.length === 0 ? undefined : codes.join()
  }

  /** Whether some error has what the port threw as a cause, or check or the statistics mention it. */
  get isTold(): boolean {
    const { thrown } = this.fileSystem
    const mentioned = [...thrown].some((error) =>
      this.#mentions.some((text) => text.includes((error as Error).message)),
    )
    return mentioned || this.errors.some((error) => causesOf(error).some((cause) => thrown.has(cause)))
  }
}

function causesOf(error: unknown): unknown[] {
  const causes: unknown[] = []
  for (let at = error; at !== undefined; at = (at as { cause?: unknown }).cause) causes.push(at)
  return causes
}
