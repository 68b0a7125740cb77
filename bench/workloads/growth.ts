/**
 * n: how costs grow with a table, from 10,000 to 10,000,000 rows. Operations on points should grow as the
 * height of the tree does, and a restart not at all, since the log that it reads is the same.
 */
import { rateOf, rateOfSync } from '../clock.ts'
import { KeySample, valueFor } from '../data.ts'
import type { Store } from '../engines/engine.ts'
import { OURS } from '../engines/index.ts'
import { type Context, type Measurement, MIB } from '../measurement.ts'

export const GROWTH_ROWS = [10_000, 100_000, 1_000_000, 10_000_000] as const
/** All of the largest table. */
const LARGE_CACHE_BYTES = 2048 * MIB
const ROW_BYTES = 116
const LOG_BYTES = 20e6
const BATCH_ROWS = 1000
const CLIENTS = 64

interface Kind {
  readonly id: string
  readonly title: string
  readonly level: Measurement['level']
  /** A tenth of the rows instead of all. */
  readonly isSmallCache?: boolean
  readonly changes: boolean
  /** Microseconds an operation. */
  readonly measure: (store: Store, rows: number, times: Context['times']) => Promise<number>
}

const usOf = (perSecond: number): number => 1e6 / perSecond

function putsOf(store: Store, rows: number): () => unknown {
  const keys = KeySample.uniform(rows)
  let count = 0
  return () => store.put(keys.next(), valueFor(count++ * 7))
}

async function getsOf(store: Store, rows: number, times: Context['times']): Promise<number> {
  await store.scan(undefined, rows)
  const keys = KeySample.uniform(rows)
  return usOf(rateOfSync(times, () => void store.getSync?.(keys.next())))
}

const KINDS: readonly Kind[] = [
  {
    id: 'a',
    title: 'durable update, 1 client',
    level: 'full',
    changes: true,
    measure: async (store, rows, times) => usOf(await rateOf(times, 1, putsOf(store, rows))),
  },
  {
    id: 'b',
    title: `durable update, ${CLIENTS} clients`,
    level: 'full',
    changes: true,
    measure: async (store, rows, times) => usOf(await rateOf(times, CLIENTS, putsOf(store, rows))),
  },
  { id: 'e', title: 'point get', level: 'lazy', changes: false, measure: getsOf },
  { id: 'h', title: 'point get, a tenth cached', level: 'lazy', isSmallCache: true, changes: false, measure: getsOf },
]

function growthOf({ id: kind, title, level, isSmallCache = false, changes, measure }: Kind, rows: number): Measurement {
  const id = `n-${kind}-${rows}`
  return {
    id,
    group: 'n',
    level,
    cacheBytes: isSmallCache ? (rows * ROW_BYTES) / 10 : LARGE_CACHE_BYTES,
    dataset: { rows, order: 'ordered', isExact: true, isBeyondCache: isSmallCache },
    changesDataset: changes,
    isOnlyByName: true,
    suits: (engine) => engine.id === OURS,
    figures: [{ id, title: `${title}, ${rows.toLocaleString('en-US')} rows`, unit: 'us', better: 'less' }],
    async run({ open, times }) {
      const store = await open()
      const us = await measure(store, rows, times)
      await store.close()
      return { [id]: us }
    },
  }
}

function restartOf(rows: number): Measurement {
  const id = `n-i-${rows}`
  return {
    id,
    group: 'n',
    level: 'lazy',
    cacheBytes: LARGE_CACHE_BYTES,
    dataset: { rows, order: 'ordered', isExact: true },
    changesDataset: true,
    isOnlyByName: true,
    suits: (engine) => engine.id === OURS,
    figures: [
      {
        id,
        title: `open after a kill, 20 MB of log, ${rows.toLocaleString('en-US')} rows`,
        unit: 'ms',
        better: 'less',
      },
    ],
    async untilKilled({ open }) {
      const store = await open({ keepsLog: true })
      const keys = KeySample.uniform(rows)
      for (let count = 0; store.logBytes() < LOG_BYTES; count += BATCH_ROWS) {
        const batch = Array.from({ length: BATCH_ROWS }, () => keys.next())
        await store.putAll(
          batch,
          batch.map((_, i) => valueFor(count * 7 + i)),
        )
      }
      return {}
    },
    async run({ open }) {
      const startedMs = performance.now()
      const store = await open()
      const ms = performance.now() - startedMs
      await store.close()
      return { [id]: ms }
    },
  }
}

/** By size, so that the rows of one size need to be there only once. */
export const growth: readonly Measurement[] = GROWTH_ROWS.flatMap((rows) => [
  ...KINDS.map((kind) => growthOf(kind, rows)),
  restartOf(rows),
])

/** The lines of the chart. */
export const GROWTH_LINES: readonly { readonly kind: string; readonly title: string }[] = [
  ...KINDS.map(({ id, title }) => ({ kind: id, title: `${title}, us` })),
  { kind: 'i', title: 'restart with 20 MB of log, ms' },
]
