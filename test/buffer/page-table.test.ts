import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PageTable } from '../../src/buffer/page-table.ts'
import { asPageId } from '../../src/common/ids.ts'

test('the page table does what a Map does, also when full and with ids that collide', () => {
  const pageIds = fc.oneof(
    fc.nat(40),
    fc.nat(40).map((n) => n * 16),
    fc.constantFrom(0xffff_ffff, 0xffff_fffe, 0x8000_0000),
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(pageIds, fc.boolean()), { maxLength: 300 }), (steps) => {
      const table = new PageTable(16)
      const model = new Map<number, number>()
      for (const [i, [id, adds]] of steps.entries()) {
        const pageId = asPageId(id)
        if (adds && !model.has(id) && model.size < 16) {
          table.set(pageId, i)
          model.set(id, i)
        } else if (!adds && model.has(id)) {
          table.delete(pageId)
          model.delete(id)
        }
        for (const [other] of steps) expect(table.get(asPageId(other))).toBe(model.get(other) ?? -1)
      }
    }),
    { numRuns: 60 },
  )
})
