/**
 * Walks a range of a table and locks what it passes, so that nothing of what it has seen can change
 * until the transaction ends: each key, ghosts too, and each gap between them, into which a key could
 * otherwise be inserted that the walk should have met (a phantom).
 *
 *   keys         b       d       f                a gap is locked with the key at its upper end
 *   forwards  [..b] [..d] ...                     d: its record and the gap (b, d), in one lock
 *   backwards           ... [d..] [f..]           leaving f: the gap (d, f); arriving at d: its record
 *
 * A key of the transaction's own is no better a bound than that: a rollback to a savepoint may take it away, and the
 * lock stays on a key that no gap ends at. Then the gap behind it is locked too, and so on up to the first key that
 * stays whatever is rolled back.
 *
 * A bound that is itself a key needs no gap beyond it. Else the walk locks the gap that the bound lies
 * in, up to the first key beyond the range, and that key's record too: an insert that may still be
 * rolled back is no bound, for the gap would go with it. Behind the last key of the tree it is the
 * empty key.
 *
 * It is synchronous: where a lock must be waited for it returns the promise, and is called again after
 * it. That keeps the usual case, in which nobody is in the way, free of promises. After a wait the walk
 * looks again for what comes after the last key it passed: something may have been inserted before the
 * key it waited for, and that key may be gone. What it locked in vain stays locked, which is harmless.
 *
 * INVARIANT I21: what a range has shown stays all there is.
 */
import type { TreeCursor } from '../btree/cursor.ts'
import { assert } from '../common/assert.ts'
import { compareBytes } from '../common/bytes.ts'
import type { PageId } from '../common/ids.ts'
import { type ByteRange, isBeforeEnd } from './range.ts'
import { Walk, type WalkPorts } from './walk.ts'

/** The lock behind the last key of a tree. */
const END_OF_TREE = new Uint8Array(0)

/** What of a key a walk locks: the record, the gap before it, or both. */
export type WalkLock = 'record' | 'gap' | 'both'

export interface LockedWalkPorts extends WalkPorts {
  readonly openCursor: (tree: PageId) => TreeCursor
  /** Locks a key. Like `findTree` it returns a promise when it has to be called again after a wait. */
  readonly lock: (tree: PageId, key: Uint8Array, what: WalkLock) => Promise<void> | undefined
  /** Whether the transaction itself may yet take the key away without ending. */
  readonly mayVanish: (tree: PageId, key: Uint8Array) => boolean
}

export class LockedWalk extends Walk {
  readonly #ports: LockedWalkPorts
  #cursor: TreeCursor | undefined
  /** The last key that was passed, undefined before the first. */
  #key: Uint8Array | undefined
  /** Whether the cursor stands on that key, so that the next is one step away. */
  #isFresh = false
  /** Forwards: up to this key all gaps are locked, whatever vanishes. Backwards: from this key on. */
  #lockedTo: Uint8Array | undefined

  constructor(range: ByteRange, ports: LockedWalkPorts) {
    super(range, ports)
    this.#ports = ports
  }

  get key(): Uint8Array {
    assert(this.#cursor !== undefined, 'the walk has found an entry')
    return this.#cursor.key()
  }

  value(): Uint8Array {
    const value = this.#cursor?.value()
    assert(value !== undefined, 'the walk stands on an entry, and that is no ghost')
    return value
  }

  protected moved(): void {
    this.#cursor = undefined
    this.#isFresh = false
    this.#lockedTo = undefined
  }

  protected nextIn(tree: PageId): boolean | Promise<void> {
    this.#cursor ??= this.#ports.openCursor(tree)
    const cursor = this.#cursor
    for (;;) {
      if (this.#isAtEnd()) return false
      const step = this.range.reverse ? this.#stepBack(tree, cursor) : this.#stepOn(tree, cursor)
      if (step !== true) return step
      if (!cursor.isGhost) return true
      const pause = this.giveWay()
      if (pause === undefined) continue
      this.#isFresh = false
      return pause
    }
  }

  /** Whether the last key was the bound itself, so that nothing beyond it matters. */
  #isAtEnd(): boolean {
    const { end, endInclusive } = this.range
    return endInclusive && end !== undefined && this.#key !== undefined && compareBytes(this.#key, end) === 0
  }

  #stepOn(tree: PageId, cursor: TreeCursor): boolean | Promise<void> {
    const isThere = this.#seek(cursor)
    const key = isThere ? cursor.key() : END_OF_TREE
    if (!isThere || !isBeforeEnd(this.range, key)) {
      return this.#lockToNext(tree, key, isThere) ?? false
    }
    const wait = this.#isStart(key) ? this.#lock(tree, key, 'record') : this.#lockGap(tree, key, 'both')
    if (wait !== undefined) return wait
    this.#key = key
    return true
  }

