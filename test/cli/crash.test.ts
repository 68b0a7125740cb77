/** `aries crash`: it finds nothing where nothing is wrong, and finds what is. */
import { afterEach, expect, test, vi } from 'vitest'
import { makeCrashPlan, runCrashPlan, verifyCrashPlan } from '../../src/cli/crash/workload.ts'
import { MemoryFileSystem, open, utf8 } from '../../src/index.ts'
import { Rollback } from '../../src/recovery/undo.ts'
import { runCli } from './run-cli.ts'

afterEach(() => vi.restoreAllMocks())

test('a sound engine has no violation, and a seed is one campaign', async () => {
  const run = async (): Promise<object> => {
    const { code, stdout, stderr } = await runCli('crash', '--seed', '7', '--points', '8', '--states', '2', '--json')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const { seconds, ...figures } = JSON.parse(stdout) as { seconds: number }
    return figures
  }
  const figures = await run()
  expect(figures).toMatchObject({ seed: 7, violations: 0, crashPoints: 8 })
  expect(await run()).toEqual(figures)
})

test('Ctrl-C ends it with 130, and says so', async () => {
  const exit = vi.spyOn(process, 'exit').mockImplementation((() => {}) as typeof process.exit)
  const listeners = process.listenerCount('SIGINT')
  const running = runCli('crash', '--seed', '7', '--points', '1', '--states', '1', '--json')
  process.emit('SIGINT')
  const { stderr } = await running
  expect(exit).toHaveBeenCalledExactlyOnceWith(130)
  expect(stderr).toBe('aries: interrupted\n')
  expect(process.listenerCount('SIGINT')).toBe(listeners)
})

test('losers that are not undone are found, and the case can be repeated', async () => {
  vi.spyOn(Rollback.prototype, 'undoLosers').mockReturnValue(0)
  const args = ['crash', '--seed', '7', '--points', '40', '--states', '3', '--json']
  const { code, stdout } = await runCli(...args)
  const { violations, replay, message } = JSON.parse(stdout) as { violations: number; replay: string; message: string }
  expect({ code, violations }).toEqual({ code: 1, violations: 1 })
  expect(message).toMatch(/\d+ commits were acknowledged, but these keys differ: key \d+/)
  expect((await runCli('crash', '--seed', '7', '--replay', replay)).code).toBe(1)
  vi.restoreAllMocks()
  expect((await runCli('crash', '--seed', '7', '--replay', replay)).code).toBe(0)
})

test('only the last acknowledged state and the one after it are right', async () => {
  const plan = makeCrashPlan(3)
  await using db = await open(new MemoryFileSystem(), { createIfMissing: true })
  let commits = 0
  await runCrashPlan(plan, db, (count) => {
    commits = count
  })
  expect(commits).toBe(plan.states.length - 1)
  await verifyCrashPlan(plan, db, commits)
  await verifyCrashPlan(plan, db, commits - 1)
  await expect(verifyCrashPlan(plan, db, 0)).rejects.toThrow('0 commits were acknowledged, but these keys differ')
  await db.table('rows', { key: utf8, value: utf8 }).put('key 0', 'other')
  await expect(verifyCrashPlan(plan, db, commits)).rejects.toThrow('keys differ: key 0')
})
