/** The boxes as they lie in the package, compressed. `property-tests/planted-bugs/boxes.ts` makes them. */
import { randomBelow, randomFrom } from '../../../common/random.ts'

export interface Box {
  readonly name: string
  /** The invariant that is broken, and others that count as an answer. */
  readonly invariants: readonly [string, ...string[]]
  /** What goes wrong. */
  readonly sentence: string
  /** The engine with the bug, as the text of a module. */
  readonly code: string
}

export interface BoxArchive {
  /** The engine as it is, made in the same way. */
  readonly sound: string
  readonly boxes: readonly Box[]
  readonly invariants: readonly { readonly id: string; readonly statement: string }[]
}

/** Which box of the archive has which number in the folder with this seed, so that numbers cannot be passed on. */
export function boxesFor({ boxes }: BoxArchive, seed: number): readonly Box[] {
  const random = randomFrom(seed)
  const left = [...boxes]
  return boxes.map(() => left.splice(randomBelow(random, left.length), 1)[0] as Box)
}
