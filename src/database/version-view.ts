/**
 * Reading without locks: the tables as they were at a point of the commit order, and with what the reading
 * transaction itself has changed. A key is looked up among the versions first; where nothing is found
 * there the page is right (I34). Nothing here waits, and nobody waits for it.
 */
import { CATALOG_TREE, treeOfEntry } from '../btree/catalog.ts'
import type { Tree } from '../btree/node-page.ts'
import { copyOfRange } from '../common/byte-slab.ts'
import { AriesError } from '../common/errors.ts'
import type { ActiveTransaction } from '../txn/active-transaction.ts'
import type { Before, VersionReader } from '../txn/version.ts'
import type { Isolation } from './options.ts'
import type { Store } from './store.ts'
import { decodedValue, type TableShape } from './table-shape.ts'

export class VersionView {
  readonly store: Store
  readonly #reader: VersionReader
  readonly #self: ActiveTransaction | undefined
  readonly #isFixed: boolean
  /** What a fixed view has found; only its own transaction can change it. */
  readonly #trees = new Map<string, Tree>()

  /**
   * The view of `reader`, for the transaction `self` if there is one. A fixed one stays at the point where
   * it was opened, and who reads through it may not change what others have changed since.
   */
  constructor(store: Store, reader: VersionReader, self: ActiveTransaction | undefined, isFixed: boolean) {
    this.store = store
    this.#reader = reader
    this.#self = self
    this.#isFixed = isFixed
  }

  /** A view that stays as this one is now, and what closes it if it is another one. @throws as `get` */
  fixed(): { view: VersionView; close?: () => void } {
    if (this.#isFixed) return { view: this }
    const { store } = this
    const reader = store.openReader()
    // It keeps no trees in mind, which its transaction may drop: who walks looks a table up seldom.
    return { view: new VersionView(store, reader, this.#self, false), close: () => store.versions.close(reader) }
  }

  /** @throws `SNAPSHOT_TOO_OLD` or why else it was ended */
  check(): void {
    if (this.#reader.endedBy !== undefined) throw this.#reader.endedBy
  }

  /** What this view has to take of a key; undefined where the page is right. @throws as `check` */
  versionOf(tree: Tree, key: Uint8Array): Before | undefined {
    this.check()
    return this.store.versions.find(this.#reader.csn, this.#self, tree, key)
  }

  /** A copy of the value of `key`. @throws as `check`, `PAGE_CORRUPT`, `POOL_EXHAUSTED`, `IO_ERROR` */
  get(tree: Tree, key: Uint8Array): Uint8Array | undefined {
    const version = this.versionOf(tree, key)
    return version === undefined ? this.store.btree.get(tree, key) : this.valueOf(version)
  }

  /** A copy of the value in a version. */
  valueOf({ before }: Before): Uint8Array | undefined {
    if (before === undefined) return undefined
    const value = this.store.btree.resolveValue(before.flags, before.bytes)
    return value === before.bytes ? copyOfRange(value, 0, value.length) : value
  }

  /** The value of an encoded key of a table. @throws as `get` */
  read<K, V>(table: TableShape<K, V>, key: Uint8Array): V | undefined {
    const tree = this.findTree(table.name)
    const value = tree === undefined ? undefined : this.get(tree, key)
    return value === undefined ? undefined : decodedValue(table, key, value)
  }

  /** The tree of a table. @throws as `get` */
  findTree(name: string): Tree | undefined {
    const known = this.#trees.get(name)
    if (known !== undefined) return known
    const tree = this.#lookUp(name)
    if (this.#isFixed && tree !== undefined) this.#trees.set(name, tree)
    return tree
  }

  #lookUp(name: string): Tree | undefined {
    const version = this.versionOf(CATALOG_TREE, this.store.catalog.keyOf(name))
    if (version === undefined) return this.store.findTree(name)
    const entry = this.valueOf(version)
    return entry === undefined ? undefined : treeOfEntry(name, entry)
  }

  /** To be called when the own transaction has dropped a table, or rolled back the making of one. */
  forgetTrees(): void {
    this.#trees.clear()
  }

  /**
   * To be called with the key locked, before it is changed: the first updater wins.
   * @throws `TX_CONFLICT`; as `check`
   */
  checkMayChange(tree: Tree, key: Uint8Array): void {
    this.check()
    if (!this.#isFixed || !this.store.versions.hasChangedSince(this.#reader.csn, tree, key)) return
    const what = tree === CATALOG_TREE ? 'the table' : 'the key'
    throw new AriesError(
      'TX_CONFLICT',
      `${what} was changed by a transaction that has committed since this one began; roll back and run it again`,
      { tree, key: Uint8Array.from(key) },
    )
  }

  /** The same for a table, with its name locked, before it is made, dropped or put into. @throws as `checkMayChange` */
  checkTableUnchanged(name: string): void {
    this.checkMayChange(CATALOG_TREE, this.store.catalog.keyOf(name))
  }
}

/** How a transaction reads at an isolation level; undefined: with locks. @throws as `VersionView.get` */
export function viewFor(store: Store, active: ActiveTransaction, isolation: Isolation): VersionView | undefined {
  if (isolation === 'serializable') return undefined
  const isFixed = isolation === 'snapshot'
  const reader = isFixed ? store.openReader() : store.openNewestReader()
  active.whenEnded(() => store.versions.close(reader))
  return new VersionView(store, reader, active, isFixed)
}
