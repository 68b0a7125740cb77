/**
 * Writes a batch of dirty pages, from the pool to their places on disk:
 *
 * ```
 *   stage            copy the pages out, seal the copies                    the frames are being written
 *   page flusher     log, double-write file, places: page-flusher.ts
 *   complete         all are synced in their places                         clean, unless changed meanwhile
 *   abandon          the disk was full before any got there                 dirty as before
 * ```
 *
 * No page is pinned when it is copied; from then on it may be read and changed again, for the copy is what is written.
 *
 * INVARIANTS
 * - I10 the recLsn of a page counts until the page is synced in its place; a change made meanwhile sets a new one
 * - I33 a batch has an area of the double-write file to itself
 */
import type { PageId } from '../common/ids.ts'
import type { FailStop } from '../io/fail-stop.ts'
import type { Identity } from '../log/identity.ts'
import type { DirtyFrames } from './dirty-frames.ts'
import { DEMAND } from './double-write.ts'
import type { PageFlusher } from './page-flusher.ts'
import { type PageBatch, Staging } from './staging.ts'

export interface BatchWriterParts {
  readonly identity: Identity
  /** The pages of all frames, one after the other. */
  readonly pool: Uint8Array
  readonly dirty: DirtyFrames
  readonly pageIdOf: (frame: number) => PageId
  readonly flusher: PageFlusher
  readonly failStop: FailStop
  /** Where it counts. */
  readonly statistics: { pagesWritten: number; deferredBatches: number }
}

export class BatchWriter {
  readonly #parts: BatchWriterParts
  readonly #staging: Staging

  constructor(parts: BatchWriterParts) {
    this.#parts = parts
    this.#staging = new Staging(parts.identity)
  }

  /** The area for a batch in the background, or -1 when all are in use. */
  get freeArea(): number {
    return this.#staging.freeArea
  }

  /** The end of any one of the batches that are being written, or undefined when none is. */
  get nextEnd(): Promise<void> | undefined {
    return this.#staging.nextEnd
  }

  /**
   * Writes the pages of these dirty frames in the background; how many they are.
   * Rejects with `DISK_FULL` when it can be tried again, else with `DB_FAILED`.
   */
  async write(area: number, frames: number[]): Promise<number> {
    const batch = this.#stage(area, frames)
    try {
      await this.#parts.flusher.flush(batch)
    } catch (error) {
      throw this.#abandon(frames, error)
    } finally {
      this.#staging.release(area)
    }
    this.#complete(frames)
    return frames.length
  }

  /** The same for an eviction on demand, done when it returns. @throws as `write` */
  writeBlocking(frames: number[]): void {
    const batch = this.#stage(DEMAND, frames)
    try {
      this.#parts.flusher.flushBlocking(batch)
    } catch (error) {
      throw this.#abandon(frames, error)
    } finally {
      this.#staging.release(DEMAND)
    }
    this.#complete(frames)
  }

  /** Copies the pages out, in page order, and moves their recLsn aside. */
  #stage(area: number, frames: number[]): PageBatch {
    const { failStop, dirty, pool, pageIdOf, identity } = this.#parts
    failStop.check()
    frames.sort((a, b) => pageIdOf(a) - pageIdOf(b))
    for (const frame of frames) dirty.startWriting(frame)
    const offsets = frames.map((frame) => frame * identity.pageSize)
    return this.#staging.stage(area, pool, offsets, frames.map(pageIdOf))
  }

  #complete(frames: readonly number[]): void {
    for (const frame of frames) this.#parts.dirty.written(frame)
    this.#parts.statistics.pagesWritten += frames.length
  }

  /**
   * A batch that did not get as far as its places (the disk was full) leaves its pages dirty, to be
   * tried again; anything later has already stopped the engine.
   */
  #abandon(frames: readonly number[], error: unknown): unknown {
    for (const frame of frames) this.#parts.dirty.abandoned(frame)
    this.#parts.statistics.deferredBatches++
    return error
  }
}
