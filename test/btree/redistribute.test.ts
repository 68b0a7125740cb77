/** Redistribution: which rows move where, what is logged of it, and how it is undone. */
import { describe, expect, test, vi } from 'vitest'
import { TREE_OPERATION_NAMES, type TreeRecords } from '../../src/btree/btree-log.ts'
import { capacityOf, roomOf, type Tree } from '../../src/btree/node-page.ts'
import { countOfExtend, rangeOfRecord } from '../../src/btree/node-range.ts'
import { AriesError } from '../../src/common/errors.ts'
import type { PageId } from '../../src/common/ids.ts'
import { type LogRecordView, RecordType } from '../../src/log/log-record.ts'
import { ResourceId } from '../../src/log/resource-manager.ts'
import { levelOf } from '../../src/page/page.ts'
import { bytesOf, Fixture, type FixtureOptions } from './fixture.ts'

const VALUE = bytesOf('v'.repeat(80))
const ROWS = 400

function makeTree(options: FixtureOptions = {}): { fixture: Fixture; tree: Tree } {
  const fixture = new Fixture(options)
  return { fixture, tree: fixture.run((entry) => fixture.btree.create(entry)) }
}

const keyOf = (index: number): Uint8Array => bytesOf(`key-${String(index).padStart(6, '0')}`)
const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)
/** All numbers below `count` out of order, the same each time. */
const shuffled = (count: number): number[] => range(0, count).map((i) => (i * 7919) % count)

function put(fixture: Fixture, tree: Tree, index: number, value = VALUE): void {
  fixture.run((entry) => fixture.btree.put(entry, tree, keyOf(index), value))
}

const contentOf = (fixture: Fixture, tree: Tree): number[] =>
  range(0, ROWS).filter((i) => fixture.btree.get(tree, keyOf(i)) !== undefined)

const nameOf = ({ resource, operation }: LogRecordView): string | undefined =>
  resource === ResourceId.BTREE ? TREE_OPERATION_NAMES[operation] : undefined

/** How much of the room of its leaves the tree uses. */
function fillOf(fixture: Fixture, pages: ReadonlySet<PageId>): number {
  const { buffer } = fixture
  let used = 0
  let capacity = 0
  for (const pageId of pages) {
    fixture.btree.context.withPage(pageId, (page) => {
      if (levelOf(buffer.view, page) > 0) return
      capacity += capacityOf(buffer, page)
      used += capacityOf(buffer, page) - roomOf(buffer.view, page)
    })
  }
  return used / capacity
}

type Side = 'left' | 'right'

/** The tree right before the row `next` makes a leaf hand rows to the neighbour on that side. */
function beforeMove(side: Side): { fixture: Fixture; tree: Tree; next: number; neighbour: PageId } {
  const { fixture, tree } = makeTree()
  const order = shuffled(ROWS)
  let seen = 0
  let neighbour: PageId | undefined
  const at = order.findIndex((index) => {
    put(fixture, tree, index)
    const records = fixture.records().slice(seen)
    seen += records.length
    const extend = records.findIndex((record) => nameOf(record) === 'extend')
    if (extend < 0) return false
    neighbour = (records[extend] as LogRecordView).pageId
    return side === (rangeOfRecord(records[extend + 1] as LogRecordView).first > 0 ? 'left' : 'right')
  })
  if (neighbour === undefined || at < 0) throw new Error(`no rows were moved to the ${side}`)
  const again = makeTree()
  for (const index of order.slice(0, at)) put(again.fixture, again.tree, index)
  return { ...again, next: order[at] as number, neighbour }
}

const SIDES: readonly Side[] = ['left', 'right']

