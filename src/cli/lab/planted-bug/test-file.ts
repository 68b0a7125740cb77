/** The file that a student begins a hunt with: a test that asks too little to find anything. */

export const nameOfBox = (number: number): string => `box-${String(number).padStart(2, '0')}`

export function testFile(number: number): string {
  return `import type * as aries from 'aries-db'
import type * as testing from 'aries-db/testing'

/** The invariant that ${nameOfBox(number)} breaks, by its number in invariants.md. */
export const invariant = 'I0'

/** Rejects when the engine that it is given is broken: on ${nameOfBox(number)}, and not on a sound one. */
export async function test({ Sandbox, utf8 }: typeof aries & typeof testing) {
  // A transaction sees what it has written, in every box. What others see, and what a crash leaves: go on with crashTest.
  const { db } = await Sandbox.create()
  const rows = db.table('rows', { key: utf8, value: utf8 })
  await db.transaction(async (tx) => {
    await tx.put(rows, 'apple', 'red')
    if ((await tx.get(rows, 'apple')) !== 'red') throw new Error('the apple is gone')
  })
}
`
}
