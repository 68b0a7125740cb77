/** What a transaction needs to know of a table: its name and its codecs; and their use, with all checks. */

import { AriesError } from '../common/errors.ts'
import { invalid } from '../common/options.ts'
import { printableKey } from '../common/text.ts'
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

/** Checks that there are codecs for keys and values, each with both its functions. @throws `INVALID_ARGUMENT` */
export function checkCodecs<K, V>(codecs: TableCodecs<K, V> | undefined | null): void {
  for (const name of ['key', 'value'] as const) {
    const codec = codecs?.[name]
    if (typeof codec?.encode === 'function' && typeof codec.decode === 'function') continue
    throw invalid(`table needs codecs for key and value, such as { key: utf8, value: json() }; that of ${name} is none`)
  }
}

/** Checks that a table was given, and not its name, say. @throws `INVALID_ARGUMENT` */
export function checkTable<K, V>(table: TableShape<K, V> | undefined | null): void {
  if (typeof table?.name === 'string' && typeof table.key?.encode === 'function') return
  throw invalid('the first argument must be a table made by db.table')
}

/** Encodes a key of at most `maxBytes`. @throws `KEY_TOO_LARGE`, `INVALID_ARGUMENT` */
export function keyOf<K, V>(table: TableShape<K, V>, key: K, maxBytes: number): Uint8Array {
  const bytes = boundOf(table, key, maxBytes)
  if (bytes.length === 0) throw invalid('a key must not be empty')
  return bytes
}

/** The same for the bound of a range, which may be empty: it lies before all keys. */
export function boundOf<K, V>(table: TableShape<K, V>, key: K, maxBytes: number): Uint8Array {
  checkTable(table)
  const bytes = table.key.encode(key)
  if (!(bytes instanceof Uint8Array)) throw invalid('a key codec must encode to a Uint8Array')
  if (bytes.length > maxBytes) {
    throw new AriesError(
      'KEY_TOO_LARGE',
      `the key has ${bytes.length} bytes; at most ${maxBytes} (a quarter of a page) fit`,
    )
  }
  return bytes
}

const VALUE_BYTES_MAX = 2 ** 30

/** Encodes a value. @throws `VALUE_TOO_LARGE`, `INVALID_ARGUMENT` */
export function encodedValue<K, V>(table: TableShape<K, V>, value: V): Uint8Array {
  const bytes = table.value.encode(value)
  if (!(bytes instanceof Uint8Array)) throw invalid('a value codec must encode to a Uint8Array')
  if (bytes.length > VALUE_BYTES_MAX) {
    throw new AriesError(
      'VALUE_TOO_LARGE',
      `the value has ${bytes.length} bytes; at most ${VALUE_BYTES_MAX} (1 GiB) fit`,
    )
  }
  return bytes
}

/** Decodes a key of the table. @throws `DECODE_FAILED` */
export function decodedKey<K, V>(table: TableShape<K, V>, key: Uint8Array): K {
  try {
    return table.key.decode(key)
  } catch (error) {
    throw decodeFailed(table.name, 'the key', key, error)
  }
}

/** Decodes the value that the table holds under `key`. @throws `DECODE_FAILED` */
export function decodedValue<K, V>(table: TableShape<K, V>, key: Uint8Array, value: Uint8Array): V {
  try {
    return table.value.decode(value)
  } catch (error) {
    throw decodeFailed(table.name, 'the value of the key', key, error)
  }
}

function decodeFailed(table: string, what: string, key: Uint8Array, error: unknown): AriesError {
  const reason = error instanceof Error ? error.message : String(error)
  return new AriesError(
    'DECODE_FAILED',
    `${what} ${printableKey(key)} of table "${table}" cannot be decoded (${reason}); was it written with another codec?`,
    { table, key: Uint8Array.from(key) },
    error,
  )
}
