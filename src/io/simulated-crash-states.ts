/**
 * The states that a power cut can lead to, one after the other.
 * With p pending changes, oldest first:
 *
 *   prefixes      p+1          the first k changes and no other
 *   subsets       2^p          while p is at most 10; they hold the next two kinds
 *   drop one      p            all but one
 *   keep one      p            one alone
 *   tear one      sum(parts-1) the first k changes and some of the first parts of the next
 *   sizes         2 a file     of files that change in size: all its bytes without the new size, the
 *                              new size without its bytes
 *   samples       200          when p is above 10: of old changes most survive, the newest are kept,
 *                              lost or torn, each as the seed has it
 *
 * States that two kinds share come once. Every state is made when it is asked for, so a caller may
 * stop at any; the same changes and options give the same states.
 */
import { type Random, randomFrom } from '../common/random.ts'
import { type PartSurvives, type PendingChange, type Pick, partCount, type Tearing, torn } from './simulated-changes.ts'

export interface CrashStateOptions extends Tearing {
  /** Of the samples. Default 1. */
  readonly seed?: number
  /** How many samples there are when the subsets are too many. Default 200. */
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
const SAMPLES = 200
/** How many of the last changes the samples favour. */
const NEWEST = 8

type Keep = Pick['keep']

export function* crashStates(
  changes: readonly PendingChange[],
  options: CrashStateOptions = {},
): Generator<CrashState> {
  const { seed = 1, samples = SAMPLES, ...tearing } = options
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
  yield* tears(changes, tearing, state)
  yield* sizes(changes, state)
  if (changes.length <= SUBSETS_OF_MAX) return
  for (let sample = 0; sample < samples; sample++) {
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
    // All ones from the lowest bit up: a prefix.
    if ((mask & (mask + 1)) === 0) continue
    const kept = changes.flatMap((_change, index) => ((mask >> index) & 1 ? [index + 1] : []))
    yield state(`only ${kept.join(', ')}`, ({ sequence }) => ((mask >> (place.get(sequence) ?? 0)) & 1) === 1)
  }
}

function* oneDifferent(changes: readonly PendingChange[], state: MakeState): Generator<CrashState> {
  const last = changes.length - 1
  for (const [index, { sequence }] of changes.entries()) {
    if (index < last) yield state(`all but ${index + 1}`, (change) => change.sequence !== sequence)
    if (index > 0) yield state(`only ${index + 1}`, (change) => change.sequence === sequence)
  }
}

function* tears(changes: readonly PendingChange[], { tearBytes }: Tearing, state: MakeState): Generator<CrashState> {
  for (const [index, change] of changes.entries()) {
    const { sequence } = change
    const parts = partCount(change, tearBytes)
    for (let cut = 1; cut < parts; cut++) {
      yield state(
        `the first ${index} and ${cut} of ${parts} parts of the next`,
        (other, part) => other.sequence < sequence || (other.sequence === sequence && part < cut),
      )
    }
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
