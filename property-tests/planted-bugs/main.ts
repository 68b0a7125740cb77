/**
 * `npm run planted`: are the tests good enough to find bugs? Runs the property tests against the engine
 * as it is, which has to pass, and then against each planted bug, which has to fail; prints which
 * property found it, after how many runs, and how small the example was after shrinking.
 *
 *   npm run planted -- --only wal-rule-dropped,clr-undone-again --jobs 2 --minutes-each 2 --seed 7
 *   npm run planted -- --manager recovery --no-baseline
 */
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { type CataloguedBug, PLANTED_BUGS } from './catalogue.ts'
import { NOT_LOADED, type RunReport } from './reporter.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const VITEST = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url))
const CONFIG = 'property-tests/planted-bugs/vitest.config.ts'
/** Longest time for making one example smaller. */
const SHRINK_SECONDS = 20
/** The tests give way to timers many times a second; one that has not for so long never will. */
const HANG_MS = 25_000
/** The whole of the property tests, on a slow machine. */
const BASELINE_MINUTES = 30

const CRASH = 'crash.property.test.ts'
const DURABILITY = 'durability.property.test.ts'
const EXHAUSTIVE = 'exhaustive.test.ts'
const TREE = 'btree-model.property.test.ts'
const LOCKS = 'lock-manager.property.test.ts'
const LOG_DAMAGE = 'log-damage.property.test.ts'
const FAILING_DISK = 'failing-disk.property.test.ts'
const SHORTENED_LOG = 'shortened-log.property.test.ts'
const SLOW_DISK = 'slow-disk.property.test.ts'
const KNOWN = [DURABILITY, CRASH, SLOW_DISK, FAILING_DISK, EXHAUSTIVE, LOG_DAMAGE, SHORTENED_LOG, TREE, LOCKS]
const FOUND = readdirSync(join(ROOT, 'property-tests')).filter((file) => file.endsWith('.test.ts'))
const FILES = [...new Set([...KNOWN.filter((file) => FOUND.includes(file)), ...FOUND])]

/** For each manager the files that are most likely to find its bugs; the others follow. */
const LIKELY: Readonly<Record<string, readonly string[]>> = {
  log: [DURABILITY, SLOW_DISK, LOG_DAMAGE, FAILING_DISK, CRASH],
  buffer: [DURABILITY, CRASH],
  recovery: [CRASH, EXHAUSTIVE],
  txn: [CRASH, DURABILITY],
  lock: [LOCKS, CRASH],
  btree: [TREE, CRASH],
  space: [TREE, CRASH],
  database: [CRASH, EXHAUSTIVE],
}

interface Finding {
  readonly bug: CataloguedBug
  /** Why it was not found, for one that was not. */
  readonly missed: string | undefined
  readonly by: string
  readonly runs: string
  readonly size: string
  readonly seconds: number
  readonly cpuSeconds: number
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    manager: { type: 'string' },
    jobs: { type: 'string', default: '1' },
    'minutes-each': { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    'no-baseline': { type: 'boolean', default: false },
    'no-shrink': { type: 'boolean', default: false },
  },
})

function chosenBugs(): CataloguedBug[] {
  const names = values.only?.split(',')
  const unknown = names?.find((name) => !PLANTED_BUGS.some((bug) => bug.name === name))
  if (unknown !== undefined) throw new Error(`there is no planted bug ${unknown}`)
  return PLANTED_BUGS.filter(
    ({ name, manager }) =>
      (names === undefined || names.includes(name)) && (values.manager === undefined || manager === values.manager),
  )
}

function filesFor(bug: CataloguedBug): string[] {
  const first = bug.first === undefined ? [] : [bug.first]
  return [...new Set([...first, ...(LIKELY[bug.manager] ?? []), ...FILES])].filter((file) => FILES.includes(file))
}

