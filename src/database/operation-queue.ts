/**
 * The order of one transaction's operations: those that come while one waits for a lock queue behind
 * it, and run in the order of their calls. While nothing waits, an operation runs at once and needs
 * nothing of this.
 */
export class OperationQueue {
  /** The last operation that had to wait; later ones queue behind it. */
  #last: Promise<unknown> | undefined
  #waitingCount = 0

  /** Whether an operation waits, so that the next has to queue. */
  get isBusy(): boolean {
    return this.#last !== undefined
  }

  /** How many operations have not ended. */
  get waitingCount(): number {
    return this.#waitingCount
  }

  /** Runs `operation` when all before it have ended. */
  enqueue<T>(operation: () => Promise<T>): Promise<T> {
    return this.#hold(this.#last === undefined ? operation() : this.#last.then(operation, operation))
  }

  /**
   * Waits for a lock, then does the operation again from its start: the tree may have changed meanwhile.
   * An operation that came out of the queue is waited for by the queue already.
   */
  waitAndRepeat<T>(wait: Promise<void>, operation: () => Promise<T>): Promise<T> {
    const repeated = wait.then(operation)
    return this.#last === undefined ? this.#hold(repeated) : repeated
  }

  /**
   * As `enqueue`, for an operation on a key. It gets a copy: the codec for bytes hands out the caller's own, which he may
   * use again meanwhile. An operation that runs at once needs none.
   */
  enqueueWith<T>(key: Uint8Array, operation: (key: Uint8Array) => Promise<T>): Promise<T> {
    const own = new Uint8Array(key)
    return this.enqueue(() => operation(own))
  }

  /** As `waitAndRepeat`, with a copy of the key. */
  repeatWith<T>(key: Uint8Array, wait: Promise<void>, operation: (key: Uint8Array) => Promise<T>): Promise<T> {
    const own = new Uint8Array(key)
    return this.waitAndRepeat(wait, () => operation(own))
  }

  /** Makes `operation` the one that later operations wait for. */
  #hold<T>(operation: Promise<T>): Promise<T> {
    this.#waitingCount++
    const held = operation.finally(() => {
      this.#waitingCount--
      if (this.#last === held) this.#last = undefined
    })
    this.#last = held
    return held
  }
}
