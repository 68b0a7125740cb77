/**
 * The run behind the lab "read a log dump": a small database on the simulated disk, worked on by five transactions
 * and then cut off from power. Which tables, how much each writes and in which order is drawn from the seed, again and
 * again until there is something of everything to read:
 *
 *     loser        one that has rolled back to a savepoint: CLRs are in the log
 *     loser        one that was active at the checkpoint, and one begun behind it
 *     winner       one with its END, and one whose COMMIT is the last durable record
 *     aborted      one that is rolled back and has its END
 *     pages        some written before the checkpoint, one behind it, the others not at all
 */
import { DATA_FILE_NAME } from '../../../buffer/data-file.ts'
import { asLsn, type Lsn, type PageId } from '../../../common/ids.ts'
import { randomBelow, randomFrom } from '../../../common/random.ts'
import type { RestartEvent } from '../../../common/trace.ts'
import { openParts } from '../../../database/open-location.ts'
import { type Database, type OpenOptions, type Table, type Transaction, utf8 } from '../../../index.ts'
import { recordsIn } from '../../../inspect/live-log.ts'
import { isOfRestart } from '../../../inspect/restart-tables.ts'
import { readFully } from '../../../io/file-system.ts'
import { SimulatedFileSystem } from '../../../io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../../io/simulated-runtime.ts'
import { type LogRecordView, RecordType } from '../../../log/log-record.ts'
import { pageLsnOf } from '../../../page/page.ts'

const PAGE_BYTES = 4096
const OPTIONS: OpenOptions = {
  createIfMissing: true,
  pageSize: PAGE_BYTES,
  segmentBytes: 65_536,
  poolBytes: 32 * PAGE_BYTES,
}
const TABLES = ['apples', 'beans', 'carrots', 'dates']
const GROUPS = 6

export interface PageOnDisk {
  readonly pageId: number
  readonly pageLsn: Lsn
}

/** What there is to read after the crash, and what restart then did. */
export interface CrashRun {
  /** The BEGIN_CHECKPOINT that the master record names. */
  readonly checkpointLsn: Lsn
  /** The durable log, as far back as restart may need it. Flush markers are left out. */
  readonly records: readonly LogRecordView[]
  readonly pages: readonly PageOnDisk[]
  readonly trees: readonly { readonly name: string; readonly tree: number }[]
  readonly events: readonly RestartEvent[]
  /** Rows that transactions have changed, with what they hold after restart. */
  readonly rows: readonly { readonly table: string; readonly key: string; readonly value: string | undefined }[]
}

type Tables = readonly Table<string, string>[]

const tablesOf = (db: Database): Tables => TABLES.map((name) => db.table(name, { key: utf8, value: utf8 }))
const keyOf = (group: number, table: number): string => `${TABLES[table]?.slice(0, -1)} ${group}`

/** The run of a seed. */
export async function runToCrash(seed: number): Promise<CrashRun> {
  const random = randomFrom(seed)
  for (;;) {
    const run = await draw(randomBelow(random, 2 ** 31))
    if (hasEverything(run)) return run
  }
}

/** Whether each of the questions has something to answer. */
function hasEverything({ events, records }: CrashRun): boolean {
  const seen = new Set(events.map((event) => (event.kind === 'redo-skipped' ? event.reason : event.kind)))
  const losers = new Set(events.flatMap((event) => (event.kind === 'rolled-back' ? [event.txnId] : [])))
  const hasClrOfLoser = records.some(({ type, txnId }) => type === RecordType.CLR && losers.has(txnId))
  return (
    hasClrOfLoser &&
    (['winner-ended', 'redone', 'lsn<recLsn', 'pageLsn>=lsn', 'undone'] as const).every((kind) => seen.has(kind))
  )
}

async function draw(seed: number): Promise<CrashRun> {
  const disk = new SimulatedFileSystem({ seed })
  await fill(disk, seed)
  const { database, opened } = await openParts(disk, { ...OPTIONS, runtime: new SimulatedRuntime(seed) })
  const { log, catalog } = opened.managers
  const startLsn = log.nextLsn
  const trees = catalog.list().map(({ name, tree }) => ({ name, tree: Number(tree) }))
  const touched = await work(
    database,
    (table) => opened.managers.buffer.writePage(trees.find(({ name }) => name === TABLES[table])?.tree as PageId),
    seed,
  )
  const records = recordsIn(log, OPTIONS.segmentBytes as number, startLsn, log.flushedLsn)
  const crashed = disk.crash({ mode: 'none' })
  const pages = pagesOf(crashed)
  const { events, rows } = await restart(crashed, seed, touched)
  const analysis = events.find((event) => event.kind === 'analysis')
  if (analysis?.kind !== 'analysis') throw new Error('restart tells of its analysis')
  return {
    checkpointLsn: analysis.startLsn,
    records: records.filter(({ type, lsn }) => type !== RecordType.FLUSH_MARKER && lsn < analysis.endLsn),
    pages,
    trees,
    events,
    rows,
  }
}

