/**
 * One file of the simulated disk, its bytes kept twice:
 *
 *   live      what reads give: every write, synced or not (the page cache)
 *   durable   what a power cut cannot take: the state of the last sync
 *   pending   the changes between the two, oldest first
 *
 * A sync replays pending onto durable. A power cut replays the surviving part of it onto a copy.
 *
 * A SECTOR IS ONE OF ITS STATES. The cache writes whole sectors, so a sector on disk holds what it
 * held at some moment, never a mix of an early write missing and a later one present within it. When
 * the later of two writes to one sector survives, the part of the earlier one within it does too; a
 * truncation counts as a write of zeros to the rest of its sector. The size by itself is no part of a
 * sector: what lies beyond the one that a crash leaves is gone, and zeros once the file grows again. For the
 * same reason a write to a page of the cache that a failed sync has dropped writes that whole page: what was
 * dropped there becomes durable after all.
 */
import { randomFrom } from '../common/random.ts'
import type { Digest } from './digest.ts'
import { FixedBytes, GrowableBytes } from './growable-bytes.ts'
import {
  isMatch,
  type PartSurvives,
  type PendingTruncate,
  type PendingWrite,
  SECTOR_BYTES,
  type Survival,
  type Tearing,
  wholeSurvival,
} from './simulated-changes.ts'

interface ContentWrite extends PendingWrite {
  /** The same bytes at the same place. */
  readonly fixed: FixedBytes
}

type ContentChange = ContentWrite | PendingTruncate

const EVERYTHING = wholeSurvival(true)
/** The unit in which the page cache keeps what is dirty. */
const CACHE_PAGE_BYTES = 4096

export class SimulatedContent {
  readonly live: GrowableBytes
  readonly durable: GrowableBytes
  #pending: ContentChange[] = []
  /** Whether the cache may show bytes that are neither durable nor pending. */
  #hasDropped = false

  constructor(live = new GrowableBytes(), durable = new GrowableBytes()) {
    this.live = live
    this.durable = durable
  }

  /** A file at rest that holds `bytes`. */
  static of(bytes: Uint8Array): SimulatedContent {
    const live = new GrowableBytes()
    live.write(bytes, 0)
    return new SimulatedContent(live, live.share())
  }

  get pending(): readonly ContentChange[] {
    return this.#pending
  }

