/** The lab "find the planted bug": twelve engines, each with a mistake in it, to be found by crash tests. */
import { type LabCase, type LabPart, reportOf } from '../check/report.ts'
import { judgeInWorker, workAs } from '../check/worker-process.ts'
import { makeFolder } from '../folder.ts'
import { casesWith, type Lab } from '../lab.ts'
import type { LabData } from '../lab-data.ts'
import { drawSeed, knownSeed } from '../seed.ts'
import { type BoxArchive, boxesFor } from './archive.ts'
import { BoxJudge } from './judge.ts'
import { nameOfBox, testFile } from './test-file.ts'

const ID = 'planted-bug'
const PARTS: readonly LabPart[] = [
  { id: 'found', title: 'a test that fails on the box, and passes on the sound engine', points: 70 },
  { id: 'named', title: 'the invariant that is broken', points: 30 },
]

const archiveOf = (data: LabData): BoxArchive => JSON.parse(data.packed('boxes.json')) as BoxArchive

interface BoxCase extends LabCase {
  readonly number: number
  readonly part: 'found' | 'named'
}

function casesOf({ boxes }: BoxArchive): BoxCase[] {
  return (['found', 'named'] as const).flatMap((part) =>
    boxes.map((_, index) => ({ id: `${nameOfBox(index + 1)} ${part}`, part, title: '', number: index + 1 })),
  )
}

export const plantedBugLab: Lab = {
  id: ID,
  title: 'find the planted bug: twelve broken engines, and the crash kit',
  isDrawn: true,

  async start({ directory, data, options }) {
    const archive = archiveOf(data)
    const seed = options.seed ?? drawSeed()
    const invariants = archive.invariants.map(({ id, statement }) => `- **${id}** ${statement}\n`)
    const tests = archive.boxes.map((_, index) => [`${nameOfBox(index + 1)}.ts`, testFile(index + 1)] as const)
    const files = new Map([
      ['README.md', data.text(`${ID}.md`)],
      ['invariants.md', `# Invariants\n\n${invariants.join('')}`],
      ...tests,
    ])
    makeFolder(directory, { lab: ID, ...(options.sealed ? {} : { seed }) }, files)
    return [
      ...(options.sealed ? [`Sealed. Its seed is ${seed}.`] : []),
      'Read README.md, then write a crash test in each box-NN.ts, in any order.',
    ]
  },

  async check({ directory, data, programFile, only, seed, onProgress }) {
    const cases = casesWith(casesOf(archiveOf(data)), only)
    let done = 0
    const job = { lab: ID, directory, data: data.directory, seed: knownSeed(seed) }
    const outcomes = await judgeInWorker(programFile, job, cases, () => onProgress(++done, cases.length))
    return reportOf(ID, PARTS, cases, outcomes)
  },

  async work({ directory, cases, seed }, data) {
    const archive = archiveOf(data)
    const judge = new BoxJudge(directory, archive, boxesFor(archive, knownSeed(seed)))
    const wanted = new Set(cases)
    const own = casesOf(archive).filter(({ id }) => wanted.has(id))
    await workAs(own.map((each) => ({ ...each, judge: (isAlive) => judge.judge(each.number, each.part, isAlive) })))
  },

  async key(data, seed) {
    const archive = archiveOf(data)
    return boxesFor(archive, knownSeed(seed)).flatMap(({ name, invariants: [first, ...others], sentence }, index) => [
      `${nameOfBox(index + 1)}  ${first}${others.length === 0 ? '' : ` (${others.join(', ')} count too)`}  ${name}`,
      `        ${sentence}`,
    ])
  },
}
