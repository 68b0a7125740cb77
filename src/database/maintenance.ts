/**
 * Background work, one small slice a turn of the event loop: what restart has left of redo, clean-up of
 * ghosts, actions that waited for a commit, write-back of dirty pages, checkpoints, and the regular flush
 * of the weaker durability levels. At most one slice is under way at a time. Beside the slices the segments
 * of the log are recycled and made ahead, so that neither waits for the syncs of the other.
 *
 * An error that may pass (a full disk) is kept for the statistics and the work is tried again later; a
 * failed write or sync has stopped the engine already.
 */
import type { BTree } from '../btree/btree.ts'
import type { BufferManager } from '../buffer/buffer-manager.ts'
import { AriesError } from '../common/errors.ts'
import { asLsn, type Lsn, NULL_LSN } from '../common/ids.ts'
import { Queue } from '../common/queue.ts'
import type { FailStop } from '../io/fail-stop.ts'
import { type Cancel, laterTurn, type Runtime } from '../io/runtime.ts'
import type { LogManager } from '../log/log-manager.ts'
import type { Checkpointer } from '../recovery/checkpoint.ts'
import type { PendingQueue } from '../txn/pending-actions.ts'
import { tooOld } from '../txn/refusals.ts'
import type { VersionStore } from '../txn/version-store.ts'
import type { Settings } from './options.ts'

export interface MaintenanceParts {
  readonly runtime: Runtime
  readonly failStop: FailStop
  readonly log: LogManager
  readonly buffer: BufferManager
  readonly btree: BTree
  readonly pending: PendingQueue
  readonly versions: VersionStore
  readonly checkpointer: Checkpointer
  readonly settings: Settings
  /** False on a read-only medium, where nothing is ever done: a crash may have left ghosts, and there they stay. */
  readonly writable: boolean
}

/** More than this part of the pool dirty: the coldest pages are written back. */
const DIRTY_PART = 0.6
/** More than this part dirty: who writes waits until some have been written back. */
const FULL_PART = 0.75
/** So many of those who wait go on in one turn: each may at once commit, begin anew and write. */
const WAITERS_PER_TURN = 32
/** Redo may grow to this part of maxRedoBytes before old pages are written back. */
const REDO_PART = 0.75
/**
 * With them go those that are younger by no more than this part of maxRedoBytes. Most of the time work goes on at
 * the pace at which redo may grow, so only a page or so is too old at a time, and a batch costs as many syncs as ever.
 * Each page is written as much earlier for it, and so that little more often.
 */
const REDO_BATCH_PART = 1 / 16
/** Pages that restart has put off are brought up to date for so long in one slice, or so many. */
const REDO_SLICE_MS = 1
const REDO_SLICE_PAGES = 8
/** What commits have left to be done, and leaves to be cleaned: so many more a step more in one slice, for so long. */
const BACKLOG_PER_STEP = 16
const BACKLOG_SLICE_MS = 1
/** More of it, and who writes waits until some is done, so that nothing is given up faster than it can be freed. */
const BACKLOG_MAX = 4096

export class Maintenance {
  readonly #parts: MaintenanceParts
  #running: Promise<void> | undefined
  /** Those who wait for room, in the order in which they came. */
  readonly #waiting = new Queue<() => void>()
  /** How much was left to be done when the last of them went on although that was too much. */
  #backlogBefore = Number.POSITIVE_INFINITY
  /** How many of them go on without room, because the background cannot make any. */
  #excused = 0
  #isLettingIn = false
  #makingSegments: Promise<unknown> | undefined
  #hasBatchFailed = false
  #poked = false
  #stopped: boolean
  #ticker: Cancel | undefined
  #lastCheckpointMs: number
  #lastError: AriesError | undefined

  constructor(parts: MaintenanceParts) {
    this.#parts = parts
    this.#lastCheckpointMs = parts.runtime.nowMs()
    this.#stopped = !parts.writable
    if (parts.writable) this.#tick()
  }

  /** The last error that background work met and will get over, for the statistics. */
  get lastError(): AriesError | undefined {
    return this.#lastError
  }

  /** There may be work. Cheap: called after every transaction. */
  poke(): void {
    if (this.#poked || this.#stopped) return
    this.#poked = true
    this.#parts.runtime.nextTurn(() => {
      const isResting = this.#running === undefined && !this.#stopped
      if (isResting && this.#hasWork) return this.#start()
      this.#poked = false
      if (isResting) this.#rest()
    })
  }

  /** Whether a slice would find anything to do. It costs less to ask than to begin one, which nearly every commit would. */
  get #hasWork(): boolean {
    const { buffer, pending, btree, log, checkpointer } = this.#parts
    const hasCleanUp = buffer.deferred !== undefined || pending.size > 0 || btree.uncleanLeafCount > 0
    if (hasCleanUp || this.#isWriteBackDue || this.#isCheckpointDue) return true
    return log.room.isStepDue(checkpointer.lowWater.lsn)
  }

