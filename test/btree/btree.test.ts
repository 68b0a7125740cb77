import { describe, expect, test } from 'vitest'
import { checkTree } from '../../src/btree/check.ts'
import { maxKeyBytes } from '../../src/btree/node-page.ts'
import { AriesError } from '../../src/common/errors.ts'
import { randomFrom } from '../../src/common/random.ts'
import { bytesOf, Fixture, textOf } from './fixture.ts'

const keyOf = (index: number): Uint8Array => bytesOf(`key-${String(index).padStart(6, '0')}`)

function makeTree(options = {}) {
  const fixture = new Fixture(options)
  const tree = fixture.run((entry) => fixture.btree.create(entry))
  return { fixture, tree, btree: fixture.btree }
}

/** Fills a tree with `count` rows in key order, or in a shuffled one. */
function fill(
  fixture: Fixture,
  tree: ReturnType<typeof makeTree>['tree'],
  count: number,
  options: { shuffle?: boolean; bytes?: number } = {},
) {
  const order = Array.from({ length: count }, (_, index) => index)
  if (options.shuffle) {
    const random = randomFrom(1)
    for (let i = count - 1; i > 0; i--) {
      const j = Math.floor(random() * (i + 1))
      ;[order[i], order[j]] = [order[j] as number, order[i] as number]
    }
  }
  const value = new Uint8Array(options.bytes ?? 50).fill(118)
  fixture.run((entry) => {
    for (const index of order) fixture.btree.put(entry, tree, keyOf(index), value)
  })
}

describe('put and get', () => {
  test('a value is found again, a missing key is undefined', () => {
    const { fixture, tree, btree } = makeTree()
    fixture.run((entry) => expect(btree.put(entry, tree, bytesOf('b'), bytesOf('1'))).toBe(false))
    fixture.run((entry) => expect(btree.put(entry, tree, bytesOf('b'), bytesOf('22'))).toBe(true))
    expect(textOf(btree.get(tree, bytesOf('b')))).toBe('22')
    for (const missing of ['a', 'c', 'bb', '']) expect(btree.get(tree, bytesOf(missing))).toBeUndefined()
  })

  test('the key may be a part of a longer array', () => {
    const { fixture, tree, btree } = makeTree()
    fixture.run((entry) => btree.put(entry, tree, bytesOf('key'), bytesOf('value')))
    expect(textOf(btree.get(tree, bytesOf('a key here'), 2, 5))).toBe('value')
  })

  test('keys are ordered by their bytes, a prefix before what it begins', () => {
    const { fixture, tree, btree } = makeTree()
    const keys = [[0], [0, 0], [0, 0, 0, 0, 0], [0, 1], [1], [0x7f], [0x80], [0xff], [0xff, 0], [0xff, 0xff]]
    fixture.run((entry) => {
      for (const key of [...keys].reverse()) btree.put(entry, tree, Uint8Array.from(key), Uint8Array.from([...key, 9]))
    })
    for (const key of keys) expect(btree.get(tree, Uint8Array.from(key))).toEqual(Uint8Array.from([...key, 9]))
    expect(fixture.check(tree).problems).toEqual([])
  })

  test('an empty value is a value', () => {
    const { fixture, tree, btree } = makeTree()
    fixture.run((entry) => btree.put(entry, tree, bytesOf('k'), new Uint8Array(0)))
    expect(btree.get(tree, bytesOf('k'))).toEqual(new Uint8Array(0))
  })

  test('the longest key is taken and a longer one refused before anything is logged', () => {
    const { fixture, tree, btree } = makeTree()
    const longest = new Uint8Array(maxKeyBytes(4096)).fill(1)
    fixture.run((entry) => btree.put(entry, tree, longest, bytesOf('v')))
    expect(textOf(btree.get(tree, longest))).toBe('v')
    const entry = fixture.begin()
    expect(() => btree.put(entry, tree, new Uint8Array(longest.length + 1), bytesOf('v'))).toThrow(/KEY_TOO_LARGE/)
    expect(entry.lastLsn).toBe(0)
  })

  test('putting what is there already logs nothing', () => {
    const { fixture, tree, btree } = makeTree()
    fixture.run((entry) => btree.put(entry, tree, bytesOf('k'), bytesOf('v')))
    const entry = fixture.begin()
    expect(btree.put(entry, tree, bytesOf('k'), bytesOf('v'))).toBe(true)
    expect(entry.lastLsn).toBe(0)
  })

  test('an update logs the bytes that differ', () => {
    const { fixture, tree, btree } = makeTree()
    const value = new Uint8Array(800).fill(1)
    fixture.run((entry) => btree.put(entry, tree, bytesOf('k'), value))
    const changed = value.slice()
    changed[400] = 2
    const entry = fixture.begin()
    btree.put(entry, tree, bytesOf('k'), changed)
    expect(entry.logBytes).toBeLessThan(60)
    fixture.commit(entry)
    expect(btree.get(tree, bytesOf('k'))).toEqual(changed)
  })
})

