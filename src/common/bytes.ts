/**
 * Byte helpers over one long-lived `Uint8Array` and `DataView`. A number up to 2^53 is stored as two
 * little-endian u32, which is byte for byte a little-endian u64.
 */

const TWO_32 = 0x1_0000_0000

export function getU53(view: DataView, offset: number): number {
  return view.getUint32(offset + 4, true) * TWO_32 + view.getUint32(offset, true)
}

export function setU53(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value >>> 0, true)
  view.setUint32(offset + 4, (value / TWO_32) >>> 0, true)
}

/** memcmp order of two byte ranges; a proper prefix comes first. */
export function compareRanges(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  const length = Math.min(aEnd - aStart, bEnd - bStart)
  for (let i = 0; i < length; i++) {
    const difference = (a[aStart + i] as number) - (b[bStart + i] as number)
    if (difference !== 0) return difference
  }
  return aEnd - aStart - (bEnd - bStart)
}

/** memcmp order of two byte strings. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return compareRanges(a, 0, a.length, b, 0, b.length)
}

/**
 * Copies `length` bytes. Short copies run as a loop: a typed array view costs more than they do.
 */
export function copyBytes(
  target: Uint8Array,
  targetStart: number,
  source: Uint8Array,
  sourceStart: number,
  length: number,
): void {
  if (length <= 24) {
    for (let i = 0; i < length; i++) target[targetStart + i] = source[sourceStart + i] as number
  } else {
    target.set(source.subarray(sourceStart, sourceStart + length), targetStart)
  }
}

/** As long as the longest that were asked for. */
let zeros = new Uint8Array(0)

/** Zeros, which everybody has in common and nobody changes: files are made of them by the megabyte. */
export function zerosOf(length: number): Uint8Array {
  if (zeros.length < length) zeros = new Uint8Array(length)
  return zeros.subarray(0, length)
}

/** True when every byte of the range is zero. Looks at whole words where it can: logs are scanned with it. */
export function isZero(bytes: Uint8Array, start: number, end: number): boolean {
  const wordsFrom = start + (-(bytes.byteOffset + start) & 3)
  const wordsUpTo = end - ((bytes.byteOffset + end) & 3)
  if (wordsFrom >= wordsUpTo) return areBytesZero(bytes, start, end)
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + wordsFrom, (wordsUpTo - wordsFrom) >>> 2)
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false
  return areBytesZero(bytes, start, wordsFrom) && areBytesZero(bytes, wordsUpTo, end)
}

function areBytesZero(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] !== 0) return false
  return true
}
