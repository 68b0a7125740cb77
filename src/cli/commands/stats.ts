/** `aries stats`: what a running process does with its database, or how one that nobody has open lies in its files. */
import type { Command } from 'commander'
import { secondsOf } from '../arguments.ts'
import { CliError } from '../errors.ts'
import { interruptible } from '../interrupt.ts'
import { printJson } from '../output.ts'
import { fileStatsOf, printFileStats } from '../stats/files.ts'
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

Examples:
  $ aries stats ./data
  $ aries stats ./data --watch 1
  $ aries stats ./data --json | jq '.stats.locks // .tables'

Exits with 0, or with 3 when the process does not answer, or --watch finds none.`,
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
        const stats = await fileStatsOf(directory)
        if (json) printJson(stats)
        else printFileStats(stats)
      }
    })
}
