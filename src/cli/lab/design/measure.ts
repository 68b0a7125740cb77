/**
 * Measures what checkpoints cost and what they save: the same updates on the same simulated disk, with one way to set
 * checkpoints and write-back, cut off from power at several moments and restarted. All counts are exact and come out
 * the same again; only the milliseconds are of this machine.
 *
 *     load rows | updates ............................................. |
 *                              ^ crash      ^ crash      ^ crash      ^ crash, each restarted on a copy
 */
import { randomBelow, randomFrom } from '../../../common/random.ts'
import { type OpenOptions, open, utf8 } from '../../../index.ts'
import { SimulatedFileSystem, type TraceEntry } from '../../../io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../../io/simulated-runtime.ts'

export interface Setting {
  /** A checkpoint is taken after so much log. */
  readonly checkpointKib: number
  /** Old dirty pages are written back so that redo stays below about this. */
  readonly redoKib: number
  /** Of the buffer pool. */
  readonly poolPages: number
  readonly updates: number
  /** So many of 100 updates go to a tenth of the rows. */
  readonly hotPercent: number
}

export interface Measurement extends Setting {
  readonly checkpoints: number
  /** Written while the updates ran. Pages are counted where they lie; their copies for torn writes with `doubleWriteKib`. */
  readonly logKib: number
  readonly pageKib: number
  readonly doubleWriteKib: number
  readonly syncs: number
  readonly restarts: readonly Restart[]
}

/** One restart after a crash. */
export interface Restart {
  readonly afterUpdates: number
  /** What analysis and redo had to read. */
  readonly logKib: number
  readonly pagesRead: number
  readonly recordsAnalysed: number
  readonly recordsRedone: number
  readonly ms: number
}

export const CRASHES = 8
const PAGE_BYTES = 4096
const KIB = 1024
const ROWS = 3000
const VALUE_BYTES = 100
const UPDATES_A_TRANSACTION = 5

export async function measure(
  setting: Setting,
  seed: number,
  onProgress: (done: number) => void,
): Promise<Measurement> {
  const disk = new SimulatedFileSystem({ seed })
  const options: OpenOptions = {
    createIfMissing: true,
    pageSize: PAGE_BYTES,
    segmentBytes: 64 * KIB,
    poolBytes: setting.poolPages * PAGE_BYTES,
    checkpointBytes: setting.checkpointKib * KIB,
    maxRedoBytes: setting.redoKib * KIB,
    runtime: new SimulatedRuntime(seed),
  }
  await load(disk, options)
  const db = await open(disk, options)
  const rows = db.table('rows', { key: utf8, value: utf8 })
  const before = db.stats().background.checkpoints
  const random = randomFrom(seed)
  const restarts: Restart[] = []
  const counts = new Counts()
  disk.trace = []
  for (let done = 0; done < setting.updates; ) {
    const tx = db.begin()
    for (let left = UPDATES_A_TRANSACTION; left > 0; left--, done++) {
      await tx.put(rows, keyOf(drawRow(setting, random)), `${done}`.padEnd(VALUE_BYTES, '.'))
    }
    await tx.commit()
    disk.trace = counts.taken(disk.trace)
    // The second half only: in the first the pool and the log fill up.
    const crashesDue = Math.floor((2 * CRASHES * done) / setting.updates) - CRASHES
    if (crashesDue > restarts.length) restarts.push(await restart(disk.crash({ mode: 'none' }), options, seed, done))
    onProgress(done)
  }
  const checkpoints = db.stats().background.checkpoints - before
  return { ...setting, checkpoints, ...counts.figures, restarts }
}

/** Rows in their pages, all on disk. */
async function load(disk: SimulatedFileSystem, options: OpenOptions): Promise<void> {
  const db = await open(disk, options)
  const rows = db.table('rows', { key: utf8, value: utf8 })
  for (let row = 0; row < ROWS; row += 100) {
    await db.transaction(async (tx) => {
      for (let next = row; next < row + 100; next++) await tx.put(rows, keyOf(next), 'loaded'.padEnd(VALUE_BYTES, '.'))
    })
  }
  await db.close()
}

const keyOf = (row: number): string => `row ${String(row).padStart(6, '0')}`

function drawRow({ hotPercent }: Setting, random: () => number): number {
  const isHot = randomBelow(random, 100) < hotPercent
  return isHot ? randomBelow(random, ROWS / 10) : randomBelow(random, ROWS)
}

/** Bytes written, by kind of file. */
class Counts {
  #log = 0
  #pages = 0
  #doubleWrite = 0
  #syncs = 0

  /** Counts what a trace has, and gives an empty one to go on with. */
  taken(trace: readonly TraceEntry[]): TraceEntry[] {
    for (const { operation, file, length } of trace) {
      if (operation === 'sync') this.#syncs++
      if (operation !== 'write') continue
      if (file === 'data') this.#pages += length
      else if (file === 'double-write') this.#doubleWrite += length
      else if (file.startsWith('log-')) this.#log += length
    }
    return []
  }

  get figures(): Pick<Measurement, 'logKib' | 'pageKib' | 'doubleWriteKib' | 'syncs'> {
    const kib = (bytes: number): number => Math.round(bytes / KIB)
    return {
      logKib: kib(this.#log),
      pageKib: kib(this.#pages),
      doubleWriteKib: kib(this.#doubleWrite),
      syncs: this.#syncs,
    }
  }
}

async function restart(
  disk: SimulatedFileSystem,
  options: OpenOptions,
  seed: number,
  afterUpdates: number,
): Promise<Restart> {
  const startedMs = performance.now()
  const db = await open(disk, { ...options, runtime: new SimulatedRuntime(seed) })
  const ms = Math.round((performance.now() - startedMs) * 10) / 10
  const { analysis, redo } = db.recovery
  const pagesRead = db.stats().buffer.misses
  await db.close()
  return {
    afterUpdates,
    logKib: Math.round((analysis.endLsn - Math.min(analysis.startLsn, redo.startLsn || analysis.startLsn)) / KIB),
    pagesRead,
    recordsAnalysed: analysis.records,
    recordsRedone: redo.redone,
    ms,
  }
}
