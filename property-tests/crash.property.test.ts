/**
 * Random scripts of interleaved transactions, with crashes at any change of the disk, also inside
 * restart. After each crash: the content is legal, the trees are sound, the dirty page table tells the
 * truth, restarting again changes nothing; then the script goes on.
 *
 * A failure prints the seed, the path and the shrunk script; put the script into `regressions.ts`.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Runner } from './commands/runner.ts'
import { printScript, scripts } from './commands/script.ts'
import { REGRESSIONS } from './regressions.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const RUNS = 250

describe('random crashes', () => {
  test(
    'what was acknowledged is there, the rest is not, and the database is sound',
    async () => {
      const totals: Record<string, number> = {}
      const property = fc.asyncProperty(scripts, async (script) => {
        const { counts } = await Runner.run(script)
        for (const [name, count] of Object.entries(counts)) totals[name] = (totals[name] ?? 0) + count
      })
      const examples = REGRESSIONS.map((script): [typeof script] => [script])
      await checkProperty(property, { numRuns: runsOf(RUNS), examples }, ([script]) => printScript(script))
      for (const [name, total] of Object.entries(totals)) expect(total, name).toBeGreaterThan(0)
    },
    TIMEOUT_MS,
  )
})
