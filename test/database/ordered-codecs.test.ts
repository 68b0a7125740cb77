/** Numbers and tuples as keys: what comes back, and that the order of the bytes is theirs. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareBytes } from '../../src/common/bytes.ts'
import { buffer, type Codec, utf8 } from '../../src/database/codecs.ts'
import { number, tuple } from '../../src/database/ordered-codecs.ts'
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts'
import { openOn } from './support.ts'

const order = <T>(codec: Codec<T>, a: T, b: T): number => Math.sign(compareBytes(codec.encode(a), codec.encode(b)))
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' })

describe('number', () => {
  test('is written as the table says', () => {
    expect(hexOf(number.encode(-1))).toBe('400fffffffffffff')
    expect(hexOf(number.encode(1))).toBe('bff0000000000000')
    expect(hexOf(number.encode(-0))).toBe(hexOf(number.encode(0)))
  })

  test('comes back, in order', () => {
    const anyNumber = fc.double({ noNaN: true }).map((value) => value + 0)
    fc.assert(
      fc.property(anyNumber, anyNumber, (a, b) => {
        expect(number.decode(number.encode(a))).toBe(a)
        expect(order(number, a, b)).toBe(Math.sign(a === b ? 0 : a - b || (a < b ? -1 : 1)))
      }),
      {
        examples: [
          [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY],
          [-5e-324, 5e-324],
          [2, 10],
          [-10, -2],
        ],
      },
    )
  })

  test('refuses what is no number, and bytes that are none', () => {
    expect(() => number.encode(Number.NaN)).toThrow('expected a number, got NaN')
    expect(() => number.encode('7' as never)).toThrow(refused)
    expect(() => number.decode(new Uint8Array(7))).toThrow(refused)
  })
})

describe('tuple', () => {
  const codec = tuple(utf8, buffer, number)
  /** Few different bytes, so that zeros, their escapes and common beginnings come often. */
  const part = fc.uint8Array({ maxLength: 4 }).map((bytes) => bytes.map((byte) => [0, 1, 2, 0xff][byte & 3] as number))
  const key = fc.tuple(
    fc.string({ unit: fc.constantFrom('\0', '\x01', 'a'), maxLength: 3 }),
    part,
    fc.integer({ min: -2, max: 2 }),
  )

  test('comes back, in the order of its parts', () => {
    const codecs = [utf8, buffer, number] as readonly Codec<unknown>[]
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(codec.decode(codec.encode(a))).toEqual(a)
        const first = codecs.map((one, i) => order(one, a[i], b[i])).find((sign) => sign !== 0) ?? 0
        expect(order(codec, a, b)).toBe(first)
      }),
    )
  })

  test('refuses another count of parts, and bytes that are none', () => {
    expect(() => codec.encode(['a', new Uint8Array()] as never)).toThrow('expected a tuple of 3, got 2')
    expect(() => codec.encode('abc' as never)).toThrow('expected a tuple of 3, got string')
    for (const bytes of [[], [1], [0], [0, 2], [0, 0xff], [1, 0, 1, 2]]) {
      expect(() => codec.decode(Uint8Array.from(bytes))).toThrow('the bytes are not a tuple of 3')
    }
  })
})

test('the rows of one owner are a range, in the order of their numbers', async () => {
  const db = await openOn(new MemoryFileSystem())
  const notes = db.table('notes', { key: tuple(utf8, number), value: utf8 })
  for (const owner of ['al', 'alice', 'bob']) {
    for (const id of [10, 9, -1, 100]) await notes.put([owner, id], `${owner} ${id}`)
  }
  using snapshot = db.snapshot()
  const ofAlice = snapshot.range(notes, {
    gte: ['alice', Number.NEGATIVE_INFINITY],
    lte: ['alice', Number.POSITIVE_INFINITY],
  })
  expect(ofAlice.all().map(([[, id]]) => id)).toEqual([-1, 9, 10, 100])
  await db.close()
})
