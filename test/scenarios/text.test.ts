/**
 * Scenarios as text: every golden one exists in both notations and says the same in both; what a text
 * leaves out is filled in; what is wrong in it is named by line and column.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { findScenarios } from '../../src/scenario/find.ts'
import { printJson } from '../../src/scenario/print-json.ts'
import { replay } from '../../src/scenario/replay.ts'
import type { RestartScenario, Scenario } from '../../src/scenario/scenario.ts'
import { printScenario } from '../../src/scenario/text/print-text.ts'

const folder = new URL('.', import.meta.url)
const names = readdirSync(folder).flatMap((name) => (name.endsWith('.json') ? [name.slice(0, -'.json'.length)] : []))
const read = (path: string): string => readFileSync(new URL(path, folder), 'utf8')

function only(text: string, file: string): Scenario {
  const [found, ...others] = findScenarios(text, file)
  if (found === undefined || others.length > 0) throw new Error('not one scenario')
  return found.load()
}

const parse = (...lines: string[]): Scenario => only(lines.join('\n'), 'my.scenario')
const parseRestart = (...lines: string[]): RestartScenario => parse(...lines) as RestartScenario

describe('golden scenarios in both notations', () => {
  test('there is a text for every JSON file', () => {
    expect(readdirSync(new URL('text', folder)).sort()).toEqual(names.map((name) => `${name}.scenario`).sort())
  })

  test.each(names)('%s', (name) => {
    const scenario = only(read(`${name}.json`), `${name}.json`)
    const text = read(`text/${name}.scenario`)
    const fromText = only(text, `${name}.scenario`)
    expect(fromText).toEqual(scenario)
    expect(printScenario(scenario)).toBe(text)
    expect(replay(fromText)).toEqual(replay(scenario))
    const json = printJson([scenario])
    expect(only(json, 'again.json')).toEqual(scenario)
    // A whole scenario stays one of which no answer may be forgotten.
    expect(json).not.toContain('"partial"')
  })

  test('several in a file', () => {
    const two = ['S01', 'S16'].map((id) => names.find((name) => name.startsWith(id)) as string)
    const scenarios = two.map((name) => only(read(`${name}.json`), `${name}.json`))
    const load = (text: string): Scenario[] => findScenarios(text, 'all').map((found) => found.load())
    expect(load(scenarios.map(printScenario).join('\n'))).toEqual(scenarios)
    expect(load(printJson(scenarios))).toEqual(scenarios)
  })
})

/** As on a slide: R&G, exercise 18.5. */
const SLIDE = `
# LSNs, transactions and pages: no more is on the slide.
scenario slide "R&G 18.5"
log
   0  begin_checkpoint
  10  end_checkpoint
  20  T1 update P1
  30  T2 update P2
  40  T3 update P3
  50  T2 commit
  60  T3 update P2
  70  T2 end
  80  T1 update P5
  90  T3 abort
`

