/**
 * The files of a scenario's database, in memory: log segments written by the real log manager, a data
 * file of real sealed pages. What is in a store is what a power cut leaves.
 */
import { DATA_FILE_NAME, DataFile } from '../buffer/data-file.ts'
import { asLsn, asPageId, type Lsn, type PageId } from '../common/ids.ts'
import { FailStop } from '../io/fail-stop.ts'
import { readFully, writeFully } from '../io/file-system.ts'
import { MemoryFileSystem } from '../io/memory-file-system.ts'
import { SimulatedRuntime } from '../io/simulated-runtime.ts'
import { type Identity, makeIdentity } from '../log/identity.ts'
import { LogManager } from '../log/log-manager.ts'
import { LogReader } from '../log/log-reader.ts'
import { type LogRecordView, RecordType } from '../log/log-record.ts'
import { SEGMENT_HEADER_BYTES, segmentNumberOf } from '../log/segment.ts'
import { Segments } from '../log/segments.ts'
import { sealPage, setPageLsn } from '../page/page.ts'
import { writeSlots } from './slots-resource-manager.ts'

const PAGE_BYTES = 8192
const SEGMENT_BYTES = 1 << 16

/** Where the first record of a log can lie. */
export const LOG_START_LSN = asLsn(SEGMENT_HEADER_BYTES)

/** A page as the engine has it, in readable form. */
export interface PageImage {
  readonly pageLsn: Lsn
  readonly slots: ReadonlyMap<string, string>
}

export interface Store {
  readonly fileSystem: MemoryFileSystem
  readonly identity: Identity
  /** Where analysis starts. */
  readonly startLsn: Lsn
  /** Up to here the master record says that the log was durable; 0 when there is no checkpoint. */
  readonly masterEndLsn: Lsn
  /** Pages 1 to this one are in use. */
  readonly lastPageId: PageId
}

export const makeScenarioIdentity = (): Identity =>
  makeIdentity(new TextEncoder().encode('golden scenario!'), PAGE_BYTES, SEGMENT_BYTES)

/** An empty log, ready for its first record. */
export function createLog(fileSystem: MemoryFileSystem, identity: Identity): LogManager {
  const segments = new Segments(fileSystem, identity)
  segments.append()
  return new LogManager(segments, identity, new SimulatedRuntime(), new FailStop(), LOG_START_LSN)
}

/** Writes pages to the data file, each sealed; makes the file when there is none. */
export function writePages(
  fileSystem: MemoryFileSystem,
  identity: Identity,
  pages: ReadonlyMap<PageId, PageImage>,
): void {
  const { pageSize, databaseSeed } = identity
  const isThere = fileSystem.list().includes(DATA_FILE_NAME)
  const dataFile = new DataFile(fileSystem.open(DATA_FILE_NAME, isThere ? 'write' : 'create'), identity)
  const bytes = new Uint8Array(pageSize)
  const view = new DataView(bytes.buffer)
  for (const [pageId, { pageLsn, slots }] of pages) {
    dataFile.grow(pageId + 1)
    writeSlots(bytes, view, 0, pageSize, pageId, slots)
    setPageLsn(view, 0, pageLsn)
    sealPage(bytes, view, 0, pageSize, databaseSeed)
    dataFile.write(pageId, bytes, 0)
  }
  dataFile.syncBlocking()
  dataFile.close()
}

/** Records of the log from `fromLsn` to its end, without those that the log manager adds for itself. */
export function readLog(store: Store, fromLsn: Lsn): LogRecordView[] {
  const segments = new Segments(store.fileSystem, store.identity)
  const reader = new LogReader(segments, store.identity)
  const records: LogRecordView[] = []
  reader.seek(fromLsn)
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    if (record.type !== RecordType.FLUSH_MARKER) records.push(record.copy())
  }
  segments.close()
  return records
}

/**
 * The same store as a power cut leaves it that hits when the log is durable up to `endLsn` and, of the
 * pages changed since, `flushed` have been written.
 */
export function cutStore(store: Store, endLsn: Lsn, flushed: ReadonlyMap<PageId, PageImage>): Store {
  const fileSystem = new MemoryFileSystem()
  const { identity } = store
  for (const name of store.fileSystem.list()) {
    const source = store.fileSystem.open(name, 'read')
    const bytes = new Uint8Array(source.size())
    readFully(source, bytes, 0, bytes.length, 0)
    source.close()
    const number = segmentNumberOf(name)
    if (number !== undefined) bytes.fill(0, Math.max(SEGMENT_HEADER_BYTES, endLsn - number * identity.segmentBytes))
    const target = fileSystem.open(name, 'create')
    writeFully(target, bytes, 0, bytes.length, 0)
    target.close()
  }
  writePages(fileSystem, identity, flushed)
  return { ...store, fileSystem }
}

/** All pages of a store. */
export function pageIdsOf(store: Store): PageId[] {
  return Array.from({ length: store.lastPageId }, (_, i) => asPageId(i + 1))
}
