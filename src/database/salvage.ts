/**
 * All rows of a table that can be read, around pages that cannot, as Berkeley DB's `db_dump -r` does it. What lies
 * below a damaged page is told by the separators above it, so the walk goes on behind it:
 *
 * ```
 *   inner node       | f | k | p |
 *                     /    |    \
 *   leaves       a..e   damaged   k..o   p..
 *                       a gap: after e, before k
 * ```
 */
import type { Way } from '../btree/way.ts'
import { AriesError, type ErrorCode } from '../common/errors.ts'
import { ALL_KEYS, type ByteRange } from './range.ts'
import type { TableShape } from './table-shape.ts'
import type { Walk } from './walk.ts'

/** Rows that cannot be read: those between two that can, and any number of them, also none. */
export interface Gap<K> {
  /** The key of the last row before it; undefined when it is at the beginning of the table. */
  readonly after: K | undefined
  /** The key of the first row behind it; undefined when it is at the end of the table. */
  readonly before: K | undefined
  /** What reading met: `PAGE_CORRUPT`, `PAGE_LSN_BEYOND_LOG` or `IO_ERROR` for each page. */
  readonly errors: readonly AriesError[]
}

export interface SalvagePorts {
  readonly open: (range: ByteRange) => Walk
  readonly wayTo: (key: Uint8Array) => Way
}

/** A row, of which the value may be what keeps it from being read; or what keeps more from it. */
type Found = { readonly key: Uint8Array; readonly value: Uint8Array | AriesError } | AriesError

const UNREADABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['PAGE_CORRUPT', 'PAGE_LSN_BEYOND_LOG', 'IO_ERROR'])
const LEAST_KEY = new Uint8Array(0)

/** The rows that can be read, in key order. Each gap is told before the row behind it is given out. */
export function* salvage<K, V>(
  table: TableShape<K, V>,
  ports: SalvagePorts,
  onGap: (gap: Gap<K>) => void,
): Generator<[K, V], undefined> {
  const decode = (key: Uint8Array | undefined): K | undefined => (key === undefined ? undefined : table.key.decode(key))
  let last: Uint8Array | undefined
  let errors: AriesError[] = []
  for (const found of foundIn(ports)) {
    if (AriesError.is(found)) errors.push(found)
    else if (AriesError.is(found.value)) errors.push(found.value)
    else {
      if (errors.length > 0) onGap({ after: decode(last), before: decode(found.key.slice()), errors })
      errors = []
      // Who gets a key may write over it.
      last = found.key.slice()
      yield [table.key.decode(found.key), table.value.decode(found.value)]
    }
  }
  if (errors.length > 0) onGap({ after: decode(last), before: undefined, errors })
  return undefined
}

function* foundIn(ports: SalvagePorts): Generator<Found, undefined> {
  for (let range: ByteRange | undefined = ALL_KEYS; range !== undefined; ) {
    let passed = range.start ?? LEAST_KEY
    const walk = ports.open(range)
    try {
      while (walk.next() === true) {
        passed = walk.key
        yield { key: walk.key, value: readValue(walk) }
      }
      return
    } catch (error) {
      const damage = damageOr(error)
      yield damage
      range = rangeBehind(ports, damage, passed)
    }
  }
}

function readValue(walk: Walk): Uint8Array | AriesError {
  try {
    return walk.value()
  } catch (error) {
    return damageOr(error)
  }
}

/** @throws `error` when it is not of a page that cannot be read */
function damageOr(error: unknown): AriesError {
  if (AriesError.is(error) && UNREADABLE.has(error.code)) return error
  throw error
}

/** What lies behind the first page that cannot be read on the way to `key` or to what follows it. @throws `damage` */
function rangeBehind(ports: SalvagePorts, damage: AriesError, key: Uint8Array): ByteRange | undefined {
  for (let next: Uint8Array | undefined = key; next !== undefined; ) {
    const { end, error }: Way = ports.wayTo(next)
    if (error !== undefined) return end && { ...ALL_KEYS, start: end }
    next = end
  }
  throw damage
}
