/** Scripts that found a bug. They run first, at all levels. */
import type { Script } from './script.ts'

const QUICK = { valueBytes: 1, isSlow: false, escalateLocksAt: 10_000, kinds: [0, 0, 0, 0] } as const

export const REGRESSIONS: readonly Script[] = [
  // What was noted for a deletion of nothing stayed when its transaction committed without a change.
  {
    ...QUICK,
    steps: [
      { do: 'readList', by: 1, list: 0, forUpdate: false },
      { do: 'delete', by: 0, register: 1 },
      { do: 'commit', by: 0, kind: 0 },
      { do: 'write', by: 0, register: 1 },
      { do: 'commit', by: 0, kind: 0 },
    ],
  },
]
