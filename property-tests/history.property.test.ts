/**
 * Histories of transactions side by side, with crashes in the middle, judged by a checker that knows
 * nothing of the engine (I21, I34): Adya's graphs, as Elle looks for cycles in them. Serializable
 * transactions have no cycle, real time included, nor do read-only ones beside them; the others have only
 * those that their levels allow. `npm run histories` is a campaign.
 */
import { expect, test } from 'vitest'
import { checkHistories } from './history/campaign.ts'
import { Figures } from './history/figures.ts'
import { MIX_NAMES } from './history/levels.ts'
import { REGRESSIONS } from './history/regressions.ts'
import { runsOf, TIMEOUT_MS } from './runs.ts'

const RUNS = 100

/** What each mix has to come across, or the scripts do not reach what they are for. */
const ALLOWED = {
  serializable: [],
  snapshot: ['G2-item'],
  'read-committed': ['G-single', 'lost update'],
  'serializable beside read-only': [],
  'all side by side': ['G-single'],
} as const

test.each(MIX_NAMES)(
  'a history has no anomaly that its levels forbid: %s',
  async (mix) => {
    const figures = new Figures()
    await checkHistories(mix, { numRuns: runsOf(RUNS), examples: REGRESSIONS.map((script) => [script]) }, figures)
    expect(figures.committed).toBeGreaterThan(5 * figures.histories)
    for (const [kind, count] of Object.entries(figures.edges)) expect(count, kind).toBeGreaterThan(figures.histories)
    expect([...figures.anomalies.keys()]).toEqual(expect.arrayContaining([...ALLOWED[mix]]))
  },
  TIMEOUT_MS,
)