/** Runs property tests in a process of their own; undefined when they take longer than `minutes`. */
function runTests(
  planted: string | undefined,
  files: readonly string[],
  minutes: number,
  environment: Record<string, string>,
  onlyTest?: string,
): Promise<RunReport | undefined> {
  const filter = onlyTest === undefined ? [] : ['-t', onlyTest.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')]
  const child = spawn(process.execPath, [VITEST, 'run', '--config', CONFIG, ...filter], {
    cwd: ROOT,
    env: {
      ...process.env,
      ...(planted === undefined ? {} : { ARIES_PLANTED: planted }),
      ARIES_FILES: files.join(),
      ARIES_REPORT: 'line',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let errors = ''
  let heardMs = performance.now()
  child.stdout.on('data', (part: Buffer) => {
    output += part.toString()
    heardMs = performance.now()
  })
  child.stderr.on('data', (part: Buffer) => {
    errors += part.toString()
  })
  const startedMs = heardMs
  let end: 'late' | 'hung' | undefined
  const watch = setInterval(() => {
    const nowMs = performance.now()
    if (nowMs - heardMs > HANG_MS) end = 'hung'
    else if (nowMs - startedMs > minutes * 60_000) end = 'late'
    if (end !== undefined) child.kill('SIGKILL')
  }, 500)
  return new Promise((resolve, reject) => {
    child.on('close', () => {
      clearInterval(watch)
      const line = output.split('\n').findLast((each) => each.startsWith('{'))
      if (line !== undefined) resolve(JSON.parse(line) as RunReport)
      else if (end === 'hung') resolve(hangOf(output))
      else if (end === 'late') resolve(undefined)
      else reject(new Error(`the property tests did not run: ${errors || output}`))
    })
  })
}

/** A test that never ends has failed, too. */
function hangOf(output: string): RunReport {
  const line = output.split('\n').findLast((each) => each.startsWith('> '))
  const [, file = '', test = ''] = line?.match(/> (\S+) (.*)/) ?? []
  return { failed: { file, test: `${test} (it hangs)`, message: 'it hangs' }, passed: 0, cpuSeconds: 0 }
}

const REPORT =
  /failed after (\d+) runs and \d+ shrinks, by (\d+) characters; repeat with ARIES_SEED=(\S+) ARIES_PATH=(\S+)/
const CRASH_POINT = /(point \d+, before [^:\n]+|before \w+ [^:\n]+|at the end, \w+)/

async function hunt(bug: CataloguedBug, minutes: number): Promise<Finding> {
  const startedMs = performance.now()
  const report = await runTests(bug.name, filesFor(bug), minutes, { ARIES_SEED: values.seed, ARIES_SHRINK: 'no' })
  const seconds = (performance.now() - startedMs) / 1000
  const finding = { bug, missed: undefined, by: '', runs: '-', size: '', seconds, cpuSeconds: report?.cpuSeconds ?? 0 }
  if (report === undefined) return { ...finding, missed: 'out of time' }
  const { failed } = report
  if (failed === undefined) return { ...finding, missed: 'all passed' }
  if (failed.test === NOT_LOADED) return { ...finding, missed: `does not load: ${failed.message.split('\n')[0]}` }
  const by = `${failed.file.split('.')[0]}: ${failed.test}`
  const found = REPORT.exec(failed.message)
  if (found === null) return { ...finding, by, size: CRASH_POINT.exec(failed.message)?.[0] ?? '' }
  const [, runs = '', size = '', seed = '', path = ''] = found
  return { ...finding, by, runs, size: values['no-shrink'] ? size : await shrunkSize(bug, failed, size, seed, path) }
}

async function shrunkSize(
  bug: CataloguedBug,
  { file, test }: NonNullable<RunReport['failed']>,
  size: string,
  seed: string,
  path: string,
): Promise<string> {
  const environment = { ARIES_SEED: seed, ARIES_PATH: path, ARIES_SHRINK: String(SHRINK_SECONDS) }
  const report = await runTests(bug.name, [file], 4 * (SHRINK_SECONDS / 60), environment, test)
  return REPORT.exec(report?.failed?.message ?? '')?.[2] ?? size
}

/** Works through `items`, some at a time, in their order. */
async function eachOf<T>(items: readonly T[], jobs: number, work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  const worker = async (): Promise<void> => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: jobs }, worker))
}

function progress(done: number, total: number, running: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${done} of ${total}: ${running}`)
}

function lineOf({ bug, missed, by, runs, size, seconds, cpuSeconds }: Finding): string[] {
  const found = missed === undefined ? by : `NOT FOUND: ${missed}`
  return [bug.name, bug.invariant, found, runs, size, seconds.toFixed(0), cpuSeconds.toFixed(0)]
}

async function main(): Promise<boolean> {
  const bugs = chosenBugs()
  const minutes = Number(values['minutes-each'])
  if (!values['no-baseline']) {
    const report = await runTests(undefined, FILES, BASELINE_MINUTES, { ARIES_SEED: values.seed })
    const failed = report === undefined ? 'out of time' : report.failed?.message
    console.log(failed === undefined ? `none: passed (${report?.passed} tests)` : `none: FAILED\n${failed}`)
    if (failed !== undefined) return false
  }
  const findings: Finding[] = []
  await eachOf(bugs, Number(values.jobs), async (bug) => {
    progress(findings.length, bugs.length, bug.name)
    const finding = await hunt(bug, minutes)
    findings.push(finding)
    progress(0, 0, '')
    console.log(lineOf(finding).join(' | '))
  })
  const table = new Table({
    head: ['bug', 'breaks', 'found by', 'runs', 'example', 's', 'CPU s'],
    colWidths: [null, null, 50, null, 24, null, null],
    wordWrap: true,
    style: { head: [], border: [], compact: true },
  })
  for (const manager of new Set(bugs.map((bug) => bug.manager))) {
    for (const finding of findings.filter(({ bug }) => bug.manager === manager)) table.push(lineOf(finding))
  }
  console.log(table.toString())
  const missed = findings.filter((finding) => finding.missed !== undefined)
  console.log(`${findings.length - missed.length} of ${findings.length} found`)
  for (const { bug, missed: why } of missed) console.log(`not found: ${bug.name} (${why}): ${bug.sentence}`)
  return missed.length === 0
}

process.exitCode = (await main()) ? 0 : 1
