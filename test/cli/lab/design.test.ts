/** The lab on checkpoints: measurements that come out the same again, and a report that rests on them. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { designLab, measureInto } from '../../../src/cli/lab/design/lab.ts'
import { type Measurement, measure, type Setting } from '../../../src/cli/lab/design/measure.ts'
import { markReport, reportForm, SECTIONS, summaryOf } from '../../../src/cli/lab/design/report-file.ts'
import { LabData } from '../../../src/cli/lab/lab-data.ts'
import { makeFolderWith } from './folders.ts'

const SETTING: Setting = { checkpointKib: 64, redoKib: 256, poolPages: 400, updates: 4000, hotPercent: 80 }

const counts = ({ restarts, ...others }: Measurement): object => ({
  ...others,
  restarts: restarts.map(({ ms: _, ...rest }) => rest),
})

test('counts come out the same again, and say what the settings do', async () => {
  const often = await measure(SETTING, 7, () => {})
  expect(counts(await measure(SETTING, 7, () => {}))).toEqual(counts(often))
  expect(often.restarts).toHaveLength(8)
  const seldom = await measure({ ...SETTING, checkpointKib: 4096, redoKib: 4096 }, 7, () => {})
  expect(often.checkpoints).toBeGreaterThan(3)
  expect(seldom.checkpoints).toBe(0)
  // What is written back early need not be redone, and what is not is written once.
  expect(often.pageKib).toBeGreaterThan(seldom.pageKib)
  expect(summaryOf(often.restarts).logKib).toBeLessThan(summaryOf(seldom.restarts).logKib)
  expect(summaryOf(often.restarts).redone).toBeLessThan(summaryOf(seldom.restarts).redone)
})

test('a form that is empty has no points, and a report with figures has all', async () => {
  const measurement = await measure(SETTING, 7, () => {})
  const empty = markReport(reportForm(), [measurement]).outcomes
  expect(empty).toHaveLength(SECTIONS.length + 1)
  expect(empty.every(({ complaints }) => complaints.length === 1)).toBe(true)
  expect(empty[0]?.complaints[0]).toBe('the section "Task" has 0 words; say more')
  const words = 'We took this from what we saw, and from nothing else. '.repeat(4)
  const { logKib, pageKib, doubleWriteKib, syncs, restarts } = measurement
  const figures = [
    logKib,
    pageKib,
    doubleWriteKib,
    syncs,
    restarts[0]?.logKib,
    restarts[7]?.recordsRedone,
    restarts[3]?.pagesRead,
  ]
  const text =
    SECTIONS.map(([title]) => `## ${title}\n\n${words}\n`).join('\n') +
    figures.map((figure) => figure?.toLocaleString('en-US')).join(', ')
  expect(markReport(text, [measurement]).outcomes.flatMap(({ complaints }) => complaints)).toEqual([])
  expect(markReport(text, []).outcomes.flatMap(({ complaints }) => complaints)).toEqual([
    '0 figures of measurements.json are in the report; a decision rests on at least 6',
  ])
})

test('measurements that this program does not make are noticed', async () => {
  const directory = makeFolderWith({ 'report.md': reportForm() })
  const settings = [64, 128, 256, 512].flatMap((checkpointKib) =>
    [256, 512].map((redoKib) => ({ ...SETTING, checkpointKib, redoKib, updates: 1000 })),
  )
  const table = await measureInto(directory, 7, settings, () => {})
  expect(table.split('\n')).toHaveLength(settings.length + 5)
  const check = async (): Promise<readonly (readonly string[])[]> => {
    const folder = { lab: 'design', version: '', seed: 7 }
    const context = {
      directory,
      folder,
      data: new LabData(directory),
      programFile: '',
      only: 'measured',
      seed: 7,
      onProgress: () => {},
    }
    const { parts } = await designLab.check(context)
    return (parts[0]?.wrong ?? []).map(({ complaints }) => complaints)
  }
  expect(await check()).toEqual([])
  writeFileSync(
    join(directory, 'measurements.json'),
    JSON.stringify(settings.map((setting) => ({ ...setting, logKib: 1, restarts: [] }))),
  )
  expect(await check()).toEqual([['measured again, the setting with an interval of 64 KiB gives other figures']])
  writeFileSync(join(directory, 'measurements.json'), '[]')
  expect((await check()).flat()).toEqual([
    '0 settings; measure at least 6',
    '0 intervals between checkpoints; a curve needs 4',
    'nothing is measured',
  ])
})
