/**
 * Staging: the copies of dirty pages that are on their way to disk, one batch for each area of the
 * double-write file. The pages themselves may change meanwhile.
 *
 * ```
 *   area 0    free, for evictions on demand
 *   area 1    | page 17 | page 18 | page 90 |        being synced in place
 *   area 2    | page 3  | page 44 |                  being synced in the double-write file
 *   area 3    free
 * ```
 *
 * INVARIANT I33: an area has one batch at a time.
 */
import { assert } from '../common/assert.ts'
import { asLsn, type Lsn, type PageId } from '../common/ids.ts'
import type { Identity } from '../log/identity.ts'
import { pageLsnOf, sealPage } from '../page/page.ts'
import { AREA_COUNT, DEMAND } from './double-write.ts'

/** Sealed copies of pages, one after the other in `staging`, in page order. */
export interface PageBatch {
  /** The area of the double-write file to use. */
  readonly area: number
  readonly pageIds: readonly PageId[]
  readonly staging: Uint8Array
  readonly view: DataView
  readonly maxPageLsn: Lsn
}

export class Staging {
  readonly #identity: Identity
  readonly #copies: Uint8Array[] = []
  readonly #inUse = new Set<number>()
  #waiting: (() => void)[] = []

  constructor(identity: Identity) {
    this.#identity = identity
  }

  /** An area for a batch in the background, or -1 when all are in use. */
  get freeArea(): number {
    let area = DEMAND + 1
    while (this.#inUse.has(area)) area++
    return area < AREA_COUNT ? area : -1
  }

  /** Copies the pages at these offsets of `pool` and seals the copies. The area is in use until `release`. */
  stage(area: number, pool: Uint8Array, offsets: readonly number[], pageIds: readonly PageId[]): PageBatch {
    assert(!this.#inUse.has(area), 'an area has one batch at a time (I33)')
    this.#inUse.add(area)
    const { pageSize, databaseSeed } = this.#identity
    const staging = this.#copiesOf(area, offsets.length * pageSize)
    const view = new DataView(staging.buffer)
    let maxPageLsn = 0
    for (const [i, offset] of offsets.entries()) {
      staging.set(pool.subarray(offset, offset + pageSize), i * pageSize)
      sealPage(staging, view, i * pageSize, pageSize, databaseSeed)
      maxPageLsn = Math.max(maxPageLsn, pageLsnOf(view, i * pageSize))
    }
    return { area, pageIds, staging, view, maxPageLsn: asLsn(maxPageLsn) }
  }

  #copiesOf(area: number, length: number): Uint8Array {
    const old = this.#copies[area]
    if (old !== undefined && old.length >= length) return old
    const copies = new Uint8Array(length)
    this.#copies[area] = copies
    return copies
  }

  /** The batch of this area has ended, well or not. */
  release(area: number): void {
    this.#inUse.delete(area)
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** The end of any one of the batches that are under way, or undefined when none is. */
  get nextEnd(): Promise<void> | undefined {
    if (this.#inUse.size === 0) return undefined
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}
