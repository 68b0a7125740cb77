/**
 * Several lives of one database: other options each time, openings that fail or are cut off, disks that fail or are
 * full, crashes and closes. At every opening the content is legal, the trees are sound and the dirty page table
 * tells the truth; either outcome of what is in doubt would be right.
 *
 * A failure prints the seed, the path and the shrunk script; put the script into `lives/regressions.ts`.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LIVES_REGRESSIONS } from './lives/regressions.ts'
import { LivesRun } from './lives/run.ts'
import { type Life, lives, printLives } from './lives/script.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const RUNS = 80

describe('several lives of one database', () => {
  test(
    'what was acknowledged is there in the next one, the rest is not, and the database is sound',
    async () => {
      const totals: Record<string, number> = {}
      const property = fc.asyncProperty(lives, async (list) => {
        const { counts } = await LivesRun.run(list)
        for (const [name, count] of Object.entries(counts)) totals[name] = (totals[name] ?? 0) + count
      })
      const examples = LIVES_REGRESSIONS.map((list): [Life[]] => [[...list]])
      await checkProperty(property, { numRuns: runsOf(RUNS), examples }, ([list]) => printLives(list))
      for (const [name, count] of Object.entries(totals)) expect(count, name).toBeGreaterThan(0)
    },
    TIMEOUT_MS,
  )
})
