/**
 * Small workloads, crashed before every single change and sync of the disk, with several choices of
 * what survives, and some of those states crashed again before every change of the restart: a bounded
 * part of what `npm run crash` does. How states are chosen and what is checked of each is told in
 * exploration/explorer.ts.
 */
import { describe, expect, test } from 'vitest'
import { describeViolation, Explorer } from './exploration/explorer.ts'
import { drawnWorkload, WORKLOADS } from './exploration/workloads.ts'
import { runsOf, TIMEOUT_MS } from './runs.ts'

const DRAWN = Array.from({ length: runsOf(4) }, (_, seed) => drawnWorkload(seed))

describe.each([false, true])('every crash point of a small workload, redo deferred: %s', (deferRedo) => {
  for (const workload of [...WORKLOADS, ...DRAWN]) {
    test(
      workload.name,
      async () => {
        const explorer = new Explorer({
          seed: 1,
          depth: 2,
          statesPerPoint: runsOf(deferRedo ? 2 : 8),
          statesPerRestartPoint: 1,
          deeperEvery: 60,
          deferRedo,
        })
        const violation = await explorer.explore(workload)
        expect(violation === undefined ? '' : describeViolation(violation)).toBe('')
        expect(explorer.coverage.total.distinct).toBeGreaterThan(15)
      },
      TIMEOUT_MS,
    )
  }
})
