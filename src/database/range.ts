/**
 * Ranges: ordered iteration over the keys of a table in one transaction. Each entry is locked before it
 * is returned; the cursor below keeps no page pinned in between, so others may write, split and merge
 * around it.
 */

import type { TreeCursor } from '../btree/cursor.ts'
import { assert } from '../common/assert.ts'
import { compareBytes } from '../common/bytes.ts'
import { invalid } from './options.ts'

/** Bounds of a range, its direction, and how many entries at most. */
export interface RangeOptions<K> {
  readonly gt?: K
  readonly gte?: K
  readonly lt?: K
  readonly lte?: K
  /** From the last key to the first. Default false. */
  readonly reverse?: boolean
  /** At most so many entries. Default: all. */
  readonly limit?: number
  /** Locks what is read as if it were written, so that a later write cannot deadlock with another reader. */
  readonly forUpdate?: boolean
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

const KNOWN = new Set(['gt', 'gte', 'lt', 'lte', 'reverse', 'limit', 'forUpdate'])

/** Encodes the bounds. @throws `INVALID_ARGUMENT` */
export function byteRangeOf<K>(options: RangeOptions<K>, encode: (key: K) => Uint8Array): ByteRange {
  if (typeof options !== 'object' || options === null)
    throw invalid('a range is an object with gt, gte, lt, lte, reverse, limit')
  for (const name of Object.keys(options)) if (!KNOWN.has(name)) throw invalid(`unknown range option ${name}`)
  const { gt, gte, lt, lte, reverse = false, limit = Number.POSITIVE_INFINITY } = options
  if (gt !== undefined && gte !== undefined) throw invalid('a range has gt or gte, not both')
  if (lt !== undefined && lte !== undefined) throw invalid('a range has lt or lte, not both')
  if (typeof limit !== 'number' || !(limit >= 0)) throw invalid(`limit must be a number of at least 0, got ${limit}`)
  const low = gte ?? gt
  const high = lte ?? lt
  const lowBytes = low === undefined ? undefined : encode(low)
  const highBytes = high === undefined ? undefined : encode(high)
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

/** Walks a range entry by entry, ghosts included; the caller locks and decides. */
export class RangeWalk {
  readonly #cursor: TreeCursor
  readonly #range: ByteRange
  #started = false
  /** The key of the current entry. */
  key: Uint8Array = new Uint8Array(0)

  constructor(cursor: TreeCursor, range: ByteRange) {
    this.#cursor = cursor
    this.#range = range
  }

  /** Steps to the next entry of the range; false at its end. */
  next(): boolean {
    const { start, startInclusive, reverse } = this.#range
    const found = this.#started
      ? this.#cursor.advance()
      : this.#cursor.seek(start, { reverse, inclusive: startInclusive })
    this.#started = true
    return this.#accept(found)
  }

  /**
   * After a wait: stands on the entry at the same key again, or on the next one when it is gone.
   * False at the end of the range.
   */
  renew(): boolean {
    return this.#accept(this.#cursor.seek(this.key, { reverse: this.#range.reverse, inclusive: true }))
  }

  #accept(found: boolean): boolean {
    if (!found) return false
    this.key = this.#cursor.key()
    const { end, endInclusive, reverse } = this.#range
    if (end === undefined) return true
    const order = compareBytes(this.key, end) * (reverse ? -1 : 1)
    return order < 0 || (order === 0 && endInclusive)
  }

  get isGhost(): boolean {
    return this.#cursor.isGhost
  }

  /** The value of the current entry, which must not be a ghost. */
  value(): Uint8Array {
    const value = this.#cursor.value()
    assert(value !== undefined, 'a ghost has no value')
    return value
  }
}
