import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Heap } from '../../src/common/heap.ts'

test('the first one is the smallest, whichever come, go and change', () => {
  const steps = fc.oneof(
    fc.record({ push: fc.nat(50) }),
    fc.record({ grow: fc.nat(50) }),
    fc.constant({ shift: true as const }),
  )
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 60 }), (script) => {
      const heap = new Heap<{ value: number }>((a, b) => a.value < b.value)
      let all: { value: number }[] = []
      for (const step of script) {
        const { first } = heap
        if ('push' in step) {
          const item = { value: step.push }
          heap.push(item)
          all.push(item)
        } else if ('shift' in step) {
          heap.shift()
          all = all.filter((item) => item !== first)
        } else {
          if (first !== undefined) first.value += step.grow
          heap.firstChanged()
        }
        expect(heap.first?.value).toBe(all.length === 0 ? undefined : Math.min(...all.map(({ value }) => value)))
      }
    }),
  )
})
