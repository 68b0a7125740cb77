/**
 * What takes longer at present: a sync of the log, or the work that a crowd of clients does between two.
 *
 * ```
 *   two halves in turn    a flush of half the crowd every max(sync, work / 2)     more, while sync < work
 *   all at once           a flush of the whole crowd every sync + work            more, while sync > work
 * ```
 *
 * Both are running means, so that a single slow sync of a fast disk changes little. The work is timed from the end
 * of a flush until most of those who waited for it wait again: some wait for locks, and come much later.
 */
import type { Runtime } from '../io/runtime.ts'

const WEIGHT = 1 / 8
const MOST = 3 / 4
/** What a smaller part of the crowd takes says little of the whole. */
const RESUMED_MIN = 1 / 3

export class FlushPace {
  readonly #runtime: Runtime
  #syncMs = 0
  #workMs = 0
  /** When the last flush had ended. */
  #resumedMs = 0
  /** When so many wait for the next flush, most of those who went on then are among them; zero when nobody asks. */
  #waitersAtMost = 0
  /** The crowd, as a multiple of those. */
  #crowdPerMost = 0

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** Whether a crowd that shares each sync as a whole gets more done than one whose halves take turns. */
  get isDiskSlower(): boolean {
    return this.#syncMs > this.#workMs
  }

  /** Notes that a flush begins, with whoever has come. */
  flushing(): void {
    this.#waitersAtMost = 0
  }

  /** Notes what its sync took. */
  synced(ms: number): void {
    this.#syncMs += WEIGHT * (ms - this.#syncMs)
  }

  /** Notes that so many of the crowd go on, while `waiting` wait for the next flush already. */
  resumed(resumed: number, waiting: number, crowd: number): void {
    if (resumed < RESUMED_MIN * crowd) return
    const most = Math.ceil(MOST * resumed)
    this.#resumedMs = this.#runtime.nowMs()
    this.#waitersAtMost = waiting + most
    this.#crowdPerMost = crowd / most
  }

  /** Notes that one more waits for the next flush, which makes `waiters`. */
  joined(waiters: number): void {
    if (waiters !== this.#waitersAtMost) return
    const workMs = (this.#runtime.nowMs() - this.#resumedMs) * this.#crowdPerMost
    this.#workMs += WEIGHT * (workMs - this.#workMs)
  }
}
