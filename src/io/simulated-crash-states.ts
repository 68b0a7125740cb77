/**
 * The states that a power cut can lead to, one after the other.
 * With p pending changes, oldest first:
 *
 *   prefixes      p+1          the first k changes and no other
 *   subsets       2^p          while p is at most 10; they hold the next two kinds
 *   drop one      p            all but one
 *   keep one      p            one alone
 *   tear one      4 a part     the first k changes and some parts of the next: any of them while it has
 *                              at most 4, else the first ones, the last ones, one alone, or all but one
 *   sizes         2 a file     of files that change in size: all its bytes without the new size, the
 *                              new size without its bytes
 *   samples       200          of old changes most survive, the newest are kept, lost or torn, each as
 *                              the seed has it; when p is at most 10 as many as of `tear one`, if these
 *                              are fewer: then a sample adds only that several are torn at once
 *
 * States that two kinds share come once, those of the samples aside. Every state is made when it is
 * asked for, so a caller may stop at any; the same changes and options give the same states.
 */
import { type Random, randomFrom } from '../common/random.ts'
import { type PartSurvives, type PendingChange, type Pick, partCount, type Tearing, torn } from './simulated-changes.ts'

export interface CrashStateOptions extends Tearing {
  /** Of the samples. Default 1. */
  readonly seed?: number
  /** How many samples there are. Default 200; of up to ten changes no more than there are states with one torn. */
  readonly samples?: number
}

/** One state, as `crash` takes it. */
export interface CrashState extends Pick {
  readonly mode: 'pick'
  /** What is special about it, for messages. */
  readonly label: string
}

/** Up to this many changes every subset is a state. */
const SUBSETS_OF_MAX = 10
/** Up to this many parts of a write every subset is a state. */
const SUBSETS_OF_PARTS_MAX = 4
const SAMPLES = 200
/** How many of the last changes the samples favour. */
const NEWEST = 8

type Keep = Pick['keep']

export function* crashStates(
  changes: readonly PendingChange[],
  options: CrashStateOptions = {},
): Generator<CrashState> {
  const { seed = 1, samples, ...tearing } = options
  const state = (label: string, keep: Keep, size?: Pick['size']): CrashState => ({
    ...tearing,
    mode: 'pick',
    label,
    keep,
    ...(size === undefined ? {} : { size }),
  })
  for (let kept = 0; kept <= changes.length; kept++) yield state(`the first ${kept}`, prefix(changes, kept))
  if (changes.length <= SUBSETS_OF_MAX) yield* subsets(changes, state)
  else yield* oneDifferent(changes, state)
  const tornStates = yield* tears(changes, tearing, state)
  yield* sizes(changes, state)
  const samplesMax = samples ?? (changes.length <= SUBSETS_OF_MAX ? Math.min(SAMPLES, tornStates) : SAMPLES)
  for (let sample = 0; sample < samplesMax; sample++) {
    const random = randomFrom(Math.imul(seed, 0x9e37_79b1) + sample)
    yield state(`sample ${sample} of seed ${seed}`, sampled(changes, tearing, random))
  }
}

type MakeState = (label: string, keep: Keep, size?: Pick['size']) => CrashState

/** Sequence numbers rise, so a prefix is what lies before one of them. */
function prefix(changes: readonly PendingChange[], kept: number): Keep {
  const end = changes[kept]?.sequence ?? Number.POSITIVE_INFINITY
  return ({ sequence }) => sequence < end
}

function* subsets(changes: readonly PendingChange[], state: MakeState): Generator<CrashState> {
  const place = new Map(changes.map(({ sequence }, index) => [sequence, index]))
  for (let mask = 1; mask < 1 << changes.length; mask++) {
    if (isPrefix(mask)) continue
    const kept = changes.flatMap((_change, index) => ((mask >> index) & 1 ? [index + 1] : []))
    yield state(`only ${kept.join(', ')}`, ({ sequence }) => ((mask >> (place.get(sequence) ?? 0)) & 1) === 1)
  }
}

/** Whether a subset is the first so many: all ones from the lowest bit up. */
function isPrefix(mask: number): boolean {
  return (mask & (mask + 1)) === 0
}

