/**
 * Digests by which states of a disk are told apart: 53 bits in a number, made by two lanes of
 * multiplication and mixing. Good for finding that a state was seen before, where a rare mistake costs
 * one state untried; not for anything that an adversary or a disk may have a hand in.
 */
const LANE_A = 0x9e37_79b1
const LANE_B = 0x85eb_ca6b
const HIGH = 0x1_0000_0000
const HIGH_BITS = 0x1f_ffff
const LIMIT = 2 ** 53

/** Collects numbers, and strings by their characters, in order. */
export class Digest {
  #a = 0x2545_f491
  #b = 0x27d4_eb2f

  add(value: number): void {
    this.#mix(value | 0)
    this.#mix(Math.floor(value / HIGH))
  }

  addText(text: string): void {
    this.add(text.length)
    for (let i = 0; i < text.length; i++) this.#mix(text.charCodeAt(i))
  }

  get value(): number {
    return joined(this.#a, this.#b)
  }

  #mix(word: number): void {
    this.#a = rotated(Math.imul(this.#a ^ word, LANE_A))
    this.#b = rotated(Math.imul(this.#b ^ word, LANE_B))
  }
}

/** The digest of bytes whose length is a multiple of sixteen and whose start is aligned to four; 0 is not among them. */
export function digestOfWords(bytes: Uint8Array): number {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2)
  let a = 0x2545_f491
  let b = 0x27d4_eb2f
  let c = 0x1656_67b1
  let d = 0x5bd1_e995
  // Four lanes, each with every fourth word: none has to wait for another.
  for (let i = 0; i < words.length; i += 4) {
    a = Math.imul(a ^ (words[i] as number), LANE_A)
    a ^= a >>> 15
    b = Math.imul(b ^ (words[i + 1] as number), LANE_B)
    b ^= b >>> 13
    c = Math.imul(c ^ (words[i + 2] as number), LANE_A)
    c ^= c >>> 14
    d = Math.imul(d ^ (words[i + 3] as number), LANE_B)
    d ^= d >>> 16
  }
  return joined(rotated(a) ^ Math.imul(c, LANE_B), rotated(b) ^ Math.imul(d, LANE_A)) || 1
}

/** The digest of a piece of something larger, made of the piece's own and of its place there. */
export function digestAt(place: number, digest: number): number {
  const a = Math.imul((digest | 0) ^ Math.imul(place + 1, LANE_A), LANE_B)
  const b = Math.imul(Math.floor(digest / HIGH) ^ Math.imul(place + 1, LANE_B), LANE_A)
  return joined(a ^ (b >>> 11), b ^ (a >>> 9))
}

/** Digests of pieces are put together by their sum, and taken out again by the difference; both wrap around. */
export function sum(one: number, other: number): number {
  const rest = LIMIT - other
  return one >= rest ? one - rest : one + other
}

export function difference(from: number, part: number): number {
  return from >= part ? from - part : from + (LIMIT - part)
}

const rotated = (lane: number): number => (lane << 13) | (lane >>> 19)

function joined(a: number, b: number): number {
  const low = Math.imul(a ^ (a >>> 16), LANE_B) >>> 0
  const high = Math.imul(b ^ (b >>> 15), LANE_A) >>> 11
  return (high & HIGH_BITS) * HIGH + low
}
