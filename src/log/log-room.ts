/**
 * Room in the log: what is held back of it, and the making of more.
 *
 * ```
 *   nextLsn          held back for rollbacks            allocatedLsn
 *   |------------------------------------------|------------|
 *                                               ahead: less than a part of a segment,
 *                                               and the background makes the next one
 * ```
 *
 * Somebody who needs room at once and does not find it makes segments on the spot, which takes as long as
 * the disk does: that is the exception.
 *
 * INVARIANT I19: a rollback never fails for lack of room, because it was held back before the change.
 */
import { assert } from '../common/assert.ts'
import type { Lsn } from '../common/ids.ts'
import type { FailStop } from '../io/fail-stop.ts'
import type { Segments } from './segments.ts'

/** The next segment is made in the background while less room than this part of one lies ahead. */
const AHEAD_PART = 0.75

export class LogRoom {
  readonly #segments: Segments
  readonly #failStop: FailStop
  readonly #recordBytesMax: number
  readonly #segmentOverhead: number
  readonly #openedLsn: Lsn
  #reservedBytes = 0

  /** `openedLsn`: where the log ended when it was opened. */
  constructor(segments: Segments, failStop: FailStop, recordBytesMax: number, openedLsn: Lsn) {
    this.#segments = segments
    this.#failStop = failStop
    this.#recordBytesMax = recordBytesMax
    this.#segmentOverhead = segments.segmentBytes / (segments.segmentBytes - recordBytesMax)
    this.#openedLsn = openedLsn
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

  /** Whether a segment is to be made, or is being made. */
  isStepDue(nextLsn: Lsn): boolean {
    return this.#segments.isMaking || this.#isShort(nextLsn)
  }

  /** See `LogManager.segmentStep`. */
  async step(lowWaterLsn: Lsn, nextLsn: Lsn): Promise<boolean> {
    const segments = this.#segments
    if (!segments.isMaking && !segments.recycleOne(lowWaterLsn, nextLsn)) {
      if (!this.#isShort(nextLsn)) return false
      segments.begin()
    }
    await segments.makeStep()
    return true
  }

  /** Only when something was written: a database that is opened and read does not grow. */
  #isShort(nextLsn: Lsn): boolean {
    const { allocatedLsn, segmentBytes, hasFailed } = this.#segments
    const aheadBytes = allocatedLsn - nextLsn - this.#lengthOf(this.#reservedBytes)
    return nextLsn > this.#openedLsn && aheadBytes < segmentBytes * AHEAD_PART && !hasFailed
  }
}
