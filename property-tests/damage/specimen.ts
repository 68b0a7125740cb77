/**
 * The databases that are damaged: small ones, made on the real disk by the real file system, then taken
 * apart into bytes. All that an engine leaves behind is in them: trees, splits, long values, freed pages,
 * a log of several segments with parts that are old, needed and unused, both slots of the master record.
 *
 * ```
 *   made ---- closed, opened ---- checkpoint ---- commits, a loser, evictions ---- rolled back, closed
 *               ^ older copies                                   ^ killed                         ^ closed
 *                                                                ^ torn: pages torn in place
 * ```
 *
 *   killed  the process died: there is something to redo and something to undo, no page is torn
 *   torn    the power failed while pages were written: those of the double-write file are torn in place
 *   closed  shut down cleanly: there is nothing to do, and the master record proves the whole log
 *
 * The same seed gives the same bytes, for chance and time come from a simulated runtime.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DATA_FILE_NAME } from '../../src/buffer/data-file.ts'
import { AREA_COUNT, DOUBLE_WRITE_FILE_NAME } from '../../src/buffer/double-write.ts'
import { getU53 } from '../../src/common/bytes.ts'
import type { Database } from '../../src/database/database.ts'
import { open } from '../../src/database/open-location.ts'
import type { OpenOptions } from '../../src/database/options.ts'
import type { Transaction } from '../../src/database/transaction.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { RecordType } from '../../src/log/log-record.ts'
import { MASTER_FILE_NAME } from '../../src/log/master-record.ts'
import { segmentNumberOf } from '../../src/log/segment.ts'
import { contentOf } from '../commands/script.ts'
import { idle, PAGE_SIZE, SEGMENT_BYTES, tableOf } from '../lab.ts'
import { readLog } from '../log-scan.ts'
import type { Content } from '../model.ts'

export type SpecimenName = 'killed' | 'torn' | 'closed'
export const SPECIMEN_NAMES: readonly SpecimenName[] = ['killed', 'torn', 'closed']

export type Files = ReadonlyMap<string, Uint8Array>

export interface Specimen {
  readonly name: SpecimenName
  readonly files: Files
  /** The same files at an earlier moment of the same database, when it had been closed cleanly. */
  readonly older: Files
  /** What the tables held after each commit; the last is what has to be there. */
  readonly states: readonly Content[]
  /** For each of them the end of the log when the commit was acknowledged. */
  readonly endLsns: readonly number[]
  /**
   * The very last synced batch of the log, from its flush marker to its end: nothing was written after
   * it that could prove it. Undefined after a clean shutdown, when the master record does.
   */
  readonly lastBatch: { readonly startLsn: number; readonly endLsn: number } | undefined
}

export const SPECIMEN_OPTIONS: OpenOptions = {
  createIfMissing: true,
  pageSize: PAGE_SIZE,
  segmentBytes: SEGMENT_BYTES,
  poolBytes: 8 * PAGE_SIZE,
  checkpointBytes: 1 << 20,
}

