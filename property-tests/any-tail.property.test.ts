/**
 * The log may end at any record. Clients take turns on rows that share leaves, with splits, merges, long
 * values, dropped tables and rollbacks, and what they do reaches the disk up to one record or another:
 * in the middle of a structure change, between the steps of giving pages back, before the END.
 *
 * Wherever it ends, what had a COMMIT before that place is there, nothing else is, and the trees, the free
 * pages and the log are sound (I8, I16, I18, I22, I23, I32).
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { TreeOperation } from '../src/btree/btree-log.ts'
import { AriesError } from '../src/common/errors.ts'
import type { Transaction } from '../src/database/transaction.ts'
import type { SimulatedFileSystem } from '../src/io/simulated-file-system.ts'
import { type LogRecordView, RecordType } from '../src/log/log-record.ts'
import { ResourceId } from '../src/log/resource-manager.ts'
import { pendingLsnOf } from '../src/recovery/analysis.ts'
import { contentOf, keyOf } from './commands/script.ts'
import {
  idle,
  type Lab,
  newDisk,
  openLab,
  problemsAfterRestart,
  problemsOfRestartingAgain,
  readAll,
  tableOf,
} from './lab.ts'
import { cutLogAt } from './log-cut.ts'
import { readLog } from './log-scan.ts'
import { type Content, type Effect, Model } from './model.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const RUNS = 100
/** Ends of the log that are tried in each run. */
const CUTS = 10
const CLIENTS = 3
/** Rows of each client in the table that all share. */
const ROWS = 24
const SHARED = 'shared'
/** So many pages that a chain of them is given back in several steps. */
const CHAIN_OF_STEPS_BYTES = 270_000
/** Kinds of records before which the log is made to end as often as anywhere. */
const TURNING_POINTS: readonly ((record: LogRecordView) => boolean)[] = [
  // A structure change that lacks only its last step.
  ({ type, resource, operation }) =>
    type === RecordType.CLR &&
    resource === ResourceId.BTREE &&
    (operation === TreeOperation.TRUNCATE || operation === TreeOperation.FORMAT),
  ({ type }) => type === RecordType.PENDING_DONE,
  ({ type }) => type === RecordType.COMMIT || type === RecordType.END,
  () => true,
]

type Write =
  | {
      readonly do: 'put'
      readonly own: boolean
      readonly from: number
      readonly count: number
      readonly bytes: number
    }
  | { readonly do: 'delete'; readonly own: boolean; readonly from: number; readonly count: number }
  | { readonly do: 'drop' }
type Step = { readonly by: number } & (
  | { readonly do: 'write' | 'undone'; readonly writes: readonly Write[] }
  | { readonly do: 'commit' | 'abort' }
)

const own = fc.constantFrom(false, false, false, true)
const from = fc.nat(ROWS - 1)
const write: fc.Arbitrary<Write> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      own,
      from,
      count: fc.integer({ min: 1, max: 8 }),
      bytes: fc.oneof(fc.nat(60), fc.integer({ min: 200, max: 1200 })),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('put' as const),
      own,
      from,
      count: fc.constant(1),
      bytes: fc.oneof(
        { weight: 12, arbitrary: fc.integer({ min: 3000, max: 12_000 }) },
        { weight: 1, arbitrary: fc.constant(CHAIN_OF_STEPS_BYTES) },
      ),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('delete' as const), own, from, count: fc.integer({ min: 1, max: ROWS }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('drop' as const) }) },
)
const writes = fc.array(write, { minLength: 1, maxLength: 3 })
const by = fc.nat(CLIENTS - 1)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), by, writes }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('undone' as const), by, writes }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('commit', 'commit', 'commit', 'abort'), by }) },
)
const anySteps = fc.array(step, { minLength: 2, maxLength: 16, size: 'max' })

/**
 * One transaction makes its rows small and stays open, another takes the room and commits, a third gives
 * pages back: the first one's undo, which puts the old rows back, needs pages while those are being freed.
 */
const undoNeedsPages: fc.Arbitrary<Step[]> = fc
  .tuple(fc.shuffledSubarray([0, 1, 2], { minLength: 3 }), fc.nat(ROWS - 8), fc.array(write, { maxLength: 2 }))
  .map(([[small, large, freeing], from, more]) => [
    { by: small as number, do: 'write', writes: [{ do: 'put', own: false, from, count: 8, bytes: 8 }] },
    { by: large as number, do: 'write', writes: [{ do: 'put', own: false, from, count: 8, bytes: 900 }, ...more] },
    { by: large as number, do: 'commit' },
    { by: freeing as number, do: 'write', writes: [{ do: 'delete', own: false, from: 3, count: 1 }, ...more] },
    { by: freeing as number, do: 'commit' },
  ])

