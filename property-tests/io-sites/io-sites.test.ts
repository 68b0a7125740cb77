/**
 * Every place in the engine that calls the file-system port, under every fault that makes sense there,
 * once and for good. The places are found in the source by the compiler and on the stack while scenarios
 * run; one that no scenario comes past fails the test by its name, and so does one that the compiler
 * does not know. What must hold of each case is in `session.ts` and `cases.ts`.
 *
 * Here each site meets each fault at least once, and EIO on every way that leads to it. With ARIES_RUNS above 1, every way to each site meets
 * each fault once and for good, at its first, middle and last call, and the table of all is printed.
 */
import Table from 'cli-table3'
import { beforeAll, describe, expect, test } from 'vitest'
import { runsOf, TIMEOUT_MS } from '../runs.ts'
import {
  type Case,
  describeCase,
  injectionsAt,
  problemBehindCache,
  type Reached,
  type Result,
  runCase,
  watchScenario,
} from './cases.ts'
import { makeScenarios } from './scenarios.ts'
import { applies, FAULTS, type Fault, isPassedOver, isSync } from './site-file-system.ts'
import { findSites, type StaticSite } from './static-sites.ts'

const IS_THOROUGH = runsOf(1) > 1

/** Errors on the way out after another error, which says more: `cleaningUp` passes over them, and tells that one. */
const CLEANING_UP = /^(close (openAll <|#close < close < (restartDatabase|locate)\b)|remove syncOrRemove <)/

let sites: StaticSite[]
const reached = new Map<string, Reached[]>()

beforeAll(async () => {
  sites = findSites()
  for (const scenario of await makeScenarios()) {
    for (const call of await watchScenario(scenario)) {
      const name = call.site ?? `no function of the engine ${call.method}`
      const calls = reached.get(name) ?? []
      calls.push({ scenario, call })
      reached.set(name, calls)
    }
  }
}, TIMEOUT_MS)

/** All calls of a site that a fault makes sense for. */
const callsFor = (name: string, fault: Fault): Reached[] =>
  (reached.get(name) ?? []).filter(({ call }) => applies(fault, call))

function byWay(name: string, wayOf: (one: Reached) => string): Map<string, Reached[]> {
  const ways = new Map<string, Reached[]>()
  for (const one of reached.get(name) ?? []) ways.set(wayOf(one), [...(ways.get(wayOf(one)) ?? []), one])
  return ways
}

const wayOf = ({ scenario, call }: Reached): string => `${scenario.name} ${call.way} ${call.mode} ${call.file}`

/** There is more to come behind it than behind the last. */
const middleOf = (calls: readonly Reached[]): Reached => calls[calls.length >>> 1] as Reached

/** EIO on every way to the site and the other faults on one; once and for good in turn. */
function briefCases(name: string, turn: number): Case[] {
  const onEvery = [...byWay(name, ({ call }) => call.way).values()].map((calls) => {
    const working = calls.filter(({ scenario }) => scenario.name === 'work')
    return { ...middleOf(working.length > 0 ? working : calls), fault: 'EIO' as Fault }
  })
  const others = FAULTS.slice(1).flatMap((fault) =>
    callsFor(name, fault)
      .slice(0, 1)
      .map((one) => ({ ...one, fault })),
  )
  return [...onEvery, ...others].map(({ fault, ...one }, i) => ({
    ...one,
    injection: { call: one.call.number, fault, sticky: (turn + i) % 2 === 1 },
  }))
}

/** For every way to the site its first, middle and last call, with all that can happen to them. */
function thoroughCases(name: string): Case[] {
  return [...byWay(name, wayOf).values()].flatMap((calls) => {
    const chosen = new Set([calls[0] as Reached, middleOf(calls), calls.at(-1) as Reached])
    return [...chosen].flatMap((one) => injectionsAt(one).map((injection) => ({ ...one, injection })))
  })
}

/** A segment that is being made ahead when the database closes is not needed any more, and is removed unmade. */
const isNeedless = ({ scenario, call }: Case): boolean =>
  scenario.name === 'close at once' && call.way.startsWith('sync < makeStep')

/** Why this outcome is not one. */
function problemsOf(one: Case, { outcome, why }: Result): string[] {
  if (outcome === 'violation') return why.map((reason) => `${describeCase(one)}: ${reason}`)
  const isNobodyTold = isPassedOver(one.injection.fault) || CLEANING_UP.test(`${one.call.method} ${one.call.way}`)
  if (isNobodyTold) return outcome === 'harmless' ? [] : [`${describeCase(one)}: ${why}`]
  return outcome === 'told' || isNeedless(one) ? [] : [`${describeCase(one)}: nobody was told; ${why.join('; ')}`]
}

describe('calls of the file-system port', () => {
  test('the scenarios come past every one of them', () => {
    const missed = sites.flatMap(({ name, calls, places }) => {
      const positions = new Set(reached.get(name)?.map(({ call }) => call.position))
      return positions.size < calls
        ? [`${name}: ${positions.size} of ${calls} calls reached (${places.join(', ')})`]
        : []
    })
    expect(missed).toEqual([])
    expect(sites.length).toBeGreaterThan(80)
  })

  test('there are no others', () => {
    const known = new Set(sites.map(({ name }) => name))
    expect([...reached.keys()].filter((name) => !known.has(name))).toEqual([])
  })

  test('a read-only database makes none that changes anything', () => {
    const calls = [...reached.values()].flat().filter(({ scenario }) => scenario.name === 'read-only')
    const changing = calls.filter(({ call }) => applies('ENOSPC', call) && call.method !== 'lock')
    expect(calls.length).toBeGreaterThan(10)
    expect(changing.map(({ call }) => `${call.method} in ${call.way}`)).toEqual([])
  })

  test(
    'each fails in each way: the error is told, the engine stops when it must, and nothing is lost',
    async () => {
      const counts = new Map<string, number>()
      const problems: string[] = []
      for (const [turn, { name }] of sites.entries()) {
        for (const one of IS_THOROUGH ? thoroughCases(name) : briefCases(name, turn)) {
          problems.push(...problemsOf(one, await runCase(one)))
          const { fault, sticky } = one.injection
          for (const key of [`${name} ${fault}`, `${name} ${fault} ${sticky}`]) {
            counts.set(key, (counts.get(key) ?? 0) + 1)
          }
        }
      }
      if (IS_THOROUGH) console.log(coverageTable(counts))
      expect(problems).toEqual([])
      for (const { name } of sites) {
        for (const fault of FAULTS) {
          const ways = IS_THOROUGH ? [` ${false}`, ` ${true}`] : ['']
          for (const way of callsFor(name, fault).length > 0 ? ways : []) {
            expect(counts.get(`${name} ${fault}${way}`), `${name} ${fault}${way}`).toBeGreaterThan(0)
          }
        }
      }
    },
    TIMEOUT_MS * 5,
  )
})

/** Nor may it be written back as it was read. */
test(
  'a read that is wrong in one bit is made again before anything is believed or done: nobody notices',
  async () => {
    const problems: string[] = []
    for (const { name } of sites.filter(({ method }) => method === 'readAt')) {
      for (const calls of byWay(name, wayOf).values()) {
        const some = IS_THOROUGH ? calls : [middleOf(calls), calls.at(-1) as Reached]
        for (const one of new Set(some)) {
          const case_ = { ...one, injection: { call: one.call.number, fault: 'flip', sticky: false } } as const
          problems.push(...problemsOf(case_, await runCase(case_)))
        }
      }
    }
    expect(problems).toEqual([])
  },
  TIMEOUT_MS,
)

/** Restart does not take what it reads for durable: what nothing proves it writes again. */
test(
  'a failed sync, a reopen that reads what the cache shows, a power cut: nothing is lost',
  async () => {
    const problems: string[] = []
    const syncs = sites.filter(({ method }) => isSync(method))
    for (const { name } of syncs) {
      for (const calls of byWay(name, ({ scenario, call }) => `${scenario.name} ${call.way}`).values()) {
        const one = middleOf(calls)
        const injection = { call: one.call.number, fault: 'EIO', sticky: false } as const
        for (const end of IS_THOROUGH ? (['flush', 'close'] as const) : (['flush'] as const)) {
          const problem = await problemBehindCache({ ...one, injection }, end)
          if (problem !== undefined) problems.push(`${describeCase({ ...one, injection })}, ${end}: ${problem}`)
        }
      }
    }
    expect(problems).toEqual([])
  },
  TIMEOUT_MS,
)

/** How many cases each site had with each fault: once + for good. */
function coverageTable(counts: ReadonlyMap<string, number>): string {
  const table = new Table({ head: ['site', ...FAULTS], style: { head: [], border: [], compact: true } })
  for (const { name } of sites) {
    const cells = FAULTS.map((fault) => {
      const [once, forGood] = [false, true].map((sticky) => counts.get(`${name} ${fault} ${sticky}`) ?? 0)
      return once === 0 && forGood === 0 ? '' : `${once} + ${forGood}`
    })
    table.push([name, ...cells])
  }
  const total = [...counts].reduce((sum, [key, count]) => (/(true|false)$/.test(key) ? sum + count : sum), 0)
  return `${table.toString()}\n${sites.length} sites, ${total} cases: once + for good`
}
