/**
 * `npm run crash:damage`: every bit of a small database flipped in turn, every file cut at every 512
 * bytes, every file missing, and more; each time the database is opened, read and checked. Right content,
 * or an error that names the place: anything else is a violation.
 *
 *   npm run crash:damage -- --workers 2
 *   npm run crash:damage -- --every 100 --specimen closed
 *   npm run crash:damage -- --case killed:master:bits:4711 --directory ./failed
 */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import { grouped, printLine } from '../../src/cli/output.ts'
import {
  checkUndamaged,
  damagedDisk,
  judgeCase,
  merge,
  sample,
  type Tally,
  tallyOf,
  type Violation,
} from './campaign.ts'
import { caseNamed, type Group, groupsOf } from './cases.ts'
import { judgeOnRealDisk } from './real-disk.ts'
import { makeSpecimens, SPECIMEN_NAMES, type SpecimenName } from './specimen.ts'
import { Progress, tableOf } from './table.ts'

/** What a worker is asked to do: these cases of the group of this number. */
interface Order {
  readonly group: number
  readonly from: number
  readonly to: number
}

interface Reply {
  readonly group: number
  readonly cases: number
  readonly tally: Tally
  readonly violations: readonly Violation[]
}

interface Options {
  readonly seed: number
  readonly workers: number
  readonly every: number
  readonly real: number
  readonly specimen: readonly SpecimenName[]
  readonly deferRedo: boolean
  readonly case?: string
  readonly directory?: string
  readonly worker?: boolean
}

/** Small, so that the bar moves and the workers end together. */
const CASES_AN_ORDER = 1500
const VIOLATIONS_SHOWN = 20
const INTERRUPTED = 130

function wholeNumber(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value < 2 ** 31) return value
  throw new InvalidArgumentError('It must be a whole number.')
}

function specimenNames(text: string): SpecimenName[] {
  const names = text.split(',')
  const known = names.filter((name): name is SpecimenName => (SPECIMEN_NAMES as readonly string[]).includes(name))
  if (known.length === names.length) return known
  throw new InvalidArgumentError(`They are ${SPECIMEN_NAMES.join(', ')}.`)
}

const options = new Command('crash:damage')
  .description('damage a small database in every way, and see that it is right or says what is wrong')
  .option('--seed <n>', 'seed of the databases and of what is drawn', wholeNumber, 1)
  .option('--workers <n>', 'processes that work at once', wholeNumber, 1)
  .option('--every <n>', 'of groups of more than 1,000 cases only every n-th', wholeNumber, 1)
  .option('--real <n>', 'cases of each group done once more on the real disk', wholeNumber, 5)
  .option('--specimen <names>', `of ${SPECIMEN_NAMES.join(', ')}: which`, specimenNames, SPECIMEN_NAMES)
  .option('--defer-redo', 'open the way that puts off redo (`deferRedo`)', false)
  .option('--case <name>', 'only this case, such as killed:data:bits:4711')
  .option('--directory <path>', 'keep the files of failing cases there')
  .option('--worker', 'work for another process')
  .addHelpText('after', '\nExits with 0 when nothing was violated, else with 1.')
  .parse()
  .opts<Options>()

const specimens = await makeSpecimens(options.seed)
const groups = options.specimen.flatMap((name) => {
  const specimen = specimens.get(name)
  return specimen === undefined ? [] : groupsOf(specimen, options.seed)
})

const everyOf = (group: Group): number => (group.count > 1000 ? options.every : 1)

/** Does what the parent orders, until it lets go. */
function work(): void {
  Error.stackTraceLimit = 0
  process.on('message', async ({ group: number, from, to }: Order) => {
    const group = groups[number] as Group
    const violations: Violation[] = []
    const chosen = [...sample(group.count, everyOf(group), options.seed)].slice(from, to)
    const note = (violation: Violation | undefined): void => {
      if (violation !== undefined) violations.push(violation)
    }
    const tally = await tallyOf(group, chosen, note, options.deferRedo)
    const reply: Reply = { group: number, cases: chosen.length, tally, violations }
    process.send?.(reply)
  })
}