describe('growth', () => {
  test('rows in key order fill the pages', () => {
    const { fixture, tree } = makeTree({ frames: 64 })
    fill(fixture, tree, 4000)
    const check = fixture.check(tree)
    expect(check.problems).toEqual([])
    expect(check.entryCount).toBe(4000)
    // 11 bytes of cell and slot and at least 5 of the key besides the value, in 4 KiB pages.
    expect(check.pages.size).toBeLessThan((4000 * (50 + 11 + 5)) / 4000 + 8)
  })

  test('rows in random order fill them about 70 %', () => {
    const { fixture, tree } = makeTree({ frames: 64 })
    fill(fixture, tree, 4000, { shuffle: true })
    const check = fixture.check(tree)
    expect(check.problems).toEqual([])
    expect((4000 * (50 + 11 + 4)) / (4048 * check.pages.size)).toBeGreaterThan(0.62)
  })

  test('the root page never moves', () => {
    const { fixture, tree } = makeTree({ frames: 64 })
    fill(fixture, tree, 20000, { bytes: 4 })
    expect(fixture.check(tree).entryCount).toBe(20000)
    expect(fixture.check(tree).problems).toEqual([])
  })

  test('splits outlive the rollback of what caused them', () => {
    const { fixture, tree, btree } = makeTree({ frames: 64 })
    const entry = fixture.begin()
    for (let i = 0; i < 500; i++) btree.put(entry, tree, keyOf(i), new Uint8Array(50))
    const pages = fixture.check(tree).pages.size
    fixture.rollback(entry)
    const check = fixture.check(tree)
    expect(check.problems).toEqual([])
    expect(check).toMatchObject({ entryCount: 0, ghostCount: 0 })
    expect(check.pages.size).toBe(pages)
    fixture.cleanAll()
    expect(fixture.check(tree).pages.size).toBe(1)
  })
})

describe('delete', () => {
  test('leaves a ghost, which a later put revives', () => {
    const { fixture, tree, btree } = makeTree()
    fixture.run((entry) => btree.put(entry, tree, bytesOf('k'), bytesOf('old')))
    fixture.run((entry) => {
      expect(btree.delete(entry, tree, bytesOf('k'))).toBe(true)
      expect(btree.delete(entry, tree, bytesOf('k'))).toBe(false)
      expect(btree.delete(entry, tree, bytesOf('never'))).toBe(false)
    })
    expect(btree.get(tree, bytesOf('k'))).toBeUndefined()
    expect(fixture.check(tree)).toMatchObject({ entryCount: 0, ghostCount: 1 })
    fixture.run((entry) => expect(btree.put(entry, tree, bytesOf('k'), bytesOf('new'))).toBe(false))
    expect(textOf(btree.get(tree, bytesOf('k')))).toBe('new')
    expect(fixture.check(tree)).toMatchObject({ entryCount: 1, ghostCount: 0 })
  })

  test('its rollback brings the value back into a leaf without room', () => {
    const { fixture, tree, btree } = makeTree()
    fill(fixture, tree, 60)
    const entry = fixture.begin()
    for (let i = 0; i < 60; i += 2) btree.delete(entry, tree, keyOf(i))
    fixture.allLocked = true
    fixture.run((other) => {
      for (let i = 0; i < 200; i++)
        btree.put(other, tree, bytesOf(`key-${String(i % 60).padStart(6, '0')}x${i}`), bytesOf('v'))
    })
    fixture.rollback(entry)
    for (let i = 0; i < 60; i++) expect(btree.get(tree, keyOf(i))?.length).toBe(50)
    expect(fixture.check(tree).problems).toEqual([])
  })

  test('a full leaf is purged of ghosts before it is split', () => {
    const { fixture, tree, btree } = makeTree()
    fill(fixture, tree, 40)
    expect(fixture.check(tree).pages.size).toBe(1)
    fixture.run((entry) => {
      for (let i = 0; i < 40; i++) btree.delete(entry, tree, keyOf(i))
    })
    fixture.run((entry) => {
      for (let i = 100; i < 150; i++) btree.put(entry, tree, keyOf(i), new Uint8Array(50))
    })
    expect(fixture.check(tree)).toMatchObject({ entryCount: 50, ghostCount: 0 })
    expect(fixture.check(tree).pages.size).toBe(1)
  })
})

