/**
 * Every damage that is done to a specimen, numbered. A group is one kind of damage to one file; a case is
 * a group and a number in it, so that cases can be counted, dealt out and sampled without being listed,
 * and `killed:data:bits:4711` names one for good.
 *
 *   bits       each bit in turn of every 4096-byte block that holds anything
 *   gaps       one bit, drawn from the seed, of each sector of the blocks that are all zeros
 *   sectors    each sector of the used blocks turned to zeros
 *   cuts       the file cut off at each multiple of 512 bytes
 *   missing    the file taken away
 *   older      an older copy of the file in its place (F22)
 *   misplaced  each used page put in the place of each other (F20)
 *
 * What `bits` and `gaps` leave out is the other bits of blocks in which every byte is alike, zero, and
 * which nothing points to: the preallocated tail of the log, the room ahead in the data file, the unused
 * rest of the double-write areas.
 */
import { DATA_FILE_NAME } from '../../src/buffer/data-file.ts'
import { DOUBLE_WRITE_FILE_NAME } from '../../src/buffer/double-write.ts'
import { isZero } from '../../src/common/bytes.ts'
import { randomBelow, randomFrom } from '../../src/common/random.ts'
import type { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { segmentNumberOf } from '../../src/log/segment.ts'
import { PAGE_SIZE, SEGMENT_BYTES } from '../lab.ts'
import type { Specimen } from './specimen.ts'

export const KINDS = ['bits', 'gaps', 'sectors', 'cuts', 'missing', 'older', 'misplaced'] as const
export type Kind = (typeof KINDS)[number]

const SECTOR_BYTES = 512
const BLOCK_BYTES = 4096

/** One kind of damage to one file. */
export interface Group {
  readonly specimen: Specimen
  readonly file: string
  readonly kind: Kind
  readonly count: number
  /** Does the damage of this number, and returns the bytes of the file that it touches. */
  readonly damage: (disk: SimulatedFileSystem, index: number) => Range
}

/** Bytes of a file, from `start` up to `end`. */
export interface Range {
  readonly start: number
  readonly end: number
}

/** Torn pages are what double-writing is for; the other files are those of the killed database. */
const FILES_OF_TORN: readonly string[] = [DATA_FILE_NAME, DOUBLE_WRITE_FILE_NAME]

/** All groups of a specimen. */
export function groupsOf(specimen: Specimen, seed: number): Group[] {
  return [...specimen.files]
    .filter(([file]) => specimen.name !== 'torn' || FILES_OF_TORN.includes(file))
    .flatMap(([file, bytes]) => groupsOfFile(specimen, file, bytes, seed))
}

function groupsOfFile(specimen: Specimen, file: string, bytes: Uint8Array, seed: number): Group[] {
  // The last block may be a part of one: a closed log ends behind its last record.
  const blocks = Array.from({ length: Math.ceil(bytes.length / BLOCK_BYTES) }, (_, block) => block * BLOCK_BYTES)
  const endOf = (at: number, length: number): number => Math.min(bytes.length, at + length)
  const used = blocks.filter((at) => !isZero(bytes, at, endOf(at, BLOCK_BYTES)))
  const unused = blocks.filter((at) => isZero(bytes, at, endOf(at, BLOCK_BYTES)))
  const usedBytes = used.reduce((sum, at) => sum + endOf(at, BLOCK_BYTES) - at, 0)
  const group = (kind: Kind, count: number, damage: Group['damage']): Group => ({ specimen, file, kind, count, damage })
  const isInFile = (at: number): boolean => at < bytes.length
  const usedSectors = sectorsOf(used).filter(isInFile)
  const unusedSectors = sectorsOf(unused).filter(isInFile)
  const older = specimen.older.get(file)
  return [
    group('bits', usedBytes * 8, (disk, index) => {
      const inBlock = index % (BLOCK_BYTES * 8)
      return flip(disk, file, (used[(index - inBlock) / (BLOCK_BYTES * 8)] as number) + (inBlock >>> 3), inBlock & 7)
    }),
    group('gaps', unusedSectors.length, (disk, index) => {
      const at = unusedSectors[index] as number
      const bit = randomBelow(randomFrom(seed + index), (endOf(at, SECTOR_BYTES) - at) * 8)
      return flip(disk, file, at + (bit >>> 3), bit & 7)
    }),
    group('sectors', usedSectors.length, (disk, index) => {
      const offset = usedSectors[index] as number
      const end = endOf(offset, SECTOR_BYTES)
      disk.damage(file, { kind: 'zeros', offset, length: end - offset })
      return { start: offset, end }
    }),
    group('cuts', Math.ceil(bytes.length / SECTOR_BYTES), (disk, index) => {
      disk.placeFile(file, bytes.subarray(0, index * SECTOR_BYTES))
      return { start: index * SECTOR_BYTES, end: bytes.length }
    }),
    group('missing', 1, (disk) => {
      disk.damage(file, { kind: 'missing' })
      return { start: 0, end: bytes.length }
    }),
    group('older', older === undefined || Buffer.compare(older, bytes) === 0 ? 0 : 1, (disk) => {
      disk.placeFile(file, older as Uint8Array)
      return { start: 0, end: bytes.length }
    }),
    group('misplaced', file === DATA_FILE_NAME ? used.length * (used.length - 1) : 0, (disk, index) => {
      const others = used.length - 1
      const from = used[Math.floor(index / others)] as number
      const to = used.filter((at) => at !== from)[index % others] as number
      const changed = bytes.slice()
      changed.copyWithin(to, from, from + PAGE_SIZE)
      disk.placeFile(file, changed)
      return { start: to, end: to + PAGE_SIZE }
    }),
  ].filter(({ count }) => count > 0)
}

function sectorsOf(blocks: readonly number[]): number[] {
  return blocks.flatMap((at) => Array.from({ length: BLOCK_BYTES / SECTOR_BYTES }, (_, i) => at + i * SECTOR_BYTES))
}

function flip(disk: SimulatedFileSystem, file: string, offset: number, bit: number): Range {
  disk.flipBit(file, offset, bit)
  return { start: offset, end: offset + 1 }
}

/**
 * How many of the last commits damage to these bytes of a file may take without an error: those of the
 * last synced batch when it is hit, and, when the damage begins before it and takes its flush marker, those
 * before it in the damaged bytes, whose proof the marker was. Else none.
 */
export function losable({ lastBatch, endLsns }: Specimen, file: string, { start, end }: Range): number {
  const segment = segmentNumberOf(file)
  if (lastBatch === undefined || segment === undefined) return 0
  const base = segment * SEGMENT_BYTES
  if (base + end <= lastBatch.startLsn || base + start >= lastBatch.endLsn) return 0
  return endLsns.filter((endLsn) => endLsn > base + start).length
}

/** The name of a case, which `caseNamed` understands. */
export const nameOf = ({ specimen, file, kind }: Group, index: number): string =>
  [specimen.name, file, kind, index].join(':')

/** The group and the number that a name means. @throws when there is no such case */
export function caseNamed(groups: readonly Group[], name: string): { readonly group: Group; readonly index: number } {
  const index = Number(name.slice(name.lastIndexOf(':') + 1))
  const group = groups.find((candidate) => nameOf(candidate, index) === name)
  if (group === undefined || !(index >= 0 && index < group.count)) throw new Error(`there is no case ${name}`)
  return { group, index }
}
