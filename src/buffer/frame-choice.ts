/**
 * Which frames are evicted and which are written, and when: the replacer says how cold a page is, and what can
 * be done with its frame now depends on pins and on what is dirty or being written.
 *
 * ```
 *   coldest                                                       hottest
 *   | clean | dirty | clean | dirty | pinned | being written | ... |
 *      ^ victim                                of these, half are kept clean for evictions
 *              ^       written next        ^
 * ```
 *
 * INVARIANT I27: a pinned page is not evicted, nor one that is being written.
 */
import type { PageId } from '../common/ids.ts'
import type { DirtyFrames } from './dirty-frames.ts'
import { areaPages } from './double-write.ts'
import type { Replacer } from './replacer.ts'

/** Of the coldest frames, a sixteenth of the pool or this many, half are kept clean for evictions. */
const RESERVE_FRAMES_MAX = 512
/** With more of the pool dirty than this, a clean victim is hardly to be found. */
const LOOK_FOR_CLEAN_BELOW = 0.85

export class FrameChoice {
  readonly #frameCount: number
  readonly #areaPages: number
  readonly #pinCount: Int32Array
  readonly #dirty: DirtyFrames
  readonly #replacer: Replacer
  readonly #pageIdOf: (frame: number) => PageId
  /** Whether a frame may be evicted or written now. */
  readonly isUsable = (frame: number): boolean => this.#pinCount[frame] === 0 && !this.#dirty.isBeingWritten(frame)
  readonly #isCleanAndUsable = (frame: number): boolean => !this.#dirty.isDirty(frame) && this.isUsable(frame)

  constructor(
    pageSize: number,
    pinCount: Int32Array,
    dirty: DirtyFrames,
    replacer: Replacer,
    pageIdOf: (frame: number) => PageId,
  ) {
    this.#frameCount = pinCount.length
    this.#areaPages = areaPages(pageSize)
    this.#pinCount = pinCount
    this.#dirty = dirty
    this.#replacer = replacer
    this.#pageIdOf = pageIdOf
  }

  /**
   * Takes the victim of an eviction out of the replacer; -1 when no frame is usable. A clean page where there is
   * one, even if others are colder: writing one first would hold up everybody, and the background will have written
   * the others soon.
   */
  victim(): number {
    const isWorthLooking = this.#dirty.count <= this.#frameCount * LOOK_FOR_CLEAN_BELOW
    const clean = isWorthLooking ? this.#replacer.victim(this.#isCleanAndUsable, this.#pageIdOf) : -1
    return clean >= 0 ? clean : this.#replacer.victim(this.isUsable, this.#pageIdOf)
  }

  /** A dirty victim, and the next ones that would be, to be written with it. */
  besides(victim: number): number[] {
    const frames = [victim]
    const limit = this.#batchLimit(0)
    this.#replacer.coldest((frame) => {
      if (frames.length < limit && this.#dirty.isDirty(frame) && this.isUsable(frame)) frames.push(frame)
      return frames.length < limit
    })
    return frames
  }

  /**
   * What a batch in the background is of: the pages with a recLsn below `horizonLsn`, and, when more than `dirtyTarget`
   * are dirty or `isReserveLow`, the coldest.
   */
  forWriteBack(horizonLsn: number, dirtyTarget: number, isReserveLow: boolean): number[] {
    const { writingCount } = this.#dirty
    const limit = this.#batchLimit(writingCount)
    if (limit <= 0) return []
    const frames = new Set<number>()
    const consider = (frame: number): boolean => {
      if (this.#dirty.isDirty(frame) && this.isUsable(frame)) frames.add(frame)
      return frames.size < limit
    }
    this.#dirty.below(horizonLsn, consider)
    const isCrowded = isReserveLow || this.#dirty.count - writingCount - frames.size > dirtyTarget
    if (isCrowded && frames.size < limit) this.#replacer.coldest(consider)
    return [...frames]
  }

  /** A quarter of the pool is written at once, by all batches together: nobody can take these frames. */
  #batchLimit(writingCount: number): number {
    return Math.min(this.#areaPages, (this.#frameCount >>> 2) - writingCount)
  }

  /** Whether of the pages that would be evicted next at least half are dirty. */
  get isReserveLow(): boolean {
    if (this.#dirty.count === 0) return false
    const reserve = Math.min(RESERVE_FRAMES_MAX, this.#frameCount >>> 4)
    let seen = 0
    let clean = 0
    this.#replacer.coldest((frame) => {
      if (this.#isCleanAndUsable(frame)) clean++
      return ++seen < reserve
    })
    return 2 * clean < seen
  }
}
