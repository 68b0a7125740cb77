/**
 * Rows on their way into a tree: keys and values in one piece of memory, then sorted. A copy, so that who
 * gives them may use its buffers again; and offsets in place of objects, so that a row costs no allocation.
 *
 * ```
 *   bytes   | key 0 | value 0 | key 1 | value 1 | ...
 *             ^keyStarts[0]     ^keyStarts[1]
 *                     ^valueStarts[0]  ^valueStarts[1]
 *                             ^ends[0]         ^ends[1]
 * ```
 *
 * SORTING compares numbers. All keys begin with some bytes that they have in common; the next five make a
 * number, and the row's place below it keeps the order of equal ones. Only rows with the same five bytes
 * are then compared as keys.
 */
import { compareRanges, copyBytes } from '../common/bytes.ts'

/** At most so many rows, or bytes, are sorted together. */
export const ROWS_MAX = 512
const BYTES_MAX = 1 << 18
/** The first batches and slices are short, because code that has not run yet takes 30 us a row. */
const ROWS_AT_FIRST = 32
/** What is put in one go takes about so long, whatever the machine: the event loop waits for it. */
const SLICE_MS = 0.5
const BYTES_AT_FIRST = 1 << 14
const HEAD_BYTES = 5

export class RowBatch {
  bytes = new Uint8Array(BYTES_AT_FIRST)
  count = 0
  readonly keyStarts = new Int32Array(ROWS_MAX)
  readonly valueStarts = new Int32Array(ROWS_MAX)
  readonly ends = new Int32Array(ROWS_MAX)
  readonly #sorted = new Float64Array(ROWS_MAX)
  #used = 0
  #rowsMax = ROWS_AT_FIRST
  #sliceRows = ROWS_AT_FIRST

  /** Whether what it holds is to be put before another row is added. */
  get isFull(): boolean {
    return this.count >= this.#rowsMax || this.#used >= BYTES_MAX
  }

  add(key: Uint8Array, value: Uint8Array): void {
    const start = this.#used
    const valueStart = start + key.length
    const end = valueStart + value.length
    if (end > this.bytes.length) this.#grow(end)
    copyBytes(this.bytes, start, key, 0, key.length)
    copyBytes(this.bytes, valueStart, value, 0, value.length)
    this.keyStarts[this.count] = start
    this.valueStarts[this.count] = valueStart
    this.ends[this.count] = end
    this.count++
    this.#used = end
  }

  #grow(atLeast: number): void {
    const grown = new Uint8Array(Math.max(atLeast, this.bytes.length * 2))
    grown.set(this.bytes.subarray(0, this.#used))
    this.bytes = grown
  }

  /** How many rows are to be put in one go. */
  get sliceRows(): number {
    return this.#sliceRows
  }

  /** Goes by how long a slice took: the next one is to take `SLICE_MS`. */
  tookSlice(rows: number, tookMs: number): void {
    const inTime = Math.floor((rows * SLICE_MS) / tookMs)
    this.#sliceRows = Math.max(ROWS_AT_FIRST, Math.min(inTime, 2 * this.#sliceRows, ROWS_MAX))
  }

  /** Forgets all rows, and memory that one long value took. After a full batch the next may be twice as long. */
  clear(): void {
    if (this.isFull) this.#rowsMax = Math.min(2 * this.#rowsMax, ROWS_MAX)
    this.count = 0
    this.#used = 0
    if (this.bytes.length > 2 * BYTES_MAX) this.bytes = new Uint8Array(BYTES_AT_FIRST)
  }

  key(row: number): Uint8Array {
    return this.bytes.subarray(this.keyStarts[row], this.valueStarts[row])
  }

  value(row: number): Uint8Array {
    return this.bytes.subarray(this.valueStarts[row], this.ends[row])
  }

  /** Puts the rows into the order of their keys; of equal keys only the one added last is left. */
  sort(): void {
    let row = 1
    while (row < this.count && this.#compare(row - 1, row) < 0) row++
    if (row >= this.count) return
    const shared = this.#sharedBytes()
    const sorted = this.#sorted.subarray(0, this.count)
    for (row = 0; row < this.count; row++) sorted[row] = this.#head(row, shared) * ROWS_MAX + row
    sorted.sort()
    this.#sortTies(sorted)
    this.#arrange(sorted)
  }

  #compare(a: number, b: number): number {
    const { bytes, keyStarts, valueStarts } = this
    return compareRanges(
      bytes,
      keyStarts[a] as number,
      valueStarts[a] as number,
      bytes,
      keyStarts[b] as number,
      valueStarts[b] as number,
    )
  }

  /** How many bytes all keys begin with in common. */
  #sharedBytes(): number {
    const { bytes, keyStarts, valueStarts } = this
    let shared = valueStarts[0] as number
    for (let row = 1; row < this.count; row++) {
      const start = keyStarts[row] as number
      const most = Math.min(shared, (valueStarts[row] as number) - start)
      shared = 0
      while (shared < most && bytes[shared] === bytes[start + shared]) shared++
    }
    return shared
  }

  /** The bytes of a key after the first `skip` as a number; what is missing counts as zeros. */
  #head(row: number, skip: number): number {
    const { bytes } = this
    const end = this.valueStarts[row] as number
    const from = (this.keyStarts[row] as number) + skip
    let head = 0
    for (let i = from; i < from + HEAD_BYTES; i++) head = head * 256 + (i < end ? (bytes[i] as number) : 0)
    return head
  }

  /** Orders neighbours whose heads are equal by their keys. They come in the order in which they were added. */
  #sortTies(sorted: Float64Array): void {
    for (let i = 1; i < sorted.length; i++) {
      const moving = sorted[i] as number
      let to = i
      for (; to > 0; to--) {
        const before = sorted[to - 1] as number
        if (headOf(before) !== headOf(moving) || this.#compare(rowOf(before), rowOf(moving)) <= 0) break
        sorted[to] = before
      }
      sorted[to] = moving
    }
  }

  #arrange(sorted: Float64Array): void {
    const { keyStarts, valueStarts, ends } = this
    const [oldKeys, oldValues, oldEnds] = [keyStarts.slice(), valueStarts.slice(), ends.slice()]
    let count = 0
    for (let i = 0; i < sorted.length; i++) {
      const row = rowOf(sorted[i] as number)
      keyStarts[count] = oldKeys[row] as number
      valueStarts[count] = oldValues[row] as number
      ends[count] = oldEnds[row] as number
      // A row with the same key takes the place of the one before it: it was added later.
      if (count > 0 && this.#compare(count - 1, count) === 0) {
        keyStarts[count - 1] = oldKeys[row] as number
        valueStarts[count - 1] = oldValues[row] as number
        ends[count - 1] = oldEnds[row] as number
      } else {
        count++
      }
    }
    this.count = count
  }
}

const rowOf = (sorted: number): number => sorted % ROWS_MAX
const headOf = (sorted: number): number => Math.floor(sorted / ROWS_MAX)

/** Keeps a batch for its next use: most loads need one at a time. */
export class RowBatches {
  #spare: RowBatch | undefined

  take(): RowBatch {
    const batch = this.#spare ?? new RowBatch()
    this.#spare = undefined
    return batch
  }

  giveBack(batch: RowBatch): void {
    batch.clear()
    this.#spare = batch
  }
}
