/**
 * The buffer manager: a pool of frames in one arena, each holding one page of the data file.
 *
 * ```
 *   page table: pageId -> frame           arena: | frame 0 | frame 1 | frame 2 | ...
 *   per frame:  pinCount, and whether it is dirty         `page` = byte offset of a frame
 * ```
 *
 * STEAL, NO-FORCE. A dirty page may go out before its transaction commits (the log can undo it), and
 * need not go out when it commits (the log can redo it). Since when a page is dirty is in
 * `dirty-frames.ts`, when it goes out in `frame-choice.ts`, and how in `batch-writer.ts`.
 *
 * INVARIANTS
 * - I10 recLsn is at or below every change of the page that is not on disk
 * - I11 the dirty page table has every page that differs from disk
 * - I14 nobody sees a page before its redo
 * - I27 pin counts never fall below zero; a pinned page is not evicted
 */
import { assert } from '../common/assert.ts'
import { AriesError } from '../common/errors.ts'
import { asLsn, asPageId, type Lsn, NULL_LSN, type PageId } from '../common/ids.ts'
import { SILENT, type Tracer } from '../common/tracer.ts'
import type { FailStop } from '../io/fail-stop.ts'
import { closeAll } from '../io/file-system.ts'
import type { Identity } from '../log/identity.ts'
import { pageLsnOf } from '../page/page.ts'
import { BatchWriter } from './batch-writer.ts'
import { type DataFile, type PageFault, pageError } from './data-file.ts'
import type { DeferredPages } from './deferred-pages.ts'
import { DirtyFrames } from './dirty-frames.ts'
import { DirtyPageTable } from './dirty-page-table.ts'
import { AREA_COUNT, type DoubleWrite } from './double-write.ts'
import { FrameChoice } from './frame-choice.ts'
import { type LogPort, PageFlusher, type SliceClock } from './page-flusher.ts'
import { PageTable } from './page-table.ts'
import { Replacer } from './replacer.ts'

/** Frames below this many cannot hold what one structure change pins. */
export const FRAMES_MIN = 8

/** What a buffer manager works with. */
export interface BufferManagerParts {
  readonly identity: Identity
  readonly poolBytes: number
  readonly log: LogPort
  readonly dataFile: DataFile
  /** Undefined where the file system writes pages atomically, or nothing is written. */
  readonly doubleWrite: DoubleWrite | undefined
  readonly failStop: FailStop
  /** By which writing in the background gives way. */
  readonly runtime: SliceClock
}

export class BufferManager {
  /** The arena. A page is a byte offset into it. */
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly pageSize: number
  readonly frameCount: number
  readonly statistics = {
    hits: 0,
    misses: 0,
    evictions: 0,
    pagesWritten: 0,
    demandBatches: 0,
    deferredBatches: 0,
  }
  readonly #log: LogPort
  readonly #dataFile: DataFile
  readonly #doubleWrite: DoubleWrite | undefined
  readonly #flusher: PageFlusher
  readonly #failStop: FailStop
  readonly #table: PageTable
  readonly #replacer: Replacer
  readonly #pageIds: Uint32Array
  readonly #pinCount: Int32Array
  readonly #dirty: DirtyFrames
  readonly #choice: FrameChoice
  readonly #free: number[] = []
  readonly #batches: BatchWriter
  /** Damaged pages that redo could not bring up to date, with the recLsn they keep (I11). */
  readonly #quarantine = new Map<PageId, Lsn>()
  /** Pages that restart has put off, until all are up to date. */
  deferred: DeferredPages | undefined
  #usedFrames = 0
  #tracer = SILENT
  readonly #pageIdOfFrame = (frame: number): PageId => asPageId(this.#pageIds[frame] as number)

