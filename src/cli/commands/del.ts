/** `aries del`: removes rows, in one transaction. */
import type { Command } from 'commander'
import { ExitCode } from '../errors.ts'
import { interruptible } from '../interrupt.ts'
import { openToWrite } from '../open.ts'
import { counted, printJson, printLine } from '../output.ts'
import { addRowOptions, type RowOptions, rowEncodingOf } from '../rows/encoding.ts'
import { existingTable } from '../rows/tables.ts'
import { writeRows } from '../rows/write.ts'

export function addDel(program: Command): void {
  addRowOptions(program.command('del'))
    .description('remove rows, all of them in one transaction')
    .argument('<directory>', 'the directory of the database')
    .argument('<table>', 'the name of the table')
    .argument('<key...>', 'the keys')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ aries del ./data fruit apple banana

Exits with 0 when all keys were there, with 1 when one was not; the others are removed all the same.`,
    )
    .action(
      async (
        directory: string,
        tableName: string,
        keys: readonly string[],
        options: RowOptions & { json?: boolean },
      ) => {
        const { key } = rowEncodingOf(options)
        const wanted = keys.map((text) => key.fromText(text))
        await interruptible(async (signal) => {
          await using database = await openToWrite(directory)
          using snapshot = database.snapshot()
          const table = existingTable(database, snapshot, tableName)
          const deleted = await writeRows(database, signal, async (tx) => {
            let count = 0
            for (const bytes of wanted) if (await tx.delete(table, bytes)) count++
            return count
          })
          if (options.json) printJson({ deleted, missing: wanted.length - deleted })
          else printLine(`${counted(deleted, 'row')} deleted, ${counted(wanted.length - deleted, 'key')} not there`)
          if (deleted < wanted.length) process.exitCode = ExitCode.PROBLEMS
        })
      },
    )
}
