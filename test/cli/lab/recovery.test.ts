/** The lab "write recovery": the engine's own passes get full marks, and mistakes the complaint that helps. */
import { describe, expect, test } from 'vitest'
import { reportOf } from '../../../src/cli/lab/check/report.ts'
import { LabData } from '../../../src/cli/lab/lab-data.ts'
import { RECOVERY_PARTS, recoveryCases, StudentPasses } from '../../../src/cli/lab/recovery/cases.ts'
import { recoveryLab } from '../../../src/cli/lab/recovery/lab.ts'
import { RECOVERY_FILES, RECOVERY_PLANS } from '../../../src/cli/lab/recovery/plan.ts'
import { skeletonOf } from '../../../src/cli/lab/recovery/skeleton.ts'
import { makeFolderWith, scenariosText, solutions, sourceOf } from './folders.ts'

const CASES = recoveryCases(scenariosText())

/** Judges what is handed in; `part` is one of its parts, or all. */
async function judged(files: Readonly<Record<string, string>>, part = '') {
  const student = new StudentPasses(makeFolderWith(files))
  const cases = CASES.filter(({ id }) => id.startsWith(part))
  const outcomes: { id: string; complaints: readonly string[] }[] = []
  for (const { id, judge } of cases) outcomes.push({ id, complaints: await judge(student, () => {}) })
  const report = reportOf('recovery', RECOVERY_PARTS, cases, outcomes)
  const complaints = new Map(outcomes.map((outcome) => [outcome.id, outcome.complaints.join('\n')]))
  const all = outcomes.flatMap((outcome) => outcome.complaints)
  return { report, all, complaintOf: (id: string): string => complaints.get(id) ?? 'no such case' }
}

test('the passes of the engine get all points', async () => {
  const { report } = await judged(solutions())
  expect(report.parts.flatMap(({ wrong }) => wrong)).toEqual([])
  expect(report).toMatchObject({ points: 100, pointsMax: 100, grade: 'A' })
  expect(report.parts.map(({ cases }) => cases)).toEqual([37, 36, 41, 5])
})

test('so do their sources, once they import from the lab, as the key says; none as they are', async () => {
  const sources = RECOVERY_FILES.map((file) => [file, sourceOf(file)] as const)
  const key = await recoveryLab.key(new LabData(''), undefined)
  expect(key.join(' ')).toContain("with './engine.js' written in the place of every module that they import from")
  const imported = sources.map(([file, source]) => [file, source.replaceAll(/(?<= from )'.+'$/gm, "'./engine.js'")])
  expect((await judged(Object.fromEntries(imported))).report.points).toBe(100)
  const { report, complaintOf } = await judged(Object.fromEntries(sources))
  expect(report.points).toBe(0)
  expect(complaintOf('analysis S01')).toContain('there is no file ')
})

test('the skeleton gets none, and is told what to write', async () => {
  const skeletons = RECOVERY_FILES.map((file) => [file, skeletonOf(sourceOf(file), RECOVERY_PLANS[file])])
  const { report, complaintOf } = await judged(Object.fromEntries(skeletons))
  expect(report).toMatchObject({ points: 0, grade: 'F' })
  expect(complaintOf('analysis S01')).toBe('S01, after LSN 0 (begin_checkpoint): Tables.take is not written yet')
  expect(complaintOf('redo S01')).toBe('S01: oldestOf is not written yet')
  expect(complaintOf('crash commits')).toContain('Tables.take is not written yet')
})

