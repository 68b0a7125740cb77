/** `aries recover`: brings a database that was not closed cleanly in order. */
import type { Command } from 'commander'
import { interruptible } from '../interrupt.ts'
import { openToWrite } from '../open.ts'
import { counted, printJson, printLine } from '../output.ts'
import { reportLines } from '../show/recovery-report.ts'

export function addRecover(program: Command): void {
  program
    .command('recover')
    .description('recover a database, close it cleanly, and report what was done')
    .argument('<directory>', 'the directory of the database')
    .option('--json', 'print the report as JSON')
    .addHelpText(
      'after',
      `
Every open recovers by itself; this does it at a time of your choice. "aries explain" shows it on a copy first.
A restart that is interrupted is taken up again by the next one.

Examples:
  $ aries recover ./data
  $ aries recover ./data --json | jq .redo

Exits with 0 when the database is recovered, with 3 when damage or a full disk prevents it.`,
    )
    .action(async (directory: string, options: { json?: boolean }) => {
      await interruptible(async () => {
        const database = await openToWrite(directory)
        const { recovery } = database
        const inDoubt = database.inDoubt().map(({ name }) => name)
        await database.close()
        if (options.json) {
          printJson({ ...recovery, inDoubt })
          return
        }
        for (const line of reportLines(recovery)) printLine(line)
        for (const notice of recovery.notices) printLine(`note      ${notice}`)
        if (recovery.damagedPages.length > 0) printLine(`damaged   page ${recovery.damagedPages.join(', page ')}`)
        if (inDoubt.length > 0) {
          const names = inDoubt.map((name) => JSON.stringify(name)).join(', ')
          printLine(`in doubt  ${counted(inDoubt.length, 'transaction')}: ${names}`)
        }
      })
    })
}