  #stepBack(tree: PageId, cursor: TreeCursor): boolean | Promise<void> {
    const gap = this.#key === undefined ? this.#lockAboveStart(tree, cursor) : this.#lockGap(tree, this.#key, 'gap')
    if (gap !== undefined) return gap
    if (!this.#seek(cursor)) return false
    const key = cursor.key()
    if (!isBeforeEnd(this.range, key)) return false
    const wait = this.#lock(tree, key, 'record')
    if (wait !== undefined) return wait
    this.#key = key
    return true
  }

  /** A walk backwards begins in the gap that its upper bound lies in, unless the bound is a key itself. */
  #lockAboveStart(tree: PageId, cursor: TreeCursor): Promise<void> | undefined {
    const { start, startInclusive } = this.range
    if (start === undefined) return this.#lock(tree, END_OF_TREE, 'gap')
    const isThere = cursor.seek(start, { reverse: false, inclusive: true })
    const isKey = isThere && compareBytes(cursor.key(), start) === 0
    if (isKey && startInclusive) return undefined
    return this.#lockToNext(tree, isThere ? cursor.key() : END_OF_TREE, isThere)
  }

  /** Locks the gap that ends at `next`, which is a key or the end of the tree. */
  #lockToNext(tree: PageId, next: Uint8Array, isKey: boolean): Promise<void> | undefined {
    return isKey ? this.#lockGap(tree, next, 'both') : this.#lock(tree, next, 'gap')
  }

  /** Locks a key with the gap before it; and if the key may vanish, what will be the rest of that gap then. */
  #lockGap(tree: PageId, key: Uint8Array, what: 'gap' | 'both'): Promise<void> | undefined {
    const mayVanish = this.#ports.mayVanish(tree, key)
    return this.#lock(tree, key, what) ?? (mayVanish ? this.#lockBehind(tree, key) : undefined)
  }

  /**
   * Locks the keys behind one that may vanish, each with the gap before it, up to the first that stays. So that own
   * keys are not gone through again and again, it is remembered how far that has been done.
   */
  #lockBehind(tree: PageId, first: Uint8Array): Promise<void> | undefined {
    const { reverse } = this.range
    const to = this.#lockedTo
    if (!reverse && to !== undefined && isBehind(to, first)) return undefined
    const cursor = this.#ports.openCursor(tree)
    let isKey = cursor.seek(first, { reverse: false, inclusive: false })
    let key = isKey ? cursor.key() : END_OF_TREE
    while (!(reverse && to !== undefined && isKey && compareBytes(key, to) >= 0)) {
      const isLast = !isKey || !this.#ports.mayVanish(tree, key)
      const wait = this.#lock(tree, key, isKey ? 'both' : 'gap')
      if (wait !== undefined) return wait
      if (isLast) break
      isKey = cursor.advance()
      key = isKey ? cursor.key() : END_OF_TREE
    }
    this.#lockedTo = reverse ? first : key
    return undefined
  }

  /** Goes to the first entry that has not been passed; false when there is none. */
  #seek(cursor: TreeCursor): boolean {
    const isFresh = this.#isFresh
    this.#isFresh = true
    if (this.#key !== undefined && isFresh) return cursor.advance()
    const { start, startInclusive, reverse } = this.range
    if (this.#key !== undefined) return cursor.seek(this.#key, { reverse, inclusive: false })
    return cursor.seek(start, { reverse, inclusive: startInclusive })
  }

  #lock(tree: PageId, key: Uint8Array, what: WalkLock): Promise<void> | undefined {
    const wait = this.#ports.lock(tree, key, what)
    if (wait !== undefined) this.#isFresh = false
    return wait
  }

  #isStart(key: Uint8Array): boolean {
    const { start, startInclusive } = this.range
    return startInclusive && start !== undefined && compareBytes(key, start) === 0
  }
}

/** Whether `bound`, which may be the end of the tree, is not before `key`. */
const isBehind = (bound: Uint8Array, key: Uint8Array): boolean => bound.length === 0 || compareBytes(bound, key) >= 0
