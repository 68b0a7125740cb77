/**
 * Which frames are dirty, and since when.
 *
 * ```
 *            mark            startWriting             written
 *   clean ---------> dirty ----------------> writing ---------> clean, or dirty if it was marked meanwhile
 *                      ^                        |
 *                      +--------- abandoned ----+
 * ```
 *
 * A frame is dirty when its recLsn is set: the LSN of the first record since it was last clean. While
 * it is being written, `writingRecLsn` keeps the old recLsn, because until the sync is done the disk may
 * hold the old page; changes made meanwhile set a new recLsn.
 *
 * INVARIANTS
 * - I10 the recLsn of a frame is at or below every change of its page that is not on disk
 * - I11 a frame whose page differs from disk has a recLsn, here or set aside
 */
import { DirtyOrder } from './dirty-order.ts'
import type { DirtyPageTable } from './dirty-page-table.ts'

export class DirtyFrames {
  readonly #recLsn: Float64Array
  readonly #writingRecLsn: Float64Array
  /** A frame that is being written and has changed meanwhile is in it twice: either recLsn may come to count. */
  readonly #order = new DirtyOrder(
    (frame, recLsn) => this.#recLsn[frame] === recLsn || this.#writingRecLsn[frame] === recLsn,
  )
  #count = 0
  #writingCount = 0

  constructor(frameCount: number) {
    this.#recLsn = new Float64Array(frameCount)
    this.#writingRecLsn = new Float64Array(frameCount)
  }

  /** How many frames are dirty or being written. */
  get count(): number {
    return this.#count
  }

  /** How many frames are being written. */
  get writingCount(): number {
    return this.#writingCount
  }

  /** Whether the frame has changes that are not on their way to the disk. */
  isDirty(frame: number): boolean {
    return this.#recLsn[frame] !== 0
  }

  isBeingWritten(frame: number): boolean {
    return this.#writingRecLsn[frame] !== 0
  }

  /** The frame is about to get the change logged at `lsn`; whether it was clean. */
  mark(frame: number, lsn: number): boolean {
    if (this.#recLsn[frame] !== 0) return false
    this.#recLsn[frame] = lsn
    this.#order.add(frame, lsn)
    if (this.#writingRecLsn[frame] === 0) this.#count++
    return true
  }

  startWriting(frame: number): void {
    this.#writingRecLsn[frame] = this.#recLsn[frame] as number
    this.#recLsn[frame] = 0
    this.#writingCount++
  }

  /** What was written is on disk. */
  written(frame: number): void {
    this.#writingRecLsn[frame] = 0
    this.#writingCount--
    if (this.#recLsn[frame] === 0) this.#count--
  }

  /** What was to be written is not on disk. */
  abandoned(frame: number): void {
    this.#recLsn[frame] = this.#writingRecLsn[frame] as number
    this.#writingRecLsn[frame] = 0
    this.#writingCount--
  }

  /** Adds the page of each dirty frame, with the recLsn from where on it needs redo. */
  addTo(table: DirtyPageTable, pageIdOfFrame: Uint32Array): void {
    const [writing, changed] = [this.#writingRecLsn, this.#recLsn]
    for (let frame = 0, left = this.#count; left > 0; frame++) {
      const recLsn = (writing[frame] as number) || (changed[frame] as number)
      if (recLsn === 0) continue
      table.add(pageIdOfFrame[frame] as number, recLsn)
      left--
    }
  }

  /** The oldest recLsn of all, Infinity when nothing is dirty. */
  oldestRecLsn(): number {
    return this.#order.oldest()
  }

  /** Visits the frames with a recLsn below `horizonLsn`, the oldest first, until `visit` returns false. */
  below(horizonLsn: number, visit: (frame: number) => boolean): void {
    this.#order.below(horizonLsn, visit)
  }
}
