/**
 * Shrinking: from a case that violates the invariant to one that is easier to understand. In turn, as
 * long as the case still violates it:
 *
 *   1 fewer crashes       only the first one, without those of the restart; one anywhere in the workload
 *   2 an earlier moment   of the crash points before it that were not tried, with the simplest states
 *   3 a simpler state     the process killed; nothing unsynced kept; all of it; the oldest changes only
 *   4 fewer survivors     one surviving change after the other left out, a torn one made whole, or of its
 *                         sectors half of them
 *
 * Exploration goes from early to late, so what it finds is early already, but for a crash of the restart:
 * it comes before the later points of the workload. The number of trials has a limit: what is found then
 * is what there is.
 */
import type { Cut } from './crash-case.ts'
import { spread } from './crash-points.ts'
import { formatPersisted, type KeptChange, keeping, type Persisted, SIMPLEST } from './persisted.ts'

/** Whether a case violates the invariant. */
export type Violates = (cuts: readonly Cut[]) => Promise<boolean>

const TRIALS_MAX = 400
/** How many other crash points are tried, of the workload and of a restart. */
const POINTS_MAX = 40
/** Up to how many of the oldest changes surviving alone are tried. */
const PREFIX_MAX = 24

/**
 * @param untried crash points of the workload that were not tried to their end, in order
 * @returns the shrunk case; the same one when nothing simpler violates
 */
export async function shrink(found: readonly Cut[], untried: readonly number[], violates: Violates): Promise<Cut[]> {
  let trials = 0
  let best = [...found]
  const tryCase = async (cuts: readonly Cut[]): Promise<boolean> => {
    if (trials >= TRIALS_MAX) return false
    trials++
    if (!(await violates(cuts))) return false
    best = [...cuts]
    return true
  }
  if (best.length > 1) await tryCase(best.slice(0, 1))
  if (best.length > 1) await trySimplest(untried, (cut) => [cut], tryCase)
  const [{ at }] = best as [Cut]
  const earlier = untried.filter((point) => point < at)
  if (best.length === 1) await trySimplest(earlier, (cut) => [cut], tryCase)
  for (let index = 1; index < best.length; index++) {
    const ofRestart = Array.from({ length: (best[index] as Cut).at - 1 }, (_, point) => point + 1)
    await trySimplest(ofRestart, (cut) => best.with(index, cut), tryCase)
  }
  for (const index of best.keys()) await shrinkState(() => best, index, tryCase)
  return best
}

type TryCase = (cuts: readonly Cut[]) => Promise<boolean>

/** Tries a crash at some of `points`, spread over them, from the earliest on, each with the simplest states. */
async function trySimplest(
  points: readonly number[],
  caseOf: (cut: Cut) => readonly Cut[],
  tryCase: TryCase,
): Promise<void> {
  for (const at of spread(points, POINTS_MAX, 1)) {
    for (const persisted of SIMPLEST) if (await tryCase(caseOf({ at, persisted }))) return
  }
}

async function shrinkState(best: () => readonly Cut[], index: number, tryCase: TryCase): Promise<void> {
  const cut = best()[index] as Cut
  const tryState = (persisted: Persisted): Promise<boolean> => tryCase(best().with(index, { at: cut.at, persisted }))
  const own = formatPersisted(cut.persisted)
  const isTorn = cut.persisted.mode === 'random' || cut.persisted.mode === 'keep'
  const prefixes = isTorn ? Array.from({ length: PREFIX_MAX }, (_, count) => keeping(count + 1)) : []
  for (const state of [...SIMPLEST, ...prefixes]) {
    if (formatPersisted(state) === own || (await tryState(state))) break
  }
  await shrinkSurvivors(() => (best()[index] as Cut).persisted, tryState)
}

async function shrinkSurvivors(now: () => Persisted, tryState: (state: Persisted) => Promise<boolean>): Promise<void> {
  const start = now()
  if (start.mode !== 'keep') return
  // From the newest: of what is left out first, the rest is the more likely to make sense.
  for (const { change } of [...start.kept].reverse()) {
    const state = now()
    if (state.mode !== 'keep') return
    const others = state.kept.filter((kept) => kept.change !== change)
    if (others.length > 0 && (await tryState({ mode: 'keep', kept: others }))) continue
    const own = state.kept.find((kept) => kept.change === change)
    if (own?.parts === undefined) continue
    const tryInstead = (other: KeptChange): Promise<boolean> =>
      tryState({ mode: 'keep', kept: state.kept.map((kept) => (kept === own ? other : kept)) })
    if (!(await tryInstead({ change }))) await shrinkParts(own.parts, (parts) => tryInstead({ change, parts }))
  }
}

/** Half of the parts, and half of these, as long as one of the halves does. */
async function shrinkParts(
  parts: readonly number[],
  tryParts: (parts: readonly number[]) => Promise<boolean>,
): Promise<void> {
  if (parts.length < 2) return
  const middle = Math.ceil(parts.length / 2)
  for (const half of [parts.slice(0, middle), parts.slice(middle)]) {
    if (await tryParts(half)) return shrinkParts(half, tryParts)
  }
}