  write(file: string, sequence: number, source: Uint8Array, offset: number, phantom = false): void {
    const sizeBefore = this.live.length
    const written = new FixedBytes(source, offset)
    this.live.place(written)
    const fixed = this.#hasDropped ? this.#cachePagesOf(written) : written
    const { bytes } = fixed
    const sizeAfter = this.live.length
    this.#pending.push({
      kind: 'write',
      sequence,
      file,
      offset: fixed.offset,
      bytes,
      fixed,
      sizeBefore,
      sizeAfter,
      phantom,
    })
  }

  truncate(file: string, sequence: number, size: number): void {
    const sizeBefore = this.live.length
    this.live.truncate(size)
    this.#pending.push({ kind: 'truncate', sequence, file, sizeBefore, sizeAfter: size })
  }

  /**
   * Puts bytes on the disk by no write of this file; what lies beyond its end is dropped. They show but
   * where the cache has something newer.
   */
  overwrite(bytes: Uint8Array, offset: number): void {
    for (const image of [this.live, this.durable]) {
      if (offset < image.length) image.write(bytes.subarray(0, image.length - offset), offset)
    }
    this.#showPending()
  }

  /** Makes durable every pending change with a sequence number below `end`. */
  syncBefore(end: number): void {
    const changes = this.#takeBefore(end)
    if (changes.some((change) => change.kind === 'write' && change.phantom)) {
      this.#syncWithPhantoms(changes)
      return
    }
    for (const change of changes) {
      if (change.kind === 'write') this.durable.place(change.fixed)
      else this.durable.truncate(change.sizeAfter)
    }
  }

  /** A failed sync: the changes are no longer dirty, so no later sync writes them; reads show them. */
  dropBefore(end: number): void {
    if (this.#takeBefore(end).length > 0) this.#hasDropped = true
  }

  /** A second file in the same state; pending changes are immutable and so shared. */
  clone(): SimulatedContent {
    const copy = new SimulatedContent(this.live.share(), this.durable.share())
    copy.#pending = this.#pending.slice()
    copy.#hasDropped = this.#hasDropped
    return copy
  }

  /** Adds what reads give and what is durable to a digest. */
  addTo(digest: Digest): void {
    for (const image of [this.live, this.durable]) {
      digest.add(image.length)
      digest.add(image.digest)
    }
  }

  /** The file as a power cut leaves it: nothing pending, live and durable the same. */
  afterPowerCut(survival: Survival): SimulatedContent {
    const image = this.durable.share()
    const last = this.#pending.at(-1)
    if (last !== undefined) {
      const missing = replaySurvivors(image, this.#pending, survival)
      const candidates = [this.durable.length, ...this.#pending.map((change) => change.sizeAfter)]
      const size = survival.sizeOf(last.file, candidates)
      if (size !== undefined) image.truncate(size)
      if (missing !== undefined) {
        const { missingOver } = survival.tearing
        const everywhere = missingOver !== undefined && isMatch(missingOver, last.file)
        fillMissing(image, missing, survival.tearing, everywhere ? 0 : this.durable.length)
      }
    }
    return new SimulatedContent(image, image.share())
  }

  /** The phantoms among `changes` come to nothing but the file's size, and the cache forgets them. */
  #syncWithPhantoms(changes: readonly ContentChange[]): void {
    replaySurvivors(this.durable, changes, EVERYTHING)
    const sizeAfter = (changes.at(-1) as ContentChange).sizeAfter
    if (sizeAfter > this.durable.length) this.durable.truncate(sizeAfter)
    for (const change of changes) {
      if (change.kind !== 'write' || !change.phantom) continue
      const old = new Uint8Array(change.bytes.length)
      this.durable.read(old, 0, old.length, change.offset)
      if (change.offset < this.live.length) {
        this.live.write(old.subarray(0, this.live.length - change.offset), change.offset)
      }
    }
    this.#showPending()
  }

  /** What the cache holds in the pages that the bytes lie in. */
  #cachePagesOf({ offset, end }: FixedBytes): FixedBytes {
    const start = offset - (offset % CACHE_PAGE_BYTES)
    const stop = Math.min(Math.ceil(end / CACHE_PAGE_BYTES) * CACHE_PAGE_BYTES, this.live.length)
    const bytes = new Uint8Array(stop - start)
    this.live.read(bytes, 0, bytes.length, start)
    return new FixedBytes(bytes, start)
  }

  #showPending(): void {
    for (const change of this.#pending) {
      if (change.kind === 'write') this.live.place(change.fixed)
      else this.live.truncate(change.sizeAfter)
    }
  }

  #takeBefore(end: number): ContentChange[] {
    const pending = this.#pending
    let count = pending.length
    while (count > 0 && (pending[count - 1] as ContentChange).sequence >= end) count--
    if (count === pending.length) {
      this.#pending = []
      return pending
    }
    return pending.splice(0, count)
  }
}

/**
 * Brings what survives onto the image. Returns the sectors that a torn write did not reach and no later
 * one did, if something else than the old is to be found there.
 */
function replaySurvivors(
  image: GrowableBytes,
  pending: readonly ContentChange[],
  survival: Survival,
): Set<number> | undefined {
  const replay = new Replay(image, pending, survival.tearing)
  for (let index = 0; index < pending.length; index++) {
    const change = pending[index] as ContentChange
    if (change.kind === 'truncate') {
      if (survival.of(change)(0)) replay.truncate(change.sizeAfter)
    } else if (!change.phantom) replay.write(index, survival.of(change))
  }
  return replay.missing
}

class Replay {
  readonly #image: GrowableBytes
  readonly #pending: readonly ContentChange[]
  readonly #tearBytes: number
  readonly missing: Set<number> | undefined

