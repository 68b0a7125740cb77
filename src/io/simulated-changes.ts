/**
 * What a power cut may keep. Every change since its last sync is pending; a crash state is made by
 * deciding, for each pending change and for each of its parts, whether it reached the disk.
 *
 *   change            parts
 *   write             the sectors it touches, in file order: a torn write keeps some of them
 *   truncate          one
 *   create, remove    one
 *   rename            two: the new name appears; the old name goes (only together with the first)
 *
 * A sector is what the disk writes as a whole: 512 bytes, or 4096 on disks that say so (`tearBytes`).
 *
 * A `Survival` makes the decision. `randomSurvival` draws one from a seed, in one of the manners
 * below, so that the likely states (nothing, everything, a clean cut in time) come up as often as the
 * wild ones.
 */
import { type Random, randomBelow } from '../common/random.ts'

export const SECTOR_BYTES = 512

/** What a disk writes as a whole. */
export type TearBytes = 512 | 4096

/** What is found in the sectors that a torn write did not reach. */
export type MissingContent = 'old' | 'zeros' | 'garbage'

/** How writes are torn, whichever of them survive. */
export interface Tearing {
  /** Default 512. */
  readonly tearBytes?: TearBytes
  /**
   * Default `old`. The others hit only sectors without a synced byte, newly allocated ones: a disk keeps
   * what was synced (docs/media-assumptions.md).
   */
  readonly missing?: MissingContent
  /**
   * Files whose synced sectors are hit too. That breaks what the engine may assume; its double-write
   * area survives it, its log cannot.
   */
  readonly missingOver?: RegExp
}

interface PendingBase {
  /** Place in the order of all pending changes of the disk. */
  readonly sequence: number
  readonly file: string
}

export interface PendingWrite extends PendingBase {
  readonly kind: 'write'
  readonly offset: number
  readonly bytes: Uint8Array
  /** Size of the file before and after it. */
  readonly sizeBefore: number
  readonly sizeAfter: number
  /** It never reaches the disk, whatever the disk says. */
  readonly phantom: boolean
}

export interface PendingTruncate extends PendingBase {
  readonly kind: 'truncate'
  readonly sizeBefore: number
  readonly sizeAfter: number
}

export interface PendingName extends PendingBase {
  readonly kind: 'create' | 'remove' | 'rename'
  /** The new name, of a rename. */
  readonly to?: string
}

/** One change that a power cut may lose, in whole or in part. */
export type PendingChange = PendingWrite | PendingTruncate | PendingName

/** Whether a part of one change survives. */
export type PartSurvives = (part: number) => boolean

export interface Survival {
  readonly tearing: Tearing
  /** Which parts of `change` survive. Asked once a change, in order within a file. */
  of(change: PendingChange): PartSurvives
  /** The size a file ends with, of those it could have; undefined leaves what its data gives. */
  sizeOf(file: string, candidates: readonly number[]): number | undefined
}

/** How many parts of `change` can survive without the others. */
export function partCount(change: PendingChange, tearBytes: TearBytes = SECTOR_BYTES): number {
  if (change.kind === 'rename') return 2
  if (change.kind !== 'write') return 1
  return Math.ceil((change.offset + change.bytes.length) / tearBytes) - Math.floor(change.offset / tearBytes)
}

const EVERY_PART: PartSurvives = () => true
const NO_PART: PartSurvives = () => false
const WHOLE_SECTORS: Tearing = {}

/** Everything survives, or nothing. */
export function wholeSurvival(survives: boolean): Survival {
  const parts = survives ? EVERY_PART : NO_PART
  return { tearing: WHOLE_SECTORS, of: () => parts, sizeOf: () => undefined }
}

/** A caller's own decision for every part, and for every size if it likes. */
export interface Pick extends Tearing {
  readonly keep: (change: PendingChange, part: number) => boolean
  /** The size the file ends with, of `candidates`: the durable one, then that after each pending change. */
  readonly size?: (file: string, candidates: readonly number[]) => number | undefined
}

/** How a test enumerates all states of a few changes. */
export function pickedSurvival(pick: Pick): Survival {
  return {
    tearing: pick,
    of: (change) => (part) => pick.keep(change, part),
    sizeOf: (file, candidates) => pick.size?.(file, candidates),
  }
}

type Manner = 'all' | 'none' | 'prefix' | 'subset'
const MANNERS: readonly (Manner | 'mixed')[] = ['all', 'none', 'prefix', 'prefix', 'subset', 'subset', 'mixed']
const MANNERS_OF_A_FILE: readonly Manner[] = ['all', 'none', 'prefix', 'subset']

/**
 * A survival drawn from `random` for changes with sequence numbers in [first, end).
 *
 *   all, none   as they say
 *   prefix      everything before one moment, that moment's change torn, nothing after it
 *   subset      each change by itself kept, torn or lost
 *   mixed       one of these for each file, the directory counting as one
 */
export function randomSurvival(random: Random, first: number, end: number, tearing: Tearing = {}): Survival {
  const manner = pickOne(random, MANNERS)
  const cut = first + randomBelow(random, end - first + 1)
  const keepChance = pickOne(random, [0.1, 0.5, 0.9])
  const sizeLags = random() < 0.25
  const mannerByFile = new Map<string, Manner>()

  const mannerOf = (change: PendingChange): Manner => {
    if (manner !== 'mixed') return manner
    const file = change.kind === 'write' || change.kind === 'truncate' ? change.file : ''
    const known = mannerByFile.get(file)
    if (known !== undefined) return known
    const drawn = pickOne(random, MANNERS_OF_A_FILE)
    mannerByFile.set(file, drawn)
    return drawn
  }
  const tornParts = (change: PendingChange): PartSurvives => torn(random, partCount(change, tearing.tearBytes))
  const ofSubset = (change: PendingChange): PartSurvives => {
    if (random() >= keepChance) return NO_PART
    return random() < 1 / 3 ? tornParts(change) : EVERY_PART
  }
  return {
    tearing,
    of: (change) => {
      const chosen = mannerOf(change)
      if (chosen === 'subset') return ofSubset(change)
      if (chosen === 'prefix' && change.sequence === cut) return tornParts(change)
      return chosen === 'all' || (chosen === 'prefix' && change.sequence < cut) ? EVERY_PART : NO_PART
    },
    sizeOf: (_file, candidates) => (sizeLags ? pickOne(random, candidates) : undefined),
  }
}

/** The parts before a place, those from it on, or any of them. */
export function torn(random: Random, parts: number): PartSurvives {
  const place = randomBelow(random, parts + 1)
  const shape = randomBelow(random, 3)
  if (shape === 0) return (part) => part < place
  if (shape === 1) return (part) => part >= place
  return () => random() < 0.5
}

export function pickOne<T>(random: Random, choices: readonly T[]): T {
  return choices[randomBelow(random, choices.length)] as T
}

/** Whether a file is one of the pattern's. It begins anew each time: `test` goes on where a flag g has left off. */
export function isMatch(pattern: RegExp, file: string): boolean {
  return file.search(pattern) >= 0
}
