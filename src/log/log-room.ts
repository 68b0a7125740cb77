/**
 * Room in the log: what is held back of it, the making of more, and the giving back of what nobody needs any more.
 *
 * ```
 *            lowWaterLsn         nextLsn                         allocatedLsn
 *   recycled |------- needed -------|-- held back for rollbacks --|-- ahead --|
 *                                                                  less than a part of a segment:
 *                                                                  the background makes the next one
 * ```
 *
 * Somebody who needs room at once and does not find it makes segments on the spot, which takes as long as
 * the disk does: that is the exception.
 *
 * A clean close gives all back but what the log is in. Only what is in doubt keeps its room.
 *
 * INVARIANTS
 * - I12 nothing at or above the low-water mark is recycled, nor what a flush in flight still syncs
 * - I19 a rollback never fails for lack of room, because it was held back before the change
 * - I31 a clean close leaves nothing behind the end that could be read as records again
 */
import { assert } from '../common/assert.ts'
import { asLsn, type Lsn } from '../common/ids.ts'
import type { FailStop } from '../io/fail-stop.ts'
import { laterTurn, type Runtime } from '../io/runtime.ts'
import type { Segments } from './segments.ts'

/** The next segment is made in the background while less room than this part of one lies ahead. */
const AHEAD_PART = 0.75

/** What is asked about the log itself; `LogManager` is one. */
export interface GrowingLog {
  readonly recordBytesMax: number
  readonly nextLsn: Lsn
  /** Where it ended when it was opened. */
  readonly openedLsn: Lsn
  readonly flushedLsn: Lsn
  /** From where on a flush in flight makes the log durable; undefined when none is. */
  readonly inFlightStartLsn: number | undefined
}

export class LogRoom {
  readonly #log: GrowingLog
  readonly #segments: Segments
  readonly #runtime: Runtime
  readonly #failStop: FailStop
  readonly #recordBytesMax: number
  readonly #segmentOverhead: number
  #reservedBytes = 0

  constructor(log: GrowingLog, segments: Segments, runtime: Runtime, failStop: FailStop) {
    this.#log = log
    this.#segments = segments
    this.#runtime = runtime
    this.#failStop = failStop
    this.#recordBytesMax = log.recordBytesMax
    this.#segmentOverhead = segments.segmentBytes / (segments.segmentBytes - log.recordBytesMax)
  }

  get reservedBytes(): number {
    return this.#reservedBytes
  }

  /** See `LogManager.reserve`. */
  reserve(nextLsn: number, rollbackBytes: number, payloadBytes: number): void {
    const needed = this.#lengthOf(this.#reservedBytes + rollbackBytes + payloadBytes)
    if (nextLsn + needed > this.#segments.allocatedLsn) this.#makeRoom(nextLsn + needed)
    this.#reservedBytes += rollbackBytes
  }

  /** A record does not cross a segment, so each segment may leave up to a record's length unused. */
  #lengthOf(bytes: number): number {
    return bytes * this.#segmentOverhead + 3 * this.#recordBytesMax
  }

  #makeRoom(endLsn: number): void {
    this.#failStop.check()
    while (this.#segments.allocatedLsn < endLsn) this.#segments.append()
  }

  release(bytes: number): void {
    this.#reservedBytes -= bytes
    assert(this.#reservedBytes >= 0, 'no more log room is released than was reserved (I19)')
  }

  /** Whether a segment lies wholly below `lowWaterLsn`. */
  canRecycle(lowWaterLsn: Lsn): boolean {
    return this.#segments.firstLsn + this.#segments.segmentBytes <= lowWaterLsn
  }

  /** Whether `step` would find anything to do. */
  isStepDue(lowWaterLsn: Lsn): boolean {
    return this.canRecycle(lowWaterLsn) || this.#segments.isMaking || this.#isShort
  }

  /**
   * A step of the background's work on segments, without waiting for a sync on the spot: recycles those below
   * `lowWaterLsn` (I12), and makes the next one before anybody needs it, so that `reserve` finds it there.
   * Resolves with whether there is more to do. Rejects with `IO_ERROR`, or `DISK_FULL`, which nobody has to be
   * told: `reserve` meets it when the room is needed.
   */
  async step(lowWaterLsn: Lsn): Promise<boolean> {
    const segments = this.#segments
    if (!segments.isMaking && !this.#recycleOne(lowWaterLsn)) {
      if (!this.#isShort) return false
      segments.begin()
    }
    await segments.makeStep()
    return true
  }

  #recycleOne(lowWaterLsn: Lsn): boolean {
    const { inFlightStartLsn, nextLsn } = this.#log
    // What a flush in flight still syncs stays, although a forced flush may have made it durable meanwhile.
    const syncedFrom = inFlightStartLsn ?? lowWaterLsn
    return this.#segments.recycleOne(asLsn(Math.min(syncedFrom, lowWaterLsn)), nextLsn)
  }

  /** Only when something was written: a database that is opened and read does not grow. */
  get #isShort(): boolean {
    const { nextLsn } = this.#log
    const { allocatedLsn, segmentBytes, hasFailed } = this.#segments
    const aheadBytes = allocatedLsn - nextLsn - this.#lengthOf(this.#reservedBytes)
    return nextLsn > this.#log.openedLsn && aheadBytes < segmentBytes * AHEAD_PART && !hasFailed
  }

  /** When nobody calls `step` any more: leaves no half-made segment. @throws `IO_ERROR` */
  discardNewSegment(): void {
    this.#failStop.check()
    this.#segments.discardNew()
  }

  /**
   * For a clean shutdown, when nobody appends any more: gives back the disk space of segments that lie below
   * `lowWaterLsn` (I12), and of spare ones unless room is held back in them. Rejects with `IO_ERROR`, `DB_FAILED`.
   */
  async removeUnneeded(lowWaterLsn: Lsn): Promise<void> {
    const { nextLsn } = this.#log
    this.#failStop.check()
    while (this.#segments.recycleOne(lowWaterLsn, nextLsn, 0)) await laterTurn(this.#runtime)
    if (this.#reservedBytes === 0) this.#segments.removeSpares(nextLsn)
  }

  /**
   * For a clean shutdown, when nobody appends any more: leaves nothing behind the end that the next open would
   * have to wipe (I31). Rejects with `DISK_FULL`, `IO_ERROR`, `DB_FAILED`.
   */
  async wipeBehindEnd(): Promise<void> {
    this.#failStop.check()
    for (const _ of this.#segments.wipeSteps(this.#log.nextLsn)) await laterTurn(this.#runtime)
  }

  /**
   * For a clean shutdown with no room held back, when nobody appends any more and the clean master record is
   * durable: gives back the room behind the end. @throws `IO_ERROR`, `DB_FAILED`
   */
  cutBehindEnd(): void {
    const { flushedLsn, nextLsn } = this.#log
    this.#failStop.check()
    assert(flushedLsn === nextLsn && this.#reservedBytes === 0, 'nobody needs the room behind the end')
    this.#segments.cutBehind(nextLsn)
  }
}
