/** Tables as bytes, and ranges in them as the command line gives them. */
import { buffer, type Database, type RangeOptions, type Snapshot, type Table } from '../../index.ts'
import { CliError, ExitCode } from '../errors.ts'
import type { Encoding } from './encoding.ts'

export type RawTable = Table<Uint8Array, Uint8Array>
export type RawRange = Omit<RangeOptions<Uint8Array>, 'forUpdate'>

export const rawTable = (database: Database, name: string): RawTable =>
  database.table(name, { key: buffer, value: buffer })

/** The table `name`, which must exist. @throws `CliError` with the tables that do */
export function existingTable(database: Database, snapshot: Snapshot, name: string): RawTable {
  const names = snapshot.tables()
  if (names.includes(name)) return rawTable(database, name)
  const there =
    names.length === 0 ? 'there is none' : `there are ${names.map((known) => JSON.stringify(known)).join(', ')}`
  throw new CliError(`there is no table ${JSON.stringify(name)}; ${there}`, ExitCode.PROBLEMS)
}

export interface RangeFlags {
  readonly from?: string
  readonly to?: string
  readonly prefix?: string
  readonly reverse?: boolean
  readonly limit?: number
}

/** The range that `--from`, `--to` and `--prefix` give together. */
export function rangeOf({ from, to, prefix, reverse = false, limit }: RangeFlags, key: Encoding): RawRange {
  const start = from ?? prefix
  const prefixEnd = prefix === undefined ? undefined : endOfPrefix(key.fromText(prefix))
  const end = to === undefined ? prefixEnd : key.fromText(to)
  return {
    reverse,
    ...(start === undefined ? {} : { gte: key.fromText(start) }),
    ...(end === undefined ? {} : { lt: end }),
    ...(limit === undefined ? {} : { limit }),
  }
}

/** The first key behind all that begin with `prefix`; undefined when there is none. */
function endOfPrefix(prefix: Uint8Array): Uint8Array | undefined {
  let length = prefix.length
  while (length > 0 && prefix[length - 1] === 0xff) length--
  if (length === 0) return undefined
  const end = prefix.slice(0, length)
  end[length - 1] = (end[length - 1] as number) + 1
  return end
}
