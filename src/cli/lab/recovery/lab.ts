/** The lab "write recovery": analysis, redo and undo of the real engine, with the bodies missing. */
import { reportOf } from '../check/report.ts'
import { judgeInWorker, workAs } from '../check/worker-process.ts'
import { makeFolder } from '../folder.ts'
import { casesWith, type Lab } from '../lab.ts'
import type { LabData } from '../lab-data.ts'
import { RECOVERY_PARTS, type RecoveryCase, recoveryCases, StudentPasses } from './cases.ts'
import { RECOVERY_FILES } from './plan.ts'

const ID = 'recovery'
/** Files of the folder that the build makes, besides the skeletons. */
const GENERATED = [...RECOVERY_FILES, 'engine.d.ts', 'tsconfig.json']

const casesOf = (data: LabData): RecoveryCase[] => recoveryCases(data.packed('scenarios.json'))

export const recoveryLab: Lab = {
  id: ID,
  title: 'write recovery: analysis, redo and undo for the real engine',
  isDrawn: false,

  async start({ directory, data }) {
    const files = GENERATED.map((name) => [name, data.text(`${ID}/${name}`)] as const)
    makeFolder(directory, { lab: ID }, new Map([['README.md', data.text(`${ID}.md`)], ...files]))
    return ['Read README.md, then write the bodies in analysis.ts, redo.ts and undo.ts, in this order.']
  },

  async check({ directory, data, programFile, only, onProgress }) {
    const cases = casesWith(casesOf(data), only)
    let done = 0
    const job = { lab: ID, directory, data: data.directory }
    const outcomes = await judgeInWorker(programFile, job, cases, () => onProgress(++done, cases.length))
    return reportOf(ID, RECOVERY_PARTS, cases, outcomes)
  },

  async work({ directory, cases }, data) {
    const wanted = new Set(cases)
    const student = new StudentPasses(directory)
    const own = casesOf(data).filter(({ id }) => wanted.has(id))
    await workAs(own.map((each) => ({ ...each, judge: (isAlive) => each.judge(student, isAlive) })))
  },

  async key() {
    return [
      'The solution is the source of the engine: src/recovery/analysis.ts, redo.ts and undo.ts, in the package and in',
      "the repository. Copied into the folder, with './engine.js' written in the place of every module that they import",
      'from, they get full marks from aries lab check; with the imports as they are they get none, since a lab imports',
      'files of its own folder only. How students are kept honest: see the teaching notes.',
    ]
  },
}
