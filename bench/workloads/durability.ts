/**
 * o: a million single puts at each level of durability: how long they take, and how many of them are lost when
 * the process is killed, or the power cut, right after the last one was acknowledged. The levels beside `full`
 * also with a flush by hand after so many puts. The kill is real; the power cut is one of the simulated disk of
 * aries-db/testing, which then forgets everything that was not synced.
 */
import type * as Testing from '../../src/testing/index.ts'
import { keyFor, valueFor } from '../data.ts'
import { AriesStore, ariesOptionsOf, builtUrlOf, loadAries } from '../engines/aries.ts'
import { OURS } from '../engines/index.ts'
import { type Context, type FigureKind, type Figures, type Measurement, MIB, ROWS, scaled } from '../measurement.ts'

const CACHE_BYTES = 64 * MIB
/** What the published experiment took with RocksDB, with its log. */
const ROCKSDB_SECONDS = 3.6

interface Mode {
  readonly id: string
  readonly title: string
  readonly durability: 'none' | 'lazy' | 'full'
  readonly flushEvery?: number
}

const MODES: readonly Mode[] = [
  { id: 'none', title: 'none', durability: 'none' },
  { id: 'lazy', title: 'lazy', durability: 'lazy' },
  { id: 'full', title: 'full', durability: 'full' },
  { id: 'flush-1000', title: 'none, a flush every 1,000', durability: 'none', flushEvery: 1000 },
  { id: 'flush-10000', title: 'none, a flush every 10,000', durability: 'none', flushEvery: 10_000 },
]

type Location = Parameters<Awaited<ReturnType<typeof loadAries>>['open']>[0]

async function openAt(location: Location, mode: Mode): Promise<AriesStore> {
  const module = await loadAries()
  const options = { ...ariesOptionsOf({ level: 'full', cacheBytes: CACHE_BYTES }), durability: mode.durability }
  const db = await module.open(location, options)
  return new AriesStore(db, db.table('rows', { key: module.buffer, value: module.buffer }))
}

async function putAll({ db, rows }: AriesStore, count: number, { flushEvery = 0 }: Mode): Promise<number> {
  const startedMs = performance.now()
  for (let i = 0; i < count; i++) {
    await rows.put(keyFor(i), valueFor(i))
    if (flushEvery > 0 && (i + 1) % flushEvery === 0) await db.flush()
  }
  return (performance.now() - startedMs) / 1000
}

async function lostIn(location: Location, count: number, mode: Mode): Promise<number> {
  const store = await openAt(location, mode)
  const kept = await store.rows.count()
  await store.close()
  return count - kept
}

/** The same puts on the simulated disk, whose power is cut when the last is acknowledged. */
async function lostInPowerCut(count: number, mode: Mode): Promise<number> {
  const { SimulatedFileSystem } = (await import(builtUrlOf('testing.js'))) as typeof Testing
  const disk = new SimulatedFileSystem()
  await putAll(await openAt(disk, mode), count, mode)
  return lostIn(disk.crash({ mode: 'none' }), count, mode)
}

function experiment(mode: Mode): Measurement {
  const id = `o-${mode.id}`
  const isLazy = mode.id === 'lazy'
  const figures: FigureKind[] = [
    {
      id,
      title: `1,000,000 single puts, ${mode.title}`,
      unit: 's',
      better: 'less',
      ...(isLazy ? { targets: [{ atMost: ROCKSDB_SECONDS, against: 'absolute' }] } : {}),
    },
    {
      id: `${id}-kill`,
      title: `lost by a kill after them, ${mode.title}`,
      unit: 'rows',
      better: 'less',
      ...(mode.durability === 'none' ? {} : { targets: [{ atMost: 0, against: 'absolute' }] }),
    },
    {
      id: `${id}-power`,
      title: `lost by a power cut after them, ${mode.title}`,
      unit: 'rows',
      better: 'less',
      ...(mode.durability === 'full' ? { targets: [{ atMost: 0, against: 'absolute' }] } : {}),
    },
  ]
  return {
    id,
    group: 'o',
    level: 'lazy',
    cacheBytes: CACHE_BYTES,
    isOnlyByName: true,
    suits: (engine) => engine.id === OURS,
    figures,
    async untilKilled({ directory, scale }: Context): Promise<Figures> {
      return { [id]: await putAll(await openAt(directory, mode), scaled(ROWS, scale), mode) }
    },
    async run({ directory, scale }) {
      const count = scaled(ROWS, scale)
      return {
        [`${id}-kill`]: await lostIn(directory, count, mode),
        [`${id}-power`]: await lostInPowerCut(count, mode),
      }
    },
  }
}

export const durability: readonly Measurement[] = MODES.map(experiment)
