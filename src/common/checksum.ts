/**
 * CRC-32 (the polynomial of zlib and of the crc-32 package), chosen by size: crc-32's table loop is
 * faster up to a few hundred bytes, the runtime's native one above. Both give the same value, so
 * which one ran does not show on disk. Where the runtime has no native one, crc-32 serves all sizes.
 */
import CRC32 from 'crc-32'

type Crc32 = (data: Uint8Array, value?: number) => number

interface MaybeNode {
  process?: { getBuiltinModule?: (name: string) => { crc32?: Crc32 } | undefined }
}

const native: Crc32 | undefined = (globalThis as MaybeNode).process?.getBuiltinModule?.('node:zlib')?.crc32

const NATIVE_FROM_BYTES = 300

/** CRC-32 of `bytes[start, end)` continued from `seed`, as an unsigned 32-bit number. */
export function checksum(bytes: Uint8Array, start: number, end: number, seed: number): number {
  const range = bytes.subarray(start, end)
  if (native !== undefined && end - start >= NATIVE_FROM_BYTES) return native(range, seed)
  return CRC32.buf(range, seed | 0) >>> 0
}

/**
 * A seed that differs for every (database, place): for equal bytes a CRC is a bijection of its seed,
 * so the same bytes at another place or in another database never pass. The place is mixed, because a
 * CRC adds its seed to the first bytes: unmixed, a page id would cancel out against itself there.
 */
export function placeSeed(databaseSeed: number, place: number, length: number): number {
  const low = Math.imul(place >>> 0, 0x9e37_79b1)
  const high = Math.imul((place / 0x1_0000_0000) >>> 0, 0xc2b2_ae35)
  return (databaseSeed ^ low ^ high ^ Math.imul(length, 0x85eb_ca6b)) >>> 0
}
