import { expect, test } from 'vitest'
import { SyncPace } from '../../src/io/sync-pace.ts'

function paceAfter(...syncsMs: readonly number[]): boolean {
  const pace = new SyncPace()
  for (const ms of syncsMs) pace.took(ms)
  return pace.isShort
}

test('nothing is expected of a disk that nobody has measured', () => {
  expect(paceAfter()).toBe(false)
})

test('a fast disk may be waited for, a slow one not', () => {
  expect(paceAfter(0.1)).toBe(true)
  expect(paceAfter(8)).toBe(false)
})

test('one slow sync is enough, and it takes many fast ones to make up for it', () => {
  expect(paceAfter(0.1, 0.1, 10)).toBe(false)
  const fast = (count: number): number[] => Array.from({ length: count }, () => 0.1)
  expect(paceAfter(10, ...fast(20))).toBe(false)
  expect(paceAfter(10, ...fast(30))).toBe(true)
})
