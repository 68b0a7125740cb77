import { expect, test } from 'vitest'
import { isPlainData } from '../../src/testing/plain-data.ts'

const cycle: unknown[] = []
cycle.push(cycle)

test.each([
  ['text', 'a'],
  ['nothing', undefined],
  ['an object in an array', [{ a: 1 }]],
  ['an object without a prototype', Object.create(null)],
  ['a date in a map', new Map([['at', new Date(0)]])],
  ['a set', new Set([1])],
  ['an array with a name', Object.assign([1], { name: 'a' })],
])('%s is plain', (_name, value) => {
  expect(isPlainData(value)).toBe(true)
  expect(structuredClone(value)).toEqual(value)
})

test.each([
  ['a function', () => undefined],
  ['a cycle', cycle],
  ['an object of a class', new (class Box {})()],
  ['a subclass of Map', new (class Boxes extends Map {})()],
  ['a subclass of Set', new (class Boxes extends Set {})()],
  ['a subclass of Array', new (class Boxes extends Array {})()],
  ['a subclass of Date', new (class Day extends Date {})()],
  [
    'an object with a getter',
    {
      get size() {
        return 1
      },
    },
  ],
  ['an object with a symbol as key', { [Symbol('a')]: 1 }],
  ['an object with a hidden property', Object.defineProperty({}, 'a', { value: 1 })],
  ['a function in a map', new Map([['a', () => undefined]])],
  ['a subclass of Map in a set', new Set([new (class Boxes extends Map {})()])],
])('%s is not', (_name, value) => {
  expect(isPlainData(value)).toBe(false)
})
