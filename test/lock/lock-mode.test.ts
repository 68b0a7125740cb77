import { describe, expect, test } from 'vitest'
import {
  areCompatible,
  conflictsWithAny,
  keepsGap,
  LockMode,
  type LockModeName,
  modeBit,
  modeName,
  supremum,
} from '../../src/lock/lock-mode.ts'

const TABLE_NAMES: LockModeName[] = ['IS', 'IX', 'S', 'SIX', 'X']
const KEY_NAMES = (Object.keys(LockMode) as LockModeName[]).filter((name) => !['IS', 'IX', 'SIX'].includes(name))

// Gray's tables, written out a second time on purpose.
const COMPATIBLE: Partial<Record<LockModeName, LockModeName[]>> = {
  IS: ['IS', 'IX', 'S', 'SIX'],
  IX: ['IS', 'IX'],
  S: ['IS', 'S'],
  SIX: ['IS'],
  X: [],
}

/** What each mode grants, of the record and, by capitals, of the gap; the supremum grants the union. */
const RIGHTS: Record<LockModeName, string> = {
  IS: 'i',
  IX: 'ij',
  S: 'ir',
  SIX: 'ijr',
  X: 'ijrw',
  gapS: 'K',
  gapI: 'N',
  gapSI: 'KN',
  'S+gapS': 'Kir',
  'S+gapI': 'Nir',
  'S+gapSI': 'KNir',
  'X+gapS': 'Kijrw',
  'X+gapI': 'Nijrw',
  'X+gapSI': 'KNijrw',
}

describe('compatibility', () => {
  for (const a of TABLE_NAMES) {
    for (const b of TABLE_NAMES) {
      const expected = COMPATIBLE[a]?.includes(b) === true
      test(`${a} beside ${b}: ${expected ? 'yes' : 'no'}`, () => {
        expect(areCompatible(LockMode[a], LockMode[b])).toBe(expected)
      })
    }
  }

  for (const a of KEY_NAMES) {
    for (const b of KEY_NAMES) {
      const both = [RIGHTS[a], RIGHTS[b]] as const
      const fits =
        !clash(both, /w/, /[ir]/) && !clash(both, /w/, /w/) && !clash(both, /K/, /N/) && !clash(both, /N/, /K/)
      test(`${a} beside ${b}: ${fits ? 'yes' : 'no'}`, () => {
        expect(areCompatible(LockMode[a], LockMode[b])).toBe(fits)
      })
    }
  }

  test('is tested against a whole set of modes at once', () => {
    const readers = modeBit(LockMode.IS) | modeBit(LockMode.S)
    expect(conflictsWithAny(LockMode.S, readers)).toBe(false)
    expect(conflictsWithAny(LockMode.IX, readers)).toBe(true)
    expect(conflictsWithAny(LockMode.X, 0)).toBe(false)
    expect(conflictsWithAny(LockMode.gapI, readers)).toBe(false)
    expect(conflictsWithAny(LockMode.gapI, readers | modeBit(LockMode['S+gapS']))).toBe(true)
  })

  test('gaps are kept by those that say so', () => {
    for (const name of Object.keys(LockMode) as LockModeName[]) {
      expect(keepsGap(LockMode[name]), name).toBe(RIGHTS[name].includes('K'))
    }
  })
})

/** Whether one of the two has a right of the first kind and the other one of the second. */
function clash([a, b]: readonly [string, string], one: RegExp, other: RegExp): boolean {
  return (one.test(a) && other.test(b)) || (one.test(b) && other.test(a))
}

describe('supremum', () => {
  const rights = (...names: LockModeName[]) => [...new Set(names.flatMap((name) => [...RIGHTS[name]]))].sort().join('')
  for (const names of [TABLE_NAMES, KEY_NAMES]) {
    for (const a of names) {
      for (const b of names) {
        const expected = names.find((name) => rights(name) === rights(a, b)) ?? 'X'
        test(`${a} and ${b}: ${expected}`, () => {
          expect(modeName(supremum(LockMode[a], LockMode[b]))).toBe(expected)
        })
      }
    }
  }
})
