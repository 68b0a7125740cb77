/**
 * Versions for those who read without locks: what a key held before others changed it.
 *
 *   page         chain of a key, newest first                    a reader that began at csn 5
 *   +-------+    +--------------+   +--------+   +--------+      takes the oldest entry above 5:
 *   | k = D |    | uncommitted  |-->| csn 9  |-->| csn 6  |      the value was A
 *   +-------+    | before: C    |   | bef. B |   | bef. A |
 *                +--------------+   +--------+   +--------+
 *
 * The CSN (commit sequence number) counts commits in the order in which they give back their locks; that
 * order is the serial order of strict two-phase locking. A reader sees what had committed when it was
 * opened, and what its own transaction wrote. Pages hold the newest state always; an entry holds a
 * BEFORE-IMAGE, noted at the first change that a transaction makes to a key.
 *
 * NOTHING IS KEPT UNLESS SOMEBODY READS THIS WAY. When the first reader comes, the before-images of what
 * is uncommitted then are taken from the undo chains in the log. The last to leave ends the keeping when
 * nothing is uncommitted. Else it goes on for some commits more, for where many write and read the same keys
 * the next reader is near; and as long as so much is uncommitted that taking it from the log again would be slow.
 *
 * OF LARGE WRITERS NOTHING IS KEPT while they are open: what each key held before is looked up in the log when it is
 * read (`large-writers.ts`), or the first reader would stand still for all of it, and a load of millions of rows would
 * be in memory. Only when one commits while somebody reads who may not see it, its before-images become entries, some
 * a turn: before its COMMIT is logged, and for who comes while that is on its way to the disk, before it ends.
 *
 * WHEN AN ENTRY GOES. Entry c with the older neighbour b in its chain serves the readers in [b, c). When
 * there is none it goes: at its commit, because none was opened in between, or when the last of them is
 * closed. Each committed entry lies with the youngest reader below it; closing a reader hands its entries
 * on to the reader before it, as far as that one needs them. So what is kept is bounded by the keys that
 * changed, not by the number of changes (compare the interval garbage collection of Boettcher et al.,
 * VLDB 2019).
 *
 * WHAT IS UNDONE IS NO CHANGE. An entry notes behind which record of its writer the change came. When that is
 * undone, the key holds its before-image again, and the entry goes; it could not stay, because the key may be
 * of a tree that is gone with it, whose page another tree has next.
 *
 * INVARIANTS
 * - I34: a reader sees the state at its CSN, whatever others write, commit, roll back and clean up.
 * - The uncommitted entries of a chain are the newest. Of their writers, who all hold the lock, all but the
 *   last have yielded it: their COMMITs are in the log, in this order, and not durable yet.
 */
import { assert } from '../common/assert.ts'
import { AriesError } from '../common/errors.ts'
import { type Lsn, NULL_LSN, type PageId } from '../common/ids.ts'
import { hashKey, KeyTable } from '../common/key-table.ts'
import type { ActiveTransaction } from './active-transaction.ts'
import type { ChangedKey, LargeWriterPorts } from './large-writer-ports.ts'
import { tooOld } from './refusals.ts'
import {
  type Before,
  type StoredValue,
  UNCOMMITTED,
  type UncommittedChange,
  Version,
  VersionChain,
  VersionReader,
} from './version.ts'

/** More uncommitted entries than this are not taken from the log again if that can be helped. */
const LINGERING_ENTRIES = 1000
/** So many commits without a reader, and none is expected any more. */
const LINGERING_COMMITS = 1000
/** Steps of the noting of a large writer's changes in one turn of the event loop. */
const NOTED_A_TURN = 100
const NEWEST = Number.MAX_SAFE_INTEGER

export interface VersionStats {
  readonly readers: number
  /** When the oldest reader was opened. */
  readonly oldestOpenedMs: number | undefined
  readonly entries: number
  readonly bytes: number
}

export class VersionStore {
  readonly #readUncommitted: () => Iterable<readonly [ActiveTransaction, Iterable<UncommittedChange>]>
  readonly #large: LargeWriterPorts
  readonly #bytesMax: number
  /** Large writers that commit, and whose changes are noted, or being so. */
  readonly #noted = new Set<ActiveTransaction>()
  readonly #chains = new KeyTable((keyCapacity) => new VersionChain(keyCapacity))
  readonly #uncommitted = new Map<ActiveTransaction, Version[]>()
  #csn = 0
  #isKept = false
  readonly #newestReaders = new Set<VersionReader>()
  #readerCount = 0
  /** Commits since there was a reader. */
  #commitsUnread = 0
  #oldest: VersionReader | undefined
  #youngest: VersionReader | undefined
  #entryCount = 0
  #uncommittedCount = 0
  #bytes = 0

