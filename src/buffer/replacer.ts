/**
 * The replacement policy: which frame is the next victim. S3-FIFO (Yang et al., "FIFO Queues are All
 * You Need for Cache Eviction", SOSP 2023), because it resists scans and a hit costs one byte store.
 *
 * ```
 *            miss                        seen again while small
 *   page ----------> [ small, 1/10 ] ------------------------> [ main ] <--- reinserted while frequency > 0
 *                        |  not seen again                        |  frequency 0
 *                        v                                        v
 *                    ghost (ids only) -- miss on a ghost --> main  victim
 * ```
 *
 * Queues are intrusive doubly linked lists over frame numbers in `Int32Array`s.
 */
import type { PageId } from '../common/ids.ts'

const NONE = -1
const FREQUENCY_MAX = 3
const IN_NONE = 0
const IN_SMALL = 1
const IN_MAIN = 2
/** Places for remembered pages, for each that is to be remembered: with so many, nine of ten are. */
const PLACES_PER_GHOST = 4

export class Replacer {
  readonly #frequency: Uint8Array
  readonly #queueOf: Uint8Array
  readonly #older: Int32Array
  readonly #newer: Int32Array
  readonly #small = new Queue()
  readonly #main = new Queue()
  readonly #ghosts: Ghosts
  readonly #smallTarget: number

  constructor(frameCount: number) {
    this.#frequency = new Uint8Array(frameCount)
    this.#queueOf = new Uint8Array(frameCount)
    this.#older = new Int32Array(frameCount).fill(NONE)
    this.#newer = new Int32Array(frameCount).fill(NONE)
    this.#smallTarget = Math.max(1, Math.floor(frameCount / 10))
    this.#ghosts = new Ghosts(frameCount)
  }

  /** A hit on the frame. */
  touch(frame: number): void {
    const frequency = this.#frequency[frame] as number
    if (frequency < FREQUENCY_MAX) this.#frequency[frame] = frequency + 1
  }

  /** The frame now holds `pageId`, which was not in the pool. */
  insert(frame: number, pageId: PageId): void {
    this.#frequency[frame] = 0
    if (this.#ghosts.take(pageId)) this.#push(this.#main, IN_MAIN, frame)
    else this.#push(this.#small, IN_SMALL, frame)
  }

  /**
   * Takes the next victim out of its queue, or returns -1 when every frame is unusable. `usable`
   * says whether a frame may go now (it is not pinned and not being written).
   */
  victim(usable: (frame: number) => boolean, pageIdOf: (frame: number) => PageId): number {
    // Each frame can be passed a few times: its frequency may have to fall to zero first.
    let passes = (this.#small.size + this.#main.size) * (FREQUENCY_MAX + 2)
    while (passes-- > 0) {
      const fromSmall = this.#small.size > this.#smallTarget || this.#main.size === 0
      const frame = (fromSmall ? this.#small : this.#main).oldest
      if (frame === NONE) return NONE
      const frequency = this.#frequency[frame] as number
      if (!usable(frame)) {
        this.#unlink(frame)
        this.#push(this.#main, IN_MAIN, frame)
      } else if (frequency > 0) {
        this.#frequency[frame] = fromSmall ? 0 : frequency - 1
        this.#unlink(frame)
        this.#push(this.#main, IN_MAIN, frame)
      } else {
        this.#unlink(frame)
        if (fromSmall) this.#ghosts.add(pageIdOf(frame))
        return frame
      }
    }
    return this.#anyUsable(usable)
  }

  /** When what the policy would take is pinned, the coldest frame that is not: one may lie in the other queue. */
  #anyUsable(usable: (frame: number) => boolean): number {
    let found = NONE
    this.coldest((frame) => {
      if (usable(frame)) found = frame
      return found === NONE
    })
    if (found !== NONE) this.#unlink(found)
    return found
  }

  /** Visits frames from the coldest on until `visit` returns false. Changes nothing. */
  coldest(visit: (frame: number) => boolean): void {
    for (const queue of [this.#small, this.#main]) {
      for (let frame = queue.oldest; frame !== NONE; frame = this.#newer[frame] as number) {
        if (!visit(frame)) return
      }
    }
  }

  #push(queue: Queue, name: number, frame: number): void {
    this.#queueOf[frame] = name
    this.#older[frame] = queue.newest
    this.#newer[frame] = NONE
    if (queue.newest === NONE) queue.oldest = frame
    else this.#newer[queue.newest] = frame
    queue.newest = frame
    queue.size++
  }

  #unlink(frame: number): void {
    const name = this.#queueOf[frame]
    if (name === IN_NONE) return
    const queue = name === IN_SMALL ? this.#small : this.#main
    const older = this.#older[frame] as number
    const newer = this.#newer[frame] as number
    if (older === NONE) queue.oldest = newer
    else this.#newer[older] = newer
    if (newer === NONE) queue.newest = older
    else this.#older[newer] = older
    this.#queueOf[frame] = IN_NONE
    queue.size--
  }
}

class Queue {
  oldest = NONE
  newest = NONE
  size = 0
}

/**
 * The pages evicted last from the small queue, as many as the pool has frames. Each has one place, found by a hash, and
 * takes it from whoever has it: now and then one is forgotten early, and a look goes to one place only.
 */
class Ghosts {
  readonly #capacity: number
  readonly #shift: number
  /** Pairs (pageId, the count of pages added before it); zeros, as if of page 0, where nothing is. */
  readonly #places: Uint32Array
  #added = 0

  constructor(capacity: number) {
    let bits = 4
    while (1 << bits < capacity * PLACES_PER_GHOST) bits++
    this.#capacity = capacity
    this.#shift = 32 - bits
    this.#places = new Uint32Array(2 << bits)
  }

  add(pageId: PageId): void {
    const at = this.#placeOf(pageId)
    this.#places[at] = pageId
    this.#places[at + 1] = this.#added++
  }

  /** Whether the page is among them; then it is no longer. */
  take(pageId: PageId): boolean {
    const at = this.#placeOf(pageId)
    if (this.#places[at] !== pageId) return false
    this.#places[at] = 0
    // Counts wrap around in four bytes, and so does their difference.
    return (this.#added - (this.#places[at + 1] as number)) >>> 0 <= this.#capacity
  }

  #placeOf(pageId: PageId): number {
    return 2 * (Math.imul(pageId, 0x9e37_79b1) >>> this.#shift)
  }
}
