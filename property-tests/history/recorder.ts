/**
 * Writes down the history of a database: a `RecordedTransaction` does the operations of history.ts with
 * the operations of a transaction, and keeps what it did and saw. Lists are values that are read,
 * lengthened and put back; registers are values that are put and deleted.
 *
 * Whoever writes a register has it locked until he commits, at every level, so the versions follow each
 * other as the writes came to their end. That is the order given with the history; if it was wrong
 * because two could write at once, the reads would not fit to it.
 *
 * When the machine dies, operations under way never end, and what is heard of them later is not written
 * down. Their transactions have rolled back, except for those that had asked for their commit.
 */
import { AriesError, type ErrorCode } from '../../src/common/errors.ts'
import { utf8 } from '../../src/database/codecs.ts'
import type { Database } from '../../src/database/database.ts'
import type { Table } from '../../src/database/table.ts'
import type { Savepoint } from '../../src/database/transaction.ts'
import {
  type Change,
  type History,
  isChange,
  type Level,
  type Operation,
  type Outcome,
  type Transaction as Recorded,
} from './history.ts'
import type { Kind, Operations } from './levels.ts'

/** With these a commit has not taken place; with others nobody knows. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['TX_BUSY', 'TX_CLOSED', 'TX_DEADLOCK'])

type Content = number | readonly number[]

export class Recorder {
  readonly #valueBytes: number
  readonly #transactions: RecordedTransaction[] = []
  readonly #orders = new Map<string, number[]>()
  #serial = 0
  #clock = 0

  /** Values are at least so long, so that few of them fill a page. */
  constructor(valueBytes: number) {
    this.#valueBytes = valueBytes
  }

  begin(db: Database, kind: Kind): RecordedTransaction {
    const name = `T${this.#transactions.length}`
    const recorded = new RecordedTransaction(this, name, kind, this.tick(), kind.begin(db), {
      lists: this.#tableOf(db, 'lists'),
      registers: this.#tableOf(db, 'registers'),
    })
    this.#transactions.push(recorded)
    return recorded
  }

  /** The machine died. */
  crash(): void {
    for (const transaction of this.#transactions) transaction.crash()
  }

  get history(): History {
    return { transactions: this.#transactions, orders: this.#orders }
  }

  /** @internal */
  tick(): number {
    return ++this.#clock
  }

  /** @internal A value that no other change has. */
  nextValue(): number {
    return ++this.#serial
  }

  /** @internal */
  written({ key, value }: Change): void {
    const order = this.#orders.get(key)
    if (order === undefined) this.#orders.set(key, [value])
    else order.push(value)
  }

  #tableOf(db: Database, name: string): Table<string, Content> {
    const value = {
      encode: (content: Content) => utf8.encode(JSON.stringify(content).padEnd(this.#valueBytes)),
      decode: (bytes: Uint8Array) => JSON.parse(utf8.decode(bytes)) as Content,
    }
    return db.table(name, { key: utf8, value })
  }
}

interface RangeManner {
  readonly reverse?: boolean
  readonly forUpdate?: boolean
  readonly onEntry?: () => Promise<void>
}

interface Tables {
  readonly lists: Table<string, Content>
  readonly registers: Table<string, Content>
}

export class RecordedTransaction implements Recorded {
  readonly name: string
  readonly level: Level
  readonly isReadOnly: boolean
  readonly begin: number
  readonly operations: Operation[] = []
  readonly #recorder: Recorder
  readonly #tx: Operations
  readonly #tables: Tables
  readonly #savepoints: { readonly savepoint: Savepoint; readonly length: number }[] = []
  #end: number | undefined
  #outcome: Outcome = 'aborted'

  constructor(recorder: Recorder, name: string, kind: Kind, begin: number, tx: Operations, tables: Tables) {
    this.#recorder = recorder
    this.name = name
    this.level = kind.level
    this.isReadOnly = kind.isReadOnly
    this.begin = begin
    this.#tx = tx
    this.#tables = tables
  }

  get end(): number {
    return this.#end ?? Number.POSITIVE_INFINITY
  }

  get outcome(): Outcome {
    return this.#outcome
  }

  /** Whether it goes on; an error may have ended it. */
  get isOpen(): boolean {
    return this.#end === undefined && this.#tx.isActive
  }

  async append(key: string, forUpdate: boolean): Promise<void> {
    const seen = await this.#readList(key, forUpdate)
    const change: Change = { do: 'append', key, value: this.#recorder.nextValue() }
    await this.#change(change, () => this.#tx.put(this.#tables.lists, key, [...seen, change.value]))
  }

  async readList(key: string, forUpdate = false): Promise<void> {
    await this.#readList(key, forUpdate)
  }

  async #readList(key: string, forUpdate: boolean): Promise<readonly number[]> {
    const seen = ((await this.#tx.get(this.#tables.lists, key, { forUpdate })) ?? []) as readonly number[]
    this.#did({ do: 'read', key, seen })
    return seen
  }

  async write(key: string): Promise<void> {
    const change: Change = { do: 'write', key, value: this.#recorder.nextValue() }
    await this.#change(change, () => this.#tx.put(this.#tables.registers, key, change.value))
  }

  /** To delete what is not there is to read it. */
  async delete(key: string): Promise<void> {
    const change: Change = { do: 'delete', key, value: this.#recorder.nextValue() }
    const meaning = (existed: boolean): Operation => (existed ? change : { do: 'read', key, seen: undefined })
    await this.#change(change, () => this.#tx.delete(this.#tables.registers, key), meaning)
  }

  async read(key: string, forUpdate = false): Promise<void> {
    const seen = (await this.#tx.get(this.#tables.registers, key, { forUpdate })) as number | undefined
    this.#did({ do: 'read', key, seen })
  }

  /** `onEntry` is waited for after each entry. */
  async range(from: string, to: string, options: RangeManner = {}): Promise<void> {
    const found = new Map<string, number>()
    const { onEntry, ...manner } = options
    for await (const [key, value] of this.#tx.range(this.#tables.registers, { gte: from, lte: to, ...manner })) {
      if (found.has(key)) throw new Error(`a range from ${from} to ${to} shows ${key} twice`)
      found.set(key, value as number)
      await onEntry?.()
    }
    this.#did({ do: 'range', from, to, found })
  }

  async savepoint(): Promise<void> {
    this.#savepoints.push({ savepoint: await this.#tx.savepoint(), length: this.operations.length })
  }

  /** Goes back to the last savepoint that has not been used. */
  async rollbackTo(): Promise<void> {
    const mark = this.#savepoints.pop()
    if (mark === undefined) return
    await this.#tx.rollbackTo(mark.savepoint)
    for (const operation of this.operations.slice(mark.length)) {
      if (isChange(operation)) operation.undoneAt ??= this.operations.length
    }
  }

  /** From here on the outcome is not known until the commit has come to its end. */
  async commit(): Promise<void> {
    if (this.isOpen) this.#outcome = 'unknown'
    try {
      await this.#tx.commit()
      this.#over('committed')
    } catch (error) {
      if (AriesError.is(error) && REFUSALS.has(error.code)) this.#outcome = 'aborted'
      this.failed()
      throw error
    }
  }

  async abort(): Promise<void> {
    await this.#tx.abort()
    this.#over('aborted')
  }

  /** An operation has failed: an error that has ended the transaction has rolled it back. */
  failed(): void {
    if (!this.#tx.isActive && this.#outcome !== 'unknown') this.#over('aborted')
  }

  crash(): void {
    this.#end ??= this.#recorder.tick()
  }

  #over(outcome: Outcome): void {
    if (this.#end !== undefined) return
    this.#outcome = outcome
    this.#end = this.#recorder.tick()
  }

  #did(operation: Operation): void {
    if (this.#end === undefined) this.operations.push(operation)
  }

  /** A change is written down before it is made, since nobody knows when another one sees it. */
  async #change<R>(
    change: Change,
    make: () => Promise<R>,
    meaning: (result: R) => Operation = () => change,
  ): Promise<void> {
    this.#did(change)
    let done: Operation[] = []
    try {
      const operation = meaning(await make())
      done = [operation]
      if (this.#end === undefined && isChange(operation)) this.#recorder.written(operation)
    } finally {
      if (this.#end === undefined) this.operations.splice(this.operations.indexOf(change), 1, ...done)
    }
  }
}
