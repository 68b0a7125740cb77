/**
 * `npm run planted`: are the tests good enough to find bugs? Runs the property tests against the engine
 * as it is, which has to pass, and then against each planted bug, which has to fail; prints which
 * property found it, after how many runs, and how small the example was after shrinking.
 *
 *   npm run planted -- --only wal-rule-dropped,clr-undone-again --jobs 2 --minutes-each 2 --seed 7
 *   npm run planted -- --manager recovery --no-baseline
 */
import { SingleBar } from 'cli-progress'
import { Command, InvalidArgumentError } from 'commander'
import { BUGS_BY_MANAGER, type CataloguedBug, PLANTED_BUGS } from './catalogue.ts'
import { endAll, FILES, type Finding, hunt, runTests } from './hunt.ts'
import { lineOf, terminalTable, writeDocument } from './table.ts'

/** The whole of the property tests, on a slow machine. */
const BASELINE_MINUTES = 30

interface Options {
  readonly only?: readonly string[]
  readonly manager?: string
  readonly jobs: number
  readonly minutesEach: number
  readonly seed: number
  readonly baseline: boolean
  readonly shrink: boolean
  readonly write: boolean
}

const positive = (text: string): number => {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('It has to be a number above 0.')
  return value
}

const names = (text: string): string[] => {
  const all = text.split(',')
  const unknown = all.find((name) => !PLANTED_BUGS.some((bug) => bug.name === name))
  if (unknown !== undefined) throw new InvalidArgumentError(`There is no planted bug ${unknown}.`)
  return all
}

const manager = (text: string): string => {
  if (text in BUGS_BY_MANAGER) return text
  throw new InvalidArgumentError(`It has to be one of ${Object.keys(BUGS_BY_MANAGER).join(', ')}.`)
}

const program = new Command('planted')
  .description('Plants bugs in the engine, one at a time, and has the property tests look for each.')
  .option('--only <names>', 'these bugs, with commas between', names)
  .option('--manager <name>', 'the bugs of one manager', manager)
  .option('--jobs <n>', 'bugs looked for at a time', positive, 1)
  .option('--minutes-each <n>', 'how long one may take to be found', positive, 1)
  .option('--seed <n>', 'what the properties draw follows from it', positive, 1)
  .option('--no-baseline', 'do not run the tests without a bug first')
  .option('--no-shrink', 'take examples as they are found')
  .option('--write', 'put what was found into the table of docs/planted-bugs.md', false)
  .addHelpText('after', '\nExits with 0 when every bug was found, 1 when one was not, 130 when interrupted.')

const chosenBugs = ({ only, manager }: Options): CataloguedBug[] =>
  PLANTED_BUGS.filter(
    (bug) => (only === undefined || only.includes(bug.name)) && (manager === undefined || bug.manager === manager),
  )

async function passesWithoutBug(seed: number): Promise<boolean> {
  const report = await runTests(undefined, FILES, BASELINE_MINUTES, { ARIES_SEED: String(seed) })
  const failed = report === undefined ? 'out of time' : report.failed?.message
  console.log(failed === undefined ? `none: passed (${report?.passed} tests)` : `none: FAILED\n${failed}`)
  return failed === undefined
}

/** Works through `items`, some at a time, in their order. */
async function eachOf<T>(items: readonly T[], jobs: number, work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: jobs }, worker))
}

async function huntAll(bugs: readonly CataloguedBug[], options: Options): Promise<Finding[]> {
  const findings: Finding[] = []
  const bar = process.stdout.isTTY ? new SingleBar({ format: '{bar} {value}/{total} {name}' }) : undefined
  bar?.start(bugs.length, 0, { name: '' })
  await eachOf(bugs, options.jobs, async (bug) => {
    bar?.update({ name: bug.name })
    const finding = await hunt(bug, options)
    findings.push(finding)
    bar?.increment()
    if (bar === undefined) console.log(lineOf(finding).join(' | '))
  })
  bar?.stop()
  return findings
}

async function main(options: Options): Promise<boolean> {
  const bugs = chosenBugs(options)
  if (options.baseline && !(await passesWithoutBug(options.seed))) return false
  const findings = await huntAll(bugs, options)
  console.log(terminalTable(findings))
  const missed = findings.filter((finding) => finding.missed !== undefined)
  console.log(`${findings.length - missed.length} of ${findings.length} found`)
  for (const { bug, missed: why } of missed) console.log(`not found: ${bug.name} (${why}): ${bug.sentence}`)
  if (options.write) writeDocument(findings)
  return missed.length === 0
}

process.on('SIGINT', () => {
  endAll()
  process.exit(130)
})
process.exitCode = (await main(program.parse().opts<Options>())) ? 0 : 1
