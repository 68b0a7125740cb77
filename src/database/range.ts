/** Ranges of keys, as their users write them and in bytes. How one is walked is in locked-walk.ts and view-walk.ts. */
import { compareBytes } from '../common/bytes.ts'
import { checkOptions, invalid, type OptionNames } from '../common/options.ts'
import { boundOf, checkTable, type TableShape } from './table-shape.ts'

/** Bounds of a range, its direction, and how many entries at most. */
export interface RangeOptions<K> {
  readonly gt?: K | undefined
  readonly gte?: K | undefined
  readonly lt?: K | undefined
  readonly lte?: K | undefined
  /** From the last key to the first. Default false. */
  readonly reverse?: boolean | undefined
  /** At most so many entries. Default: all. */
  readonly limit?: number | undefined
  /** Locks what is read as if it were written, so that a later write cannot deadlock with another reader. */
  readonly forUpdate?: boolean | undefined
}

/** A range in bytes. */
export interface ByteRange {
  readonly start: Uint8Array | undefined
  readonly startInclusive: boolean
  readonly end: Uint8Array | undefined
  readonly endInclusive: boolean
  readonly reverse: boolean
  readonly limit: number
}

export const ALL_KEYS: ByteRange = {
  start: undefined,
  startInclusive: true,
  end: undefined,
  endInclusive: true,
  reverse: false,
  limit: Number.POSITIVE_INFINITY,
}

const RANGE_OPTIONS: OptionNames<RangeOptions<unknown>> = {
  gt: true,
  gte: true,
  lt: true,
  lte: true,
  reverse: true,
  limit: true,
  forUpdate: true,
}

/** The bytes of a bound, copied: the codec for bytes hands out the caller's own, which he may use again. @throws as `boundOf` */
export function copyOfBound<K, V>(table: TableShape<K, V>, key: K, maxBytes: number): Uint8Array {
  return new Uint8Array(boundOf(table, key, maxBytes))
}

/** Checks a range of a table and encodes its bounds, of at most `maxBytes`. @throws `KEY_TOO_LARGE`, `INVALID_ARGUMENT` */
export function byteRangeOf<K, V>(table: TableShape<K, V>, options: RangeOptions<K>, maxBytes: number): ByteRange {
  checkTable(table)
  checkOptions('a range', options, RANGE_OPTIONS)
  const { gt, gte, lt, lte, reverse = false, limit = Number.POSITIVE_INFINITY } = options
  if (gt !== undefined && gte !== undefined) throw invalid('a range has gt or gte, not both')
  if (lt !== undefined && lte !== undefined) throw invalid('a range has lt or lte, not both')
  if (limit !== Number.POSITIVE_INFINITY && !(Number.isInteger(limit) && limit >= 0)) {
    throw invalid(`limit must be a whole number of at least 0, got ${limit}`)
  }
  // A codec may have null as a key, so only undefined is no bound.
  const low = gte !== undefined ? gte : gt
  const high = lte !== undefined ? lte : lt
  const lowBytes = low === undefined ? undefined : copyOfBound(table, low, maxBytes)
  const highBytes = high === undefined ? undefined : copyOfBound(table, high, maxBytes)
  return reverse
    ? {
        start: highBytes,
        startInclusive: lt === undefined,
        end: lowBytes,
        endInclusive: gt === undefined,
        reverse,
        limit,
      }
    : {
        start: lowBytes,
        startInclusive: gt === undefined,
        end: highBytes,
        endInclusive: lt === undefined,
        reverse,
        limit,
      }
}

/** Whether `key`, reached from the start of the range, is not beyond its end. */
export function isBeforeEnd({ end, endInclusive, reverse }: ByteRange, key: Uint8Array): boolean {
  if (end === undefined) return true
  const order = compareBytes(key, end) * (reverse ? -1 : 1)
  return order < 0 || (order === 0 && endInclusive)
}

/** What is left of the range from `key` on, which counts itself, if one is given, and after `givenCount` entries. */
export function restOf(range: ByteRange, key: Uint8Array | undefined, givenCount: number): ByteRange {
  const { start, reverse } = range
  const rest = { ...range, limit: range.limit - givenCount }
  const isAhead = key !== undefined && (start === undefined || compareBytes(key, start) * (reverse ? -1 : 1) > 0)
  return isAhead ? { ...rest, start: key, startInclusive: true } : rest
}
