/** `aries stats`: what a running process does with its database, or how one that nobody has open lies in its files. */
import type { Command } from 'commander'
import { secondsOf } from '../arguments.ts'
import { CliError, ExitCode } from '../errors.ts'
import { tellOutline } from '../files/outline.ts'
import { interruptible } from '../interrupt.ts'
import { isDamage } from '../open.ts'
import { printJson } from '../output.ts'
import { fileStatsOf, isDamaged, printFileStats } from '../stats/files.ts'
import { askForLiveStats, printLiveStats } from '../stats/live.ts'
import { watchStats } from '../stats/watch.ts'

interface Options {
  readonly watch?: number
  readonly json?: boolean
}

export function addStats(program: Command): void {
  program
    .command('stats')
    .description('show the figures of the process that has a database open; else its files, log, pages and tables')
    .argument('<directory>', 'the directory of the database')
    .option('--watch <seconds>', 'print a line of rates again and again, until Ctrl-C', secondsOf)
    .option('--json', 'print as JSON; with --watch a line each time')
    .addHelpText(
      'after',
      `
A process that has the database open is asked for db.stats(), which costs it nothing but the answer. Where there is none,
all comes from the files: a database that was not closed cleanly is recovered in memory, and its files stay as they are.
Rows are counted as they lie in the pages, with the changes of what is in doubt; "aries info" counts committed ones.

Examples:
  $ aries stats ./data
  $ aries stats ./data --watch 1
  $ aries stats ./data --json | jq '.stats.locks // .tables'

Exits with 0; with 1 when damage is met, and what can still be told is told; with 3 when the process does not answer,
or --watch finds none.`,
    )
    .action(async (directory: string, { watch, json }: Options) => {
      const live = await askForLiveStats(directory)
      if (watch !== undefined) {
        if (live === undefined)
          throw new CliError(`no process that could be asked has ${directory} open; --watch needs one`)
        await interruptible((signal) => watchStats(directory, live, watch, json === true, signal))
      } else if (live !== undefined) {
        if (json) printJson({ directory, ...live })
        else printLiveStats(directory, live)
      } else {
        await tellFiles(directory, json === true)
      }
    })
}

async function tellFiles(directory: string, isJson: boolean): Promise<void> {
  try {
    const stats = await fileStatsOf(directory)
    if (isJson) printJson(stats)
    else printFileStats(stats)
    if (isDamaged(stats)) process.exitCode = ExitCode.PROBLEMS
  } catch (error) {
    if (!isDamage(error)) throw error
    await tellOutline(directory, error, isJson)
  }
}