describe('what a text leaves out', () => {
  test('links, values, the master record and the disk follow from the log', () => {
    const scenario = parseRestart(SLIDE)
    expect(scenario.log.slice(6)).toEqual([
      { lsn: 60, type: 'update', txn: 'T3', page: 'P2', slot: 'T3', before: null, after: '60', prevLsn: 40 },
      { lsn: 70, type: 'end', txn: 'T2', prevLsn: 50 },
      { lsn: 80, type: 'update', txn: 'T1', page: 'P5', slot: 'T1', before: null, after: '80', prevLsn: 20 },
      { lsn: 90, type: 'abort', txn: 'T3', prevLsn: 60 },
    ])
    expect(scenario).toMatchObject({ kind: 'restart', masterLsn: 0, committed: undefined, rolledBack: undefined })
    expect(scenario.episodes).toMatchObject([{ disk: {}, crash: null }])
    expect(replay(scenario)).toMatchObject({ verdict: 'equal', note: 'no answers are given' })
  })

  test('a second update of a slot knows the value before it', () => {
    const { log } = parse('scenario s', 'log', '10 T1 update P', '20 T1 update P')
    expect(log[1]).toMatchObject({ before: '10', after: '20' })
  })

  test('the master record names the last complete checkpoint', () => {
    const checkpoint = (lsn: number): string[] => [`${lsn} begin_checkpoint`, `${lsn + 1} end_checkpoint`]
    const log = ['scenario s', 'log', ...checkpoint(10), ...checkpoint(20), '30 begin_checkpoint']
    expect(parse(...log).masterLsn).toBe(20)
    expect(parse(...log, 'master 10').masterLsn).toBe(10)
    expect(parse(...log, 'master none').masterLsn).toBeNull()
  })

  test('a CLR restores what its record replaced and leads past it', () => {
    const lines = ['scenario s', 'initial P v: a', 'log', '10 T1 update P v: a -> b', '20 T1 update P v: b -> none']
    expect(parse(...lines, '30 T1 clr undoes 20').log[2]).toEqual({
      lsn: 30,
      type: 'clr',
      txn: 'T1',
      page: 'P',
      slot: 'v',
      after: 'b',
      undoes: 20,
      undoNextLsn: 10,
      prevLsn: 20,
    })
  })

  test('a page is as the record at its pageLSN left it', () => {
    const lines = ['scenario s', 'initial P v: a', 'log', '10 T1 update P v: a -> b', '20 T1 update P w: none -> c']
    const disk = (page: string): unknown => parseRestart(...lines, 'restart', `disk P @${page}`).episodes[0]?.disk
    expect(disk('none')).toEqual({ P: { pageLsn: null, data: { v: 'a' } } })
    expect(disk('10')).toEqual({ P: { pageLsn: 10, data: { v: 'b' } } })
    expect(disk('20')).toEqual({ P: { pageLsn: 20, data: { v: 'b', w: 'c' } } })
    expect(disk('20 empty')).toEqual({ P: { pageLsn: 20, data: {} } })
  })

  test('after a crash the disk has what was flushed, and the log what was durable', () => {
    const scenario = parseRestart(SLIDE, 'restart', 'crash after 110', 'flushed P2 @60', 'restart', 'undo 40 20')
    expect(scenario.episodes[1]?.disk).toEqual({ P2: { pageLsn: 60, data: { T2: '30', T3: '60' } } })
    expect(replay(scenario)).toMatchObject({ verdict: 'equal', note: undefined })
  })

  test('a list goes on behind a comma, past blank lines and remarks', () => {
    const list = ['initial P v: a, # the first', '', '  w: b,', '# and the last', 'x: c']
    expect(parse('scenario s', ...list).initial).toEqual({ P: { v: 'a', w: 'b', x: 'c' } })
  })

  test('what restart writes and nobody lists is in the log of the next attempt', () => {
    const lines = ['scenario s', 'log', '10 T1 update P', '20 T2 update Q', '30 T1 commit', 'restart']
    // 40 is the END of T1, 50 the CLR of 20; both are durable.
    const scenario = parse(...lines, 'crash after 50', 'restart', 'att T2 running 50', 'undo none', 'page Q @50 empty')
    expect(replay(scenario)).toMatchObject({ verdict: 'equal', differences: [] })
  })
})

