/** `aries info`: what is in the database of a directory. */
import Table from 'cli-table3'
import type { Command } from 'commander'
import { buffer, type Database, type DatabaseStats } from '../../index.ts'
import { openToInspect } from '../open.ts'
import { grouped, kibibytes, printJson, printLine } from '../output.ts'

export function addInfo(program: Command): void {
  program
    .command('info')
    .description('show tables, pages and log of a database, without changing it')
    .argument('<directory>', 'the directory of the database')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Examples:
  $ aries info ./data
  $ aries info ./data --json | jq .tables`,
    )
    .action(async (directory: string, options: { json?: boolean }) => {
      await using database = await openToInspect(directory)
      const info = infoOf(database)
      if (options.json) printJson(info)
      else printInfo(info)
    })
}

interface Info {
  readonly directory: string
  readonly wasClosedCleanly: boolean
  /** Names of prepared transactions whose outcome is open. */
  readonly inDoubt: readonly string[]
  readonly tables: readonly { readonly name: string; readonly rows: number }[]
  readonly pages: DatabaseStats['pages']
  readonly log: { readonly endLsn: number; readonly oldestRequiredLsn: number; readonly fileBytes: number }
}

function infoOf(database: Database): Info {
  const { pages, log } = database.stats()
  // What is in doubt has locked rows and tables; a snapshot shows them as they were before.
  using snapshot = database.snapshot()
  const tables = snapshot.tables().map((name) => {
    return { name, rows: snapshot.count(database.table(name, { key: buffer, value: buffer })) }
  })
  return {
    directory: database.location,
    wasClosedCleanly: !database.recovery.wasNeeded,
    inDoubt: database.inDoubt().map(({ name }) => name),
    tables,
    pages,
    log: { endLsn: log.endLsn, oldestRequiredLsn: log.oldestRequiredLsn, fileBytes: log.fileBytes },
  }
}

function printInfo({ directory, wasClosedCleanly, inDoubt, tables, pages, log }: Info): void {
  printLine(directory)
  printLine(`  closed cleanly  ${wasClosedCleanly ? 'yes' : 'no; the next open runs recovery'}`)
  printLine(
    `  pages           ${pages.allocated === undefined ? 'unknown' : grouped(pages.allocated)} allocated, ${grouped(pages.inFile)} in the file`,
  )
  if (inDoubt.length > 0) printLine(`  in doubt        ${inDoubt.map((name) => JSON.stringify(name)).join(', ')}`)
  if (pages.damaged.length > 0) printLine(`  damaged pages   ${pages.damaged.join(', ')}`)
  printLine(`  log             ends at LSN ${log.endLsn}; needed from LSN ${log.oldestRequiredLsn}`)
  printLine(`  log files       ${kibibytes(log.fileBytes)}`)
  const table = new Table({ head: ['table', 'rows'], colAligns: ['left', 'right'], style: { head: [], border: [] } })
  for (const { name, rows } of tables) table.push([name, grouped(rows)])
  printLine(table.toString())
}
