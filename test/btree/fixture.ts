/**
 * The real managers under a tree, in memory, with the least there can be above them: transactions that
 * are begun, committed and rolled back by hand, locks that are a set of keys, pending actions that are
 * carried out at commit.
 */
import { BTree } from '../../src/btree/btree.ts'
import { checkTree, type TreeCheck } from '../../src/btree/check.ts'
import type { Tree } from '../../src/btree/node-page.ts'
import { BufferManager } from '../../src/buffer/buffer-manager.ts'
import { DATA_FILE_NAME, DataFile } from '../../src/buffer/data-file.ts'
import { asLsn, asTxnId, type Lsn, NO_PAGE, NULL_LSN, type PageId } from '../../src/common/ids.ts'
import { FailStop } from '../../src/io/fail-stop.ts'
import type { FileSystem } from '../../src/io/file-system.ts'
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { makeIdentity } from '../../src/log/identity.ts'
import { LogManager } from '../../src/log/log-manager.ts'
import { LogReader } from '../../src/log/log-reader.ts'
import { type LogRecordView, RecordType } from '../../src/log/log-record.ts'
import { ResourceId, ResourceManagers } from '../../src/log/resource-manager.ts'
import { Segments } from '../../src/log/segments.ts'
import { setPageLsn } from '../../src/page/page.ts'
import { PageWriter } from '../../src/recovery/page-writer.ts'
import { TransactionEntry, TransactionTable } from '../../src/recovery/transaction-table.ts'
import { Rollback } from '../../src/recovery/undo.ts'
import { OverflowStore } from '../../src/space/overflow.ts'
import { SpaceManager } from '../../src/space/space-manager.ts'

export interface FixtureOptions {
  readonly pageSize?: number
  readonly frames?: number
  readonly segmentBytes?: number
  readonly fileSystem?: FileSystem
}

export class Fixture {
  readonly identity
  readonly buffer: BufferManager
  readonly log: LogManager
  readonly table = new TransactionTable()
  readonly managers = new ResourceManagers<TransactionEntry>()
  readonly writer: PageWriter
  readonly rollbacks: Rollback
  readonly space: SpaceManager
  readonly overflow: OverflowStore
  readonly btree: BTree
  /** Keys of active transactions, as hexadecimal. */
  readonly locked = new Set<string>()
  allLocked = false
  readonly #segments: Segments
  readonly #pending = new Map<TransactionEntry, { lsn: Lsn; payload: Uint8Array }[]>()
  #nextTxnId = 1

