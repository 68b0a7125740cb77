/**
 * Open transactions that have written much. What their keys held before is not kept for those who read without locks,
 * nor taken from the log for all keys at once: it is looked up for the key that is read. For that each has an index of
 * its changes, which follows it a step behind.
 *
 *   leaf: k = C     records found by the hash of k:  REPLACE k: B -> C,  INSERT x,  REPLACE k: A -> B     before: A
 *
 * INVARIANTS
 * - I34: what is found is what the key held before the transaction.
 * - From its first change of a key to its end a large writer alone changes it: it does not yield its locks. So what
 *   lies in the leaf is its own last change, and undoing its changes on a copy leads to what was there before.
 */
import { compareBytes } from '../common/bytes.ts'
import { type Lsn, NULL_LSN } from '../common/ids.ts'
import { hashKey } from '../common/key-table.ts'
import type { LogManager } from '../log/log-manager.ts'
import type { TransactionEntry } from '../recovery/transaction-table.ts'
import { changesOf } from '../recovery/undo.ts'
import type { ActiveTransaction } from '../txn/active-transaction.ts'
import { ChangeIndex } from '../txn/change-index.ts'
import type { ChangedKey, LargeWriterPorts } from '../txn/large-writer-ports.ts'
import type { Before, StoredValue } from '../txn/version.ts'
import { isChangeOfKeys, isInsertion, isOfKey, keysOfRecord, treeOfRecord, valueBefore } from './btree-log.ts'
import { GHOST_FLAG, type Tree } from './node-page.ts'
import type { StoredOf } from './uncommitted.ts'

/** An index follows when its transaction has written so much more. */
const STEP_BYTES = 65_536
const NOTHING: Iterable<Lsn> = []
/** What was before so many changes of one key is not looked up each time; for so many keys of a transaction. */
const OFTEN = 32
const OFTEN_CHANGED_MAX = 64

/**
 * What keys that a transaction has changed often held before. It is found only from all their records, and stays the
 * same until the first of these is undone.
 */
class OftenChanged {
  readonly #known = new Map<number, Before & { readonly tree: Tree; readonly key: Uint8Array }>()
  /** The youngest of the first changes of these keys. */
  #firstLsn: Lsn = NULL_LSN

  find(tree: Tree, key: Uint8Array, hash: number): Before | undefined {
    const known = this.#known.get(hash)
    return known?.tree === tree && compareBytes(known.key, key) === 0 ? known : undefined
  }

