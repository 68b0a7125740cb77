/**
 * First in, first out, in an array whose taken front is cut off now and then, so that both ends cost the same.
 *
 *     taken taken | first ... last
 */

/** So many taken items are cut off at once. */
const CUT_ITEMS = 1024

export class Queue<T> {
  #items: (T | undefined)[] = []
  #taken = 0

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
    else if (this.#taken === CUT_ITEMS) {
      this.#items = this.#items.slice(CUT_ITEMS)
      this.#taken = 0
    }
  }
}
