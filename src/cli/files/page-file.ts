/** A page as it lies in the data file: its bytes, and if it cannot be used, why. */
import { DATA_FILE_NAME } from '../../buffer/data-file.ts'
import { DOUBLE_WRITE_FILE_NAME, DoubleWrite } from '../../buffer/double-write.ts'
import { compareBytes, isZero } from '../../common/bytes.ts'
import { asPageId, type PageId } from '../../common/ids.ts'
import { type File, readTwice } from '../../io/file-system.ts'
import type { Identity } from '../../log/identity.ts'
import { heapStartOf, isPageValid, PageType, pageChecksum, pageIdOf, pageLsnOf, pageTypeOf } from '../../page/page.ts'
import { CliError, ExitCode } from '../errors.ts'
import type { RawDatabase } from './raw-database.ts'

const SECTOR_BYTES = 512

export interface RawPage {
  readonly pageId: PageId
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly storedChecksum: number
  /** What the bytes call for in this place. */
  readonly neededChecksum: number
  /** Why it cannot be used, the worst first; empty for a page that is sound. */
  readonly faults: readonly string[]
  /** What is wrong with it is only that it was never written. */
  readonly isUnwritten: boolean
}

/** The data file, read page by page. */
export class PageFile implements Disposable {
  readonly #identity: Identity
  readonly #file: File
  readonly #doubleWrite: { readonly file: File; readonly pages: DoubleWrite } | undefined

  /** @throws `CliError` when the data file is missing */
  constructor({ directory, fileSystem, identity }: RawDatabase) {
    const names = fileSystem.list()
    if (!names.includes(DATA_FILE_NAME)) {
      throw new CliError(`the file ${DATA_FILE_NAME} in ${directory} is missing`, ExitCode.PROBLEMS)
    }
    this.#identity = identity
    this.#file = fileSystem.open(DATA_FILE_NAME, 'read')
    if (names.includes(DOUBLE_WRITE_FILE_NAME)) {
      const file = fileSystem.open(DOUBLE_WRITE_FILE_NAME, 'read')
      this.#doubleWrite = { file, pages: new DoubleWrite(file, identity) }
    }
  }

  /** Pages the file has, one that was cut short included. */
  get pageCount(): number {
    return Math.ceil(this.#file.size() / this.#identity.pageSize)
  }

  read(pageId: number): RawPage {
    const { pageSize, databaseSeed } = this.#identity
    const id = asPageId(pageId)
    const bytes = new Uint8Array(pageSize)
    const view = new DataView(bytes.buffer)
    const count = readTwice(this.#file, bytes, 0, pageSize, pageId * pageSize)
    const isUnwritten = count === pageSize && isZero(bytes, 0, pageSize)
    const isWhole = count === pageSize && isPageValid(bytes, view, 0, pageSize, id, databaseSeed)
    return {
      pageId: id,
      bytes,
      view,
      storedChecksum: view.getUint32(0, true),
      neededChecksum: pageChecksum(bytes, 0, pageSize, id, databaseSeed),
      faults: isWhole
        ? []
        : isUnwritten
          ? ['it was never written: all bytes are zero']
          : this.#faultsOf(id, bytes, view, count),
      isUnwritten,
    }
  }

  #faultsOf(pageId: PageId, bytes: Uint8Array, view: DataView, count: number): string[] {
    const { pageSize, databaseSeed } = this.#identity
    if (count < pageSize) return [`the data file was cut short: it has ${count} of its ${pageSize} bytes`]
    const foundId = pageIdOf(view, 0)
    if (foundId !== pageId && isPageValid(bytes, view, 0, pageSize, foundId, databaseSeed)) {
      return [`it is page ${foundId}, whole, in the wrong place: a write or a copy went astray`]
    }
    const faults = ['it fails its checksum']
    if (foundId !== pageId) faults.push(`it says that it is page ${foundId}`)
    const flipped = flippedBit(bytes, view, pageId, this.#identity)
    if (flipped !== undefined) faults.push(`one flipped bit explains it: bit ${flipped % 8} of byte ${flipped >>> 3}`)
    if (looksTorn(bytes, view)) {
      const zeros = sectorsWhere(pageSize, (from, to) => isZero(bytes, from, to))
      faults.push(`bytes ${zeros} are zero, whole sectors: it is torn`)
    }
    return faults
  }

  /** What the double-write file has of the page, and how that differs from the page in its place. */
  copiesOf({ pageId, bytes, faults }: RawPage): string[] {
    const copies = this.#doubleWrite?.pages.copiesOf(pageId) ?? []
    return copies.map((copy) => {
      const lsn = pageLsnOf(new DataView(copy.buffer), 0)
      const isSame = (from: number, to: number): boolean =>
        compareBytes(copy.subarray(from, to), bytes.subarray(from, to)) === 0
      const differing = sectorsWhere(bytes.length, (from, to) => !isSame(from, to))
      const relation =
        differing === '' ? 'the same' : faults.length > 0 ? `it differs in the bytes ${differing}` : 'another state'
      return `a whole copy with pageLSN ${lsn}; ${relation}`
    })
  }

  [Symbol.dispose](): void {
    this.#file.close()
    this.#doubleWrite?.file.close()
  }
}

/** Whether a sector is zero that no sound page has so: the one of the header, or the one where a node's cells begin. */
function looksTorn(bytes: Uint8Array, view: DataView): boolean {
  const type = pageTypeOf(view, 0)
  const isNode = type === PageType.LEAF || type === PageType.INNER
  const endIsUsed = isNode && heapStartOf(view, 0) < bytes.length
  return isZero(bytes, 0, SECTOR_BYTES) || (endIsUsed && isZero(bytes, bytes.length - SECTOR_BYTES, bytes.length))
}

/** The one bit that, flipped back, makes the checksum right; undefined when there is none. */
function flippedBit(bytes: Uint8Array, view: DataView, pageId: PageId, identity: Identity): number | undefined {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const at = bit >>> 3
    const mask = 1 << (bit & 7)
    bytes[at] = (bytes[at] as number) ^ mask
    const isMended = isPageValid(bytes, view, 0, bytes.length, pageId, identity.databaseSeed)
    bytes[at] = (bytes[at] as number) ^ mask
    if (isMended) return bit
  }
  return undefined
}

/** The sectors of which something holds, as ranges of bytes: "512-1023, 4096-8191". */
function sectorsWhere(pageSize: number, holds: (from: number, to: number) => boolean): string {
  const ranges: { from: number; to: number }[] = []
  for (let from = 0; from < pageSize; from += SECTOR_BYTES) {
    const to = from + SECTOR_BYTES
    const last = ranges.at(-1)
    if (!holds(from, to)) continue
    if (last?.to === from) last.to = to
    else ranges.push({ from, to })
  }
  return ranges.map(({ from, to }) => `${from}-${to - 1}`).join(', ')
}
