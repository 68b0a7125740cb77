/**
 * Digests by which states of a disk are told apart: 53 bits in a number, made by two lanes of
 * multiplication and mixing. Good for finding that a state was seen before, where a rare mistake costs
 * one state untried; not for anything that an adversary or a disk may have a hand in.
 */
const LANE_A = 0x9e37_79b1
const LANE_B = 0x85eb_ca6b
const HIGH = 0x1_0000_0000
const HIGH_BITS = 0x1f_ffff

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

/** The digest of bytes whose length is a multiple of four and whose start is aligned. */
export function digestOfWords(bytes: Uint8Array): number {
  const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2)
  let a = 0x2545_f491
  let b = 0x27d4_eb2f
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number
    a = Math.imul(a ^ word, LANE_A)
    a ^= a >>> 15
    b = Math.imul(b ^ word, LANE_B)
    b ^= b >>> 13
  }
  return joined(a, b)
}

const rotated = (lane: number): number => (lane << 13) | (lane >>> 19)

function joined(a: number, b: number): number {
  const low = Math.imul(a ^ (a >>> 16), LANE_B) >>> 0
  const high = Math.imul(b ^ (b >>> 15), LANE_A) >>> 11
  return (high & HIGH_BITS) * HIGH + low
}
