import { expect, test } from 'vitest'
import { ROWS_MAX, RowBatch } from '../../src/btree/row-batch.ts'
import { randomBelow, randomFrom } from '../../src/common/random.ts'
import { bytesOf, hex } from './fixture.ts'

const rowsOf = (batch: RowBatch): [string, string][] =>
  Array.from({ length: batch.count }, (_, row) => [hex(batch.key(row)), hex(batch.value(row))])

/** What is left when the rows are put one after the other. */
function expected(rows: readonly (readonly [Uint8Array, Uint8Array])[]): [string, string][] {
  const content = new Map(rows.map(([key, value]) => [hex(key), hex(value)]))
  return [...content].sort(([a], [b]) => (a < b ? -1 : 1))
}

function sorted(rows: readonly (readonly [Uint8Array, Uint8Array])[]): [string, string][] {
  const batch = new RowBatch()
  for (const [key, value] of rows) batch.add(key, value)
  batch.sort()
  return rowsOf(batch)
}

test('rows come in the order of their keys, a prefix first, and of equal keys the last is left', () => {
  const texts = ['b', 'aaaaaaa2', 'a', 'aaaaaaa1', 'b', 'aaaaaaa', 'aaaaaaa1', 'c', 'a\0', 'aaaaaa\0']
  const rows = texts.map((text, i) => [bytesOf(text), Uint8Array.of(i)] as const)
  expect(sorted(rows)).toEqual(expected(rows))
})

test('batches of any keys are sorted, whatever they have in common', () => {
  const random = randomFrom(7)
  for (let run = 0; run < 200; run++) {
    const prefix = new Uint8Array(randomBelow(random, 12)).fill(97)
    const letters = 1 + randomBelow(random, 3)
    const rows = Array.from({ length: 1 + randomBelow(random, run % 10 === 0 ? ROWS_MAX : 40) }, (_, i) => {
      const rest = Uint8Array.from({ length: randomBelow(random, 9) }, () => randomBelow(random, letters) * 127)
      return [Uint8Array.of(...prefix, ...rest, randomBelow(random, 2)), Uint8Array.of(i & 255, i >> 8)] as const
    })
    expect(sorted(rows)).toEqual(expected(rows))
  }
})

test('what was given may be changed afterwards', () => {
  const batch = new RowBatch()
  const key = bytesOf('k1')
  const value = bytesOf('v1')
  batch.add(key, value)
  key[1] = 0x32
  value[1] = 0x32
  batch.add(key, value)
  batch.sort()
  expect(rowsOf(batch)).toEqual([
    [hex(bytesOf('k1')), hex(bytesOf('v1'))],
    [hex(bytesOf('k2')), hex(bytesOf('v2'))],
  ])
})

test('it is full after so many bytes, and empty again once it is cleared', () => {
  const batch = new RowBatch()
  batch.add(bytesOf('long'), new Uint8Array(3_000_000).fill(5))
  expect(batch.isFull).toBe(true)
  expect(batch.value(0).every((byte) => byte === 5)).toBe(true)
  batch.clear()
  expect([batch.isFull, batch.count]).toEqual([false, 0])
  expect(batch.bytes.length, 'memory that one long value took').toBeLessThan(1_000_000)
})

test('the first batches are small', () => {
  const batch = new RowBatch()
  const lengthOfNext = (): number => {
    while (!batch.isFull) batch.add(Uint8Array.of(batch.count >>> 8, batch.count), Uint8Array.of(0))
    const { count } = batch
    batch.clear()
    return count
  }
  expect(Array.from({ length: 6 }, lengthOfNext)).toEqual([32, 64, 128, 256, ROWS_MAX, ROWS_MAX])
})

test('slices begin small too, and are then as long as what takes half a millisecond, going by the last one', () => {
  const batch = new RowBatch()
  const nextAt = (usEach: number, rows = batch.sliceRows): number => {
    batch.tookSlice(rows, (rows * usEach) / 1000)
    return batch.sliceRows
  }
  expect(batch.sliceRows).toBe(32)
  expect([nextAt(2), nextAt(2), nextAt(2), nextAt(2)], 'at most twice as long').toEqual([64, 128, 250, 250])
  expect(nextAt(100), 'never shorter than the first').toBe(32)
  expect([nextAt(5), nextAt(5), nextAt(5)]).toEqual([64, 100, 100])
  expect(nextAt(5, 10), 'what is left of a batch is measured as well').toBe(100)
  expect([nextAt(0), nextAt(0), nextAt(0)], 'a clock that stands still').toEqual([200, 400, ROWS_MAX])
})
