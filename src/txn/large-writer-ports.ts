/** What versions are kept by asks of open transactions that have written much, and of which nothing is kept. */
import type { Lsn, PageId } from '../common/ids.ts'
import type { ActiveTransaction } from './active-transaction.ts'
import type { Before } from './version.ts'

/** A key that a transaction has changed; it is known to be new where it was not there before. */
export interface ChangedKey {
  readonly tree: PageId
  readonly key: Uint8Array
  readonly isNew: boolean
}

/** What transactions that have written much have changed. All of it can throw `PAGE_CORRUPT`, `LOG_CORRUPT`, `IO_ERROR`. */
export interface LargeWriterPorts {
  readonly isEmpty: boolean
  isLarge(writer: ActiveTransaction): boolean
  /** To be called before a transaction writes: it may be a large one by now. */
  follow(writer: ActiveTransaction): void
  /** What a key held before a large writer changed it; undefined when none has. `hash` is its `hashKey`. */
  before(tree: PageId, key: Uint8Array, hash: number): Before | undefined
  /** Whether it has changed the key, and not undone that. */
  hasChanged(writer: ActiveTransaction, tree: PageId, key: Uint8Array, hash: number): boolean
  /** The key of each of its changes, and nothing for those that are not of keys. */
  keysOf(writer: ActiveTransaction): Iterable<ChangedKey | undefined>
  /** It has undone all that it did after its record at `lsn`. */
  undone(writer: ActiveTransaction, lsn: Lsn): void
  ended(writer: ActiveTransaction): void
}
