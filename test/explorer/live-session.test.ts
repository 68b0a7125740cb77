/** Live sessions of the explorer: the real engine, driven by actions and looked at after each step. */
import { describe, expect, test, vi } from 'vitest'
import { actAt, runActions } from '../../docs/explorer/src/session/index.ts'
import type { Action, EngineState, Session, Step } from '../../docs/explorer/src/session/types.ts'
import { begin, commit, contentOf, crash, put, restart, TABLE } from './actions.ts'

const lastOf = ({ steps }: Session): Step => steps.at(-1) as Step
const stateOf = (session: Session): EngineState => lastOf(session).state
const stepsOf = ({ steps }: Session, actionIndex: number): Step[] =>
  steps.filter((step) => step.actionIndex === actionIndex)
const kindsOf = (session: Session, actionIndex: number): string[] =>
  stepsOf(session, actionIndex).map(({ kind }) => kind)

const WINNER_AND_LOSER: readonly Action[] = [
  begin('T1'),
  put('T1', 'alice', '100'),
  begin('T2'),
  put('T2', 'bob', '50'),
  commit('T1'),
  crash('none'),
  restart,
]

describe('a session', () => {
  test('the same actions give the same steps', async () => {
    const [one, two] = [await runActions(WINNER_AND_LOSER), await runActions(WINNER_AND_LOSER)]
    expect(two).toEqual(one)
    expect(one.error).toBeUndefined()
  })

  test('begins with an empty table that is on disk', async () => {
    const { steps } = await runActions([])
    expect(steps).toHaveLength(1)
    const { state } = steps[0] as Step
    expect(state).toMatchObject({ phase: 'running', transactions: [], dirtyPages: [], open: [] })
    expect(state.trees.map(({ table }) => table)).toEqual(['accounts'])
    expect(state.log.map(({ type }) => type)).toEqual(['begin-checkpoint', 'end-checkpoint'])
    expect(state.log.every(({ isFlushed }) => isFlushed)).toBe(true)
  })

  test('what a winner did is there after a restart, what a loser did is not', async () => {
    const session = await runActions(WINNER_AND_LOSER)
    expect(contentOf(stateOf(session))).toEqual({ alice: '100' })
    expect(stateOf(session)).toMatchObject({ phase: 'running', transactions: [], open: [] })
    const [found] = session.restarts
    expect(found?.transactions.map(({ name, status }) => [name, status])).toEqual([
      ['T1', 'committing'],
      ['T2', 'running'],
    ])
    expect(found?.dirtyPages.map(({ page }) => page)).toEqual(['P3'])
    const undone = stepsOf(session, 6).find(({ kind }) => kind === 'undone')
    expect(undone?.reference).toBe('ARIES (Mohan et al. 1992), section 6.3')
    const clr = stateOf(session).log.find(({ type }) => type === 'clr')
    const update = stateOf(session).log.find(({ txn, type }) => txn === 'T2' && type === 'update')
    expect(clr).toMatchObject({ undoes: update?.lsn, undoNextLsn: undefined, txn: 'T2' })
  })

  test('runs without anything of Node', async () => {
    vi.stubGlobal('Buffer', undefined)
    vi.stubGlobal('setImmediate', undefined)
    try {
      const session = await runActions(WINNER_AND_LOSER)
      expect(contentOf(stateOf(session))).toEqual({ alice: '100' })
    } finally {
      vi.unstubAllGlobals()
    }
  })

  test('an action that cannot be carried out ends it, and says why', async () => {
    const session = await runActions([begin('T1'), put('T9', 'a', '1'), commit('T1')])
    expect(session.error).toEqual({ actionIndex: 1, message: 'there is no open transaction T9: begin it first' })
    expect(session.actions).toEqual([begin('T1')])
    const refused = await runActions([begin('T1'), { kind: 'createTable', txn: 'T1', table: 'accounts' }])
    expect(refused.error?.message).toContain('accounts')
    expect(lastOf(refused).actionIndex).toBe(0)
    expect((await runActions([restart])).error?.message).toContain('the database is open')
    expect((await runActions([crash('none'), begin('T1')])).error?.message).toContain('restart it first')
  })
})

