/** m: what writers pay while somebody holds a snapshot. */
import { rateOf } from '../clock.ts'
import { KeySample, valueFor } from '../data.ts'
import { fileTreeBytes } from '../disk.ts'
import type { Engine } from '../engines/engine.ts'
import { CACHE_BYTES, type Measurement, ROWS, scaled } from '../measurement.ts'

const CLIENTS = 64
const HOLD_SNAPSHOTS = new Set(['aries-db', 'better-sqlite3', 'lmdb', 'classic-level'])
const MB = 1e6

function updatesBeside(id: string, title: string, isHeld: boolean): Measurement {
  return {
    id,
    group: 'm',
    level: 'lazy',
    cacheBytes: CACHE_BYTES,
    dataset: { rows: ROWS, order: 'ordered' },
    changesDataset: true,
    suits: (engine: Engine) => HOLD_SNAPSHOTS.has(engine.id),
    figures: [
      { id, title: `lazy updates, ${CLIENTS} clients, ${title}`, unit: '/s', better: 'more' },
      { id: `${id}-memory`, title: `peak memory, ${title}`, unit: 'MB', better: 'less' },
      { id: `${id}-disk`, title: `growth on disk, ${title}`, unit: 'MB', better: 'less' },
    ],
    async run({ open, directory, times, scale }) {
      const store = await open()
      const rows = scaled(ROWS, scale)
      await store.scan(undefined, rows + 1)
      const letGo = isHeld ? store.holdSnapshot?.() : undefined
      const keys = KeySample.uniform(rows)
      const beforeBytes = fileTreeBytes(directory)
      let count = 0
      const perSecond = await rateOf(times, CLIENTS, () => store.put(keys.next(), valueFor(count++ * 7)))
      const memory = (process.resourceUsage().maxRSS * 1024) / MB
      const disk = (fileTreeBytes(directory) - beforeBytes) / MB
      letGo?.()
      await store.close()
      return { [id]: perSecond, [`${id}-memory`]: memory, [`${id}-disk`]: disk }
    },
  }
}

export const snapshots: readonly Measurement[] = [
  updatesBeside('m-none', 'no snapshot', false),
  updatesBeside('m-open', 'a snapshot open', true),
]
