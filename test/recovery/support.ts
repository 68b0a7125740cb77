/**
 * Recovery over the real log and pool with the simplest resource manager there is: operation SET puts
 * one byte of a page, and its payload has place, new and old value; FORMAT clears a page.
 */
import { BufferManager } from '../../src/buffer/buffer-manager.ts'
import { DATA_FILE_NAME, DataFile } from '../../src/buffer/data-file.ts'
import { asLsn, asPageId, asTxnId, type Lsn, type PageId } from '../../src/common/ids.ts'
import { FailStop } from '../../src/io/fail-stop.ts'
import type { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import type { LogRecordView } from '../../src/log/log-record.ts'
import { type Compensation, type ResourceManager, ResourceManagers } from '../../src/log/resource-manager.ts'
import { formatPage, PageType, pageIdOf } from '../../src/page/page.ts'
import { PageWriter } from '../../src/recovery/page-writer.ts'
import { TransactionEntry, TransactionTable } from '../../src/recovery/transaction-table.ts'
import { Rollback } from '../../src/recovery/undo.ts'
import { IDENTITY, LogBench, PAGE_SIZE } from '../log/support.ts'

export const SET = 1
export const FORMAT = 2
const TOY = 1

export class RecoveryBench implements ResourceManager<TransactionEntry> {
  readonly id = TOY
  readonly name = 'toy'
  readonly bench: LogBench
  readonly buffer: BufferManager
  readonly table = new TransactionTable()
  readonly managers = new ResourceManagers<TransactionEntry>()
  readonly writer: PageWriter
  readonly rollback: Rollback
  /** LSNs of the records that undo was asked for. */
  readonly undone: Lsn[] = []
  #nextTxnId = 1

  constructor(disk?: SimulatedFileSystem, endLsn?: Lsn) {
    this.bench = new LogBench(disk, endLsn)
    const fileSystem = this.bench.disk
    const isThere = fileSystem.list().includes(DATA_FILE_NAME)
    const dataFile = new DataFile(fileSystem.open(DATA_FILE_NAME, isThere ? 'write' : 'create'), IDENTITY)
    fileSystem.syncDirectory()
    this.buffer = new BufferManager({
      identity: IDENTITY,
      poolBytes: 0,
      log: this.bench.log,
      dataFile,
      doubleWrite: undefined,
      failStop: new FailStop(),
      runtime: new SimulatedRuntime(),
    })
    this.managers.register(this)
    this.writer = new PageWriter(this.bench.log, this.buffer, this.managers, this.table)
    this.rollback = new Rollback(this.writer, this.managers, this.table)
  }

  begin(id = this.#nextTxnId++): TransactionEntry {
    return new TransactionEntry(asTxnId(id))
  }

  format(entry: TransactionEntry, pageId: number): Lsn {
    const page = this.buffer.fixNew(asPageId(pageId))
    this.writer.redoOnly(entry, TOY, FORMAT, page, 0)
    const lsn = this.writer.finish()
    this.buffer.unfix(page)
    return lsn
  }

  set(entry: TransactionEntry, pageId: number, place: number, value: number): Lsn {
    const page = this.buffer.fix(asPageId(pageId))
    const at = this.writer.update(entry, TOY, SET, page, 4, 4)
    this.writer.log.bytes.set([place, value, this.buffer.bytes[page + 100 + place] as number, 0], at)
    const lsn = this.writer.finish()
    this.buffer.unfix(page)
    return lsn
  }

  get(pageId: number, place: number): number {
    const page = this.buffer.fix(asPageId(pageId))
    const value = this.buffer.bytes[page + 100 + place] as number
    this.buffer.unfix(page)
    return value
  }

  redo(record: LogRecordView, page: number): void {
    const { bytes, view } = this.buffer
    if (record.operation === FORMAT) formatPage(bytes, view, page, PAGE_SIZE, pageIdOf(view, page), PageType.LEAF)
    else
      bytes[page + 100 + (record.bytes[record.payloadStart] as number)] = record.bytes[
        record.payloadStart + 1
      ] as number
  }

  formatsPage(operation: number): boolean {
    return operation === FORMAT
  }

  undo(record: LogRecordView): Compensation {
    this.undone.push(record.lsn)
    const [place, value, old] = record.bytes.subarray(record.payloadStart, record.payloadEnd)
    return { operation: SET, pageId: record.pageId as PageId, payload: Uint8Array.of(place!, old!, value!, 0) }
  }

  describe(): string {
    return 'toy'
  }

  get nextLsn(): Lsn {
    return asLsn(this.bench.log.nextLsn)
  }
}
