/**
 * A table handle: a name and two codecs. It holds no data and no lock; the table itself is found, or
 * made by the first write, inside each transaction. Its own methods are transactions of one operation.
 */
import type { Codec } from './codecs.ts'
import type { Database } from './database.ts'
import type { RangeOptions } from './range.ts'

/** The codecs of a table. */
export interface TableCodecs<K, V> {
  readonly key: Codec<K>
  readonly value: Codec<V>
}

export class Table<K, V> implements TableCodecs<K, V> {
  readonly name: string
  readonly key: Codec<K>
  readonly value: Codec<V>
  readonly #database: Database

  /** @internal Made by `Database.table`. */
  constructor(database: Database, name: string, codecs: TableCodecs<K, V>) {
    this.#database = database
    this.name = name
    this.key = codecs.key
    this.value = codecs.value
  }

  /** The value under `key`, or undefined. Throws as `Transaction.get`. */
  get(key: K): Promise<V | undefined> {
    return this.#database.transaction((tx) => tx.get(this, key))
  }

  /** Stores `value` under `key` and commits at the database's durability. Throws as `Transaction.put` and `commit`. */
  put(key: K, value: V): Promise<void> {
    return this.#database.transaction((tx) => tx.put(this, key, value))
  }

  /** Removes `key` and commits; whether it was there. Throws as `Transaction.delete` and `commit`. */
  delete(key: K): Promise<boolean> {
    return this.#database.transaction((tx) => tx.delete(this, key))
  }

  /** How many keys lie in the range. Throws as `Transaction.count`. */
  count(range: RangeOptions<K> = {}): Promise<number> {
    return this.#database.transaction((tx) => tx.count(this, range))
  }

  /** Removes all keys in the range and commits; how many there were. Throws as `Transaction.clear`. */
  clear(range: RangeOptions<K> = {}): Promise<number> {
    return this.#database.transaction((tx) => tx.clear(this, range))
  }

  /** The entries of a range in key order, read in one transaction that ends with the loop. */
  async *range(range: RangeOptions<K> = {}): AsyncGenerator<[K, V], void, undefined> {
    const tx = this.#database.begin()
    try {
      yield* tx.range(this, range)
      await tx.commit()
    } finally {
      if (tx.isActive) await tx.abort()
    }
  }
}