function* oneDifferent(changes: readonly PendingChange[], state: MakeState): Generator<CrashState> {
  const last = changes.length - 1
  for (const [index, { sequence }] of changes.entries()) {
    if (index < last) yield state(`all but ${index + 1}`, (change) => change.sequence !== sequence)
    if (index > 0) yield state(`only ${index + 1}`, (change) => change.sequence === sequence)
  }
}

/** One change torn, what came before it kept, and nothing after it. Returns how many states that made. */
function* tears(
  changes: readonly PendingChange[],
  { tearBytes }: Tearing,
  state: MakeState,
): Generator<CrashState, number> {
  let count = 0
  for (const [index, change] of changes.entries()) {
    const { sequence } = change
    const parts = partCount(change, tearBytes)
    for (const { label, survives } of shapesOf(change, parts)) {
      count++
      yield state(
        `the first ${index} and ${label} of ${parts} parts of the next`,
        (other, part) => other.sequence < sequence || (other.sequence === sequence && survives(part)),
      )
    }
  }
  return count
}

interface TornShape {
  /** Which of the parts survive, for messages. */
  readonly label: string
  readonly survives: PartSurvives
}

/** The ways in which some of the parts of a change survive, but not all. */
function* shapesOf({ kind }: PendingChange, parts: number): Generator<TornShape> {
  for (let cut = 1; cut < parts; cut++) yield { label: `the first ${cut}`, survives: (part) => part < cut }
  // The second part of a rename comes to nothing without the first.
  if (kind !== 'write') return
  if (parts <= SUBSETS_OF_PARTS_MAX) {
    for (let mask = 1; mask < 1 << parts; mask++) {
      if (isPrefix(mask)) continue
      const survives: PartSurvives = (part) => ((mask >> part) & 1) === 1
      const kept = Array.from({ length: parts }, (_, part) => part + 1).filter((number) => survives(number - 1))
      yield { label: `number ${kept.join(', ')}`, survives }
    }
    return
  }
  const last = parts - 1
  for (let cut = 1; cut <= last; cut++) yield { label: `the last ${parts - cut}`, survives: (part) => part >= cut }
  // The first or the last part, alone or lost, has come already.
  for (let place = 1; place < last; place++) {
    yield { label: `number ${place + 1}`, survives: (part) => part === place }
    yield { label: `all but number ${place + 1}`, survives: (part) => part !== place }
  }
}

function* sizes(changes: readonly PendingChange[], state: MakeState): Generator<CrashState> {
  const resized = new Set<string>()
  for (const change of changes) {
    if ('sizeAfter' in change && change.sizeAfter !== change.sizeBefore) resized.add(change.file)
  }
  for (const file of resized) {
    const ofFile = (change: PendingChange): boolean => 'sizeAfter' in change && change.file === file
    yield state(
      `all, ${file} with its old size`,
      () => true,
      (name, sizes) => (name === file ? sizes[0] : undefined),
    )
    yield state(
      `all, ${file} with its new size and its old bytes`,
      (change) => !ofFile(change),
      (name, sizes) => (name === file ? sizes.at(-1) : undefined),
    )
  }
}

/** What of each change survives, drawn at once, so that it does not depend on the order of the questions. */
function sampled(changes: readonly PendingChange[], { tearBytes }: Tearing, random: Random): Keep {
  const survivors = new Map<number, PartSurvives | boolean>()
  const oldChance = random() < 0.5 ? 1 : 0.9
  for (const [index, change] of changes.entries()) {
    const chance = index < changes.length - NEWEST ? oldChance : 0.5
    const drawn = random()
    if (drawn < chance) survivors.set(change.sequence, true)
    else if (random() < 0.6) survivors.set(change.sequence, tornAtOnce(random, partCount(change, tearBytes)))
  }
  return ({ sequence }, part) => {
    const survives = survivors.get(sequence) ?? false
    return typeof survives === 'boolean' ? survives : survives(part)
  }
}

function tornAtOnce(random: Random, parts: number): PartSurvives {
  const survives = torn(random, parts)
  const kept = Array.from({ length: parts }, (_, part) => survives(part))
  return (part) => kept[part] ?? false
}
