import { describe, expect, test } from 'vitest'
import { TreeCursor } from '../../src/btree/cursor.ts'
import { bytesOf, Fixture, textOf } from './fixture.ts'

const keyOf = (index: number): string => `key-${String(index).padStart(5, '0')}`

function makeTree(count: number) {
  const fixture = new Fixture()
  const tree = fixture.run((entry) => fixture.btree.create(entry))
  const put = (index: number): boolean =>
    fixture.run((entry) => fixture.btree.put(entry, tree, bytesOf(keyOf(index)), bytesOf(`v${index}`)))
  const remove = (index: number): boolean =>
    fixture.run((entry) => fixture.btree.delete(entry, tree, bytesOf(keyOf(index))))
  for (let i = 0; i < count; i++) put(i * 2)
  return { fixture, tree, put, remove, cursor: new TreeCursor(fixture.btree, tree) }
}

const FORWARD = { reverse: false, inclusive: true }
const BACKWARD = { reverse: true, inclusive: true }

describe('seek', () => {
  const cases: [string, number, boolean, boolean, number | undefined][] = [
    ['forward to a key', 10, false, true, 10],
    ['forward past a key', 10, false, false, 12],
    ['forward between keys', 11, false, true, 12],
    ['forward behind the last', 999, false, true, undefined],
    ['backward to a key', 10, true, true, 10],
    ['backward past a key', 10, true, false, 8],
    ['backward between keys', 11, true, true, 10],
    ['backward behind the last', 999, true, true, 598],
  ]
  for (const [name, key, reverse, inclusive, expected] of cases) {
    test(name, () => {
      const { cursor } = makeTree(300)
      expect(cursor.seek(bytesOf(keyOf(key)), { reverse, inclusive })).toBe(expected !== undefined)
      if (expected !== undefined) expect(textOf(cursor.key())).toBe(keyOf(expected))
    })
  }

  test('backward before the first finds nothing', () => {
    const { cursor } = makeTree(300)
    expect(cursor.seek(bytesOf('a'), BACKWARD)).toBe(false)
    expect(cursor.seek(bytesOf(keyOf(0)), { reverse: true, inclusive: false })).toBe(false)
  })

  test('an empty tree has no entry either way', () => {
    const { cursor } = makeTree(0)
    expect(cursor.seek(undefined, FORWARD)).toBe(false)
    expect(cursor.seek(undefined, BACKWARD)).toBe(false)
  })

  test('each leaf boundary is crossed both ways', () => {
    const { cursor } = makeTree(600)
    for (const options of [FORWARD, BACKWARD]) {
      for (let i = 0; i < 600; i++) {
        const next = options.reverse ? i - 1 : i + 1
        expect(cursor.seek(bytesOf(keyOf(i * 2)), options)).toBe(true)
        expect(cursor.advance()).toBe(next >= 0 && next < 600)
        if (next >= 0 && next < 600) expect(textOf(cursor.key())).toBe(keyOf(next * 2))
      }
    }
  })
})

describe('a walk while others write', () => {
  test('sees what is inserted ahead, not what is behind', () => {
    const { cursor, put } = makeTree(300)
    const seen: string[] = []
    for (let found = cursor.seek(undefined, FORWARD); found; found = cursor.advance()) {
      const index = Number(textOf(cursor.key())?.slice(4))
      seen.push(keyOf(index))
      if (index % 2 === 0) {
        put(index + 1)
        if (index > 0) put(index - 1)
      }
    }
    expect(seen).toEqual(Array.from({ length: 600 }, (_, index) => keyOf(index)))
  })

  test('goes on when its own entry and leaf have gone', () => {
    for (const options of [FORWARD, BACKWARD]) {
      const { cursor, fixture, tree, remove } = makeTree(300)
      expect(cursor.seek(bytesOf(keyOf(300)), options)).toBe(true)
      for (let i = 100; i < 200; i++) remove(i * 2)
      fixture.cleanAll()
      expect(fixture.check(tree).problems).toEqual([])
      expect(cursor.isGhost).toBe(true)
      expect(cursor.value()).toBeUndefined()
      expect(cursor.advance()).toBe(true)
      expect(textOf(cursor.key())).toBe(keyOf(options.reverse ? 198 : 400))
    }
  })

  test('goes on in the leaf that took over its own, which was freed as it was', () => {
    const { cursor, fixture, tree, put, remove } = makeTree(300)
    const before = fixture.check(tree).pages.size
    expect(cursor.seek(bytesOf(keyOf(500)), FORWARD)).toBe(true)
    for (let i = 0; i < 160; i++) remove(i * 2)
    fixture.cleanAll()
    expect(fixture.check(tree).pages.size).toBeLessThan(before)
    put(501)
    expect(cursor.advance()).toBe(true)
    expect(textOf(cursor.key())).toBe(keyOf(501))
  })

  test('its value is the present one, wherever the entry has moved', () => {
    const { cursor, fixture, tree, put } = makeTree(50)
    expect(cursor.seek(bytesOf(keyOf(20)), FORWARD)).toBe(true)
    for (let i = 0; i < 50; i++) put(i * 2 + 1)
    fixture.run((entry) => fixture.btree.put(entry, tree, bytesOf(keyOf(20)), new Uint8Array(3000).fill(5)))
    expect(cursor.isGhost).toBe(false)
    expect(cursor.value()).toEqual(new Uint8Array(3000).fill(5))
    expect(cursor.advance()).toBe(true)
    expect(textOf(cursor.key())).toBe(keyOf(21))
  })

  test('shows ghosts, which have no value', () => {
    const { cursor, remove } = makeTree(3)
    remove(2)
    expect(cursor.seek(bytesOf(keyOf(1)), FORWARD)).toBe(true)
    expect(textOf(cursor.key())).toBe(keyOf(2))
    expect(cursor.isGhost).toBe(true)
    expect(cursor.value()).toBeUndefined()
  })
})
