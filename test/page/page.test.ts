import { describe, expect, test } from 'vitest'
import { asLsn, asPageId } from '../../src/common/ids.ts'
import {
  formatPage,
  isPageValid,
  PageType,
  pageIdOf,
  pageLsnOf,
  pageTypeOf,
  sealPage,
  setPageLsn,
} from '../../src/page/page.ts'

const SIZE = 4096
const SEED = 1234

function sealedPage(pageId: number): { bytes: Uint8Array; view: DataView } {
  const bytes = new Uint8Array(SIZE)
  const view = new DataView(bytes.buffer)
  formatPage(bytes, view, 0, SIZE, asPageId(pageId), PageType.LEAF)
  setPageLsn(view, 0, asLsn(2 ** 40 + 5))
  bytes.fill(7, 100, 4000)
  sealPage(bytes, view, 0, SIZE, SEED)
  return { bytes, view }
}

describe('a page', () => {
  test('keeps its header fields', () => {
    const { view } = sealedPage(9)
    expect([pageIdOf(view, 0), pageLsnOf(view, 0), pageTypeOf(view, 0)]).toEqual([9, 2 ** 40 + 5, PageType.LEAF])
  })

  test('is valid in its place only, of its database only (I24)', () => {
    const { bytes, view } = sealedPage(9)
    expect(isPageValid(bytes, view, 0, SIZE, asPageId(9), SEED)).toBe(true)
    expect(isPageValid(bytes, view, 0, SIZE, asPageId(10), SEED)).toBe(false)
    expect(isPageValid(bytes, view, 0, SIZE, asPageId(9), SEED + 1)).toBe(false)
  })

  test('whose id is rewritten to fit another place is not valid there (I24)', () => {
    const { bytes, view } = sealedPage(9)
    view.setUint32(4, 10, true)
    expect(isPageValid(bytes, view, 0, SIZE, asPageId(10), SEED)).toBe(false)
  })

  test('any flipped bit makes it invalid', () => {
    const { bytes, view } = sealedPage(9)
    for (let i = 0; i < SIZE; i++) {
      bytes[i] = (bytes[i] as number) ^ (1 << (i % 8))
      expect(isPageValid(bytes, view, 0, SIZE, asPageId(9), SEED)).toBe(false)
      bytes[i] = (bytes[i] as number) ^ (1 << (i % 8))
    }
  })

  test('of zeros is never valid', () => {
    const bytes = new Uint8Array(SIZE)
    for (let seed = 0; seed < 100; seed++) {
      expect(isPageValid(bytes, new DataView(bytes.buffer), 0, SIZE, asPageId(0), seed)).toBe(false)
    }
  })
})
