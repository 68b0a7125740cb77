/** The index of a transaction's changes: a stack with chains through it, compared with a list. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { asLsn, type Lsn } from '../../src/common/ids.ts'
import { ChangeIndex } from '../../src/txn/change-index.ts'

test('it finds what was added and not undone, the youngest first, while it grows', () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ add: fc.integer({ min: 1, max: 900 }), hashes: fc.integer({ min: 1, max: 40 }) }),
    },
    { weight: 1, arbitrary: fc.record({ undo: fc.double({ min: 0, max: 1, noNaN: true }) }) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const index = new ChangeIndex()
      let model: { hash: number; lsn: Lsn }[] = []
      let lsn = 100
      for (const each of steps) {
        if ('undo' in each) {
          const to = asLsn(Math.floor(lsn * each.undo))
          index.undone(to)
          model = model.filter((entry) => entry.lsn <= to)
        } else {
          for (let i = 0; i < each.add; i++) {
            // Some records have several keys, and hashes are of all 32 bits.
            if (i % 3 > 0) lsn += 8
            const hash = Math.imul(i % each.hashes, 0x9e37_79b1)
            index.add(hash, asLsn(lsn))
            model.push({ hash, lsn: asLsn(lsn) })
          }
        }
        expect(index.size).toBe(model.length)
      }
      for (const hash of new Set([1, ...model.map((entry) => entry.hash)])) {
        expect([...index.find(hash)]).toEqual(
          model
            .filter((entry) => entry.hash === hash)
            .reverse()
            .map((entry) => entry.lsn),
        )
      }
    }),
    { numRuns: 50 },
  )
})
