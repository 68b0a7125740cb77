/** The files of the database as they lie on the simulated disk: pages, the master record, what is not synced. */
import { DATA_FILE_NAME } from '../../../../src/buffer/data-file.ts'
import { isZero } from '../../../../src/common/bytes.ts'
import { asPageId } from '../../../../src/common/ids.ts'
import { readFully } from '../../../../src/io/file-system.ts'
import type { SimulatedFileSystem } from '../../../../src/io/simulated-file-system.ts'
import type { Identity } from '../../../../src/log/identity.ts'
import { MASTER_FILE_NAME, readMaster } from '../../../../src/log/master-record.ts'
import { isPageValid } from '../../../../src/page/page.ts'
import { damagedPage, type SeenPage, seePage } from './page-view.ts'
import { pendingWritesOf } from './pending-writes.ts'
import type { PendingWrite } from './types.ts'
import type { DiskOperation } from './watched-disk.ts'

export class DiskView {
  readonly disk: SimulatedFileSystem
  readonly identity: Identity
  /** The pages that have ever been written. */
  readonly pages = new Map<number, SeenPage>()
  /** Which checkpoint the master record names. */
  masterLsn: number | undefined

  constructor(disk: SimulatedFileSystem, identity: Identity) {
    this.disk = disk
    this.identity = identity
    const file = disk.open(DATA_FILE_NAME, 'read')
    const size = file.size()
    file.close()
    this.#readPages(0, size)
    this.#readMaster()
  }

  /** The engine has done this to a file. */
  take({ kind, file, offset, length }: DiskOperation): void {
    if (kind !== 'write') return
    if (file === DATA_FILE_NAME) this.#readPages(offset, offset + length)
    if (file === MASTER_FILE_NAME) this.#readMaster()
  }

  #readPages(start: number, end: number): void {
    const { pageSize, databaseSeed } = this.identity
    const file = this.disk.open(DATA_FILE_NAME, 'read')
    const bytes = new Uint8Array(pageSize)
    const view = new DataView(bytes.buffer)
    for (let pageId = Math.floor(start / pageSize); pageId * pageSize < end; pageId++) {
      readFully(file, bytes, 0, pageSize, pageId * pageSize)
      if (isZero(bytes, 0, pageSize)) this.pages.delete(pageId)
      else {
        const isWhole = isPageValid(bytes, view, 0, pageSize, asPageId(pageId), databaseSeed)
        this.pages.set(pageId, isWhole ? seePage({ bytes, view, pageSize }, 0) : damagedPage(pageId))
      }
    }
    file.close()
  }

  #readMaster(): void {
    const file = this.disk.open(MASTER_FILE_NAME, 'read')
    this.masterLsn = readMaster(file).records[0]?.master.checkpointLsn
    file.close()
  }

  /** The pages that a power cut now may leave as they were before. */
  unsyncedPages(): Set<number> {
    const { pageSize } = this.identity
    const pageIds = new Set<number>()
    for (const change of this.disk.pendingChanges()) {
      if (change.kind !== 'write' || change.file !== DATA_FILE_NAME) continue
      const end = change.offset + change.bytes.length
      for (let pageId = Math.floor(change.offset / pageSize); pageId * pageSize < end; pageId++) pageIds.add(pageId)
    }
    return pageIds
  }

  pendingWrites(): PendingWrite[] {
    return pendingWritesOf(this.disk.pendingChanges(), this.identity)
  }
}

/** Which database is on the disk. */
export function identityOn(disk: SimulatedFileSystem): Identity {
  const file = disk.open(MASTER_FILE_NAME, 'read')
  try {
    const newest = readMaster(file).records[0]
    if (newest === undefined) throw new Error('no slot of the master record is whole')
    return newest.identity
  } finally {
    file.close()
  }
}
