/** g: the YCSB mixes A (half updates) and B (one update in twenty), on rows of which few are wanted often. */
import { rateOf } from '../clock.ts'
import { KeySample, randomFrom, valueFor, zipfian } from '../data.ts'
import { CACHE_BYTES, type Measurement, ROWS, scaled } from '../measurement.ts'

const CLIENTS = 64

function mix(name: 'a' | 'b', level: 'full' | 'lazy', atLeast?: number): Measurement {
  const updates = name === 'a' ? 0.5 : 0.05
  const id = level === 'full' ? `g-${name}` : `g-${name}-lazy`
  const share = name === 'a' ? 'half updates' : '5 % updates'
  const title = `YCSB ${name.toUpperCase()} (${share}), ${level === 'full' ? 'durable' : 'lazy'}, ${CLIENTS} clients`
  return {
    id,
    group: 'g',
    level,
    cacheBytes: CACHE_BYTES,
    dataset: { rows: ROWS, order: 'ordered' },
    changesDataset: true,
    figures: [{ id, title, unit: '/s', better: 'more', ...(atLeast === undefined ? {} : { targets: [{ atLeast }] }) }],
    async run({ open, times, scale }) {
      const store = await open()
      const rows = scaled(ROWS, scale)
      await store.scan(undefined, rows + 1)
      const keys = new KeySample(rows, zipfian(rows))
      const random = randomFrom(5)
      let count = 0
      const perSecond = await rateOf(times, CLIENTS, () =>
        random() < updates ? store.put(keys.next(), valueFor(count++)) : store.get(keys.next()),
      )
      await store.close()
      return { [id]: perSecond }
    },
  }
}

export const ycsb: readonly Measurement[] = [
  mix('a', 'full', 2.5),
  mix('b', 'full', 2),
  mix('a', 'lazy'),
  mix('b', 'lazy'),
]