describe('steps', () => {
  test('a record, the page that it makes dirty, and what has changed', async () => {
    const session = await runActions([begin('T1'), put('T1', 'alice', '100')])
    const [step] = stepsOf(session, 1)
    expect(step).toMatchObject({ kind: 'appended', reference: 'ARIES (Mohan et al. 1992), section 5.1' })
    expect(step?.sentence).toContain('insert alice = 100 in accounts')
    expect(step?.sentence).toContain(`recLSN is ${step?.lsn}`)
    expect(step?.changed).toEqual({ log: [step?.lsn], transactions: [3], dirtyPages: [3], pool: [3], disk: [] })
    expect(step?.state.transactions).toEqual([
      { txnId: 3, name: 'T1', status: 'running', lastLsn: step?.lsn, undoNextLsn: step?.lsn },
    ])
    expect(step?.state.pool.find(({ page }) => page === 'P3')).toMatchObject({
      label: 'root of accounts',
      pageLsn: step?.lsn,
      rows: [{ key: 'alice', value: '100', note: 'T1' }],
      isDirty: true,
    })
    expect(step?.state.disk.find(({ page }) => page === 'P3')?.rows).toEqual([])
  })

  test('a commit is told of when its record is synced, and no earlier', async () => {
    const session = await runActions([begin('T1'), put('T1', 'alice', '100'), commit('T1')])
    expect(kindsOf(session, 2)).toEqual(['appended', 'write', 'sync', 'appended', 'done'])
    const [appended, write, sync] = stepsOf(session, 2)
    expect(appended?.state.flushedLsn).toBeLessThan(appended?.lsn as number)
    expect(write?.state.log.at(-1)?.isFlushed).toBe(false)
    expect(write?.pendingWrites).toMatchObject([{ index: 0, kind: 'write', parts: expect.any(Number) }])
    expect(sync?.state.log.at(-1)).toMatchObject({ type: 'commit', isFlushed: true })
    expect(sync?.pendingWrites).toEqual([])
  })

  test('a page goes out behind its log records, and through the double-write file', async () => {
    const session = await runActions([begin('T1'), put('T1', 'a', '1'), { kind: 'flushPage', pageId: 3 }])
    expect(stepsOf(session, 2).map(({ title }) => title)).toEqual([
      'write to the log',
      'sync of the log',
      'write to the double-write file',
      'sync of the double-write file',
      'write to the data file',
      'sync of the data file',
    ])
    const [, , , , written, synced] = stepsOf(session, 2)
    expect(written?.state.disk.find(({ page }) => page === 'P3')).toMatchObject({
      rows: [{ key: 'a', value: '1' }],
      isUnsynced: true,
    })
    expect(written?.state.dirtyPages.map(({ page }) => page)).toEqual(['P3'])
    expect(synced?.state.dirtyPages).toEqual([])
  })

  test('rows fill a page until it splits, as the tree shows', async () => {
    const session = await runActions([begin('T1'), { kind: 'fill', txn: 'T1', table: 'accounts', from: 1, count: 12 }])
    const { trees } = stateOf(session)
    const keys = Array.from({ length: 12 }, (_, i) => String(i + 1).padStart(3, '0'))
    expect(trees[0]?.root).toMatchObject({ page: 'P3', level: 1, keys: [expect.any(String)] })
    expect(trees[0]?.root.children).toHaveLength(2)
    expect(trees[0]?.root.children.flatMap((child) => child.keys)).toEqual(keys)
    expect(kindsOf(session, 1)).toContain('split')
    expect(session.steps.find(({ kind }) => kind === 'split')?.reference).toContain('section 9')
  })

  test('a savepoint is rolled back to, and no further', async () => {
    const session = await runActions([
      begin('T1'),
      put('T1', 'a', '1'),
      { kind: 'savepoint', txn: 'T1', name: 's' },
      put('T1', 'a', '2'),
      put('T1', 'b', '3'),
      { kind: 'rollbackTo', txn: 'T1', name: 's' },
      commit('T1'),
    ])
    expect(kindsOf(session, 5)).toEqual(['undone', 'undone'])
    expect(contentOf(stateOf(session))).toEqual({ a: '1' })
    expect(stepsOf(session, 5)[0]?.reference).toContain('section 5.2')
  })

  test('records say what they change', async () => {
    const session = await runActions([
      begin('T1'),
      put('T1', 'alice', '100'),
      put('T1', 'alice', '120'),
      { kind: 'delete', txn: 'T1', table: TABLE, key: 'alice' },
      { kind: 'createTable', txn: 'T1', table: 'more' },
      { kind: 'checkpoint' },
      { kind: 'abort', txn: 'T1' },
    ])
    const { log } = stateOf(session)
    const changes = log.filter(({ txn }) => txn === 'T1').map(({ lsn, text }) => text.replace(String(lsn), 'itself'))
    const [inserted, changed, deleted] = log.filter(({ txn, type }) => txn === 'T1' && type === 'update')
    expect(changes).toEqual([
      'insert alice = 100 in accounts',
      'change alice in accounts: "0" -> "2", from byte 1 on',
      'delete alice from accounts',
      'allocate page 4',
      'format (redo-only)',
      'create',
      'insert more = P4 in the catalog',
      'rollback begins',
      expect.stringContaining('remove slot'),
      expect.stringContaining('free page 4'),
      `unghost slot 0, undoes ${deleted?.lsn}`,
      `restore slot 0, undoes ${changed?.lsn}`,
      `remove slot 0, undoes ${inserted?.lsn}`,
      '',
    ])
    expect(log.find(({ type, lsn }) => type === 'end-checkpoint' && lsn > 960)?.text).toMatch(/^ATT {T1 running \d+}$/)
  })

  test('a checkpoint has both tables, and the master record names it', async () => {
    const session = await runActions([begin('T1'), put('T1', 'a', '1'), { kind: 'checkpoint' }])
    const { state } = lastOf(session)
    expect(lastOf(session).kind).toBe('checkpoint')
    expect(state.masterLsn).toBe(state.log.find(({ type, lsn }) => type === 'begin-checkpoint' && lsn > 960)?.lsn)
  })
})