const little = fc.record({
  do: fc.constant('put' as const),
  own: fc.constant(false),
  from,
  count: fc.constant(1),
  bytes: fc.nat(60),
})
const much = fc.record({
  do: fc.constant('put' as const),
  own: fc.constant(false),
  from: fc.constant(0),
  count: fc.integer({ min: 4, max: ROWS }),
  bytes: fc.integer({ min: 1100, max: 1900 }),
})
/** So much is logged that a rollback meets its records in older segments, and in what the reader has kept of them. */
const longSteps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant('write' as const), by, writes: fc.tuple(little) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('write', 'undone'), by, writes: fc.tuple(much) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('commit', 'abort', 'abort'), by }) },
  ),
  { minLength: 10, maxLength: 30, size: 'max' },
)

/** A chain of so many pages is given up that giving it back takes several steps, with other work before and behind. */
const longChainGivenUp: fc.Arbitrary<Step[]> = fc
  .tuple(by, fc.boolean(), fc.array(step, { maxLength: 4 }))
  .map(([by, isDeleted, more]): Step[] => {
    const put = { do: 'put', own: true, from: 0, count: 1 } as const
    const givenUp = isDeleted ? ({ do: 'delete', own: true, from: 0, count: 1 } as const) : { ...put, bytes: 8 }
    return [
      { by, do: 'write', writes: [{ ...put, bytes: CHAIN_OF_STEPS_BYTES }] },
      { by, do: 'commit' },
      { by, do: 'write', writes: [givenUp] },
      { by, do: 'commit' },
      ...more,
    ]
  })

const steps: fc.Arbitrary<Step[]> = fc.oneof(
  { weight: 1, arbitrary: longChainGivenUp },
  { weight: 3, arbitrary: anySteps },
  { weight: 3, arbitrary: longSteps },
  { weight: 1, arbitrary: undoNeedsPages },
)

/** A client with rows and a table of its own, so that none ever waits for another. */
class Client {
  #tx: Transaction | undefined
  #effects: Effect[] = []
  readonly #lab: Lab
  readonly #number: number
  #serial = 0

  constructor(lab: Lab, number: number) {
    this.#lab = lab
    this.#number = number
  }

  /** Takes a step; returns the number of the transaction if that committed something. */
  async take(step: Step, model: Model): Promise<number | undefined> {
    this.#tx ??= this.#lab.db.begin()
    const tx = this.#tx
    if (step.do === 'write') {
      for (const each of step.writes) await this.#write(tx, each)
    } else if (step.do === 'undone') {
      const savepoint = await tx.savepoint()
      const { length } = this.#effects
      for (const each of step.writes) await this.#write(tx, each)
      await tx.rollbackTo(savepoint)
      this.#effects.length = length
    } else {
      const effects = this.#effects
      this.#tx = undefined
      this.#effects = []
      if (step.do === 'abort') await tx.abort()
      else {
        await tx.commit({ durability: 'none' })
        if (effects.length > 0) model.commit(effects, 'none')
        return effects.length > 0 ? tx.id : undefined
      }
    }
    return undefined
  }

