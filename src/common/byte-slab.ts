/**
 * Copies of small byte ranges, many of them. An array of its own costs several times what the copying
 * does once it is too long for the heap, so copies of medium length are cut from slabs, as Node's
 * `Buffer` does: arrays cut from one slab have one `ArrayBuffer` in common, and keep it alive together.
 */

/** Up to here the runtime keeps an array's bytes in its heap, which is cheap. */
const HEAP_BYTES_MAX = 64
/** Above this the copying costs more than the array. */
const SLAB_SHARE_BYTES_MAX = 1024
const SLAB_BYTES = 16384

let slab = new ArrayBuffer(SLAB_BYTES)
let used = 0

/** A copy of `source[start, end)`. */
export function copyOfRange(source: Uint8Array, start: number, end: number): Uint8Array {
  const length = end - start
  if (length <= HEAP_BYTES_MAX || length > SLAB_SHARE_BYTES_MAX) return source.slice(start, end)
  // Who transfers the buffer of one copy to another thread takes the slab with it.
  if (used + length > SLAB_BYTES || slab.byteLength === 0) {
    slab = new ArrayBuffer(SLAB_BYTES)
    used = 0
  }
  const copy = new Uint8Array(slab, used, length)
  copy.set(source.subarray(start, end))
  used += (length + 7) & ~7
  return copy
}