/** Makes all specimens of a seed, in a temporary directory that is gone afterwards. */
export async function makeSpecimens(seed: number): Promise<ReadonlyMap<SpecimenName, Specimen>> {
  const directory = mkdtempSync(join(tmpdir(), 'aries-damage-'))
  try {
    return await new Maker(directory, seed).make()
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** The files as a disk that has just been started; copies of it by `crash` share their bytes. */
export function diskOf(files: Files): SimulatedFileSystem {
  const disk = new SimulatedFileSystem()
  for (const [name, bytes] of files) disk.placeFile(name, bytes)
  return disk
}

class Maker {
  readonly #directory: string
  readonly #seed: number
  readonly #content: Content = new Map()
  readonly #states: Content[] = [new Map()]
  readonly #endLsns: number[] = [0]
  #serial = 0

  constructor(directory: string, seed: number) {
    this.#directory = directory
    this.#seed = seed
  }

  async make(): Promise<ReadonlyMap<SpecimenName, Specimen>> {
    const first = await this.#open()
    await this.#commit(first, 'plain', 0, 24, 120)
    await this.#commit(first, 'long', 0, 1, 5000)
    await this.#commit(first, 'short', 0, 3, 20)
    await first.close()
    const older = this.#files()

    const db = await this.#open()
    for (let i = 0; i < 8; i++) await this.#commit(db, 'long', 0, 1, 4500)
    await this.#drop(db, 'short')
    await db.checkpoint()
    await this.#commit(db, 'plain', 20, 10, 100)
    const loser = await this.#loser(db)
    await this.#commit(db, 'long', 1, 1, 4200)
    await this.#commit(db, 'long', 2, 1, 7000)
    await this.#commit(db, 'plain', 2, 3, 200)
    await this.#read(db)
    await this.#commit(db, 'plain', 10, 2, 150)
    await this.#commit(db, 'plain', 12, 2, 150)
    const killed = this.#files()
    await loser.abort()
    await db.close()
    const closed = this.#files()
    return new Map([
      ['killed', this.#specimen('killed', killed, older)],
      ['torn', this.#specimen('torn', torn(killed), older)],
      ['closed', this.#specimen('closed', closed, older)],
    ])
  }

  #open(): Promise<Database> {
    return open(this.#directory, { ...SPECIMEN_OPTIONS, runtime: new SimulatedRuntime(this.#seed) })
  }

  /** A copy of the live directory is what a killed process leaves: all it wrote is in the files. */
  #files(): Files {
    const names = readdirSync(this.#directory).filter(
      (name) => FIXED_NAMES.includes(name) || segmentNumberOf(name) !== undefined,
    )
    return new Map(names.sort().map((name) => [name, new Uint8Array(readFileSync(join(this.#directory, name)))]))
  }

  #value(bytes: number): Uint8Array {
    return contentOf(this.#seed * 1000 + ++this.#serial, bytes)
  }

  async #commit(db: Database, table: string, from: number, count: number, bytes: number): Promise<void> {
    const rows = this.#content.get(table) ?? new Map<string, Uint8Array>()
    await db.transaction(async (tx) => {
      for (let i = from; i < from + count; i++) {
        const value = this.#value(bytes)
        await tx.put(tableOf(db, table), keyOf(i), value)
        rows.set(keyOf(i), value)
      }
    })
    this.#content.set(table, rows)
    await this.#committed(db)
  }

  async #drop(db: Database, table: string): Promise<void> {
    await db.dropTable(tableOf(db, table))
    this.#content.delete(table)
    await this.#committed(db)
  }

  async #committed(db: Database): Promise<void> {
    this.#endLsns.push(db.stats().log.flushedLsn)
    this.#states.push(new Map([...this.#content].map(([name, rows]) => [name, new Map(rows)])))
    await idle()
  }

  /** A transaction that stays open, with changes in several pages. */
  async #loser(db: Database): Promise<Transaction> {
    const tx = db.begin()
    for (let i = 30; i < 34; i++) await tx.put(tableOf(db, 'plain'), keyOf(i), this.#value(130))
    await tx.put(tableOf(db, 'other'), keyOf(7), this.#value(300))
    await tx.delete(tableOf(db, 'long'), keyOf(0))
    return tx
  }

  /** Reads of more pages than there are frames push the dirty ones out, through the double-write file. */
  async #read(db: Database): Promise<void> {
    const tx = db.begin()
    for (let i = 1; i <= 6; i++) await tx.get(tableOf(db, 'long'), keyOf(1 + (i % 2)))
    await tx.commit()
  }

  #specimen(name: SpecimenName, files: Files, older: Files): Specimen {
    const lastBatch = name === 'closed' ? undefined : lastBatchOf(files)
    return { name, files, older, states: this.#states, endLsns: this.#endLsns, lastBatch }
  }
}

const FIXED_NAMES = [DATA_FILE_NAME, MASTER_FILE_NAME, DOUBLE_WRITE_FILE_NAME]

const keyOf = (index: number): string => `key-${String(index).padStart(3, '0')}`

function lastBatchOf(files: Files): Specimen['lastBatch'] {
  const records = readLog(diskOf(files))
  const startLsn = records.findLast(({ type }) => type === RecordType.FLUSH_MARKER)?.lsn
  const last = records.at(-1)
  if (startLsn === undefined || last === undefined) throw new Error('the log has a flush marker')
  return { startLsn, endLsn: last.lsn + last.length }
}

/**
 * Tears the pages that were being written when the power failed, where they belong: their second half did
 * not get there. They are those of the batches that the double-write file does not call completed.
 */
function torn(files: Files): Files {
  const data = (files.get(DATA_FILE_NAME) as Uint8Array).slice()
  const doubled = files.get(DOUBLE_WRITE_FILE_NAME) as Uint8Array
  const view = new DataView(doubled.buffer, doubled.byteOffset)
  const areas = Array.from({ length: AREA_COUNT }, (_, area) => (area * doubled.length) / AREA_COUNT)
  const completed = Math.max(...areas.map((at) => getU53(view, at + 24)))
  for (const at of areas) {
    const count = getU53(view, at + 16) > completed ? view.getUint32(at + 12, true) : 0
    for (let i = 0; i < count; i++) {
      const start = view.getUint32(at + 40 + 4 * i, true) * PAGE_SIZE
      data.fill(0x5a, start + PAGE_SIZE / 2, start + PAGE_SIZE)
    }
  }
  return new Map([...files, [DATA_FILE_NAME, data]])
}
