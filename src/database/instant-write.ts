/**
 * Storing one value as a transaction of its own. When nobody is in the way, all of it happens in one go, from
 * the locks to the COMMIT record: nobody can come in between, so there is nothing to wait for and nothing to
 * run again, and no handle that anybody could use. The locks stay until the commit is acknowledged, as always.
 */
import { CATALOG_TREE } from '../btree/catalog.ts'
import type { Tree } from '../btree/node-page.ts'
import { LockMode } from '../lock/lock-mode.ts'
import { isUnended } from '../txn/refusals.ts'
import type { Durability } from '../txn/transaction-manager.ts'
import type { Store } from './store.ts'
import { encodedValue, keyOf, type TableShape } from './table-shape.ts'

/**
 * Stores `value` under `key` and commits. Undefined when it takes a transaction that can wait: somebody is in
 * the way, or keeps gaps, or the pool needs room, or the table has to be made; nothing has been done then.
 * Rejects, or throws, as `Transaction.put` and `commit` do.
 */
export function putNow<K, V>(
  store: Store,
  table: TableShape<K, V>,
  key: K,
  value: V,
  durability: Durability,
): Promise<void> | undefined {
  const { locks } = store
  const bytes = keyOf(table, key, store.keyBytesMax)
  store.checkWritable()
  const content = encodedValue(table, value)
  const name = store.catalog.keyOf(table.name)
  let tree = freeTree(store, table.name, bytes)
  // Who is in the way may be somebody who is done but for being written.
  if (tree === undefined && store.transactions.endLazyCommits()) tree = freeTree(store, table.name, bytes)
  if (tree === undefined || !store.hasRoom()) return undefined

  const active = store.transactions.begin()
  active.wasAskedToWrite = true
  locks.names.set(tree, table.name)
  locks.acquire(active.owner, CATALOG_TREE, name, LockMode.IX, 0)
  locks.acquireToOverwrite(active.owner, tree, bytes, 0)
  try {
    store.put(active, tree, bytes, content)
    return store.commit(active, durability)
  } catch (error) {
    if (!isUnended(active)) throw error
    const rethrow = (): never => {
      throw error
    }
    return store.abort(active).then(rethrow, rethrow)
  }
}

/** The tree of the table, if `key` could be put into it at once. */
function freeTree(store: Store, tableName: string, key: Uint8Array): Tree | undefined {
  const { locks } = store
  if (!locks.isFreeFor(CATALOG_TREE, store.catalog.keyOf(tableName), LockMode.IX)) return undefined
  const tree = store.findTree(tableName)
  if (tree === undefined || locks.keepsGapsIn(tree)) return undefined
  return locks.isFreeToOverwrite(tree, key) ? tree : undefined
}
