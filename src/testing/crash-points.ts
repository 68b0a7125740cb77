/**
 * Which crash points are tried, when there are more than can be: every sync and what follows it first,
 * since between the two something is acknowledged; then the end of the workload; then others, spread
 * evenly over the run and drawn from the seed.
 */
import { randomBelow, randomFrom } from '../common/random.ts'
import type { Rehearsal } from './runner.ts'

/** At most `max` of the points from 1 to one past the last change, in order. */
export function chooseCrashPoints({ mutations, workloadEnd }: Rehearsal, max: number, seed: number): number[] {
  const end = mutations.length + 1
  if (end <= max) return Array.from({ length: end }, (_, index) => index + 1)
  const important = mutations.flatMap(({ operation }, index) =>
    operation === 'sync' || operation === 'syncDirectory' ? [index + 1, index + 2] : [],
  )
  const chosen = new Set([workloadEnd, ...spread([...new Set(important)], max - 1, seed)])
  const others = Array.from({ length: end }, (_, index) => index + 1).filter((point) => !chosen.has(point))
  for (const point of spread(others, max - chosen.size, seed)) chosen.add(point)
  return [...chosen].sort((a, b) => a - b)
}

/** One drawn from each of `count` equal stretches of `items`; all when there are no more. */
export function spread<T>(items: readonly T[], count: number, seed: number): T[] {
  if (items.length <= count) return [...items]
  const random = randomFrom(seed)
  return Array.from({ length: count }, (_, index) => {
    const from = Math.floor((items.length * index) / count)
    const to = Math.floor((items.length * (index + 1)) / count)
    return items[from + randomBelow(random, to - from)] as T
  })
}
