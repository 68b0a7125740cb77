/** File names of the port: flat, and listed in one order everywhere. */
import { assert } from '../common/assert.ts'

/** The order of `list`: by code unit, the same on every machine. */
export function compareNames(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** A name must not reach outside its directory. */
export function assertFlat(name: string): void {
  assert(name !== '' && !/[/\\]|^\.\.?$/.test(name), 'file names are flat')
}
