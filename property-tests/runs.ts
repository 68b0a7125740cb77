/**
 * How often properties run, and how they report. `ARIES_RUNS` multiplies the number of runs,
 * `ARIES_SEED` and `ARIES_PATH` repeat a failure, `ARIES_SHRINK=no` reports the first one as it is;
 * a number instead is how many seconds a property may take in all, shrinking included.
 */
import fc from 'fast-check'

const FACTOR = Number(process.env['ARIES_RUNS'] ?? 1)

/** Time after which a failing property stops shrinking and reports what it has. */
const SHRINK = process.env['ARIES_SHRINK']
const SHRINK_MS_MAX = Number(SHRINK) > 0 ? Number(SHRINK) * 1000 : 80_000 * Math.max(1, FACTOR)
/** The limit for a hung test. */
export const TIMEOUT_MS = 120_000 * Math.max(1, FACTOR)

/** `runs` times what `ARIES_RUNS` asks for. */
export const runsOf = (runs: number): number => Math.max(1, Math.round(runs * FACTOR))

/** Checks a property and throws a report with seed, path and the counterexample as text. */
export async function checkProperty<T>(
  property: fc.IAsyncProperty<T>,
  parameters: fc.Parameters<T>,
  print: (value: T) => string,
): Promise<void> {
  const seed = process.env['ARIES_SEED']
  const path = process.env['ARIES_PATH']
  const result = await fc.check(property, {
    ...parameters,
    interruptAfterTimeLimit: SHRINK_MS_MAX,
    endOnFailure: SHRINK === 'no',
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    ...(path === undefined ? {} : { path }),
  })
  if (!result.failed) return
  const { counterexample, counterexamplePath, numRuns, numShrinks, errorInstance } = result
  const reason = errorInstance instanceof Error ? (errorInstance.stack ?? errorInstance.message) : String(errorInstance)
  const example = counterexample === null ? '' : print(counterexample)
  throw new Error(
    [
      `failed after ${numRuns} runs and ${numShrinks} shrinks, by ${example.length} characters; repeat with ARIES_SEED=${result.seed} ARIES_PATH=${counterexamplePath}`,
      example,
      reason,
    ].join('\n'),
  )
}
