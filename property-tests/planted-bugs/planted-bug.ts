/**
 * A planted bug: a mistake that a programmer of such an engine could make, kept as a patch of one place
 * of the source. It is there to test the tests: each of them must be found by a property.
 */

/** The text `find`, which is in `file` exactly once, becomes `replace`. */
export interface PlantedBug {
  readonly name: string
  /** The invariant of docs/invariants.md that it breaks. */
  readonly invariant: string
  /** What goes wrong, for students. */
  readonly sentence: string
  readonly file: string
  readonly find: string
  readonly replace: string
  /** The property file to look in first, where it is not the first one of its manager. */
  readonly first?: string
}

/** The source with the bug in it. @throws when the place is not there exactly once */
export function plantInto(source: string, { name, file, find, replace }: PlantedBug): string {
  const parts = source.split(find)
  if (parts.length !== 2)
    throw new Error(`${name}: the text to replace is ${parts.length - 1} times in ${file}, not once`)
  return parts.join(replace)
}
