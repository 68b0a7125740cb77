/**
 * Sessions of the explorer: random work on the real engine, crashes at any step of it and of restarts, with any
 * of what was not synced surviving, torn writes too, and restarts to any depth. In the end the table has what was
 * committed and nothing else; the same actions give the same steps; and a crash at a step leaves the steps before
 * it as they were.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { runActions } from '../docs/explorer/src/session/index.ts'
import type { Action, Session, SurvivingWrite, Survivors } from '../docs/explorer/src/session/types.ts'
import { contentOf, restart, TABLE } from '../test/explorer/actions.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const RUNS = 60
const TRANSACTIONS = ['T1', 'T2', 'T3']
const KEYS = ['a', 'b', 'c']
/** The first pages are fixed; from 3 on they are those of the table. */
const PAGES = { min: 1, max: 6 }

/** What might be done next; which of it makes sense, the session decides. */
type Wish = (state: Wishing) => Action | undefined

/** As much of a session as is needed to wish for what can be done. */
interface Wishing {
  readonly open: Map<string, Set<string>>
  isCrashed: boolean
}

const write: fc.Arbitrary<SurvivingWrite> = fc.record({
  index: fc.nat(5),
  parts: fc.option(fc.uniqueArray(fc.nat(10), { minLength: 1, maxLength: 4 }), { nil: undefined }),
})
const survivors: fc.Arbitrary<Survivors> = fc.oneof(
  fc.constantFrom('none' as const, 'all' as const, 'kill' as const),
  fc.uniqueArray(write, { maxLength: 4, selector: ({ index }) => index }),
)

const always =
  (action: Action): Wish =>
  () =>
    action

const ofOpen = (draw: number, make: (txn: string, savepoints: Set<string>) => Action): Wish => {
  return ({ open }) => {
    const all = [...open]
    const found = all[draw % Math.max(1, all.length)]
    return found === undefined ? undefined : make(...found)
  }
}

/** Every transaction has keys of its own: nobody waits. */
const keyOf = (txn: string, key: string): string => `${key} of ${txn}`

const wish: fc.Arbitrary<Wish> = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...TRANSACTIONS).map(wishToBegin) },
  {
    weight: 8,
    arbitrary: fc
      .tuple(fc.nat(9), fc.constantFrom(...KEYS), fc.nat(99))
      .map(([draw, key, value]) =>
        ofOpen(draw, (txn) => ({ kind: 'put', txn, table: TABLE, key: keyOf(txn, key), value: String(value) })),
      ),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.nat(9), fc.constantFrom(...KEYS))
      .map(([draw, key]) => ofOpen(draw, (txn) => ({ kind: 'delete', txn, table: TABLE, key: keyOf(txn, key) }))),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 12 })).map(([draw, count]) => wishToFill(draw, count)),
  },
  { weight: 4, arbitrary: fc.nat(9).map((draw) => wishToEnd('commit', draw)) },
  { weight: 1, arbitrary: fc.nat(9).map((draw) => wishToEnd('abort', draw)) },
  {
    weight: 2,
    arbitrary: fc.nat(9).map((draw) =>
      ofOpen(draw, (txn, savepoints) => {
        savepoints.add('s')
        return { kind: 'savepoint', txn, name: 's' }
      }),
    ),
  },
  { weight: 2, arbitrary: fc.nat(9).map(wishToRollBackTo) },
  { weight: 3, arbitrary: fc.integer(PAGES).map((pageId) => always({ kind: 'flushPage', pageId })) },
  { weight: 1, arbitrary: fc.constant(always({ kind: 'flushLog' })) },
  { weight: 1, arbitrary: fc.constant(always({ kind: 'checkpoint' })) },
  {
    weight: 4,
    arbitrary: fc.record({ survivors, after: fc.option(fc.nat(40), { nil: undefined }) }).map(wishToCrash),
  },
)

function wishToBegin(txn: string): Wish {
  return ({ open }) => {
    if (open.has(txn)) return undefined
    open.set(txn, new Set())
    return { kind: 'begin', txn }
  }
}

/** Rows whose keys belong to whoever fills: T1 has those from 0 on, T2 from 100 on. */
function wishToFill(draw: number, count: number): Wish {
  return ({ open }) => {
    const txn = TRANSACTIONS[draw] as string
    return open.has(txn) ? { kind: 'fill', txn, table: TABLE, from: draw * 100, count } : undefined
  }
}