describe('undo of updates', () => {
  test('a shrunk value gets its room back by a split when others took it', () => {
    const { fixture, tree, btree } = makeTree()
    fill(fixture, tree, 9, { bytes: 400 })
    const entry = fixture.begin()
    for (let i = 0; i < 9; i++) btree.put(entry, tree, keyOf(i), bytesOf('s'))
    fixture.run((other) => {
      for (let i = 0; i < 9; i++) btree.put(other, tree, bytesOf(`key-00000${i}b`), new Uint8Array(380))
    })
    const pages = fixture.check(tree).pages.size
    fixture.rollback(entry)
    for (let i = 0; i < 9; i++) expect(btree.get(tree, keyOf(i))?.length).toBe(400)
    const check = fixture.check(tree)
    expect(check.problems).toEqual([])
    expect(check.entryCount).toBe(18)
    expect(check.pages.size).toBeGreaterThan(pages)
  })

  test('a partial rollback undoes what came after the savepoint', () => {
    const { fixture, tree, btree } = makeTree()
    const entry = fixture.begin()
    btree.put(entry, tree, bytesOf('a'), bytesOf('1'))
    const savepoint = entry.lastLsn
    btree.put(entry, tree, bytesOf('a'), bytesOf('2'))
    btree.put(entry, tree, bytesOf('b'), bytesOf('2'))
    fixture.rollback(entry, savepoint)
    expect(textOf(btree.get(tree, bytesOf('a')))).toBe('1')
    expect(btree.get(tree, bytesOf('b'))).toBeUndefined()
    fixture.commit(entry)
    expect(textOf(btree.get(tree, bytesOf('a')))).toBe('1')
  })
})

describe('long values', () => {
  test('go to overflow pages and come back whole', () => {
    const { fixture, tree, btree } = makeTree()
    const value = Uint8Array.from({ length: 50_000 }, (_, i) => (i * 31) & 0xff)
    fixture.run((entry) => btree.put(entry, tree, bytesOf('k'), value))
    expect(btree.get(tree, bytesOf('k'))).toEqual(value)
    expect(fixture.check(tree).problems).toEqual([])
    expect(fixture.check(tree).pages.size).toBe(1 + Math.ceil(50_000 / (4096 - 52)))
  })

  test('the pages of a replaced or deleted one are freed after commit, and not on rollback', () => {
    const { fixture, tree, btree } = makeTree()
    const one = new Uint8Array(500_000).fill(1)
    const two = new Uint8Array(9_000).fill(2)
    fixture.run((entry) => btree.put(entry, tree, bytesOf('k'), one))
    const entry = fixture.begin()
    btree.put(entry, tree, bytesOf('k'), two)
    btree.delete(entry, tree, bytesOf('k'))
    fixture.rollback(entry)
    expect(btree.get(tree, bytesOf('k'))).toEqual(one)
    expect(fixture.check(tree).problems).toEqual([])
    fixture.run((other) => btree.put(other, tree, bytesOf('k'), two))
    expect(fixture.check(tree)).toMatchObject({ problems: [], entryCount: 1 })
    expect(fixture.check(tree).pages.size).toBe(4)
    fixture.run((other) => btree.delete(other, tree, bytesOf('k')))
    expect(fixture.check(tree).pages.size).toBe(1)
    expect(fixture.check(tree).problems).toEqual([])
  })
})

