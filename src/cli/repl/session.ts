/**
 * What the shell works on: a database, its transactions by name, and where it lies. In memory that is a
 * simulated disk on which time stands still, so it can crash, and every run of the same commands is the same.
 */

import type { Opened } from '../../database/open.ts'
import { openParts } from '../../database/open-location.ts'
import {
  AriesError,
  type Database,
  type OpenOptions,
  type Savepoint,
  type Table,
  type TraceEvent,
  type Transaction,
  utf8,
} from '../../index.ts'
import { type CrashChoice, SimulatedFileSystem } from '../../io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../io/simulated-runtime.ts'
import { CliError } from '../errors.ts'
import { nextTurn } from '../turns.ts'

/** Small pages, so that a few rows split them. */
const MEMORY_OPTIONS = { pageSize: 4096, segmentBytes: 262_144, poolBytes: 64 * 4096 } as const

/** A transaction of the shell. */
export interface NamedTransaction {
  readonly name: string
  readonly transaction: Transaction
  readonly savepoints: Map<string, Savepoint>
}

interface Open {
  readonly database: Database
  readonly opened: Opened
}

export type TextTable = Table<string, string>

export class Session {
  /** The directory; undefined in memory. */
  readonly directory: string | undefined
  tableName = 'data'
  /** The transaction that commands belong to; without one each is a transaction of its own. */
  current: NamedTransaction | undefined
  readonly transactions = new Map<string, NamedTransaction>()
  /** Hears of everything that the engine does. */
  onEvent: ((event: TraceEvent) => void) | undefined
  /** Prints a line at any time, also between two commands. */
  readonly print: (line: string) => void
  readonly #createIfMissing: boolean
  #disk = new SimulatedFileSystem()
  #open: Open | undefined
  #lastName = 0

  constructor(directory: string | undefined, createIfMissing: boolean, print: (line: string) => void) {
    this.directory = directory
    this.#createIfMissing = createIfMissing
    this.print = print
  }

  /** Opens the database, with a restart if need be. @throws what `open` throws */
  async open(): Promise<Database> {
    const traced: OpenOptions = { trace: (event) => this.onEvent?.(event) }
    const isNew = this.#disk.list().length === 0
    this.#open =
      this.directory === undefined
        ? await openParts(this.#disk, {
            ...(isNew ? MEMORY_OPTIONS : { poolBytes: MEMORY_OPTIONS.poolBytes }),
            createIfMissing: true,
            runtime: new SimulatedRuntime(),
            ...traced,
          })
        : await openParts(this.directory, { createIfMissing: this.#createIfMissing, ...traced })
    return this.#open.database
  }

  get isOpen(): boolean {
    return this.#open !== undefined
  }

  get database(): Database {
    return this.#parts.database
  }

  get opened(): Opened {
    return this.#parts.opened
  }

  get #parts(): Open {
    if (this.#open === undefined) throw new CliError('the database has crashed; "recover" brings it up again')
    return this.#open
  }

  get table(): TextTable {
    return this.database.table(this.tableName, { key: utf8, value: utf8 })
  }

  begin(name: string | undefined): NamedTransaction {
    const chosen = name ?? this.#freeName()
    if (this.transactions.has(chosen)) throw new CliError(`there is a transaction ${chosen} already`)
    const begun = { name: chosen, transaction: this.database.begin(), savepoints: new Map() }
    this.transactions.set(chosen, begun)
    this.current = begun
    return begun
  }

  #freeName(): string {
    let name = `T${++this.#lastName}`
    while (this.transactions.has(name)) name = `T${++this.#lastName}`
    return name
  }

  /** @throws `CliError` when there is none of this name */
  use(name: string): NamedTransaction {
    const found = this.transactions.get(name)
    if (found === undefined) throw new CliError(`there is no open transaction ${name}; "show transactions" lists them`)
    this.current = found
    return found
  }

  /** The transaction that the command is about. @throws `CliError` when none is open */
  get mustHaveCurrent(): NamedTransaction {
    if (this.current === undefined) throw new CliError('no transaction is open; "begin" opens one')
    return this.current
  }

  /** It has ended, however it did. */
  forget({ name }: NamedTransaction): void {
    this.transactions.delete(name)
    if (this.current?.name === name) this.current = [...this.transactions.values()].at(-1)
  }

  /** Stops everything as a crash does. Nobody hears of it but the disk. @throws `CliError` for a directory */
  crash(choice: CrashChoice): void {
    if (this.directory !== undefined) {
      throw new CliError('only a database in memory can crash here; start "aries repl" without a directory')
    }
    void this.database
    this.#disk = this.#disk.crash(choice)
    this.#letGo()
  }

  /** Closes the database; open transactions are rolled back. */
  async close(): Promise<void> {
    const open = this.#open
    this.#letGo()
    await open?.database.close()
  }

  #letGo(): void {
    this.#open = undefined
    this.transactions.clear()
    this.current = undefined
  }

  /**
   * Waits for an operation of `named`, unless it waits for a lock: then the shell goes on, and tells when it has
   * ended.
   */
  async settle(named: NamedTransaction | undefined, what: string, work: Promise<string>): Promise<string> {
    let outcome: { text: string } | { error: unknown } | undefined
    const settled = work.then(
      (text) => {
        outcome = { text }
      },
      (error: unknown) => {
        outcome = { error }
      },
    )
    const { database } = this
    for (;;) {
      await nextTurn()
      if (outcome !== undefined) break
      const wait = waitOf(database, (txnId) => this.#isMeant(named, txnId))
      if (wait === undefined) continue
      void settled.then(() => this.#tellLate(named, what, outcome))
      return wait
    }
    if ('error' in outcome) throw outcome.error
    return outcome.text
  }

  /** Whether a transaction is that of a command; one without a name is that of no other. */
  #isMeant(named: NamedTransaction | undefined, txnId: number): boolean {
    if (named !== undefined) return named.transaction.id === txnId
    return ![...this.transactions.values()].some(({ transaction }) => transaction.id === txnId)
  }

  #tellLate(
    named: NamedTransaction | undefined,
    what: string,
    outcome: { text: string } | { error: unknown } | undefined,
  ): void {
    const text = outcome === undefined || 'error' in outcome ? errorText(outcome?.error) : outcome.text
    // After a crash nobody is there any more who could hear of it.
    if (this.isOpen && (named === undefined || this.transactions.has(named.name)))
      this.print(`${named?.name ?? ''} ${what}: ${text}`)
    if (named !== undefined && !named.transaction.isActive) this.forget(named)
  }
}

/** What a transaction waits for, in words; undefined when none that is meant waits. */
function waitOf(database: Database, isMeant: (txnId: number) => boolean): string | undefined {
  for (const { kind, table, keyText, waiters } of database.locks()) {
    const waiter = waiters.find(({ txnId }) => isMeant(txnId))
    if (waiter === undefined) continue
    const place =
      kind === 'table' ? `table ${table}` : kind === 'end' ? `the end of ${table}` : `${keyText} of ${table}`
    return `waits for ${waiter.mode} on ${place}, for transaction ${waiter.waitsFor.join(', ')}`
  }
  return undefined
}

export function errorText(error: unknown): string {
  return AriesError.is(error) || error instanceof CliError ? error.message : String(error)
}
