/** e, f and h: gets and scans of what is cached, and of five times what a cache of 64 MB holds. */
import { rateOf, rateOfSync, rowRateOf } from '../clock.ts'
import { KeySample, valueFor } from '../data.ts'
import { warmFiles } from '../disk.ts'
import { type Engine, present, type Store } from '../engines/engine.ts'
import {
  CACHE_BYTES,
  type Dataset,
  type Figures,
  type Measurement,
  MIB,
  ROWS,
  scaled,
  type Target,
} from '../measurement.ts'

const CACHED: Dataset = { rows: ROWS, order: 'ordered' }
const LARGE: Dataset = { rows: 5 * ROWS, order: 'ordered', isBeyondCache: true }
const SMALL_CACHE_BYTES = 64 * MIB
const SCAN_ROWS = 100
const MB = 1e6

/** Engines without a synchronous get, and those whose only get is synchronous. */
const WITHOUT_SYNC = new Set(['rocksdb'])
const hasSync = (engine: Engine): boolean => !WITHOUT_SYNC.has(engine.id)

const found = (value: Uint8Array | undefined): void => {
  if (present(value).length !== valueFor(0).length) throw new Error('a value is too short')
}

/** Every row of the cache's share is read once, so that no engine begins cold. */
async function warmCache(store: Store, rows: number): Promise<void> {
  const count = await store.scan(undefined, rows + 1)
  if (count !== rows) throw new Error(`${count} of ${rows} rows`)
}

function readMeasurement(
  kind: { id: string; title: string; group: string; unit?: 'rows/s'; target?: Target; suits?: (e: Engine) => boolean },
  measure: (store: Store, rows: number, times: { warmUpMs: number; windowMs: number }) => Promise<number> | number,
): Measurement {
  const { id, title, group, unit = '/s', target, suits } = kind
  return {
    id,
    group,
    level: 'lazy',
    cacheBytes: CACHE_BYTES,
    dataset: CACHED,
    ...(suits === undefined ? {} : { suits }),
    figures: [
      { id, title, unit, better: 'more', ...(target === undefined ? {} : { targets: [target] }) },
      ...(id === 'e-sync'
        ? [{ id: 'j-memory-reads', title: 'peak memory of gets, 512 MB cache', unit: 'MB', better: 'less' } as const]
        : []),
    ],
    async run({ open, times, scale }) {
      const store = await open()
      const rows = scaled(ROWS, scale)
      await warmCache(store, rows)
      const figures: Figures = { [id]: await measure(store, rows, times) }
      if (id === 'e-sync') figures['j-memory-reads'] = (process.resourceUsage().maxRSS * 1024) / MB
      await store.close()
      return figures
    },
  }
}

function getAsyncOf(store: Store): (key: Buffer) => unknown {
  const { getAsync } = store
  return getAsync === undefined ? (key) => store.get(key) : getAsync.bind(store)
}

const asyncGets = (clients: number, target?: Target): Measurement =>
  readMeasurement(
    {
      id: `e-async-${clients}`,
      group: 'e',
      title: `point get, awaited, ${clients} client${clients === 1 ? '' : 's'}`,
      ...(target === undefined ? {} : { target }),
    },
    (store, rows, times) => {
      const keys = KeySample.uniform(rows)
      const get = getAsyncOf(store)
      return rateOf(times, clients, () => get(keys.next()))
    },
  )

const largeGets: Measurement = {
  id: 'h-get',
  group: 'h',
  level: 'lazy',
  cacheBytes: SMALL_CACHE_BYTES,
  scalesCache: true,
  dataset: LARGE,
  figures: [
    {
      id: 'h-get',
      title: 'point get of 5,000,000 rows, 64 MB cache, files in memory',
      unit: '/s',
      better: 'more',
      targets: [
        { atLeast: 0.5, against: ['lmdb'] },
        { atLeast: 2, against: ['better-sqlite3'] },
      ],
    },
  ],
  async run({ open, directory, times, scale }) {
    const rows = scaled(LARGE.rows, scale)
    warmFiles(directory)
    const store = await open()
    await warmCache(store, rows)
    const keys = KeySample.uniform(rows)
    const { getSync } = store
    const perSecond =
      getSync === undefined
        ? await rateOf(times, 64, async () => found(await store.get(keys.next())))
        : rateOfSync(times, () => found(getSync.call(store, keys.next())))
    await store.close()
    return { 'h-get': perSecond }
  },
}

const largeUpdates: Measurement = {
  id: 'h-update',
  group: 'h',
  level: 'lazy',
  cacheBytes: SMALL_CACHE_BYTES,
  scalesCache: true,
  dataset: LARGE,
  changesDataset: true,
  figures: [
    {
      id: 'h-update',
      title: 'lazy update of 5,000,000 rows, 64 MB cache, 64 clients',
      unit: '/s',
      better: 'more',
      targets: [{ atLeast: 0.7 }],
    },
    { id: 'j-memory-updates', title: 'peak memory of those updates', unit: 'MB', better: 'less' },
  ],
  async run({ open, directory, times, scale }) {
    const rows = scaled(LARGE.rows, scale)
    warmFiles(directory)
    const store = await open()
    await warmCache(store, rows)
    const keys = KeySample.uniform(rows)
    let count = 0
    const perSecond = await rateOf(times, 64, () => store.put(keys.next(), valueFor(count++ * 7)))
    const peakMb = (process.resourceUsage().maxRSS * 1024) / MB
    await store.close()
    return { 'h-update': perSecond, 'j-memory-updates': peakMb }
  },
}

export const reads: readonly Measurement[] = [
  readMeasurement(
    { id: 'e-sync', group: 'e', title: 'point get, synchronous', target: { atLeast: 1.4 }, suits: hasSync },
    (store, rows, times) => {
      const keys = KeySample.uniform(rows)
      return rateOfSync(times, () => found(store.getSync?.(keys.next())))
    },
  ),
  asyncGets(1, { atLeast: 1.2 }),
  asyncGets(64, { atLeast: 1.2 }),
  readMeasurement(
    { id: 'f-full', group: 'f', title: 'scan of all rows', unit: 'rows/s', target: { atLeast: 3 } },
    (store, rows, times) => rowRateOf(times, () => store.scan(undefined, rows + 1)),
  ),
  readMeasurement(
    { id: 'f-100', group: 'f', title: 'scans of 100 rows', target: { atLeast: 3 } },
    (store, rows, times) => {
      const keys = KeySample.uniform(rows - SCAN_ROWS)
      return rateOf(times, 1, async () => {
        const count = await store.scan(keys.next(), SCAN_ROWS)
        if (count !== SCAN_ROWS) throw new Error(`${count} of ${SCAN_ROWS} rows`)
      })
    },
  ),
  largeGets,
  largeUpdates,
]
