/**
 * A hash table of (space, key): chained buckets over our own objects, because a `Map` would need a
 * string or a number for each key. Locks and versions stand in such tables.
 *
 * Heads that fall free are kept with their key's buffer, up to a bound, so that in steady work an
 * insert copies its key and allocates nothing. The table grows when it holds more heads than buckets
 * and shrinks when a bulk transaction has gone.
 */
import { copyBytes } from './bytes.ts'

const BUCKETS_MIN = 1024
const FREE_HEADS_MAX = 4096
/** Buffers of free heads are not kept beyond this size: longer keys are rare, and 4096 would add up. */
const FREE_KEY_BYTES_MAX = 64
const KEY_BYTES_STEP = 16

/** 32-bit hash of (space, key), four bytes a step; signed, so that V8 keeps it unboxed. */
export function hashKey(space: number, key: Uint8Array, keyStart: number, keyEnd: number): number {
  let hash = Math.imul(space, 0x9e37_79b1) ^ (keyEnd - keyStart)
  let i = keyStart
  for (; i + 4 <= keyEnd; i += 4) {
    const low = (key[i] as number) | ((key[i + 1] as number) << 8)
    const high = ((key[i + 2] as number) << 16) | ((key[i + 3] as number) << 24)
    hash = Math.imul(hash ^ low ^ high, 0x85eb_ca6b)
    hash ^= hash >>> 15
  }
  for (; i < keyEnd; i++) hash = Math.imul(hash ^ (key[i] as number), 0xc2b2_ae35)
  hash ^= hash >>> 16
  hash = Math.imul(hash, 0x85eb_ca6b)
  return hash ^ (hash >>> 13)
}

/** One (space, key) in a table. What is kept there is in a class that extends this. */
export class KeyHead {
  space = 0
  /** `key[0, keyLength)` is the key; the rest is room kept for the next user of this object. */
  key: Uint8Array
  keyLength = 0
  hash = 0
  /** Next head of the same hash bucket, or of the free list. */
  next: this | undefined = undefined

  constructor(keyCapacity: number) {
    this.key = new Uint8Array(keyCapacity)
  }
}

export class KeyTable<Head extends KeyHead> {
  readonly #make: (keyCapacity: number) => Head
  #buckets: (Head | undefined)[] = emptyBuckets(BUCKETS_MIN)
  #headCount = 0
  #freeHeads: Head | undefined = undefined
  #freeHeadCount = 0

  constructor(make: (keyCapacity: number) => Head) {
    this.#make = make
  }

  get size(): number {
    return this.#headCount
  }

  /** The head of (space, key) if it is there. `hash` is its `hashKey`. */
  find(hash: number, space: number, key: Uint8Array, keyStart: number, keyEnd: number): Head | undefined {
    const buckets = this.#buckets
    let head = buckets[hash & (buckets.length - 1)]
    while (head !== undefined) {
      if (head.hash === hash && head.space === space && isKey(head, key, keyStart, keyEnd)) return head
      head = head.next
    }
    return undefined
  }

  /** Adds a head for a key that has none. */
  insert(hash: number, space: number, key: Uint8Array, keyStart: number, keyEnd: number): Head {
    if (this.#headCount >= this.#buckets.length) this.#resize(this.#buckets.length * 2)
    const keyLength = keyEnd - keyStart
    const head = this.#newHead(keyLength)
    copyBytes(head.key, 0, key, keyStart, keyLength)
    head.keyLength = keyLength
    head.space = space
    head.hash = hash
    const buckets = this.#buckets
    const index = hash & (buckets.length - 1)
    head.next = buckets[index]
    buckets[index] = head
    this.#headCount++
    return head
  }

  /** Removes a head, empty but for its key; it may be reused at once. */
  remove(head: Head): void {
    const buckets = this.#buckets
    const index = head.hash & (buckets.length - 1)
    let previous = buckets[index] as Head
    if (previous === head) {
      buckets[index] = head.next
    } else {
      while (previous.next !== head) previous = previous.next as Head
      previous.next = head.next
    }
    this.#headCount--
    this.#recycle(head)
    if (buckets.length > BUCKETS_MIN && this.#headCount * 8 < buckets.length) this.#resize(buckets.length / 2)
  }

  /** Every head, in no order that means anything. Nothing may be inserted or removed meanwhile. */
  *heads(): Generator<Head> {
    for (const first of this.#buckets) {
      for (let head = first; head !== undefined; head = head.next) yield head
    }
  }

  #newHead(keyLength: number): Head {
    const head = this.#freeHeads
    if (head === undefined) return this.#make(keyCapacity(keyLength))
    this.#freeHeads = head.next
    this.#freeHeadCount--
    if (head.key.length < keyLength) head.key = new Uint8Array(keyCapacity(keyLength))
    return head
  }

  #recycle(head: Head): void {
    head.next = undefined
    if (this.#freeHeadCount >= FREE_HEADS_MAX || head.key.length > FREE_KEY_BYTES_MAX) return
    head.next = this.#freeHeads
    this.#freeHeads = head
    this.#freeHeadCount++
  }

  #resize(bucketCount: number): void {
    const buckets: (Head | undefined)[] = emptyBuckets(bucketCount)
    for (const first of this.#buckets) {
      let head = first
      while (head !== undefined) {
        const next: Head | undefined = head.next
        const index = head.hash & (bucketCount - 1)
        head.next = buckets[index]
        buckets[index] = head
        head = next
      }
    }
    this.#buckets = buckets
  }
}

function emptyBuckets(count: number): undefined[] {
  return new Array<undefined>(count).fill(undefined)
}

function keyCapacity(keyLength: number): number {
  return Math.max(1, Math.ceil(keyLength / KEY_BYTES_STEP)) * KEY_BYTES_STEP
}

function isKey(head: KeyHead, key: Uint8Array, keyStart: number, keyEnd: number): boolean {
  const keyLength = keyEnd - keyStart
  if (head.keyLength !== keyLength) return false
  const headKey = head.key
  for (let i = 0; i < keyLength; i++) if (headKey[i] !== key[keyStart + i]) return false
  return true
}
