/** The tables that a transaction has locked, few or many, compared with a list of them. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { asPageId } from '../../src/common/ids.ts'
import { LockedTables } from '../../src/database/locked-tables.ts'
import { LockMode } from '../../src/lock/lock-mode.ts'

const TREES = 50

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('add' as const) }) },
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant('know' as const), table: fc.nat(60), tree: fc.nat(TREES - 1) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('drop' as const), table: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forget' as const) }) },
)

test('they are found by name, and by where they are known to be', () => {
  let most = 0
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120, size: 'max' }), (steps) => {
      const tables = new LockedTables(100)
      /** Where each is known to be. One place has one table. */
      const model = new Map<string, number | undefined>()
      for (const each of steps) {
        const name = 'table' in each ? `table ${each.table}` : ''
        if (each.do === 'add') {
          const added = `table ${model.size}`
          tables.add(added, LockMode.IX)
          model.set(added, undefined)
        } else if (each.do === 'forget') {
          tables.forgetTrees()
          for (const known of model.keys()) model.set(known, undefined)
        } else if (model.has(name)) {
          const table = tables.named(name)!
          const isTaken = each.do === 'know' && [...model.values()].includes(each.tree)
          if (each.do === 'drop') table.tree = undefined
          else if (!isTaken) tables.know(table, asPageId(each.tree))
          if (!isTaken) model.set(name, each.do === 'drop' ? undefined : each.tree)
        }
      }
      most = Math.max(most, model.size)
      for (let i = 0; i <= model.size; i++) {
        expect(tables.named(`table ${i}`)?.name).toBe(model.has(`table ${i}`) ? `table ${i}` : undefined)
      }
      for (let tree = 0; tree < TREES; tree++) {
        const expected = [...model].find(([, place]) => place === tree)?.[0]
        expect(tables.at(asPageId(tree))?.name).toBe(expected)
      }
    }),
    { numRuns: 300 },
  )
  expect(most).toBeGreaterThan(30)
})
