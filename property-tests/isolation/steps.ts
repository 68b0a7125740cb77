/** What the clients of the isolation property do, as plain data that fast-check draws and makes smaller. */
import fc from 'fast-check'
import type { Durability } from '../../src/txn/transaction-manager.ts'

export const CLIENTS = 4
export const TABLES = ['a', 'b'] as const
const ROWS = 5

export interface Setting {
  /** After how many locks a table is locked as a whole. */
  readonly escalateAt: number
  /** Whether the tables are there at the beginning. */
  readonly isMade: boolean
}
export const setting: fc.Arbitrary<Setting> = fc.record({
  escalateAt: fc.constantFrom(1, 2, 3, 10_000),
  isMade: fc.boolean(),
})

/**
 * `peek` reads without a transaction. `hasty`: the next step follows before anything that this one has set off can go
 * on.
 */
export type Step = { readonly by: number; readonly hasty?: boolean } & (
  | { readonly do: 'get' | 'put' | 'delete' | 'peek'; readonly table: number; readonly row: number }
  | { readonly do: 'range'; readonly table: number; readonly reverse: boolean; readonly forUpdate: boolean }
  | { readonly do: 'fill' | 'clear' | 'create' | 'drop'; readonly table: number }
  | { readonly do: 'savepoint' | 'rollbackTo' | 'abort' | 'cancel' | 'time' }
  | { readonly do: 'commit'; readonly durability: Durability }
)

const by = fc.nat(CLIENTS - 1)
const table = fc.constantFrom(0, 0, 1)
const row = fc.nat(ROWS - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constantFrom('get', 'put', 'put', 'delete'), by, table, row }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('peek' as const), by, table, row }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('range' as const),
      by,
      table,
      reverse: fc.boolean(),
      forUpdate: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('fill', 'clear', 'create', 'drop', 'drop'), by, table }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('savepoint', 'rollbackTo', 'abort', 'time'), by }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('cancel' as const), by }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('commit' as const),
      by,
      durability: fc.constantFrom('full', 'lazy', 'none'),
    }),
  },
)
const hasty = fc.constantFrom(false, false, false, true)
export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.tuple(step, hasty).map(([each, isHasty]) => (isHasty ? { ...each, hasty: true } : each)),
  { minLength: 3, maxLength: 60, size: 'max' },
)

/** Makes both tables: who would make one in a transaction keeps others off. */
export const MAKING: readonly Step[] = [
  { do: 'put', by: 0, table: 0, row: 0 },
  { do: 'put', by: 0, table: 1, row: 0 },
  { do: 'commit', by: 0, durability: 'none' },
]

/** Steps that chance seldom finds. */
export const EXAMPLES: readonly Step[][] = [
  // The making of a table is undone, and the table is used again.
  [
    { do: 'savepoint', by: 0 },
    { do: 'put', by: 0, table: 0, row: 0 },
    { do: 'rollbackTo', by: 0 },
    { do: 'put', by: 0, table: 0, row: 1 },
    { do: 'commit', by: 0, durability: 'full' },
    { do: 'get', by: 1, table: 0, row: 1 },
  ],
  // What is rolled back takes several turns, and somebody waits in it.
  [
    { do: 'put', by: 1, table: 1, row: 0 },
    { do: 'fill', by: 0, table: 0 },
    { do: 'get', by: 0, table: 1, row: 0 },
    { do: 'cancel', by: 0 },
  ],
]
