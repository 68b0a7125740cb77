import { describe, expect, test } from 'vitest'
import { bytesOf, Fixture, hex } from './fixture.ts'

const keyOf = (index: number): Uint8Array => bytesOf(`key-${String(index).padStart(6, '0')}`)

function makeTree(count: number, bytes = 50) {
  const fixture = new Fixture()
  const tree = fixture.run((entry) => fixture.btree.create(entry))
  const fill = (): void =>
    fixture.run((entry) => {
      for (let i = 0; i < count; i++) fixture.btree.put(entry, tree, keyOf((i * 7) % count), new Uint8Array(bytes))
    })
  const empty = (): void =>
    fixture.run((entry) => {
      for (let i = 0; i < count; i++) fixture.btree.delete(entry, tree, keyOf(i))
    })
  fill()
  return { fixture, tree, fill, empty }
}

describe('clean-up', () => {
  test('of an emptied tree leaves its root', () => {
    const { fixture, tree, empty } = makeTree(2000)
    expect(fixture.check(tree).pages.size).toBeGreaterThan(30)
    empty()
    fixture.cleanAll()
    expect(fixture.check(tree)).toMatchObject({ problems: [], entryCount: 0, ghostCount: 0 })
    expect(fixture.space.allocatedPageCount()).toBe(3)
    expect(fixture.btree.uncleanLeafCount).toBe(0)
  })

  test('joins leaves that deletes have thinned', () => {
    const { fixture, tree } = makeTree(2000)
    const before = fixture.check(tree).pages.size
    fixture.run((entry) => {
      for (let i = 0; i < 2000; i++) if (i % 5 !== 0) fixture.btree.delete(entry, tree, keyOf(i))
    })
    fixture.cleanAll()
    const check = fixture.check(tree)
    expect(check).toMatchObject({ problems: [], entryCount: 400, ghostCount: 0 })
    expect(check.pages.size).toBeLessThan(before / 2)
  })

  test('keeps ghosts that are locked, and takes them in a round after the locks are gone', () => {
    const { fixture, tree, empty } = makeTree(300)
    empty()
    const kept = [5, 150, 299].map((index) => hex(keyOf(index)))
    for (const name of kept) fixture.locked.add(name)
    fixture.cleanAll()
    expect(fixture.check(tree)).toMatchObject({ problems: [], entryCount: 0, ghostCount: 3 })
    fixture.locked.clear()
    fixture.cleanAll()
    expect(fixture.check(tree)).toMatchObject({ problems: [], ghostCount: 0 })
    expect(fixture.space.allocatedPageCount()).toBe(3)
  })

  test('of a large transaction that stays open costs a round little, and afterwards takes one round', () => {
    const { fixture, tree } = makeTree(4000, 300)
    const entry = fixture.begin()
    for (let i = 0; i < 4000; i++) fixture.btree.delete(entry, tree, keyOf(i))
    fixture.allLocked = true
    fixture.cleanAll()
    const leaves = fixture.btree.uncleanLeafCount
    expect(leaves).toBeGreaterThan(300)
    let steps = 1
    while (fixture.btree.cleanStep()) steps++
    expect(steps).toBe(64)
    expect(fixture.btree.uncleanLeafCount).toBe(leaves)
    fixture.commit(entry)
    fixture.allLocked = false
    fixture.cleanAll()
    expect(fixture.btree.uncleanLeafCount).toBe(0)
    expect(fixture.check(tree)).toMatchObject({ problems: [], entryCount: 0, ghostCount: 0 })
    expect(fixture.space.allocatedPageCount()).toBe(3)
  })

  test('twenty rounds of filling and emptying need hardly more pages than one', () => {
    const { fixture, tree, fill, empty } = makeTree(1500)
    const once = fixture.space.allocatedPageCount()
    let most = 0
    for (let round = 0; round < 20; round++) {
      empty()
      fixture.cleanAll()
      fill()
      most = Math.max(most, fixture.space.allocatedPageCount())
    }
    expect(fixture.check(tree).problems).toEqual([])
    expect(most).toBeLessThanOrEqual(once * 1.2)
  })

  test('a leaf named before its page came to serve another tree is left alone', () => {
    const { fixture, tree, empty } = makeTree(300)
    empty()
    fixture.run((entry) => fixture.btree.drop(entry, tree))
    const other = fixture.run((entry) => {
      const created = fixture.btree.create(entry)
      for (let i = 0; i < 300; i++) fixture.btree.put(entry, created, keyOf(i), new Uint8Array(50))
      return created
    })
    fixture.cleanAll()
    expect(fixture.check(other)).toMatchObject({ problems: [], entryCount: 300 })
  })
})

describe('dropping a tree', () => {
  test('frees all its pages in bounded steps, overflow pages included', () => {
    const { fixture, tree } = makeTree(3000)
    fixture.run((entry) => {
      for (let i = 0; i < 100; i++) fixture.btree.put(entry, tree, keyOf(i * 30), new Uint8Array(20_000))
    })
    let steps = 0
    const step = fixture.btree.runPendingStep.bind(fixture.btree)
    fixture.btree.runPendingStep = (payload) => {
      const before = fixture.space.allocatedPageCount()
      const done = step(payload)
      expect(before - fixture.space.allocatedPageCount()).toBeLessThanOrEqual(16 * 64)
      steps++
      return done
    }
    fixture.run((entry) => fixture.btree.drop(entry, tree))
    expect(steps).toBeGreaterThan(3)
    expect(fixture.check()).toMatchObject({ problems: [] })
    expect(fixture.space.allocatedPageCount()).toBe(2)
  })

  test('again, after its root serves another tree, it does nothing', () => {
    const { fixture, tree } = makeTree(300)
    const payloads: Uint8Array[] = []
    const step = fixture.btree.runPendingStep.bind(fixture.btree)
    fixture.btree.runPendingStep = (payload) => {
      payloads.push(payload)
      return step(payload)
    }
    fixture.run((entry) => fixture.btree.drop(entry, tree))
    const [payload] = payloads
    expect(step(payload!)).toBe(true)
    const other = fixture.run((entry) => fixture.btree.create(entry))
    expect(other).toBe(tree)
    fixture.run((entry) => fixture.btree.put(entry, other, keyOf(1), bytesOf('v')))
    expect(step(payload!)).toBe(true)
    expect(fixture.check(other)).toMatchObject({ problems: [], entryCount: 1 })
  })

  test('is forgotten when its transaction rolls back', () => {
    const { fixture, tree } = makeTree(300)
    const entry = fixture.begin()
    fixture.btree.drop(entry, tree)
    fixture.rollback(entry)
    expect(fixture.check(tree)).toMatchObject({ problems: [], entryCount: 300 })
  })
})