describe('answers are compared where they are given', () => {
  test.each([
    ['analysis from 10', 'episodes[0].analysis.startLsn'],
    ['att T1 running 80', 'episodes[0].analysis.att.T3'],
    ['att-after none', 'episodes[0].analysis.attAfter.T1'],
    ['dpt P1 20, P2 30, P3 40', 'episodes[0].analysis.dpt.P5'],
    ['redo from 30', 'episodes[0].redo.startLsn'],
    ['redone 20 30 40 60', 'episodes[0].redo.redone[4]'],
    ['skipped 50 not-in-dpt, 70 90 not-redoable', 'episodes[0].redo.skipped[0].reason'],
    ['undo 80 60 20', 'episodes[0].undo.order[2]'],
    ['page P1 @20', 'episodes[0].finalPages.P1.pageLsn'],
    ['committed T1', 'committed[0]'],
    ['rolled-back none', 'rolledBack[0]'],
  ])('%s', (answer, path) => {
    const { verdict, differences } = replay(parse(SLIDE, 'restart', answer))
    expect(verdict).toBe('differs')
    expect(differences.map((difference) => difference.path)).toContain(path)
  })

  test.each([
    'analysis from 0',
    'att T1 running 80, T3 aborting 90',
    'att-after same',
    'dpt P1 20, P2 30, P3 40, P5 80',
    'redo from 20',
    'redone 20 30 40 60 80',
    'skipped 50 70 90 not-redoable',
    'dpt-after P1 20, P2 30, P3 40, P5 80',
    'undo 80 60 40 20',
    'page P1 @120 empty\npage P2 @110 T2: 30\npage P5 @100 empty',
    'committed T2',
    'rolled-back T3 T1',
  ])('%s', (answer) => {
    const lsns = ['100 T1 clr undoes 80', '110 T3 clr undoes 60', '115 T3 clr undoes 40', '116 T3 end']
    const writes = ['undo', 'writes', ...lsns, '120 T1 clr undoes 20', '125 T1 end']
    expect(replay(parse(SLIDE, 'restart', ...writes, answer))).toMatchObject({ verdict: 'equal', differences: [] })
    expect(only(printJson([parse(SLIDE, 'restart', answer)]), 'my.json')).toEqual(parse(SLIDE, 'restart', answer))
  })

  test('an attempt whose restart fails is a difference, and ends the replay', () => {
    const broken = ['scenario s', 'log', '10 T1 update P', '20 T2 update Q prev 10', 'options not-well-formed']
    const { verdict, differences } = replay(parse(...broken, 'restart', 'crash after 20', 'restart'))
    expect(verdict).toBe('differs')
    expect(differences.map(({ path }) => path)).toEqual(['episodes[0]'])
  })
})

