import { expect, test } from 'vitest'
import { randomBelow, randomFrom } from '../../src/common/random.ts'
import { FixedBytes, GrowableBytes } from '../../src/io/growable-bytes.ts'

function put(bytes: GrowableBytes, source: Uint8Array, offset: number, isFixed: boolean): void {
  if (!isFixed) {
    bytes.write(source, offset)
    return
  }
  const changing = source.slice()
  const fixed = new FixedBytes(changing, offset)
  changing.fill(0xdd)
  // As a torn write: its end survives, then the rest.
  const middle = offset + (source.length >>> 1)
  bytes.place(fixed, middle, fixed.end)
  bytes.place(fixed, offset, middle)
}

/** The digest of the same bytes, written at once. */
function digestOf(content: Uint8Array): number {
  const bytes = new GrowableBytes()
  bytes.write(content, 0)
  return bytes.digest
}

function contentOf(bytes: GrowableBytes): Uint8Array {
  // Not zero at first, so that a read that skips a hole shows.
  const content = new Uint8Array(bytes.length).fill(0xee)
  expect(bytes.read(content, 0, content.length, 0)).toBe(content.length)
  return content
}

test('any sequence of writes, truncations and shares equals plain arrays, and so does its digest', () => {
  const random = randomFrom(1)
  for (let round = 0; round < 20; round++) {
    const owners = [{ bytes: new GrowableBytes(), model: new Uint8Array(0) }]
    for (let step = 0; step < 60; step++) {
      const owner = owners[randomBelow(random, owners.length)] as (typeof owners)[number]
      const offset = randomBelow(random, 70_000)
      const action = randomBelow(random, 5)
      if (action === 0) {
        owner.bytes.truncate(offset)
        const model = new Uint8Array(offset)
        model.set(owner.model.subarray(0, offset))
        owner.model = model
      } else if (action === 1 && owners.length < 4) {
        owners.push({ bytes: owner.bytes.share(), model: owner.model.slice() })
      } else {
        const source = new Uint8Array(randomBelow(random, 40_000)).fill(random() < 0.2 ? 0 : step + 1)
        const at = random() < 0.5 ? offset : offset & -4096
        put(owner.bytes, source, at, random() < 0.5)
        const size = source.length === 0 ? 0 : at + source.length
        const model = new Uint8Array(Math.max(owner.model.length, size))
        model.set(owner.model)
        model.set(source, source.length === 0 ? 0 : at)
        owner.model = model
      }
      for (const { bytes, model } of owners) {
        expect(bytes.length).toBe(model.length)
        expect(Buffer.compare(contentOf(bytes), model)).toBe(0)
        expect(bytes.digest).toBe(digestOf(model))
      }
    }
  }
})
