/** The file that a student begins a hunt with: a test that asks too little to find anything. */

export const nameOfBox = (number: number): string => `box-${String(number).padStart(2, '0')}`

export function testFile(number: number): string {
  return `import type * as aries from 'aries-db'
import type * as testing from 'aries-db/testing'

/** The invariant that ${nameOfBox(number)} breaks, by its number in invariants.md. */
export const invariant = 'I0'

/** Rejects when the engine that it is given is broken: on ${nameOfBox(number)}, and not on a sound one. */
export async function test({ open, MemoryFileSystem, utf8 }: typeof aries & typeof testing) {
  // As long as nothing crashes, there is little to see: go on with crashTest.
  const db = await open(new MemoryFileSystem(), { createIfMissing: true })
  const rows = db.table('rows', { key: utf8, value: utf8 })
  await rows.put('apple', 'red')
  if ((await rows.get('apple')) !== 'red') throw new Error('the apple is gone')
  await db.close()
}
`
}
