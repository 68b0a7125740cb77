/**
 * Frames in the order of their recLSNs. A recLSN is given when a page becomes dirty, and LSNs rise, so
 * that is the order in which they became dirty, and the oldest is at the front: nobody has to look at all
 * frames for it. Only redo brings pages up to date in another order; what it has added is sorted once,
 * when somebody asks.
 *
 * ```
 *   frame   | 7 | 3 | 7 | 12 |        frame 7 was written out and became dirty again: its first entry
 *   recLsn  | 8 | 40| 96| 120|        is stale, and goes when it comes to the front
 *             ^ front
 * ```
 */
import { NULL_LSN } from '../common/ids.ts'

const ENTRIES_AT_FIRST = 64

export class DirtyOrder {
  /** Whether what an entry says is still so. */
  readonly #isCurrent: (frame: number, recLsn: number) => boolean
  #frames = new Int32Array(ENTRIES_AT_FIRST)
  #recLsns = new Float64Array(ENTRIES_AT_FIRST)
  #front = 0
  #end = 0
  #isSorted = true

  constructor(isCurrent: (frame: number, recLsn: number) => boolean) {
    this.#isCurrent = isCurrent
  }

  /** The frame has become dirty. */
  add(frame: number, recLsn: number): void {
    if (this.#end > this.#front && recLsn < (this.#recLsns[this.#end - 1] as number)) this.#isSorted = false
    if (this.#end === this.#frames.length) this.#makeRoom()
    this.#frames[this.#end] = frame
    this.#recLsns[this.#end] = recLsn
    this.#end++
  }

  /** The oldest recLSN, Infinity when nothing is dirty. */
  oldest(): number {
    this.#sort()
    while (this.#front < this.#end && !this.#isCurrentAt(this.#front)) this.#front++
    return this.#front < this.#end ? (this.#recLsns[this.#front] as number) : Number.POSITIVE_INFINITY
  }

  /** Visits the frames with a recLSN below `horizonLsn`, the oldest first, until `visit` returns false. */
  below(horizonLsn: number, visit: (frame: number) => boolean): void {
    // While restart's redo goes on, nobody asks for any, and it would be sorted again and again.
    if (horizonLsn === NULL_LSN) return
    this.#sort()
    for (let at = this.#front; at < this.#end && (this.#recLsns[at] as number) < horizonLsn; at++) {
      if (this.#isCurrentAt(at) && !visit(this.#frames[at] as number)) return
    }
  }

  #sort(): void {
    if (this.#isSorted) return
    // A record changes one page, so no two frames have a recLSN in common.
    const frameOf = new Map<number, number>()
    for (let at = this.#front; at < this.#end; at++) {
      frameOf.set(this.#recLsns[at] as number, this.#frames[at] as number)
    }
    this.#recLsns.subarray(this.#front, this.#end).sort()
    for (let at = this.#front; at < this.#end; at++) {
      this.#frames[at] = frameOf.get(this.#recLsns[at] as number) as number
    }
    this.#isSorted = true
  }

  #isCurrentAt(at: number): boolean {
    return this.#isCurrent(this.#frames[at] as number, this.#recLsns[at] as number)
  }

  /** Drops what is stale; if much is left all the same, takes more memory. */
  #makeRoom(): void {
    let end = 0
    for (let at = this.#front; at < this.#end; at++) {
      if (!this.#isCurrentAt(at)) continue
      this.#frames[end] = this.#frames[at] as number
      this.#recLsns[end++] = this.#recLsns[at] as number
    }
    this.#front = 0
    this.#end = end
    if (end <= this.#frames.length / 2) return
    const frames = new Int32Array(2 * this.#frames.length)
    const recLsns = new Float64Array(frames.length)
    frames.set(this.#frames)
    recLsns.set(this.#recLsns)
    this.#frames = frames
    this.#recLsns = recLsns
  }
}