  #start(): void {
    this.#running = this.#run().finally(() => {
      this.#running = undefined
      this.#rest()
    })
  }

  /** There is nothing to do, or it cannot be done; then nobody waits for it. */
  #rest(): void {
    if (this.#isFull || this.#isBehind) this.#excused = this.#waiting.size
    this.#letIn()
  }

  /**
   * For who has written: what to wait for when so much of the pool is dirty that evictions would soon have to
   * write, which holds up everybody, or when others wait for that already. It resolves when the background has made
   * room, or cannot.
   */
  room(): Promise<void> | undefined {
    if (this.hasRoom) return undefined
    this.poke()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Whether who has written need not wait. */
  get hasRoom(): boolean {
    if (this.#stopped || this.#parts.failStop.failed) return true
    return !this.#isFull && !this.#isBehind && this.#waiting.size === 0
  }

  get #isBehind(): boolean {
    return this.#parts.pending.backlog > BACKLOG_MAX
  }

  /** How many pages may become dirty before who has written one waits. */
  get #roomPages(): number {
    const { buffer } = this.#parts
    return Math.floor(buffer.frameCount * FULL_PART) + 1 - buffer.dirtyCount
  }

  get #isFull(): boolean {
    return this.#roomPages <= 0
  }

  /** Lets those go on who came first, a few a turn, until all have, or there is no room again. */
  #letIn(): void {
    if (this.#isLettingIn) return
    const room = Math.max(this.#excused, Math.min(this.#roomPages, this.#roomBehind()))
    const count = Math.min(this.#waiting.size, WAITERS_PER_TURN, room)
    for (let i = 0; i < count; i++) this.#letInFirst()
    this.#excused = Math.max(0, this.#excused - count)
    if (this.#waiting.size === 0) return
    if (count > 0) this.#letInNextTurn()
    else this.poke()
  }

  /** How many may write although too much is left to be done: one, each time that less is left than the last time. */
  #roomBehind(): number {
    const { backlog } = this.#parts.pending
    const isLess = backlog < this.#backlogBefore
    this.#backlogBefore = this.#isBehind ? Math.min(backlog, this.#backlogBefore) : Number.POSITIVE_INFINITY
    if (!this.#isBehind) return WAITERS_PER_TURN
    return isLess ? 1 : 0
  }

  #letInNextTurn(): void {
    this.#isLettingIn = true
    this.#parts.runtime.nextTurn(() => {
      this.#isLettingIn = false
      this.#letIn()
    })
  }

  #letInFirst(): void {
    this.#waiting.first?.()
    this.#waiting.shift()
  }

  #tick(): void {
    const { runtime, settings } = this.#parts
    const beat = (): void => {
      if (this.#stopped) return
      this.#tick()
      this.poke()
      if (!this.#parts.failStop.failed) void this.#quietly(() => this.#parts.log.flush())
    }
    this.#ticker = runtime.after(settings.flushIntervalMs, beat, 'background')
  }

  async #run(): Promise<void> {
    do {
      this.#poked = false
      while (!this.#stopped && !this.#parts.failStop.failed && (await this.#quietly(() => this.#slice()))) {
        if (!this.#isFull) this.#letIn()
        await this.#turn()
      }
    } while (this.#poked && !this.#stopped)
  }

  #turn(): Promise<void> {
    return laterTurn(this.#parts.runtime)
  }

  /** Does one slice; whether there is more to do at once. */
  async #slice(): Promise<boolean> {
    const { pending, btree } = this.#parts
    this.#boundHeldBackLog()
    const redid = !this.#isFull && this.#quietStep(() => this.#redoSome())
    const more = this.#workOff(
      pending.backlog,
      () => pending.step(),
      () => pending.postpone(),
    )
    const unclean = btree.uncleanLeafCount > 0 && this.#workOff(btree.uncleanLeafCount, () => btree.cleanStep())
    const wrote = await this.#writeBack()
    if (this.#isCheckpointDue) {
      // It copies and logs the whole dirty page table at once, so the turn has nothing else of ours.
      await this.#turn()
      await this.checkpoint()
    }
    this.#makeSegments()
    return redid || more || unclean || wrote
  }

  /** Does a step, and more of them the more there is to do, so that it cannot pile up; whether there may be more. */
  #workOff(backlog: number, step: () => boolean, onError?: () => void): boolean {
    const { runtime } = this.#parts
    const endMs = runtime.nowMs() + BACKLOG_SLICE_MS
    for (let steps = 1 + Math.floor(backlog / BACKLOG_PER_STEP); steps > 0; steps--) {
      if (!this.#quietStep(step, onError)) return false
      if (runtime.nowMs() >= endMs) break
    }
    return true
  }

  /** Brings some of the pages up to date that restart has put off; whether there may be more. */
  #redoSome(): boolean {
    const { buffer, runtime } = this.#parts
    const endMs = runtime.nowMs() + REDO_SLICE_MS
    for (let pages = 0; pages < REDO_SLICE_PAGES && buffer.deferred?.step() === true; pages++) {
      if (runtime.nowMs() >= endMs) break
    }
    return buffer.deferred !== undefined
  }

  /** What a commit gave up is freed when no snapshot needs it any more; until then the log has to say so. */
  #boundHeldBackLog(): void {
    const { pending, versions, log, settings } = this.#parts
    const { snapshotMaxBytes } = settings
    for (
      let lsn = pending.heldBackLsn;
      lsn !== undefined && log.nextLsn - lsn > snapshotMaxBytes;
      lsn = pending.heldBackLsn
    ) {
      versions.endOldest(tooOld(`it held back more than snapshotMaxBytes, ${snapshotMaxBytes}, of the log`))
    }
  }

  #quietStep(step: () => boolean, onError?: () => void): boolean {
    try {
      return step()
    } catch (error) {
      this.#note(error)
      onError?.()
      return false
    }
  }

  async #quietly<T>(work: () => Promise<T>): Promise<T | false> {
    try {
      return await work()
    } catch (error) {
      this.#note(error)
      return false
    }
  }

  /** A programmer's error is not an operating one: it stops the engine rather than being passed over. */
  #note(error: unknown): void {
    if (AriesError.is(error)) this.#lastError = error
    else this.#parts.failStop.stopOnBug(error)
    this.#parts.failStop.metInBackground()
  }

  /**
   * Begins to write a batch of pages, when that is needed; while as many as may be are being written it waits for the
   * end of one. After one that failed there is nothing to do until the next poke.
   */
  async #writeBack(): Promise<boolean> {
    const { buffer } = this.#parts
    if (this.#hasBatchFailed) {
      this.#hasBatchFailed = false
      return false
    }
    if (!this.#isWriteBackDue) return false
    const batch = buffer.startWriteBack(this.#batchHorizon, Math.floor(buffer.frameCount * DIRTY_PART))
    if (batch === undefined) {
      const end = buffer.nextBatchEnd
      await end
      return end !== undefined
    }
    batch.catch((error: unknown) => {
      this.#hasBatchFailed = true
      this.#note(error)
    })
    return true
  }

  /** Pages with an older recLSN are to be written, so that the next restart's redo stays short. */
  get #writeBackHorizon(): Lsn {
    const { buffer, log, settings } = this.#parts
    // As long as restart's redo goes on, writing pages back does not make the next one any shorter.
    if (buffer.deferred !== undefined) return NULL_LSN
    return asLsn(Math.max(0, log.nextLsn - settings.maxRedoBytes * REDO_PART))
  }

  /** Pages with an older recLSN go into a batch. */
  get #batchHorizon(): Lsn {
    const horizon = this.#writeBackHorizon
    return this.#isRedoLong ? asLsn(horizon + this.#parts.settings.maxRedoBytes * REDO_BATCH_PART) : horizon
  }

  get #isRedoLong(): boolean {
    const minRecLsn = this.#parts.buffer.minRecLsn()
    return minRecLsn !== NULL_LSN && minRecLsn < this.#writeBackHorizon
  }

  get #isWriteBackDue(): boolean {
    const { buffer } = this.#parts
    return buffer.dirtyCount > buffer.frameCount * DIRTY_PART || buffer.isReserveLow || this.#isRedoLong
  }

  get #isCheckpointDue(): boolean {
    const { checkpointer, settings, runtime } = this.#parts
    if (checkpointer.logBytesSince >= settings.checkpointBytes) return true
    const isLate = runtime.nowMs() - this.#lastCheckpointMs >= settings.checkpointIntervalMs
    return isLate && checkpointer.logBytesSince > 0
  }

  /** Takes a checkpoint. Rejects with `DB_FAILED`, `DISK_FULL`. */
  async checkpoint(isClean = false): Promise<void> {
    await this.#parts.checkpointer.take(isClean)
    this.#lastCheckpointMs = this.#parts.runtime.nowMs()
  }

  #makeSegments(): void {
    this.#makingSegments ??= this.#quietly(async () => {
      while (!this.#stopped && !this.#parts.failStop.failed && (await this.#segmentStep())) await this.#turn()
    }).finally(() => {
      this.#makingSegments = undefined
    })
  }

  #segmentStep(): Promise<boolean> {
    const { log, checkpointer } = this.#parts
    const { lsn } = checkpointer.lowWater
    if (log.room.canRecycle(lsn)) checkpointer.repeatFoundMaster()
    return log.room.step(lsn)
  }

  /** Stops the timers and waits for what is under way. @throws `IO_ERROR` */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#ticker?.()
    while (this.#waiting.size > 0) this.#letInFirst()
    await this.#running
    await this.#makingSegments
    for (let end = this.#parts.buffer.nextBatchEnd; end !== undefined; end = this.#parts.buffer.nextBatchEnd) await end
    if (!this.#parts.failStop.failed) this.#parts.log.room.discardNewSegment()
  }

  /** After `stop`: brings all pages up to date, for a clean close. */
  async finishRedo(): Promise<void> {
    while (this.#quietStep(() => this.#redoSome())) await this.#turn()
  }

  /** After `stop`: does all clean-up that is left, for a clean close. */
  async finish(): Promise<void> {
    const { pending, btree } = this.#parts
    while (pending.size > 0 && this.#quietStep(() => pending.step() || pending.size > 0)) await this.#turn()
    while (btree.uncleanLeafCount > 0 && this.#quietStep(() => btree.cleanStep())) await this.#turn()
  }
}
