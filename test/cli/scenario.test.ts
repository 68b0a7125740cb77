/** `aries scenario run` and `aries recover`. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { RecoveryReport } from '../../src/index.ts'
import type { ObservedRestart } from '../../src/scenario/observe.ts'
import type { RestartScenario } from '../../src/scenario/scenario.ts'
import { fingerprint, linesOf, makeDatabase, scratchPath, TEXT } from './databases.ts'
import { runCli } from './run-cli.ts'

const FOLDER = fileURLToPath(new URL('../scenarios/', import.meta.url))
const FILES = readdirSync(FOLDER).filter((name) => name.endsWith('.json'))
const fileOf = (id: string): string => join(FOLDER, FILES.find((name) => name.startsWith(`${id}-`)) as string)

interface Shown {
  readonly id: string
  readonly mode: string
  readonly verdict: string
  readonly restarts: readonly ObservedRestart[]
}

describe('scenario run', () => {
  test('shows of every golden scenario what its book expects', async () => {
    const { code, stdout } = await runCli('scenario', 'run', ...FILES.map((name) => join(FOLDER, name)), '--json')
    const all = linesOf<Shown>(stdout)
    expect(code).toBe(0)
    expect(all).toHaveLength(FILES.length)
    let compared = 0
    for (const { id, mode, restarts } of all) {
      const scenario = JSON.parse(readFileSync(fileOf(id), 'utf8')) as RestartScenario
      for (const [i, { expected }] of (mode === 'exact' ? (scenario.episodes ?? []) : []).entries()) {
        if (restarts.length === 0) continue
        compared++
        const seen = restarts[i] as ObservedRestart
        expect(seen.startLsn, id).toBe(expected.analysis.startLsn)
        expect(
          Object.fromEntries(seen.transactions.map(({ txn, status, lastLsn }) => [txn, { status, lastLsn }])),
          id,
        ).toEqual(expected.analysis.att)
        expect(Object.fromEntries(seen.dirtyPages.map(({ page, recLsn }) => [page, recLsn])), id).toEqual(
          expected.analysis.dpt,
        )
        if (expected.undo != null && scenario.episodes[i]?.crash == null)
          expect(seen.undoOrder, id).toEqual(expected.undo.order)
      }
    }
    expect(compared).toBeGreaterThan(25)
  })

  test('as text: the tables of the book, and the verdict', async () => {
    const { code, stdout } = await runCli('scenario', 'run', fileOf('S01'))
    expect(code).toBe(0)
    expect(stdout).toMatch(/^S01 {2}R&G 18\.5/)
    expect(stdout).toMatch(/analysis, from LSN 0\n(.*\n)+?.*T1 +│ running +│ 80 /)
    expect(stdout).toMatch(/redo, from LSN 20\n(.*\n)+?│ 50 +│ no: \(1\) it changes no page +│/)
    expect(stdout).toMatch(/undo, in the order 80, 60, 40, 20\n/)
    expect(stdout).toMatch(/│ 110 │ clr +│ T3 +│ 90 +│ P2 +│ v back to b1, undoes 60, undoNextLSN 40 │/)
    expect(stdout).toMatch(/│ 125 │ end +│ T3 +│ 120 /)
    expect(stdout).toMatch(/│ P2 +│ 110 +│ v = b1 +│/)
    expect(stdout).toMatch(/\nS01 {2}equal \(exact\)/)
  })

  test('a second crash in the restart: what it takes away is told', async () => {
    const { stdout } = await runCli('scenario', 'run', fileOf('S02'))
    expect(stdout).toContain('restart 1 of 3')
    expect(stdout).toMatch(/the next crash leaves the log up to LSN \d+/)
    expect(stdout).toContain('lost in the next crash')
  })

  test('of analysis, both tables after each record', async () => {
    const { stdout } = await runCli('scenario', 'run', fileOf('S26'))
    expect(stdout).toMatch(
      /│ 70 +│ end_checkpoint +│ T1 aborting 50 +│ A 10 +│\n│ +│ +│ +│ B 20 +│\n│ +│ +│ +│ C 30 +│/,
    )
  })

  test('of redo, the LSNs that were compared; of undo, what is left', async () => {
    const { stdout } = await runCli('scenario', 'run', fileOf('D08'))
    for (const text of ['(2) its page is not in', '(3) LSN 20 < recLSN 40', '(4) pageLSN 10 >= LSN 10']) {
      expect(stdout).toContain(`no: ${text}`)
    }
    expect((await runCli('scenario', 'run', fileOf('S02'))).stdout).toMatch(/undoNextLSN 20 +│ \{90, 20\} +│/)
  })

  test('the example of the documentation prints what stands there', async () => {
    const blocks = readFileSync(new URL('../../docs/scenarios.md', import.meta.url), 'utf8').split('```text\n')
    const [example, shown] = ['scenario lecture ', 'lecture '].map((start) => {
      return blocks.find((block) => block.startsWith(start))?.split('```')[0] as string
    }) as [string, string]
    const file = scratchPath('lecture.scenario')
    writeFileSync(file, example)
    const { code, stdout } = await runCli('scenario', 'run', file)
    expect(code).toBe(0)
    const parts = shown.split('...\n')
    expect(parts).toHaveLength(2)
    for (const part of parts) expect(stdout).toContain(part)
  })

  test('all differences are told', async () => {
    const file = scratchPath('wrong.scenario')
    writeFileSync(file, 'scenario s\nlog\n10 T1 update P\nrestart\nundo none\ncommitted T1\n')
    const { code, stdout } = await runCli('scenario', 'run', file)
    expect(code).toBe(1)
    expect(stdout).toMatch(/\ns +DIFFERS at .*undo\.order\[0\]: expected nothing, got 10 \(and 1 more\)\n/)
    expect(stdout).toMatch(/\n +committed\[0\]: expected "T1", got nothing\n/)
  })

  test('one that is not as it expects ends with 1', async () => {
    const file = scratchPath('wrong.json')
    const text = readFileSync(fileOf('S01'), 'utf8').replace('"order": [80, 60', '"order": [60, 80')
    writeFileSync(file, text)
    const { code, stdout } = await runCli('scenario', 'run', file, '--verdicts')
    expect(code).toBe(1)
    expect(stdout).toMatch(/^S01 {2}DIFFERS at episodes\[0\]\.undo\.order/)
  })

  test.each([
    ['no JSON', '{', /is not JSON/],
    [
      'a wrong place',
      readFileSync(fileOf('S01'), 'utf8').replace('"T1", "prevLsn": 20', '"T1", "prevLsn": 30'),
      /S01.*log\[8\]/,
    ],
  ])('%s is the usage, and the place is named', async (_name, text, message) => {
    const file = scratchPath('wrong.json')
    writeFileSync(file, text)
    const { code, stderr } = await runCli('scenario', 'run', file)
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
  })

  test('a log that restart cannot follow is a difference, and no bug of the program', async () => {
    const file = scratchPath('broken.scenario')
    writeFileSync(file, 'scenario s\noptions not-well-formed\nlog\n10 T1 update P\n20 T2 update Q prev 10\n')
    const { code, stdout } = await runCli('scenario', 'run', file)
    expect(code).toBe(1)
    expect(stdout).toMatch(/^s\s+s +DIFFERS at episodes\[0\]: expected "to end without an error", got /)
  })

  test('what is wrong in a text is the usage, and line and column are named', async () => {
    const file = scratchPath('wrong.scenario')
    writeFileSync(file, 'scenario s\nlog\n10 T1 updat P\n')
    const { code, stderr } = await runCli('scenario', 'run', file)
    expect(code).toBe(2)
    expect(stderr).toContain('wrong.scenario:3:7: expected the type of the record')
    expect(stderr).toContain('\n   3 | 10 T1 updat P\n             ^')
  })

  test('a missing id, a missing file', async () => {
    expect((await runCli('scenario', 'run', fileOf('S01'), '--id', 'X9')).code).toBe(2)
    expect((await runCli('scenario', 'run', scratchPath('none.json'))).code).toBe(3)
  })
})

describe('scenario convert', () => {
  test('JSON to text to JSON says the same', async () => {
    const [text, json] = [scratchPath('one.scenario'), scratchPath('one.json')]
    expect(await runCli('scenario', 'convert', fileOf('S02'), '--out', text)).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    })
    expect(readFileSync(text, 'utf8')).toMatch(/^scenario S02 "R&G 18\.5/)
    await runCli('scenario', 'convert', text, '--out', json)
    const load = (file: string) => JSON.parse(readFileSync(file, 'utf8'))
    expect(load(json)).toMatchObject(load(fileOf('S02')))
  })

  test('several in a file, one of them, and the notation that is asked for', async () => {
    const texts = await Promise.all(['S01', 'S16'].map((id) => readFileSync(fileOf(id), 'utf8')))
    const set = scratchPath('set.json')
    writeFileSync(set, `{"schema": "aries-scenarios/1", "scenarios": [${texts.join(',')}]}`)
    const all = scratchPath('set.scenario')
    await runCli('scenario', 'convert', set, '--out', all)
    expect((await runCli('scenario', 'run', all, '--verdicts')).stdout).toMatch(/^S01 .*\nS16 .*\n2 scenarios, 0 not/)
    expect((await runCli('scenario', 'convert', all, '--id', 'S16')).stdout).toMatch(/^\{\n.*\n {2}"id": "S16"/)
    expect((await runCli('scenario', 'convert', all, '--id', 'S16', '--to', 'text')).stdout).toMatch(/^scenario S16 /)
    expect((await runCli('scenario', 'convert', all, '--id', 'S17')).code).toBe(2)
  })

  test('an existing file is left alone', async () => {
    const file = scratchPath('mine.scenario')
    writeFileSync(file, 'mine')
    expect((await runCli('scenario', 'convert', fileOf('S02'), '--out', file)).code).toBe(3)
    expect(readFileSync(file, 'utf8')).toBe('mine')
  })
})

describe('scenarios without a restart', () => {
  test('a rollback: what it undoes, the CLRs, and the pages after it', async () => {
    const { code, stdout } = await runCli('scenario', 'run', fileOf('S05'))
    expect(code).toBe(0)
    expect(stdout).toMatch(/log before the rollback\n(.*\n)+rollback of T2, in the order 60, 50, 20\n/)
    expect(stdout).toMatch(/│ 80 +│ clr +│ T2 +│ 70 +│ P3 +│ v back to c1, undoes 60, undoNextLSN 50 │/)
    expect(stdout).toMatch(/pages in the buffer pool after it\n(.*\n)+│ P5 +│ 100 +│ v = e0 +│/)
  })

  test('one to a savepoint', async () => {
    const { stdout } = await runCli('scenario', 'run', fileOf('D09'))
    expect(stdout).toContain('rollback of T1, to the savepoint at LSN 0, in the order 30, 20\n')
    expect(stdout).not.toMatch(/│ (abort|end) /)
  })

  test('what does not apply to this engine is counted apart', async () => {
    const { code, stdout } = await runCli('scenario', 'run', '--verdicts', fileOf('S01'), fileOf('S10'))
    expect(code).toBe(0)
    expect(stdout).toMatch(/\n2 scenarios, 0 not as expected, 1 not applicable\n$/)
  })

  test('a state that is refused, and why', async () => {
    const { stdout } = await runCli('scenario', 'run', fileOf('D16'))
    expect(stdout).toMatch(/pages on disk\n(.*\n)+│ B +│ 40 +│ v = b1 +│/)
    expect(stdout).toMatch(/restart refuses it.*\n {2}PAGE_LSN_BEYOND_LOG: page 2 has pageLSN/)
  })

  test('how much of the log may go, and what holds it', async () => {
    const { stdout } = await runCli('scenario', 'run', fileOf('S43'))
    expect(stdout).toMatch(/│ 2 +│ 100 +│ B 90 +│ T1 30 +│ 30 +│ transaction +│/)
    const { truncation } = JSON.parse((await runCli('scenario', 'run', fileOf('S43'), '--json')).stdout)
    expect(truncation[0]).toMatchObject({ checkpointBegin: 100, lowWaterLsn: 40, holder: 'dirty-page' })
  })
})

describe('scenario record', () => {
  test('a crash of a real database replays as an exercise', async () => {
    const directory = await makeDatabase('killed', async (database) => {
      const table = database.table('fruit', TEXT)
      for (let i = 0; i < 40; i++) await table.put(`key ${i}`, 'x'.repeat(400))
      const loser = database.begin()
      await loser.put(table, 'fig', 'brown')
      await database.checkpoint()
      await loser.put(table, 'kiwi', 'green')
      const aborted = database.begin()
      await aborted.put(table, 'lime', 'green')
      await aborted.abort()
      await table.put('plum', 'blue')
    })
    const before = fingerprint(directory)
    const file = scratchPath('crash.scenario')
    expect(await runCli('scenario', 'record', directory, '--out', file)).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(fingerprint(directory)).toEqual(before)
    const { code, stdout } = await runCli('scenario', 'run', file, '--json')
    expect(code).toBe(0)
    const [{ restarts }] = linesOf<Shown>(stdout) as [Shown]
    const real = linesOf<{ kind: string; lsn: number }>((await runCli('explain', directory, '--json')).stdout)
    const lsnsOf = (kind: string) => real.flatMap((event) => (event.kind === kind ? [event.lsn] : []))
    const [restart] = restarts as [ObservedRestart]
    expect(restart.undoOrder).toEqual(lsnsOf('undone'))
    expect(restart.undoOrder).toHaveLength(2)
    expect(restart.redo.filter(({ reason }) => reason === undefined).map(({ lsn }) => lsn)).toEqual(lsnsOf('redone'))
    expect(lsnsOf('redone').length).toBeGreaterThan(40)
    const text = readFileSync(file, 'utf8')
    // A split formats pages with records that are never undone, and is a nested top action.
    expect(text.match(/ T\d+ clr P\d+ T\d+: \d+ {2}next \d+\n/g)?.length).toBeGreaterThan(2)
    expect(text).toMatch(/ T\d+ clr P\d+ T\d+: \d+ {2}next none\n/)
    expect(text.match(/ undoes /g)).toHaveLength(1)
  })

  test('a transaction that was prepared and then decided is a winner or a loser like others', async () => {
    const directory = await makeDatabase('killed', async (database) => {
      const table = database.table('fruit', TEXT)
      await table.put('apple', 'red')
      const [winner, aborted] = [database.begin(), database.begin()]
      await winner.put(table, 'fig', 'brown')
      await aborted.put(table, 'kiwi', 'green')
      await winner.prepare('transfer 1')
      await aborted.prepare('transfer 2')
      await database.checkpoint()
      await winner.commit()
      await aborted.abort()
    })
    const file = scratchPath('crash.scenario')
    expect(await runCli('scenario', 'record', directory, '--out', file)).toEqual({ code: 0, stdout: '', stderr: '' })
    const { code, stdout } = await runCli('scenario', 'run', file, '--json')
    expect(code).toBe(0)
    const [{ restarts }] = linesOf<Shown>(stdout) as [Shown]
    const real = linesOf<{ kind: string; lsn: number }>((await runCli('explain', directory, '--json')).stdout)
    const redone = restarts[0]?.redo.filter(({ reason }) => reason === undefined).map(({ lsn }) => lsn)
    expect(redone).toEqual(real.flatMap(({ kind, lsn }) => (kind === 'redone' ? [lsn] : [])))
    expect(readFileSync(file, 'utf8')).toMatch(/end_checkpoint {2}att T\d+ running \d+, T\d+ running \d+ /)
  })

  test('one that is in doubt has no word in the notation', async () => {
    const directory = await makeDatabase('killed', async (database) => {
      const prepared = database.begin()
      await prepared.put(database.table('fruit', TEXT), 'fig', 'brown')
      await prepared.prepare('transfer 1')
    })
    const { code, stderr } = await runCli('scenario', 'record', directory)
    expect(code).toBe(3)
    expect(stderr).toMatch(/transaction \d+ was prepared as "transfer 1" at LSN \d+ and is still in doubt/)
  })
})

describe('recover', () => {
  test('recovers once, reports it, and names what is in doubt', async () => {
    const directory = await makeDatabase('killed', async (database) => {
      const table = database.table('fruit', TEXT)
      await table.put('apple', 'red')
      const prepared = database.begin()
      await prepared.put(table, 'fig', 'brown')
      await prepared.prepare('transfer 1')
      await database.begin().put(table, 'kiwi', 'green')
    })
    const first = await runCli('recover', directory, '--json')
    const report = JSON.parse(first.stdout) as RecoveryReport & { inDoubt: string[] }
    expect(first.code).toBe(0)
    expect(report).toMatchObject({ wasNeeded: true, undo: { losersUndone: 1, clrs: 1 }, inDoubt: ['transfer 1'] })
    expect(await runCli('recover', directory)).toEqual({
      code: 0,
      stdout: 'recovery  not needed\nin doubt  1 transaction: "transfer 1"\n',
      stderr: '',
    })
  })

  test('as text, pass by pass', async () => {
    const directory = await makeDatabase('killed', async (database) => database.table('a', TEXT).put('k', 'v'))
    const { stdout } = await runCli('recover', directory)
    expect(stdout).toMatch(/^analysis {2}\d+ records .*\nredo {6}\d+ records .*\nundo {6}0 losers .*\nrestart {3}/)
  })
})
