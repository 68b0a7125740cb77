/**
 * How long a file system's syncs take at present. A sync of a fast disk takes less time than the trip to
 * the thread pool and back; one of a slow disk must not hold up the event loop.
 *
 *     estimate  rises at once to what a slow sync took, falls by a tenth a sync
 *     blocks    while the estimate is below `BLOCKING_MS_MAX`: at most one slow sync is met unprepared,
 *               and after one of 10 ms some twenty more have to be fast
 */
const BLOCKING_MS_MAX = 1
const FALL = 0.9

export class SyncPace {
  #estimateMs = Number.POSITIVE_INFINITY

  /** Whether the next sync is expected to be short enough to wait for it on the spot. Not before one was measured. */
  get isShort(): boolean {
    return this.#estimateMs < BLOCKING_MS_MAX
  }

  /** Notes what a sync took. */
  took(ms: number): void {
    const isFirst = this.#estimateMs === Number.POSITIVE_INFINITY
    this.#estimateMs = isFirst ? ms : Math.max(ms, this.#estimateMs * FALL + ms * (1 - FALL))
  }
}
