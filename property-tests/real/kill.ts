/**
 * `npm run crash:kill`: a process with several clients at work on one database is killed with SIGKILL
 * over and over, at work and during restart. After each restart all that it acknowledged has to be
 * there, and nothing in part.
 *
 *   npm run crash:kill -- --cycles 200 --seed 1 --clients 8
 *
 * The seed decides what the clients do and when the kills come, but not how the machine interleaves
 * them: a run is not repeated exactly. A database that is wrong is kept.
 */
import { Command } from 'commander'
import { printLine } from '../../src/cli/output.ts'
import { randomFrom } from '../../src/common/random.ts'
import { Cleanup, wholeNumber } from './command.ts'
import { killLoop } from './kill-loop.ts'
import { Progress, printRows } from './report.ts'
import { Trial } from './trial.ts'

interface Options {
  readonly cycles: number
  readonly seed: number
  readonly clients: number
  readonly workMs: number
}

const options = new Command('crash:kill')
  .description('kill a working process over and over, and see that what it acknowledged is there')
  .option('--cycles <n>', 'processes started and killed', wholeNumber, 200)
  .option('--seed <n>', 'what is drawn follows from it', wholeNumber, 1)
  .option('--clients <n>', 'clients that work at once', wholeNumber, 8)
  .option('--work-ms <n>', 'the longest time from restart to kill', wholeNumber, 600)
  .addHelpText('after', '\nExits with 0 when nothing was violated, 1 when something was, 130 when interrupted.')
  .parse()
  .opts<Options>()

async function main(): Promise<boolean> {
  const { seed, clients, cycles, workMs } = options
  printLine(`seed ${seed}, ${clients} clients, ${cycles} cycles`)
  const cleanup = new Cleanup()
  let isKept = false
  const directory = cleanup.temporaryDirectory(() => isKept)
  const trial = new Trial({ directory, seed, clients })
  cleanup.add(() => trial.stop())
  const progress = new Progress('kills', cycles)
  const onCycle = (cycle: number): void => progress.at(cycle, trial.oracle)
  const figures = await killLoop(trial, { cycles, workMsMax: workMs, random: randomFrom(seed), onCycle })
  if (!trial.isOver) await trial.finish()
  progress.end()
  const notes = [`${figures.atWork} killed at work, ${figures.inRestart} in restart, ${figures.closed} closed`]
  notes.push(`${trial.oracle.figures.rolledBack} transactions rolled back while they ran`)
  printRows([{ name: 'SIGKILL', runs: cycles, notes, oracle: trial.oracle }])
  isKept = trial.isOver
  if (isKept) printLine(`the database is kept in ${directory}`)
  return !trial.isOver
}

process.exitCode = (await main()) ? 0 : 1
