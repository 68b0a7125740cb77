/** What a transaction needs to know of a table: its name and its codecs. */
import type { Codec } from './codecs.ts'

/** The codecs of a table. */
export interface TableCodecs<K, V> {
  readonly key: Codec<K>
  readonly value: Codec<V>
}

/** A table by name, with its codecs. `Table` is one. */
export interface TableShape<K, V> extends TableCodecs<K, V> {
  readonly name: string
}
