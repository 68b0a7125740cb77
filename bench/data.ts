/** The rows of every measurement: keys of 16 digits, values of random bytes that do not compress. Always the same. */

export const KEY_BYTES = 16
const VALUE_BYTES = 100
const LARGE_VALUE_BYTES = 4096
const VALUES = 1024
const LARGE_VALUES = 64
const SEED = 20

/** A small generator of numbers in [0, 1) (mulberry32), so that every engine meets the same keys. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export const randomBelow = (random: () => number, limit: number): number => Math.floor(random() * limit)

function writeKey(target: Buffer, at: number, n: number): void {
  let rest = n
  for (let i = at + KEY_BYTES - 1; i >= at; i--) {
    target[i] = 48 + (rest % 10)
    rest = Math.floor(rest / 10)
  }
}

/** A key whose order is that of `n`. */
export function keyFor(n: number): Buffer {
  const key = Buffer.alloc(KEY_BYTES)
  writeKey(key, 0, n)
  return key
}

function valuesOf(count: number, bytes: number): Buffer[] {
  const random = randomFrom(SEED)
  return Array.from({ length: count }, () => Buffer.from(Uint8Array.from({ length: bytes }, () => random() * 256)))
}

/** Made beforehand, so that the engine is measured and not the making of values. */
const values = valuesOf(VALUES, VALUE_BYTES)
let largeValues: Buffer[] | undefined

export const valueFor = (n: number): Buffer => values[n % VALUES] as Buffer

export function largeValueFor(n: number): Buffer {
  largeValues ??= valuesOf(LARGE_VALUES, LARGE_VALUE_BYTES)
  return largeValues[n % LARGE_VALUES] as Buffer
}

/** The numbers below `count` in an order that is random, and always the same. */
function shuffled(count: number): Uint32Array {
  const random = randomFrom(SEED + 1)
  const numbers = new Uint32Array(count)
  for (let i = 0; i < count; i++) {
    const j = randomBelow(random, i + 1)
    numbers[i] = numbers[j] as number
    numbers[j] = i
  }
  return numbers
}

export type Order = 'ordered' | 'random'

/** Keys of the rows below `count`, in one piece of memory; `at(i)` is a view. */
export class KeySlab {
  readonly count: number
  readonly #bytes: Buffer

  constructor(numbers: Uint32Array) {
    this.count = numbers.length
    this.#bytes = Buffer.alloc(numbers.length * KEY_BYTES)
    for (let i = 0; i < numbers.length; i++) writeKey(this.#bytes, i * KEY_BYTES, numbers[i] as number)
  }

  static ofAll(count: number, order: Order): KeySlab {
    return new KeySlab(order === 'random' ? shuffled(count) : Uint32Array.from({ length: count }, (_, i) => i))
  }

  at(i: number): Buffer {
    return this.#bytes.subarray(i * KEY_BYTES, (i + 1) * KEY_BYTES)
  }
}

/** So many keys in a row are more than the caches of processors hold, and need little memory themselves. */
const SAMPLE_KEYS = 1 << 18

/** Keys out of those below `rows`, made beforehand; `next` gives one after the other, for ever. */
export class KeySample {
  readonly #keys: readonly Buffer[]
  #next = 0

  constructor(rows: number, choose: (random: () => number) => number, seed = SEED + 2) {
    const random = randomFrom(seed)
    const numbers = Uint32Array.from({ length: SAMPLE_KEYS }, () => choose(random) % rows)
    const slab = new KeySlab(numbers)
    this.#keys = Array.from({ length: SAMPLE_KEYS }, (_, i) => slab.at(i))
  }

  static uniform(rows: number, seed?: number): KeySample {
    return new KeySample(rows, (random) => randomBelow(random, rows), seed)
  }

  next(): Buffer {
    this.#next = (this.#next + 1) % SAMPLE_KEYS
    return this.#keys[this.#next] as Buffer
  }
}

/**
 * YCSB's choice of keys: the i-th most wanted is wanted in proportion to 1 / i^0.99, and the wanted ones lie
 * all over the table (Gray et al., "Quickly generating billion-record synthetic databases", 1994).
 */
export function zipfian(rows: number): (random: () => number) => number {
  const theta = 0.99
  let zeta = 0
  for (let i = 1; i <= rows; i++) zeta += 1 / i ** theta
  const zetaOfTwo = 1 + 0.5 ** theta
  const alpha = 1 / (1 - theta)
  const eta = (1 - (2 / rows) ** (1 - theta)) / (1 - zetaOfTwo / zeta)
  return (random) => {
    const u = random()
    const uz = u * zeta
    const rank = uz < 1 ? 0 : uz < zetaOfTwo ? 1 : Math.floor(rows * (eta * u - eta + 1) ** alpha)
    return (Math.imul(rank, 0x9e3779b1) >>> 0) % rows
  }
}