  add(tree: Tree, key: Uint8Array, hash: number, { before }: Before, firstLsn: Lsn): void {
    if (this.#known.size === OFTEN_CHANGED_MAX) this.#known.clear()
    this.#known.set(hash, { tree, key: Uint8Array.from(key), before })
    if (firstLsn > this.#firstLsn) this.#firstLsn = firstLsn
  }

  undone(lsn: Lsn): void {
    if (lsn >= this.#firstLsn) return
    this.#known.clear()
    this.#firstLsn = NULL_LSN
  }
}

interface Followed {
  readonly index: ChangeIndex
  readonly often: OftenChanged
}

export class LargeWriters implements LargeWriterPorts {
  readonly #log: LogManager
  readonly #largeBytes: number
  readonly #storedNow: StoredOf
  readonly #followed = new Map<ActiveTransaction, Followed>()

  /** Large is who has written `largeBytes` of log. `storedNow` reads what a leaf has for a key. */
  constructor(log: LogManager, largeBytes: number, storedNow: StoredOf) {
    this.#log = log
    this.#largeBytes = largeBytes
    this.#storedNow = storedNow
  }

  get isEmpty(): boolean {
    return this.#followed.size === 0
  }

  isLarge(writer: ActiveTransaction): boolean {
    return this.#followed.has(writer)
  }

  follow(writer: ActiveTransaction): void {
    const { entry } = writer
    if (entry.logBytes < this.#largeBytes) return
    const followed = this.#followed.get(writer)
    if (followed !== undefined && entry.logBytes - followed.index.indexedBytes < STEP_BYTES) return
    const { index, often } = followed ?? { index: new ChangeIndex(), often: new OftenChanged() }
    this.#extend(index, entry)
    if (followed === undefined) this.#followed.set(writer, { index, often })
  }

  #extend(index: ChangeIndex, entry: TransactionEntry): void {
    const changes: { readonly hash: number; readonly lsn: Lsn }[] = []
    for (const record of changesOf(this.#log, entry)) {
      if (record.lsn <= index.indexedLsn) break
      if (!isChangeOfKeys(record)) continue
      const tree = treeOfRecord(record)
      for (const key of keysOfRecord(record)) {
        changes.push({ hash: hashKey(tree, key, 0, key.length), lsn: record.lsn })
      }
    }
    for (const { hash, lsn } of changes.reverse()) index.add(hash, lsn)
    index.indexedLsn = entry.undoNextLsn
    index.indexedBytes = entry.logBytes
  }

  hasChanged(writer: ActiveTransaction, tree: Tree, key: Uint8Array, hash: number): boolean {
    // One that is found is enough: who reads what it has itself written over and over would read all of it each time.
    for (const lsn of this.#found(writer, hash)) if (isOfKey(this.#log.readSingle(lsn), tree, key)) return true
    return false
  }

  before(tree: Tree, key: Uint8Array, hash: number): Before | undefined {
    const found = this.#storedBeforeAll(tree, key, hash)
    if (found?.before === undefined || (found.before.flags & GHOST_FLAG) === 0) return found
    return { before: undefined }
  }

  /** What a leaf would have for a key, a ghost perhaps, without the changes of large writers. @throws as `before` */
  storedOf(tree: Tree, key: Uint8Array): StoredValue | undefined {
    const found = this.#storedBeforeAll(tree, key, hashKey(tree, key, 0, key.length))
    return found === undefined ? this.#storedNow(tree, key) : found.before
  }

  /** At most one of them has changed the key. */
  #storedBeforeAll(tree: Tree, key: Uint8Array, hash: number): Before | undefined {
    for (const writer of this.#followed.keys()) {
      const found = this.#storedBefore(writer, tree, key, hash)
      if (found !== undefined) return found
    }
    return undefined
  }

  #storedBefore(writer: ActiveTransaction, tree: Tree, key: Uint8Array, hash: number): Before | undefined {
    const known = this.#followed.get(writer)?.often.find(tree, key, hash)
    if (known !== undefined) return known
    let found: Before | undefined
    let firstLsn: Lsn = NULL_LSN
    let changes = 0
    for (const lsn of this.#found(writer, hash)) {
      const record = this.#log.readSingle(lsn)
      if (!isOfKey(record, tree, key)) continue
      // Before an insertion there was nothing, whatever is there now.
      const after = found === undefined && !isInsertion(record) ? this.#storedNow(tree, key) : found?.before
      found = { before: valueBefore(record, after) }
      firstLsn = lsn
      changes++
    }
    if (found !== undefined && changes >= OFTEN) this.#followed.get(writer)?.often.add(tree, key, hash, found, firstLsn)
    return found
  }

  /** Its records that may have changed a key with this hash, the youngest first; none when it is not large. */
  #found(writer: ActiveTransaction, hash: number): Iterable<Lsn> {
    const index = this.#followed.get(writer)?.index
    if (index === undefined) return NOTHING
    if (index.indexedLsn < writer.entry.undoNextLsn) this.#extend(index, writer.entry)
    return index.find(hash)
  }

  *keysOf({ entry }: ActiveTransaction): Generator<ChangedKey | undefined> {
    for (const record of changesOf(this.#log, entry)) {
      if (!isChangeOfKeys(record)) {
        yield undefined
        continue
      }
      const tree = treeOfRecord(record)
      // What it has itself deleted stays in the leaf as a ghost, so an insertion is its first change of a key.
      const isNew = isInsertion(record)
      for (const key of keysOfRecord(record)) yield { tree, key, isNew }
    }
  }

  undone(writer: ActiveTransaction, lsn: Lsn): void {
    const followed = this.#followed.get(writer)
    followed?.index.undone(lsn)
    followed?.often.undone(lsn)
  }

  ended(writer: ActiveTransaction): void {
    this.#followed.delete(writer)
  }
}
