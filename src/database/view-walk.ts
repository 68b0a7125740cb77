/**
 * Walks a range of a table as a view has it: what was deleted since is there, what was inserted since is
 * not. Ghosts stay in the leaves while somebody may look for their older values, so the cursor meets every
 * key that the view could have.
 *
 * A walk that is going to change what it finds claims each key before it looks at its newest state. Claims
 * wait for locks; else nothing waits.
 */
import { CATALOG_TREE, nameOfKey } from '../btree/catalog.ts'
import type { TreeCursor } from '../btree/cursor.ts'
import { assert } from '../common/assert.ts'
import type { PageId } from '../common/ids.ts'
import { ALL_KEYS, type ByteRange, isBeforeEnd } from './range.ts'
import type { VersionView } from './version-view.ts'
import { Walk, type WalkPorts } from './walk.ts'

export interface ViewWalkPorts extends WalkPorts {
  /** Locks a key that will be changed; returns a promise when it has to be called again after a wait. */
  readonly claim?: (tree: PageId, key: Uint8Array) => Promise<void> | undefined
}

export class ViewWalk extends Walk {
  readonly #view: VersionView
  readonly #claim: ViewWalkPorts['claim']
  #cursor: TreeCursor | undefined
  #hasStarted = false
  #key: Uint8Array | undefined
  #value: Uint8Array | undefined
  /** Whether the entry at the cursor has not been given out: it was left for a wait, or could not be read. */
  #isOwed = false

  constructor(range: ByteRange, view: VersionView, ports: ViewWalkPorts) {
    super(range, ports)
    this.#view = view
    this.#claim = ports.claim
  }

  get key(): Uint8Array {
    assert(this.#cursor !== undefined, 'the walk has found an entry')
    return this.#cursor.key()
  }

  value(): Uint8Array {
    assert(this.#value !== undefined, 'the walk has found an entry')
    return this.#value
  }

  protected moved(): void {
    this.#cursor = undefined
    this.#hasStarted = false
  }

  protected nextIn(tree: PageId): boolean | Promise<void> {
    this.#view.check()
    this.#cursor ??= this.#view.store.cursor(tree)
    const cursor = this.#cursor
    for (;;) {
      if (!this.#isOwed || !this.#hasStarted) {
        if (!this.#step(cursor)) return false
        this.#key = cursor.key()
        if (!isBeforeEnd(this.range, this.#key)) return false
        this.#value = this.#valueAt(tree, cursor, this.#key)
        if (this.#value === undefined) {
          const pause = this.giveWay()
          if (pause === undefined) continue
          return pause
        }
        if (this.#claim === undefined) return true
        this.#isOwed = true
      }
      const wait = this.#claim?.(tree, this.#key as Uint8Array)
      if (wait !== undefined) return wait
      // Now it is locked, and the page has the state that will be changed; somebody may have deleted it.
      this.#value = cursor.value()
      this.#isOwed = false
      if (this.#value !== undefined) return true
    }
  }

  #step(cursor: TreeCursor): boolean {
    if (this.#hasStarted) return cursor.advance()
    const { start, startInclusive, reverse } = this.range
    const [from, inclusive] = this.#key === undefined ? [start, startInclusive] : [this.#key, this.#isOwed]
    const found = cursor.seek(from, { reverse, inclusive })
    this.#hasStarted = true
    this.#isOwed = false
    return found
  }

  #valueAt(tree: PageId, cursor: TreeCursor, key: Uint8Array): Uint8Array | undefined {
    try {
      const version = this.#view.versionOf(tree, key)
      return version === undefined ? cursor.value() : this.#view.valueOf(version)
    } catch (error) {
      // It has not been given out: who goes on comes to it again.
      this.#hasStarted = false
      this.#isOwed = true
      throw error
    }
  }
}

/** The names of the tables as a view has them, sorted. @throws as `VersionView.get` */
export function tablesOf(view: VersionView): string[] {
  const walk = new ViewWalk(ALL_KEYS, view, { findTree: () => CATALOG_TREE })
  const names: string[] = []
  while (walk.next() === true) names.push(nameOfKey(walk.key))
  return names
}
