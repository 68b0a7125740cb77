/**
 * Random requests, releases and cancellations of several owners, followed by a shadow that knows the
 * lock rules by name and nothing of the lock manager's lists: a matrix of who was granted what, built
 * only from the answers, and for each key the requests that wait, in order.
 *
 * After every step: no two owners hold conflicting modes (I21), unless one has yielded and the other overwrites,
 * and knows of it; nobody overtakes who waits; whoever waits has a reason to; there is no cycle of waits; the
 * victim of a deadlock was the cheapest. Who gets a table as a whole has given back just what that covers. In the
 * end all give back, and nobody waits.
 */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { AriesError } from '../src/common/errors.ts'
import { asLsn, type Lsn } from '../src/common/ids.ts'
import { LockMode, type LockModeName } from '../src/lock/lock-mode.ts'
import type { LockOwner } from '../src/lock/lock-owner.ts'
import { LockBench, makeOwner, settle } from '../test/lock/support.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const RUN_COUNT = 300
const OWNER_COUNT = 6
/** The modes of a table and of a key; a resource is one of the two. */
const MODES: Readonly<Record<'table' | 'key', readonly LockModeName[]>> = {
  table: ['IS', 'IX', 'S', 'SIX', 'X'],
  key: ['S', 'X', 'gapS', 'gapI', 'gapSI', 'S+gapS', 'S+gapI', 'S+gapSI', 'X+gapS', 'X+gapI', 'X+gapSI'],
}
const NAMES = [...new Set([...MODES.table, ...MODES.key])]
/** Two tables, and of each the key of which locks are taken, in the space of its tree. */
const SPACE_OF: Readonly<Record<string, number>> = { a: 1, b: 1, c: 2, d: 3 }
const KEY_OF_TABLE: Readonly<Record<string, string>> = { a: 'c', b: 'd' }
/** What a mode grants: of the record in small letters, of the gap before it in capitals. */
const RIGHTS_OF: Partial<Record<LockModeName, string>> = { IS: 'i', IX: 'ij', S: 'ir', SIX: 'ijr', X: 'ijrw' }
const GAP_RIGHTS: Readonly<Record<string, string>> = { gapS: 'K', gapI: 'N', gapSI: 'KN' }
const RIGHTS = Object.fromEntries(
  NAMES.map((name) => [
    name,
    name
      .split('+')
      .flatMap((part) => RIGHTS_OF[part as LockModeName] ?? GAP_RIGHTS[part])
      .join(''),
  ]),
)
/** Each right, and those that nobody else may have beside it. */
const EXCLUDES: Readonly<Record<string, string>> = { i: 'w', j: 'rw', r: 'jw', w: 'ijrw', K: 'N', N: 'K' }

const rights = (mode: LockModeName): string => RIGHTS[mode] ?? ''
const fits = (a: LockModeName, b: LockModeName) =>
  [...rights(a)].every((right) => [...(EXCLUDES[right] ?? '')].every((excluded) => !rights(b).includes(excluded)))
const rightsOf = (modes: LockModeName[]) => [...new Set(modes.flatMap((mode) => [...rights(mode)]))].sort().join('')
const join = (a: LockModeName, b: LockModeName) => NAMES.find((mode) => rightsOf([mode]) === rightsOf([a, b])) ?? 'X'

type Step =
  | { readonly kind: 'acquire'; readonly owner: number; readonly key: string; readonly mode: LockModeName }
  | { readonly kind: 'overwrite'; readonly owner: number; readonly key: string }
  | { readonly kind: 'escalate'; readonly owner: number; readonly key: string; readonly mode: 'S' | 'X' }
  | { readonly kind: 'release' | 'cancel' | 'yield'; readonly owner: number }

interface Wait {
  readonly owner: number
  readonly mode: LockModeName
  readonly upgrade: boolean
  readonly overwrites: boolean
}

/** The last of the waits ahead; if that is an upgrade all of them, which are upgrades then: none waits for another. */
const directlyAhead = (ahead: Wait[]): Wait[] => (ahead.at(-1)?.upgrade === true ? ahead : ahead.slice(-1))

const NO_LSN = asLsn(0)

