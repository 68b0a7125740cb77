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
 * down. Their transactions have rolled back, except for those that had asked for their commit. A prepared
 * transaction comes through, and goes on when the restart says that it is in doubt. It keeps its writes
 * locked and not what it has read, so from then on it counts as one that has read a snapshot.
 */
import { AriesError, type ErrorCode } from '../../src/common/errors.ts'
import { utf8 } from '../../src/database/codecs.ts'
import type { Database } from '../../src/database/database.ts'
import type { InDoubtTransaction } from '../../src/database/in-doubt.ts'
import type { Table } from '../../src/database/table.ts'
import type { Savepoint } from '../../src/database/transaction.ts'
import {
  type Change,
  type History,
  isChange,
  type Level,
  type Moment,
  type Operation,
  type Outcome,
  type Transaction as Recorded,
} from './history.ts'
import type { Kind, Operations } from './levels.ts'

/** With these a commit or prepare has not taken place; with others nobody knows. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'TX_BUSY',
  'TX_CANCELLED',
  'TX_CLOSED',
  'TX_CONFLICT',
  'TX_DEADLOCK',
])

const isRefusal = (error: unknown): boolean => AriesError.is(error) && REFUSALS.has(error.code)

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
    const canceller = new AbortController()
    const recorded = new RecordedTransaction(
      this,
      name,
      kind,
      this.tick(),
      kind.begin(db, canceller.signal),
      canceller,
      {
        lists: this.#tableOf(db, 'lists'),
        registers: this.#tableOf(db, 'registers'),
      },
    )
    this.#transactions.push(recorded)
    return recorded
  }

  /** The machine died. */
  crash(): void {
    for (const transaction of this.#transactions) transaction.crash()
  }

  /** It came up again. Returns the transactions that are in doubt. @throws when one of them is not as it must be */
  restarted(db: Database): RecordedTransaction[] {
    const found = new Map(db.inDoubt().map((each) => [each.name, each]))
    const inDoubt = this.#transactions.filter((each) => each.restarted(found.get(each.name)))
    if (inDoubt.length !== found.size) throw new Error(`in doubt: ${[...found.keys()]}`)
    return inDoubt
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
  level: Level
  readonly isReadOnly: boolean
  readonly begin: number
  readonly operations: Operation[] = []
  readonly #recorder: Recorder
  readonly #tx: Operations
  readonly #canceller: AbortController
  /** What it is ended by: itself, or, after a restart, what the database has of it. */
  #ending: Pick<Operations, 'commit' | 'abort'>
  readonly #tables: Tables
  readonly #savepoints: { readonly savepoint: Savepoint; readonly length: number }[] = []
  #end: number | undefined
  #outcome: Outcome = 'aborted'
  #prepared: 'no' | 'asked' | 'yes' = 'no'
  #decided: 'commit' | 'abort' | undefined
  /** How many crashes it has come through. What an operation says after a crash is not heard. */
  #crashes = 0

  constructor(
    recorder: Recorder,
    name: string,
    kind: Kind,
    begin: number,
    tx: Operations,
    canceller: AbortController,
    tables: Tables,
  ) {
    this.#recorder = recorder
    this.name = name
    this.level = kind.level
    this.isReadOnly = kind.isReadOnly
    this.begin = begin
    this.#tx = tx
    this.#canceller = canceller
    this.#ending = tx
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
    return this.#end === undefined && (this.#tx.isActive || this.isPrepared)
  }

  get isBeingPrepared(): boolean {
    return this.#prepared === 'asked'
  }

  /** Whether it can only be committed or aborted any more. */
  get isPrepared(): boolean {
    return this.#prepared === 'yes'
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
    const begin = this.#recorder.tick()
    const seen = ((await this.#tx.get(this.#tables.lists, key, { forUpdate })) ?? []) as readonly number[]
    this.#did({ do: 'read', key, seen, ...this.#since(begin) })
    return seen
  }

  async write(key: string): Promise<void> {
    const change: Change = { do: 'write', key, value: this.#recorder.nextValue() }
    await this.#change(change, () => this.#tx.put(this.#tables.registers, key, change.value))
  }

  /** Several registers in one operation: all are written, or none. */
  async writeMany(keys: readonly string[]): Promise<void> {
    const changes = keys.map((key): Change => ({ do: 'write', key, value: this.#recorder.nextValue() }))
    for (const change of changes) this.#did(change)
    let isDone = false
    try {
      await this.#tx.putMany(
        this.#tables.registers,
        changes.map(({ key, value }) => [key, value] as const),
      )
      isDone = true
      if (this.#end === undefined) for (const change of changes) this.#recorder.written(change)
    } finally {
      if (this.#end === undefined && !isDone) {
        for (const change of changes) this.operations.splice(this.operations.indexOf(change), 1)
      }
    }
  }

  /** To delete what is not there is to read it. */
  async delete(key: string): Promise<void> {
    const change: Change = { do: 'delete', key, value: this.#recorder.nextValue() }
    const meaning = (existed: boolean): Operation => (existed ? change : { do: 'read', key, seen: undefined })
    await this.#change(change, () => this.#tx.delete(this.#tables.registers, key), meaning)
  }

  async read(key: string, forUpdate = false): Promise<void> {
    const begin = this.#recorder.tick()
    const seen = (await this.#tx.get(this.#tables.registers, key, { forUpdate })) as number | undefined
    this.#did({ do: 'read', key, seen, ...this.#since(begin) })
  }

  /** `onEntry` is waited for after each entry. */
  async range(from: string, to: string, options: RangeManner = {}): Promise<void> {
    const found = new Map<string, number>()
    const { onEntry, ...manner } = options
    const begin = this.#recorder.tick()
    for await (const [key, value] of this.#tx.range(this.#tables.registers, { gte: from, lte: to, ...manner })) {
      if (found.has(key)) throw new Error(`a range from ${from} to ${to} shows ${key} twice`)
      found.set(key, value as number)
      await onEntry?.()
    }
    // What is locked on the way is of the moment at which it was locked.
    this.#did({ do: 'range', from, to, found, ...(options.forUpdate === true ? {} : this.#since(begin)) })
  }

  /** At read-committed each operation shows the newest state of a moment. */
  #since(begin: number): { at?: Moment } {
    return this.level === 'read-committed' ? { at: [begin, this.#recorder.tick()] } : {}
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

  async prepare(): Promise<void> {
    const crashes = this.#crashes
    if (this.isOpen) this.#prepared = 'asked'
    try {
      await this.#tx.prepare(this.name)
      if (crashes === this.#crashes) this.#prepared = 'yes'
    } catch (error) {
      if (crashes === this.#crashes && isRefusal(error)) this.#prepared = 'no'
      throw error
    }
  }

  /** From here on the outcome is not known until the commit has come to its end. */
  async commit(): Promise<void> {
    const crashes = this.#crashes
    if (this.isOpen) this.#decided = 'commit'
    try {
      await this.#ending.commit()
      if (crashes === this.#crashes) this.#over('committed')
    } catch (error) {
      if (crashes === this.#crashes && isRefusal(error)) this.#decided = undefined
      throw error
    }
  }

  async abort(): Promise<void> {
    const crashes = this.#crashes
    if (this.isOpen) this.#decided = 'abort'
    await this.#ending.abort()
    if (crashes === this.#crashes) this.#over('aborted')
  }

  cancel(): void {
    this.#canceller.abort()
  }

  /** An operation has failed, or it was cancelled: an error that has ended the transaction has rolled it back. */
  failed(): void {
    if (!this.#tx.isActive && this.#prepared === 'no' && this.#decided !== 'commit') this.#over('aborted')
  }

  crash(): void {
    this.#crashes++
    if (this.#end !== undefined || this.#prepared !== 'no') return
    this.#over(this.#decided === 'commit' ? 'unknown' : 'aborted')
  }

  /** What a restart has found of it; whether it is in doubt. @throws when that cannot be */
  restarted(found: InDoubtTransaction | undefined): boolean {
    if (this.#end !== undefined) return false
    if (found !== undefined) {
      this.#prepared = 'yes'
      this.#decided = undefined
      this.#ending = found
      if (this.level === 'serializable') this.level = 'snapshot'
      return true
    }
    if (this.isPrepared && this.#decided === undefined) throw new Error(`${this.name} was prepared, and is gone`)
    this.#over(this.isPrepared && this.#decided === 'commit' ? 'committed' : 'aborted')
    return false
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
