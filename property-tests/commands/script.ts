/**
 * Scripts: a whole crash test as plain data, so that it can be generated, shrunk, printed, copied into
 * `regressions.ts` and run again.
 *
 * Three clients take turns; a client's transaction begins with its first step after the last one ended.
 * An operation that has to wait for a lock stays under way while the others go on; its client's next
 * steps are skipped until it is done. A `crash` arms the disk; the steps after it run until it strikes.
 */
import fc from 'fast-check'
import type { Durability } from '../../src/txn/transaction-manager.ts'
import type { Hindrance } from './hindrances.ts'

export const CLIENTS = 3
export const TABLES = ['plain', 'prefix', 'long'] as const
export const KEYS = 240

/** `kill`: the process dies. Else a power cut, and of what was not synced survives: all, none, or what the seed draws. */
export type CrashHow = 'kill' | 'all' | 'none' | number

/** A crash at the `after`-th change of the disk from now. */
export interface CrashPlan {
  readonly after: number
  readonly how: CrashHow
}

export type Step =
  /** `putMany`: the same in one operation, in which the first key comes once more at the end. */
  | {
      readonly do: 'put' | 'putMany'
      readonly by: number
      readonly table: number
      readonly from: number
      readonly count: number
      readonly stride: number
      readonly bytes: number
    }
  | {
      readonly do: 'delete'
      readonly by: number
      readonly table: number
      readonly from: number
      readonly count: number
      readonly stride: number
    }
  | { readonly do: 'get'; readonly by: number; readonly table: number; readonly from: number }
  | {
      readonly do: 'range'
      readonly by: number
      readonly table: number
      readonly from: number
      readonly limit: number
      readonly reverse: boolean
    }
  | { readonly do: 'clear'; readonly by: number; readonly table: number; readonly from: number; readonly to: number }
  | { readonly do: 'create' | 'drop'; readonly by: number; readonly table: number }
  | { readonly do: 'savepoint' | 'abort' | 'prepare'; readonly by: number }
  /** By its signal, also while an operation waits; what is committing, or prepared, goes on. */
  | { readonly do: 'cancel'; readonly by: number }
  /** Ends one of the transactions in doubt, whoever prepared it, and whenever. */
  | {
      readonly do: 'decide'
      readonly which: number
      readonly outcome: 'commit' | 'abort'
      readonly durability: Durability
      readonly wait: boolean
    }
  | { readonly do: 'rollbackTo'; readonly by: number; readonly index: number }
  | { readonly do: 'commit'; readonly by: number; readonly durability: Durability; readonly wait: boolean }
  | { readonly do: 'checkpoint' | 'flush'; readonly wait: boolean }
  /** Lets promise callbacks run, or time pass. */
  | { readonly do: 'turns' | 'time'; readonly count: number }
  /** Opens a snapshot, or closes the one that is open: until then what commits give up is held back. */
  | { readonly do: 'snapshot' }
  /** The disk hinders the work from here on, until all is `well` again, or to the next life. */
  | Hindrance
  | { readonly do: 'well' }
  | { readonly do: 'reopen' }
  | ({ readonly do: 'crash'; readonly again: readonly CrashPlan[] } & CrashPlan)

export interface Script {
  readonly frames: number
  readonly checkpointBytes: number
  readonly deferRedo?: boolean
  readonly steps: readonly Step[]
}

/** Key `index` of a table: short ones, ones with a long common prefix, and ones of all lengths. */
export function keyOf(table: number, index: number): string {
  const number = String(index % KEYS).padStart(4, '0')
  if (table === 0) return number
  if (table === 1) return `${'p'.repeat(200)}${number}${'s'.repeat((index * 13) % 200)}`
  return `${String.fromCharCode(97 + (index % 3)).repeat(1 + ((index * 37) % 900))}${number}`
}

/** A value that no other serial has. Short ones differ in the middle only, so that both ends are trimmed in the log. */
export function contentOf(serial: number, length: number): Uint8Array {
  const value = new Uint8Array(length).fill(0x2e)
  const view = new DataView(value.buffer)
  const middle = length >>> 1
  if (middle + 4 <= length) view.setUint32(middle, serial)
  else value.fill(serial & 0xff)
  for (let at = 1024; at + 4 <= length; at += 256) view.setUint32(at, serial)
  return value
}

const by = fc.nat(CLIENTS - 1)
const table = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.constantFrom(1, 2) })
const from = fc.nat(KEYS - 1)
const count = fc.oneof(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 70 }))
const stride = fc.constantFrom(1, 1, 7, 239)
const bytes = fc.oneof(
  { weight: 4, arbitrary: fc.nat(60) },
  { weight: 4, arbitrary: fc.integer({ min: 300, max: 900 }) },
  { weight: 1, arbitrary: fc.integer({ min: 3000, max: 12_000 }) },
)
const wait = fc.boolean()
const how: fc.Arbitrary<CrashHow> = fc.oneof(
  { weight: 1, arbitrary: fc.constantFrom<CrashHow>('none', 'all') },
  { weight: 2, arbitrary: fc.constant<CrashHow>('kill') },
  { weight: 5, arbitrary: fc.nat(1_000_000) },
)
export const plan = (afterMax: number): fc.Arbitrary<CrashPlan> => fc.record({ after: fc.nat(afterMax), how })