describe('a structure change that fails half way', () => {
  /** Lets the `n`-th closing of a nested top action fail as a full log would. */
  function failClosing(fixture: Fixture, n: number): void {
    const close = fixture.writer.closeNestedTopAction.bind(fixture.writer)
    let calls = 0
    fixture.writer.closeNestedTopAction = (...args) => {
      if (++calls === n) throw new AriesError('DISK_FULL', 'no room')
      return close(...args)
    }
  }

  for (let n = 1; n <= 6; n++) {
    test(`a split or growth, closing ${n}: the tree is as before and goes on working`, () => {
      const { fixture, tree, btree } = makeTree()
      failClosing(fixture, n)
      const entry = fixture.begin()
      let failed = 0
      for (let i = 0; i < 400; i++) {
        try {
          btree.put(entry, tree, keyOf(i), new Uint8Array(50))
        } catch (error) {
          expect(error).toMatchObject({ code: 'DISK_FULL' })
          failed++
          expect(fixture.check(tree).problems).toEqual([])
          btree.put(entry, tree, keyOf(i), new Uint8Array(50))
        }
      }
      expect(failed).toBe(1)
      fixture.commit(entry)
      expect(fixture.check(tree)).toMatchObject({ problems: [], entryCount: 400 })
    })

    test(`a merge or collapse, closing ${n}: likewise`, () => {
      const { fixture, tree, btree } = makeTree()
      fill(fixture, tree, 400)
      fixture.run((entry) => {
        for (let i = 0; i < 400; i++) if (i % 40 !== 0) btree.delete(entry, tree, keyOf(i))
      })
      failClosing(fixture, n)
      expect(() => fixture.cleanAll()).toThrow(/DISK_FULL/)
      expect(fixture.check(tree)).toMatchObject({ problems: [], entryCount: 10 })
      for (let i = 0; i < 400; i += 40) expect(btree.get(tree, keyOf(i))?.length).toBe(50)
    })
  }

  test('without log room it does not begin', () => {
    const { fixture, tree, btree } = makeTree()
    fill(fixture, tree, 60)
    const reserve = fixture.log.reserve.bind(fixture.log)
    fixture.log.reserve = (rollbackBytes, payloadBytes) => {
      if (payloadBytes > 4096) throw new AriesError('DISK_FULL', 'no room')
      reserve(rollbackBytes, payloadBytes)
    }
    const before = fixture.check(tree)
    const entry = fixture.begin()
    expect(() => {
      for (let i = 0; i < 60; i++) btree.put(entry, tree, bytesOf(`key-000001-${i}`), new Uint8Array(200))
    }).toThrow(/DISK_FULL/)
    fixture.rollback(entry)
    expect(fixture.check(tree)).toEqual(before)
  })
})

describe('rolling back the creation of a tree', () => {
  test('frees its pages, those of splits and long values included', () => {
    const { fixture, tree, btree } = makeTree()
    const before = fixture.space.allocatedPageCount()
    const entry = fixture.begin()
    const other = btree.create(entry)
    for (let i = 0; i < 2000; i++) btree.put(entry, other, keyOf(i), new Uint8Array(i % 100 === 0 ? 5000 : 50))
    fixture.rollback(entry)
    expect(fixture.space.allocatedPageCount()).toBe(before)
    expect(fixture.check(tree).problems).toEqual([])
  })
})

describe('the check', () => {
  test('sees a damaged order, a wrong sibling and a page that is not allocated', () => {
    const { fixture, tree, btree } = makeTree({ frames: 64 })
    fill(fixture, tree, 300)
    const leaf = [...fixture.check(tree).pages].at(-1)
    expect(leaf).toBeDefined()
    const page = fixture.buffer.fix(leaf!)
    const { view } = fixture.buffer
    view.setUint32(page + 24, 99, true)
    view.setUint16(page + 48 + 4, view.getUint16(page + 48 + 6 + 4, true), true)
    fixture.buffer.unfix(page)
    fixture.run((entry) => fixture.space.free(entry, leaf!))
    const { problems } = checkTree(btree, tree)
    for (const reason of ['is in use but not allocated', 'is out of order', 'its right sibling is 99']) {
      expect(problems.some((problem) => problem.startsWith(`page ${leaf}:`) && problem.includes(reason))).toBe(true)
    }
  })
})
