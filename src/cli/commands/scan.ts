/** `aries scan`: the rows of a table, in key order. */
import { type Command, Option } from 'commander'
import { wholeNumber } from '../arguments.ts'
import { openToInspect } from '../open.ts'
import { printLine, withoutControls } from '../output.ts'
import { addRowOptions, decodeRow, type RowOptions, rowEncodingOf } from '../rows/encoding.ts'
import { existingTable, type RangeFlags, rangeOf } from '../rows/tables.ts'
import { nextTurn } from '../turns.ts'

interface Options extends RowOptions, RangeFlags {
  readonly json?: boolean
}

/** So often others get a turn: who reads our output may have seen enough. */
const ROWS_A_TURN = 1_000

export function addScan(program: Command): void {
  addRowOptions(program.command('scan'))
    .description('print the rows of a table in key order, without changing the database')
    .argument('<directory>', 'the directory of the database')
    .argument('<table>', 'the name of the table')
    .option('--from <key>', 'begin at this key')
    .option('--to <key>', 'end before this key')
    .addOption(new Option('--prefix <key>', 'only keys that begin so').conflicts(['from', 'to']))
    .option('--reverse', 'from the last key to the first')
    .option('--limit <count>', 'at most so many rows', wholeNumber(1))
    .option('--json', 'print JSON, one row a line')
    .addHelpText(
      'after',
      `
A line is key, tab, value, in which control characters are shown as \\t, \\n, \\r, \\x1b; --json has them exactly.
Keys are ordered by their bytes.

Examples:
  $ aries scan ./data fruit
  $ aries scan ./data fruit --prefix ba --limit 10
  $ aries scan ./data users --values json --json | jq -r .value.name

Exits with 0, or with 1 when there is no such table.`,
    )
    .action(async (directory: string, tableName: string, options: Options) => {
      const encoding = rowEncodingOf(options)
      const range = rangeOf(options, encoding.key)
      await using database = await openToInspect(directory)
      using snapshot = database.snapshot()
      let count = 0
      for (const row of snapshot.range(existingTable(database, snapshot, tableName), range)) {
        if (options.json) {
          const [key, value] = decodeRow(tableName, row, encoding.key.toJson, encoding.value.toJson)
          printLine(JSON.stringify({ key, value }))
        } else {
          const texts = decodeRow(tableName, row, encoding.key.toText, encoding.value.toText)
          printLine(texts.map(withoutControls).join('\t'))
        }
        if (++count % ROWS_A_TURN === 0) await nextTurn()
      }
    })
}
