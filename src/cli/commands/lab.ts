/** `aries lab`: the labs of the course, as src/cli/lab has them. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { wholeNumber, wholeNumbers } from '../arguments.ts'
import { CliError, ExitCode } from '../errors.ts'
import { isAllRight, printReport } from '../lab/check/report.ts'
import { type LabJob, WORKER_VERB } from '../lab/check/worker-process.ts'
import { measureInto } from '../lab/design/lab.ts'
import { readFolder } from '../lab/folder.ts'
import type { Lab, StartOptions } from '../lab/lab.ts'
import { LabData } from '../lab/lab-data.ts'
import { LABS } from '../lab/labs.ts'
import { knownSeed } from '../lab/seed.ts'
import { printJson, printLine } from '../output.ts'
import { ProgressBar } from '../progress.ts'

export function addLab(program: Command, programFile: string): void {
  const lab = program.command('lab').description('the labs of the course: start one, have it checked')
  addList(lab)
  addStart(lab, programFile)
  addCheck(lab, programFile)
  addMeasure(lab)
  addKey(lab, programFile)
  program
    .command(WORKER_VERB, { hidden: true })
    .argument('<job>')
    .action(async (text: string) => {
      const job = JSON.parse(text) as LabJob
      await labOf(job.lab).work?.(job, new LabData(job.data))
    })
}

function labOf(id: string): Lab {
  const lab = LABS.find((each) => each.id === id)
  if (lab !== undefined) return lab
  throw new CliError(
    `there is no lab ${JSON.stringify(id)}; there are ${LABS.map((each) => each.id).join(', ')}`,
    ExitCode.USAGE,
  )
}

function addList(lab: Command): void {
  lab
    .command('list')
    .description('which labs there are')
    .option('--json', 'print as JSON')
    .action(({ json }: { readonly json?: boolean }) => {
      const shown = LABS.map(({ id, title, isDrawn }) => ({ id, title, isDrawn }))
      if (json) printJson(shown)
      else for (const { id, title } of shown) printLine(`${id.padEnd(12)}  ${title}`)
    })
}

function addStart(lab: Command, programFile: string): void {
  lab
    .command('start')
    .description('make the folder of a lab, with all that it needs')
    .argument('<lab>', 'which one: see aries lab list')
    .argument('<directory>', 'a new or empty directory')
    .option(
      '--seed <number>',
      'what the lab is drawn from, where it is drawn; without one it is drawn anew',
      wholeNumber(1),
    )
    .option('--sealed', 'the folder does not say the seed: only who knows it can have it checked')
    .addHelpText(
      'after',
      `
Examples:
  $ aries lab start recovery ./recovery
  $ aries lab start log-reading ./dump --seed 17`,
    )
    .action(async (id: string, directory: string, options: StartOptions) => {
      const lines = await labOf(id).start({ directory: resolve(directory), data: LabData.of(programFile), options })
      for (const line of lines) printLine(line)
      printLine(`Have it checked with: aries lab check ${directory}`)
    })
}

interface CheckOptions {
  readonly json?: boolean
  readonly all?: boolean
  readonly only?: string
  readonly seed?: number
}

function addCheck(lab: Command, programFile: string): void {
  lab
    .command('check')
    .description('say what is wrong in a lab that somebody works on, with points and a grade')
    .argument('<directory>', 'the directory of the lab')
    .option('--only <case>', 'only the cases that have this in their names')
    .option('--all', 'show every case that is wrong, and not only a few of each part')
    .option('--seed <number>', 'what a sealed lab was drawn from', wholeNumber(1))
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ aries lab check ./recovery
  $ aries lab check ./recovery --only S07

Exits with 0 when all is right, with 1 when something is not.`,
    )
    .action(async (directory: string, options: CheckOptions) => {
      const folder = readFolder(directory)
      using bar = new ProgressBar()
      const report = await labOf(folder.lab).check({
        directory: resolve(directory),
        folder,
        data: LabData.of(programFile),
        programFile,
        only: options.only,
        seed: options.seed ?? folder.seed,
        onProgress: (done, total) => bar.update('checking', done, total),
      })
      bar.hide()
      printReport(report, options)
      if (!isAllRight(report)) process.exitCode = ExitCode.PROBLEMS
    })
}

interface MeasureOptions {
  readonly checkpointKib: readonly number[]
  readonly redoKib: readonly number[]
  readonly poolPages: readonly number[]
  readonly hot: readonly number[]
  readonly updates: number
}

function addMeasure(lab: Command): void {
  lab
    .command('measure')
    .description('measure what checkpoints cost and save, for the lab design')
    .argument('<directory>', 'the directory of the lab')
    .option('--checkpoint-kib <sizes>', 'log between two checkpoints', wholeNumbers(64), [64, 256, 1024, 4096])
    .option(
      '--redo-kib <sizes>',
      'log that redo may have to read: older dirty pages are written back',
      wholeNumbers(64),
      [2048],
    )
    .option('--pool-pages <counts>', 'pages of the buffer pool', wholeNumbers(16), [400])
    .option('--hot <percentages>', 'share of the updates that go to a tenth of the rows', wholeNumbers(0), [80])
    .option('--updates <count>', 'how many updates', wholeNumber(1000), 20_000)
    .addHelpText(
      'after',
      `
Several values are separated by commas; all combinations are measured, and added to measurements.json.

Examples:
  $ aries lab measure ./design --checkpoint-kib 64,256,1024,4096
  $ aries lab measure ./design --checkpoint-kib 256 --redo-kib 256,512,1024,2048`,
    )
    .action(async (directory: string, { updates, ...lists }: MeasureOptions) => {
      const { lab: id, seed } = readFolder(directory)
      if (id !== 'design')
        throw new CliError(`${directory} is the lab ${id}, in which nothing is measured`, ExitCode.USAGE)
      const settings = lists.checkpointKib.flatMap((checkpointKib) =>
        lists.redoKib.flatMap((redoKib) =>
          lists.poolPages.flatMap((poolPages) =>
            lists.hot.map((hotPercent) => ({ checkpointKib, redoKib, poolPages, updates, hotPercent })),
          ),
        ),
      )
      using bar = new ProgressBar()
      const table = await measureInto(directory, knownSeed(seed), settings, (done, total) => {
        bar.update('measuring', done, total)
      })
      bar.hide()
      printLine(table)
    })
}

function addKey(lab: Command, programFile: string): void {
  lab
    .command('key')
    .description('the answers, for the teacher')
    .argument('<lab>', 'which one: see aries lab list')
    .option('--seed <number>', 'what the lab was drawn from, where it is drawn', wholeNumber(1))
    .addHelpText(
      'after',
      `
Whoever has this program and the seed has the answers: see the teaching notes of the course.

Examples:
  $ aries lab key log-reading --seed 17`,
    )
    .action(async (id: string, { seed }: { readonly seed?: number }) => {
      const chosen = labOf(id)
      if (chosen.isDrawn && seed === undefined) throw new CliError(`${id} is drawn: give its --seed`, ExitCode.USAGE)
      for (const line of await chosen.key(LabData.of(programFile), seed)) printLine(line)
    })
}
