/**
 * Trees against a model: a map of what is committed, and for each open transaction what it changed.
 * Tiny pages and a pool of eight frames, so that everything splits, merges and is evicted all the
 * time; keys of all lengths, values inline and in overflow pages. After each batch the tree is checked,
 * no page may be leaked, and a cursor must show the model's order both ways. At the end all records of
 * the log are repeated on empty pages and must give the same bytes (I26, I14).
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TreeCursor } from '../src/btree/cursor.ts'
import type { Tree } from '../src/btree/node-page.ts'
import { RowBatch } from '../src/btree/row-batch.ts'
import { compareBytes } from '../src/common/bytes.ts'
import { asPageId, type Lsn, type PageId } from '../src/common/ids.ts'
import type { TransactionEntry } from '../src/recovery/transaction-table.ts'
import { FIRST_MAP_PAGE } from '../src/space/space-map.ts'
import { Fixture, hex } from '../test/btree/fixture.ts'
import { idle } from './lab.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const KEYS = 400
const RUNS = 25
const TRANSACTIONS = 2

interface Put<Kind extends string> {
  readonly kind: Kind
  readonly txn: number
  readonly from: number
  readonly count: number
  readonly bytes: number
}

type Step =
  | Put<'put'>
  | Put<'put-rows'>
  | { readonly kind: 'delete'; readonly txn: number; readonly from: number; readonly count: number }
  | { readonly kind: 'commit' | 'rollback' | 'savepoint' | 'rollback-to'; readonly txn: number }
  | { readonly kind: 'clean' }
  | { readonly kind: 'walk'; readonly count: number; readonly reverse: boolean }

const txn = fc.nat(TRANSACTIONS - 1)
const from = fc.nat(KEYS - 1)
const count = fc.integer({ min: 1, max: 60 })
const bytes = fc.oneof(fc.nat(40), fc.nat(900), fc.nat(12_000))
const puts = <Kind extends string>(kind: Kind): fc.Arbitrary<Put<Kind>> =>
  fc.record({ kind: fc.constant(kind), txn, from, count, bytes })
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: puts('put') },
    { weight: 3, arbitrary: puts('put-rows') },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('delete' as const), txn, from, count }) },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constantFrom('commit', 'rollback', 'savepoint', 'rollback-to'), txn }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('clean' as const) }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('walk' as const), count, reverse: fc.boolean() }) },
  ),
  { minLength: 5, maxLength: 40 },
)

/** Key `index` of a set whose order, lengths and shared prefixes vary. */
function keyOf(index: number, style: number): Uint8Array {
  const number = String((index * 181) % KEYS).padStart(4, '0')
  const text =
    style === 0
      ? number
      : style === 1
        ? `${'p'.repeat(300)}${number}${'s'.repeat(index % 700)}`
        : `${String.fromCharCode(97 + (index % 3)).repeat(1 + ((index * 37) % 1000))}${number}`
  return new TextEncoder().encode(text)
}

interface Open {
  readonly entry: TransactionEntry
  changes: Map<string, Uint8Array | undefined>
  savepoint: { lsn: Lsn; changes: Map<string, Uint8Array | undefined> } | undefined
}

/** A cursor and the key it stands at; none before the first entry and behind the last. */
interface OpenCursor {
  readonly cursor: TreeCursor
  last: string | undefined
}

class Run {
  readonly fixture = new Fixture()
  readonly tree: Tree
  readonly keys: Uint8Array[]
  readonly committed = new Map<string, Uint8Array>()
  readonly #open: (Open | undefined)[] = new Array(TRANSACTIONS).fill(undefined)
  readonly #lockedBy = new Map<string, Open>()
  readonly #forward: OpenCursor
  readonly #backward: OpenCursor
  #serial = 0

  constructor(style: number) {
    this.tree = this.fixture.run((entry) => this.fixture.btree.create(entry))
    this.#forward = { cursor: new TreeCursor(this.fixture.btree, this.tree), last: undefined }
    this.#backward = { cursor: new TreeCursor(this.fixture.btree, this.tree), last: undefined }
    this.keys = Array.from({ length: KEYS }, (_, index) => keyOf(index, style))
  }

