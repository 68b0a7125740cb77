/** `aries page`: one page of the data file, decoded and in hexadecimal. */
import type { Command } from 'commander'
import { pageLsnOf } from '../../page/page.ts'
import { wholeNumber } from '../arguments.ts'
import { CliError, ExitCode } from '../errors.ts'
import { PageFile, type RawPage } from '../files/page-file.ts'
import { RawDatabase } from '../files/raw-database.ts'
import { coloured, printJson, printLine } from '../output.ts'
import { fieldsOf, pageTypeName } from '../show/page-fields.ts'
import { pageLines } from '../show/page-text.ts'

interface Options {
  readonly full?: boolean
  readonly inUse?: boolean
  readonly json?: boolean
}

export function addPage(program: Command): void {
  program
    .command('page')
    .description('show a page of the data file, decoded and in hexadecimal, also a damaged one')
    .argument('<directory>', 'the directory of the database')
    .argument(
      '<page>',
      'the number of the page; 0 is the meta page, 1 a space map, 2 the root of the catalog',
      wholeNumber(),
    )
    .option('--full', 'show every byte; without it the start of each field')
    .option('--in-use', 'read it although another process has the database open')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
It is the page as it lies in the file. What the log has for it beyond its pageLSN is shown by
"aries log --page"; the next open redoes it.

Examples:
  $ aries page ./data 2
  $ aries page ./data 12 --full
  $ aries page ./data 12 --json | jq '.fields[] | select(.name | startswith("cell"))'

Exits with 0, or with 1 when the page cannot be used: its checksum fails, or it was never written.`,
    )
    .action(async (directory: string, pageId: number, options: Options) => {
      using raw = await RawDatabase.open(directory, options.inUse ? 'none' : 'quiet')
      using file = new PageFile(raw)
      if (pageId >= file.pageCount) {
        throw new CliError(`there is no page ${pageId}: the data file has the pages 0 to ${file.pageCount - 1}`)
      }
      const page = file.read(pageId)
      const copies = file.copiesOf(page)
      if (options.json) printJson(jsonOf(page, copies))
      else printPage(page, copies, options.full === true)
      if (page.faults.length > 0) process.exitCode = ExitCode.PROBLEMS
    })
}

const hex8 = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

function jsonOf(page: RawPage, copies: readonly string[]): object {
  const { pageId, bytes, view, storedChecksum, neededChecksum, faults } = page
  return {
    page: pageId,
    type: pageTypeName(view),
    pageLsn: pageLsnOf(view, 0),
    checksum: { stored: hex8(storedChecksum), needed: hex8(neededChecksum), holds: faults.length === 0 },
    faults,
    doubleWriteCopies: copies,
    fields: fieldsOf(page).map(({ at, length, name, value }) => {
      return { at, length, name, value, hex: hexOf(bytes.subarray(at, at + length)) }
    }),
  }
}

function printPage(page: RawPage, copies: readonly string[], isFull: boolean): void {
  const { pageId, view, storedChecksum, neededChecksum, faults, isUnwritten } = page
  const isSound = faults.length === 0
  printLine(
    coloured(
      'bold',
      isUnwritten ? `page ${pageId}` : `page ${pageId}: ${pageTypeName(view)}, pageLSN ${pageLsnOf(view, 0)}`,
    ),
  )
  if (isSound) printLine(`checksum ${hex8(storedChecksum)} ${coloured('green', 'holds')}`)
  else if (!isUnwritten)
    printLine(
      `checksum ${hex8(storedChecksum)} ${coloured('red', 'fails')}: the bytes call for ${hex8(neededChecksum)}`,
    )
  for (const fault of faults) printLine(`  ${coloured('red', fault)}`)
  for (const copy of copies) printLine(`in the double-write file: ${copy}`)
  if (isUnwritten) return
  printLine()
  for (const line of pageLines(page, isFull)) printLine(line)
}
