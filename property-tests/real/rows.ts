/**
 * Values as a function of a number, their *stamp*, so that a process can say what it writes in a few
 * bytes and another can tell whether that is what came back. A stamp is used once, except in the table
 * of counters, where it is the count.
 *
 * ```
 *   OFFSET  SIZE  FIELD
 *        0     8  stamp, a float64
 *        8     -  pseudo-random bytes drawn from the stamp
 * ```
 */
import { createHash } from 'node:crypto'
import { randomFrom } from '../../src/common/random.ts'

const STAMP_BYTES = 8
const WORD_BYTES = 4
const DIGEST_BYTES = 12

/** The table whose rows count how often they were written. */
export const COUNTERS = 'counters'
export const COUNTER_BYTES = 48

export function valueFor(stamp: number, size: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(size, STAMP_BYTES))
  const view = new DataView(bytes.buffer)
  view.setFloat64(0, stamp)
  const random = randomFrom(stamp)
  for (let at = STAMP_BYTES; at < bytes.length; at += WORD_BYTES) {
    const word = Math.floor(random() * 0x1_0000_0000)
    if (at + WORD_BYTES <= bytes.length) view.setUint32(at, word)
    else bytes.fill(word, at)
  }
  return bytes
}

export function stampOf(value: Uint8Array): number {
  return new DataView(value.buffer, value.byteOffset, value.byteLength).getFloat64(0)
}

/** What stands for a value in messages and in the oracle. */
export function digestOf(value: Uint8Array): string {
  return createHash('sha1').update(value).digest().subarray(0, DIGEST_BYTES).toString('base64')
}