  step(step: Step): void {
    if (step.kind === 'clean') {
      this.fixture.cleanAll()
    } else if (step.kind === 'walk') {
      this.#walkOn(step.count, step.reverse)
    } else if (step.kind === 'put-rows') {
      this.#putRows(this.#transaction(step.txn), step)
    } else if (step.kind === 'put' || step.kind === 'delete') {
      this.#write(this.#transaction(step.txn), step)
    } else {
      this.#control(this.#transaction(step.txn), step)
    }
  }

  /** Moves one of two cursors, which stay open over all that happens, on by `count` entries. */
  #walkOn(count: number, reverse: boolean): void {
    const cursor = reverse ? this.#backward : this.#forward
    const visible = this.#visible()
    const sorted = [...visible.keys()].sort()
    if (reverse) sorted.reverse()
    const comesAfter = (name: string, last: string): boolean => (reverse ? name < last : name > last)
    for (let i = 0; i < count; i++) {
      const { last } = cursor
      const expected = last === undefined ? sorted[0] : sorted.find((name) => comesAfter(name, last))
      let found =
        last === undefined ? cursor.cursor.seek(undefined, { reverse, inclusive: true }) : cursor.cursor.advance()
      while (found && cursor.cursor.isGhost) found = cursor.cursor.advance()
      cursor.last = found ? hex(cursor.cursor.key()) : undefined
      expect(cursor.last).toBe(expected)
      if (!found) return
      expectSame(cursor.cursor.value(), visible.get(cursor.last as string))
    }
  }

  #control(open: Open, step: Extract<Step, { kind: 'commit' | 'rollback' | 'savepoint' | 'rollback-to' }>): void {
    if (step.kind === 'savepoint') {
      open.savepoint = { lsn: open.entry.lastLsn, changes: new Map(open.changes) }
    } else if (step.kind === 'rollback-to') {
      if (open.savepoint === undefined || open.savepoint.lsn === 0) return
      this.fixture.rollback(open.entry, open.savepoint.lsn)
      open.changes = new Map(open.savepoint.changes)
    } else {
      this.#finish(step.txn, step.kind === 'commit')
    }
  }

  #transaction(index: number): Open {
    const open = this.#open[index] ?? { entry: this.fixture.begin(), changes: new Map(), savepoint: undefined }
    this.#open[index] = open
    return open
  }

  /** One batch, in an order that is not that of the keys, and the first key twice. */
  #putRows(open: Open, step: Put<'put-rows'>): void {
    const rows = new RowBatch()
    for (const i of [...Array(step.count).keys(), 0]) {
      const key = this.keys[(step.from + i) % KEYS] as Uint8Array
      const name = hex(key)
      if (rows.isFull || (this.#lockedBy.get(name) ?? open) !== open) continue
      this.#lockedBy.set(name, open)
      this.fixture.locked.add(name)
      const value = new Uint8Array(step.bytes).fill(++this.#serial).fill(7, 0, step.bytes >>> 1)
      rows.add(key, value)
      open.changes.set(name, value)
    }
    rows.sort()
    this.fixture.btree.putRows(open.entry, this.tree, rows)
  }

  #write(open: Open, step: Extract<Step, { kind: 'put' } | { kind: 'delete' }>): void {
    for (let i = 0; i < step.count; i++) {
      const key = this.keys[(step.from + i) % KEYS] as Uint8Array
      const name = hex(key)
      if ((this.#lockedBy.get(name) ?? open) !== open) continue
      this.#lockedBy.set(name, open)
      this.fixture.locked.add(name)
      const before = open.changes.has(name) ? open.changes.get(name) : this.committed.get(name)
      if (step.kind === 'put') {
        const value = new Uint8Array(step.bytes).fill(++this.#serial).fill(7, 0, step.bytes >>> 1)
        expect(this.fixture.btree.put(open.entry, this.tree, key, value)).toBe(before !== undefined)
        open.changes.set(name, value)
      } else {
        expect(this.fixture.btree.delete(open.entry, this.tree, key)).toBe(before !== undefined)
        open.changes.set(name, undefined)
      }
    }
  }

  #finish(index: number, commit: boolean): void {
    const open = this.#transaction(index)
    this.#open[index] = undefined
    if (commit) {
      this.fixture.commit(open.entry)
      for (const [name, value] of open.changes) {
        if (value === undefined) this.committed.delete(name)
        else this.committed.set(name, value)
      }
    } else {
      this.fixture.rollback(open.entry)
    }
    for (const [name, owner] of this.#lockedBy) {
      if (owner !== open) continue
      this.#lockedBy.delete(name)
      this.fixture.locked.delete(name)
    }
  }

  /** What the tree should show: the committed state with every open transaction's changes on it. */
  #visible(): Map<string, Uint8Array> {
    const visible = new Map(this.committed)
    for (const open of this.#open) {
      for (const [name, value] of open?.changes ?? []) {
        if (value === undefined) visible.delete(name)
        else visible.set(name, value)
      }
    }
    return visible
  }

  verify(): void {
    const visible = this.#visible()
    const { btree } = this.fixture
    for (const key of this.keys) expectSame(btree.get(this.tree, key), visible.get(hex(key)))
    const sorted = [...visible.keys()].sort()
    expect(this.#walk(false)).toEqual(sorted)
    expect(this.#walk(true)).toEqual(sorted.reverse())
    // Chains of values that an open transaction replaced are allocated and reached from nowhere yet.
    const problems = this.fixture.check(this.tree).problems
    const someOpen = this.#open.some((open) => open !== undefined)
    expect(problems.filter((problem) => !(someOpen && problem.endsWith('leaked')))).toEqual([])
  }

  #walk(reverse: boolean): string[] {
    const names: string[] = []
    const cursor = new TreeCursor(this.fixture.btree, this.tree)
    for (let found = cursor.seek(undefined, { reverse, inclusive: true }); found; found = cursor.advance()) {
      if (!cursor.isGhost) names.push(hex(cursor.key()))
    }
    return names
  }

  finish(): void {
    for (let index = 0; index < TRANSACTIONS; index++) this.#finish(index, index === 0)
    this.verify()
    this.fixture.cleanAll()
    this.verify()
    expect(this.fixture.btree.uncleanLeafCount).toBe(0)
    expect(this.fixture.log.reservedBytes).toBe(0)
    this.#allocate()
    this.#replay()
  }

  /** The lowest page that is free is handed out: what was freed is used again before the file grows (I35). */
  #allocate(): void {
    const { space } = this.fixture
    const taken = space.allocatedPages()
    let lowest = asPageId(FIRST_MAP_PAGE + 1)
    while (taken.has(lowest)) lowest = asPageId(lowest + 1)
    const entry = this.fixture.begin()
    expect(space.allocate(entry)).toBe(lowest)
    this.fixture.rollback(entry)
  }

  #replay(): void {
    const records = this.fixture.records()
    const copy = new Fixture({ frames: 4096, segmentBytes: 1 << 22 })
    copy.replay(records)
    const touched = new Set<PageId>(records.filter((record) => record.resource !== 0).map((record) => record.pageId))
    for (const pageId of touched) expectSame(copy.pageBytes(pageId), this.fixture.pageBytes(pageId))
  }
}

/** `toEqual` on long byte arrays takes most of the run; it is only asked to show a difference. */
function expectSame(actual: Uint8Array | undefined, expected: Uint8Array | undefined): void {
  if (actual === undefined || expected === undefined || compareBytes(actual, expected) !== 0) {
    expect(actual).toEqual(expected)
  }
}

describe('B+tree against a model', () => {
  for (const [style, name] of ['short keys', 'long prefixes', 'keys up to a quarter page'].entries()) {
    test(
      name,
      async () => {
        const property = fc.asyncProperty(steps, async (list) => {
          const run = new Run(style)
          for (const [index, step] of list.entries()) {
            run.step(step)
            if (index % 8 === 0) run.verify()
          }
          run.finish()
          await idle()
        })
        await checkProperty(property, { numRuns: runsOf(RUNS) }, ([list]) => JSON.stringify(list))
      },
      TIMEOUT_MS,
    )
  }
})
