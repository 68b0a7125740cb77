/**
 * Lock modes: intention and record modes after Gray, with their two tables.
 *
 * COMPATIBILITY: may two transactions hold these modes of one resource at the same time?
 *
 *           | IS | IX | S  | SIX | X
 *       IS  | y  | y  | y  | y   | -
 *       IX  | y  | y  | -  | -   | -
 *       S   | y  | -  | y  | -   | -
 *       SIX | y  | -  | -  | -   | -
 *       X   | -  | -  | -  | -   | -
 *
 * SUPREMUM: the weakest mode that grants all that both do. It is what a transaction holds after it
 * asked for one mode and then for the other; asking for a mode that is no stronger changes nothing.
 *
 *           | IS  | IX  | S   | SIX | X
 *       IS  | IS  | IX  | S   | SIX | X
 *       IX  | IX  | IX  | SIX | SIX | X
 *       S   | S   | SIX | S   | SIX | X
 *       SIX | SIX | SIX | SIX | SIX | X
 *       X   | X   | X   | X   | X   | X
 *
 * A mode is a small number, a set of modes a bit mask of `1 << mode`, so whether a request fits all
 * holders of a resource is one AND, however many they are.
 */

/** `IS`, `IX`: some record below will be read, written. `S`, `X`: all of it is. `SIX`: `S` and `IX`. */
export const LockMode = { IS: 1, IX: 2, S: 3, SIX: 4, X: 5 } as const
export type LockMode = (typeof LockMode)[keyof typeof LockMode]

const { IS, IX, S, SIX, X } = LockMode

/** A set of modes: the sum of their `modeBit`s. */
export type LockModeSet = number

export const NO_MODES: LockModeSet = 0

export function modeBit(mode: LockMode): LockModeSet {
  return 1 << mode
}

const NAMES = ['', 'IS', 'IX', 'S', 'SIX', 'X'] as const
export type LockModeName = keyof typeof LockMode

/** Indexed by mode: the modes another transaction must not hold beside it. */
const CONFLICTS: readonly LockModeSet[] = [
  NO_MODES,
  modeBit(X),
  modeBit(S) | modeBit(SIX) | modeBit(X),
  modeBit(IX) | modeBit(SIX) | modeBit(X),
  modeBit(IX) | modeBit(S) | modeBit(SIX) | modeBit(X),
  modeBit(IS) | modeBit(IX) | modeBit(S) | modeBit(SIX) | modeBit(X),
]

/** Indexed by held mode, then by the mode asked for. The first row and column stand for no mode. */
const SUPREMUM: readonly (readonly LockMode[])[] = [
  [IS, IS, IX, S, SIX, X],
  [IS, IS, IX, S, SIX, X],
  [IX, IX, IX, SIX, SIX, X],
  [S, S, SIX, S, SIX, X],
  [SIX, SIX, SIX, SIX, SIX, X],
  [X, X, X, X, X, X],
]

/** Whether `mode` conflicts with at least one mode of the set. */
export function conflictsWithAny(mode: LockMode, modes: LockModeSet): boolean {
  return ((CONFLICTS[mode] as LockModeSet) & modes) !== 0
}

/** Whether two transactions may hold the two modes of one resource at once. */
export function areCompatible(a: LockMode, b: LockMode): boolean {
  return !conflictsWithAny(a, modeBit(b))
}

/** The weakest mode at least as strong as both. */
export function supremum(a: LockMode, b: LockMode): LockMode {
  return (SUPREMUM[a] as readonly LockMode[])[b] as LockMode
}

/** The mode as people write it. */
export function modeName(mode: LockMode): LockModeName {
  return NAMES[mode] as LockModeName
}
