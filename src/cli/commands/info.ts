/** `aries info`: what is in the database of a directory. */
import CliTable from 'cli-table3'
import type { Command } from 'commander'
import { buffer, type Database, type DatabaseStats, type Snapshot, type Table } from '../../index.ts'
import { ExitCode } from '../errors.ts'
import { neededLogOf } from '../files/needed-log.ts'
import { fileSizesOf, isSegment, tellOutline, totalBytes } from '../files/outline.ts'
import { RawDatabase } from '../files/raw-database.ts'
import { isDamage, openToInspect } from '../open.ts'
import { coloured, grouped, kibibytes, printJson, printLine } from '../output.ts'
import { ProgressBar } from '../progress.ts'

export function addInfo(program: Command): void {
  program
    .command('info')
    .description('show tables, pages and log of a database, without changing it')
    .argument('<directory>', 'the directory of the database')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
A database that was not closed cleanly is recovered in memory and shown as the next open would find it; its files stay as
they are. Rows are counted without the changes of what is in doubt.

Examples:
  $ aries info ./data
  $ aries info ./data --json | jq .tables

Exits with 0, or with 1 when damage is met, and what can still be told is told.`,
    )
    .action(async (directory: string, { json }: { json?: boolean }) => {
      try {
        const fileBytes = await logBytesOf(directory)
        await using database = await openToInspect(directory)
        const info = infoOf(database, fileBytes)
        if (json) printJson(info)
        else printInfo(info)
        const isDamaged = info.pages.damaged.length > 0 || info.tables.some(({ rows }) => rows === null)
        if (isDamaged) process.exitCode = ExitCode.PROBLEMS
      } catch (error) {
        if (!isDamage(error)) throw error
        await tellOutline(directory, error, json === true)
      }
    })
}

interface Info {
  readonly directory: string
  readonly wasClosedCleanly: boolean
  /** Names of prepared transactions whose outcome is open. */
  readonly inDoubt: readonly string[]
  /** A table whose pages are damaged has `rows` null. */
  readonly tables: readonly { readonly name: string; readonly rows: number | null }[]
  readonly pages: DatabaseStats['pages']
  readonly log: { readonly endLsn: number; readonly oldestRequiredLsn: number; readonly fileBytes: number }
}

/** As the files are: the log of a database that is open, be it in memory, has room to grow. */
async function logBytesOf(directory: string): Promise<number> {
  using raw = await RawDatabase.open(directory)
  return totalBytes(fileSizesOf(raw).filter(isSegment))
}

function infoOf(database: Database, fileBytes: number): Info {
  const { pages } = database.stats()
  // What is in doubt has locked rows and tables; a snapshot shows them as they were before.
  using snapshot = database.snapshot()
  using bar = new ProgressBar()
  const names = snapshot.tables()
  const tables = names.map((name, i) => {
    bar.update('tables', i, names.length)
    return { name, rows: rowsOf(snapshot, database.table(name, { key: buffer, value: buffer })) }
  })
  return {
    directory: database.location,
    wasClosedCleanly: !database.recovery.wasNeeded,
    inDoubt: database.inDoubt().map(({ name }) => name),
    tables,
    pages,
    // What the recovery in memory has written is not in the files.
    log: {
      endLsn: database.recovery.analysis.endLsn,
      oldestRequiredLsn: neededLogOf(database).lsn,
      fileBytes,
    },
  }
}

function rowsOf(snapshot: Snapshot, table: Table<Uint8Array, Uint8Array>): number | null {
  try {
    return snapshot.count(table)
  } catch (error) {
    if (!isDamage(error)) throw error
    return null
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
  const shown = new CliTable({ head: ['table', 'rows'], colAligns: ['left', 'right'], style: { head: [], border: [] } })
  for (const { name, rows } of tables) shown.push([name, rows === null ? coloured('red', 'damaged') : grouped(rows)])
  printLine(shown.toString())
}
