/** The pool over a data file, with a log that says what the test wants it to say. */
import { BufferManager, FRAMES_MIN } from '../../src/buffer/buffer-manager.ts'
import { DATA_FILE_NAME, DataFile } from '../../src/buffer/data-file.ts'
import { DoubleWrite, doubleWriteBytes } from '../../src/buffer/double-write.ts'
import type { SliceClock } from '../../src/buffer/page-flusher.ts'
import { asLsn, asPageId, type Lsn } from '../../src/common/ids.ts'
import { FailStop } from '../../src/io/fail-stop.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { makeIdentity } from '../../src/log/identity.ts'
import { formatPage, PageType, setPageLsn } from '../../src/page/page.ts'

export const PAGE_SIZE = 4096
export const IDENTITY = makeIdentity(new Uint8Array(16).fill(3), PAGE_SIZE, 1 << 20)

export class Bench {
  readonly disk: SimulatedFileSystem
  readonly failStop = new FailStop()
  readonly buffer: BufferManager
  readonly dataFile: DataFile
  readonly doubleWrite: DoubleWrite
  readonly log = {
    flushedLsn: asLsn(0),
    nextLsn: asLsn(1_000_000),
    openedLsn: asLsn(1_000_000),
    lies: false,
    flushTo(lsn: Lsn): void {
      if (!this.lies && this.flushedLsn <= lsn) this.flushedLsn = asLsn(lsn + 1)
    },
    async waitDurable(lsn: Lsn): Promise<void> {
      this.flushTo(lsn)
    },
  }

  constructor(disk = new SimulatedFileSystem(), frames = FRAMES_MIN, clock: SliceClock = new SimulatedRuntime(1)) {
    this.disk = disk
    const isNew = disk.list().length === 0
    if (isNew) {
      const file = disk.open('double-write', 'create')
      file.truncate(doubleWriteBytes(PAGE_SIZE))
      file.syncBlocking()
      disk.open(DATA_FILE_NAME, 'create').syncBlocking()
      disk.syncDirectory()
    }
    this.dataFile = new DataFile(disk.open(DATA_FILE_NAME, 'write'), IDENTITY)
    this.doubleWrite = new DoubleWrite(disk.open('double-write', 'write'), IDENTITY)
    this.buffer = new BufferManager({
      identity: IDENTITY,
      poolBytes: frames * PAGE_SIZE,
      log: this.log,
      dataFile: this.dataFile,
      doubleWrite: this.doubleWrite,
      failStop: this.failStop,
      runtime: clock,
    })
  }

  /** Formats a page with `fill` as content, changed last at `lsn`. */
  make(pageId: number, lsn: number, fill = pageId % 251): void {
    const { buffer } = this
    const page = buffer.fixNew(asPageId(pageId))
    buffer.markDirty(page, asLsn(lsn))
    formatPage(buffer.bytes, buffer.view, page, PAGE_SIZE, asPageId(pageId), PageType.LEAF)
    buffer.bytes.fill(fill, page + 100, page + PAGE_SIZE)
    setPageLsn(buffer.view, page, asLsn(lsn))
    buffer.unfix(page)
  }

  change(pageId: number, lsn: number, fill: number): void {
    const { buffer } = this
    const page = buffer.fix(asPageId(pageId))
    buffer.markDirty(page, asLsn(lsn))
    buffer.bytes.fill(fill, page + 100, page + PAGE_SIZE)
    setPageLsn(buffer.view, page, asLsn(lsn))
    buffer.unfix(page)
  }

  fillOf(pageId: number): number {
    const page = this.buffer.fix(asPageId(pageId))
    const fill = this.buffer.bytes[page + 200] as number
    this.buffer.unfix(page)
    return fill
  }

  get dirty(): [number, number][] {
    return [...this.buffer.dirtyPages()]
  }
}
