/**
 * A read-only snapshot: the database as it was when it was opened, read synchronously. It takes no locks,
 * never waits and makes nobody wait. While it is open, older versions of what changes are kept in memory,
 * and ghosts and freed pages are held back; so close it, or let `using` do it.
 */
import { endOfWayTo } from '../btree/way.ts'
import { AriesError } from '../common/errors.ts'
import type { PageId } from '../common/ids.ts'
import type { VersionReader } from '../txn/version.ts'
import { type SnapshotEntries, snapshotEntriesOf } from './entries.ts'
import { type ByteRange, byteRangeOf, type RangeOptions } from './range.ts'
import { type Gap, salvage } from './salvage.ts'
import { SnapshotWalk } from './snapshot-walk.ts'
import type { Store } from './store.ts'
import { checkTable, keyOf, type TableShape } from './table-shape.ts'
import { VersionView } from './version-view.ts'
import { tablesOf } from './view-walk.ts'

export class Snapshot {
  readonly #store: Store
  readonly #reader: VersionReader
  readonly #view: VersionView

  /** @internal Made by `Database.snapshot`. */
  constructor(store: Store) {
    this.#store = store
    this.#reader = store.openReader()
    this.#view = new VersionView(store, this.#reader, undefined, true)
  }

  /** Whether it can still be used. */
  get isOpen(): boolean {
    return this.#reader.isOpen
  }

  /**
   * The value under `key`, or undefined.
   * @throws `TX_CLOSED`, `SNAPSHOT_TOO_OLD`, `DB_CLOSED`, `DB_FAILED`, `KEY_TOO_LARGE`, `INVALID_ARGUMENT`,
   *   `DECODE_FAILED`, `PAGE_CORRUPT`, `PAGE_LSN_BEYOND_LOG`, `POOL_EXHAUSTED`, `IO_ERROR`
   */
  get<K, V>(table: TableShape<K, V>, key: K): V | undefined {
    this.#check()
    const bytes = keyOf(table, key, this.#store.keyBytesMax)
    return this.#view.read(table, bytes)
  }

  /** The entries of a range in key order. A wrong range is refused at the call. @throws as `get` */
  range<K, V>(table: TableShape<K, V>, options: Omit<RangeOptions<K>, 'forUpdate'> = {}): SnapshotEntries<K, V> {
    const { keyBytesMax } = this.#store
    const range = byteRangeOf(table, options, keyBytesMax)
    return snapshotEntriesOf(table, { range, keyBytesMax, open: (rest) => this.#walk(table.name, rest) })
  }

  /** How many keys lie in the range. @throws as `get` */
  count<K, V>(table: TableShape<K, V>, options: Omit<RangeOptions<K>, 'forUpdate'> = {}): number {
    const walk = this.#walk(table.name, byteRangeOf(table, options, this.#store.keyBytesMax))
    let count = 0
    while (walk.next() === true) count++
    return count
  }

  /**
   * All rows of a table that can be read, in key order, where `range` would end at the first page that cannot. For
   * what is passed over, `onGap` is called before the row behind it is given out.
   * @throws as `get`; of damage only what keeps the table itself from being found
   */
  salvage<K, V>(table: TableShape<K, V>, onGap: (gap: Gap<K>) => void): IterableIterator<[K, V], undefined> {
    checkTable(table)
    this.#check()
    const { buffer } = this.#store.btree.context
    const findTree = (): PageId => this.#view.findTree(table.name) as PageId
    const open = (range: ByteRange): SnapshotWalk => this.#walk(table.name, range)
    return salvage(table, { open, endOfWayTo: (key) => endOfWayTo(buffer, findTree(), key) }, onGap)
  }

  /** The names of the tables, sorted. @throws as `get` */
  tables(): string[] {
    this.#check()
    return tablesOf(this.#view)
  }

  /** Ends it. Calling it again does nothing. */
  close(): void {
    this.#store.versions.close(this.#reader)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }

  #walk(name: string, range: ByteRange): SnapshotWalk {
    this.#check()
    return new SnapshotWalk(range, this.#view, {
      check: () => this.#check(),
      findTree: () => this.#view.findTree(name),
    })
  }

  #check(): void {
    this.#store.checkRunning()
    this.#view.check()
    if (!this.#reader.isOpen) throw new AriesError('TX_CLOSED', 'the snapshot was closed; open a new one')
  }
}