  async #write(tx: Transaction, each: Write): Promise<void> {
    const own = `own ${this.#number}`
    if (each.do === 'drop') {
      if (await this.#drops(tx, own)) this.#effects.push({ kind: 'drop', table: own })
      return
    }
    const table = each.own ? own : SHARED
    const handle = tableOf(this.#lab.db, table)
    for (let i = 0; i < each.count; i++) {
      const key = keyOf(0, ((each.from + i) % ROWS) * CLIENTS + this.#number)
      if (each.do === 'put') {
        const value = contentOf(++this.#serial * CLIENTS + this.#number, each.bytes)
        await tx.put(handle, key, value)
        this.#effects.push({ kind: 'put', table, key, value })
      } else if (await tx.delete(handle, key)) this.#effects.push({ kind: 'delete', table, key })
    }
  }

  async #drops(tx: Transaction, table: string): Promise<boolean> {
    try {
      await tx.dropTable(tableOf(this.#lab.db, table))
      return true
    } catch (error) {
      if (AriesError.is(error) && error.code === 'TABLE_NOT_FOUND') return false
      throw error
    }
  }
}

let filledDisk: Promise<SimulatedFileSystem> | undefined

/** A database with rows, tables and long values to work on, closed; made once. */
async function fill(): Promise<SimulatedFileSystem> {
  const disk = await newDisk()
  const lab = await openLab(disk, { frames: 256 })
  const model = new Model()
  for (let number = 0; number < CLIENTS; number++) {
    const client = new Client(lab, number)
    const puts = [true, false].flatMap((own): Write[] => [
      { do: 'put', own, from: 0, count: own ? 6 : ROWS, bytes: 500 },
      { do: 'put', own, from: 3, count: 1, bytes: 9000 },
    ])
    await client.take({ do: 'write', by: number, writes: puts }, model)
    await client.take({ do: 'commit', by: number }, model)
  }
  await lab.db.close()
  return disk
}

/** A model that begins with what is there. */
function modelOf(content: Content): Model {
  const model = new Model()
  const puts = [...content].flatMap(([table, rows]) =>
    [...rows].map(([key, value]): Effect => ({ kind: 'put', table, key, value })),
  )
  model.commit(puts, 'full')
  model.recovered(content, 1)
  return model
}

/** What was done, as far as the process got it out before it died. */
interface Written {
  readonly disk: SimulatedFileSystem
  readonly model: Model
  /** The transactions that committed something. */
  readonly committed: ReadonlySet<number>
  /** The records that need not have reached the disk. */
  readonly tail: readonly LogRecordView[]
  readonly endLsn: number
}

async function run(list: readonly Step[]): Promise<Written> {
  filledDisk ??= fill()
  const disk = (await filledDisk).crash({ mode: 'none' })
  const lab = await openLab(disk, { frames: 256, checkpointBytes: 1 << 24 })
  const model = modelOf(await readAll(lab.db))
  const clients = Array.from({ length: CLIENTS }, (_, number) => new Client(lab, number))
  const committed = new Set<number>()
  for (const each of list) {
    const txnId = await (clients[each.by] as Client).take(each, model)
    if (txnId !== undefined) committed.add(txnId)
    await idle()
  }
  const { log } = lab.managers
  log.writeOut()
  const image = disk.crash({ mode: 'kill' })
  disk.crashAfter(1)
  const tail = readLog(image).filter(({ lsn }) => lsn >= log.flushedLsn)
  return { disk: image, model, committed, tail, endLsn: log.nextLsn }
}

/** Where the log is made to end: before records that `draws` choose, of one kind after the other. */
function cutsOf(tail: readonly LogRecordView[], draws: readonly number[]): number[] {
  const kinds = TURNING_POINTS.map((isOfKind) => tail.filter(isOfKind)).filter((records) => records.length > 0)
  const chosen = draws.map((draw, i) => {
    const records = kinds[i % kinds.length] as LogRecordView[]
    return (records[draw % records.length] as LogRecordView).lsn
  })
  return [...new Set(chosen)]
}

async function problemsOfEnding(written: Written, lsn: number): Promise<string[]> {
  const { model, committed, tail, endLsn } = written
  const disk = written.disk.crash({ mode: 'kill' })
  cutLogAt(disk, lsn, endLsn)
  const options = { deferRedo: lsn % 16 === 0 }
  const lab = await openLab(disk, options)
  const problems = [...problemsAfterRestart(lab, disk), ...(await problemsOfRestartingAgain(disk, options))]
  const lost = tail.filter(
    (record) => record.lsn >= lsn && record.type === RecordType.COMMIT && committed.has(record.txnId),
  )
  const there = model.commits.length - lost.length
  const wrong = model.problemOf(await readAll(lab.db), there, there)
  if (wrong !== undefined) problems.push(wrong)
  disk.crashAfter(1)
  return [...problems, ...actionsDoneTwice(disk)]
}

/** What a transaction left for after its commit is carried out once, in this life or in a later one (I32). */
function actionsDoneTwice(disk: SimulatedFileSystem): string[] {
  const done = readLog(disk).flatMap((record) => (record.type === RecordType.PENDING_DONE ? pendingLsnOf(record) : []))
  return done.filter((lsn, i) => done.indexOf(lsn) !== i).map((lsn) => `the action of ${lsn} is done twice (I32)`)
}

describe('a log that ends at any record', () => {
  test(
    'gives what had committed before that, and a sound database',
    async () => {
      const draws = fc.array(fc.nat(1_000_000), { minLength: CUTS, maxLength: CUTS })
      const property = fc.asyncProperty(steps, draws, async (list, drawn) => {
        const written = await run(list)
        if (written.tail.length === 0) return
        for (const lsn of cutsOf(written.tail, drawn)) {
          expect(await problemsOfEnding(written, lsn), `the log ends at ${lsn}`).toEqual([])
        }
      })
      const printed = ([list, drawn]: [Step[], number[]]): string =>
        [...list.map((each) => JSON.stringify(each)), drawn.join()].join('\n')
      await checkProperty(property, { numRuns: runsOf(RUNS) }, printed)
    },
    TIMEOUT_MS,
  )
})
