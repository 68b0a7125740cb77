/** Numbers, comparisons, checksums, copies, errors: what everything else takes for granted. */
import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AssertionError, assert } from '../../src/common/assert.ts'
import { copyOfRange } from '../../src/common/byte-slab.ts'
import { compareBytes, copyBytes, getU53, isZero, setU53 } from '../../src/common/bytes.ts'
import { checksum, placeSeed } from '../../src/common/checksum.ts'
import { AriesError } from '../../src/common/errors.ts'
import { ioError } from '../../src/io/file-system.ts'

const bytes = fc.uint8Array({ maxLength: 40 })

describe('bytes', () => {
  test('a number up to 2^53 is a little-endian u64', () => {
    const view = new DataView(new ArrayBuffer(16))
    fc.assert(
      fc.property(fc.maxSafeNat(), (n) => {
        setU53(view, 3, n)
        expect(getU53(view, 3)).toBe(n)
        expect(view.getBigUint64(3, true)).toBe(BigInt(n))
      }),
    )
  })

  test('compare as memcmp does', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b))
      }),
    )
  })

  test('copies are equal and their own', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), fc.nat(30), (source, start) => {
        const from = Math.min(start, source.length)
        const copy = copyOfRange(source, from, source.length)
        expect(Buffer.from(copy).equals(source.slice(from))).toBe(true)
        const target = new Uint8Array(2100).fill(1)
        copyBytes(target, 5, source, from, source.length - from)
        expect(Buffer.from(target.subarray(5, 5 + source.length - from)).equals(source.slice(from))).toBe(true)
        expect([target[4], target[5 + source.length - from]]).toEqual([1, 1])
        if (copy.length > 0) {
          source[from] = (source[from] as number) ^ 1
          expect(copy[0]).not.toBe(source[from])
        }
      }),
    )
    const first = copyOfRange(new Uint8Array(200).fill(1), 0, 200)
    const second = copyOfRange(new Uint8Array(200).fill(2), 0, 200)
    expect([first.every((byte) => byte === 1), second.every((byte) => byte === 2)]).toEqual([true, true])
  })

  test('isZero sees every byte of the range and none outside', () => {
    const bytes = new Uint8Array(24)
    for (let at = 0; at < bytes.length; at++) {
      bytes[at] = 1
      for (let start = 0; start <= bytes.length; start++) {
        for (let end = start; end <= bytes.length; end++) {
          expect(isZero(bytes, start, end), `${at} in [${start}, ${end})`).toBe(at < start || at >= end)
        }
      }
      bytes[at] = 0
    }
  })
})

describe('checksums', () => {
  test('are CRC-32, whatever the length and the seed', () => {
    for (const length of [0, 1, 8, 40, 299, 300, 301, 5000]) {
      const data = Uint8Array.from({ length: length + 3 }, (_, i) => i * 31)
      for (const seed of [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]) {
        expect(checksum(data, 3, length + 3, seed), `${length} ${seed}`).toBe(crc32(data.subarray(3), seed))
      }
    }
  })

  test('seeds differ by database, place and length', () => {
    const seeds = new Set<number>()
    for (const database of [1, 2]) {
      for (const place of [0, 8, 64, 2 ** 32, 2 ** 32 + 8, 2 ** 40]) {
        for (const length of [40, 48]) seeds.add(placeSeed(database, place, length))
      }
    }
    expect(seeds.size).toBe(24)
  })
})

describe('errors', () => {
  test('carry code, details and cause, and are known across copies of the package', () => {
    const cause = new Error('inner')
    const error = new AriesError('TX_DEADLOCK', 'what happened', { pageId: 5 }, cause)
    expect(error).toMatchObject({
      name: 'AriesError',
      code: 'TX_DEADLOCK',
      retryable: true,
      details: { pageId: 5 },
      cause,
    })
    expect(error.message).toBe('TX_DEADLOCK: what happened')
    expect(new AriesError('DISK_FULL', 'm').retryable).toBe(false)
    expect(AriesError.is(error)).toBe(true)
    expect(AriesError.is({ [Symbol.for('aries-db.error')]: true })).toBe(true)
    for (const other of [cause, null, undefined, 'TX_DEADLOCK', { code: 'TX_DEADLOCK' }])
      expect(AriesError.is(other)).toBe(false)
  })

  test.each([
    ['ENOSPC', 'DISK_FULL'],
    ['EDQUOT', 'DISK_FULL'],
    ['EFBIG', 'DISK_FULL'],
    ['EROFS', 'DB_READ_ONLY'],
    ['EACCES', 'DB_READ_ONLY'],
    ['EIO', 'IO_ERROR'],
    ['EMFILE', 'IO_ERROR'],
  ])('of the system, %s is %s', (errno, code) => {
    const cause = Object.assign(new Error('as the system says'), { code: errno })
    const error = ioError(cause, 'write', 'data')
    expect(error).toMatchObject({ code, details: { file: 'data', errno }, cause })
    expect(error.message).toMatch('write of data failed: as the system says')
    expect(ioError(error, 'other', 'file')).toBe(error)
  })

  test('a broken invariant is no operating error', () => {
    expect(() => assert(false, 'it holds (I1)')).toThrow(AssertionError)
    expect(() => assert(true, 'it holds')).not.toThrow()
  })
})
