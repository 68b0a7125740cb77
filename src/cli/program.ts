/**
 * The program `aries`, put together from the verbs in `commands/`, one file each. Errors become one line
 * on stderr and an exit code here; only a bug shows a stack trace.
 */
import { Command, CommanderError } from 'commander'
import packageJson from '../../package.json' with { type: 'json' }
import { AriesError } from '../index.ts'
import { addCheck } from './commands/check.ts'
import { addCrash } from './commands/crash.ts'
import { addDel } from './commands/del.ts'
import { addDemo } from './commands/demo.ts'
import { addExplain } from './commands/explain.ts'
import { addExport } from './commands/export.ts'
import { addGet } from './commands/get.ts'
import { addImport } from './commands/import.ts'
import { addInDoubt } from './commands/in-doubt.ts'
import { addInfo } from './commands/info.ts'
import { addLab } from './commands/lab.ts'
import { addLog } from './commands/log.ts'
import { addPage } from './commands/page.ts'
import { addPut } from './commands/put.ts'
import { addRecover } from './commands/recover.ts'
import { addRepl } from './commands/repl.ts'
import { addScan } from './commands/scan.ts'
import { addScenario } from './commands/scenario.ts'
import { addStats } from './commands/stats.ts'
import { CliError, EXIT_CODE_HELP, ExitCode } from './errors.ts'

function makeProgram(programFile: string): Command {
  const program = new Command('aries')
    .description('Looks into databases of aries-db, and shows what they survive.')
    .version(packageJson.version)
    .exitOverride()
    .showHelpAfterError('(add --help to see what can be given)')
    .addHelpText(
      'after',
      `
Examples:
  $ aries demo            kill a working database and see it recover
  $ aries check ./data    is this database sound?
  $ aries info ./data     what is in it?
  $ aries log ./data      what has happened to it?
  $ aries repl            try it, crash it, look inside
${EXIT_CODE_HELP}`,
    )
  addDemo(program, programFile)
  addInfo(program)
  addStats(program)
  addCheck(program)
  addLog(program)
  addPage(program)
  addExplain(program)
  addRecover(program)
  addInDoubt(program)
  addScenario(program)
  addRepl(program)
  addCrash(program)
  addLab(program, programFile)
  addGet(program)
  addScan(program)
  addPut(program)
  addDel(program)
  addExport(program)
  addImport(program)
  return program
}

/** The exit code for an error, which is shown unless it was already. */
function reportError(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE
  if (error instanceof CliError || AriesError.is(error) || isSystemError(error)) {
    process.stderr.write(`aries: ${error.message}${hintFor(error)}\n`)
    return error instanceof CliError ? error.exitCode : ExitCode.FAILED
  }
  process.stderr.write(`aries: this is a bug in aries: ${error instanceof Error ? error.stack : String(error)}\n`)
  return ExitCode.BUG
}

/** What can be done all the same. */
function hintFor(error: Error): string {
  if (!AriesError.is(error) || error.code !== 'DB_LOCKED') return ''
  return '\n(while it is open: "aries stats", "aries log --in-use" and "aries page --in-use")'
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).errno === 'number'
}

/** Runs the program with the arguments of a command line; `programFile` starts it again. Sets the exit code. */
export async function run(args: readonly string[], programFile: string): Promise<void> {
  try {
    await makeProgram(programFile).parseAsync(args, { from: 'user' })
  } catch (error) {
    process.exitCode = reportError(error)
  }
}
