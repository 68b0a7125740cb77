/**
 * Seeded pseudo-random numbers (mulberry32): small, fast, the same on every machine. For simulation
 * and tests, where a run must replay from its seed; never for secrets.
 */

/** A number in [0, 1), the next of its sequence. */
export type Random = () => number

/** The sequence that belongs to `seed`; only its low 32 bits count. */
export function randomFrom(seed: number): Random {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b_79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

/** A whole number in [0, bound). */
export function randomBelow(random: Random, bound: number): number {
  return Math.floor(random() * bound)
}
