/** Counts of log flushes and a histogram of their times. */

/** Upper bounds of the buckets, in milliseconds; the last bucket has none. */
export const FLUSH_BUCKETS_MS: readonly number[] = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100]

export class FlushStatistics {
  flushes = 0
  bytes = 0
  totalMs = 0
  /** Flushes by time: bucket i counts those up to `FLUSH_BUCKETS_MS[i]`, the last one the rest. */
  readonly histogram: number[] = new Array<number>(FLUSH_BUCKETS_MS.length + 1).fill(0)

  flushed(bytes: number, tookMs: number): void {
    this.flushes++
    this.bytes += bytes
    this.totalMs += tookMs
    let bucket = 0
    while (bucket < FLUSH_BUCKETS_MS.length && tookMs > (FLUSH_BUCKETS_MS[bucket] as number)) bucket++
    this.histogram[bucket] = (this.histogram[bucket] as number) + 1
  }
}
