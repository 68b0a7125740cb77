/** A replay that finds everything equal proves something only if it finds what is not. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { findScenarios } from '../../src/scenario/find.ts'
import { describeResult, replay, type ScenarioResult } from '../../src/scenario/replay.ts'

const folder = new URL('.', import.meta.url)
const files = readdirSync(folder)

// biome-ignore lint/suspicious/noExplicitAny: the tests spoil files at places of their own choice
type Json = any

function jsonOf(id: string): Json {
  const file = files.find((name) => name.startsWith(`${id}-`)) ?? ''
  return JSON.parse(readFileSync(new URL(file, folder), 'utf8'))
}

function spoil(id: string, change: (json: Json) => void): string {
  const json = jsonOf(id)
  change(json)
  return JSON.stringify(json)
}

function replaySpoiled(id: string, change: (json: Json) => void): ScenarioResult {
  const [found] = findScenarios(spoil(id, change), 'spoiled.json')
  if (found === undefined) throw new Error('no scenario')
  return replay(found.load())
}

const expected = (json: Json, episode = 0): Json => json.episodes[episode].expected

describe('a wrong known answer is found, and its place is named', () => {
  const cases: [string, string, (json: Json) => void][] = [
    ['S01', 'episodes[0].analysis.startLsn', (json) => (expected(json).analysis.startLsn = 10)],
    ['S01', 'episodes[0].analysis.att.T3.lastLsn', (json) => (expected(json).analysis.att.T3.lastLsn = 60)],
    ['S01', 'episodes[0].analysis.att.T3.status', (json) => (expected(json).analysis.att.T3.status = 'running')],
    ['S01', 'episodes[0].analysis.att.T1', (json) => delete expected(json).analysis.att.T1],
    ['S01', 'episodes[0].analysis.dpt.P5', (json) => (expected(json).analysis.dpt.P5 = 90)],
    ['S33', 'episodes[0].analysis.appended[0].prevLsn', (json) => (expected(json).analysis.appended[0].prevLsn = 90)],
    ['S33', 'episodes[0].analysis.attAfter.T2', (json) => (expected(json).analysis.attAfter = null)],
    ['S01', 'episodes[0].redo.startLsn', (json) => (expected(json).redo.startLsn = 30)],
    ['S01', 'episodes[0].redo.redone[4]', (json) => expected(json).redo.redone.pop()],
    ['S07', 'episodes[0].undo.order[0]', (json) => expected(json).undo.order.reverse()],
    ['D08', 'episodes[0].redo.skipped[1].reason', (json) => (expected(json).redo.skipped[1].reason = 'not-in-dpt')],
    ['S25', 'episodes[0].redo.dptAfterRedo.A', (json) => (expected(json).redo.dptAfterRedo.A = 10)],
    ['S01', 'episodes[0].undo.order[1]', (json) => (expected(json).undo.order[1] = 40)],
    ['S01', 'episodes[0].undo.appended[1].prevLsn', (json) => (expected(json).undo.appended[1].prevLsn = 60)],
    ['S01', 'episodes[0].undo.appended[1].after', (json) => (expected(json).undo.appended[1].after = 'b0')],
    ['S01', 'episodes[0].undo.appended[1].undoNextLsn', (json) => (expected(json).undo.appended[1].undoNextLsn = null)],
    ['S01', 'episodes[0].undo.appended[5]', (json) => expected(json).undo.appended.pop()],
    [
      'S07',
      'episodes[0].undo.(undoes,undoNextLsn)[0][1]',
      (json) => (expected(json).undo.appended[0].undoNextLsn = 10),
    ],
    ['S07', 'episodes[0].END records[1]', (json) => expected(json).undo.appended.pop()],
    ['S01', 'episodes[0].finalPages.P1.pageLsn', (json) => (expected(json).finalPages.P1.pageLsn = 20)],
    ['S07', 'episodes[0].finalPages.P1.data.y', (json) => (expected(json).finalPages.P1.data.y = 'a8')],
    ['S01', 'committed[1]', (json) => json.committed.push('T3')],
    ['S01', 'rolledBack[1]', (json) => json.rolledBack.pop()],
    ['S26', 'lowWaterLsn', (json) => (json.lowWaterLsn = 20)],
    ['S02', 'episodes[1].analysis.att.T1.lastLsn', (json) => (expected(json, 1).analysis.att.T1.lastLsn = 80)],
    ['S24', 'episodes[0].redo.redone[2]', (json) => (expected(json).redo.redone = [10, 20, 50])],
    ['S05', 'rollback.undoOrder[0]', (json) => json.rollback.undoOrder.reverse()],
    ['S05', 'rollback.appended[3]', (json) => json.rollback.appended.pop()],
    ['S05', 'rollback.buffer.P5.data.v', (json) => (json.rollback.buffer.P5.data.v = 'e2')],
    ['S42', 'invalid.expectedError', (json) => (json.invalid.disk.A.pageLsn = 10)],
    ['S43', 'truncation.cases[1].lowWaterLsn', (json) => (json.truncation.cases[1].lowWaterLsn = 90)],
  ]
  test.each(cases)('%s: %s', (id, path, change) => {
    const result = replaySpoiled(id, change)
    expect(result.verdict).toBe('differs')
    expect(result.differences.map((difference) => difference.path)).toContain(path)
  })

  test('the line says what was expected and what came', () => {
    const result = replaySpoiled('S01', (json) => {
      expected(json).redo.skipped[1].reason = 'pageLsn>=lsn'
    })
    expect(describeResult(result)).toBe(
      'S01  DIFFERS at episodes[0].redo.skipped[1].reason: expected "pageLsn>=lsn", got "not-redoable"   ' +
        'R&G 18.5: crash with one winner, one running, one aborting',
    )
  })
})

describe('a wrong log or disk is found', () => {
  test('a value on disk that redo does not bring up to date', () => {
    const result = replaySpoiled('S04', (json) => {
      json.episodes[0].disk.P5.pageLsn = null
    })
    expect(result.differences.map(({ path }) => path)).toContain('episodes[0].redo.redone[0]')
  })

  test('an interrupted attempt that would have come to another end', () => {
    const result = replaySpoiled('S02', (json) => {
      for (const episode of json.episodes) episode.disk.P2.data.other = 'x'
    })
    expect(result.differences.map(({ path }) => path)).toContain('episodes[0] run to its end.finalPages.P2.data.other')
  })

  test('a log that undo cannot follow is a difference and not a crash of the program', () => {
    const result = replaySpoiled('S21', (json) => {
      json.wellFormed = false
      json.log[4].txn = 'T2'
    })
    expect(result.differences[0]).toMatchObject({ path: 'episodes[0]', expected: 'to end without an error' })
    expect(result.differences[0]?.actual).toContain('a transaction undoes its own records')
  })
})

test('a log over several segments, with a checkpoint table over several records', () => {
  const [lsnOf, updates] = [(i: number) => 10 * i, 1500]
  const pages = Array.from({ length: 400 }, (_, i) => `P${i}`)
  const log: Json[] = Array.from({ length: updates }, (_, i) => {
    const prevLsn = i === 0 ? null : lsnOf(i - 1)
    const common = { type: 'update', slot: 'v', before: `${i}`, after: `${i + 1}` }
    return { lsn: lsnOf(i), txn: 'T1', prevLsn, page: pages[i % 400], ...common }
  })
  const at = lsnOf(updates)
  const dpt = Object.fromEntries(pages.map((page, i) => [page, lsnOf(i)]))
  const t1 = { status: 'running', lastLsn: lsnOf(updates - 1) }
  log.push({ lsn: at, type: 'begin_checkpoint' }, { lsn: at + 1, type: 'end_checkpoint', att: { T1: t1 }, dpt })
  log.push({ lsn: at + 2, type: 'commit', txn: 'T1', prevLsn: lsnOf(updates - 1) })
  log.push({ lsn: at + 3, type: 'update', txn: 'T2', prevLsn: null, page: 'P7', slot: 'v', before: '1208', after: 'x' })
  const disk = Object.fromEntries(pages.map((page) => [page, { pageLsn: null, data: {} }]))
  const undone = { type: 'clr', txn: 'T2', page: 'P7', slot: 'v', after: '1208', undoes: at + 3, undoNextLsn: null }
  const json = {
    id: 'long',
    title: 'long',
    kind: 'restart',
    variant: {},
    initial: {},
    log,
    masterLsn: at,
    episodes: [
      {
        disk,
        crash: null,
        expected: {
          analysis: {
            startLsn: at,
            att: { T1: { status: 'committing', lastLsn: at + 2 }, T2: { status: 'running', lastLsn: at + 3 } },
            dpt,
            appended: [{ lsn: at + 4, type: 'end', txn: 'T1', prevLsn: at + 2 }],
            attAfter: { T2: { status: 'running', lastLsn: at + 3 } },
          },
          redo: {
            startLsn: 0,
            redone: [...Array.from({ length: updates }, (_, i) => lsnOf(i)), at + 3],
            skipped: [at, at + 1, at + 2].map((lsn) => ({ lsn, reason: 'not-redoable' })),
          },
          undo: {
            order: [at + 3],
            appended: [
              { lsn: at + 5, prevLsn: at + 3, ...undone },
              { lsn: at + 6, type: 'end', txn: 'T2', prevLsn: at + 5 },
            ],
          },
          finalPages: {
            P7: { pageLsn: at + 5, data: { v: '1208' } },
            P99: { pageLsn: lsnOf(1299), data: { v: '1300' } },
            P100: { pageLsn: lsnOf(1300), data: { v: '1301' } },
          },
        },
      },
    ],
    committed: ['T1'],
    rolledBack: ['T2'],
  }
  const [found] = findScenarios(JSON.stringify(json), 'long.json')
  const result = replay((found as NonNullable<typeof found>).load())
  expect(result.verdict, describeResult(result)).toBe('equal')
})

describe('the place of END records', () => {
  test('is compared, unless the scenario says that it is open', () => {
    const strict = replaySpoiled('D02', (json) => delete json.anyOrderAppended)
    expect(strict).toMatchObject({ verdict: 'equal', note: 'END records in another order' })
    expect(replaySpoiled('D02', () => {})).toMatchObject({ verdict: 'equal', note: undefined })
  })

  test('is open for a loser that was compensated before the crash: the slides write it later than the paper', () => {
    const result = replaySpoiled('D06', (json) => {
      const [endT1, clr, endT2] = expected(json).undo.appended
      expected(json).undo.appended = [
        { ...clr, lsn: 50 },
        { ...endT2, lsn: 60, prevLsn: 50 },
        { ...endT1, lsn: 70 },
      ]
      expected(json).finalPages.B.pageLsn = 50
    })
    expect(result).toMatchObject({ verdict: 'equal', note: 'END records in another order' })
  })

  test('is not open for a loser that is undone', () => {
    const result = replaySpoiled('S01', (json) => {
      const { appended } = expected(json).undo
      expected(json).undo.appended = [appended[0], appended[1], appended[2], appended[4], appended[3], appended[5]].map(
        (record, i) => ({ ...record, lsn: [100, 110, 120, 125, 130, 135][i] }),
      )
    })
    expect(result.verdict).toBe('differs')
  })
})

describe('the loader names what is wrong and where', () => {
  const load = (text: string): void => {
    for (const found of findScenarios(text, 'my.json')) found.load()
  }
  const cases: [string, string, (json: Json) => void][] = [
    ['another schema', 'my.json.schema must be one of aries-scenarios/1; it is "x"', (json) => (json.schema = 'x')],
    ['no log', 'my.json: S01.log must be a list; it is missing', (json) => delete json.log],
    ['a kind there is not', 'my.json: S01.kind must be one of restart, ', (json) => (json.kind = 'reboot')],
    ['a record type', 'my.json: S01.log[2].type must be one of begin, ', (json) => (json.log[2].type = 'write')],
    [
      'an LSN in quotes',
      'my.json: S01.log[2].lsn must be an LSN: a number, 0 or more; it is "20"',
      (json) => (json.log[2].lsn = '20'),
    ],
    [
      'LSNs that do not rise',
      'my.json: S01.log[3].lsn must be above 20, the LSN before it; it is 20',
      (json) => (json.log[3].lsn = 20),
    ],
    [
      'a forgotten prevLsn',
      'my.json: S01.log[5].prevLsn must be an LSN or null; it is missing',
      (json) => delete json.log[5].prevLsn,
    ],
    [
      "another's prevLsn",
      'my.json: S01.log[6].prevLsn must be null, or the LSN of an earlier record of T3; it is 50',
      (json) => (json.log[6].prevLsn = 50),
    ],
    [
      'a prevLsn ahead',
      "my.json: S01.log[6].prevLsn must be below the record's own LSN 60; it is 80",
      (json) => (json.log[6].prevLsn = 80),
    ],
    [
      'a forgotten after-image',
      'my.json: S01.log[2].after must be text or null; it is missing',
      (json) => delete json.log[2].after,
    ],
    [
      'a master that is no checkpoint',
      'my.json: S01.masterLsn must be the LSN of a begin_checkpoint of the log, or null; it is 20',
      (json) => (json.masterLsn = 20),
    ],
    [
      'a status',
      'my.json: S01.episodes[0].expected.analysis.att.T1.status must be one of running, committing, aborting; it is "U"',
      (json) => (expected(json).analysis.att.T1.status = 'U'),
    ],
    [
      'a reason',
      'my.json: S01.episodes[0].expected.redo.skipped[0].reason must be one of not-redoable, ',
      (json) => (expected(json).redo.skipped[0].reason = 'clean'),
    ],
    [
      'no expected undo',
      'my.json: S01.episodes[0].expected.undo must be the expected undo pass; it is missing',
      (json) => delete expected(json).undo,
    ],
    [
      'no episode',
      'my.json: S01.episodes must be a list of at least one episode; it is []',
      (json) => (json.episodes = []),
    ],
    [
      'a crash at the end',
      'my.json: S01.episodes[0].crash must be null: ',
      (json) => (json.episodes[0].crash = { durableThroughLsn: 110, pagesFlushed: {} }),
    ],
    [
      'a flag in quotes',
      'my.json: S01.variant.abortAtAnalysisEnd must be true or false; it is "no"',
      (json) => (json.variant.abortAtAnalysisEnd = 'no'),
    ],
  ]
  test.each(cases)('%s', (_, message, change) => {
    expect(() => load(spoil('S01', change))).toThrow(`INVALID_ARGUMENT: ${message}`)
  })

  test('a page that is too full for its slots', () => {
    const result = replaySpoiled('S01', (json) => {
      json.log[2].after = 'x'.repeat(9000)
    })
    expect(result.differences[0]?.actual).toContain('S01: the slots of page P1 need 9005 bytes')
  })

  test('a crash before what is expected to have become durable', () => {
    const text = spoil('S02', (json) => {
      json.episodes[0].crash.durableThroughLsn = 100
    })
    expect(() => load(text)).toThrow('my.json: S02.episodes[0].crash.durableThroughLsn must be at or above every LSN')
  })

  test('text that is not JSON', () => {
    expect(() => load('{"id": S01}')).toThrow('INVALID_ARGUMENT: my.json is not JSON: ')
    expect(() => load('[]')).toThrow('my.json must be a set { "schema": "aries-scenarios/1", "scenarios": [...] }')
    expect(() => load('{"scenarios": []}')).toThrow('my.json.schema must be one of aries-scenarios/1; it is missing')
    expect(() => load('{"log": []}')).toThrow('my.json must be a scenario with an "id", or a set with "scenarios"')
  })
})

describe('the program', () => {
  function run(...paths: string[]): { status: number; output: string } {
    try {
      const root = new URL('../..', import.meta.url)
      const output = execFileSync(process.execPath, ['--import', 'tsx', 'src/scenario/main.ts', ...paths], {
        cwd: root,
      })
      return { status: 0, output: output.toString() }
    } catch (error) {
      const { status, stdout } = error as { status: number; stdout: Buffer }
      return { status, output: stdout.toString() }
    }
  }

  test('prints a line for each scenario of a folder, and exits with 0', () => {
    const { status, output } = run('test/scenarios')
    const lines = output.trimEnd().split('\n')
    expect(status).toBe(0)
    expect(lines).toHaveLength(files.filter((name) => name.endsWith('.json')).length + 1)
    expect(lines).toContain('S01  equal (exact)   R&G 18.5: crash with one winner, one running, one aborting')
    expect(lines.at(-1)).toMatch(/^\d+ equal, 0 differ, 1 not applicable, 0 cannot be read$/)
  })

  test('exits with 1 when a file cannot be read', () => {
    const { status, output } = run('package.json', 'no-such-file.json')
    expect(status).toBe(1)
    expect(output).toContain('package.json CANNOT BE READ: INVALID_ARGUMENT: package.json must be a scenario')
    expect(output).toContain('no-such-file.json CANNOT BE READ: ENOENT')
  })
})
