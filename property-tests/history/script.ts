/** Scripts of transactions side by side, with crashes in the middle, as plain data that fast-check draws and makes smaller. */
import fc from 'fast-check'
import type { CrashHow } from '../commands/script.ts'

export const CLIENTS = 4
export const LISTS = ['x', 'y', 'z'] as const
export const REGISTERS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] as const
/** Of so many registers one is there at the beginning, so that ranges have something to find, and to miss. */
export const SPARSE = 3
/** How long a sync of a slow disk takes. */
export const SYNC_MS = 3

/** `hasty`: the next step follows before anything that this one has set off can go on. */
export type Step = { readonly by: number; readonly hasty?: boolean } & (
  | { readonly do: 'append' | 'readList'; readonly list: number; readonly forUpdate: boolean }
  | { readonly do: 'write' | 'delete'; readonly register: number }
  /** Registers next to each other, in one operation. */
  | { readonly do: 'writeMany'; readonly from: number; readonly to: number }
  | { readonly do: 'read'; readonly register: number; readonly forUpdate: boolean }
  | {
      readonly do: 'range'
      readonly from: number
      readonly to: number
      readonly reverse: boolean
      readonly forUpdate: boolean
      /** Others come in between its entries. */
      readonly isSlow: boolean
    }
  /** `kind`: of the next transaction. */
  | { readonly do: 'commit' | 'abort'; readonly kind: number }
  | { readonly do: 'savepoint' | 'rollbackTo' | 'prepare' | 'cancel' | 'time' | 'checkpoint' }
  /** The outcome of a transaction that a restart has found in doubt. */
  | { readonly do: 'resolve'; readonly commits: boolean }
  | { readonly do: 'crash'; readonly after: number; readonly how: CrashHow }
)

export interface Script {
  /** At least so many bytes a value. */
  readonly valueBytes: number
  readonly isSlow: boolean
  /** After so many locks in a table it is locked as a whole. */
  readonly escalateLocksAt: number
  /** The kinds of the first transactions. */
  readonly kinds: readonly number[]
  readonly steps: readonly Step[]
}

const by = fc.nat(CLIENTS - 1)
const list = fc.nat(LISTS.length - 1)
const register = fc.nat(REGISTERS.length - 1)
const kind = fc.nat(11)
const forUpdate = fc.constantFrom(false, false, true)
const how: fc.Arbitrary<CrashHow> = fc.oneof(fc.constantFrom<CrashHow>('none', 'all', 'kill'), fc.nat(1_000_000))

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 16, arbitrary: fc.record({ do: fc.constantFrom('append', 'append', 'readList'), by, list, forUpdate }) },
  { weight: 12, arbitrary: fc.record({ do: fc.constantFrom('write', 'write', 'delete'), by, register }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('writeMany'), by, from: register, to: register }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('read'), by, register, forUpdate }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('range'),
      by,
      from: register,
      to: register,
      reverse: fc.boolean(),
      forUpdate,
      isSlow: fc.boolean(),
    }),
  },
  {
    weight: 9,
    arbitrary: fc.record({ do: fc.constantFrom('commit', 'commit', 'commit', 'commit', 'abort'), by, kind }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('savepoint', 'rollbackTo', 'time'), by }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('prepare', 'prepare', 'cancel', 'checkpoint'), by }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('resolve'), by, commits: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('crash'), by, after: fc.nat(30), how }) },
)
const hasty = fc.constantFrom(false, false, true)

export const scripts: fc.Arbitrary<Script> = fc.record({
  valueBytes: fc.constantFrom(1, 1, 900),
  isSlow: fc.boolean(),
  escalateLocksAt: fc.constantFrom(2, 10_000, 10_000),
  kinds: fc.array(kind, { minLength: CLIENTS, maxLength: CLIENTS }),
  steps: fc.array(
    fc.tuple(step, hasty).map(([each, isHasty]) => (isHasty ? { ...each, hasty: true } : each)),
    { minLength: 5, maxLength: 160, size: 'max' },
  ),
})

export const printScript = ({ steps, ...rest }: Script): string =>
  [JSON.stringify(rest), ...steps.map((each) => JSON.stringify(each))].join('\n')
