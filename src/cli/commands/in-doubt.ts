/** `aries in-doubt`: the prepared transactions whose outcome is open, and their end by hand. */
import { type Command, Option } from 'commander'
import { CliError, ExitCode } from '../errors.ts'
import { interruptible } from '../interrupt.ts'
import { openToInspect, openToWrite } from '../open.ts'
import { printJson, printLine } from '../output.ts'

interface Options {
  readonly commit?: string
  readonly abort?: string
  readonly json?: boolean
}

export function addInDoubt(program: Command): void {
  program
    .command('in-doubt')
    .description('list the prepared transactions whose outcome is open, or end one by hand')
    .argument('<directory>', 'the directory of the database')
    .addOption(new Option('--commit <name>', 'commit the one of this name').conflicts('abort'))
    .option('--abort <name>', 'roll back the one of this name')
    .option('--json', 'print as JSON')
    .addHelpText(
      'after',
      `
Without --commit and --abort it only looks. The outcome must be the one that the other databases have; who ends a
transaction by hand has to know it. When the command has ended with 0 it is durable.

Examples:
  $ aries in-doubt ./data
  $ aries in-doubt ./data --commit 'transfer 17'
  $ aries in-doubt ./data --json | jq -r '.[].name'

Exits with 0, or with 1 when none of this name is in doubt.`,
    )
    .action(async (directory: string, { commit, abort, json }: Options) => {
      if (commit !== undefined) await end(directory, commit, 'commit', json === true)
      else if (abort !== undefined) await end(directory, abort, 'abort', json === true)
      else await list(directory, json === true)
    })
}

async function list(directory: string, isJson: boolean): Promise<void> {
  await using database = await openToInspect(directory)
  const inDoubt = database.inDoubt().map(({ name, id, preparedLsn }) => ({ name, id, preparedLsn }))
  if (isJson) printJson(inDoubt)
  else if (inDoubt.length === 0) printLine('nothing is in doubt')
  else
    for (const { name, id, preparedLsn } of inDoubt)
      printLine(`${JSON.stringify(name)}: transaction ${id}, prepared at LSN ${preparedLsn}`)
}

async function end(directory: string, name: string, outcome: 'commit' | 'abort', isJson: boolean): Promise<void> {
  await interruptible(async () => {
    await using database = await openToWrite(directory)
    const inDoubt = database.inDoubt()
    const found = inDoubt.find((candidate) => candidate.name === name)
    if (found === undefined) {
      const names = inDoubt.map((candidate) => JSON.stringify(candidate.name)).join(', ')
      const there = names === '' ? 'nothing is' : `in doubt: ${names}`
      throw new CliError(`${JSON.stringify(name)} is not in doubt; ${there}`, ExitCode.PROBLEMS)
    }
    await found[outcome]()
    if (isJson) printJson({ name, outcome })
    else printLine(`${JSON.stringify(name)} ${outcome === 'commit' ? 'committed' : 'rolled back'}`)
  })
}