  constructor(parts: BufferManagerParts) {
    const { identity, poolBytes, log, dataFile, doubleWrite, failStop, runtime } = parts
    const { pageSize } = identity
    this.pageSize = pageSize
    this.frameCount = Math.max(FRAMES_MIN, Math.floor(poolBytes / pageSize))
    this.bytes = new Uint8Array(this.frameCount * pageSize)
    this.view = new DataView(this.bytes.buffer)
    this.#log = log
    this.#dataFile = dataFile
    this.#doubleWrite = doubleWrite
    this.#failStop = failStop
    this.#flusher = new PageFlusher(pageSize, log, dataFile, doubleWrite, failStop, runtime)
    this.#table = new PageTable(this.frameCount)
    this.#replacer = new Replacer(this.frameCount)
    this.#pageIds = new Uint32Array(this.frameCount)
    this.#pinCount = new Int32Array(this.frameCount)
    this.#dirty = new DirtyFrames(this.frameCount)
    this.#choice = new FrameChoice(pageSize, this.#pinCount, this.#dirty, this.#replacer, this.#pageIdOfFrame)
    this.#batches = new BatchWriter({
      identity,
      pool: this.bytes,
      dirty: this.#dirty,
      pageIdOf: this.#pageIdOfFrame,
      flusher: this.#flusher,
      failStop,
      statistics: this.statistics,
    })
  }

  /** From now on `tracer` hears of pages. */
  set tracer(tracer: Tracer) {
    this.#tracer = tracer
    this.#flusher.tracer = tracer
  }

  get dirtyCount(): number {
    return this.#dirty.count
  }

  get pageCount(): number {
    return this.#dataFile.pageCount
  }

  /** The end of any one of the batches that are being written, or undefined when none is. */
  get nextBatchEnd(): Promise<void> | undefined {
    return this.#batches.nextEnd
  }

  /** Makes the data file at least `pageCount` pages long. @throws `DISK_FULL`, `IO_ERROR` */
  grow(pageCount: number): void {
    if (pageCount > this.#dataFile.pageCount) this.#dataFile.grow(pageCount)
  }

  /**
   * Pins the page and returns its offset in the arena. Every `fix` needs its `unfix`.
   * @throws `PAGE_CORRUPT`, `PAGE_LSN_BEYOND_LOG`, `POOL_EXHAUSTED`, `IO_ERROR`, `DB_FAILED`
   */
  fix(pageId: PageId): number {
    const found = this.fixIfSound(pageId)
    if (typeof found !== 'number') throw pageError(pageId, found, this.pageSize)
    return found
  }

  /**
   * As `fix`, but a page that cannot be used is an answer: redo meets many that were never written.
   * @throws `PAGE_LSN_BEYOND_LOG`, `POOL_EXHAUSTED`, `IO_ERROR`, `DB_FAILED`
   */
  fixIfSound(pageId: PageId): number | PageFault {
    const frame = this.#table.get(pageId)
    if (frame < 0) return this.#fixMissing(pageId)
    this.statistics.hits++
    this.#pinCount[frame] = (this.#pinCount[frame] as number) + 1
    this.#replacer.touch(frame)
    const { listener } = this.#tracer
    if (listener !== undefined) listener({ kind: 'fixed', pageId, found: 'hit' })
    return frame * this.pageSize
  }

  #fixMissing(pageId: PageId): number | PageFault {
    if (this.deferred?.bringUpToDate(pageId) === true) return this.fixIfSound(pageId)
    this.statistics.misses++
    if (this.#quarantine.has(pageId)) return 'damaged'
    const frame = this.#takeFrame()
    const page = frame * this.pageSize
    let isUsable = false
    try {
      const fault = this.#dataFile.read(pageId, this.bytes, this.view, page)
      if (fault !== undefined) return fault
      this.#checkPageLsn(pageId, page)
      isUsable = true
    } finally {
      if (!isUsable) this.#free.push(frame)
    }
    this.#install(frame, pageId)
    this.#tracer.listener?.({ kind: 'fixed', pageId, found: 'miss' })
    return page
  }

  /**
   * A page newer than the log says that the end of the log was lost: going on would reuse its LSNs. What was not written
   * here was written before the log was opened, and is to be compared with where that ended then.
   */
  #checkPageLsn(pageId: PageId, page: number): void {
    const { nextLsn, openedLsn } = this.#log
    const pageLsn = pageLsnOf(this.view, page)
    const endLsn = this.#flusher.hasWritten(pageId) ? nextLsn : openedLsn
    if (pageLsn < endLsn) return
    throw new AriesError(
      'PAGE_LSN_BEYOND_LOG',
      `page ${pageId} has pageLSN ${pageLsn}, but the log ${endLsn < nextLsn ? 'ended' : 'ends'} at LSN ${endLsn}: the end of the log was lost; restore all files from one backup`,
      { pageId, lsn: pageLsn, endLsn },
    )
  }

  /**
   * Pins a page whose old content does not matter, because the caller is about to format it: nothing
   * is read. The frame holds zeros and the pageId. Only redo that was put off is done first, so that recLsn is that
   * of the first change that the disk lacks (I10).
   * @throws `POOL_EXHAUSTED`, `DISK_FULL`, `DB_FAILED`; while redo goes on, as `fixIfSound`
   */
  fixNew(pageId: PageId): number {
    this.grow(pageId + 1)
    this.deferred?.bringUpToDate(pageId)
    let frame = this.#table.get(pageId)
    if (frame >= 0) {
      this.#pinCount[frame] = (this.#pinCount[frame] as number) + 1
      this.#tracer.listener?.({ kind: 'fixed', pageId, found: 'hit' })
      return frame * this.pageSize
    }
    frame = this.#takeFrame()
    const page = frame * this.pageSize
    this.bytes.fill(0, page, page + this.pageSize)
    this.view.setUint32(page + 4, pageId, true)
    this.#quarantine.delete(pageId)
    this.#install(frame, pageId)
    this.#tracer.listener?.({ kind: 'fixed', pageId, found: 'new' })
    return page
  }

  #install(frame: number, pageId: PageId): void {
    this.#pageIds[frame] = pageId
    this.#pinCount[frame] = 1
    this.#table.set(pageId, frame)
    this.#replacer.insert(frame, pageId)
  }

  unfix(page: number): void {
    const frame = page / this.pageSize
    const pins = (this.#pinCount[frame] as number) - 1
    assert(pins >= 0, 'a page is unpinned as often as pinned (I27)')
    this.#pinCount[frame] = pins
  }

  /** The pinned page is about to get the change logged at `lsn` (I10). Only the page writer and redo call this. */
  markDirty(page: number, lsn: Lsn): void {
    const frame = page / this.pageSize
    if (!this.#dirty.mark(frame, lsn)) return
    this.#tracer.listener?.({ kind: 'dirtied', pageId: this.#pageIdOfFrame(frame), recLsn: lsn })
  }

  /** A damaged page that redo cannot bring up to date stays dirty in the tables, and unusable. */
  quarantine(pageId: PageId, recLsn: Lsn): void {
    this.#quarantine.set(pageId, recLsn)
  }

  get quarantined(): readonly PageId[] {
    return [...this.#quarantine.keys()]
  }

  /** Whether every page has all its changes, in the pool or on disk. */
  get isWhole(): boolean {
    return this.#quarantine.size === 0 && this.deferred === undefined
  }

  #takeFrame(): number {
    const free = this.#free.pop()
    if (free !== undefined) return free
    if (this.#usedFrames < this.frameCount) return this.#usedFrames++
    const frame = this.#choice.victim()
    if (frame < 0) {
      throw new AriesError(
        'POOL_EXHAUSTED',
        `all ${this.frameCount} frames of the buffer pool are in use; raise poolBytes`,
      )
    }
    if (this.#dirty.isDirty(frame)) this.#writeOnDemand(frame)
    this.#table.delete(asPageId(this.#pageIds[frame] as number))
    this.statistics.evictions++
    this.#tracer.listener?.({ kind: 'evicted', pageId: this.#pageIdOfFrame(frame) })
    return frame
  }

  /** The victim is dirty: write it now, together with the next ones that would be. */
  #writeOnDemand(victim: number): void {
    try {
      this.#batches.writeBlocking(this.#choice.besides(victim))
    } catch (error) {
      this.#replacer.insert(victim, asPageId(this.#pageIds[victim] as number))
      throw error
    }
    this.statistics.demandBatches++
  }

  /** The dirty pages and their recLsn: the dirty page table as of now (I11). */
  dirtyPages(): DirtyPageTable {
    const { deferred } = this
    const pages = new DirtyPageTable(this.#dirty.count + this.#quarantine.size + (deferred?.count ?? 0))
    this.#dirty.addTo(pages, this.#pageIds)
    for (const [pageId, recLsn] of this.#quarantine) pages.add(pageId, recLsn)
    deferred?.addTo(pages)
    return pages
  }

  /**
   * The oldest recLsn, or null when nothing is dirty: where redo would have to start. While restart's redo goes on,
   * where that started.
   */
  minRecLsn(): Lsn {
    if (this.deferred !== undefined) return this.deferred.startLsn
    let min = this.#dirty.oldestRecLsn()
    for (const recLsn of this.#quarantine.values()) min = Math.min(min, recLsn)
    return min === Number.POSITIVE_INFINITY ? NULL_LSN : asLsn(min)
  }

  /**
   * Begins to write one batch of dirty pages in the background: those whose recLsn is below `horizonLsn`, and, when
   * more than `dirtyTarget` pages are dirty or evictions would soon have to write, the coldest. The promise is of how
   * many were written; undefined when there is nothing to write, or as much as may be is being written already.
   * It rejects with `DB_FAILED` after a failed write or sync, with `DISK_FULL` when it can be retried.
   * @throws `DB_FAILED`
   */
  startWriteBack(horizonLsn: Lsn, dirtyTarget: number): Promise<number> | undefined {
    this.#failStop.check()
    const area = this.#batches.freeArea
    if (area < 0) return undefined
    const frames = this.#choice.forWriteBack(horizonLsn, dirtyTarget, this.isReserveLow)
    return frames.length > 0 ? this.#batches.write(area, frames) : undefined
  }

  /** Writes one batch, as `startWriteBack`, as soon as that can be begun; how many pages it had. */
  async writeBack(horizonLsn: Lsn, dirtyTarget: number): Promise<number> {
    for (;;) {
      const batch = this.startWriteBack(horizonLsn, dirtyTarget)
      if (batch !== undefined) return batch
      const end = this.#batches.nextEnd
      if (end === undefined) return 0
      await end
    }
  }

  /**
   * Whether evictions will soon have to write: the pool is full, and of the pages that would go next at least
   * half are dirty.
   */
  get isReserveLow(): boolean {
    return this.#free.length === 0 && this.#usedFrames === this.frameCount && this.#choice.isReserveLow
  }

  /** Writes this page, if it is dirty and nobody uses it; whether it did. Rejects as `writeBack`. */
  async writePage(pageId: PageId): Promise<boolean> {
    while (this.#batches.freeArea < 0) await this.#batches.nextEnd
    const frame = this.#table.get(pageId)
    if (frame < 0 || !this.#dirty.isDirty(frame) || !this.#choice.isUsable(frame)) return false
    await this.#batches.write(this.#batches.freeArea, [frame])
    return true
  }

  /** Writes every dirty page. For a clean close; no page may be pinned. */
  async writeAll(): Promise<void> {
    const writeSome = async (): Promise<void> => {
      while ((await this.writeBack(asLsn(Number.MAX_SAFE_INTEGER), 0)) > 0);
    }
    const outcomes = await Promise.allSettled(Array.from({ length: AREA_COUNT }, writeSome))
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  /** Pages pinned now; 0 between operations (I17). */
  get pinnedCount(): number {
    let pinned = 0
    for (let frame = 0; frame < this.#usedFrames; frame++) if ((this.#pinCount[frame] as number) > 0) pinned++
    return pinned
  }

  get residentCount(): number {
    return this.#usedFrames - this.#free.length
  }

  /** The pages in the pool and where they lie, without pins: for those who look on. */
  *residentPages(): IterableIterator<[PageId, number]> {
    for (let frame = 0; frame < this.#usedFrames; frame++) {
      const pageId = this.#pageIdOfFrame(frame)
      if (this.#table.get(pageId) === frame) yield [pageId, frame * this.pageSize]
    }
  }

  /** Pages the data file durably has room for. */
  get syncedPageCount(): number {
    return this.#dataFile.syncedPageCount
  }

  /** Makes the data file say, durably, which checkpoint it has seen. Rejects with `DB_FAILED`. */
  stampCheckpoint(checkpointLsn: Lsn): Promise<void> {
    return this.#flusher.stampCheckpoint(checkpointLsn)
  }

  close(): void {
    closeAll([() => this.#dataFile.close(), () => this.#doubleWrite?.close()])
  }
}
