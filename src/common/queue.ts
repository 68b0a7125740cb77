/**
 * First in, first out, in an array whose taken front is cut off now and then, so that both ends cost the same.
 *
 *     taken taken | first ... last
 */

/** A shorter front is not worth to be cut off. */
const CUT_ITEMS_MIN = 1024

export class Queue<T> {
  #items: (T | undefined)[] = []
  #taken = 0

  get size(): number {
    return this.#items.length - this.#taken
  }

  get first(): T | undefined {
    return this.#items[this.#taken]
  }

  push(item: T): void {
    this.#items.push(item)
  }

  /** Takes the first away. */
  shift(): void {
    // What is taken must not be kept alive.
    this.#items[this.#taken++] = undefined
    if (this.#taken === this.#items.length) this.#items.length = this.#taken = 0
    else if (this.#taken >= CUT_ITEMS_MIN && this.#taken * 2 >= this.#items.length) {
      // No more are left than were taken since the last cut, so each item taken pays for one that is copied.
      this.#items = this.#items.slice(this.#taken)
      this.#taken = 0
    }
  }
}
