/**
 * The double-write file. Redo cannot repair a torn page: it needs a whole page to start from (I25).
 * So a batch of pages is written here first and synced; only then do the pages go to their places,
 * and only after those are synced may the area be used again (I33). After a crash a page that fails
 * its checksum in its place is whole here.
 *
 * ```
 *   area 0: eviction on demand               areas 1 to 3: background write-back
 *   +--------+------+------+---              +--------+------+------+---
 *   | header | page | page | ...             | header | page | page | ...
 *   +--------+------+------+---              +--------+------+------+---
 * ```
 *
 * Write-back has several areas, so that a batch can be copied here while the one before it is synced in its
 * place. Its batches are completed in the order of their sequences, so what a header says of completed batches
 * leaves out none whose pages a later batch had too.
 *
 * After a clean close the file is empty: every page is in its place. An open for writing makes it whole again
 * before a page is written, so a full disk shows there. Its batches are numbered from 1 then, and no old one can
 * come back and look newer: what cut the file off is durable with the first sync of the file, if it was not before,
 * and nothing is written in place without one.
 *
 * An area's header takes one page:
 *
 * | OFFSET | SIZE | FIELD                                                                        |
 * |--------|------|------------------------------------------------------------------------------|
 * | 0      | 8    | magic "ARIESDBW"                                                             |
 * | 8      | 4    | format version                                                               |
 * | 12     | 4    | pageCount                                                                    |
 * | 16     | 8    | sequence of this batch                                                       |
 * | 24     | 8    | completedSequence: every batch up to it is synced in place                   |
 * | 32     | 4    | CRC-32 of the page ids, seeded with the database id                          |
 * | 36     | 4    | CRC-32 of bytes [0, 36), seeded with the database id                         |
 * | 40     | 4n   | page ids                                                                     |
 *
 * A batch whose sequence is not above the highest completedSequence of all headers is never
 * restored from: its pages may have been written again since. A torn header means that the batch had
 * not been synced here, so nothing of it had been written in place. The first 40 bytes are in one sector, so what they
 * say holds whether the page ids behind them are torn or not: that earlier batches are completed must not be forgotten.
 */
import { assert } from '../common/assert.ts'
import { getU53, setU53 } from '../common/bytes.ts'
import { checksum } from '../common/checksum.ts'
import { asPageId, type PageId } from '../common/ids.ts'
import { closeFile, type File, ioError, readTwice, writeFully } from '../io/file-system.ts'
import { SharedSync } from '../io/shared-sync.ts'
import { FORMAT_VERSION, type Identity } from '../log/identity.ts'
import { isPageValid } from '../page/page.ts'
import type { DataFile } from './data-file.ts'

export const DOUBLE_WRITE_FILE_NAME = 'double-write'
const MAGIC = 'ARIESDBW'
const PAGE_IDS = 40
/** The area of eviction on demand; those after it are for background write-back. */
export const DEMAND = 0
export const AREA_COUNT = 4

/** Pages in one area: bounded by what a header page can name, and by a megabyte of pages. */
export const areaPages = (pageSize: number): number => Math.min((pageSize - PAGE_IDS) >>> 2, (1 << 20) / pageSize)

export const doubleWriteBytes = (pageSize: number): number => AREA_COUNT * (areaPages(pageSize) + 1) * pageSize

interface Batch {
  readonly area: number
  readonly sequence: number
  readonly completedSequence: number
  readonly pageIds: readonly PageId[]
}

export class DoubleWrite {
  readonly #file: File
  readonly #identity: Identity
  readonly #header: Uint8Array
  readonly #view: DataView
  /**
   * What the file held when it was opened, the newest first: of two copies of a page that one counts. Numbers go on
   * from there, or old batches would look newer.
   */
  readonly #found: readonly Batch[]
  #lastSequence: number
  /** Sequences that are written here but not yet synced in place, at most one per area. */
  readonly #open = new Set<number>()
  readonly #syncs = new SharedSync(() => this.#syncAlone())

  constructor(file: File, identity: Identity) {
    this.#file = file
    this.#identity = identity
    this.#header = new Uint8Array(identity.pageSize)
    this.#view = new DataView(this.#header.buffer)
    this.#found = Array.from({ length: AREA_COUNT }, (_, area) => this.#readHeader(area) ?? [])
      .flat()
      .sort((a, b) => b.sequence - a.sequence)
    this.#lastSequence = Math.max(0, ...this.#found.map((batch) => batch.sequence))
  }