  /**
   * `readUncommitted` reads from the log what the open transactions have changed, but for those that are large. When who
   * writes makes it keep more than `bytesMax`, those who need it are ended.
   */
  constructor(
    readUncommitted: () => Iterable<readonly [ActiveTransaction, Iterable<UncommittedChange>]>,
    large: LargeWriterPorts,
    bytesMax: number,
  ) {
    this.#bytesMax = bytesMax
    this.#readUncommitted = readUncommitted
    this.#large = large
  }

  /** Whether writers have to `note` what they change. */
  get isKept(): boolean {
    return this.#isKept
  }

  /** Whether no key has an older version: the pages are right for everybody. */
  get isEmpty(): boolean {
    return this.#entryCount === 0 && this.#large.isEmpty
  }

  get stats(): VersionStats {
    return {
      readers: this.#readerCount + this.#newestReaders.size,
      oldestOpenedMs: this.#oldest?.openedMs,
      entries: this.#entryCount,
      bytes: this.#bytes,
    }
  }

  /**
   * Opens a reader of the state as of now. The first has to take from the log what is uncommitted.
   * @throws `PAGE_CORRUPT`, `IO_ERROR`, `POOL_EXHAUSTED`; then nothing is open
   */
  open(nowMs: number): VersionReader {
    this.#startKeeping()
    const reader = new VersionReader(this.#csn, nowMs, this.#youngest)
    if (this.#youngest === undefined) this.#oldest = reader
    else this.#youngest.younger = reader
    this.#youngest = reader
    this.#readerCount++
    return reader
  }

  /** Opens a reader of the newest committed state. @throws as `open` */
  openNewest(nowMs: number): VersionReader {
    this.#startKeeping()
    const reader = new VersionReader(NEWEST, nowMs, undefined)
    this.#newestReaders.add(reader)
    return reader
  }

  /** Closes a reader; closing it again does nothing. */
  close(reader: VersionReader): void {
    if (!reader.isOpen) return
    reader.isOpen = false
    reader.onClose?.()
    if (!this.#newestReaders.delete(reader)) this.#unlink(reader)
    this.#stopKeepingIfUnused()
  }

  #unlink(reader: VersionReader): void {
    const { older, younger, retained } = reader
    if (older === undefined) this.#oldest = younger
    else older.younger = younger
    if (younger === undefined) this.#youngest = older
    else younger.older = older
    this.#readerCount--
    reader.older = undefined
    reader.younger = undefined
    reader.retained = []
    for (const version of retained) this.#retain(version, older)
  }

  /** Ends a reader from outside; whoever uses it gets `error`. */
  end(reader: VersionReader, error: AriesError): void {
    reader.endedBy = error
    this.close(reader)
  }

  /** Ends the oldest reader; false when there is none. */
  endOldest(error: AriesError): boolean {
    const [anyone] = this.#newestReaders
    const reader = this.#oldest ?? anyone
    if (reader !== undefined) this.end(reader, error)
    return reader !== undefined
  }

  /** Ends readers, the oldest first, until no more is kept than may be. */
  #bound(): void {
    if (this.#bytes <= this.#bytesMax) return
    const error = tooOld(`older versions of what changed took more than snapshotMaxBytes, ${this.#bytesMax}`)
    while (this.#bytes > this.#bytesMax && this.endOldest(error));
    if (this.#bytes > this.#bytesMax && this.#noted.size === 0) this.#clear()
  }

  /** To be called before a transaction writes, whether this `isKept` or not. @throws `LOG_CORRUPT`, `IO_ERROR` */
  follow(writer: ActiveTransaction): void {
    this.#large.follow(writer)
  }

  /** To be called before `writer`, who has the lock, changes a key while `isKept`. `readBefore` is asked if need be. */
  note(writer: ActiveTransaction, tree: number, key: Uint8Array, readBefore: () => StoredValue | undefined): void {
    if (this.#large.isLarge(writer)) return
    const hash = hashKey(tree, key, 0, key.length)
    const chain = this.#chains.find(hash, tree, key, 0, key.length)
    if (chain?.newest?.writer === writer) return
    assert(isYielded(chain?.newest?.writer), 'one transaction at a time changes a key')
    this.#add(writer, writer.entry.lastLsn, tree, key, readBefore())
    this.#bound()
  }

  /**
   * What the reader at `csn` of transaction `self` has to take instead of what the page holds, if anything. What a large
   * writer has changed is asked for last: entries of others are of before it had the lock.
   * @throws `PAGE_CORRUPT`, `LOG_CORRUPT`, `IO_ERROR`
   */
  find(csn: number, self: ActiveTransaction | undefined, tree: PageId, key: Uint8Array): Before | undefined {
    if (this.isEmpty) return undefined
    const hash = hashKey(tree, key, 0, key.length)
    let version = this.#chains.find(hash, tree, key, 0, key.length)?.newest
    if (self !== undefined && (version?.writer === self || this.#large.hasChanged(self, tree, key, hash))) {
      return undefined
    }
    let found: Version | undefined
    for (; version !== undefined && version.csn > csn; version = version.older) found = version
    return found ?? this.#large.before(tree, key, hash)
  }

  /** Whether a change of the key has committed after `csn`; uncommitted ones do not count. */
  hasChangedSince(csn: number, tree: number, key: Uint8Array): boolean {
    let version = this.#chains.find(hashKey(tree, key, 0, key.length), tree, key, 0, key.length)?.newest
    if (version?.csn === UNCOMMITTED) version = version.older
    return version !== undefined && version.csn > csn
  }

  /** Whether somebody may yet look for an older value of the key: its ghost has to stay. */
  hasVersions(tree: number, key: Uint8Array, keyStart: number, keyEnd: number): boolean {
    return (
      this.#entryCount > 0 &&
      this.#chains.find(hashKey(tree, key, keyStart, keyEnd), tree, key, keyStart, keyEnd) !== undefined
    )
  }

  /** Whether no reader is left from before commit `csn`: what that commit gave up can be freed. */
  isSeenByAll(csn: number): boolean {
    return this.#oldest === undefined || this.#oldest.csn >= csn
  }

  /** Counts a commit, from here on visible to new readers; returns its number. */
  commit(writer: ActiveTransaction): number {
    assert(!this.mustNoteAll(writer), 'what a large transaction has changed is noted for those who read')
    const csn = ++this.#csn
    this.#commitsUnread++
    this.#forgetLarge(writer)
    const versions = this.#uncommitted.get(writer)
    if (versions === undefined) return csn
    this.#forget(writer, versions)
    for (const version of versions) {
      assert(version.older?.csn !== UNCOMMITTED, 'the changes of a key commit in their order')
      version.csn = csn
      version.writer = undefined
      this.#retain(version, this.#youngest)
    }
    this.#stopKeepingIfUnused()
    return csn
  }

  /** Whether what its keys held before is read from the log and the page: then nobody else may change them before it ends. */
  isLarge(writer: ActiveTransaction): boolean {
    return this.#large.isLarge(writer)
  }

  /** Whether `noteAll` has to be called before a transaction commits: somebody reads who may not see it. */
  mustNoteAll(writer: ActiveTransaction): boolean {
    return this.#readerCount > 0 && this.#large.isLarge(writer) && !this.#noted.has(writer)
  }

  /**
   * Notes all that a large writer has changed, for those who read and may not see it; nothing more may it change. When
   * that cannot be read, or is too much, it is they who are ended, and not the transaction. Awaits `pause` now and then.
   */
  async noteAll(writer: ActiveTransaction, pause: () => Promise<void>): Promise<void> {
    this.#noted.add(writer)
    let steps = 0
    try {
      for (const changed of this.#large.keysOf(writer)) {
        if (changed !== undefined) this.#noteOnce(writer, changed)
        if (++steps % NOTED_A_TURN > 0) continue
        this.#bound()
        await pause()
        if (this.#readerCount === 0) return this.#stopNoting(writer)
      }
    } catch (error) {
      if (!AriesError.is(error)) throw error
      while (this.#oldest !== undefined) this.end(this.#oldest, error)
      this.#stopNoting(writer)
    }
  }

  /** Nobody is left who needs it, and for who comes now it is done anew. */
  #stopNoting(writer: ActiveTransaction): void {
    this.#noted.delete(writer)
    this.#stopKeepingIfUnused()
  }

  #noteOnce(writer: ActiveTransaction, { tree, key, isNew }: ChangedKey): void {
    const hash = hashKey(tree, key, 0, key.length)
    if (this.#chains.find(hash, tree, key, 0, key.length)?.newest?.writer === writer) return
    const found = isNew ? { before: undefined } : this.#large.before(tree, key, hash)
    if (found !== undefined) this.#add(writer, writer.entry.lastLsn, tree, key, found.before)
  }

  #forgetLarge(writer: ActiveTransaction): void {
    this.#large.ended(writer)
    this.#noted.delete(writer)
  }

  /** A transaction has undone all that it did after its record at `lsn`. */
  undone(writer: ActiveTransaction, lsn: Lsn): void {
    this.#large.undone(writer, lsn)
    const versions = this.#uncommitted.get(writer)
    for (let last = versions?.at(-1); last !== undefined && last.afterLsn >= lsn; last = versions?.at(-1)) {
      versions?.pop()
      this.#uncommittedCount--
      this.#remove(last)
    }
  }

  /** A transaction has undone all its changes. */
  rollback(writer: ActiveTransaction): void {
    this.#forgetLarge(writer)
    const versions = this.#uncommitted.get(writer)
    if (versions === undefined) return
    this.#forget(writer, versions)
    for (const version of versions) this.#remove(version)
    this.#stopKeepingIfUnused()
  }

  #startKeeping(): void {
    this.#commitsUnread = 0
    if (this.#isKept) return
    try {
      for (const [writer, changes] of this.#readUncommitted()) {
        for (const { tree, key, afterLsn, before } of changes) this.#add(writer, afterLsn, tree, key, before)
      }
    } catch (error) {
      this.#clear()
      throw error
    }
    this.#isKept = true
  }

  #stopKeepingIfUnused(): void {
    if (!this.#isKept || this.#noted.size > 0 || this.#readerCount > 0 || this.#newestReaders.size > 0) return
    const isExpected = this.#uncommittedCount > 0 && this.#commitsUnread < LINGERING_COMMITS
    if (!isExpected && this.#uncommittedCount <= LINGERING_ENTRIES) this.#clear()
  }

  #clear(): void {
    for (const versions of this.#uncommitted.values()) for (const version of versions) this.#remove(version)
    this.#uncommitted.clear()
    this.#uncommittedCount = 0
    this.#isKept = false
    assert(this.#entryCount === 0 && this.#chains.size === 0, 'committed entries go with the last reader')
  }

  #add(writer: ActiveTransaction, afterLsn: Lsn, tree: number, key: Uint8Array, before: StoredValue | undefined): void {
    const hash = hashKey(tree, key, 0, key.length)
    const chain =
      this.#chains.find(hash, tree, key, 0, key.length) ?? this.#chains.insert(hash, tree, key, 0, key.length)
    const version = new Version(chain, writer, afterLsn, before)
    if (chain.newest !== undefined) chain.newest.newer = version
    chain.newest = version
    const versions = this.#uncommitted.get(writer)
    if (versions === undefined) this.#uncommitted.set(writer, [version])
    else versions.push(version)
    this.#uncommittedCount++
    this.#entryCount++
    this.#bytes += version.bytes
  }

  #forget(writer: ActiveTransaction, versions: readonly Version[]): void {
    this.#uncommitted.delete(writer)
    this.#uncommittedCount -= versions.length
  }

  /** Leaves a committed entry with `reader`, the youngest that could need it, or removes it. */
  #retain(version: Version, reader: VersionReader | undefined): void {
    const since = version.older?.csn ?? 0
    if (reader !== undefined && reader.csn >= since) reader.retained.push(version)
    else this.#remove(version)
  }

  #remove(version: Version): void {
    const { chain, older, newer } = version
    if (older !== undefined) older.newer = newer
    if (newer !== undefined) newer.older = older
    else chain.newest = older
    this.#entryCount--
    this.#bytes -= version.bytes
    // The dead must not keep the living from being collected, nor each other.
    version.older = undefined
    version.newer = undefined
    if (chain.newest === undefined) this.#chains.remove(chain)
  }
}

/** Whether nobody, or nobody who could yet change something, has made a change that is uncommitted. */
function isYielded(writer: ActiveTransaction | undefined): boolean {
  return writer === undefined || writer.owner.yieldedLsn !== NULL_LSN
}
