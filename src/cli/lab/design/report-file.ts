/** The page that the student writes, and what a program can say of it: whether it is there, and rests on figures. */
import type { CaseOutcome, LabCase } from '../check/report.ts'
import type { Measurement } from './measure.ts'

export const SECTIONS: readonly (readonly [title: string, asks: string])[] = [
  [
    'Task',
    'For which workload and which promise do you choose? Say what may not be exceeded: seconds of restart, or written bytes.',
  ],
  [
    'Prediction',
    'Before you measured: what will restart time and write volume do as the interval grows? A curve in words, and why.',
  ],
  ['Measurements', 'Which settings, and why these. What was kept the same.'],
  ['Results', 'The figures that matter, in a table. Where was the prediction wrong?'],
  ['Decision', 'The setting, with the figures that it rests on, and what it costs.'],
  ['Doubts', 'What the simulation does not show, and which measurement you would make next on a real disk.'],
]

const WORDS_MIN = 30
const FIGURES_MIN = 6

export function reportForm(): string {
  const sections = SECTIONS.map(([title, asks]) => `## ${title}\n\n<!-- ${asks} -->\n`)
  return `# How often should a checkpoint be taken?\n\n${sections.join('\n')}`
}

interface Marks {
  readonly cases: LabCase[]
  readonly outcomes: CaseOutcome[]
}

/** A case for each section, and one for the figures. */
export function markReport(text: string, measurements: readonly Measurement[]): Marks {
  const cases: LabCase[] = []
  const outcomes: CaseOutcome[] = []
  const add = (title: string, complaint: string | undefined): void => {
    const id = `report ${title.toLowerCase()}`
    cases.push({ id, part: 'report', title: '' })
    outcomes.push({ id, complaints: complaint === undefined ? [] : [complaint] })
  }
  for (const [title] of SECTIONS) {
    const words = sectionOf(text, title)
      .split(/\s+/)
      .filter((word) => /\w/.test(word)).length
    add(title, words >= WORDS_MIN ? undefined : `the section "${title}" has ${words} words; say more`)
  }
  const cited = figuresIn(text, measurements).size
  const complaint = `${cited} figures of measurements.json are in the report; a decision rests on at least ${FIGURES_MIN}`
  add('figures', cited >= FIGURES_MIN ? undefined : complaint)
  return { cases, outcomes }
}

function sectionOf(text: string, title: string): string {
  const [, behind = ''] = text.split(new RegExp(`^## ${title}\\s*$`, 'm'))
  return (behind.split(/^## /m)[0] as string).replaceAll(/<!--[\s\S]*?-->/g, '')
}

/** Figures with at least two digits that were measured, and that the report has. */
function figuresIn(text: string, measurements: readonly Measurement[]): Set<number> {
  const written = new Set(
    text
      .replaceAll(/(?<=\d),(?=\d{3})/g, '')
      .match(/\d+(\.\d+)?/g)
      ?.map(Number),
  )
  const measured = measurements.flatMap(({ restarts, logKib, pageKib, doubleWriteKib, syncs }) => [
    ...[logKib, pageKib, doubleWriteKib, syncs],
    ...restarts.flatMap((restart) => [
      restart.logKib,
      restart.pagesRead,
      restart.recordsRedone,
      restart.recordsAnalysed,
    ]),
    ...Object.values(summaryOf(restarts)),
  ])
  return new Set(measured.filter((figure) => figure >= 10 && written.has(figure)))
}

/** The restarts of a setting in a few figures: averages, and the worst. */
export function summaryOf(restarts: Measurement['restarts']): {
  readonly logKib: number
  readonly logKibWorst: number
  readonly pagesRead: number
  readonly redone: number
  readonly msWorst: number
} {
  const mean = (of: (restart: Measurement['restarts'][number]) => number): number =>
    Math.round(restarts.reduce((sum, restart) => sum + of(restart), 0) / restarts.length)
  return {
    logKib: mean(({ logKib }) => logKib),
    logKibWorst: Math.max(...restarts.map(({ logKib }) => logKib)),
    pagesRead: mean(({ pagesRead }) => pagesRead),
    redone: mean(({ recordsRedone }) => recordsRedone),
    msWorst: Math.max(...restarts.map(({ ms }) => ms)),
  }
}
