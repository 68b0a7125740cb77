/**
 * One case of a crash test: the crashes that a run goes through, one after the other. Together with the
 * seed it fixes the run, so its text is enough to replay it:
 *
 *   seed 1, crash at 57 none, crash at 4 keep:1,3
 *
 * says that the machine stops in the 57th change that the workload makes to the disk and keeps nothing
 * unsynced, and the restart after it stops in its 4th.
 */
import { invalid } from '../common/options.ts'
import { formatPersisted, type Persisted, parsePersisted } from './persisted.ts'

export interface Cut {
  /** The machine stops in this change to the disk, the first being 1; past the last one, when all is done. */
  readonly at: number
  readonly persisted: Persisted
}

export interface CrashCase {
  readonly seed: number
  readonly cuts: readonly Cut[]
}

export function formatCase({ seed, cuts }: CrashCase): string {
  return [`seed ${seed}`, ...cuts.map(({ at, persisted }) => `crash at ${at} ${formatPersisted(persisted)}`)].join(', ')
}

/** @throws `INVALID_ARGUMENT` for a text that `formatCase` did not make */
export function parseCase(text: string): CrashCase {
  const [first = '', ...rest] = String(text).split(/, (?=crash at )/)
  const seed = /^seed (\d+)$/.exec(first)
  const cuts = rest.map(parseCut)
  if (seed === null || cuts.length === 0 || cuts.includes(undefined)) {
    throw invalid(`replay must be a text that a failed crash test printed, got ${JSON.stringify(text)}`)
  }
  return { seed: Number(seed[1]), cuts: cuts as Cut[] }
}

function parseCut(text: string): Cut | undefined {
  const found = /^crash at ([1-9]\d*) (\S+)$/.exec(text)
  const persisted = parsePersisted(found?.[2] ?? '')
  return found === null || persisted === undefined ? undefined : { at: Number(found[1]), persisted }
}
