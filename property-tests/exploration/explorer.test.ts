/** The explorer itself: it finds a program that breaks its promise, says how to get there, and gets there again. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { tableOf } from '../lab.ts'
import { describeViolation, type ExplorationOptions, Explorer } from './explorer.ts'
import { drawnWorkload, type Workload, workloadOf } from './workloads.ts'

const OPTIONS: ExplorationOptions = {
  seed: 3,
  depth: 2,
  statesPerPoint: 4,
  statesPerRestartPoint: 2,
  deeperEvery: 60,
}

/** Says `full` to the model and `none` to the database. */
const LIAR: Workload = {
  name: 'a liar',
  run: async (lab, model) => {
    const value = new Uint8Array([1])
    await lab.db.transaction((tx) => tx.put(tableOf(lab.db, 't'), 'k', value), { durability: 'none' })
    const effects = [{ kind: 'put', table: 't', key: 'k', value } as const]
    model.commit(effects, 'full').acknowledged = true
  },
}

describe('the explorer', () => {
  test('finds a commit that is acknowledged and not durable, and the way to it leads there again', async () => {
    const violation = await new Explorer(OPTIONS).explore(LIAR)
    expect(violation?.workload).toBe('a liar')
    expect(violation?.problems.join()).toContain('the content is no state after 1 to 1 commits')
    const again = await new Explorer(OPTIONS).retrace(LIAR, violation?.crashes ?? [])
    expect(again).toEqual(violation)
    expect(describeViolation(violation as NonNullable<typeof violation>)).toContain('crash at point')
  })

  test('finds nothing wrong on the way of an honest one', async () => {
    const explorer = new Explorer(OPTIONS)
    const workload = workloadOf('drawn 3')
    expect(await explorer.explore(workload)).toBeUndefined()
    const { points, states, distinct } = explorer.coverage.total
    expect(points).toBeGreaterThan(50)
    expect(distinct).toBeGreaterThan(100)
    expect(states).toBeGreaterThan(distinct)
    expect(Object.keys(explorer.coverage.figures)).toEqual(
      expect.arrayContaining(['1 write log', '1 sync log', '1 write data', '2 sync log', '2 write log']),
    )
  })

  test('explores the same from the same seed', async () => {
    const figures = async (): Promise<unknown> => {
      const explorer = new Explorer({ ...OPTIONS, depth: 1, statesPerPoint: 3 })
      await explorer.explore(drawnWorkload(9))
      return explorer.coverage.figures
    }
    expect(await figures()).toEqual(await figures())
  })

  test('leaves the rest when it is told to', async () => {
    let states = 0
    const explorer = new Explorer({ ...OPTIONS, goesOn: async () => ++states < 10 })
    await explorer.explore(drawnWorkload(9))
    expect(explorer.coverage.total.states).toBeLessThan(10)
  })
})

describe('npm run crash', () => {
  const main = fileURLToPath(new URL('../campaign/main.ts', import.meta.url))
  const tsx = fileURLToPath(new URL('../../node_modules/tsx/dist/cli.mjs', import.meta.url))
  const crash = (...parameters: string[]) =>
    spawnSync(process.execPath, [tsx, main, ...parameters], { encoding: 'utf8', timeout: 60_000 })

  test('runs for as long as it is told, and prints what it has covered', () => {
    const { status, stdout, stderr } = crash('--minutes', '0.1', '--seed', '4', '--workers', '1')
    expect(stderr).toBe('')
    expect(stdout).toMatch(/seed 4, 1 workers/)
    expect(stdout).toMatch(/crash before .* points, crash 1/)
    expect(stdout).toMatch(/write log/)
    expect(stdout).toMatch(/No violation/)
    expect(status).toBe(0)
  })

  test('goes to a saved state again, and says when it is in order by now', () => {
    const directory = mkdtempSync(join(tmpdir(), 'aries-crash-'))
    const file = join(directory, 'state.json')
    const crashes = [{ point: 4, before: 'x', survived: 'all, the process died' }]
    const violation = { workload: 'drawn 3', crashes, problems: ['was wrong once'] }
    writeFileSync(file, JSON.stringify({ kind: 'state', violation, options: OPTIONS }))
    const { status, stdout } = crash('--replay', file)
    expect(stdout).toContain('This state is restarted as it must be.')
    expect(status).toBe(0)
    expect(readdirSync(directory)).toEqual(['state.json'])
    rmSync(directory, { recursive: true })
  })

  test('refuses what makes no sense', () => {
    const { status, stderr } = crash('--minutes', 'soon')
    expect(stderr).toContain('It has to be a number above 0')
    expect(status).toBe(1)
  })
})
