/**
 * What an open transaction has changed, and what was there before: its undo chain, followed as a rollback
 * would follow it, but applied to copies. The readers of versions need it when they come while others are
 * in the middle of something (see `version-store.ts`).
 *
 *   leaf: k = C      undo chain:  REPLACE k: B -> C,  REPLACE k: A -> B      before: A
 */

import type { Lsn } from '../common/ids.ts'
import { hashKey, KeyHead, KeyTable } from '../common/key-table.ts'
import type { LogManager } from '../log/log-manager.ts'
import type { LogRecordView } from '../log/log-record.ts'
import type { TransactionEntry } from '../recovery/transaction-table.ts'
import { changesOf } from '../recovery/undo.ts'
import type { StoredValue, UncommittedChange } from '../txn/version.ts'
import { isChangeOfKeys, isInsertion, keysOfRecord, treeOfRecord, valueBefore } from './btree-log.ts'
import { GHOST_FLAG, type Tree } from './node-page.ts'

class ChangedKey extends KeyHead {
  value: StoredValue | undefined = undefined
}

/** What a leaf has for a key, a ghost perhaps. */
export type StoredOf = (tree: Tree, key: Uint8Array) => StoredValue | undefined

/** Takes changes back on copies, those of one transaction after those of another. */
export class UncommittedChanges {
  readonly #stored: StoredOf
  readonly #log: LogManager
  readonly #changed = new KeyTable((keyCapacity) => new ChangedKey(keyCapacity))

  /** `stored` reads what a leaf has for a key, or had before changes that are taken back already. */
  constructor(log: LogManager, stored: StoredOf) {
    this.#log = log
    this.#stored = stored
  }

  /**
   * Each key that `entry` has changed and not undone, with what it held before, in the order of the changes. Who has
   * overwritten something of another transaction is asked for before that one. Takes a log read for each change, and
   * a descent for each key that was there before.
   * @throws `PAGE_CORRUPT`, `LOG_CORRUPT`, `POOL_EXHAUSTED`, `IO_ERROR`
   */
  of(entry: TransactionEntry): UncommittedChange[] {
    const own = new Map<ChangedKey, Lsn>()
    for (const record of changesOf(this.#log, entry)) {
      if (!isChangeOfKeys(record)) continue
      for (const key of keysOfRecord(record)) own.set(this.#undoOnCopy(record, key), record.prevLsn)
    }
    const changes = Array.from(own, ([{ space, key, keyLength, value }, afterLsn]) => ({
      tree: space,
      key: key.slice(0, keyLength),
      afterLsn,
      before: value === undefined || (value.flags & GHOST_FLAG) !== 0 ? undefined : value,
    }))
    return changes.sort((a, b) => a.afterLsn - b.afterLsn)
  }

  #undoOnCopy(record: LogRecordView, key: Uint8Array): ChangedKey {
    const tree = treeOfRecord(record)
    const hash = hashKey(tree, key, 0, key.length)
    let head = this.#changed.find(hash, tree, key, 0, key.length)
    if (head === undefined) {
      head = this.#changed.insert(hash, tree, key, 0, key.length)
      // Before an insertion there was nothing, whatever is there now.
      if (!isInsertion(record)) head.value = this.#stored(tree, key)
    }
    head.value = valueBefore(record, head.value)
    return head
  }
}