function wishToEnd(kind: 'commit' | 'abort', draw: number): Wish {
  return (state) => {
    const action = ofOpen(draw, (txn) => ({ kind, txn }))(state)
    if (action !== undefined && 'txn' in action) state.open.delete(action.txn)
    return action
  }
}

function wishToRollBackTo(draw: number): Wish {
  return ({ open }) => {
    const having = [...open].filter(([, savepoints]) => savepoints.size > 0)
    const txn = having[draw % Math.max(1, having.length)]?.[0]
    return txn === undefined ? undefined : { kind: 'rollbackTo', txn, name: 's' }
  }
}

function wishToCrash({ survivors: left, after }: { survivors: Survivors; after: number | undefined }): Wish {
  return (state) => {
    state.isCrashed = true
    state.open.clear()
    return after === undefined ? { kind: 'crash', survivors: left } : { kind: 'crash', survivors: left, after }
  }
}

/** After a crash there is a restart, in which the next crash may strike; in the end the database is open. */
function actionsOf(wishes: readonly Wish[]): Action[] {
  const state: Wishing = { open: new Map(), isCrashed: false }
  const actions: Action[] = []
  for (const next of wishes) {
    if (state.isCrashed) {
      actions.push(restart)
      state.isCrashed = false
    }
    const action = next(state)
    if (action !== undefined) actions.push(action)
  }
  return [...actions, { kind: 'crash', survivors: 'none' }, restart]
}

type Rows = ReadonlyMap<string, string>

/** What the table may hold in the end: of a commit that a crash cut off, either is right. */
function contentsAfter({ actions, steps }: Session): Rows[] {
  let committed: Rows[] = [new Map()]
  const open = new Map<
    string,
    { changes: Map<string, string | undefined>; savepoint: Map<string, string | undefined> }
  >()
  for (const [index, action] of actions.entries()) {
    if (action.kind === 'begin') open.set(action.txn, { changes: new Map(), savepoint: new Map() })
    if (action.kind === 'crash') open.clear()
    const mine = 'txn' in action ? open.get(action.txn) : undefined
    if (mine === undefined || !('txn' in action)) continue
    if (action.kind === 'put') mine.changes.set(action.key, action.value)
    if (action.kind === 'delete') mine.changes.set(action.key, undefined)
    if (action.kind === 'fill') for (const [key, value] of filledRows(action)) mine.changes.set(key, value)
    if (action.kind === 'savepoint') mine.savepoint = new Map(mine.changes)
    if (action.kind === 'rollbackTo') mine.changes = new Map(mine.savepoint)
    if (action.kind === 'abort') open.delete(action.txn)
    if (action.kind !== 'commit') continue
    open.delete(action.txn)
    const after = committed.map((rows) => withChanges(rows, mine.changes))
    const isAcknowledged = steps.some(
      ({ actionIndex, title }) => actionIndex === index && title.endsWith('has committed'),
    )
    committed = isAcknowledged ? after : [...committed, ...after]
  }
  return committed
}

function withChanges(rows: Rows, changes: ReadonlyMap<string, string | undefined>): Rows {
  const after = new Map(rows)
  for (const [key, value] of changes) {
    if (value === undefined) after.delete(key)
    else after.set(key, value)
  }
  return after
}

/** Of the values the page shows how they begin, and how long they are. */
function filledRows({ from, count }: { from: number; count: number }): [string, string][] {
  return Array.from({ length: count }, (_, i) => {
    const key = String(from + i).padStart(3, '0')
    return [key, `${`row ${key} `.padEnd(32, '.')}... (400 bytes)`]
  })
}

test(
  'whatever is done and wherever it crashes, what was committed is there, and nothing else',
  async () => {
    const property = fc.asyncProperty(fc.array(wish, { minLength: 4, maxLength: 24 }), async (wishes) => {
      const actions = actionsOf(wishes)
      const session = await runActions(actions)
      expect(session.error).toBeUndefined()
      const last = session.steps.at(-1)?.state
      expect(last).toMatchObject({ phase: 'running', transactions: [], open: [] })
      const found = last === undefined ? {} : contentOf(last)
      expect(contentsAfter(session).map((rows) => Object.fromEntries(rows))).toContainEqual(found)
      expect(session.steps.some(({ kind, title }) => kind === 'failed' || title === 'restart fails')).toBe(false)
      expect(await runActions(actions)).toEqual(session)
    })
    await checkProperty(property, { numRuns: runsOf(RUNS) }, ([wishes]) => JSON.stringify(actionsOf(wishes)))
  },
  TIMEOUT_MS,
)