describe('what is wrong is named by line and column', () => {
  const HEAD = ['scenario s', 'initial P v: a', 'log', '10 T1 update P v: a -> b']
  const cases: [string, string[], string][] = [
    ['nothing', [''], '1:1: expected a line \'scenario ID "title"\''],
    ['no scenario line', ['# a remark', ' log'], '2:2: expected a line \'scenario ID "title"\''],
    ['no id', ['scenario'], '1:9: expected the id of the scenario, found the end of the line'],
    ['an open string', ['scenario "s'], '1:10: the string that begins here has no closing "'],
    ['an unknown escape', ['scenario "\\x"'], '1:10: a backslash in a string means what it means in JSON'],
    ['a stray sign', ['scenario s', 'log', '10 T1 update P v; a'], '3:17: ";" has no meaning here'],
    ['an unknown statement', [...HEAD, 'crsh'], '5:1: expected a record, which begins with its LSN, or one of '],
    [
      'a statement elsewhere',
      [...HEAD, 'undo 10'],
      '5:1: "undo" belongs below "restart" or "rollback", and this is below "log"',
    ],
    ['initial too late', [...HEAD, 'initial Q v: a'], '5:1: "initial" belongs below "scenario", before the log'],
    ['a record without a log', ['scenario s', '10 T1 commit'], '2:1: a record stands below "log" or "writes"'],
    ['two logs', [...HEAD, 'log'], '5:1: "log" belongs below "scenario", before the log, and this is below "log"'],
    [
      'no type',
      [...HEAD, '20 T1'],
      '5:6: expected the type of the record (update, clr, commit, abort, end, begin, free_page), found the end',
    ],
    ['another type', [...HEAD, '20 T1 write P'], '5:7: expected the type of the record (update, '],
    [
      'no arrow',
      [...HEAD, '20 T1 update P v: b c'],
      '5:21: expected "->" between the value before and the value after, found "c"',
    ],
    [
      'no value',
      [...HEAD, '20 T1 update P v: b ->'],
      '5:23: expected the value after or "none", found the end of the line',
    ],
    ['more than a record', [...HEAD, '20 T1 commit P'], '5:14: expected the end of the line, found "P"'],
    ['LSNs that do not rise', [...HEAD, '10 T1 commit'], '5:1: lsn must be above 10, the LSN before it; it is 10'],
    [
      "another's prev",
      [...HEAD, '20 T2 commit prev 10'],
      '5:19: prevLsn must be null, or the LSN of an earlier record of T2',
    ],
    ['a link ahead', [...HEAD, '20 T1 clr P v: a undoes 10 next 30'], '5:33: undoNextLsn must be below'],
    ['a CLR of nothing', [...HEAD, '20 T1 clr next none'], '5:11: what this CLR restores cannot be told from the log'],
    [
      'a CLR of another page',
      [...HEAD, '20 T1 clr Q undoes 10'],
      '5:11: what this CLR restores cannot be told from the log',
    ],
    ['a CLR that leads nowhere', [...HEAD, '20 T1 clr dummy'], '5:16: expected "next", found the end of the line'],
    ['a huge LSN', [...HEAD, '1e999 T1 commit'], '5:1: 1e999 is too large for an LSN'],
    ['a master that is no checkpoint', [...HEAD, 'master 10'], '5:1: masterLsn must be the LSN of a begin_checkpoint'],
    ['a page twice', ['scenario s', 'initial P v: a', 'initial P v: b'], '3:9: page P has been given above'],
    ['a slot twice', ['scenario s', 'initial P v: a, v: b'], '2:17: v is in this list already'],
    ['a status', [...HEAD, 'restart', 'att T1 U 10'], '6:8: expected the status of the transaction (running, '],
    [
      'a transaction twice',
      [...HEAD, 'restart', 'att T1 running 10,', '  T1 running 10'],
      '7:3: T1 is in this list already',
    ],
    ['a reason', [...HEAD, 'restart', 'skipped 10 clean'], '6:12: expected the reason (not-redoable, '],
    ['a page that no record made', [...HEAD, 'restart', 'disk P @20'], '6:6: no record changes page P at LSN 20'],
    ['an answer twice', [...HEAD, 'restart', 'redone 10', 'redone 10'], '7:1: this has been said above'],
    ['writes of no pass', [...HEAD, 'restart', 'writes none'], '6:1: "writes" stands below "analysis" or "undo"'],
    ['flushed without a crash', [...HEAD, 'restart', 'flushed P @10'], '6:1: "flushed" tells what a crash leaves'],
    [
      'a crash that nothing follows',
      [...HEAD, 'restart', 'crash after 10'],
      '6:1: crash must be null: nothing follows',
    ],
    [
      'a crash before what is durable',
      [...HEAD, 'restart', 'undo', 'writes', '20 T1 clr undoes 10', 'crash after 15', 'restart'],
      '9:13: durableThroughLsn must be at or above',
    ],
    ['two kinds', [...HEAD, 'restart', 'rollback T1'], '6:1: this scenario is about something else already'],
    [
      'a rollback of nobody',
      [...HEAD, 'rollback T2', 'undo none', 'writes none'],
      '5:1: txn must be a transaction that has a record',
    ],
    ['a rollback without its answer', [...HEAD, 'rollback T1'], '5:1: undoOrder must be a list; it is missing'],
    ['an option', ['scenario s', 'options fast'], '2:9: expected an option (abort-at-analysis-end, '],
    [
      'a colon that nothing follows',
      ['scenario s', 'initial P v:'],
      '2:13: expected the value of the slot, found the end',
    ],
    [
      'a name in place of an LSN',
      [...HEAD, 'restart', 'redone all'],
      '6:8: expected the LSN of a record that is redone or "none", found "all"',
    ],
    ['a list that never ends', [...HEAD, 'restart', 'dpt P 10,'], '6:10: expected a page or "none", found the end'],
  ]
  test.each(cases)('%s', (_name, lines, complaint) => {
    expect(() => parse(...lines)).toThrow(`INVALID_ARGUMENT: my.scenario:${complaint}`)
  })

  test('the line is shown, with a mark below the place', () => {
    expect(() => parse('scenario s', 'log', '\t10 T1 update P v = b')).toThrow(
      'my.scenario:3:19: expected ":" between the slot and its values, found "="\n' +
        '   3 | \t10 T1 update P v = b\n' +
        '       \t                 ^',
    )
  })

  test('one bad scenario does not hide the others', () => {
    const found = findScenarios('scenario a\nlog\nwhat\nscenario b\nlog\n10 T1 commit\n', 'my.scenario')
    expect(found.map(({ id }) => id)).toEqual(['a', 'b'])
    expect(() => found[0]?.load()).toThrow('my.scenario:3:1: ')
    expect(found[1]?.load().log).toHaveLength(1)
  })
})
