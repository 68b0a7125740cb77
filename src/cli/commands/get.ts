/** `aries get`: the value under a key. */
import type { Command } from 'commander'
import { ExitCode } from '../errors.ts'
import { openToInspect } from '../open.ts'
import { printJson, printLine, warn, withoutControls } from '../output.ts'
import { addRowOptions, type RowOptions, rowEncodingOf } from '../rows/encoding.ts'
import { existingTable } from '../rows/tables.ts'

export function addGet(program: Command): void {
  addRowOptions(program.command('get'))
    .description('print the value under a key, without changing the database')
    .argument('<directory>', 'the directory of the database')
    .argument('<table>', 'the name of the table')
    .argument('<key>', 'the key')
    .option('--json', 'print key and value as JSON')
    .addHelpText(
      'after',
      `
On a terminal control characters of the value are shown as \\t, \\n, \\r, \\x1b; a file or a pipe gets them as they are.

Examples:
  $ aries get ./data fruit apple
  $ aries get ./data users 17 --values json --json | jq .value.name
  $ aries get ./data blobs 00ff --keys hex --values hex

Exits with 0, or with 1 when there is no such key or table.`,
    )
    .action(async (directory: string, tableName: string, key: string, options: RowOptions & { json?: boolean }) => {
      const encoding = rowEncodingOf(options)
      const keyBytes = encoding.key.fromText(key)
      await using database = await openToInspect(directory)
      using snapshot = database.snapshot()
      const found = snapshot.get(existingTable(database, snapshot, tableName), keyBytes)
      if (found === undefined) {
        warn(`there is no key ${JSON.stringify(key)} in table ${JSON.stringify(tableName)}`)
        process.exitCode = ExitCode.PROBLEMS
      } else if (options.json) {
        printJson({ key: encoding.key.toJson(keyBytes), value: encoding.value.toJson(found) })
      } else {
        const text = encoding.value.toText(found)
        printLine(process.stdout.isTTY === true ? withoutControls(text) : text)
      }
    })
}
