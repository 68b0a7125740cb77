/** How bytes that may be text are shown. */
import { expect, test } from 'vitest'
import { printableKey } from '../../src/common/text.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

test('keys are printed as text, as hexadecimal, and cut', () => {
  expect(printableKey(bytesOf('city:Bern'))).toBe("'city:Bern'")
  expect(printableKey(bytesOf(''))).toBe("''")
  expect(printableKey(Uint8Array.of(0, 255))).toBe('0x00ff')
  expect(printableKey(bytesOf('k'.repeat(40)))).toBe(`'${'k'.repeat(32)}'... (40 bytes)`)
  expect(printableKey(bytesOf('Zürich'))).toBe("'Zürich'")
  expect(printableKey(bytesOf('two\nlines'))).toBe('0x74776f0a6c696e6573')
  // The cut goes through a character of two bytes, then of four.
  expect(printableKey(bytesOf(`${'k'.repeat(31)}üü`))).toBe(`'${'k'.repeat(31)}'... (35 bytes)`)
  expect(printableKey(bytesOf(`${'k'.repeat(29)}\u{1f512}`))).toBe(`'${'k'.repeat(29)}'... (33 bytes)`)
  expect(printableKey(Uint8Array.of(...new Array(33).fill(255)))).toMatch(/^0x(ff){32}\.\.\. \(33 bytes\)$/)
})
