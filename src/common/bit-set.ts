/**
 * A set of whole numbers from 0 to 2^32, a bit for each up to the greatest. A `Set` takes 2^24 members at most, which is
 * fewer than a database may have pages.
 */
export class BitSet<Member extends number = number> {
  #words = new Uint32Array(64)
  #size = 0

  /** How many members there are. */
  get size(): number {
    return this.#size
  }

  add(member: Member): void {
    if (this.has(member)) return
    this.#size++
    const word = member >>> 5
    if (word >= this.#words.length) {
      const words = new Uint32Array(Math.max(word + 1, 2 * this.#words.length))
      words.set(this.#words)
      this.#words = words
    }
    this.#words[word] = (this.#words[word] as number) | (1 << (member & 31))
  }

  has(member: Member): boolean {
    return ((this.#words[member >>> 5] ?? 0) & (1 << (member & 31))) !== 0
  }

  /** The members, the least first. */
  *[Symbol.iterator](): IterableIterator<Member> {
    for (let word = 0; word < this.#words.length; word++) {
      if (this.#words[word] === 0) continue
      for (let member = 32 * word; member < 32 * (word + 1); member++) {
        if (this.has(member as Member)) yield member as Member
      }
    }
  }
}
