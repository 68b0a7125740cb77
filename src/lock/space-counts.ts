/** How many locks of a kind there are in each space: none in most. */
export class SpaceCounts {
  readonly #counts = new Map<number, number>()

  has(space: number): boolean {
    return this.#counts.size > 0 && this.#counts.has(space)
  }

  add(space: number, change: 1 | -1): void {
    const count = (this.#counts.get(space) ?? 0) + change
    if (count === 0) this.#counts.delete(space)
    else this.#counts.set(space, count)
  }
}
