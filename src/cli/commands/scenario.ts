/** `aries scenario`: recovery exercises, replayed on the real managers and shown as in the textbooks; JSON to text and back. */
import { readFileSync, writeFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { AriesError } from '../../index.ts'
import { describeDifference } from '../../scenario/difference.ts'
import { findScenarios, isJson } from '../../scenario/find.ts'
import type { FoundScenario } from '../../scenario/load.ts'
import {
  type ObservedRefusal,
  type ObservedRestart,
  type ObservedRollback,
  type ObservedTruncation,
  observe,
  observeRefusal,
  observeRollback,
  observeTruncation,
} from '../../scenario/observe.ts'
import { printJson } from '../../scenario/print-json.ts'
import { describeResult, replay, type ScenarioResult } from '../../scenario/replay.ts'
import type { Scenario } from '../../scenario/scenario.ts'
import { printScenario } from '../../scenario/text/print-text.ts'
import { CliError, ExitCode } from '../errors.ts'
import { exerciseOf } from '../files/log-exercise.ts'
import { RawDatabase } from '../files/raw-database.ts'
import { coloured, counted, printLine } from '../output.ts'
import { refusalText, restartText, rollbackText, truncationText } from '../show/scenario-text.ts'

interface Options {
  readonly id?: string
  readonly verdicts?: boolean
  readonly json?: boolean
}

export function addScenario(program: Command): void {
  const scenario = program
    .command('scenario')
    .description('recovery exercises: a log, a crash, and what restart must do')
    .addHelpText(
      'after',
      `
Examples:
  $ aries scenario run exercise.scenario
  $ aries scenario convert exercise.json
  $ aries scenario record ./data --out crash.scenario

"aries scenario run --help" and the like have more.`,
    )
  scenario
    .command('run')
    .description('replay scenarios on the real log, buffer and recovery managers, and show each pass')
    .argument('<file...>', 'files with one scenario or several, as text or as JSON')
    .option('--id <id>', 'only this scenario of a set')
    .option('--verdicts', 'only say whether each comes out as it expects')
    .option('--json', 'print JSON, one scenario a line')
    .addHelpText(
      'after',
      `
What is in such a file is described in docs/scenarios.md. Where it gives answers, they are compared with what the
managers do; where it gives none, theirs are shown.

Examples:
  $ aries scenario run exercise.scenario
  $ aries scenario run all.json --id S01
  $ aries scenario run *.json --verdicts

Exits with 0 when all come out as expected, with 1 when one does not.`,
    )
    .action((files: readonly string[], options: Options) => {
      const results = wantedOf(files, options.id).map((found) => runOne(found, options))
      const count = (wanted: ScenarioResult['verdict']): number =>
        results.filter(({ verdict }) => verdict === wanted).length
      const [differing, inapplicable] = [count('differs'), count('not-applicable')]
      if (!options.json && results.length > 1) {
        const apart = inapplicable === 0 ? '' : `, ${inapplicable} not applicable`
        printLine(`${counted(results.length, 'scenario')}, ${differing} not as expected${apart}`)
      }
      if (differing > 0) process.exitCode = ExitCode.PROBLEMS
    })
  addConvert(scenario)
  addRecord(scenario)
}

function addRecord(scenario: Command): void {
  scenario
    .command('record')
    .description('write what a restart of a database would find as a scenario; the database stays as it is')
    .argument('<directory>', 'the directory of a database that was not closed')
    .option('-o, --out <file>', 'write to this new file and not to the terminal')
    .addHelpText(
      'after',
      `
It has the log from the low-water mark of the last checkpoint on, and the pages on disk that it changes. Updates keep
their LSNs, transactions and pages; what they change is shown as a slot of the transaction.

Examples:
  $ aries scenario record ./data --out crash.scenario
  $ aries scenario run crash.scenario

Exits with 0; with 1 when damage is in the way; with 3 when a transaction is in doubt, or the new file is there already.`,
    )
    .action(async (directory: string, { out }: { readonly out?: string }) => {
      using raw = await RawDatabase.open(directory)
      const [found] = findScenarios(await exerciseOf(raw, 'recorded'), directory)
      writeOut(printScenario((found as FoundScenario).load()), out)
    })
}

function writeOut(text: string, file: string | undefined): void {
  if (file === undefined) printLine(text.trimEnd())
  // An exercise that somebody wrote is not to be lost by a slip of the fingers.
  else writeFileSync(file, text, { flag: 'wx' })
}

interface ConvertOptions {
  readonly id?: string
  readonly to?: 'text' | 'json'
  readonly out?: string
}

function addConvert(scenario: Command): void {
  scenario
    .command('convert')
    .description('write a scenario as text where it is JSON, and as JSON where it is text')
    .argument('<file>', 'a file with one scenario or several')
    .option('--id <id>', 'only this scenario of a set')
    .addOption(new Option('--to <notation>', 'the notation to write').choices(['text', 'json']))
    .option('-o, --out <file>', 'write to this new file and not to the terminal')
    .addHelpText(
      'after',
      `
Examples:
  $ aries scenario convert exercise.json
  $ aries scenario convert exercise.scenario --out exercise.json

Exits with 0; with 2 when the file cannot be understood; with 3 when the new file is there already.`,
    )
    .action((file: string, { id, to, out }: ConvertOptions) => {
      const scenarios = wantedOf([file], id).map(loaded)
      const isToText = to === undefined ? isJson(readFileSync(file, 'utf8'), file) : to === 'text'
      writeOut(isToText ? scenarios.map(printScenario).join('\n\n') : printJson(scenarios), out)
    })
}

/** @throws `CliError` when there is none */
function wantedOf(files: readonly string[], id: string | undefined): FoundScenario[] {
  const wanted = files.flatMap(scenariosOf).filter((found) => id === undefined || found.id === id)
  if (wanted.length > 0) return wanted
  throw new CliError(`there is no scenario ${id ?? ''} in ${files.join(', ')}`, ExitCode.USAGE)
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
  const seen = verdicts ? NOTHING_SEEN : seenIn(scenario, result)
  if (json) {
    printLine(JSON.stringify({ ...result, ...seen }))
    return result
  }
  if (!verdicts) {
    printLine(coloured('bold', `${scenario.id}  ${scenario.title}`))
    printSeen(seen)
  }
  printLine(coloured(result.verdict === 'differs' ? 'red' : 'green', describeResult(result)))
  if (verdicts) return result
  // The line of the verdict has the first.
  for (const difference of result.differences.slice(1)) printLine(`     ${describeDifference(difference)}`)
  printLine()
  return result
}

/** What happens in a scenario, by its kind. */
interface Seen {
  readonly restarts: readonly ObservedRestart[]
  readonly rollback?: ObservedRollback
  readonly refusal?: ObservedRefusal
  readonly truncation?: readonly ObservedTruncation[]
}

const NOTHING_SEEN: Seen = { restarts: [] }

/** What does not apply to this engine cannot be shown on it. */
function seenIn(scenario: Scenario, { verdict }: ScenarioResult): Seen {
  if (verdict === 'not-applicable') return NOTHING_SEEN
  try {
    return observedIn(scenario)
  } catch (error) {
    // What fails is one of the differences, with its reason.
    if (verdict === 'differs') return NOTHING_SEEN
    throw error
  }
}

function observedIn(scenario: Scenario): Seen {
  switch (scenario.kind) {
    case 'rollback':
      return { restarts: [], rollback: observeRollback(scenario) }
    case 'invalid':
      return { restarts: [], refusal: observeRefusal(scenario) }
    case 'truncation':
      return { restarts: [], truncation: observeTruncation(scenario) }
    default:
      return { restarts: observe(scenario) }
  }
}

function printSeen({ restarts, rollback, refusal, truncation }: Seen): void {
  for (const [index, restart] of restarts.entries()) {
    printLine(restarts.length > 1 ? `\nrestart ${index + 1} of ${restarts.length}` : '')
    printLine(restartText(restart))
  }
  if (rollback !== undefined) printLine(`\n${rollbackText(rollback)}`)
  if (refusal !== undefined) printLine(`\n${refusalText(refusal)}`)
  if (truncation !== undefined) printLine(`\n${truncationText(truncation)}`)
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
