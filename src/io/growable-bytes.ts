/**
 * The content of a file held in memory: a byte array with a length that may grow and shrink.
 *
 *   bytes  [ content ........ | zeros ........ ]
 *          0              length            capacity
 *
 * Everything between length and capacity is zero, so growing never shows old bytes. Capacity doubles.
 * `share` makes a second owner of the same bytes without copying; whichever of the two writes first
 * takes its own copy then.
 */
import { assert } from '../common/assert.ts'

const CAPACITY_BYTES_MIN = 1024

export class GrowableBytes {
  #bytes: Uint8Array
  #length: number
  #shared = false

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#bytes = bytes
    this.#length = bytes.length
  }

  get length(): number {
    return this.#length
  }

  /** A second owner of the present content. */
  share(): GrowableBytes {
    const other = new GrowableBytes(this.#bytes)
    other.#length = this.#length
    other.#shared = true
    this.#shared = true
    return other
  }

  /** Copies up to `length` bytes from `offset` out; returns how many there were. */
  read(target: Uint8Array, targetStart: number, length: number, offset: number): number {
    const count = Math.min(length, this.#length - offset)
    if (count <= 0) return 0
    target.set(this.#bytes.subarray(offset, offset + count), targetStart)
    return count
  }

  /** Copies `source` in at `offset`; a gap before it becomes zeros. */
  write(source: Uint8Array, offset: number): void {
    if (source.length === 0) return
    const end = offset + source.length
    this.#own(Math.max(end, this.#length))
    this.#bytes.set(source, offset)
    if (end > this.#length) this.#length = end
  }

  /** Cuts the content or extends it by zeros. */
  truncate(length: number): void {
    if (length === this.#length) return
    this.#own(length)
    if (length < this.#length) this.#bytes.fill(0, length, this.#length)
    this.#length = length
  }

  flipBit(offset: number, bit: number): void {
    assert(offset >= 0 && offset < this.#length && bit >= 0 && bit < 8, 'flipped bit outside the content')
    this.#own(this.#length)
    this.#bytes[offset] = (this.#bytes[offset] as number) ^ (1 << bit)
  }

  /** Makes the bytes ours alone, with room for `length` of them. */
  #own(length: number): void {
    const fits = length <= this.#bytes.length
    if (fits && !this.#shared) return
    const capacity = fits ? this.#bytes.length : Math.max(length, this.#bytes.length * 2, CAPACITY_BYTES_MIN)
    const copy = new Uint8Array(capacity)
    copy.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = copy
    this.#shared = false
  }
}
