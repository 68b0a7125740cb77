import { expect, test } from 'vitest'
import { BitSet } from '../../src/common/bit-set.ts'

test('has what was added, and nothing else, also far behind its end', () => {
  const set = new BitSet()
  const members = [0, 31, 32, 2047, 2048, 70_000, 69_999]
  for (const member of members) set.add(member)
  for (const member of members) set.add(member)
  for (let i = 0; i < 80_000; i++) expect(set.has(i)).toBe(members.includes(i))
  expect(set.size).toBe(members.length)
  expect([...set]).toEqual(members.sort((a, b) => a - b))
})
