/** Scripts of lives that found a bug, each with what it found. They run before the random ones. */
import type { PlannedFault } from '../../src/io/simulated-plan.ts'
import type { Life } from './script.ts'

const NEVER = { after: 0, how: 'kill' } as const

const LIFE: Life = {
  openings: [],
  options: {},
  faults: [],
  spareBytes: undefined,
  steps: [],
  crash: NEVER,
  isVisited: false,
}

/** The first sync of a kind, or of a file, fails, and what it should have made durable is not. */
const failingSync = (kind: 'sync' | 'syncDirectory', file?: RegExp): PlannedFault => ({
  fault: 'F9',
  kind,
  effect: { effect: 'error', errno: 'EIO' },
  match: { times: 1, ...(file === undefined ? {} : { file }) },
})

export const LIVES_REGRESSIONS: readonly (readonly Life[])[] = [
  // A put that met a full disk left the table that it had made, and the commit kept it.
  [
    {
      ...LIFE,
      options: { frames: 128 },
      spareBytes: 2349,
      steps: [
        { do: 'put', by: 0, table: 1, from: 0, count: 1, stride: 1, bytes: 300_000 },
        { do: 'commit', by: 0, durability: 'full', wait: true },
      ],
    },
  ],
  // Pages whose sync had failed in a life without double-writing counted as durable in one with it.
  [
    {
      ...LIFE,
      options: { frames: 128, doubleWrite: false },
      faults: [failingSync('sync', /^data$/)],
      steps: [
        { do: 'putMany', by: 0, table: 0, from: 0, count: 30, stride: 1, bytes: 300 },
        { do: 'commit', by: 0, durability: 'full', wait: true },
      ],
    },
    { ...LIFE, options: { frames: 128, doubleWrite: true } },
  ],
  // The marker of a creation whose sync had failed counted as durable, and a power cut left files without it.
  [
    {
      ...LIFE,
      openings: [
        { options: {}, faults: [failingSync('syncDirectory')], crash: NEVER },
        { options: {}, faults: [], crash: { after: 14, how: 'none' } },
      ],
    },
  ],
  // The sync of what a restart had written again failed with an error of the system's, not of ours.
  [
    {
      ...LIFE,
      options: { frames: 8, doubleWrite: false },
      steps: [{ do: 'put', by: 0, table: 0, from: 0, count: 53, stride: 1, bytes: 3000 }],
    },
    {
      ...LIFE,
      options: { frames: 12, doubleWrite: false },
      steps: [{ do: 'put', by: 0, table: 2, from: 89, count: 46, stride: 1, bytes: 36 }],
      crash: { after: 46, how: 0 },
    },
    {
      ...LIFE,
      openings: [
        {
          options: { frames: 8 },
          faults: [{ ...failingSync('sync'), match: { skip: 9, times: Number.POSITIVE_INFINITY } }],
          crash: NEVER,
        },
      ],
    },
  ],
]