describe('mistakes', () => {
  test('CLRs taken for updates in analysis', async () => {
    const files = solutions({ 'analysis.ts': ['record.type === RecordType.CLR ? record.undoNextLsn : lsn', 'lsn'] })
    const { report, all } = await judged(files, 'analysis')
    const complaint =
      /^S02, second attempt, after LSN 100 \(T1 clr P5\): the transaction table has T1 with undoNextLSN 100; expected: 20$/
    expect(all).toContainEqual(expect.stringMatching(complaint))
    expect(report.parts[0]?.pointsReached).toBeLessThan(30)
  })

  test('a transaction comes back by the checkpoint, though its END was seen', async () => {
    const files = solutions({ 'analysis.ts': ['if (!this.#ended.has(saved.id)) this', 'this'] })
    const { complaintOf } = await judged(files, 'analysis')
    expect(complaintOf('analysis D07')).toMatch(/which should not be in it$/m)
  })

  test('the newer recLSN wins', async () => {
    const files = solutions({ 'analysis.ts': ['&& !this.dirtyPages.has(record.pageId)) {', ') {'] })
    const { all } = await judged(files, 'analysis')
    expect(all).toContainEqual(expect.stringMatching(/the dirty page table has \w+ with recLSN \d+; expected: \d+/))
  })

  test('redo without the test of recLSN', async () => {
    const files = solutions({ 'redo.ts': ["if (record.lsn < recLsn) return 'lsn<recLsn'", ''] })
    const { complaintOf } = await judged(files, 'redo')
    expect(complaintOf('redo D08')).toMatch(/redone\? no, pageLsn>=lsn; expected: no: \(3\) LSN \d+ < recLSN \d+/)
  })

  test('redo without the test of pageLSN', async () => {
    const files = solutions({ 'redo.ts': ["if (this.#pageLsn >= record.lsn) return 'pageLsn>=lsn'", ''] })
    const { complaintOf } = await judged(files, 'redo')
    expect(complaintOf('redo S04')).toMatch(/redone\? yes; expected: no: \(4\) pageLSN \d+ >= LSN \d+/)
  })

  test('a redone page that is not dirty', async () => {
    const files = solutions({ 'redo.ts': ['this.#buffer.markDirty(page, record.lsn)', ''] })
    const { complaintOf } = await judged(files, 'redo')
    expect(complaintOf('redo S01')).toContain("the buffer pool's dirty page table is empty; expected: ")
  })

  test('undo follows prevLSN of a CLR', async () => {
    const files = solutions({
      'undo.ts': ['entry.undoNextLsn = record.undoNextLsn', 'entry.undoNextLsn = record.prevLsn'],
    })
    const { complaintOf } = await judged(files, 'undo')
    expect(complaintOf('undo S17')).toMatch(/CLR 3 should compensate LSN 10 .* yours compensates LSN \d+ again \(I7\)/)
  })

  test('a CLR that leads nowhere', async () => {
    const files = solutions({ 'undo.ts': ['? lsn : prevLsn', '? lsn : NULL_LSN'] })
    const { complaintOf } = await judged(files, 'undo S01')
    expect(complaintOf('undo S01')).toMatch(
      /CLR 1, which compensates LSN 80, has undoNextLSN none; expected: 20.*\(I6\)/,
    )
  })

  test('loser by loser, and not in one sweep', async () => {
    const files = solutions({ 'undo.ts': ['a.undoNextLsn > b.undoNextLsn', 'a.id < b.id'] })
    const { complaintOf } = await judged(files, 'undo')
    expect(complaintOf('undo S09')).toMatch(/the highest LSN that any loser has left/)
  })

  test('undo that stays where it is', async () => {
    const files = solutions({ 'undo.ts': ['entry.undoNextLsn = record.undoNextLsn', ''] })
    const { complaintOf } = await judged(files, 'undo')
    expect(complaintOf('undo D03')).toMatch(
      /undo reads the record at LSN \d+ again and again: entry.undoNextLsn has to move on$/,
    )
  })

  test('a page that redo does not unfix', async () => {
    const files = solutions({ 'redo.ts': ['this.#buffer.unfix(page)', ''] })
    const { complaintOf } = await judged(files, 'redo S01')
    expect(complaintOf('redo S01')).toMatch(/^S01: \d+ pins are left on pages: unfix each page that you fix/)
  })

  test('no END for a loser', async () => {
    const files = solutions({ 'undo.ts': ['const endLsn = this.end(entry)', 'const endLsn = entry.lastLsn'] })
    const { complaintOf } = await judged(files, 'undo S01')
    expect(complaintOf('undo S01')).toMatch(/END records are written of nobody; expected: T1, T3/)
  })

  test('a number that the engine needs for new transactions', async () => {
    const files = solutions({ 'analysis.ts': ['this.nextTxnId = Math.max(this.nextTxnId, txnId + 1)', ''] })
    const { all } = await judged(files, 'analysis')
    expect(all).toContainEqual(expect.stringMatching(/at the end of the log: the result has nextTxnId 1; expected: 4/))
  })

  test('losers that nobody undoes show after a crash, with its timeline', async () => {
    const files = solutions({
      'undo.ts': [
        '    this.spendReserve(entry, CLR_HEADER_BYTES + ',
        '    if (entry.id % 2 === 0) {\n      entry.undoNextLsn = record.prevLsn\n      return\n    }\n    this.spendReserve(entry, CLR_HEADER_BYTES + ',
      ],
    })
    const { complaintOf } = await judged(files, 'crash losers')
    expect(complaintOf('crash losers')).toMatch(/^after a crash, .*(was not undone|damaged|is not there)/)
    expect(complaintOf('crash losers')).toContain('the machine stops here')
  })

  test('an error is shown with the line of the student that threw it', async () => {
    const files = solutions({ 'redo.ts': ["if (record.lsn < recLsn) return 'lsn<recLsn'", 'recLsn.compare(record)'] })
    const line = files['redo.ts']?.split('\n').findIndex((text) => text.includes('recLsn.compare'))
    const { complaintOf } = await judged(files, 'redo S01')
    expect(complaintOf('redo S01')).toBe(
      `S01: TypeError: recLsn.compare is not a function (redo.ts:${(line ?? 0) + 1})`,
    )
  })

  test('a file that exports something else, and one that does not parse, leave the others their points', async () => {
    const files = { ...solutions(), 'redo.ts': 'export const redo = 1\n', 'undo.ts': 'export class Rollback {' }
    const { report, complaintOf } = await judged(files)
    expect(report.parts.map(({ pointsReached }) => pointsReached)).toEqual([30, 0, 0, 0])
    expect(complaintOf('redo S01')).toBe('redo.ts must export Redo, as the skeleton does')
    expect(complaintOf('undo S01')).toMatch(/^undo.ts: .*1:/)
  })
})
