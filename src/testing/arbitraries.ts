/**
 * fast-check arbitraries for programs that use aries-db.
 *
 * Keys are few and alike, so that operations meet; some are long, so that pages split; values go from
 * nothing to several pages. Everything can be replaced by the caller's own. Simpler values come first,
 * so what fails is shrunk to them.
 */
import * as fc from 'fast-check'
import type { Durability, RangeOptions } from '../index.ts'
import type { CrashChoice } from '../io/simulated-file-system.ts'
import { type PlannedFault, type PlanOptions, planFaults } from '../io/simulated-plan.ts'
import type { ScriptStep, TransactionScript } from './scripts.ts'

export interface KeyOptions {
  /** Of how many short keys most are taken. Default 8. */
  readonly count?: number
  /** Longest key, in UTF-8 bytes. Default 1000, which pages of 4096 bytes still take. */
  readonly bytesMax?: number
}

/** Texts that serve as keys: never empty, mostly a few short ones, sometimes any. */
export function keys({ count = 8, bytesMax = 1000 }: KeyOptions = {}): fc.Arbitrary<string> {
  const few = fc.integer({ min: 0, max: count - 1 }).map((index) => `k${index}`.slice(0, bytesMax))
  // A grapheme may have a few dozen bytes: what is too long becomes the shortest key.
  const any = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).map((text) => atMost(text, bytesMax, 'k'))
  const long = fc.integer({ min: 1, max: bytesMax }).map((length) => 'k'.padEnd(length, '-'))
  return fc.oneof({ weight: 8, arbitrary: few }, { weight: 1, arbitrary: any }, { weight: 1, arbitrary: long })
}

function atMost(text: string, bytesMax: number, otherwise: string): string {
  return new TextEncoder().encode(text).length <= bytesMax ? text : otherwise
}

/** Bytes that serve as keys: never empty, mostly a few short ones, among them those that an order by bytes can get wrong. */
export function byteKeys({ count = 8, bytesMax = 1000 }: KeyOptions = {}): fc.Arbitrary<Uint8Array> {
  const few = fc.integer({ min: 0, max: count - 1 }).map((index) => shortKey(index).slice(0, bytesMax))
  const any = fc.uint8Array({ minLength: 1, maxLength: Math.min(4, bytesMax) })
  const long = fc.integer({ min: 1, max: bytesMax }).map((length) => new Uint8Array(length).fill(0x6b))
  return fc.oneof({ weight: 8, arbitrary: few }, { weight: 1, arbitrary: any }, { weight: 1, arbitrary: long })
}

const EDGES = [[0], [0, 0], [0x7f], [0x80], [0xff], [0xff, 0xff]]

function shortKey(index: number): Uint8Array {
  return Uint8Array.from(EDGES[index] ?? [0x6b, ...new TextEncoder().encode(String(index))])
}

export interface ValueOptions {
  /** Longest value, in bytes. Default 10,000: more than two pages. */
  readonly bytesMax?: number
}

/** Texts that serve as values: mostly short, some empty, some of several pages. */
export function values({ bytesMax = 10_000 }: ValueOptions = {}): fc.Arbitrary<string> {
  const short = fc.integer({ min: 0, max: 999 }).map((number) => String(number).slice(0, bytesMax))
  const any = fc.string({ unit: 'grapheme', maxLength: 8 }).map((text) => atMost(text, bytesMax, ''))
  const long = fc.integer({ min: 0, max: bytesMax }).map((length) => 'v'.repeat(length))
  return fc.oneof({ weight: 6, arbitrary: short }, { weight: 1, arbitrary: any }, { weight: 2, arbitrary: long })
}

/** Bytes that serve as values. */
export function byteValues({ bytesMax = 10_000 }: ValueOptions = {}): fc.Arbitrary<Uint8Array> {
  const short = fc.uint8Array({ maxLength: Math.min(8, bytesMax) })
  const long = fc.integer({ min: 0, max: bytesMax }).map((length) => new Uint8Array(length).fill(0x76))
  return fc.oneof({ weight: 3, arbitrary: short }, { weight: 1, arbitrary: long })
}

/** Names of tables, of a few. */
export function tables(names: readonly string[] = ['a', 'b', 'c']): fc.Arbitrary<string> {
  return fc.constantFrom(...names)
}

/** Ranges over such keys: open and closed on either side, empty ones too, in both directions, limited. */
export function ranges<K>(key: fc.Arbitrary<K>): fc.Arbitrary<RangeOptions<K>> {
  const low = fc.oneof(fc.constant({}), fc.record({ gte: key }), fc.record({ gt: key }))
  const high = fc.oneof(fc.constant({}), fc.record({ lt: key }), fc.record({ lte: key }))
  const rest = fc.record({ reverse: fc.boolean(), limit: fc.nat(20) }, { requiredKeys: [] })
  return fc.tuple(low, high, rest).map((parts) => Object.assign({}, ...parts) as RangeOptions<K>)
}

export interface TransactionArbitraryOptions {
  readonly keys?: fc.Arbitrary<string>
  readonly values?: fc.Arbitrary<string>
  readonly tables?: fc.Arbitrary<string>
  /** Levels to commit at; `undefined` is the database's. Default only that. */
  readonly durabilities?: readonly (Durability | undefined)[]
  /** Most steps of one transaction. Default 12. */
  readonly stepsMax?: number
}

/** Transactions as scripts, for `runScript` and `applyScript`. Most commit. */
export function transactions(options: TransactionArbitraryOptions = {}): fc.Arbitrary<TransactionScript> {
  const { durabilities = [undefined], stepsMax = 12 } = options
  const end = fc.oneof(
    { weight: 4, arbitrary: fc.constant('commit' as const) },
    { weight: 1, arbitrary: fc.constant('abort' as const) },
  )
  const durability = fc.constantFrom(...durabilities)
  return fc
    .record({ steps: fc.array(steps(options), { minLength: 1, maxLength: stepsMax }), end, durability })
    .map(({ durability: level, ...script }) => (level === undefined ? script : { ...script, durability: level }))
}

function steps(options: TransactionArbitraryOptions): fc.Arbitrary<ScriptStep> {
  const { keys: key = keys(), values: value = values(), tables: table = tables() } = options
  return fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant('put' as const), table, key, value }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('delete' as const), table, key }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const), table, range: ranges(key) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('savepoint' as const) }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('rollback' as const) }) },
  )
}

/** Crashes, for `crash` of a simulated disk or a sandbox: the death of the process, and power cuts of every kind. */
export function crashes(): fc.Arbitrary<CrashChoice> {
  const whole = fc.constantFrom('kill', 'none', 'all').map((mode): CrashChoice => ({ mode }))
  const random = fc.record({
    mode: fc.constant('random' as const),
    seed: fc.nat(),
    tearBytes: fc.constantFrom(512 as const, 4096 as const),
    missing: fc.constantFrom('old' as const, 'zeros' as const, 'garbage' as const),
  })
  return fc.oneof(whole, random)
}

/** Faults of the disk, for its `inject`; `describeFault` puts one into words. */
export function faults(options: Omit<PlanOptions, 'count'> = {}): fc.Arbitrary<PlannedFault> {
  return fc.nat().map((seed) => planFaults(seed, { ...options, count: 1 })[0] as PlannedFault)
}
