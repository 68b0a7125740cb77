/**
 * What an open transaction has changed, and what was there before: its undo chain, followed as a rollback
 * would follow it, but applied to copies. The readers of versions need it when they come while others are
 * in the middle of something (see `version-store.ts`).
 *
 *   leaf: k = C      undo chain:  REPLACE k: B -> C,  REPLACE k: A -> B      before: A
 */

import { hashKey, KeyHead, KeyTable } from '../common/key-table.ts'
import type { LogManager } from '../log/log-manager.ts'
import type { LogRecordView } from '../log/log-record.ts'
import type { TransactionEntry } from '../recovery/transaction-table.ts'
import { changesOf } from '../recovery/undo.ts'
import type { StoredValue, UncommittedChange } from '../txn/version-store.ts'
import type { BTree } from './btree.ts'
import { isChangeOfKeys, keysOfRecord, treeOfRecord, valueBefore } from './btree-log.ts'
import { GHOST_FLAG } from './node-page.ts'

class ChangedKey extends KeyHead {
  value: StoredValue | undefined = undefined
}

/**
 * Each key that `entry` has changed and not undone, with what it held before. Takes a log read for each
 * change and a descent for each key.
 * @throws `PAGE_CORRUPT`, `LOG_CORRUPT`, `POOL_EXHAUSTED`, `IO_ERROR`
 */
export function uncommittedChanges(btree: BTree, log: LogManager, entry: TransactionEntry): UncommittedChange[] {
  const changed = new KeyTable((keyCapacity) => new ChangedKey(keyCapacity))
  for (const record of changesOf(log, entry)) {
    if (!isChangeOfKeys(record)) continue
    for (const key of keysOfRecord(record)) undoOnCopy(btree, changed, record, key)
  }
  return Array.from(changed.heads(), ({ space, key, keyLength, value }) => ({
    tree: space,
    key: key.slice(0, keyLength),
    before: value === undefined || (value.flags & GHOST_FLAG) !== 0 ? undefined : value,
  }))
}

function undoOnCopy(btree: BTree, changed: KeyTable<ChangedKey>, record: LogRecordView, key: Uint8Array): void {
  const tree = treeOfRecord(record)
  const hash = hashKey(tree, key, 0, key.length)
  let head = changed.find(hash, tree, key, 0, key.length)
  if (head === undefined) {
    head = changed.insert(hash, tree, key, 0, key.length)
    head.value = btree.stored(tree, key)
  }
  head.value = valueBefore(record, head.value)
}
