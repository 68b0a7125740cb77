/** a to d: puts and transfers, durable and lazy, and bulk loads. */
import { latenciesOf, rateOf } from '../clock.ts'
import { KEY_BYTES, KeySample, keyFor, largeValueFor, randomBelow, randomFrom, valueFor } from '../data.ts'
import { fileTreeBytes } from '../disk.ts'
import { type Store, withBalance } from '../engines/engine.ts'
import { load } from '../load.ts'
import { CACHE_BYTES, type Context, type Figures, type Measurement, ROWS, scaled, type Target } from '../measurement.ts'

/** Rows that are there when clients begin to put; they choose among twice as many. */
export const PRESENT_ROWS = 100_000
const ACCOUNTS = 10_000
const START_BALANCE = 1_000_000
const MB = 1e6

type Level = Measurement['level']

/** One put a transaction, of a random row; half of the rows are there. */
function puts(store: Store, rows: number, makeValue: (n: number) => Buffer): () => unknown {
  const keys = KeySample.uniform(2 * rows)
  let count = 0
  return () => store.put(keys.next(), makeValue(count++))
}

/** One or two puts a transaction. */
export function smallTransactions(store: Store, rows: number): () => unknown {
  const keys = KeySample.uniform(2 * rows)
  let count = 0
  return () => {
    const n = count++
    return n % 2 === 0
      ? store.put(keys.next(), valueFor(n))
      : store.putAll([keys.next(), keys.next()], [valueFor(n), valueFor(n + 1)])
  }
}

interface PutOptions {
  readonly id: string
  readonly group: string
  readonly title: string
  readonly level: Level
  readonly clients: number
  readonly makeValue?: (n: number) => Buffer
  readonly isMixed?: boolean
  readonly target?: Target
}

function putMeasurement({
  id,
  group,
  title,
  level,
  clients,
  makeValue = valueFor,
  isMixed,
  target,
}: PutOptions): Measurement {
  const withLatency = level === 'full'
  return {
    id,
    group,
    level,
    cacheBytes: CACHE_BYTES,
    figures: [
      { id, title, unit: '/s', better: 'more', ...(target === undefined ? {} : { targets: [target] }) },
      ...(withLatency
        ? ([
            { id: `${id}-p50`, title: `${title}, p50`, unit: 'us', better: 'less' },
            { id: `${id}-p99`, title: `${title}, p99`, unit: 'us', better: 'less' },
          ] as const)
        : []),
    ],
    async run({ open, times, scale }): Promise<Figures> {
      const store = await open()
      const rows = scaled(PRESENT_ROWS, scale)
      await load(store, rows, 'ordered', makeValue)
      const operation = isMixed ? smallTransactions(store, rows) : puts(store, rows, makeValue)
      if (!withLatency) {
        const perSecond = await rateOf(times, clients, operation)
        await store.close()
        return { [id]: perSecond }
      }
      const { perSecond, p50, p99 } = await latenciesOf(times, clients, operation)
      await store.close()
      return { [id]: perSecond, [`${id}-p50`]: p50, [`${id}-p99`]: p99 }
    },
  }
}

function transferMeasurement(id: string, clients: number, target?: Target): Measurement {
  const title = `durable transfer between accounts, ${clients} client${clients === 1 ? '' : 's'}`
  return {
    id,
    group: 'c',
    level: 'full',
    cacheBytes: CACHE_BYTES,
    figures: [{ id, title, unit: '/s', better: 'more', ...(target === undefined ? {} : { targets: [target] }) }],
    async run({ open, times }) {
      const store = await open()
      const keys = Array.from({ length: ACCOUNTS }, (_, i) => keyFor(i))
      await store.putAll(
        keys,
        keys.map((_, i) => startValue(i)),
      )
      const random = randomFrom(3)
      const account = (): Buffer => keys[randomBelow(random, ACCOUNTS)] as Buffer
      const perSecond = await rateOf(times, clients, () => {
        const from = account()
        let to = account()
        while (to === from) to = account()
        // In one order, so that nobody waits in a circle.
        return from.compare(to) < 0 ? store.transfer(from, to, 1) : store.transfer(to, from, -1)
      })
      await checkTotal(store, keys)
      await store.close()
      return { [id]: perSecond }
    },
  }
}

