/**
 * What a crash leaves on the disk, as data that can be drawn, made simpler, printed and read back.
 *
 *   kill               the process died: everything written is there, synced or not
 *   all                a power cut that lost nothing
 *   none               a power cut that kept only what was synced
 *   keep:1,3,4/0+2     a power cut that kept of the unsynced changes, counted from the oldest, the first,
 *                      the third, and the parts (sectors) 0 and 2 of the fourth
 *   random:123         a power cut of that seed with every liberty of the fault model: zeros or garbage in
 *                      sectors that were not reached, sizes that lag behind the bytes
 *
 * The first four are what a failure is shrunk to; see simulated-changes.ts for changes and parts.
 */
import { type Random, randomBelow, randomFrom } from '../common/random.ts'
import { type PendingChange, partCount, torn } from '../io/simulated-changes.ts'
import type { CrashChoice } from '../io/simulated-file-system.ts'
import { drawCrash } from '../io/simulated-plan.ts'

/** A surviving change by its place among the unsynced ones, the oldest being 1; without `parts` all of it. */
export interface KeptChange {
  readonly change: number
  readonly parts?: readonly number[]
}

export type Persisted =
  | { readonly mode: 'kill' | 'all' | 'none' }
  | { readonly mode: 'keep'; readonly kept: readonly KeptChange[] }
  | { readonly mode: 'random'; readonly seed: number }

/** Up to this many changes all subsets come up, if the number of states allows. */
const SUBSETS_OF_MAX = 10
/** How many of the last changes are lost and torn more often than older ones. */
const NEWEST = 8

/** At most `count` different states of a crash with these unsynced changes, the simplest first. */
export function drawPersisted(changes: readonly PendingChange[], count: number, seed: number): Persisted[] {
  // Without unsynced changes every crash leaves the same.
  if (changes.length === 0) return [{ mode: 'kill' }]
  const states = new Map<string, Persisted>()
  for (const state of candidates(changes, randomFrom(seed), count)) {
    if (states.size >= count) break
    states.set(formatPersisted(state), state)
  }
  return [...states.values()]
}

/** An endless choice is cut off after several times `count`: of few changes there are few states. */
function* candidates(changes: readonly PendingChange[], random: Random, count: number): Generator<Persisted> {
  yield* SIMPLEST
  const last = changes.length
  if (last > 1) {
    yield keeping(last - 1)
    yield { mode: 'keep', kept: [{ change: last }] }
  }
  if (last <= SUBSETS_OF_MAX && 2 ** last <= count) yield* subsets(last)
  for (let i = 0; i < count * 4; i++) {
    if (i % 3 === 2) yield { mode: 'random', seed: randomBelow(random, 2 ** 31) }
    else yield { mode: 'keep', kept: sample(changes, random) }
  }
}

/** The states that are easiest to understand, the easiest first. */
export const SIMPLEST: readonly Persisted[] = [{ mode: 'kill' }, { mode: 'none' }, { mode: 'all' }]

/** The first `count` changes and nothing else. */
export function keeping(count: number): Persisted {
  return { mode: 'keep', kept: Array.from({ length: count }, (_, index) => ({ change: index + 1 })) }
}

function* subsets(last: number): Generator<Persisted> {
  for (let mask = 1; mask < 1 << last; mask++) {
    const kept: KeptChange[] = []
    for (let index = 0; index < last; index++) if ((mask >> index) & 1) kept.push({ change: index + 1 })
    yield { mode: 'keep', kept }
  }
}

/** Of old changes most survive; the newest are kept, lost or torn. */
function sample(changes: readonly PendingChange[], random: Random): KeptChange[] {
  const kept: KeptChange[] = []
  const oldChance = random() < 0.5 ? 1 : 0.9
  for (const [index, change] of changes.entries()) {
    const drawn = random()
    const chance = index < changes.length - NEWEST ? oldChance : 0.5
    if (drawn < chance) kept.push({ change: index + 1 })
    else if (random() < 0.6) {
      const parts = tornParts(random, partCount(change))
      if (parts.length > 0) kept.push({ change: index + 1, parts })
    }
  }
  return kept
}

function tornParts(random: Random, count: number): number[] {
  const survives = torn(random, count)
  return Array.from({ length: count }, (_, part) => part).filter(survives)
}

/** What `crash` of the disk with these unsynced changes is to be asked for. */
export function crashChoiceOf(persisted: Persisted, changes: readonly PendingChange[]): CrashChoice {
  if (persisted.mode === 'random') return drawCrash(persisted.seed)
  if (persisted.mode !== 'keep') return persisted
  const survivors = new Map<number, KeptChange>()
  for (const kept of persisted.kept) {
    const change = changes[kept.change - 1]
    if (change !== undefined) survivors.set(change.sequence, kept)
  }
  const keep = ({ sequence }: PendingChange, part: number): boolean => {
    const kept = survivors.get(sequence)
    return kept !== undefined && (kept.parts === undefined || kept.parts.includes(part))
  }
  return { mode: 'pick', keep }
}

/** How it is called in messages. */
export function describePersisted(persisted: Persisted): string {
  switch (persisted.mode) {
    case 'kill':
      return 'the process is killed: everything written stays'
    case 'all':
      return 'power cut: everything unsynced reached the disk all the same'
    case 'none':
      return 'power cut: nothing unsynced reached the disk'
    case 'keep':
      return 'power cut: some of what was unsynced reached the disk'
    case 'random':
      return `power cut: of what was unsynced, what seed ${persisted.seed} draws reached the disk`
  }
}

export function formatPersisted(persisted: Persisted): string {
  if (persisted.mode === 'random') return `random:${persisted.seed}`
  if (persisted.mode !== 'keep') return persisted.mode
  return `keep:${persisted.kept.map(({ change, parts }) => (parts === undefined ? change : `${change}/${parts.join('+')}`)).join(',')}`
}

/** The state that `formatPersisted` gave this text for; undefined when it gave it for none. */
export function parsePersisted(text: string): Persisted | undefined {
  if (text === 'kill' || text === 'all' || text === 'none') return { mode: text }
  const random = /^random:(\d+)$/.exec(text)
  if (random !== null) return { mode: 'random', seed: Number(random[1]) }
  if (!/^keep:((\d+(\/\d+(\+\d+)*)?)(,\d+(\/\d+(\+\d+)*)?)*)?$/.test(text)) return undefined
  const words = text.slice('keep:'.length).split(',')
  return { mode: 'keep', kept: words.filter((word) => word !== '').map(parseKept) }
}

function parseKept(word: string): KeptChange {
  const [change, parts] = word.split('/')
  if (parts === undefined) return { change: Number(change) }
  return { change: Number(change), parts: parts.split('+').map(Number) }
}