describe('locks', () => {
  const WAITING: readonly Action[] = [begin('T1'), begin('T2'), put('T1', 'a', '1'), put('T2', 'a', '2')]

  test('who waits is shown waiting, and goes on when it can', async () => {
    const waiting = await runActions(WAITING)
    expect(waiting.error).toBeUndefined()
    expect(stateOf(waiting).open).toMatchObject([
      { txn: 'T1', isWaiting: false },
      { txn: 'T2', isWaiting: true },
    ])
    expect(stateOf(waiting).locks).toContainEqual({
      txnId: 4,
      txn: 'T2',
      mode: 'X',
      key: 'a of accounts',
      isWaiting: true,
    })
    const over = await runActions([...WAITING, commit('T1'), commit('T2')])
    expect(kindsOf(over, 4)).toContain('lock-granted')
    expect(contentOf(stateOf(over))).toEqual({ a: '2' })
  })

  test('who waits can do nothing but abort', async () => {
    const busy = await runActions([...WAITING, put('T2', 'b', '1')])
    expect(busy.error?.message).toContain('waits for a lock')
    const aborted = await runActions([...WAITING, { kind: 'abort', txn: 'T2' }, commit('T1')])
    expect(aborted.error).toBeUndefined()
    expect(contentOf(stateOf(aborted))).toEqual({ a: '1' })
  })

  test('a deadlock has a victim, which is rolled back', async () => {
    const session = await runActions([
      begin('T1'),
      begin('T2'),
      put('T1', 'a', '1'),
      put('T2', 'b', '2'),
      put('T1', 'b', '3'),
      put('T2', 'a', '4'),
      commit('T1'),
    ])
    expect(session.error).toBeUndefined()
    expect(kindsOf(session, 5)).toContain('deadlock')
    expect(contentOf(stateOf(session))).toEqual({ a: '1', b: '3' })
    expect(stateOf(session).open).toEqual([])
  })
})