function startValue(i: number): Buffer {
  const value = Buffer.from(valueFor(i))
  value.writeInt32LE(START_BALANCE, 0)
  return value
}

async function checkTotal(store: Store, keys: readonly Buffer[]): Promise<void> {
  let total = 0
  for (const key of keys) total += withBalance((await store.get(key)) as Uint8Array, 0).readInt32LE(0)
  if (total !== ACCOUNTS * START_BALANCE) throw new Error(`the accounts hold ${total}: transfers were lost`)
}

/** A bulk load; and what it leaves on disk, after a clean close, and took of memory. */
function bulkMeasurement(order: 'ordered' | 'random', target: Target): Measurement {
  const id = `d-${order}`
  const title = `1,000,000 rows, ${order}`
  return {
    id,
    group: 'd',
    level: 'lazy',
    cacheBytes: CACHE_BYTES,
    figures: [
      { id, title: `bulk load of ${title}`, unit: 'rows/s', better: 'more', targets: [target] },
      {
        id: `j-disk-${order}`,
        title: `disk, ${title}`,
        unit: 'MB',
        better: 'less',
        ...(order === 'random' ? { targets: [{ atMost: 1.05, against: ['better-sqlite3'] }] } : {}),
      },
      { id: `j-memory-${order}`, title: `peak memory of that load`, unit: 'MB', better: 'less' },
      {
        id: `j-beyond-${order}`,
        title: `the same beyond what is cached and the benchmark's own keys, Node.js included`,
        unit: 'MB',
        better: 'less',
        targets: [{ atMost: 120, against: 'absolute' }],
      },
    ],
    run: (context) => bulkLoad(context, id, order),
  }
}

async function bulkLoad(
  { open, directory, scale }: Context,
  id: string,
  order: 'ordered' | 'random',
): Promise<Figures> {
  const store = await open()
  const rows = scaled(ROWS, scale)
  const seconds = await load(store, rows, order)
  const cachedMb = (store.cacheUsedBytes?.() ?? 0) / MB
  const peakMb = (process.resourceUsage().maxRSS * 1024) / MB
  const keysMb = (rows * KEY_BYTES) / MB
  await store.close()
  return {
    [id]: rows / seconds,
    [`j-disk-${order}`]: fileTreeBytes(directory) / MB,
    [`j-memory-${order}`]: peakMb,
    // Who does not tell how much is cached gives no figure.
    ...(store.cacheUsedBytes === undefined ? {} : { [`j-beyond-${order}`]: peakMb - cachedMb - keysMb }),
  }
}

export const writes: readonly Measurement[] = [
  putMeasurement({
    id: 'a',
    group: 'a',
    title: 'durable put, 1 client',
    level: 'full',
    clients: 1,
    target: { atLeast: 1 },
  }),
  putMeasurement({
    id: 'a-4k',
    group: 'a',
    title: 'durable put of 4 KiB, 1 client',
    level: 'full',
    clients: 1,
    makeValue: largeValueFor,
    target: { atLeast: 1 },
  }),
  ...(
    [
      [64, 4],
      [1000, 2],
    ] as const
  ).map(([clients, atLeast]) =>
    putMeasurement({
      id: `b-${clients}`,
      group: 'b',
      title: `durable transactions of 1 or 2 puts, ${clients} clients`,
      level: 'full',
      clients,
      isMixed: true,
      target: { atLeast },
    }),
  ),
  transferMeasurement('c-1', 1),
  transferMeasurement('c-64', 64, { atLeast: 4 }),
  putMeasurement({
    id: 'd-1',
    group: 'd',
    title: 'lazy put, 1 client',
    level: 'lazy',
    clients: 1,
    target: { atLeast: 2 },
  }),
  putMeasurement({ id: 'd-64', group: 'd', title: 'lazy put, 64 clients', level: 'lazy', clients: 64 }),
  bulkMeasurement('ordered', { atLeast: 0.8 }),
  bulkMeasurement('random', { atLeast: 1.2 }),
]
