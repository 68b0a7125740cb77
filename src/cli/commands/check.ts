/** `aries check`: is the database in a directory sound? */
import type { Command } from 'commander'
import type { RecoveryReport } from '../../index.ts'
import { ExitCode } from '../errors.ts'
import { checkLogFiles, checkPageFile } from '../files/check-files.ts'
import { RawDatabase } from '../files/raw-database.ts'
import { isDamage, openToInspect } from '../open.ts'
import { coloured, counted, printJson, printLine } from '../output.ts'
import { ProgressBar } from '../progress.ts'

interface Findings {
  readonly directory: string
  /** Undefined when damage keeps the database from opening. */
  readonly recovery: RecoveryReport | undefined
  readonly problems: readonly string[]
}

export function addCheck(program: Command): void {
  program
    .command('check')
    .description('check tables, pages, log, master record and free space of a database, without changing it')
    .argument('<directory>', 'the directory of the database')
    .option('--json', 'print the findings as JSON')
    .addHelpText(
      'after',
      `
A database that was not closed cleanly is recovered in memory and checked as the next open would find
it; its files stay as they are. When damage keeps it from opening, every page is looked at as it lies in the file.
No other process may have it open meanwhile.

Examples:
  $ aries check ./data
  $ aries check ./data --json | jq .problems

Exits with 0 when the database is sound, with 1 when there are problems.`,
    )
    .action(async (directory: string, options: { json?: boolean }) => {
      const findings = await examine(directory)
      if (options.json) printJson(findings)
      else printFindings(findings)
      if (findings.problems.length > 0) process.exitCode = ExitCode.PROBLEMS
    })
}

async function examine(directory: string): Promise<Findings> {
  using bar = new ProgressBar()
  const onLog = ({ done, total }: { done: number; total: number }): void => bar.update('log', done, total)
  const onPage = ({ done, total }: { done: number; total: number }): void => bar.update('pages', done, total)
  const logProblems = await withFiles(directory, (raw) => checkLogFiles(raw, onLog))
  bar.hide()
  try {
    await using database = await openToInspect(directory)
    return { directory, recovery: database.recovery, problems: [...logProblems, ...database.check(onPage)] }
  } catch (error) {
    if (!isDamage(error)) throw error
    const pages = await withFiles(directory, (raw) => checkPageFile(raw, onPage))
    return { directory, recovery: undefined, problems: [error.message, ...logProblems, ...pages] }
  }
}

async function withFiles<T>(directory: string, work: (raw: RawDatabase) => Promise<T>): Promise<T> {
  using raw = await RawDatabase.open(directory)
  return await work(raw)
}

function printFindings({ directory, recovery, problems }: Findings): void {
  for (const notice of recovery?.notices ?? []) printLine(`note: ${notice}`)
  if (recovery?.wasNeeded) {
    const { redo, undo } = recovery
    printLine(
      `note: not closed cleanly; the next open will redo ${counted(redo.redone, 'record')} and undo ${counted(undo.losersUndone, 'transaction')}`,
    )
  }
  for (const problem of problems) printLine(coloured('red', problem))
  if (problems.length === 0) printLine(`${directory}: ${coloured('green', 'sound')}`)
  else printLine(`${directory}: ${counted(problems.length, 'problem')}`)
}