const WEIGHTED_STEPS: { weight: number; arbitrary: fc.Arbitrary<Step> }[] = [
  { weight: 14, arbitrary: fc.record({ do: fc.constant('put'), by, table, from, count, stride, bytes }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('putMany'), by, table, from, count, stride, bytes }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('put'),
      by,
      table,
      from,
      count: fc.integer({ min: 1, max: 3 }),
      stride,
      bytes: fc.integer({ min: 12_000, max: 60_000 }),
    }),
  },
  { weight: 7, arbitrary: fc.record({ do: fc.constant('delete'), by, table, from, count, stride }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('get'), by, table, from }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('range'),
      by,
      table,
      from,
      limit: fc.integer({ min: 1, max: 40 }),
      reverse: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear'), by, table, from, to: from }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('create', 'drop'), by, table }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('savepoint'), by }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('rollbackTo'), by, index: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('abort'), by }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel'), by }) },
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constant('commit'),
      by,
      durability: fc.constantFrom<Durability>('full', 'full', 'lazy', 'none'),
      wait,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('prepare'), by }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('decide'),
      which: fc.nat(3),
      outcome: fc.constantFrom('commit', 'abort'),
      durability: fc.constantFrom<Durability>('full', 'lazy', 'none'),
      wait,
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('checkpoint'), wait }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('flush'), wait }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('turns'), count: fc.integer({ min: 1, max: 30 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('time'), count: fc.integer({ min: 1, max: 150 }) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('snapshot') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen') }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('crash'),
      after: fc.oneof(fc.nat(6), fc.nat(60)),
      how,
      again: fc.array(plan(25), { maxLength: 2 }),
    }),
  },
]

/** Any step. */
export const steps: fc.Arbitrary<Step> = fc.oneof(...WEIGHTED_STEPS)

/** How what is there can be given up; its pages are freed only after the commit. */
type GivingUp = 'drop' | 'delete' | 'clear' | 'put'

interface Passage {
  readonly by: number
  readonly table: number
  readonly from: number
  readonly count: number
  readonly bytes: number
  readonly how: GivingUp
  readonly isKept: boolean
  /** Which of the steps are taken. */
  readonly taken: readonly boolean[]
}

/**
 * Steps of one client that belong together, as single ones seldom come: long values are committed, and given up by a
 * transaction that is prepared, or that commits while a snapshot still shows them. Now and then one is left out.
 */
const passages: fc.Arbitrary<Step[]> = fc
  .record<Passage>({
    by,
    table,
    from,
    count: fc.integer({ min: 1, max: 3 }),
    bytes: fc.integer({ min: 3000, max: 12_000 }),
    how: fc.constantFrom<GivingUp>('drop', 'delete', 'clear', 'put'),
    isKept: fc.boolean(),
    taken: fc.tuple(...Array.from({ length: 5 }, () => fc.nat(9).map((draw) => draw > 0))),
  })
  .map((passage) => stepsOf(passage).filter((_, i) => passage.taken[i] === true))

function stepsOf({ by, table, from, count, bytes, how, isKept }: Passage): Step[] {
  const rows = { by, table, from, count, stride: 1 }
  const givingUp: Record<GivingUp, Step> = {
    drop: { do: 'drop', by, table },
    delete: { do: 'delete', ...rows },
    clear: { do: 'clear', by, table, from, to: from + count },
    put: { do: 'put', ...rows, bytes: 300 },
  }
  const commit: Step = { do: 'commit', by, durability: 'full', wait: true }
  return [
    { do: 'put', ...rows, bytes },
    commit,
    ...(isKept ? [{ do: 'snapshot' } as const] : []),
    givingUp[how],
    isKept ? commit : { do: 'prepare', by },
  ]
}

/** Lists of such single steps, with a passage now and then, which counts as one. */
export const stepLists = (single: fc.Arbitrary<Step>, minLength: number, maxLength: number): fc.Arbitrary<Step[]> =>
  fc
    .array(fc.oneof({ weight: 29, arbitrary: single.map((step) => [step]) }, { weight: 1, arbitrary: passages }), {
      minLength,
      maxLength,
      size: 'max',
    })
    .map((lists) => lists.flat())

const hindrances: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('full'), spare: fc.oneof(fc.nat(300), fc.nat(6000)) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('unreadable'), times: fc.integer({ min: 1, max: 40 }), skip: fc.nat(4) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('well') }) },
)

/** Scripts in which the disk is full, or cannot be read, for a while. */
export const hinderedScripts: fc.Arbitrary<Script> = fc.record({
  frames: fc.constant(8),
  checkpointBytes: fc.constantFrom(65_536, 1 << 20),
  deferRedo: fc.boolean(),
  steps: stepLists(fc.oneof({ weight: 4, arbitrary: steps }, { weight: 1, arbitrary: hindrances }), 4, 50),
})

/** Scripts in which splits, merges, evictions, segment switches and crashes are frequent. */
export const scripts: fc.Arbitrary<Script> = fc.record({
  frames: fc.constantFrom(8, 8, 12, 64),
  checkpointBytes: fc.constantFrom(65_536, 65_536, 1 << 20),
  deferRedo: fc.boolean(),
  steps: stepLists(steps, 4, 42),
})

/** The script as text that compiles, a line a step. */
export function printScript(script: Script): string {
  const steps = script.steps.map((step) => `    ${printValue(step)},`)
  const { steps: _, ...options } = script
  const head = Object.entries(options).map(([name, value]) => `  ${name}: ${value},\n`)
  return `{\n${head.join('')}  steps: [\n${steps.join('\n')}\n  ],\n}`
}

export function printValue(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(printValue).join(', ')}]`
  if (typeof value === 'string') return `'${value}'`
  if (typeof value !== 'object' || value === null) return String(value)
  const fields = Object.entries(value).map(([name, field]) => `${name}: ${printValue(field)}`)
  return `{ ${fields.join(', ')} }`
}
