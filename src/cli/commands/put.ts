/** `aries put`: stores rows, in one transaction. */
import type { Command } from 'commander'
import { CliError, ExitCode } from '../errors.ts'
import { interruptible } from '../interrupt.ts'
import { openToWrite } from '../open.ts'
import { counted, printJson, printLine } from '../output.ts'
import { addRowOptions, type RowOptions, rowEncodingOf } from '../rows/encoding.ts'
import { rawTable } from '../rows/tables.ts'
import { writeRows } from '../rows/write.ts'

export function addPut(program: Command): void {
  addRowOptions(program.command('put'))
    .description('store rows, all of them in one transaction')
    .argument('<directory>', 'the directory of the database')
    .argument('<table>', 'the name of the table, which is made if it is missing')
    .argument('<row...>', 'key and value, and perhaps further keys and values')
    .option('--create', 'make the database if there is none')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
When it has ended with 0 the rows are durable. A database that was not closed cleanly is recovered first.

Examples:
  $ aries put ./data fruit apple red
  $ aries put ./data fruit apple green banana yellow
  $ aries put ./new users 17 '{"name":"Ann"}' --values json --create

Exits with 0, or with 3 when nothing was put.`,
    )
    .action(
      async (
        directory: string,
        tableName: string,
        texts: readonly string[],
        options: RowOptions & { create?: boolean; json?: boolean },
      ) => {
        const rows = rowsOf(texts, options)
        await interruptible(async (signal) => {
          await using database = await openToWrite(directory, { createIfMissing: options.create === true })
          const table = rawTable(database, tableName)
          await writeRows(database, signal, async (tx) => {
            for (const [key, value] of rows) await tx.put(table, key, value)
          })
          if (options.json) printJson({ put: rows.length })
          else printLine(`${counted(rows.length, 'row')} put`)
        })
      },
    )
}

function rowsOf(texts: readonly string[], options: RowOptions): [Uint8Array, Uint8Array][] {
  const { key, value } = rowEncodingOf(options)
  if (texts.length % 2 !== 0) throw new CliError(`the key ${JSON.stringify(texts.at(-1))} has no value`, ExitCode.USAGE)
  return Array.from({ length: texts.length / 2 }, (_, i) => {
    return [key.fromText(texts[2 * i] as string), value.fromText(texts[2 * i + 1] as string)]
  })
}
