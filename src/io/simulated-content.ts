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
 * the later of two writes to one sector survives, the part of the earlier one within it does too.
 */
import { GrowableBytes } from './growable-bytes.ts'
import {
  type PartSurvives,
  type PendingTruncate,
  type PendingWrite,
  SECTOR_BYTES,
  type Survival,
} from './simulated-changes.ts'

type ContentChange = PendingWrite | PendingTruncate

export class SimulatedContent {
  readonly live: GrowableBytes
  readonly durable: GrowableBytes
  #pending: ContentChange[] = []

  constructor(live = new GrowableBytes(), durable = new GrowableBytes()) {
    this.live = live
    this.durable = durable
  }

  get pending(): readonly ContentChange[] {
    return this.#pending
  }

  write(file: string, sequence: number, bytes: Uint8Array, offset: number): void {
    this.live.write(bytes, offset)
    this.#pending.push({ kind: 'write', sequence, file, offset, bytes, sizeAfter: this.live.length })
  }

  truncate(file: string, sequence: number, size: number): void {
    this.live.truncate(size)
    this.#pending.push({ kind: 'truncate', sequence, file, sizeAfter: size })
  }

  /** Makes durable every pending change with a sequence number below `end`. */
  syncBefore(end: number): void {
    for (const change of this.#takeBefore(end)) {
      if (change.kind === 'write') this.durable.write(change.bytes, change.offset)
      else this.durable.truncate(change.sizeAfter)
    }
  }

  /** A failed sync: the changes are no longer dirty, so no later sync writes them; reads show them. */
  dropBefore(end: number): void {
    this.#takeBefore(end)
  }

  /** A second file in the same state; pending changes are immutable and so shared. */
  clone(): SimulatedContent {
    const copy = new SimulatedContent(this.live.share(), this.durable.share())
    copy.#pending = this.#pending.slice()
    return copy
  }

  /** The file as a power cut leaves it: nothing pending, live and durable the same. */
  afterPowerCut(survival: Survival): SimulatedContent {
    const image = this.durable.share()
    if (this.#pending.length > 0) {
      replaySurvivors(image, this.#pending, survival)
      const candidates = [this.durable.length, ...this.#pending.map((change) => change.sizeAfter)]
      const size = survival.sizeOf(candidates)
      if (size !== undefined) image.truncate(size)
    }
    return new SimulatedContent(image, image.share())
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

function replaySurvivors(image: GrowableBytes, pending: readonly ContentChange[], survival: Survival): void {
  for (let index = 0; index < pending.length; index++) {
    const change = pending[index] as ContentChange
    const survives = survival.of(change)
    if (change.kind === 'write') replayWrite(image, pending, index, survives)
    else if (survives(0)) image.truncate(change.sizeAfter)
  }
}

/** Writes the surviving sectors of one write, neighbours together. */
function replayWrite(
  image: GrowableBytes,
  pending: readonly ContentChange[],
  index: number,
  survives: PartSurvives,
): void {
  const { offset, bytes } = pending[index] as PendingWrite
  const end = offset + bytes.length
  const firstSector = Math.floor(offset / SECTOR_BYTES)
  const sectors = Math.ceil(end / SECTOR_BYTES) - firstSector
  let survivors = 0
  for (let part = 0; part <= sectors; part++) {
    if (part < sectors && survives(part)) {
      survivors++
      continue
    }
    if (survivors > 0) {
      const start = Math.max(offset, (firstSector + part - survivors) * SECTOR_BYTES)
      const stop = Math.min(end, (firstSector + part) * SECTOR_BYTES)
      if (start % SECTOR_BYTES !== 0) replaySector(image, pending, index, firstSector)
      if (stop % SECTOR_BYTES !== 0) replaySector(image, pending, index, Math.floor(stop / SECTOR_BYTES))
      image.write(bytes.subarray(start - offset, stop - offset), start)
    }
    survivors = 0
  }
}

/** Brings one sector to its state before the write at `index`, which covers it in part. */
function replaySector(image: GrowableBytes, pending: readonly ContentChange[], index: number, sector: number): void {
  const sectorStart = sector * SECTOR_BYTES
  const sectorEnd = sectorStart + SECTOR_BYTES
  let first = index
  while (first > 0) {
    const earlier = pending[first - 1] as ContentChange
    // What came before a truncation the sector need not show any more.
    if (earlier.kind === 'truncate') break
    first--
    if (earlier.offset <= sectorStart && earlier.offset + earlier.bytes.length >= sectorEnd) break
  }
  for (let i = first; i < index; i++) {
    const { offset, bytes } = pending[i] as PendingWrite
    const start = Math.max(offset, sectorStart)
    const stop = Math.min(offset + bytes.length, sectorEnd)
    if (start < stop) image.write(bytes.subarray(start - offset, stop - offset), start)
  }
}
