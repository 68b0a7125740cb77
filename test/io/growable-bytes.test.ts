import { expect, test } from 'vitest'
import { randomBelow, randomFrom } from '../../src/common/random.ts'
import { GrowableBytes } from '../../src/io/growable-bytes.ts'

function contentOf(bytes: GrowableBytes): Uint8Array {
  // Not zero at first, so that a read that skips a hole shows.
  const content = new Uint8Array(bytes.length).fill(0xee)
  expect(bytes.read(content, 0, content.length, 0)).toBe(content.length)
  return content
}

test('any sequence of writes, truncations and shares equals plain arrays', () => {
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
        const source = new Uint8Array(randomBelow(random, 40_000)).fill(step + 1)
        owner.bytes.write(source, offset)
        const size = source.length === 0 ? 0 : offset + source.length
        const model = new Uint8Array(Math.max(owner.model.length, size))
        model.set(owner.model)
        model.set(source, source.length === 0 ? 0 : offset)
        owner.model = model
      }
      for (const { bytes, model } of owners) {
        expect(bytes.length).toBe(model.length)
        expect(Buffer.compare(contentOf(bytes), model)).toBe(0)
      }
    }
  }
})
