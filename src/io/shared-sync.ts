/**
 * Syncs of one file by several who write to it: one at a time, and all who ask while one is under way share
 * the next, because the one under way may have begun before their writes.
 *
 * ```
 *   A writes, asks   B writes, asks   C writes, asks
 *   |--- sync for A ----------------|--- sync for B and C ---|
 * ```
 *
 * One at a time also because the system tells a failed write-back to only one of two syncs of a file that
 * run at once (I28). They end in the order in which they were asked for.
 */
export class SharedSync {
  readonly #sync: () => Promise<void>
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  /** `sync` makes durable what was written before it is called. */
  constructor(sync: () => Promise<void>) {
    this.#sync = sync
  }

  /** Resolves when all that was written before this call is durable; rejects with what `sync` does. */
  request(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#run(undefined)
      return this.#running
    }
    this.#next ??= this.#run(this.#running)
    return this.#next
  }

  async #run(before: Promise<void> | undefined): Promise<void> {
    try {
      if (before !== undefined) await before.catch(() => {})
      await this.#sync()
    } finally {
      this.#running = this.#next
      this.#next = undefined
    }
  }
}