describe('crashes', () => {
  const COMMIT = [begin('T1'), put('T1', 'alice', '100'), commit('T1')]
  /** The commit record is written and not synced. */
  const WRITTEN = 2

  test.each([
    ['none', {}],
    ['all', { alice: '100' }],
    ['kill', { alice: '100' }],
    [[{ index: 0 }], { alice: '100' }],
    [[{ index: 0, parts: [1] }], {}],
    [[], {}],
  ] as const)('between write and sync, with %j surviving', async (survivors, content) => {
    const session = await runActions([...COMMIT, { kind: 'crash', survivors, after: WRITTEN }, restart])
    expect(session.error).toBeUndefined()
    expect(contentOf(stateOf(session))).toEqual(content)
  })

  test('before an action has done anything', async () => {
    const session = await runActions([...COMMIT, { kind: 'crash', survivors: 'all', after: 0 }, restart])
    expect(stepsOf(session, 2)).toEqual([])
    expect(contentOf(stateOf(session))).toEqual({})
  })

  test('each restart ends where the database is open, or where the next crash strikes', async () => {
    const open = [...WINNER_AND_LOSER, begin('T3'), put('T3', 'carol', '1')]
    const whole = await runActions([...open, crash('none')])
    expect(whole.steps[whole.restarts[0]?.lastStep as number]?.kind).toBe('opened')
    const cut = await runActions([...WINNER_AND_LOSER, crash('none', 3), restart])
    expect(cut.restarts.map(({ crashStep, lastStep }) => lastStep - crashStep)).toEqual([3, expect.any(Number)])
    expect(cut.restarts[1]?.crashStep).toBe((cut.restarts[0]?.lastStep as number) + 1)
  })

  test('a torn page comes back from the double-write file', async () => {
    const actions = [...COMMIT, { kind: 'flushPage', pageId: 3 }] as const
    const whole = await runActions(actions)
    const write = stepsOf(whole, 3).findIndex(({ title }) => title === 'write to the data file') + 1
    const torn: Action = { kind: 'crash', survivors: [{ index: 0, parts: [0] }], after: write }
    const crashed = await runActions([...actions, torn])
    expect(stateOf(crashed).disk.find(({ page }) => page === 'P3')).toMatchObject({ isDamaged: true })
    const session = await runActions([...actions, torn, restart])
    expect(session.steps.find(({ kind }) => kind === 'made-durable')?.sentence).toContain(
      'Page P3, which the crash had torn',
    )
    expect(contentOf(stateOf(session))).toEqual({ alice: '100' })
  })

  test('in restarts, again and again', async () => {
    const actions: Action[] = [begin('T1'), put('T1', 'a', '1'), put('T1', 'b', '2'), put('T1', 'c', '3')]
    actions.push({ kind: 'flushLog' }, crash('none'))
    for (let depth = 0; depth < 4; depth++) {
      const here = await runActions([...actions, restart])
      const undone = here.steps.filter(({ kind }) => kind === 'undone').at(-1) as Step
      actions.push(...actAt(here, undone.number, crash('none')).slice(actions.length))
    }
    const session = await runActions([...actions, restart])
    expect(session.restarts).toHaveLength(5)
    expect(contentOf(stateOf(session))).toEqual({})
    expect(stateOf(session).transactions).toEqual([])
  })
})

describe('doing something at an earlier step', () => {
  test('drops what came after it', async () => {
    const session = await runActions(WINNER_AND_LOSER)
    const step = stepsOf(session, 3).at(-1) as Step
    expect(actAt(session, step.number, commit('T2'))).toEqual([...WINNER_AND_LOSER.slice(0, 4), commit('T2')])
    expect(actAt(session, 0, begin('T5'))).toEqual([begin('T5')])
  })

  test('a crash strikes at the very step', async () => {
    const session = await runActions(WINNER_AND_LOSER)
    const [, written] = stepsOf(session, 4)
    const actions = actAt(session, written?.number as number, crash('none'))
    expect(actions).toEqual([...WINNER_AND_LOSER.slice(0, 5), crash('none', 2)])
    const again = await runActions(actions)
    expect(again.steps.slice(0, -1)).toEqual(session.steps.slice(0, (written?.number as number) + 1))
    expect(actAt(again, written?.number as number, crash('all'))).toEqual([
      ...WINNER_AND_LOSER.slice(0, 5),
      crash('all', 2),
    ])
    const last = stepsOf(session, 4).at(-1) as Step
    expect(actAt(session, last.number, crash('none')).at(-1)).toEqual(crash('none'))
  })
})