/** Tables with a row for each group, all on disk: the log before it is not needed. */
async function fill(disk: SimulatedFileSystem, seed: number): Promise<void> {
  const { database } = await openParts(disk, { ...OPTIONS, runtime: new SimulatedRuntime(seed) })
  const tables = tablesOf(database)
  await database.transaction(async (tx) => {
    for (const [index, table] of tables.entries()) {
      for (let group = 1; group <= GROUPS; group++) await tx.put(table, keyOf(group, index), 'old')
    }
  })
  await database.close()
}

/** Works until the power fails, and returns which rows were changed. Transactions keep to rows of their own group. */
async function work(
  db: Database,
  writePage: (table: number) => Promise<unknown>,
  seed: number,
): Promise<[number, string][]> {
  const random = randomFrom(seed)
  const tables = tablesOf(db)
  const touched: [number, string][] = []
  const put = async (tx: Transaction, group: number, value: string): Promise<number> => {
    const index = randomBelow(random, TABLES.length)
    const key = random() < 0.6 ? keyOf(group, index) : `${keyOf(group, index)}${'abcdefgh'[touched.length % 8]}`
    await tx.put(tables[index] as Table<string, string>, key, value)
    touched.push([index, key])
    return index
  }
  const some = async (tx: Transaction, group: number, most: number): Promise<number> => {
    let last = 0
    for (let left = 1 + randomBelow(random, most); left > 0; left--) last = await put(tx, group, `new ${left}`)
    return last
  }
  const [first, second, third] = [db.begin(), db.begin(), db.begin()]
  await some(first, 1, 2)
  const written = await some(second, 2, 2)
  await some(first, 1, 2)
  await some(third, 3, 1)
  await db.flush()
  await writePage(written)
  if (random() < 0.5) await first.commit()
  await some(second, 2, 1)
  await db.checkpoint()
  const savepoint = await second.savepoint()
  const rolledBack = await some(second, 2, 2)
  const fourth = db.begin()
  await some(fourth, 4, 2)
  await second.rollbackTo(savepoint)
  await (random() < 0.5 ? fourth.commit() : fourth.abort())
  if (first.isActive) await first.commit()
  await writePage(rolledBack)
  const [fifth, sixth] = [db.begin(), db.begin()]
  await some(fifth, 5, 2)
  await some(sixth, 6, 2)
  if (random() < 0.5) await some(second, 2, 1)
  await some(third, 3, 2)
  // Its COMMIT carries all that stands before it to the disk; its END comes behind and stays in memory.
  await sixth.commit()
  return touched
}

function pagesOf(disk: SimulatedFileSystem): PageOnDisk[] {
  const file = disk.open(DATA_FILE_NAME, 'read')
  const bytes = new Uint8Array(file.size())
  readFully(file, bytes, 0, bytes.length, 0)
  file.close()
  const view = new DataView(bytes.buffer)
  const ids = Array.from({ length: bytes.length / PAGE_BYTES }, (_, pageId) => pageId)
  return ids
    .map((pageId) => ({ pageId, pageLsn: asLsn(pageLsnOf(view, pageId * PAGE_BYTES)) }))
    .filter(({ pageLsn }) => pageLsn > 0)
}

async function restart(
  disk: SimulatedFileSystem,
  seed: number,
  touched: readonly (readonly [number, string])[],
): Promise<Pick<CrashRun, 'events' | 'rows'>> {
  const events: RestartEvent[] = []
  const { database } = await openParts(disk, {
    ...OPTIONS,
    runtime: new SimulatedRuntime(seed),
    trace: (event) => {
      if (isOfRestart(event)) events.push(event)
    },
  })
  const tables = tablesOf(database)
  const rows: CrashRun['rows'][number][] = []
  // A key names its table, so a key is there once.
  for (const [key, index] of new Map(touched.map(([table, key]) => [key, table]))) {
    rows.push({ table: TABLES[index] as string, key, value: await tables[index]?.get(key) })
  }
  await database.close()
  return { events, rows }
}
