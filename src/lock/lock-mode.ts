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
 * KEY-RANGE MODES. A resource that is a key of a tree stands for two things: the record, and the gap
 * before it, between it and the next smaller key of the tree. A mode names what it does to both:
 *
 *     S, X            the record alone
 *     gapS            the gap alone: nobody may insert into it
 *     gapI            the gap alone: a key will be inserted into it
 *     S+gapS, X+gapI  both, and so on
 *
 *   the gap |  S  |  I  | SI           Two may insert into one gap, two may keep it as it is, but not
 *        S  |  y  |  -  |  -           one this and one that; a transaction that does both has SI.
 *        I  |  -  |  y  |  -           The supremum is the union, as for the record.
 *        SI |  -  |  -  |  -
 *
 * Two modes are compatible when their record parts are and their gap parts are. The empty key, which no
 * record has, is the end of the tree: its gap lies behind the last key. (Lomet, Key Range Locking
 * Strategies for Improved Concurrency, VLDB 1993; Mohan, ARIES/KVL, VLDB 1990.)
 *
 * A mode is a small number, a set of modes a bit mask of `1 << mode`, so whether a request fits all
 * holders of a resource is one AND, however many they are.
 */

/** `IS`, `IX`: some record below will be read, written. `S`, `X`: all of it is. `SIX`: `S` and `IX`. */
export const LockMode = {
  IS: 1,
  IX: 2,
  S: 3,
  SIX: 4,
  X: 5,
  gapS: 6,
  gapI: 7,
  gapSI: 8,
  'S+gapS': 9,
  'S+gapI': 10,
  'S+gapSI': 11,
  'X+gapS': 12,
  'X+gapI': 13,
  'X+gapSI': 14,
} as const
export type LockMode = (typeof LockMode)[keyof typeof LockMode]

const { IS, IX, S, SIX, X } = LockMode
const FIRST_GAP_MODE = LockMode.gapS

/** A set of modes: the sum of their `modeBit`s. */
export type LockModeSet = number

export const NO_MODES: LockModeSet = 0

export function modeBit(mode: LockMode): LockModeSet {
  return 1 << mode
}

export type LockModeName = keyof typeof LockMode
/** Indexed by mode; modes are numbered from 1 in the order they are named in. */
const NAMES = ['', ...Object.keys(LockMode)] as readonly LockModeName[]
const MODES = Object.values(LockMode)

/** What a mode says of the record: no mode, or one of the five. */
type RecordPart = 0 | typeof IS | typeof IX | typeof S | typeof SIX | typeof X
/** What it says of the gap: nothing, or the sum of these. */
const GAP_S = 1
const GAP_I = 2

const RECORD_PARTS: readonly RecordPart[] = [0, IS, IX, S, SIX, X, 0, 0, 0, S, S, S, X, X, X]
const GAP_PARTS: readonly number[] = [0, 0, 0, 0, 0, 0, 1, 2, 3, 1, 2, 3, 1, 2, 3]

/** Indexed by the record part held, then by the one asked for: whether another may have it beside. */
const COMPATIBLE: readonly (readonly boolean[])[] = [
  // none IS    IX     S      SIX    X
  [true, true, true, true, true, true],
  [true, true, true, true, true, false],
  [true, true, true, false, false, false],
  [true, true, false, true, false, false],
  [true, true, false, false, false, false],
  [true, false, false, false, false, false],
]

const SUPREMUM_OF_RECORD: readonly (readonly RecordPart[])[] = [
  [0, IS, IX, S, SIX, X],
  [IS, IS, IX, S, SIX, X],
  [IX, IX, IX, SIX, SIX, X],
  [S, S, SIX, S, SIX, X],
  [SIX, SIX, SIX, SIX, SIX, X],
  [X, X, X, X, X, X],
]

function recordPart(mode: LockMode): RecordPart {
  return RECORD_PARTS[mode] as RecordPart
}

function gapPart(mode: LockMode): number {
  return GAP_PARTS[mode] as number
}

function fitsBeside(a: LockMode, b: LockMode): boolean {
  const together = gapPart(a) | gapPart(b)
  const gapsFit = gapPart(a) === 0 || gapPart(b) === 0 || together === GAP_S || together === GAP_I
  return gapsFit && (COMPATIBLE[recordPart(a)] as readonly boolean[])[recordPart(b)] === true
}

/** The mode of these parts; a table's intentions have no gap, and become the locks they would stand for. */
function modeOf(record: RecordPart, gap: number): LockMode {
  if (gap === 0) return record as LockMode
  const row = record === 0 ? 0 : record === IS || record === S ? 1 : 2
  return (FIRST_GAP_MODE + row * 3 + gap - 1) as LockMode
}

/** Indexed by mode: the modes another transaction must not hold beside it. */
const CONFLICTS: readonly LockModeSet[] = [
  NO_MODES,
  ...MODES.map((a) => MODES.reduce((set: LockModeSet, b) => (fitsBeside(a, b) ? set : set | modeBit(b)), NO_MODES)),
]

/** Indexed by held mode, then by the mode asked for. */
const SUPREMUM: readonly (readonly LockMode[])[] = [0, ...MODES].map((a) =>
  [0, ...MODES].map((b) => {
    const row = SUPREMUM_OF_RECORD[recordPart(a as LockMode)] as readonly RecordPart[]
    return modeOf(row[recordPart(b as LockMode)] as RecordPart, gapPart(a as LockMode) | gapPart(b as LockMode))
  }),
)

/** The modes of a key that only read: the record, the gap, or both. */
const READS: LockModeSet = modeBit(S) | modeBit(LockMode.gapS) | modeBit(LockMode['S+gapS'])

/** Whether a lock of this mode on a key only reads. */
export function onlyReads(mode: LockMode): boolean {
  return (READS & modeBit(mode)) !== 0
}

/**
 * Whether who holds a table in `tableMode` needs no lock of `mode` on a key in it: with `X` nobody else
 * comes near the table, with `S` or `SIX` nobody else changes anything in it.
 */
export function coversKeys(tableMode: LockMode, mode: LockMode): boolean {
  return tableMode === X || ((tableMode === S || tableMode === SIX) && onlyReads(mode))
}

/** Whether the mode keeps others from inserting into the gap. */
export function keepsGap(mode: LockMode): boolean {
  return (gapPart(mode) & GAP_S) !== 0
}

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
