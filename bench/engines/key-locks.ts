/** Locks on keys for stores that have none: who reads before writing would otherwise lose updates. */
export class KeyLocks {
  readonly #held = new Map<string, Promise<void>>()

  /** Runs `work` alone among all that name one of the two keys. */
  async withBoth<T>(a: Buffer, b: Buffer, work: () => Promise<T>): Promise<T> {
    const keys = [a.toString('latin1'), b.toString('latin1')].sort() as [string, string]
    const release = await this.#acquire(keys[0])
    const releaseSecond = keys[0] === keys[1] ? undefined : await this.#acquire(keys[1])
    try {
      return await work()
    } finally {
      releaseSecond?.()
      release()
    }
  }

  async #acquire(key: string): Promise<() => void> {
    for (;;) {
      const held = this.#held.get(key)
      if (held === undefined) break
      await held
    }
    let letGo = (): void => {}
    this.#held.set(
      key,
      new Promise((resolve) => {
        letGo = () => {
          this.#held.delete(key)
          resolve()
        }
      }),
    )
    return letGo
  }
}
