import { describe, expect, test } from 'vitest'
import type { BufferManager } from '../../src/buffer/buffer-manager.ts'
import { asPageId, type PageId } from '../../src/common/ids.ts'
import { setRightSibling } from '../../src/page/page.ts'
import type { PageWriter } from '../../src/recovery/page-writer.ts'
import { SpaceManager } from '../../src/space/space-manager.ts'
import { bitsPerMapPage, mapPageId } from '../../src/space/space-map.ts'
import { Fixture } from '../btree/fixture.ts'

describe('page allocation', () => {
  test('hands out the lowest free page', () => {
    const { space, run } = bound()
    expect(run((entry) => [1, 2, 3].map(() => space.allocate(entry)))).toEqual([2, 3, 4])
    run((entry) => space.free(entry, asPageId(3)))
    expect(space.isAllocated(asPageId(3))).toBe(false)
    expect(run((entry) => [1, 2].map(() => space.allocate(entry)))).toEqual([3, 5])
    expect(space.allocatedPageCount()).toBe(6)
    expect([...space.allocatedPages()]).toEqual([2, 3, 4, 5])
  })

  test('is undone, and so is freeing', () => {
    const { fixture, space, run } = bound()
    run((entry) => space.allocate(entry))
    const entry = fixture.begin()
    space.allocate(entry)
    space.free(entry, asPageId(2))
    fixture.rollback(entry)
    expect([...space.allocatedPages()]).toEqual([2])
    expect(run((other) => space.allocate(other))).toBe(3)
  })

  test('goes on in a second map page, which outlives the rollback that made it', () => {
    const { fixture, space } = bound()
    const bits = bitsPerMapPage(4096)
    const second = mapPageId(1, 4096)
    const entry = fixture.begin()
    const pages: PageId[] = []
    for (let i = 0; i < bits; i++) pages.push(space.allocate(entry))
    expect(pages.at(-3)).toBe(bits - 1)
    expect(pages.slice(-2)).toEqual([bits, second + 1])
    expect(space.isAllocated(second)).toBe(true)
    expect(space.allocatedPageCount()).toBe(bits + 3)
    fixture.rollback(entry)
    expect(space.allocatedPageCount()).toBe(3)
    expect(space.isAllocated(second)).toBe(true)
    expect(space.isAllocated(asPageId(bits * 5))).toBe(false)
  })

  test('tells of more pages than a Set takes', () => {
    // Any number of map pages, all the same, of which all bits are set: the least that a large file comes to.
    const pageSize = 32_768
    const bytes = new Uint8Array(pageSize).fill(0xff)
    const view = new DataView(bytes.buffer)
    let maps = Math.ceil(2 ** 24 / bitsPerMapPage(pageSize)) + 1
    const allocated = maps * (bitsPerMapPage(pageSize) - 1) - 1
    const fix = (): number => {
      setRightSibling(view, 0, asPageId(--maps > 0 ? 1 : 0))
      return 0
    }
    const buffer = { pageSize, bytes, view, fix, unfix: () => undefined } as unknown as BufferManager
    const pages = new SpaceManager(buffer, {} as PageWriter).allocatedPages()
    expect(pages.size).toBe(allocated)
    expect(pages.has(asPageId(2 ** 24 + 2))).toBe(true)
  })

  test('meets a full disk before anything is logged', () => {
    const { fixture, space } = bound()
    const grow = fixture.buffer.grow.bind(fixture.buffer)
    fixture.buffer.grow = (pageCount) => {
      if (pageCount > 500) throw Object.assign(new Error('full'), { code: 'DISK_FULL' })
      grow(pageCount)
    }
    const entry = fixture.begin()
    let lastLsn = 0
    expect(() => {
      for (;;) {
        lastLsn = entry.lastLsn
        space.allocate(entry)
      }
    }).toThrow(/full/)
    expect(entry.lastLsn).toBe(lastLsn)
  })
})

describe('overflow chains', () => {
  const valueOfLength = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => (index * 13) & 0xff)

  for (const length of [0, 1, 4044, 4045, 100_000]) {
    test(`a value of ${length} bytes comes back`, () => {
      const { fixture, run } = bound()
      const ref = run((entry) => fixture.overflow.writeValue(entry, valueOfLength(length)))
      expect(fixture.overflow.readValue(ref)).toEqual(valueOfLength(length))
      expect(fixture.overflow.pagesOf(ref).length).toBe(Math.max(1, Math.ceil(length / 4044)))
    })
  }

  test('freeing takes bounded steps, each of which leaves a chain to go on with', () => {
    const { fixture, space, run } = bound()
    const ref = run((entry) => fixture.overflow.writeValue(entry, valueOfLength(4044 * 150)))
    const left: number[] = []
    while (!fixture.overflow.freeChainStep(ref.head, ref.chainId)) left.push(space.allocatedPages().size)
    expect(left).toEqual([150 - 64, 150 - 128])
    expect(space.allocatedPages().size).toBe(0)
  })

  test('freeing again does nothing, whoever has the pages by then', () => {
    const { fixture, space, run } = bound()
    const ref = run((entry) => fixture.overflow.writeValue(entry, valueOfLength(10_000)))
    while (!fixture.overflow.freeChainStep(ref.head, ref.chainId));
    expect(fixture.overflow.freeChainStep(ref.head, ref.chainId)).toBe(true)
    const other = run((entry) => fixture.overflow.writeValue(entry, valueOfLength(10_001)))
    expect(other.head).toBe(ref.head)
    expect(fixture.overflow.freeChainStep(ref.head, ref.chainId)).toBe(true)
    expect(fixture.overflow.readValue(other)).toEqual(valueOfLength(10_001))
    expect(space.allocatedPages().size).toBe(3)
  })

  test('a step that fails half way is undone', () => {
    const { fixture, space, run } = bound()
    const ref = run((entry) => fixture.overflow.writeValue(entry, valueOfLength(4044 * 20)))
    const free = space.free.bind(space)
    let calls = 0
    space.free = (entry, pageId) => {
      if (++calls === 10) throw new Error('fault')
      free(entry, pageId)
    }
    expect(() => fixture.overflow.freeChainStep(ref.head, ref.chainId)).toThrow(/fault/)
    expect(space.allocatedPages().size).toBe(20)
    expect(fixture.overflow.readValue(ref)).toEqual(valueOfLength(4044 * 20))
  })

  test('a page of another chain in the place of one of its own is refused', () => {
    const { fixture, run } = bound()
    const one = run((entry) => fixture.overflow.writeValue(entry, valueOfLength(10_000)))
    const two = run((entry) => fixture.overflow.writeValue(entry, valueOfLength(10_000)))
    const page = fixture.buffer.fix(one.head)
    fixture.buffer.view.setUint32(page + 24, two.head, true)
    fixture.buffer.unfix(page)
    expect(() => fixture.overflow.readValue(one)).toThrow(/PAGE_CORRUPT/)
    expect(() => fixture.overflow.readValue({ ...two, chainId: two.chainId + 8 })).toThrow(/PAGE_CORRUPT/)
    for (const valueLength of [9999, 10_001]) {
      expect(() => fixture.overflow.readValue({ ...two, valueLength })).toThrow(/PAGE_CORRUPT/)
      expect(() => fixture.overflow.pagesOf({ ...two, valueLength })).toThrow(/PAGE_CORRUPT/)
    }
  })
})

function bound() {
  const fixture = new Fixture()
  return { fixture, space: fixture.space, run: fixture.run.bind(fixture) }
}
