/** `aries repl`: a shell on a database, to try things out and to look inside. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import type { Command } from 'commander'
import { AriesError } from '../../index.ts'
import { CliError, ExitCode } from '../errors.ts'
import { noDatabase } from '../files/raw-database.ts'
import { printLine, warn } from '../output.ts'
import { completionsOf, runLine, UsageError } from '../repl/commands.ts'
import { Session } from '../repl/session.ts'

const HISTORY_LINES_MAX = 500

export function addRepl(program: Command): void {
  program
    .command('repl')
    .description('an interactive shell: transactions, crashes, and a look inside')
    .argument('[directory]', 'the directory of a database; without one a database in memory that can crash')
    .option('--create', 'make the database if there is none')
    .option('--memory', 'a database in memory on a simulated disk, which can crash; so without a directory')
    .addHelpText(
      'after',
      `
"help" lists the commands, Tab completes them, arrows bring back earlier ones (kept in ~/.aries/history, or where
ARIES_HISTORY says). Commands can come from a file: then each is printed before what it prints, lines that begin with #
are left out, and an unknown command ends it with 2. On a database in memory time stands still and nothing is random,
so the same commands always print the same.

Examples:
  $ aries repl
  aries> begin
  aries T1> put apple red
  aries T1> flush log
  aries T1> show log
  aries T1> crash
  aries> recover explain
  $ aries repl ./data --create
  $ aries repl < lecture-7.txt

Exits with 0, or with 2 when a command from a file is none.`,
    )
    .action(async (directory: string | undefined, options: { create?: boolean; memory?: boolean }) => {
      if (directory !== undefined && options.memory) {
        throw new CliError('either a directory or --memory, not both', ExitCode.USAGE)
      }
      const session = new Session(directory, options.create === true, printLine)
      try {
        await session.open()
      } catch (error) {
        throw AriesError.is(error) && error.code === 'DB_NOT_FOUND' ? noDatabase(directory ?? '', true) : error
      }
      try {
        await (process.stdin.isTTY === true ? converse(session) : readScript(session))
      } finally {
        await session.close()
      }
    })
}

const promptOf = ({ current, isOpen }: Session): string => {
  if (!isOpen) return 'crashed> '
  return current === undefined ? 'aries> ' : `aries ${current.name}> `
}

/** Commands from a file or a pipe, one after the other. */
async function readScript(session: Session): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    if (line.trim() === '' || line.trimStart().startsWith('#')) continue
    printLine(`${promptOf(session)}${line.trim()}`)
    if (/^(quit|exit)$/.test(line.trim())) return
    try {
      for (const text of await runLine(session, line)) printLine(text)
    } catch (error) {
      throw error instanceof UsageError ? new CliError(error.message, ExitCode.USAGE) : error
    }
  }
}

async function converse(session: Session): Promise<void> {
  const terminal = createInterface({
    input: process.stdin,
    output: process.stdout,
    completer: (line: string) => completionsOf(session, line),
    history: readHistory(),
    historySize: HISTORY_LINES_MAX,
    removeHistoryDuplicates: true,
  })
  let history: string[] = []
  terminal.on('history', (lines: string[]) => {
    history = lines
  })
  // Ctrl-C gives up the line; on an empty one it ends the shell, as Ctrl-D does.
  terminal.on('SIGINT', () => {
    if (terminal.line === '') terminal.close()
    else terminal.write(null, { ctrl: true, name: 'u' })
  })
  printLine('"help" lists the commands; "quit" or Ctrl-D ends')
  try {
    await answerLines(session, terminal)
  } finally {
    terminal.close()
    keepHistory(history)
  }
}

async function answerLines(session: Session, terminal: Interface): Promise<void> {
  const prompt = (): void => {
    terminal.setPrompt(promptOf(session))
    terminal.prompt()
  }
  prompt()
  for await (const line of terminal) {
    if (/^(quit|exit)$/.test(line.trim())) return
    try {
      if (line.trim() !== '') for (const text of await runLine(session, line)) printLine(text)
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      printLine(error.message)
    }
    prompt()
  }
  printLine()
}

const historyFile = (): string => process.env['ARIES_HISTORY'] ?? join(homedir(), '.aries', 'history')

function readHistory(): string[] {
  try {
    return readFileSync(historyFile(), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
  } catch {
    return []
  }
}

function keepHistory(lines: readonly string[]): void {
  if (lines.length === 0) return
  try {
    mkdirSync(dirname(historyFile()), { recursive: true })
    writeFileSync(historyFile(), `${lines.slice(0, HISTORY_LINES_MAX).join('\n')}\n`)
  } catch (error) {
    warn(`the history could not be kept: ${(error as Error).message}`)
  }
}
