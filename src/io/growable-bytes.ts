/**
 * The content of a file held in memory: chunks of one size and a length that may grow and shrink.
 *
 *   chunks  [ 16 KiB ][ absent ][ 16 KiB ][ 16 KiB ]
 *   content [ ........ zeros .... ............. ]
 *                                               length
 *
 * An absent chunk is all zeros, and so is a chunk beyond the length; growing therefore never shows old
 * bytes, and a hole costs nothing. `share` makes a second owner of the same content without copying
 * it: whichever of the two changes a chunk first takes its own copy of that chunk then.
 */
import { assert } from '../common/assert.ts'
import { type Digest, digestOfWords } from './digest.ts'

const CHUNK_BYTES = 16_384

/** Digests of chunks that several own and so nobody changes. */
const digests = new WeakMap<Uint8Array, number>()
const DIGEST_OF_ZEROS = digestOfWords(new Uint8Array(CHUNK_BYTES))

export class GrowableBytes {
  #chunks: (Uint8Array | undefined)[] = []
  /** Which chunks are ours alone. */
  #owned: boolean[] = []
  #length = 0

  get length(): number {
    return this.#length
  }

  /** A second owner of the present content. */
  share(): GrowableBytes {
    const other = new GrowableBytes()
    other.#chunks = this.#chunks.slice()
    other.#length = this.#length
    this.#owned = []
    return other
  }

  /** Copies up to `length` bytes from `offset` out; returns how many there were. */
  read(target: Uint8Array, targetStart: number, length: number, offset: number): number {
    const end = Math.min(offset + length, this.#length)
    for (let at = offset; at < end; ) {
      const start = at % CHUNK_BYTES
      const count = Math.min(CHUNK_BYTES - start, end - at)
      const chunk = this.#chunks[(at - start) / CHUNK_BYTES]
      const to = targetStart + at - offset
      if (chunk === undefined) target.fill(0, to, to + count)
      else target.set(chunk.subarray(start, start + count), to)
      at += count
    }
    return Math.max(0, end - offset)
  }

  /** Copies `source` in at `offset`; a gap before it becomes zeros. */
  write(source: Uint8Array, offset: number): void {
    const end = offset + source.length
    for (let at = offset; at < end; ) {
      const start = at % CHUNK_BYTES
      const count = Math.min(CHUNK_BYTES - start, end - at)
      const from = at - offset
      this.#own((at - start) / CHUNK_BYTES).set(source.subarray(from, from + count), start)
      at += count
    }
    if (source.length > 0 && end > this.#length) this.#length = end
  }

  /** Cuts the content or extends it by zeros. */
  truncate(length: number): void {
    if (length < this.#length) {
      const last = Math.floor(length / CHUNK_BYTES)
      if (this.#chunks[last] !== undefined) this.#own(last).fill(0, length % CHUNK_BYTES)
      this.#chunks.length = Math.min(this.#chunks.length, last + 1)
    }
    this.#length = length
  }

  flipBit(offset: number, bit: number): void {
    assert(offset >= 0 && offset < this.#length && bit >= 0 && bit < 8, 'flipped bit outside the content')
    const place = offset % CHUNK_BYTES
    const chunk = this.#own((offset - place) / CHUNK_BYTES)
    chunk[place] = (chunk[place] as number) ^ (1 << bit)
  }

  /** Adds the content to a digest. Costs little for chunks that were in one before and are shared. */
  addTo(digest: Digest): void {
    digest.add(this.#length)
    const count = Math.ceil(this.#length / CHUNK_BYTES)
    for (let index = 0; index < count; index++) digest.add(this.#digestOf(index))
  }

  #digestOf(index: number): number {
    const chunk = this.#chunks[index]
    if (chunk === undefined) return DIGEST_OF_ZEROS
    const known = digests.get(chunk)
    if (known !== undefined) return known
    const made = digestOfWords(chunk)
    if (this.#owned[index] !== true) digests.set(chunk, made)
    return made
  }

  /** The chunk, present and ours alone. */
  #own(index: number): Uint8Array {
    const chunk = this.#chunks[index]
    if (chunk !== undefined && this.#owned[index] === true) return chunk
    const own = chunk === undefined ? new Uint8Array(CHUNK_BYTES) : chunk.slice()
    // Filled up, so that the arrays stay without holes of their own.
    while (this.#chunks.length < index) this.#chunks.push(undefined)
    while (this.#owned.length < index) this.#owned.push(false)
    this.#chunks[index] = own
    this.#owned[index] = true
    return own
  }
}