  constructor(options: FixtureOptions = {}) {
    const { pageSize = 4096, frames = 8, segmentBytes = 1 << 20, fileSystem = new MemoryFileSystem() } = options
    const failStop = new FailStop()
    this.identity = makeIdentity(new Uint8Array(16).fill(7), pageSize, segmentBytes)
    this.#segments = new Segments(fileSystem, this.identity)
    this.#segments.append()
    const runtime = new SimulatedRuntime()
    this.log = new LogManager(this.#segments, this.identity, runtime, failStop, asLsn(64))
    const dataFile = new DataFile(fileSystem.open(DATA_FILE_NAME, 'create'), this.identity)
    this.buffer = new BufferManager({
      identity: this.identity,
      poolBytes: frames * pageSize,
      log: this.log,
      dataFile,
      doubleWrite: undefined,
      failStop,
      runtime,
    })
    this.writer = new PageWriter(this.log, this.buffer, this.managers, this.table)
    this.rollbacks = new Rollback(this.writer, this.managers, this.table)
    this.space = new SpaceManager(this.buffer, this.writer)
    this.overflow = new OverflowStore(this.buffer, this.writer, this.space, this.systemTransaction)
    this.btree = new BTree({
      buffer: this.buffer,
      writer: this.writer,
      space: this.space,
      overflow: this.overflow,
      nestedTopActions: this.rollbacks,
      systemTransaction: this.systemTransaction,
      isNeeded: (_tree, key, start, end) => this.allLocked || this.locked.has(hex(key.subarray(start, end))),
      addPendingAction: (entry, payload) => {
        const list = this.#pending.get(entry) ?? []
        list.push({ lsn: entry.lastLsn, payload })
        this.#pending.set(entry, list)
      },
    })
    this.managers.register(this.space)
    this.managers.register(this.btree.resourceManager)
    this.systemTransaction((entry) => this.space.create(entry))
  }

  readonly systemTransaction = <T>(action: (entry: TransactionEntry) => T): T => {
    const entry = this.begin()
    try {
      const result = action(entry)
      this.#end(entry)
      return result
    } catch (error) {
      this.rollback(entry)
      throw error
    }
  }

  begin(): TransactionEntry {
    return new TransactionEntry(asTxnId(this.#nextTxnId++))
  }

  commit(entry: TransactionEntry): void {
    const pending = this.#pending.get(entry) ?? []
    this.#pending.delete(entry)
    this.#end(entry)
    for (const { payload } of pending) while (!this.btree.runPendingStep(payload));
  }

  rollback(entry: TransactionEntry, toLsn: Lsn = NULL_LSN): void {
    this.rollbacks.rollback(entry, toLsn)
    const pending = (this.#pending.get(entry) ?? []).filter(({ lsn }) => lsn < toLsn)
    this.#pending.set(entry, pending)
    if (toLsn === NULL_LSN) this.#end(entry)
  }

  /** Runs `action` as a transaction that commits. */
  run<T>(action: (entry: TransactionEntry) => T): T {
    const entry = this.begin()
    const result = action(entry)
    this.commit(entry)
    return result
  }

  #end(entry: TransactionEntry): void {
    this.log.release(entry.reservedBytes)
    entry.reservedBytes = 0
    if (entry.lastLsn !== NULL_LSN) this.table.remove(entry)
  }

  cleanAll(): void {
    while (this.btree.cleanStep());
  }

  /** The result of the check and the pages of the trees, with those that are allocated but in none as problems. */
  check(...trees: Tree[]): TreeCheck & { readonly pages: ReadonlySet<PageId> } {
    const pages = new Set<PageId>()
    const problems: string[] = []
    let entryCount = 0
    let ghostCount = 0
    for (const tree of trees) {
      const one = checkTree(this.btree, tree, pages)
      problems.push(...one.problems)
      entryCount += one.entryCount
      ghostCount += one.ghostCount
    }
    for (const pageId of this.space.allocatedPages()) if (!pages.has(pageId)) problems.push(`page ${pageId}: leaked`)
    return { problems, pages, entryCount, ghostCount }
  }

  /** All records of the log from its start. */
  records(): LogRecordView[] {
    this.log.writeOut()
    const reader = new LogReader(this.#segments, this.identity)
    reader.seek(asLsn(64))
    const records: LogRecordView[] = []
    while (reader.position < this.log.nextLsn) {
      const record = reader.next()
      if (record === undefined) break
      records.push(record.copy())
    }
    return records
  }

  /** A page's bytes without its checksum, which is set only when it is written. */
  pageBytes(pageId: PageId): Uint8Array {
    const page = this.buffer.fix(pageId)
    const bytes = this.buffer.bytes.slice(page + 4, page + this.buffer.pageSize)
    this.buffer.unfix(page)
    return bytes
  }

  /** Repeats all of `records` on the pages of this fixture, as the redo pass would with no page on disk. */
  replay(records: readonly LogRecordView[]): void {
    for (const record of records) {
      if (record.pageId === NO_PAGE || record.resource === ResourceId.NONE) continue
      if (record.type !== RecordType.UPDATE && record.type !== RecordType.CLR) continue
      const manager = this.managers.of(record.resource)
      const formats = manager.formatsPage(record.operation)
      const page = formats ? this.buffer.fixNew(record.pageId) : this.buffer.fix(record.pageId)
      this.buffer.markDirty(page, this.log.nextLsn)
      manager.redo(record, page)
      setPageLsn(this.buffer.view, page, record.lsn)
      this.buffer.unfix(page)
    }
  }
}

export const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
export const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : new TextDecoder().decode(bytes)
