/** The lab "how often a checkpoint": measurements by program, a decision on a page. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Table from 'cli-table3'
import { CliError, ExitCode } from '../../errors.ts'
import { type CaseOutcome, type LabCase, type LabPart, reportOf } from '../check/report.ts'
import { makeFolder } from '../folder.ts'
import { casesWith, type Lab } from '../lab.ts'
import { drawSeed, knownSeed } from '../seed.ts'
import { type Measurement, measure, type Setting } from './measure.ts'
import { markReport, reportForm, summaryOf } from './report-file.ts'

const ID = 'design'
const REPORT = 'report.md'
const FILE = 'measurements.json'
const SETTINGS_MIN = 6
const PARTS: readonly LabPart[] = [
  { id: 'measured', title: 'measurements: enough, varied, and as this program makes them', points: 20 },
  { id: 'report', title: 'report: there, and resting on figures (its content is the teacher’s to mark)', points: 20 },
]

export const designLab: Lab = {
  id: ID,
  title: 'design by measurement: how often should a checkpoint be taken?',
  isDrawn: true,

  async start({ directory, data, options }) {
    const seed = options.seed ?? drawSeed()
    const files = new Map([
      ['README.md', data.text(`${ID}.md`)],
      [REPORT, reportForm()],
    ])
    makeFolder(directory, { lab: ID, seed }, files)
    return [`Read README.md; write your prediction into ${REPORT}; then measure with: aries lab measure ${directory}`]
  },

  async check({ directory, seed, only }) {
    const measurements = readMeasurements(directory)
    const file = join(directory, REPORT)
    if (!existsSync(file)) throw new CliError(`${file} is missing`, ExitCode.USAGE)
    const measured = await markMeasurements(measurements, knownSeed(seed))
    const report = markReport(readFileSync(file, 'utf8'), measurements)
    const cases = casesWith([...measured.cases, ...report.cases], only)
    return reportOf(ID, PARTS, cases, [...measured.outcomes, ...report.outcomes])
  },

  async key() {
    return ['There is no key: the teaching notes have a rubric, and what the curves look like.']
  },
}

function readMeasurements(directory: string): Measurement[] {
  const file = join(directory, FILE)
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Measurement[]) : []
}

async function markMeasurements(
  measurements: readonly Measurement[],
  seed: number,
): Promise<{ readonly cases: LabCase[]; readonly outcomes: CaseOutcome[] }> {
  const intervals = new Set(measurements.map(({ checkpointKib }) => checkpointKib)).size
  const questions: (readonly [string, string | undefined])[] = [
    [
      'measured count',
      measurements.length >= SETTINGS_MIN
        ? undefined
        : `${measurements.length} settings; measure at least ${SETTINGS_MIN}`,
    ],
    ['measured intervals', intervals >= 4 ? undefined : `${intervals} intervals between checkpoints; a curve needs 4`],
    ['measured again', await repeats(measurements, seed)],
  ]
  return {
    cases: questions.map(([id]) => ({ id, part: 'measured', title: '' })),
    outcomes: questions.map(([id, complaint]) => ({ id, complaints: complaint === undefined ? [] : [complaint] })),
  }
}

/** One of them is measured once more: all but the milliseconds must come out the same. */
async function repeats(measurements: readonly Measurement[], seed: number): Promise<string | undefined> {
  const quickest = [...measurements].sort((a, b) => a.updates - b.updates)[0]
  if (quickest === undefined) return 'nothing is measured'
  const again = await measure(quickest, seed, () => {})
  const text = (measurement: Measurement): string =>
    JSON.stringify({ ...measurement, restarts: measurement.restarts.map((restart) => ({ ...restart, ms: 0 })) })
  return text(again) === text(quickest)
    ? undefined
    : `measured again, the setting with an interval of ${quickest.checkpointKib} KiB gives other figures`
}

/** Measures each setting, adds them to what the folder has, and gives the table of all. */
export async function measureInto(
  directory: string,
  seed: number,
  settings: readonly Setting[],
  onProgress: (done: number, total: number) => void,
): Promise<string> {
  const known = readMeasurements(directory)
  const total = settings.reduce((sum, { updates }) => sum + updates, 0)
  let before = 0
  for (const setting of settings) {
    const measurement = await measure(setting, seed, (done) => onProgress(before + done, total))
    before += setting.updates
    const at = known.findIndex((other) => nameOf(other) === nameOf(setting))
    known.splice(at < 0 ? known.length : at, at < 0 ? 0 : 1, measurement)
    writeFileSync(join(directory, FILE), `${JSON.stringify(known, undefined, 2)}\n`)
  }
  return tableOf(known)
}

const nameOf = ({ checkpointKib, redoKib, poolPages, updates, hotPercent }: Setting): string =>
  [checkpointKib, redoKib, poolPages, updates, hotPercent].join()

function tableOf(measurements: readonly Measurement[]): string {
  const table = new Table({
    head: [
      ...['interval\nKiB', 'redo limit\nKiB', 'pool\npages', 'updates\n', 'hot\n%'],
      ...['check-\npoints', 'log\nKiB', 'pages\nKiB', 'copies\nKiB', 'syncs\n'],
      ...['log read\nKiB', 'at worst\nKiB', 'pages\nread', 'redone\n', 'at worst\nms'],
    ],
    style: { head: [], border: [], compact: true },
  })
  for (const measurement of measurements) {
    const { checkpointKib, redoKib, poolPages, updates, hotPercent, restarts } = measurement
    const { checkpoints, logKib, pageKib, doubleWriteKib, syncs } = measurement
    const setting = [checkpointKib, redoKib, poolPages, updates, hotPercent]
    const written = [checkpoints, logKib, pageKib, doubleWriteKib, syncs]
    const { logKib: read, logKibWorst, pagesRead, redone, msWorst } = summaryOf(restarts)
    table.push([...setting, ...written, read, logKibWorst, pagesRead, redone, msWorst])
  }
  return table.toString()
}
