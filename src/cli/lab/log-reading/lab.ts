/** The lab "read a log dump": what a crash left, and questions on what restart will do with it. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { CliError, ExitCode } from '../../errors.ts'
import { reportOf } from '../check/report.ts'
import { makeFolder } from '../folder.ts'
import { casesWith, type Lab } from '../lab.ts'
import { drawSeed, knownSeed } from '../seed.ts'
import { answersForm, markAnswers, readAnswers } from './answers.ts'
import { type CrashRun, runToCrash } from './crash-run.ts'
import { dumpText } from './dump.ts'
import { type Question, questionsOn } from './questions.ts'

const ID = 'log-reading'
const DUMP = 'dump.txt'
const ANSWERS = 'answers.txt'

async function drawn(seed: number): Promise<{ readonly run: CrashRun; readonly questions: readonly Question[] }> {
  const run = await runToCrash(seed)
  return { run, questions: questionsOn(run, seed) }
}

export const logReadingLab: Lab = {
  id: ID,
  title: 'read a log dump after a crash, and say what restart does',
  isDrawn: true,

  async start({ directory, data, options }) {
    const seed = options.seed ?? drawSeed()
    const { run, questions } = await drawn(seed)
    const files = new Map([
      ['README.md', data.text(`${ID}.md`)],
      [DUMP, dumpText(run)],
      [ANSWERS, answersForm(questions)],
    ])
    makeFolder(directory, { lab: ID, ...(options.sealed ? {} : { seed }) }, files)
    return [
      ...(options.sealed ? [`Sealed. Its seed is ${seed}.`] : []),
      `Read README.md and ${DUMP}, then fill in ${ANSWERS}.`,
    ]
  },

  async check({ directory, folder, seed, only }) {
    const { run, questions } = await drawn(knownSeed(seed))
    checkDump(directory, dumpText(run), folder.version)
    const file = join(directory, ANSWERS)
    if (!existsSync(file)) throw new CliError(`${file} is missing`, ExitCode.USAGE)
    const { parts, cases, outcomes } = markAnswers(questions, readAnswers(readFileSync(file, 'utf8'), questions.length))
    return reportOf(ID, parts, casesWith(cases, only), outcomes)
  },

  async key(_data, seed) {
    const { questions } = await drawn(knownSeed(seed))
    return questions.flatMap(({ title, answer }, index) => [
      `# ${title}`,
      `${index + 1}: ${answer.length === 0 ? '-' : answer.join(', ')}`,
      '',
    ])
  },
}

/** Another version of the engine may write another log, and with another seed the answers are to other questions. */
function checkDump(directory: string, text: string, version: string): void {
  const file = join(directory, DUMP)
  if (!existsSync(file) || readFileSync(file, 'utf8') === text) return
  throw new CliError(
    `${file} is not what this program makes of the seed: was it changed, is it another seed, or another version of aries-db? It was made by version ${version}`,
    ExitCode.USAGE,
  )
}
