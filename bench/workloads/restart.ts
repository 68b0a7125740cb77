/**
 * i: how long an open takes after a kill that left 200 MB of log to go through, up to the first row read. Ours puts
 * redo off (`deferRedo`), and beside it is what it takes by default.
 */
import { KeySlab, keyFor, valueFor } from '../data.ts'
import { present } from '../engines/engine.ts'
import { OURS } from '../engines/index.ts'
import { CACHE_BYTES, type Context, type Figures, type Measurement } from '../measurement.ts'

const LOG_BYTES = 200e6
const BATCH_ROWS = 1000
/** More than any engine needs for so much log. */
const KEYS = 4_000_000

/** Random rows in transactions of a thousand, until so much is logged. */
export async function fillLog({ open, scale }: Context): Promise<Figures> {
  const store = await open({ keepsLog: true })
  const keys = KeySlab.ofAll(KEYS, 'random')
  await store.put(keyFor(0), valueFor(0))
  for (let at = 0; store.logBytes() < LOG_BYTES * scale; at += BATCH_ROWS) {
    if (at >= KEYS) throw new Error('the log does not grow')
    const numbers = Array.from({ length: BATCH_ROWS }, (_, i) => at + i)
    await store.putAll(
      numbers.map((n) => keys.at(n)),
      numbers.map(valueFor),
    )
  }
  return {}
}

async function reopenMs({ open }: Context, defersRedo: boolean): Promise<number> {
  const startedMs = performance.now()
  const store = await open({ defersRedo })
  present(await store.get(keyFor(0)))
  const ms = performance.now() - startedMs
  await store.close()
  return ms
}

export const restart: readonly Measurement[] = [
  {
    id: 'i',
    group: 'i',
    level: 'lazy',
    cacheBytes: CACHE_BYTES,
    figures: [
      {
        id: 'i',
        title: 'open after a kill, 200 MB of log, to the first read',
        unit: 'ms',
        better: 'less',
        targets: [{ atMost: 0.5, against: ['classic-level', 'rocksdb'] }],
      },
    ],
    untilKilled: fillLog,
    run: async (context) => ({ i: await reopenMs(context, true) }),
  },
  {
    id: 'i-whole',
    group: 'i',
    level: 'lazy',
    cacheBytes: CACHE_BYTES,
    figures: [{ id: 'i-whole', title: 'the same with all pages brought up to date first', unit: 'ms', better: 'less' }],
    suits: (engine) => engine.id === OURS,
    untilKilled: fillLog,
    run: async (context) => ({ 'i-whole': await reopenMs(context, false) }),
  },
]
