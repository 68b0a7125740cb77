/**
 * The catalog: a tree whose root is fixed when the database is created, from table names (UTF-8) to
 * what is known of each table:
 *
 * | OFFSET | SIZE | FIELD                          |
 * |--------|------|--------------------------------|
 * | 0      | 1    | version of this entry's layout |
 * | 1      | 4    | root of the table's tree       |
 *
 * Like every tree it leaves locking to the caller, who locks the name in it before any call here: `CATALOG_TREE` is
 * the lock space of table names, and `keyOf` says what to lock.
 */
import { AriesError } from '../common/errors.ts'
import { asPageId } from '../common/ids.ts'
import { isWellFormed } from '../common/text.ts'
import type { TransactionEntry } from '../recovery/transaction-table.ts'
import type { BTree } from './btree.ts'
import { TreeCursor } from './cursor.ts'
import type { Tree } from './node-page.ts'

/** The page the catalog's root gets: the first that a new database allocates. */
export const CATALOG_TREE = asPageId(2)

const ENTRY_VERSION = 1
const ENTRY_BYTES = 5

const NAME_BYTES_MAX = 255
/** So many names are remembered with their keys (I35). */
const KEYS_MAX = 1024

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export interface CatalogEntry {
  readonly name: string
  readonly tree: Tree
}

/** Checks a table name. @throws `INVALID_ARGUMENT` */
export function checkTableName(name: unknown): asserts name is string {
  if (typeof name !== 'string' || name.length === 0 || encoder.encode(name).length > NAME_BYTES_MAX) {
    throw new AriesError('INVALID_ARGUMENT', `a table name is a text of 1 to ${NAME_BYTES_MAX} bytes`)
  }
  if (!isWellFormed(name)) {
    throw new AriesError('INVALID_ARGUMENT', 'the table name has a lone surrogate, which UTF-8 cannot hold')
  }
}

export class Catalog {
  readonly #btree: BTree
  /** What has been looked up since the catalog's last change; every transaction asks for its tables here. */
  readonly #found = new Map<string, Tree>()
  readonly #keys = new Map<string, Uint8Array>()

  constructor(btree: BTree) {
    this.#btree = btree
    btree.context.watch(CATALOG_TREE, () => this.#found.clear())
  }

  /** The key of a table's entry. @throws `INVALID_ARGUMENT` */
  keyOf(name: string): Uint8Array {
    let key = this.#keys.get(name)
    if (key === undefined) {
      checkTableName(name)
      key = encoder.encode(name)
      // Names come and go, as of tables made for a while: a few hundred bytes each would add up.
      if (this.#keys.size >= KEYS_MAX) this.#keys.clear()
      this.#keys.set(name, key)
    }
    return key
  }

  /** The tree of a table; undefined when there is no such table. */
  find(name: string): Tree | undefined {
    const known = this.#found.get(name)
    if (known !== undefined) return known
    const value = this.#btree.get(CATALOG_TREE, this.keyOf(name))
    if (value === undefined) return undefined
    const tree = treeOfEntry(name, value)
    this.#found.set(name, tree)
    return tree
  }

  /** Makes a table with an empty tree. @throws `TABLE_EXISTS`, `KEY_TOO_LARGE`, `DISK_FULL` */
  create(entry: TransactionEntry, name: string): Tree {
    if (this.find(name) !== undefined) {
      throw new AriesError('TABLE_EXISTS', `there is a table "${name}"; drop it first, or open it`, { table: name })
    }
    const tree = this.#btree.create(entry)
    this.#btree.put(entry, CATALOG_TREE, this.keyOf(name), encodeEntry(tree))
    return tree
  }

  /** Takes a table away; its pages are freed after commit. @throws `TABLE_NOT_FOUND`, `DISK_FULL` */
  remove(entry: TransactionEntry, name: string): Tree {
    const tree = this.find(name)
    if (tree === undefined) {
      throw new AriesError('TABLE_NOT_FOUND', `there is no table "${name}"`, { table: name })
    }
    this.#btree.delete(entry, CATALOG_TREE, this.keyOf(name))
    this.#btree.drop(entry, tree)
    return tree
  }

  /** All tables, by name. */
  list(): CatalogEntry[] {
    const entries: CatalogEntry[] = []
    for (const cursor of this.#cells()) {
      const value = cursor.value()
      const name = nameOfKey(cursor.key())
      if (value !== undefined) entries.push({ name, tree: treeOfEntry(name, value) })
    }
    return entries
  }

  /** The names of all tables in order, with those whose dropping may yet be rolled back: who locks a name knows. */
  names(): string[] {
    return Array.from(this.#cells(), (cursor) => nameOfKey(cursor.key()))
  }

  /** A cursor that stands on one entry after the other, ghosts too. */
  *#cells(): Iterable<TreeCursor> {
    const cursor = new TreeCursor(this.#btree, CATALOG_TREE)
    const options = { reverse: false, inclusive: true }
    for (let found = cursor.seek(undefined, options); found; found = cursor.advance()) yield cursor
  }
}

/** The table's name in a key of the catalog. */
export const nameOfKey = (key: Uint8Array): string => decoder.decode(key)

function encodeEntry(tree: Tree): Uint8Array {
  const bytes = new Uint8Array(ENTRY_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, ENTRY_VERSION)
  view.setUint32(1, tree, true)
  return bytes
}

/** The tree in the value of a catalog entry. @throws `FORMAT_UNSUPPORTED` */
export function treeOfEntry(name: string, value: Uint8Array): Tree {
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
  if (value.length !== ENTRY_BYTES || view.getUint8(0) !== ENTRY_VERSION) {
    throw new AriesError('FORMAT_UNSUPPORTED', `this build cannot read the catalog entry of table "${name}"`, {
      table: name,
    })
  }
  return asPageId(view.getUint32(1, true))
}
