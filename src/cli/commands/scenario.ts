/** `aries scenario run`: recovery exercises, replayed on the real managers and shown as in the textbooks. */
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { AriesError } from '../../index.ts'
import { type FoundScenario, findScenarios } from '../../scenario/load.ts'
import { type ObservedRestart, observe } from '../../scenario/observe.ts'
import { describeResult, replay, type ScenarioResult } from '../../scenario/replay.ts'
import type { Scenario } from '../../scenario/scenario.ts'
import { CliError, ExitCode } from '../errors.ts'
import { coloured, counted, printLine } from '../output.ts'
import { restartText } from '../show/scenario-text.ts'

interface Options {
  readonly id?: string
  readonly verdicts?: boolean
  readonly json?: boolean
}

export function addScenario(program: Command): void {
  const scenario = program
    .command('scenario')
    .description('recovery exercises: a log, a crash, and what restart must do')
  scenario
    .command('run')
    .description('replay scenarios on the real log, buffer and recovery managers, and show each pass')
    .argument('<file...>', 'JSON files with one scenario or a set of them')
    .option('--id <id>', 'only this scenario of a set')
    .option('--verdicts', 'only say whether each comes out as it expects')
    .option('--json', 'print JSON, one scenario a line')
    .addHelpText(
      'after',
      `
What is in such a file is described in docs/scenarios.md.

Examples:
  $ aries scenario run exercise.json
  $ aries scenario run all.json --id S01
  $ aries scenario run *.json --verdicts

Exits with 0 when all come out as expected, with 1 when one does not.`,
    )
    .action((files: readonly string[], options: Options) => {
      const wanted = files
        .flatMap((file) => scenariosOf(file))
        .filter(({ id }) => options.id === undefined || id === options.id)
      if (wanted.length === 0)
        throw new CliError(`there is no scenario ${options.id ?? ''} in ${files.join(', ')}`, ExitCode.USAGE)
      const results = wanted.map((found) => runOne(found, options))
      const differing = results.filter(({ verdict }) => verdict === 'differs').length
      if (!options.json && results.length > 1)
        printLine(`${counted(results.length, 'scenario')}, ${differing} not as expected`)
      if (differing > 0) process.exitCode = ExitCode.PROBLEMS
    })
}

/** @throws `CliError` when the file cannot be used */
function scenariosOf(file: string): FoundScenario[] {
  try {
    return findScenarios(readFileSync(file, 'utf8'), file)
  } catch (error) {
    throw asUsageError(error)
  }
}

function runOne(found: FoundScenario, { verdicts, json }: Options): ScenarioResult {
  const scenario = loaded(found)
  const result = replay(scenario)
  const restarts = verdicts ? [] : restartsOf(scenario, result)
  if (json) {
    printLine(JSON.stringify({ ...result, restarts }))
    return result
  }
  if (!verdicts) printLine(coloured('bold', `${scenario.id}  ${scenario.title}`))
  for (const [index, restart] of restarts.entries()) {
    printLine(restarts.length > 1 ? `\nrestart ${index + 1} of ${restarts.length}` : '')
    printLine(restartText(restart))
  }
  printLine(coloured(result.verdict === 'differs' ? 'red' : 'green', describeResult(result)))
  if (!verdicts) printLine()
  return result
}

/** What does not apply to this engine cannot be shown on it, and only restarts have passes. */
function restartsOf(scenario: Scenario, { verdict }: ScenarioResult): ObservedRestart[] {
  const isRestart = scenario.kind === 'restart' || scenario.kind === 'restart-analysis'
  return isRestart && verdict !== 'not-applicable' ? observe(scenario) : []
}

function loaded(found: FoundScenario): Scenario {
  try {
    return found.load()
  } catch (error) {
    throw asUsageError(error)
  }
}

/** What is wrong in a file is its writer's to mend. */
function asUsageError(error: unknown): unknown {
  return AriesError.is(error) ? new CliError(error.message, ExitCode.USAGE) : error
}
