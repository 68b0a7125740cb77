/**
 * Where in the log a transaction has changed which keys: the LSNs of its records by the hash of (tree, key). It takes
 * some 30 bytes for a change, so that a transaction of millions can have one, where their before-images could not be
 * kept. Two keys may have one hash: who asks looks into the records.
 *
 * ```
 *   heads                 entries, as they were added
 *   +---+   +--------------------------------------------------+
 *   | 3 |-->| 3: hash, LSN, older: 1 | ... | 1: hash, LSN, -1  |
 *   +---+   +--------------------------------------------------+
 * ```
 *
 * Entries are added in the order of the log, and a rollback takes away the youngest, so that they are a stack, and the
 * youngest of a bucket is always the first of its chain.
 */
import { assert } from '../common/assert.ts'
import { asLsn, type Lsn, NULL_LSN } from '../common/ids.ts'

const ENTRIES_MIN = 1024
const NONE = -1

export class ChangeIndex {
  /** Up to where the changes of the transaction are in it, and how much log it had written then. */
  indexedLsn: Lsn = NULL_LSN
  indexedBytes = 0
  #hashes = new Int32Array(ENTRIES_MIN)
  #lsns = new Float64Array(ENTRIES_MIN)
  #older = new Int32Array(ENTRIES_MIN)
  #heads = new Int32Array(ENTRIES_MIN).fill(NONE)
  #count = 0

  get size(): number {
    return this.#count
  }

  /** Adds the record at `lsn`, no older than all that were added, for a key with this hash. */
  add(hash: number, lsn: Lsn): void {
    const index = this.#count++
    assert(index === 0 || (this.#lsns[index - 1] as number) <= lsn, 'changes are indexed in the order of the log')
    if (index === this.#hashes.length) this.#grow()
    this.#hashes[index] = hash
    this.#lsns[index] = lsn
    this.#link(index, hash)
  }

  #link(index: number, hash: number): void {
    const bucket = hash & (this.#heads.length - 1)
    this.#older[index] = this.#heads[bucket] as number
    this.#heads[bucket] = index
  }

  #grow(): void {
    const length = this.#hashes.length * 2
    this.#hashes = grown(new Int32Array(length), this.#hashes)
    this.#lsns = grown(new Float64Array(length), this.#lsns)
    this.#older = new Int32Array(length)
    this.#heads = new Int32Array(length).fill(NONE)
    for (let i = 0; i < this.#count - 1; i++) this.#link(i, this.#hashes[i] as number)
  }

  /** The records that may have changed a key with this hash, the youngest first. Nothing may be added or undone meanwhile. */
  *find(hash: number): Generator<Lsn> {
    for (let i = this.#heads[hash & (this.#heads.length - 1)] as number; i !== NONE; i = this.#older[i] as number) {
      if (this.#hashes[i] === hash) yield asLsn(this.#lsns[i] as number)
    }
  }

  /** Takes away what was added for records behind `lsn`: they have been undone. */
  undone(lsn: Lsn): void {
    while (this.#count > 0 && (this.#lsns[this.#count - 1] as number) > lsn) {
      const index = --this.#count
      this.#heads[(this.#hashes[index] as number) & (this.#heads.length - 1)] = this.#older[index] as number
    }
    if (this.indexedLsn > lsn) this.indexedLsn = lsn
  }
}

function grown<T extends Int32Array | Float64Array>(to: T, from: T): T {
  to.set(from)
  return to
}