  constructor(image: GrowableBytes, pending: readonly ContentChange[], tearing: Tearing) {
    this.#image = image
    this.#pending = pending
    this.#tearBytes = tearing.tearBytes ?? SECTOR_BYTES
    this.missing = (tearing.missing ?? 'old') === 'old' ? undefined : new Set()
  }

  truncate(size: number): void {
    this.#image.truncate(size)
    for (const sector of this.missing ?? []) {
      if (sector * this.#tearBytes >= size) this.missing?.delete(sector)
    }
  }

  /** Writes the surviving sectors of one write, neighbours together. */
  write(index: number, survives: PartSurvives): void {
    const { fixed } = this.#pending[index] as ContentWrite
    const { offset, end } = fixed
    const tearBytes = this.#tearBytes
    const firstSector = Math.floor(offset / tearBytes)
    const sectors = Math.ceil(end / tearBytes) - firstSector
    const lost: number[] | undefined = this.missing === undefined ? undefined : []
    let survivors = 0
    for (let part = 0; part <= sectors; part++) {
      if (part < sectors && survives(part)) {
        survivors++
        this.missing?.delete(firstSector + part)
        continue
      }
      if (survivors > 0) {
        const start = Math.max(offset, (firstSector + part - survivors) * tearBytes)
        const stop = Math.min(end, (firstSector + part) * tearBytes)
        if (start % tearBytes !== 0) this.#replaySector(index, firstSector)
        if (stop % tearBytes !== 0) this.#replaySector(index, Math.floor(stop / tearBytes))
        this.#image.place(fixed, start, stop)
      }
      survivors = 0
      if (part < sectors) lost?.push(firstSector + part)
    }
    if (lost !== undefined && lost.length < sectors) for (const sector of lost) this.missing?.add(sector)
  }

  /** Brings one sector to its state before the write at `index`, which covers it in part. */
  #replaySector(index: number, sector: number): void {
    const sectorStart = sector * this.#tearBytes
    const sectorEnd = sectorStart + this.#tearBytes
    const lengthBefore = this.#image.length
    let first = index
    while (first > 0) {
      first--
      const earlier = this.#pending[first] as ContentChange
      const isWrite = earlier.kind === 'write'
      const [start, end] = isWrite ? [earlier.offset, earlier.fixed.end] : [earlier.sizeAfter, sectorEnd]
      if (start <= sectorStart && end >= sectorEnd) break
    }
    for (let i = first; i < index; i++) {
      const change = this.#pending[i] as ContentChange
      if (change.kind === 'truncate') {
        this.#clear(Math.max(change.sizeAfter, sectorStart), sectorEnd)
        // The size that lost writes have given it here ends with them.
        const lengthMax = Math.max(change.sizeAfter, lengthBefore)
        if (this.#image.length > lengthMax) this.#image.truncate(lengthMax)
        continue
      }
      const { fixed, phantom } = change
      const start = Math.max(fixed.offset, sectorStart)
      const stop = Math.min(fixed.end, sectorEnd)
      if (start < stop && !phantom) this.#image.place(fixed, start, stop)
    }
  }

  /** What a truncation does to a sector in the cache. */
  #clear(start: number, end: number): void {
    const stop = Math.min(end, this.#image.length)
    if (start < stop) this.#image.write(new Uint8Array(stop - start), start)
  }
}

/** Puts zeros or garbage where torn writes left sectors out, in the sectors from `from` on. */
function fillMissing(image: GrowableBytes, missing: Set<number>, tearing: Tearing, from: number): void {
  const tearBytes = tearing.tearBytes ?? SECTOR_BYTES
  for (const sector of missing) {
    const start = sector * tearBytes
    if (start < from || start >= image.length) continue
    const bytes = new Uint8Array(Math.min(tearBytes, image.length - start))
    if (tearing.missing === 'garbage') fillWithGarbage(bytes, sector)
    image.write(bytes, start)
  }
}

/** Bytes that are nobody's, the same for the same seed. */
export function fillWithGarbage(bytes: Uint8Array, seed: number): void {
  const random = randomFrom(seed)
  for (let i = 0; i < bytes.length; i++) bytes[i] = random() * 256
}
