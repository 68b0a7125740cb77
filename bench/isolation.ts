/**
 * What locks and versions cost an operation: reads at each level and through a snapshot, and writes with no
 * reader about, with a snapshot open, and with one that holds back what is written. In memory, CPU time.
 */
import { buffer, type Database, MemoryFileSystem, open, type Table, type Transaction } from '../src/index.ts'

const ROWS = 100_000
const BATCH_ROWS = 1000
const ROUNDS = 5
/** They take turns, so that each put changes its row. */
const VALUES = [new Uint8Array(100).fill(120), new Uint8Array(100).fill(121)] as const

type Rows = Table<Uint8Array, Uint8Array>

const KEYS: readonly Uint8Array[] = Array.from({ length: ROWS }, (_, i) =>
  new TextEncoder().encode(String((i * 7919) % ROWS).padStart(16, '0')),
)

interface Cost {
  readonly name: string
  /** Median, least and most of several rounds, in nanoseconds of CPU time an operation. */
  readonly ns: readonly [number, number, number]
}

async function cpuNsOf(operations: number, work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return ((user + system) * 1000) / operations
}

async function inBatches(begin: () => Transaction, work: (tx: Transaction, key: Uint8Array) => Promise<unknown>) {
  for (let start = 0; start < ROWS; start += BATCH_ROWS) {
    const tx = begin()
    for (let i = start; i < start + BATCH_ROWS; i++) await work(tx, KEYS[i] as Uint8Array)
    await tx.commit()
  }
}

function workloads(db: Database, rows: Rows): Record<string, () => Promise<void>> {
  let puts = 0
  const put = (tx: Transaction, key: Uint8Array): Promise<void> =>
    tx.put(rows, key, VALUES[(Math.floor(puts++ / ROWS) % 2) as 0 | 1])
  const get = (tx: Transaction, key: Uint8Array): Promise<unknown> => tx.get(rows, key)
  return {
    'get, serializable': () => inBatches(() => db.begin(), get),
    'get, snapshot transaction': () => inBatches(() => db.begin({ isolation: 'snapshot' }), get),
    'get, read-committed': () => inBatches(() => db.begin({ isolation: 'read-committed' }), get),
    'get, db.snapshot(), synchronous': async () => {
      using snapshot = db.snapshot()
      for (const key of KEYS) snapshot.get(rows, key)
    },
    'put, serializable': () => inBatches(() => db.begin(), put),
    'put, snapshot transaction': () => inBatches(() => db.begin({ isolation: 'snapshot' }), put),
    'put, while a snapshot is open': async () => {
      using _snapshot = db.snapshot()
      await inBatches(() => db.begin(), put)
    },
    'scan of a row, serializable': async () => {
      const tx = db.begin()
      for await (const _ of tx.range(rows)) void _
      await tx.commit()
    },
    'scan of a row, db.snapshot(), synchronous': async () => {
      using snapshot = db.snapshot()
      for (const _ of snapshot.range(rows)) void _
    },
  }
}

/** Every cost, the rounds of all taken in turn. */
async function isolationCosts(): Promise<Cost[]> {
  const db = await open(new MemoryFileSystem(), { createIfMissing: true, durability: 'none', checkpointBytes: 2 ** 40 })
  const rows = db.table('rows', { key: buffer, value: buffer })
  await inBatches(
    () => db.begin(),
    (tx, key) => tx.put(rows, key, VALUES[1]),
  )
  const all = Object.entries(workloads(db, rows)).map(([name, work]) => ({ name, work, found: [] as number[] }))
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { work, found } of all) {
      const ns = await cpuNsOf(ROWS, work)
      // The first round warms up.
      if (round > 0) found.push(ns)
    }
  }
  await db.close()
  return all.map(({ name, found }) => {
    found.sort((a, b) => a - b)
    return { name, ns: [found[ROUNDS >> 1] as number, found[0] as number, found.at(-1) as number] }
  })
}

export async function showIsolationCosts(): Promise<void> {
  for (const { name, ns } of await isolationCosts()) {
    const [median, least, most] = ns.map((value) => value.toFixed(0))
    console.log(`${name.padEnd(44)} ${median?.padStart(8)} ns of CPU (${least}-${most})`)
  }
}
