/** A set of whole numbers from 0 on, a bit for each up to the greatest. */
export class BitSet {
  #words = new Uint32Array(64)

  add(member: number): void {
    const word = member >>> 5
    if (word >= this.#words.length) {
      const words = new Uint32Array(Math.max(word + 1, 2 * this.#words.length))
      words.set(this.#words)
      this.#words = words
    }
    this.#words[word] = (this.#words[word] as number) | (1 << (member & 31))
  }

  has(member: number): boolean {
    return ((this.#words[member >>> 5] ?? 0) & (1 << (member & 31))) !== 0
  }
}
