/**
 * Reading one key as a transaction of its own, which never waits. Where nobody is in the way the page is
 * right: locks would be given back at once, so it is enough that they could be granted now, locks of instant
 * duration (Mohan, "ARIES/KVL", VLDB 1990). Nothing is allocated for it, and nothing is left to be ended.
 * Where somebody writes, it is what had committed before.
 */
import { CATALOG_TREE } from '../btree/catalog.ts'
import { LockMode } from '../lock/lock-mode.ts'
import type { Store } from './store.ts'
import { decodedValue, keyOf, type TableShape } from './table-shape.ts'
import { VersionView } from './version-view.ts'

/** The value under `key` in the newest committed state, undefined if there is none. @throws as `Snapshot.get` */
export function readNow<K, V>(store: Store, table: TableShape<K, V>, key: K): V | undefined {
  const bytes = keyOf(table, key, store.keyBytesMax)
  const isFree = isUnwritten(store, table.name, bytes) || waitsForLazyCommit(store, table.name, bytes)
  return isFree ? read(store, table, bytes) : readCommitted(store, table, bytes)
}

/** Whether nobody has written the key, or its table as a whole, or is about to. */
function isUnwritten(store: Store, tableName: string, key: Uint8Array): boolean {
  const { locks } = store
  const name = store.catalog.keyOf(tableName)
  if (!locks.isFreeFor(CATALOG_TREE, name, LockMode.IS)) return false
  const tree = store.findTree(tableName)
  return tree === undefined || locks.isFreeFor(tree, key, LockMode.S)
}

/** The same after the lazy commits under way, if there are any. */
const waitsForLazyCommit = (store: Store, tableName: string, key: Uint8Array): boolean =>
  store.transactions.endLazyCommits() && isUnwritten(store, tableName, key)

function read<K, V>(store: Store, table: TableShape<K, V>, key: Uint8Array): V | undefined {
  const tree = store.findTree(table.name)
  const value = tree === undefined ? undefined : store.btree.get(tree, key)
  return value === undefined ? undefined : decodedValue(table, key, value)
}

function readCommitted<K, V>(store: Store, table: TableShape<K, V>, key: Uint8Array): V | undefined {
  const reader = store.openNewestReader()
  try {
    return new VersionView(store, reader, undefined, false).read(table, key)
  } finally {
    store.versions.close(reader)
  }
}
