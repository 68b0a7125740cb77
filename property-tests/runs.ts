/**
 * How often properties run, and how they report. `ARIES_RUNS` multiplies the number of runs,
 * `ARIES_SEED` and `ARIES_PATH` repeat a failure.
 */
import fc from 'fast-check'

const FACTOR = Number(process.env['ARIES_RUNS'] ?? 1)

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
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    ...(path === undefined ? {} : { path }),
  })
  if (!result.failed) return
  const { counterexample, counterexamplePath, numRuns, numShrinks, errorInstance } = result
  const reason = errorInstance instanceof Error ? (errorInstance.stack ?? errorInstance.message) : String(errorInstance)
  throw new Error(
    [
      `failed after ${numRuns} runs and ${numShrinks} shrinks; repeat with ARIES_SEED=${result.seed} ARIES_PATH=${counterexamplePath}`,
      counterexample === null ? '' : print(counterexample),
      reason,
    ].join('\n'),
  )
}
