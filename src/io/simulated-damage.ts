/**
 * Damage at rest: what time, a repair or a wrong copy does to the files of a database that is closed.
 * F18 is rot within a file; F22 whole files gone, cut, old or of another database (the last two take
 * the bytes of another moment or another disk: `contentOf` and `placeFile` of the disk).
 */
import { type Random, randomBelow } from '../common/random.ts'
import { pickOne, SECTOR_BYTES } from './simulated-changes.ts'
import { fillWithGarbage, type SimulatedContent } from './simulated-content.ts'

/** What happens to a file. `offset` and `length` count bytes and lie within it. */
export type Damage =
  | { readonly kind: 'bit'; readonly offset: number; readonly bit: number }
  /** The byte is combined with `mask` by exclusive or. */
  | { readonly kind: 'byte'; readonly offset: number; readonly mask: number }
  /** All bytes become 0x00, or 0xFF, or garbage that belongs to `seed`. */
  | { readonly kind: 'zeros' | 'ones'; readonly offset: number; readonly length: number }
  | { readonly kind: 'garbage'; readonly offset: number; readonly length: number; readonly seed: number }
  | { readonly kind: 'cut'; readonly size: number }
  | { readonly kind: 'missing' }

/** Damage within a file. */
export type Rot = Exclude<Damage, { kind: 'cut' | 'missing' }>

/** Brings rot into the durable bytes and into the cache; it lies within the file. */
export function rot(content: SimulatedContent, damage: Rot): void {
  const length = 'length' in damage ? damage.length : 1
  for (const image of [content.live, content.durable]) {
    const bytes = new Uint8Array(Math.max(0, Math.min(length, image.length - damage.offset)))
    image.read(bytes, 0, bytes.length, damage.offset)
    spoil(bytes, damage)
    image.write(bytes, damage.offset)
  }
}

function spoil(bytes: Uint8Array, damage: Rot): void {
  switch (damage.kind) {
    case 'bit':
      for (let i = 0; i < bytes.length; i++) bytes[i] = (bytes[i] as number) ^ (1 << damage.bit)
      return
    case 'byte':
      for (let i = 0; i < bytes.length; i++) bytes[i] = (bytes[i] as number) ^ damage.mask
      return
    case 'garbage':
      fillWithGarbage(bytes, damage.seed)
      return
    default:
      bytes.fill(damage.kind === 'ones' ? 0xff : 0)
  }
}

const KINDS = ['bit', 'bit', 'bit', 'byte', 'zeros', 'ones', 'garbage', 'cut', 'missing'] as const

/** Damage to a file of `size` bytes, drawn from a seed; of an empty file that it is missing. */
export function drawDamage(random: Random, size: number): Damage {
  const kind = size === 0 ? 'missing' : pickOne(random, KINDS)
  if (kind === 'missing') return { kind }
  const offset = randomBelow(random, size)
  if (kind === 'bit') return { kind, offset, bit: randomBelow(random, 8) }
  if (kind === 'byte') return { kind, offset, mask: 1 + randomBelow(random, 255) }
  const sectorStart = offset - (offset % SECTOR_BYTES)
  if (kind === 'cut') return { kind, size: random() < 0.5 ? offset : sectorStart }
  const length = Math.min(SECTOR_BYTES * pickOne(random, [1, 1, 8, 16]), size - sectorStart)
  if (kind === 'garbage') return { kind, offset: sectorStart, length, seed: randomBelow(random, 2 ** 32) }
  return { kind, offset: sectorStart, length }
}

/** One line: 'bit 3 of byte 100'. */
export function describeDamage(damage: Damage): string {
  switch (damage.kind) {
    case 'missing':
      return 'missing'
    case 'cut':
      return `cut to ${damage.size} bytes`
    case 'bit':
      return `bit ${damage.bit} of byte ${damage.offset} flipped`
    case 'byte':
      return `byte ${damage.offset} changed by ${damage.mask}`
    default:
      return `${damage.length} bytes at ${damage.offset} turned to ${damage.kind}`
  }
}
