/**
 * The content of a file held in memory: chunks of one size and a length that may grow and shrink.
 *
 *   chunks  [ 4 KiB ][ absent ][ 4 KiB ][ 4 KiB ]
 *   content [ ...... zeros .... ............ ]
 *                                            length
 *
 * An absent chunk is all zeros, and so is a chunk beyond the length; growing therefore never shows old
 * bytes, and a hole costs nothing. `share` makes a second owner of the same content without copying
 * it: whichever of the two changes a chunk first takes its own copy of that chunk then. `place` takes
 * whole chunks of `FixedBytes` as they are, so a page that is written, synced and kept by many crash
 * states is there once.
 *
 * DIGEST. A sum over the chunks, of a number for each that is made of its place and its bytes, and is
 * zero for zeros. It is kept up, so that it costs as much as there are chunks that are new.
 */
import { isZero, zerosOf } from '../common/bytes.ts'
import { difference, digestAt, digestOfWords, sum } from './digest.ts'

const CHUNK_BYTES = 4096

class Chunk {
  readonly bytes: Uint8Array
  /** 0 before it is asked for. */
  #digest = 0

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }

  /** Of bytes that nobody changes any more. */
  get digest(): number {
    if (this.#digest === 0) this.#digest = digestOfWords(this.bytes)
    return this.#digest
  }
}

/** A copy of bytes, which nobody changes, with its place in a file. */
export class FixedBytes {
  readonly bytes: Uint8Array
  readonly offset: number
  readonly #isZero: boolean
  readonly #chunks = new Map<number, Chunk | undefined>()

  constructor(source: Uint8Array, offset: number) {
    this.#isZero = isZero(source, 0, source.length)
    this.bytes = this.#isZero ? zerosOf(source.length) : source.slice()
    this.offset = offset
  }

  get end(): number {
    return this.offset + this.bytes.length
  }

  /** A chunk of the file that lies wholly within; undefined when it is zeros. */
  chunkAt(index: number): Chunk | undefined {
    if (this.#isZero) return undefined
    if (!this.#chunks.has(index)) this.#chunks.set(index, this.#cut(index * CHUNK_BYTES - this.offset))
    return this.#chunks.get(index)
  }

  #cut(start: number): Chunk | undefined {
    const { bytes } = this
    if (isZero(bytes, start, start + CHUNK_BYTES)) return undefined
    const isAligned = start % Int32Array.BYTES_PER_ELEMENT === 0
    return new Chunk(isAligned ? bytes.subarray(start, start + CHUNK_BYTES) : bytes.slice(start, start + CHUNK_BYTES))
  }
}

export class GrowableBytes {
  #chunks: (Chunk | undefined)[] = []
  /** The chunks that are ours alone and so may be changed. */
  readonly #owned = new Set<number>()
  /** The chunks that the digest lacks: all owned ones, and new ones that nobody changes. */
  readonly #undigested = new Set<number>()
  #digest = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  /** A second owner of the present content. */
  share(): GrowableBytes {
    this.#owned.clear()
    for (const index of this.#undigested) this.#digest = sum(this.#digest, this.#digestAt(index))
    this.#undigested.clear()
    const other = new GrowableBytes()
    other.#chunks = this.#chunks.slice()
    other.#length = this.#length
    other.#digest = this.#digest
    return other
  }

  /** The digest of the content, the length aside. Costs little for what was shared and not changed since. */
  get digest(): number {
    let digest = this.#digest
    for (const index of this.#undigested) digest = sum(digest, this.#digestAt(index))
    return digest
  }

  /** Copies up to `length` bytes from `offset` out; returns how many there were. */
  read(target: Uint8Array, targetStart: number, length: number, offset: number): number {
    const end = Math.min(offset + length, this.#length)
    for (let at = offset; at < end; ) {
      const start = at % CHUNK_BYTES
      const count = Math.min(CHUNK_BYTES - start, end - at)
      const chunk = this.#chunks[(at - start) / CHUNK_BYTES]?.bytes
      const to = targetStart + at - offset
      if (chunk === undefined) target.fill(0, to, to + count)
      else target.set(count === CHUNK_BYTES ? chunk : chunk.subarray(start, start + count), to)
      at += count
    }
    return Math.max(0, end - offset)
  }

  /** Copies `source` in at `offset`; a gap before it becomes zeros. */
  write(source: Uint8Array, offset: number): void {
    this.#put(source, offset, offset, offset + source.length, undefined)
  }

  /** Writes what lies in [start, end) of `source`. */
  place(source: FixedBytes, start = source.offset, end = source.end): void {
    this.#put(source.bytes, source.offset, start, end, source)
  }

  #put(source: Uint8Array, offset: number, from: number, end: number, fixed: FixedBytes | undefined): void {
    for (let at = from; at < end; ) {
      const start = at % CHUNK_BYTES
      const count = Math.min(CHUNK_BYTES - start, end - at)
      const index = (at - start) / CHUNK_BYTES
      if (count === CHUNK_BYTES && fixed !== undefined) this.#take(index, fixed.chunkAt(index))
      else if (this.#chunks[index] !== undefined || !isZero(source, at - offset, at - offset + count)) {
        this.#own(index).set(source.subarray(at - offset, at - offset + count), start)
      }
      at += count
    }
    if (from < end && end > this.#length) this.#length = end
  }

  /** Cuts the content or extends it by zeros. */
  truncate(length: number): void {
    if (length < this.#length) {
      const last = Math.floor(length / CHUNK_BYTES)
      if (this.#chunks[last] !== undefined) this.#own(last).fill(0, length % CHUNK_BYTES)
      for (let index = last + 1; index < this.#chunks.length; index++) this.#drop(index)
      this.#chunks.length = Math.min(this.#chunks.length, last + 1)
    }
    this.#length = length
  }

  /** The number that a chunk adds to the digest. */
  #digestAt(index: number): number {
    const chunk = this.#chunks[index]
    if (chunk === undefined || isZero(chunk.bytes, 0, CHUNK_BYTES)) return 0
    return digestAt(index, this.#owned.has(index) ? digestOfWords(chunk.bytes) : chunk.digest)
  }

  #take(index: number, chunk: Chunk | undefined): void {
    this.#drop(index)
    if (chunk !== undefined) this.#install(index, chunk)
  }

  /** The bytes of the chunk, which is present and ours alone then. */
  #own(index: number): Uint8Array {
    const chunk = this.#chunks[index]
    if (chunk !== undefined && this.#owned.has(index)) return chunk.bytes
    const own = new Chunk(chunk === undefined ? new Uint8Array(CHUNK_BYTES) : chunk.bytes.slice())
    this.#drop(index)
    this.#install(index, own)
    this.#owned.add(index)
    return own.bytes
  }

  #drop(index: number): void {
    if (this.#chunks[index] === undefined) return
    if (this.#undigested.delete(index)) this.#owned.delete(index)
    else this.#digest = difference(this.#digest, this.#digestAt(index))
    this.#chunks[index] = undefined
  }

  #install(index: number, chunk: Chunk): void {
    // Filled up, so that the array stays without holes of its own.
    while (this.#chunks.length < index) this.#chunks.push(undefined)
    this.#chunks[index] = chunk
    this.#undigested.add(index)
  }
}