describe('redistribution', () => {
  test('rows in random order fill the leaves to more than three quarters', () => {
    const { fixture, tree } = makeTree({ frames: 64 })
    for (const index of shuffled(4001)) put(fixture, tree, index)
    const { problems, pages } = fixture.check(tree)
    expect(problems).toEqual([])
    expect(fillOf(fixture, pages)).toBeGreaterThan(0.77)
  })

  test.each(SIDES)('to the %s is four records, and the closing one jumps over the others', (side) => {
    const { fixture, tree, next } = beforeMove(side)
    const before = fixture.records().length
    const entry = fixture.begin()
    fixture.btree.put(entry, tree, keyOf(next), VALUE)
    const records = fixture
      .records()
      .slice(before)
      .filter(({ resource }) => resource === ResourceId.BTREE)
    expect(records.map(nameOf)).toEqual(['remove-child', 'insert-child', 'extend', 'truncate', 'insert'])
    const [, , extend, closing] = records as [LogRecordView, LogRecordView, LogRecordView, LogRecordView]
    expect(closing.type).toBe(RecordType.CLR)
    expect(closing.undoNextLsn).toBe(0)
    // The two leaves have about as much afterwards: of 40 rows of a full leaf at most a quarter moves.
    expect(countOfExtend(extend)).toBeGreaterThan(2)
    expect(countOfExtend(extend)).toBeLessThan(12)
    expect(fixture.check(tree).problems).toEqual([])

    const content = contentOf(fixture, tree)
    fixture.rollback(entry)
    expect(contentOf(fixture, tree)).toEqual(content.filter((index) => index !== next))
    expect(fixture.check(tree).problems).toEqual([])
  })

  const steps: readonly (keyof TreeRecords)[] = ['insert', 'extend', 'truncateAndClose']
  test.each(SIDES.flatMap((side) => steps.map((step) => ({ side, step }))))(
    'to the $side is undone when the log is full at its $step',
    ({ side, step }) => {
      const { fixture, tree, next } = beforeMove(side)
      const content = contentOf(fixture, tree)
      const full = new AriesError('DISK_FULL', 'no room')
      const { records } = fixture.btree.context
      const refused = vi.spyOn(records, step).mockImplementationOnce(() => {
        throw full
      })
      const entry = fixture.begin()
      expect(() => fixture.btree.put(entry, tree, keyOf(next), VALUE)).toThrow(full)
      expect(refused).toHaveBeenCalledOnce()
      refused.mockRestore()
      fixture.rollback(entry)
      expect(contentOf(fixture, tree)).toEqual(content)
      expect(fixture.check(tree).problems).toEqual([])

      put(fixture, tree, next)
      expect(contentOf(fixture, tree)).toEqual([...content, next].sort((a, b) => a - b))
      expect(fixture.check(tree).problems).toEqual([])
    },
  )

  test.each(SIDES)('to the %s is repeated byte by byte', (side) => {
    const { fixture, tree, next } = beforeMove(side)
    put(fixture, tree, next)
    const other = new Fixture()
    other.replay(fixture.records())
    for (const pageId of fixture.check(tree).pages) expect(other.pageBytes(pageId)).toEqual(fixture.pageBytes(pageId))
  })

  test('a damaged neighbour is no reason to refuse a row of another leaf', () => {
    const { fixture, tree, next, neighbour } = beforeMove('right')
    const fix = fixture.buffer.fix.bind(fixture.buffer)
    const damaged = vi.spyOn(fixture.buffer, 'fix').mockImplementation((pageId) => {
      if (pageId === neighbour) throw new AriesError('PAGE_CORRUPT', 'damaged')
      return fix(pageId)
    })
    const before = fixture.records().length
    put(fixture, tree, next)
    expect(damaged).toHaveBeenCalledWith(neighbour)
    damaged.mockRestore()
    const changed = fixture.records().slice(before)
    expect(changed.map(nameOf)).toContain('insert')
    expect(changed.filter(({ pageId }) => pageId === neighbour)).toEqual([])
    expect(fixture.check(tree).problems).toEqual([])
  })

  test('rows move once at most for a row, whatever its key does to the separators', () => {
    const { fixture, tree } = makeTree({ frames: 64 })
    let moves = 0
    let most = 0
    fixture.btree.context.tracer = {
      listener: (event) => {
        if (event.kind === 'redistributed') moves++
      },
    }
    for (const index of shuffled(1000)) {
      // Long runs of the same byte, of which neighbours have more or less in common.
      const key = bytesOf(`${String(index % 40).padStart(2, '0')}${'x'.repeat((index * 37) % 900)}${index}`)
      moves = 0
      fixture.run((entry) => fixture.btree.put(entry, tree, key, VALUE))
      most = Math.max(most, moves)
    }
    expect(most).toBe(1)
    expect(fixture.check(tree).problems).toEqual([])
  })

  test('a leaf with ghosts that are still needed is split', () => {
    const { fixture, tree, next } = beforeMove('right')
    fixture.allLocked = true
    const ghost = contentOf(fixture, tree).reduce((a, b) => (Math.abs(a - next) < Math.abs(b - next) ? a : b))
    fixture.run((entry) => expect(fixture.btree.delete(entry, tree, keyOf(ghost))).toBe(true))
    const before = fixture.records().length
    put(fixture, tree, next)
    const names = fixture.records().slice(before).map(nameOf)
    expect(names).toContain('format')
    expect(names).not.toContain('extend')
  })
})