  #areaOffset(area: number): number {
    return area * (areaPages(this.#identity.pageSize) + 1) * this.#identity.pageSize
  }

  /**
   * Writes a batch into `area`: `pageIds.length` sealed pages that lie one after the other in `pages`.
   * The caller syncs next. Returns the batch's sequence for `completed`.
   * @throws `DISK_FULL`, `IO_ERROR`
   */
  write(area: number, pageIds: readonly PageId[], pages: Uint8Array): number {
    const { pageSize } = this.#identity
    const sequence = ++this.#lastSequence
    const completed = this.#open.size === 0 ? sequence - 1 : Math.min(...this.#open) - 1
    this.#encodeHeader(pageIds, sequence, completed)
    const at = this.#areaOffset(area)
    writeFully(this.#file, this.#header, 0, pageSize, at)
    writeFully(this.#file, pages, 0, pageIds.length * pageSize, at + pageSize)
    this.#open.add(sequence)
    return sequence
  }

  #encodeHeader(pageIds: readonly PageId[], sequence: number, completed: number): void {
    const { databaseSeed } = this.#identity
    const header = this.#header.fill(0)
    const view = this.#view
    for (let i = 0; i < MAGIC.length; i++) header[i] = MAGIC.charCodeAt(i)
    view.setUint32(8, FORMAT_VERSION, true)
    view.setUint32(12, pageIds.length, true)
    setU53(view, 16, sequence)
    setU53(view, 24, completed)
    for (const [i, pageId] of pageIds.entries()) view.setUint32(PAGE_IDS + 4 * i, pageId, true)
    view.setUint32(32, checksum(header, PAGE_IDS, PAGE_IDS + 4 * pageIds.length, databaseSeed), true)
    view.setUint32(36, checksum(header, 0, 36, databaseSeed), true)
  }

  /** All that was written here before is durable when it resolves. */
  sync(): Promise<void> {
    return this.#syncs.request()
  }

  #syncAlone(): Promise<void> {
    return this.#file.sync()
  }

  syncBlocking(): void {
    this.#file.syncBlocking()
  }

  /** The batch of `area` is synced in place. */
  completed(area: number, sequence: number): void {
    const isInTurn = area === DEMAND || sequence === Math.min(...this.#open)
    assert(isInTurn, 'batches in the background are completed in their order (I33)')
    this.#open.delete(sequence)
  }

  /**
   * After a crash: puts pages that fail their checksum in place back from here, durably. Returns how
   * many. Must run before any page is used.
   * @throws `DISK_FULL`, `IO_ERROR`, `DB_READ_ONLY`
   */
  restore(dataFile: DataFile): PageId[] {
    const restored: PageId[] = []
    for (const batch of this.#unfinished()) this.#restoreBatch(batch, dataFile, restored)
    if (restored.length > 0) dataFile.syncRestored()
    return restored
  }

  /**
   * After a crash: the pages of which it is not known that they are synced in their places; undefined when no batch
   * was found. Then nothing tells whether pages were written past this file.
   */
  get unfinishedPages(): ReadonlySet<PageId> | undefined {
    if (this.#found.length === 0) return undefined
    return new Set(this.#unfinished().flatMap((batch) => batch.pageIds))
  }

  /** The batches that are not known to be synced in their places. */
  #unfinished(): Batch[] {
    const completed = Math.max(0, ...this.#found.map((batch) => batch.completedSequence))
    return this.#found.filter((batch) => batch.sequence > completed)
  }

  #readHeader(area: number): Batch | undefined {
    const { pageSize, databaseSeed } = this.#identity
    const header = this.#header
    const view = this.#view
    if (readTwice(this.#file, header, 0, pageSize, this.#areaOffset(area)) < pageSize) return undefined
    for (let i = 0; i < MAGIC.length; i++) if (header[i] !== MAGIC.charCodeAt(i)) return undefined
    if (view.getUint32(36, true) !== checksum(header, 0, 36, databaseSeed)) return undefined
    const count = view.getUint32(12, true)
    if (count > areaPages(pageSize)) return undefined
    const isTorn = view.getUint32(32, true) !== checksum(header, PAGE_IDS, PAGE_IDS + 4 * count, databaseSeed)
    const pageIds = Array.from({ length: isTorn ? 0 : count }, (_, i) =>
      asPageId(view.getUint32(PAGE_IDS + 4 * i, true)),
    )
    return { area, sequence: getU53(view, 16), completedSequence: getU53(view, 24), pageIds }
  }

  /** For those who look at a page: its whole copies, those of finished batches too. @throws `IO_ERROR` */
  copiesOf(pageId: PageId): Uint8Array[] {
    return this.#found.flatMap((batch) => {
      const page = new Uint8Array(this.#identity.pageSize)
      const index = batch.pageIds.indexOf(pageId)
      return index >= 0 && this.#readCopy(batch, index, page, new DataView(page.buffer)) ? [page] : []
    })
  }

  /** Reads the copy at `index` of a batch; whether it is whole. */
  #readCopy(batch: Batch, index: number, page: Uint8Array, view: DataView): boolean {
    const { pageSize, databaseSeed } = this.#identity
    readTwice(this.#file, page, 0, pageSize, this.#areaOffset(batch.area) + (1 + index) * pageSize)
    return isPageValid(page, view, 0, pageSize, batch.pageIds[index] as PageId, databaseSeed)
  }

  #restoreBatch(batch: Batch, dataFile: DataFile, restored: PageId[]): void {
    const page = new Uint8Array(this.#identity.pageSize)
    const view = new DataView(page.buffer)
    for (const [i, pageId] of batch.pageIds.entries()) {
      if (dataFile.read(pageId, page, view, 0) === undefined) continue
      if (!this.#readCopy(batch, i, page, view)) continue
      dataFile.grow(pageId + 1)
      dataFile.write(pageId, page, 0)
      restored.push(pageId)
    }
  }

  /**
   * When every page is durable in its place and no restart will need a copy: empties the file. Durable.
   * @throws `IO_ERROR`
   */
  giveBackRoom(): void {
    assert(this.#open.size === 0, 'what is in the double-write file is in its place too (I33)')
    try {
      this.#file.truncate(0)
      this.#file.syncBlocking()
    } catch (error) {
      throw ioError(error, 'giving back room', this.#file.name)
    }
  }

  close(): void {
    closeFile(this.#file)
  }
}
