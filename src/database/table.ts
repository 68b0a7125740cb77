/**
 * A table handle: a name and two codecs. It holds no data and no lock; the table itself is found, or
 * made by the first write, inside each transaction. Its own methods are transactions of one operation, which
 * wait for the locks of others: inside `db.transaction` use the methods of the transaction instead. They are
 * run again after a deadlock, not after a lock timeout. Those that read more than a row read a snapshot, so
 * that they wait for nobody and nobody for them.
 */
import type { Codec } from './codecs.ts'
import type { BeginOptions, TransactionOptions } from './options.ts'
import type { RangeOptions } from './range.ts'
import type { TableCodecs, TableShape } from './table-shape.ts'
import type { Transaction } from './transaction.ts'

/** What a table's own methods need of its database. */
export interface TransactionSource {
  begin(options?: BeginOptions): Transaction
  /** Commits one operation; runs it again after a deadlock, but not after a lock timeout. */
  operation<T>(fn: (transaction: Transaction) => Promise<T>, options?: TransactionOptions): Promise<T>
  /** The value of one key, read as a transaction of its own. */
  get<K, V>(table: TableShape<K, V>, key: K): Promise<V | undefined>
  /** Stores one value, as a transaction of its own. */
  put<K, V>(table: TableShape<K, V>, key: K, value: V): Promise<void>
}

export class Table<K, V> implements TableShape<K, V> {
  readonly name: string
  readonly key: Codec<K>
  readonly value: Codec<V>
  readonly #database: TransactionSource

  /** @internal Made by `Database.table`. */
  constructor(database: TransactionSource, name: string, codecs: TableCodecs<K, V>) {
    this.#database = database
    this.name = name
    this.key = codecs.key
    this.value = codecs.value
  }

  /** The value under `key` in the newest committed state, or undefined; waits for nobody. Throws as `Snapshot.get`. */
  get(key: K): Promise<V | undefined> {
    return this.#database.get(this, key)
  }

  /**
   * Stores `value` under `key` and commits at the database's durability. Until it resolves, neither may be changed.
   * Throws as `Transaction.put` and `commit`.
   */
  put(key: K, value: V): Promise<void> {
    return this.#database.put(this, key, value)
  }

  /**
   * Stores all of `entries` in one transaction and commits. One that can be gone through only once, such as a
   * generator, is not tried again after a deadlock. Throws as `Transaction.putMany` and `commit`.
   */
  putMany(entries: Iterable<readonly [K, V]>): Promise<void> {
    const options = isOneShot(entries) ? { attempts: 1 } : {}
    return this.#database.operation((tx) => tx.putMany(this, entries), options)
  }

  /**
   * Removes `key` and commits; whether it was there. Until it resolves, `key` may not be changed. Throws as
   * `Transaction.delete` and `commit`.
   */
  delete(key: K): Promise<boolean> {
    return this.#database.operation((tx) => tx.delete(this, key))
  }

  /** How many keys lie in the range, as of now. Until it resolves, its bounds may not be changed. Throws as `Transaction.count`. */
  count(range: Omit<RangeOptions<K>, 'forUpdate'> = {}): Promise<number> {
    return this.#database.operation((tx) => tx.count(this, range), { readOnly: true })
  }

  /**
   * Removes all keys in the range and commits; how many there were. Until it resolves, its bounds may not be changed.
   * Throws as `Transaction.clear`.
   */
  clear(range: RangeOptions<K> = {}): Promise<number> {
    return this.#database.operation((tx) => tx.clear(this, range))
  }

  /**
   * The entries of a range in key order, as they are when the loop begins, whatever happens meanwhile. Until it begins
   * the bounds may not be changed. Throws as `Transaction.range`.
   */
  async *range(range: Omit<RangeOptions<K>, 'forUpdate'> = {}): AsyncGenerator<[K, V], void, undefined> {
    const tx = this.#database.begin({ readOnly: true })
    try {
      yield* tx.range(this, range)
      await tx.commit()
    } finally {
      if (tx.isActive) await tx.abort()
    }
  }
}

/** Whether it is its own iterator: then what it has given once it does not give again. */
const isOneShot = (entries: Iterable<unknown>): boolean =>
  typeof (entries as Partial<Iterator<unknown>> | null)?.next === 'function'
