/**
 * The judge of states: restarts one and asks all that must hold then (I5, I6, I9, I10, I11, I15 to I19,
 * I22, I30). Each answer follows from a part of what the restart has left, and of many states that part is
 * the same, because repeating history brings the same pages about whichever of them had survived. So an
 * answer is kept by the digest of what it follows from:
 *
 *   the log is well formed, its changes    log and master record
 *   restarting again changes nothing       all that is durable
 *   trees, free space, content             the pages: the pool's, and the file's where the pool has none
 *   dirty page table, locks, pins          asked of every state
 *
 * The third is asked of one state in so many all the same: a read goes through more than pages.
 */
import { DATA_FILE_NAME } from '../../src/buffer/data-file.ts'
import { checkDatabase } from '../../src/database/check.ts'
import { Digest } from '../../src/io/digest.ts'
import type { FileSystem } from '../../src/io/file-system.ts'
import type { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { MASTER_FILE_NAME } from '../../src/log/master-record.ts'
import { segmentNumberOf } from '../../src/log/segment.ts'
import { sealPage } from '../../src/page/page.ts'
import {
  type Options,
  PAGE_SIZE,
  pageTableProblems,
  problemsOfRestartingAgain,
  type Restarted,
  readAll,
  remainders,
  restart,
} from '../lab.ts'
import { type LogScan, scanLog } from '../log-scan.ts'
import type { Model } from '../model.ts'

/** Of so many states whose pages were read before one is read again. */
const READ_AGAIN_EVERY = 16
/** Logs whose reading is kept. */
const LOGS_KEPT = 256

/** How many commits must have survived, and how many may have. */
export interface Bounds {
  readonly floor: number
  readonly total: number
}

export class Judge {
  readonly #model: Model
  readonly #options: Options
  readonly #logs = new Map<number, LogScan>()
  /** Disks on which a restart changes nothing. */
  readonly #settled = new Set<number>()
  /** Pages that are in order, with the numbers of commits that leave their content. */
  readonly #legal = new Map<number, readonly number[]>()
  #met = 0

  /** `model` knows all commits of the workload; databases are opened with `options`. */
  constructor(model: Model, options: Options) {
    this.#model = model
    this.#options = options
  }

  /** Restarts what is on `disk`, through `fileSystem`; `restarted` is called when that is done. Returns what is wrong. */
  async problemsOf(
    disk: SimulatedFileSystem,
    fileSystem: FileSystem,
    bounds: Bounds,
    restarted: () => void,
  ): Promise<string[]> {
    const database = await restart(fileSystem, this.#options)
    restarted()
    const log = this.#logOn(disk)
    const durableDisk = disk.crash({ mode: 'none' })
    const problems = [
      ...log.problems,
      ...pageTableProblems(database.managers, disk, log, durableDisk),
      ...remainders(database.managers),
      ...(await this.#problemsOfRestartingAgain(durableDisk)),
    ]
    const pages = digestOfPages(database, disk)
    const legal = pages === undefined ? undefined : this.#legal.get(pages)
    if (legal?.some((count) => count >= bounds.floor && count <= bounds.total) !== true || this.#isReadAgain()) {
      problems.push(...(await this.#problemsOfContent(database, bounds, pages)))
    }
    return problems
  }

  #isReadAgain(): boolean {
    return ++this.#met % READ_AGAIN_EVERY === 0
  }

  #logOn(disk: SimulatedFileSystem): LogScan {
    const digest = new Digest()
    for (const name of disk.list()) {
      if (name !== MASTER_FILE_NAME && segmentNumberOf(name) === undefined) continue
      digest.addText(name)
      digest.add(disk.digestOf(name))
    }
    const known = this.#logs.get(digest.value)
    if (known !== undefined) return known
    const log = scanLog(disk)
    if (this.#logs.size === LOGS_KEPT) this.#logs.clear()
    this.#logs.set(digest.value, log)
    return log
  }

  async #problemsOfRestartingAgain(durableDisk: SimulatedFileSystem): Promise<string[]> {
    const digest = durableDisk.digest()
    if (this.#settled.has(digest)) return []
    const problems = await problemsOfRestartingAgain(durableDisk, this.#options)
    if (problems.length === 0) this.#settled.add(digest)
    return problems
  }

  async #problemsOfContent(
    database: Restarted,
    { floor, total }: Bounds,
    pages: number | undefined,
  ): Promise<string[]> {
    const problems = checkDatabase(database.managers)
    const content = await readAll(database.start().db)
    const wrong = this.#model.problemOf(content, floor, total)
    if (wrong !== undefined) problems.push(wrong)
    else if (problems.length === 0 && pages !== undefined) this.#legal.set(pages, this.#model.legalAfter(content))
    return problems
  }
}

/**
 * The digest of the data file as it would be with all dirty pages written; undefined when something is in
 * doubt or left to do, which pages do not show.
 */
function digestOfPages({ identity, managers }: Restarted, disk: SimulatedFileSystem): number | undefined {
  const { buffer, pending, table } = managers
  if (table.size > 0 || pending.size > 0 || buffer.quarantined.length > 0) return undefined
  const written = disk.crash({ mode: 'kill' })
  const file = written.open(DATA_FILE_NAME, 'write')
  for (const [pageId] of buffer.dirtyPages()) {
    const at = buffer.fix(pageId)
    const page = buffer.bytes.slice(at, at + PAGE_SIZE)
    buffer.unfix(at)
    sealPage(page, new DataView(page.buffer), 0, PAGE_SIZE, identity.databaseSeed)
    file.writeAt(page, 0, PAGE_SIZE, pageId * PAGE_SIZE)
  }
  return written.digestOf(DATA_FILE_NAME)
}
