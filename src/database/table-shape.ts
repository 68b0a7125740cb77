/** What a transaction needs to know of a table: its name and its codecs. */

import type { Codec } from './codecs.ts'
import { invalid } from './options.ts'

/** The codecs of a table. */
export interface TableCodecs<K, V> {
  readonly key: Codec<K>
  readonly value: Codec<V>
}

/** A table by name, with its codecs. `Table` is one. */
export interface TableShape<K, V> extends TableCodecs<K, V> {
  readonly name: string
}

/** Checks that a table was given, and not its name, say. @throws `INVALID_ARGUMENT` */
export function checkTable<K, V>(table: TableShape<K, V> | undefined | null): void {
  if (typeof table?.name === 'string' && typeof table.key?.encode === 'function') return
  throw invalid('the first argument must be a table made by db.table')
}
