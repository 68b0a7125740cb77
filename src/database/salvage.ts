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
import { AriesError, type ErrorCode } from '../common/errors.ts'
import { ALL_KEYS, type ByteRange } from './range.ts'
import { decodedKey, decodedValue, type TableShape } from './table-shape.ts'
import type { Walk } from './walk.ts'

/** Rows that cannot be read: those between two that can, and any number of them, also none. */
export interface Gap<K> {
  /** The key of the last row before it; undefined when it is at the beginning of the table. */
  readonly after: K | undefined
  /** The key of the first row behind it; undefined when it is at the end of the table. */
  readonly before: K | undefined
  /** What reading met: `PAGE_CORRUPT`, `PAGE_LSN_BEYOND_LOG` for each page, or `IO_ERROR`; the same twice in a row is there once. */
  readonly errors: readonly AriesError[]
}

export interface SalvagePorts {
  readonly open: (range: ByteRange) => Walk
  readonly endOfWayTo: (key: Uint8Array) => Uint8Array | undefined
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
  const decode = (key: Uint8Array | undefined): K | undefined =>
    key === undefined ? undefined : decodedKey(table, key)
  let last: Uint8Array | undefined
  let errors: AriesError[] = []
  // A page is met again before it is given up, and fails with the same message.
  const add = (error: AriesError): void => {
    if (errors.at(-1)?.message !== error.message) errors.push(error)
  }
  for (const found of foundIn(ports)) {
    if (AriesError.is(found)) add(found)
    else if (AriesError.is(found.value)) add(found.value)
    else {
      if (errors.length > 0) onGap({ after: decode(last), before: decode(found.key.slice()), errors })
      errors = []
      // Who gets a key may write over it.
      last = found.key.slice()
      yield [decodedKey(table, found.key), decodedValue(table, found.key, found.value)]
    }
  }
  if (errors.length > 0) onGap({ after: decode(last), before: undefined, errors })
  return undefined
}

/**
 * A place that cannot be read is tried once more before it is given up, for the sake of a disk that fails only once.
 * Each time round either rows are given or the walk goes on further to the right, so it ends whatever fails.
 */
function* foundIn(ports: SalvagePorts): Generator<Found, undefined> {
  let failures = 0
  for (let range: ByteRange | undefined = ALL_KEYS; range !== undefined; ) {
    let given: Uint8Array | undefined
    const walk = ports.open(range)
    try {
      while (walk.next() === true) {
        given = walk.key
        yield { key: walk.key, value: readValue(walk) }
      }
      return
    } catch (error) {
      const damage = damageOr(error)
      failures = given === undefined ? failures + 1 : 1
      if (given !== undefined) range = { ...ALL_KEYS, start: given, startInclusive: false }
      if (failures < 2) continue
      yield damage
      range = rangeBehind(ports, range)
      failures = 0
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

/**
 * What lies behind the leaf where `range` starts, or behind all below the node on the way there that cannot be read. A
 * leaf that can be read may have nothing left to give, and what failed is the next: further than that it does not go.
 */
function rangeBehind({ endOfWayTo }: SalvagePorts, range: ByteRange): ByteRange | undefined {
  const end = endOfWayTo(range.start ?? LEAST_KEY)
  return end && { ...ALL_KEYS, start: end }
}
