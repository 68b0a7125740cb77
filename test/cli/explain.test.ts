/** `aries explain`: the steps of a restart, with the tables after each and the reasons. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { asLsn, asTxnId } from '../../src/common/ids.ts'
import {
  type Database,
  describeEvent,
  open,
  type SkipReason,
  type TracedDirtyPage,
  type TracedTransaction,
  type TraceEvent,
  type UndoPassReason,
} from '../../src/index.ts'
import type { ShownRecord } from '../../src/inspect/record-text.ts'
import { fingerprint, flipByte, leaveUnfinished, linesOf, makeDatabase, TEXT } from './databases.ts'
import { runCli } from './run-cli.ts'

type Step = TraceEvent & {
  readonly phase: string
  readonly text: string
  readonly record?: ShownRecord
  readonly att?: TracedTransaction[]
  readonly dpt?: TracedDirtyPage[]
}

/** A winner, then a checkpoint, a loser that has rolled back in part, an aborted and a prepared transaction. */
async function fill(database: Database): Promise<void> {
  const fruit = database.table('fruit', TEXT)
  await database.transaction(async (tx) => {
    for (let i = 0; i < 100; i++) await tx.put(fruit, `row ${i}`, 'v'.repeat(100))
  })
  await leaveUnfinished(database, async () => {
    await database.checkpoint()
    await database.table('vegetables', TEXT).put('leek', 'green')
  })
}

const make = (): Promise<string> => makeDatabase('killed', fill, { pageSize: 4096 })