function* orders(): Generator<Order> {
  for (const [number, group] of groups.entries()) {
    const count = [...sample(group.count, everyOf(group), options.seed)].length
    for (let from = 0; from < count; from += CASES_AN_ORDER) {
      yield { group: number, from, to: Math.min(count, from + CASES_AN_ORDER) }
    }
  }
}

/** Deals the orders out; resolves when all are done. */
async function runWorkers(onReply: (reply: Reply) => void): Promise<void> {
  const queue = orders()
  const childOptions = { execArgv: process.execArgv, stdio: 'inherit' } as const
  const childArguments = ['--worker', '--seed', options.seed, '--every', options.every, '--specimen', options.specimen]
  if (options.deferRedo) childArguments.push('--defer-redo')
  const children: ChildProcess[] = []
  const interrupted = (): void => {
    for (const child of children) child.kill()
    process.exit(INTERRUPTED)
  }
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted)
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const child = fork(fileURLToPath(import.meta.url), childArguments.map(String), childOptions)
      children.push(child)
      const next = (): void => {
        const { value, done } = queue.next()
        if (done === true) child.disconnect()
        else child.send(value)
      }
      child.on('message', (reply: Reply) => {
        onReply(reply)
        next()
      })
      child.once('error', reject)
      child.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a worker ended with code ${code}`))))
      next()
    })
  try {
    await Promise.all(Array.from({ length: Math.max(1, options.workers) }, one))
  } finally {
    for (const child of children) child.kill()
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
  }
}

function keep(violation: Violation, number: number): void {
  if (options.directory === undefined) return
  const directory = join(options.directory, `violation-${number}`)
  mkdirSync(directory, { recursive: true })
  const { group, index } = caseNamed(groups, violation.name)
  const { disk } = damagedDisk(group, index)
  for (const name of disk.list()) writeFileSync(join(directory, name), disk.contentOf(name))
  const repeat = `--seed ${options.seed} --case ${violation.name}${options.deferRedo ? ' --defer-redo' : ''}`
  writeFileSync(join(directory, 'case.txt'), `${repeat}\n${violation.why}\n`)
}

async function runCase(name: string): Promise<boolean> {
  const { group, index } = caseNamed(groups, name)
  const verdict = await judgeCase(group, index, true, options.deferRedo)
  printLine(`${name}: ${verdict.outcome} ${verdict.why}`)
  if (verdict.outcome === 'violation') keep({ name, why: verdict.why }, 1)
  return verdict.outcome !== 'violation'
}

/** The same cases with real files, opened as a user opens them: the outcome must be the same. */
async function runRealDisk(): Promise<Violation[]> {
  const violations: Violation[] = []
  let cases = 0
  for (const group of groups) {
    const every = Math.max(1, Math.ceil(group.count / Math.max(1, options.real)))
    for (const index of options.real === 0 ? [] : sample(group.count, every, options.seed)) {
      const violation = await judgeOnRealDisk(group, index, options.deferRedo)
      if (violation !== undefined) violations.push(violation)
      cases++
    }
  }
  printLine(`${grouped(cases)} cases once more in a real directory: ${violations.length} came out otherwise`)
  return violations
}

async function main(): Promise<boolean> {
  if (options.case !== undefined) return runCase(options.case)
  for (const specimen of specimens.values()) await checkUndamaged(specimen)
  const total = groups.reduce((sum, group) => sum + [...sample(group.count, everyOf(group), options.seed)].length, 0)
  const progress = new Progress(total)
  const tallies = groups.map((): Tally => ({ outcomes: {}, reasons: {} }))
  const violations: Violation[] = []
  await runWorkers((reply) => {
    merge(tallies[reply.group] as Tally, reply.tally)
    violations.push(...reply.violations)
    progress.add(reply.cases, violations.length)
  })
  progress.end()
  printLine(tableOf(groups, tallies))
  violations.push(...(await runRealDisk()))
  for (const { name, why } of violations.slice(0, VIOLATIONS_SHOWN)) printLine(`violation: ${name}: ${why}`)
  for (const [i, violation] of violations.slice(0, VIOLATIONS_SHOWN).entries()) keep(violation, i + 1)
  printLine(`${grouped(total)} cases, ${grouped(violations.length)} violations; seed ${options.seed}`)
  return violations.length === 0
}

if (options.worker === true) work()
else process.exitCode = (await main()) ? 0 : 1
