import { describe, expect, test } from 'vitest'
import { hashKey, KeyHead, KeyTable } from '../../src/common/key-table.ts'
import { bytesOf } from '../lock/support.ts'

const HASH = 42

describe('resources of the same hash', () => {
  const names: [number, string][] = [
    [1, 'a'],
    [1, 'ab'],
    [1, 'b'],
    [1, ''],
    [2, 'a'],
  ]

  test('are told apart by space, length and bytes', () => {
    const table = new KeyTable((keyCapacity) => new KeyHead(keyCapacity))
    for (const [space, key] of names) {
      const bytes = bytesOf(key)
      expect(table.find(HASH, space, bytes, 0, bytes.length)).toBeUndefined()
      table.insert(HASH, space, bytes, 0, bytes.length)
    }
    const heads = names.map(([space, key]) => table.find(HASH, space, bytesOf(key), 0, key.length))
    expect(new Set(heads).size).toBe(names.length)
    expect(heads.map((head) => [head?.space, head?.keyLength])).toEqual(
      names.map(([space, key]) => [space, key.length]),
    )
  })

  test('can be removed from every place of their bucket', () => {
    for (let removed = 0; removed < names.length; removed++) {
      const table = new KeyTable((keyCapacity) => new KeyHead(keyCapacity))
      const heads = names.map(([space, key]) => table.insert(HASH, space, bytesOf(key), 0, key.length))
      table.remove(heads[removed] as (typeof heads)[number])
      const found = names.map(([space, key]) => table.find(HASH, space, bytesOf(key), 0, key.length) !== undefined)
      expect(found).toEqual(names.map((_, index) => index !== removed))
    }
  })
})

test('a head used again for a longer key has room for it', () => {
  const table = new KeyTable((keyCapacity) => new KeyHead(keyCapacity))
  table.remove(table.insert(HASH, 1, bytesOf('short'), 0, 5))
  const long = bytesOf('a key of more than sixteen bytes')
  table.insert(HASH, 1, long, 0, long.length)
  expect(table.find(HASH, 1, long, 0, long.length)).toBeDefined()
})

test('the table lists its heads through growth and shrinking', () => {
  const table = new KeyTable((keyCapacity) => new KeyHead(keyCapacity))
  const names = Array.from({ length: 5000 }, (_, index) => bytesOf(`${index}`))
  const heads = names.map((key) => table.insert(hashKey(1, key, 0, key.length), 1, key, 0, key.length))
  expect(new Set(table.heads())).toEqual(new Set(heads))
  for (const head of heads.slice(10)) table.remove(head)
  expect(new Set(table.heads())).toEqual(new Set(heads.slice(0, 10)))
})

test('hashes of consecutive keys and spaces spread over the low bits', () => {
  const buckets = new Set<number>()
  const key = new Uint8Array(8)
  for (let i = 0; i < 4096; i++) {
    new DataView(key.buffer).setUint32(4, i >> 4)
    buckets.add(hashKey(i & 15, key, 0, 8) & 4095)
  }
  // 4096 balls thrown at random hit 63 % of 4096 boxes.
  expect(buckets.size).toBeGreaterThan(4096 * 0.6)
})