class Shadow {
  readonly bench = new LockBench()
  readonly owners: LockOwner[] = []
  /** Key to owner to mode: what was granted and not given back. */
  readonly held = new Map<string, Map<number, LockModeName>>()
  /** Key to its waits: upgrades first, then by age. */
  readonly waits = new Map<string, Wait[]>()
  readonly deadlocked: number[] = []
  /** The keys whose table an owner has had to itself since it last gave everything back. */
  readonly covered = new Map<number, Set<string>>()
  /** The COMMITs of those who have yielded. */
  readonly yielded = new Map<number, Lsn>()
  #lsn = 0
  escalations = 0
  overwritten = 0
  /** What was wrong with the end of a wait: nobody would see an error thrown there. */
  readonly #problems: string[] = []

  constructor() {
    for (let index = 0; index < OWNER_COUNT; index++) {
      // Few distinct sizes, so that ties happen; one owner tries again; one rolls back all the time.
      const attempt = index === 1 ? 2 : 1
      this.owners.push(makeOwner(index + 1, { logBytes: (index % 3) * 2000, attempt, isRollingBack: index === 5 }))
    }
  }

  isWaiting(owner: number): boolean {
    return [...this.waits.values()].some((waits) => waits.some((wait) => wait.owner === owner))
  }

  /** The step's owner, or the next one whose turn it can be: who waits is only cancelled, who has yielded only ends. */
  #actorOf(step: Step): number | undefined {
    for (let offset = 0; offset < OWNER_COUNT; offset++) {
      const index = (step.owner + offset) % OWNER_COUNT
      const mayAct = !this.yielded.has(index) || step.kind === 'release'
      if (mayAct && this.isWaiting(index) === (step.kind === 'cancel')) return index
    }
    return undefined
  }

  async run(step: Step): Promise<void> {
    const index = this.#actorOf(step)
    if (index === undefined) return
    const owner = this.owners[index] as LockOwner
    if (step.kind === 'acquire') this.#acquire(owner, index, step)
    if (step.kind === 'overwrite') this.#acquire(owner, index, { ...step, kind: 'acquire', mode: 'X' }, true)
    if (step.kind === 'yield') this.#yield(owner, index)
    if (step.kind === 'escalate') this.#escalate(owner, index, step)
    if (step.kind === 'release') this.release(index)
    if (step.kind === 'cancel') this.bench.locks.cancelWait(owner, new AriesError('TX_CLOSED', 'cancelled'))
    await settle()
    this.check()
  }

  #acquire(owner: LockOwner, index: number, { key, mode }: Step & { kind: 'acquire' }, overwrites = false): void {
    const held = this.held.get(key)?.get(index)
    const target = held === undefined ? mode : join(held, mode)
    const bytes = new TextEncoder().encode(key)
    const space = SPACE_OF[key] as number
    const { locks } = this.bench
    const promise = overwrites
      ? locks.acquireToOverwrite(owner, space, bytes, Number.POSITIVE_INFINITY)
      : locks.acquire(owner, space, bytes, LockMode[mode], Number.POSITIVE_INFINITY)
    if (promise === undefined) {
      if (held === undefined) expect(this.waits.get(key) ?? [], `${key}: granted although others wait`).toEqual([])
      const isNew = target !== held
      this.#grant(key, index, target)
      if (overwrites && isNew) this.#noteDependency(key, index)
      return
    }
    const wait: Wait = { owner: index, mode: target, upgrade: held !== undefined, overwrites }
    const waits = this.waits.get(key) ?? []
    const upgrades = waits.filter((other) => other.upgrade).length
    waits.splice(wait.upgrade ? upgrades : waits.length, 0, wait)
    this.waits.set(key, waits)
    promise.then(
      () => {
        this.#drop(key, wait)
        this.#grant(key, index, target)
        if (overwrites) this.#noteDependency(key, index)
      },
      (error: AriesError) => {
        this.#drop(key, wait)
        if (error.code === 'TX_DEADLOCK') this.#checkVictim(index, error)
        else if (error.code !== 'TX_CLOSED') this.#problems.push(`a wait ended with ${error.code}`)
      },
    )
  }

  #yield(owner: LockOwner, index: number): void {
    const lsn = asLsn(++this.#lsn)
    this.yielded.set(index, lsn)
    this.bench.locks.yieldAll(owner, lsn)
  }

  /** Called a moment after the grant; whoever has yielded or given back meanwhile only adds to what is known. */
  #noteDependency(key: string, index: number): void {
    const known = (this.owners[index] as LockOwner).dependsOnLsn
    const others = [...(this.held.get(key) ?? [])].filter(([other]) => other !== index)
    const passed = others.filter(([other, mode]) => this.yielded.has(other) && !fits('X', mode))
    if (passed.length > 0) this.overwritten++
    for (const [other] of passed) {
      if (known < (this.yielded.get(other) ?? NO_LSN))
        this.#problems.push(`T${index + 1} does not know of T${other + 1}`)
    }
  }

  #escalate(owner: LockOwner, index: number, { key: table, mode }: Step & { kind: 'escalate' }): void {
    const held = this.held.get(table)?.get(index)
    if (held === undefined) return
    const target = join(held, mode)
    const key = KEY_OF_TABLE[table] as string
    const others = [...(this.held.get(table) ?? [])].filter(([other]) => other !== index)
    const name = new TextEncoder().encode(table)
    const isGranted = this.bench.locks.escalate(owner, name, SPACE_OF[key] as number, LockMode[mode])
    expect(isGranted, `${table} in ${target}`).toBe(others.every(([, other]) => fits(target, other)))
    if (!isGranted) return
    this.escalations++
    this.#grant(table, index, target)
    if (target === 'X') this.covered.set(index, (this.covered.get(index) ?? new Set()).add(key))
    const below = this.held.get(key)?.get(index)
    if (below !== undefined && (target === 'X' || !/[wN]/.test(rights(below)))) this.held.get(key)?.delete(index)
  }

  #grant(key: string, owner: number, mode: LockModeName): void {
    const holders = this.held.get(key) ?? new Map<number, LockModeName>()
    holders.set(owner, mode)
    this.held.set(key, holders)
  }

  #drop(key: string, wait: Wait): void {
    const waits = this.waits.get(key) ?? []
    waits.splice(waits.indexOf(wait), 1)
  }

  release(index: number): void {
    for (const holders of this.held.values()) holders.delete(index)
    this.covered.delete(index)
    this.yielded.delete(index)
    this.bench.locks.releaseAll(this.owners[index] as LockOwner)
  }

  #checkVictim(index: number, error: AriesError): void {
    this.deadlocked.push(index)
    const cycle = error.details['cycle'] as { txnId: number }[]
    const members = cycle.map(({ txnId }) => (this.owners[txnId - 1] as LockOwner).transaction)
    const candidates = members.filter((member) => !member.isRollingBack)
    const costOf = ({ logBytes, attempt }: LockOwner['transaction']): number => (1024 + logBytes) * 4 ** (attempt - 1)
    candidates.sort((a, b) => costOf(a) - costOf(b) || b.txnId - a.txnId)
    const cheapest = candidates[0]?.txnId
    if (cheapest !== index + 1) this.#problems.push(`T${index + 1} is the victim, T${cheapest} would have been cheaper`)
  }

  check(): void {
    expect(this.#problems).toEqual([])
    for (const [key, holders] of this.held) this.#checkGrants(key, [...holders])
    for (const [key, waits] of this.waits) this.#checkWaits(key, waits)
    this.#checkNoCycle()
    this.#checkReport()
    this.#checkLocked()
  }

  /** A key is locked when somebody has it or waits for it, or has had its table alone. */
  #checkLocked(): void {
    for (const key of Object.values(KEY_OF_TABLE)) {
      const isUsed = (this.held.get(key)?.size ?? 0) + (this.waits.get(key)?.length ?? 0) > 0
      const isCovered = [...this.covered.values()].some((keys) => keys.has(key))
      const bytes = new TextEncoder().encode(key)
      const isLocked = this.bench.locks.isLocked(SPACE_OF[key] as number, bytes, 0, 1)
      expect(isLocked, `${key} is locked`).toBe(isUsed || isCovered)
    }
  }

  #checkGrants(key: string, holders: [number, LockModeName][]): void {
    for (const [a, modeA] of holders) {
      for (const [b, modeB] of holders) {
        if (a === b || this.yielded.has(a) || this.yielded.has(b)) continue
        expect(fits(modeA, modeB), `${key}: ${modeA} beside ${modeB}`).toBe(true)
      }
    }
  }

  /** Upgrades wait for a holder; so does the first of the others, unless an upgrade is before it. */
  #checkWaits(key: string, waits: Wait[]): void {
    for (const wait of waits.filter((each, index) => each.upgrade || index === 0)) {
      expect(this.#blockers(key, wait).length, `${key}: a wait for nobody`).toBeGreaterThan(0)
    }
  }

  #blockers(key: string, wait: Wait, choose = (ahead: Wait[]): Wait[] => ahead): number[] {
    const blockers: number[] = []
    for (const [owner, mode] of this.held.get(key) ?? []) {
      const isPassed = wait.overwrites && this.yielded.has(owner)
      if (owner !== wait.owner && !isPassed && !fits(wait.mode, mode)) blockers.push(owner)
    }
    if (wait.upgrade) return blockers
    const waits = this.waits.get(key) ?? []
    return blockers.concat(choose(waits.slice(0, waits.indexOf(wait))).map((ahead) => ahead.owner))
  }

  /** Takes away owners that wait for nobody left, until none can be: whoever stays is on a cycle. */
  #checkNoCycle(): void {
    const edges = new Map<number, Set<number>>()
    for (const [key, waits] of this.waits) {
      for (const wait of waits) edges.set(wait.owner, new Set(this.#blockers(key, wait)))
    }
    for (;;) {
      const free = [...edges.keys()].find((owner) => [...(edges.get(owner) ?? [])].every((other) => !edges.has(other)))
      if (free === undefined) break
      edges.delete(free)
    }
    expect([...edges.keys()], 'owners on or behind a cycle').toEqual([])
  }

  /** The lock manager says of itself what its answers said. */
  #checkReport(): void {
    const keys = [...new Set([...this.held.keys(), ...this.waits.keys()])].sort()
    const expected = keys.flatMap((key) => {
      const holders = [...(this.held.get(key) ?? [])].map(([owner, mode]) => `T${owner + 1} ${mode}`).sort()
      const waits = (this.waits.get(key) ?? []).map((wait) => {
        const waitsFor = [...new Set(this.#blockers(key, wait, directlyAhead))].map((other) => other + 1).sort()
        return `T${wait.owner + 1} ${wait.mode} for ${waitsFor}`
      })
      return holders.length + waits.length > 0 ? [`${key}: ${holders.join(' ')} | ${waits.join(' ')}`] : []
    })
    const actual = this.bench.locks.snapshot().map(({ key, holders, waiters }) => {
      const held = holders.map(({ txnId, mode }) => `T${txnId} ${mode}`).sort()
      const waits = waiters.map(({ txnId, mode, waitsFor }) => `T${txnId} ${mode} for ${[...waitsFor].sort()}`)
      return `${new TextDecoder().decode(key)}: ${held.join(' ')} | ${waits.join(' ')}`
    })
    expect(actual).toEqual(expected)
  }

  /** Owners that do not wait end one after the other; after as many rounds as owners nobody is left. */
  async finish(): Promise<void> {
    for (let round = 0; round < OWNER_COUNT; round++) {
      for (let index = 0; index < OWNER_COUNT; index++) {
        if (!this.isWaiting(index)) this.release(index)
        await settle()
        this.check()
      }
    }
    expect(this.bench.locks.snapshot()).toEqual([])
    expect(this.bench.locks.stats).toMatchObject({ held: 0, waiting: 0, deadlocks: this.deadlocked.length })
  }
}

const owner = fc.nat(OWNER_COUNT - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('acquire' as const),
      owner,
      key: fc.constantFrom('a', 'b'),
      // Weak modes more often: they let others in, and upgrades meet.
      mode: fc.constantFrom<LockModeName>('IS', 'IS', 'IX', 'IX', 'S', 'S', 'SIX', 'X'),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('acquire' as const),
      owner,
      key: fc.constantFrom('c', 'd'),
      mode: fc.constantFrom<LockModeName>('gapS', 'gapS', 'gapI', 'gapI', 'S', 'X', ...MODES.key),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('escalate' as const),
      owner,
      key: fc.constantFrom('a', 'b'),
      mode: fc.constantFrom('S', 'X'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('overwrite' as const), owner, key: fc.constantFrom('c', 'd') }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('yield' as const), owner }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const), owner }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cancel' as const), owner }) },
)

test(
  'grants never conflict, waits have a reason, no cycle stays, nobody is forgotten',
  async () => {
    let deadlocks = 0
    let escalations = 0
    let overwritten = 0
    const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 100, size: 'max' }), async (steps) => {
      const shadow = new Shadow()
      for (const each of steps) await shadow.run(each)
      await shadow.finish()
      deadlocks += shadow.deadlocked.length
      escalations += shadow.escalations
      overwritten += shadow.overwritten
    })
    await checkProperty(property, { numRuns: runsOf(RUN_COUNT) }, ([steps]) => JSON.stringify(steps))
    // The runs are worth nothing if they do not collide.
    expect(deadlocks).toBeGreaterThan(RUN_COUNT / 4)
    expect(escalations).toBeGreaterThan(RUN_COUNT / 4)
    expect(overwritten).toBeGreaterThan(RUN_COUNT / 4)
  },
  TIMEOUT_MS,
)
