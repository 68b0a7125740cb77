import { describe, expect, test } from 'vitest'
import {
  areCompatible,
  conflictsWithAny,
  LockMode,
  type LockModeName,
  modeBit,
  modeName,
  supremum,
} from '../../src/lock/lock-mode.ts'

const NAMES: LockModeName[] = ['IS', 'IX', 'S', 'SIX', 'X']

// Gray's tables, written out a second time on purpose.
const COMPATIBLE: Record<LockModeName, LockModeName[]> = {
  IS: ['IS', 'IX', 'S', 'SIX'],
  IX: ['IS', 'IX'],
  S: ['IS', 'S'],
  SIX: ['IS'],
  X: [],
}

/** What each mode grants; the supremum is the mode that grants the union. */
const RIGHTS: Record<LockModeName, string> = { IS: 'i', IX: 'ij', S: 'ir', SIX: 'ijr', X: 'ijrw' }

describe('compatibility', () => {
  for (const a of NAMES) {
    for (const b of NAMES) {
      const expected = COMPATIBLE[a].includes(b)
      test(`${a} beside ${b}: ${expected ? 'yes' : 'no'}`, () => {
        expect(areCompatible(LockMode[a], LockMode[b])).toBe(expected)
      })
    }
  }

  test('is tested against a whole set of modes at once', () => {
    const readers = modeBit(LockMode.IS) | modeBit(LockMode.S)
    expect(conflictsWithAny(LockMode.S, readers)).toBe(false)
    expect(conflictsWithAny(LockMode.IX, readers)).toBe(true)
    expect(conflictsWithAny(LockMode.X, 0)).toBe(false)
  })
})

describe('supremum', () => {
  const rights = (...names: LockModeName[]) => [...new Set(names.flatMap((name) => [...RIGHTS[name]]))].sort().join('')
  for (const a of NAMES) {
    for (const b of NAMES) {
      const expected = NAMES.find((name) => rights(name) === rights(a, b)) ?? 'X'
      test(`${a} and ${b}: ${expected}`, () => {
        expect(modeName(supremum(LockMode[a], LockMode[b]))).toBe(expected)
      })
    }
  }
})
