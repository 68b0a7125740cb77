/**
 * The data file: page n at byte n * pageSize. Pages are verified when they are read, before anyone
 * sees them, and the file grows in chunks of zeros ahead of need, so that a full disk shows when a
 * page is allocated and not when it is written back.
 */

import { isZero, zerosOf } from '../common/bytes.ts'
import { AriesError } from '../common/errors.ts'
import { type Lsn, NO_PAGE, type PageId } from '../common/ids.ts'
import { closeFile, type File, ioError, readFully, writeFully } from '../io/file-system.ts'
import { SharedSync } from '../io/shared-sync.ts'
import type { Identity } from '../log/identity.ts'
import { isPageValid, pageLsnOf } from '../page/page.ts'
import { META_PAGE, metaPage } from './meta-page.ts'

export const DATA_FILE_NAME = 'data'
/** The file grows by so much: more at once would hold up everybody. */
const GROW_BYTES = 1 << 20
/** A page's number has four bytes, of which the greatest value means no page. */
const PAGES_MAX = NO_PAGE

/** Why a page could not be used. */
export type PageFault = 'missing' | 'zero' | 'damaged'

export class DataFile {
  readonly #file: File
  readonly #identity: Identity
  #pageCount: number
  #syncedPageCount: number
  readonly #syncs = new SharedSync(() => this.#syncAlone())

  /** `durablePageCount`: the pages that are known to be there durably. */
  constructor(file: File, identity: Identity, durablePageCount = 0) {
    this.#file = file
    this.#identity = identity
    this.#pageCount = Math.floor(file.size() / identity.pageSize)
    this.#syncedPageCount = durablePageCount
  }

  /** Pages the file has room for. */
  get pageCount(): number {
    return this.#pageCount
  }

  /** Pages the file is known to have durably: what a later open must find at least. */
  get syncedPageCount(): number {
    return this.#syncedPageCount
  }

  /**
   * Reads and verifies a page. A read that fails the checksum is repeated once, for the sake of a bad
   * transfer; then it is reported (I40).
   */
  read(pageId: PageId, bytes: Uint8Array, view: DataView, page: number): PageFault | undefined {
    const { pageSize, databaseSeed } = this.#identity
    if (pageId >= this.#pageCount) return 'missing'
    for (let attempt = 0; attempt < 2; attempt++) {
      const count = readFully(this.#file, bytes, page, pageSize, pageId * pageSize)
      if (count === pageSize && isPageValid(bytes, view, page, pageSize, pageId, databaseSeed)) return undefined
    }
    return isZero(bytes, page, page + pageSize) ? 'zero' : 'damaged'
  }

  write(pageId: PageId, bytes: Uint8Array, start: number): void {
    writeFully(this.#file, bytes, start, this.#identity.pageSize, pageId * this.#identity.pageSize)
  }

  /** Writes the meta page as the checkpoint at `checkpointLsn` leaves it. */
  writeMetaPage(checkpointLsn: Lsn): void {
    this.write(META_PAGE, metaPage(this.#identity, checkpointLsn), 0)
  }

  /**
   * Writes those of these pages that are whole, and were written since they became dirty, once more, as they are read,
   * durably: after a failed sync the system may show what it has given up writing. A page that is older than its
   * recLSN is the one that was on the disk when it became dirty. Of one that cannot be read its redo will tell.
   * @throws `DISK_FULL`, `IO_ERROR`, `DB_READ_ONLY`
   */
  writeAgain(dirtyPages: Iterable<readonly [PageId, Lsn]>): void {
    const bytes = new Uint8Array(this.#identity.pageSize)
    const view = new DataView(bytes.buffer)
    let written = 0
    for (const [pageId, recLsn] of dirtyPages) {
      if (!this.#isReadable(pageId, bytes, view) || pageLsnOf(view, 0) < recLsn) continue
      this.write(pageId, bytes, 0)
      written++
    }
    if (written > 0) this.syncRestored()
  }

  #isReadable(pageId: PageId, bytes: Uint8Array, view: DataView): boolean {
    try {
      return this.read(pageId, bytes, view, 0) === undefined
    } catch (error) {
      if (AriesError.is(error) && error.code === 'IO_ERROR') return false
      throw error
    }
  }

  /**
   * Makes the file at least `pageCount` pages long.
   * @throws `DISK_FULL`, also when it would have more than can be numbered; what was written of the chunk stays, as
   *   unused room.
   */
  grow(pageCount: number): void {
    const { pageSize } = this.#identity
    if (pageCount <= this.#pageCount) return
    if (pageCount > PAGES_MAX) {
      throw new AriesError(
        'DISK_FULL',
        `${DATA_FILE_NAME} cannot have more than ${PAGES_MAX} pages; a larger pageSize makes more room`,
        {
          file: DATA_FILE_NAME,
        },
      )
    }
    const chunkPages = Math.max(1, GROW_BYTES / pageSize)
    const target = Math.min(PAGES_MAX, Math.ceil(pageCount / chunkPages) * chunkPages)
    const zeros = zerosOf(chunkPages * pageSize)
    while (this.#pageCount < target) {
      const pages = Math.min(chunkPages, target - this.#pageCount)
      writeFully(this.#file, zeros, 0, pages * pageSize, this.#pageCount * pageSize)
      this.#pageCount += pages
    }
  }

  /** All pages written before are durable in their places when it resolves. */
  sync(): Promise<void> {
    return this.#syncs.request()
  }

  async #syncAlone(): Promise<void> {
    const pageCount = this.#pageCount
    await this.#file.sync()
    this.#syncedPageCount = pageCount
  }

  syncBlocking(): void {
    this.#file.syncBlocking()
    this.#syncedPageCount = this.#pageCount
  }

  /** The same for what a restart has put in its place before anything else is done. @throws `IO_ERROR` */
  syncRestored(): void {
    try {
      this.syncBlocking()
    } catch (error) {
      throw ioError(error, 'sync', DATA_FILE_NAME)
    }
  }

  close(): void {
    closeFile(this.#file)
  }
}

/** "page 12: fails its checksum", for lists of what is wrong; other errors in their own words. */
export function problemOf(error: AriesError): string {
  const { pageId, reason } = error.details
  return typeof reason === 'string' ? `page ${pageId}: ${reason}` : error.message
}

/** The error for a page that cannot be used. */
export function pageError(pageId: PageId, fault: PageFault, pageSize: number): AriesError {
  const reason = {
    missing: 'lies beyond the end of the data file, which was cut short',
    zero: 'was never written, although it is in use',
    damaged: 'fails its checksum',
  }[fault]
  return new AriesError(
    'PAGE_CORRUPT',
    `page ${pageId} of ${DATA_FILE_NAME} ${reason}; restore all files from one backup, or drop what is on the page`,
    { file: DATA_FILE_NAME, pageId, offset: pageId * pageSize, reason },
  )
}
