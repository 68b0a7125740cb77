/**
 * The scripts of the crash property on a disk that is full, or of which pages cannot be read, for a while. Operations
 * fail then, wholly, and with the error of the disk; a rollback that fails leaves its transaction stuck, until the disk
 * lets it be rolled back. Nothing else may come of it, with crashes before, meanwhile and after: whatever has been
 * acknowledged is there, and nothing else (I18, I19, I28).
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Runner } from './commands/runner.ts'
import { hinderedScripts, printScript, type Script } from './commands/script.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const RUNS = 200

const EXAMPLES: [Script][] = [
  // A transaction cannot be rolled back, because its pages cannot be read.
  [
    {
      frames: 8,
      checkpointBytes: 65536,
      deferRedo: false,
      steps: [
        { do: 'put', by: 0, table: 0, from: 0, count: 70, stride: 1, bytes: 900 },
        { do: 'commit', by: 0, durability: 'full', wait: true },
        { do: 'put', by: 0, table: 0, from: 0, count: 70, stride: 1, bytes: 800 },
        { do: 'unreadable', times: 40, skip: 4 },
        { do: 'abort', by: 0 },
        { do: 'turns', count: 30 },
        { do: 'well' },
        { do: 'get', by: 1, table: 0, from: 3 },
      ],
    },
  ],
  // A new segment that a crash had left half made was there still after a clean close, when no other could be begun.
  [
    {
      frames: 8,
      checkpointBytes: 65536,
      deferRedo: false,
      steps: [
        { do: 'crash', after: 2, how: 160926, again: [] },
        { do: 'put', by: 0, table: 0, from: 0, count: 1, stride: 1, bytes: 300 },
        { do: 'full', spare: 0 },
        { do: 'put', by: 0, table: 0, from: 0, count: 1, stride: 1, bytes: 0 },
        { do: 'commit', by: 0, durability: 'full', wait: false },
        { do: 'reopen' },
      ],
    },
  ],
]

describe('transactions that the disk hinders', () => {
  test(
    'lose nothing acknowledged, leave nothing else, and end when it lets them',
    async () => {
      const totals = { failures: 0, stuck: 0 }
      const property = fc.asyncProperty(hinderedScripts, async (script) => {
        const { hindered } = await Runner.run(script)
        totals.failures += hindered.failures
        totals.stuck += hindered.stuck
      })
      await checkProperty(property, { numRuns: runsOf(RUNS), examples: EXAMPLES }, ([script]) => printScript(script))
      expect(totals.failures).toBeGreaterThan(0)
      expect(totals.stuck).toBeGreaterThan(0)
    },
    TIMEOUT_MS,
  )
})