async function stepsOf(directory: string, ...args: string[]): Promise<Step[]> {
  const { code, stdout, stderr } = await runCli('explain', directory, '--json', ...args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return linesOf<Step>(stdout)
}

const ofKind = <K extends Step['kind']>(steps: readonly Step[], kind: K): Extract<Step, { kind: K }>[] =>
  steps.filter((step): step is Extract<Step, { kind: K }> => step.kind === kind)

test('every step, each with its record and a sentence; nothing is written', async () => {
  const directory = await make()
  const before = fingerprint(directory)
  const steps = await stepsOf(directory)
  expect(fingerprint(directory)).toEqual(before)
  const log = linesOf<ShownRecord>((await runCli('log', directory, '--json')).stdout)
  const checkpoint = log.findLast(({ type }) => type === 'begin-checkpoint') as ShownRecord
  expect(ofKind(steps, 'analysed').map(({ record }) => record)).toEqual(log.filter(({ lsn }) => lsn >= checkpoint.lsn))
  for (const step of steps) expect(step.text).toMatch(/^[A-Z].* .*\.$/)
  expect(steps.map(({ phase }) => phase).filter((phase, i, all) => phase !== all[i - 1])).toEqual([
    'analysis',
    'redo',
    'undo',
  ])
})

test('the tables after the last record are those that analysis ends with', async () => {
  const steps = await stepsOf(await make())
  const last = ofKind(steps, 'analysed').at(-1)
  const [end] = ofKind(steps, 'analysis')
  const sorted = <T>(rows: readonly T[] | undefined): string[] => (rows ?? []).map((row) => JSON.stringify(row)).sort()
  expect(sorted(last?.att)).toEqual(sorted(end?.transactions))
  expect(sorted(last?.dpt)).toEqual(sorted(end?.dirtyPages))
  expect(end?.transactions.map(({ status }) => status).sort()).toEqual(['prepared', 'running'])
})

test('what it tells of redo and undo is what a restart reports', async () => {
  const directory = await make()
  const steps = await stepsOf(directory)
  await using database = await open(directory)
  const { redo, undo } = database.recovery
  expect(ofKind(steps, 'redone')).toHaveLength(redo.redone)
  for (const [reason, count] of Object.entries(redo.skipped)) {
    expect(ofKind(steps, 'redo-skipped').filter((step) => step.reason === reason)).toHaveLength(count)
  }
  expect(ofKind(steps, 'undone')).toHaveLength(undo.clrs)
  const undoSteps = steps.filter(({ phase }) => phase === 'undo').map(({ kind, record }) => [kind, record?.description])
  expect(undoSteps).toEqual([
    ['undone', expect.stringMatching(/^insert .* key 'lime'$/)],
    ['undo-passed', expect.stringMatching(/^remove slot/)],
    ['undone', expect.stringMatching(/^insert .* key 'kiwi'$/)],
    ['rolled-back', undefined],
    ['in-doubt', "in doubt from here on, as 'transfer 1'"],
  ])
})

test('filters by pass, transaction and page', async () => {
  const directory = await make()
  const all = await stepsOf(directory)
  expect(await stepsOf(directory, '--phase', 'undo')).toEqual(all.filter(({ phase }) => phase === 'undo'))
  const loser = ofKind(all, 'rolled-back')[0]?.txnId as number
  const ofLoser = await stepsOf(directory, '--txn', String(loser), '--phase', 'undo')
  expect(ofLoser.map(({ kind }) => kind)).toEqual(['undone', 'undo-passed', 'undone', 'rolled-back'])
  const ofCatalog = await stepsOf(directory, '--page', '2', '--phase', 'redo')
  expect(ofCatalog.length).toBeGreaterThan(0)
  expect(ofCatalog.every(({ record }) => record?.page === 2)).toBe(true)
})

test('as text: the passes, the tables, the reasons', async () => {
  const { code, stdout } = await runCli('explain', await make())
  expect(code).toBe(0)
  expect(stdout).toMatch(/^ANALYSIS\n +\d+ {2}begin-checkpoint\n/)
  expect(stdout).toMatch(/ {11}ATT {2}T\d+ running last \d+ undoNext \d+\n/)
  expect(stdout).toMatch(/ {11}DPT {2}P\d+ since \d+/)
  expect(stdout).toMatch(/\n\nREDO\nRedo begins at LSN \d+, the oldest recLSN of the dirty page table\.\n/)
  expect(stdout).toMatch(/LSN \d+ is redone: page \d+ has pageLSN \d+, so the change is not on it\.\n/)
  expect(stdout).toMatch(/\n\nUNDO\n/)
  expect(stdout).toMatch(/1 loser undone with 2 CLRs, 1 transaction in doubt/)
})

test('the help has every reason, by the number that steps have', async () => {
  const { stdout } = await runCli('explain', '--help')
  const [redo, undo] = stdout.slice(stdout.indexOf('Redo passes over')).split('and undo because')
  const skips: Record<SkipReason, true> = {
    'not-redoable': true,
    'not-in-dpt': true,
    'lsn<recLsn': true,
    'pageLsn>=lsn': true,
    'page-damaged': true,
  }
  const passes: Record<UndoPassReason, true> = {
    clr: true,
    'redo-only': true,
    'not-undoable': true,
    'nothing-left': true,
  }
  const numbersIn = (text: string | undefined): string[] => text?.match(/\(\d\)/g) ?? []
  const lsn = asLsn(1000)
  expect(numbersIn(redo)).toEqual(
    (Object.keys(skips) as SkipReason[]).flatMap((reason) =>
      numbersIn(describeEvent({ kind: 'redo-skipped', lsn, reason, pageId: undefined, recLsn: lsn, pageLsn: lsn })),
    ),
  )
  expect(numbersIn(undo)).toEqual(
    (Object.keys(passes) as UndoPassReason[]).flatMap((reason) =>
      numbersIn(describeEvent({ kind: 'undo-passed', lsn, txnId: asTxnId(1), reason, nextLsn: lsn })),
    ),
  )
})

test('a database that was closed cleanly has nothing to explain', async () => {
  const directory = await makeDatabase('closed', async (database) => database.table('a', TEXT).put('k', 'v'))
  const { code, stdout } = await runCli('explain', directory)
  expect(code).toBe(0)
  expect(stdout).toMatch(/closed cleanly: there was nothing to redo and nothing to undo\n$/)
})

test('damage ends it with what was told so far and 1', async () => {
  const directory = await make()
  const log = linesOf<ShownRecord>((await runCli('log', directory, '--json')).stdout)
  const checkpoint = log.findLastIndex(({ type }) => type === 'begin-checkpoint')
  const victim = log[checkpoint + 1] as ShownRecord
  flipByte(join(directory, 'log-000000000000'), victim.lsn + 20)
  const { code, stdout } = await runCli('explain', directory, '--json')
  const steps = linesOf<{ kind: string; lsn?: number; code?: string }>(stdout)
  expect(code).toBe(1)
  expect(steps.map(({ kind }) => kind)).toEqual(['analysed', 'damage'])
  expect(steps.at(-1)?.code).toBe('LOG_CORRUPT')
})

test('every reason has its number and its sentence', () => {
  const skipped = (reason: Extract<TraceEvent, { kind: 'redo-skipped' }>['reason']): string =>
    describeEvent({ kind: 'redo-skipped', lsn: 8, reason, pageId: 3, recLsn: 16, pageLsn: 24 } as unknown as TraceEvent)
  expect(skipped('not-redoable')).toBe('LSN 8 is not redone: (1) it changes no page.')
  expect(skipped('not-in-dpt')).toBe(
    'LSN 8 is not redone: (2) page 3 is not in the dirty page table, so the change was on disk.',
  )
  expect(skipped('lsn<recLsn')).toBe('LSN 8 is not redone: (3) page 3 became dirty only at LSN 16.')
  expect(skipped('pageLsn>=lsn')).toBe('LSN 8 is not redone: (4) page 3 has pageLSN 24, so the change is on it.')
  expect(skipped('page-damaged')).toBe('LSN 8 is not redone: (5) page 3 cannot be read and stays set apart.')
})
