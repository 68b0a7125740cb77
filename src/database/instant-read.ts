/**
 * Reading one key as a transaction of its own. Its locks would be given back at once, so it is enough
 * that they could be granted now: a lock of instant duration (Mohan, "ARIES/KVL", VLDB 1990). Nothing is
 * allocated for it, and nothing is left to be ended.
 */
import { LockMode } from '../lock/lock-mode.ts'
import type { Store } from './store.ts'
import { keyOf, type TableShape } from './table-shape.ts'

/** Somebody is in the way, or ahead in the queue: it takes a transaction, which can wait. */
export const BUSY = Symbol('busy')

/** The value under `key`, undefined if there is none, or `BUSY`. @throws as `Transaction.get`, but for what waiting throws */
export function readNow<K, V>(store: Store, table: TableShape<K, V>, key: K): V | undefined | typeof BUSY {
  const { locks, catalogTree } = store
  const bytes = keyOf(table, key, store.keyBytesMax)
  const name = store.catalogKey(table.name)
  if (!locks.isFreeFor(catalogTree, name, 0, name.length, LockMode.IS)) return BUSY
  const tree = store.findTree(table.name)
  if (tree === undefined) return undefined
  if (!locks.isFreeFor(tree, bytes, 0, bytes.length, LockMode.S)) return BUSY
  const value = store.btree.get(tree, bytes, 0, bytes.length)
  return value === undefined ? undefined : table.value.decode(value)
}
