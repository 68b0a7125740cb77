/** k and l: how long clients wait for durable commits, and how long the event loop is kept from everything else. */
import { latenciesOf, rateOf } from '../clock.ts'
import { KeySample, valueFor } from '../data.ts'
import type { Awaitable, Engine, Store } from '../engines/engine.ts'
import { load, prepareLoad } from '../load.ts'
import {
  CACHE_BYTES,
  type Context,
  type Dataset,
  type FigureKind,
  type Figures,
  type Measurement,
  MIB,
  ROWS,
  scaled,
} from '../measurement.ts'
import { type Stalls, stallsDuring } from '../stalls.ts'
import { fillLog } from './restart.ts'
import { PRESENT_ROWS, smallTransactions } from './writes.ts'

const CLIENTS = 64
const LIMIT_MS = 10
const SMALL_CACHE_BYTES = 64 * MIB
/** Rows that are changed before a checkpoint. */
const CHANGED_ROWS = 100_000

const latencies: Measurement = {
  id: 'k',
  group: 'k',
  level: 'full',
  cacheBytes: CACHE_BYTES,
  figures: (['p50', 'p99', 'p999'] as const).map((quantile) => ({
    id: `k-${quantile}`,
    title: `durable commits of ${CLIENTS} clients, ${quantile.replace('999', '99.9')}`,
    unit: 'us',
    better: 'less',
  })),
  async run({ open, times, scale }) {
    const store = await open()
    const rows = scaled(PRESENT_ROWS, scale)
    await load(store, rows, 'ordered')
    const { p50, p99, p999 } = await latenciesOf(times, CLIENTS, smallTransactions(store, rows))
    await store.close()
    return { 'k-p50': p50, 'k-p99': p99, 'k-p999': p999 }
  },
}

function stallKinds(id: string, title: string, isLimited: boolean): FigureKind[] {
  const targets = isLimited ? { targets: [{ atMost: LIMIT_MS, against: 'absolute' as const }] } : {}
  return [
    { id: `${id}-max`, title: `longest stall, ${title}`, unit: 'ms', better: 'less', ...targets },
    { id: `${id}-p99`, title: `stalls, p99, ${title}`, unit: 'ms', better: 'less' },
  ]
}

const figuresOf = (id: string, { maxMs, p99Ms }: Stalls): Figures => ({ [`${id}-max`]: maxMs, [`${id}-p99`]: p99Ms })

interface StallOptions {
  readonly id: string
  readonly title: string
  readonly level?: Measurement['level']
  readonly cacheBytes?: number
  readonly dataset?: Dataset
  readonly suits?: (engine: Engine) => boolean
  /** What comes before, unobserved, such as the making of keys; it returns what is observed. */
  readonly prepare: (store: Store, context: Context) => Awaitable<() => Promise<unknown>>
  /** The work is the close. */
  readonly endsClosed?: boolean
}

function stallMeasurement(options: StallOptions): Measurement {
  const { id, title, level = 'lazy', cacheBytes = CACHE_BYTES, dataset, suits, prepare, endsClosed = false } = options
  return {
    id,
    group: 'l',
    level,
    cacheBytes,
    ...(dataset === undefined ? {} : { dataset, changesDataset: true }),
    ...(cacheBytes === CACHE_BYTES ? {} : { scalesCache: true }),
    ...(suits === undefined ? {} : { suits }),
    figures: stallKinds(id, title, true),
    async run(context) {
      const store = await context.open()
      const work = await prepare(store, context)
      const stalls = await stallsDuring(work)
      if (!endsClosed) await store.close()
      return figuresOf(id, stalls)
    },
  }
}

const HAVE_CHECKPOINTS = new Set(['aries-db', 'better-sqlite3'])

function updates(store: Store, { times, scale }: Context, rows: number): () => Promise<number> {
  const keys = KeySample.uniform(scaled(rows, scale))
  let count = 0
  return () => rateOf(times, CLIENTS, () => store.put(keys.next(), valueFor(count++ * 7)))
}

async function changeRows(store: Store, { scale }: Context): Promise<void> {
  const keys = KeySample.uniform(scaled(ROWS, scale))
  for (let i = 0; i < scaled(CHANGED_ROWS, scale); i++) await store.put(keys.next(), valueFor(i * 7))
}

const restartStalls: Measurement = {
  id: 'l-restart',
  group: 'l',
  level: 'lazy',
  cacheBytes: CACHE_BYTES,
  // Nobody can use the database yet, so that there is no limit.
  figures: stallKinds('l-restart', 'restart after a kill with 200 MB of log', false),
  untilKilled: fillLog,
  async run({ open }) {
    let store: Store | undefined
    const stalls = await stallsDuring(async () => {
      store = await open()
    })
    await store?.close()
    return figuresOf('l-restart', stalls)
  },
}

export const responsiveness: readonly Measurement[] = [
  latencies,
  stallMeasurement({
    id: 'l-load',
    title: 'bulk load of 1,000,000 rows',
    prepare: (store, { scale }) => prepareLoad(store, scaled(ROWS, scale), 'random'),
  }),
  stallMeasurement({
    id: 'l-commits',
    title: `durable transactions of ${CLIENTS} clients`,
    level: 'full',
    async prepare(store, { times, scale }) {
      const rows = scaled(PRESENT_ROWS, scale)
      await load(store, rows, 'ordered')
      const transaction = smallTransactions(store, rows)
      return () => rateOf(times, CLIENTS, transaction)
    },
  }),
  stallMeasurement({
    id: 'l-write-back',
    title: 'updates of 5,000,000 rows, 64 MB cache',
    cacheBytes: SMALL_CACHE_BYTES,
    dataset: { rows: 5 * ROWS, order: 'ordered', isBeyondCache: true },
    prepare: (store, context) => updates(store, context, 5 * ROWS),
  }),
  stallMeasurement({
    id: 'l-checkpoint',
    title: 'checkpoint after 100,000 random updates',
    dataset: { rows: ROWS, order: 'ordered' },
    suits: (engine) => HAVE_CHECKPOINTS.has(engine.id),
    async prepare(store, context) {
      await changeRows(store, context)
      return async () => store.checkpoint?.()
    },
  }),
  stallMeasurement({
    id: 'l-close',
    title: 'close after 100,000 random updates',
    dataset: { rows: ROWS, order: 'ordered' },
    async prepare(store, context) {
      await changeRows(store, context)
      return async () => store.close()
    },
    endsClosed: true,
  }),
  restartStalls,
]
