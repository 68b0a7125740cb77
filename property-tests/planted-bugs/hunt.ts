/**
 * One hunt: the property tests run in a process of their own with a bug in the engine, up to the first
 * test that fails, and that test runs once more to make its example small. A bug may make the engine loop
 * for ever or fill the memory; the process dies of it or is ended, and the test it was in has found it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CataloguedBug } from './catalogue.ts'
import { NOT_LOADED, type RunReport } from './reporter.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const VITEST = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url))
const CONFIG = 'property-tests/planted-bugs/vitest.config.ts'
/** Longest time for making one example smaller. */
const SHRINK_SECONDS = 10
/** The tests give way to timers many times a second; one that has not for so long never will. */
const HANG_MS = 25_000
/** Far more than the tests need, and little enough for the machine. */
const HEAP_MEGABYTES = 2048

const CRASH = 'crash.property.test.ts'
const DURABILITY = 'durability.property.test.ts'
const EXHAUSTIVE = 'exhaustive.test.ts'
const TREE = 'btree-model.property.test.ts'
const LOCKS = 'lock-manager.property.test.ts'
const LOG = 'log-manager.property.test.ts'
const LOG_DAMAGE = 'log-damage.property.test.ts'
const FAILING_DISK = 'failing-disk.property.test.ts'
const SLOW_DISK = 'slow-disk.property.test.ts'
const PAGES = 'page-store.property.test.ts'
const ANY_TAIL = 'any-tail.property.test.ts'
const ISOLATION = 'isolation.property.test.ts'
const FOUND = readdirSync(join(ROOT, 'property-tests')).filter((file) => file.endsWith('.test.ts'))
const QUICK_FIRST = [LOG, PAGES, LOG_DAMAGE, LOCKS, ISOLATION, CRASH, DURABILITY, SLOW_DISK, ANY_TAIL, TREE]

/** All files of properties, in the order in which they run. */
export const FILES: readonly string[] = [...new Set([...QUICK_FIRST.filter((file) => FOUND.includes(file)), ...FOUND])]

/** For each manager the files that are most likely to find its bugs; the others follow. */
const LIKELY: Readonly<Record<string, readonly string[]>> = {
  log: [LOG, DURABILITY, SLOW_DISK, LOG_DAMAGE, FAILING_DISK, CRASH],
  buffer: [PAGES, DURABILITY, CRASH],
  recovery: [CRASH, ANY_TAIL, EXHAUSTIVE],
  txn: [CRASH, ANY_TAIL, DURABILITY],
  lock: [LOCKS, ISOLATION],
  btree: [TREE, ANY_TAIL, CRASH],
  runs: [TREE, CRASH, EXHAUSTIVE],
  space: [TREE, ANY_TAIL],
  database: [CRASH, ISOLATION, EXHAUSTIVE],
  prepared: [CRASH, EXHAUSTIVE],
}

export interface Finding {
  readonly bug: CataloguedBug
  /** Why it was not found, for one that was not. */
  readonly missed: string | undefined
  readonly by: string
  readonly runs: string
  readonly size: string
  readonly seconds: number
  readonly cpuSeconds: number
}

export interface HuntOptions {
  readonly minutesEach: number
  readonly seed: number
  readonly shrink: boolean
}

const running = new Set<ChildProcess>()

/** Ends what is under way. */
export function endAll(): void {
  for (const child of running) child.kill('SIGKILL')
}

/** Runs property tests in a process of their own; undefined when they take longer than `minutes`. */
export function runTests(
  planted: string | undefined,
  files: readonly string[],
  minutes: number,
  environment: Record<string, string>,
  onlyTest?: string,
): Promise<RunReport | undefined> {
  const filter = onlyTest === undefined ? [] : ['-t', onlyTest.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')]
  const heap = `--max-old-space-size=${HEAP_MEGABYTES}`
  const child = spawn(process.execPath, [heap, VITEST, 'run', '--config', CONFIG, ...filter], {
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
  running.add(child)
  return reportOf(child, minutes).finally(() => running.delete(child))
}

function reportOf(child: ChildProcess, minutes: number): Promise<RunReport | undefined> {
  let output = ''
  let errors = ''
  let heardMs = performance.now()
  child.stdout?.on('data', (part: Buffer) => {
    output += part.toString()
    heardMs = performance.now()
  })
  child.stderr?.on('data', (part: Buffer) => {
    errors += part.toString()
  })
  const startedMs = heardMs
  let end: 'late' | 'it hangs' | undefined
  const watch = setInterval(() => {
    const nowMs = performance.now()
    if (nowMs - heardMs > HANG_MS) end = 'it hangs'
    else if (nowMs - startedMs > minutes * 60_000) end = 'late'
    if (end !== undefined) child.kill('SIGKILL')
  }, 500)
  return new Promise((resolve, reject) => {
    child.on('close', () => {
      clearInterval(watch)
      const line = output.split('\n').findLast((each) => each.startsWith('{'))
      const test = output.split('\n').findLast((each) => each.startsWith('> '))
      if (line !== undefined) resolve(JSON.parse(line) as RunReport)
      else if (end === 'late') resolve(undefined)
      else if (test !== undefined) resolve(endedIn(test, end ?? 'it kills the process'))
      else reject(new Error(`the property tests did not run: ${errors || output}`))
    })
  })
}

/** A test that never ends, or that ends all, has failed, too. */
function endedIn(line: string, how: string): RunReport {
  const [, file = '', test = ''] = line.match(/> (\S+) (.*)/) ?? []
  return { failed: { file, test: `${test} (${how})`, message: how }, passed: 0, cpuSeconds: 0 }
}

const REPORT =
  /failed after (\d+) runs and \d+ shrinks, by (\d+) characters; repeat with ARIES_SEED=(\S+) ARIES_PATH=(\S+)/

function filesFor(bug: CataloguedBug): string[] {
  const first = bug.first === undefined ? [] : [bug.first]
  return [...new Set([...first, ...(LIKELY[bug.manager] ?? []), ...FILES])].filter((file) => FILES.includes(file))
}

/** Has the property tests look for a bug. */
export async function hunt(bug: CataloguedBug, options: HuntOptions): Promise<Finding> {
  const startedMs = performance.now()
  const environment = { ARIES_SEED: String(options.seed), ARIES_SHRINK: 'no' }
  const report = await runTests(bug.name, filesFor(bug), options.minutesEach, environment)
  const seconds = (performance.now() - startedMs) / 1000
  const finding = { bug, missed: undefined, by: '', runs: '-', size: '-', seconds, cpuSeconds: report?.cpuSeconds ?? 0 }
  if (report === undefined) return { ...finding, missed: 'out of time' }
  const { failed } = report
  if (failed === undefined) return { ...finding, missed: 'all passed' }
  if (failed.test === NOT_LOADED) return { ...finding, missed: `does not load: ${failed.message.split('\n')[0]}` }
  const by = `${failed.file.split('.')[0]}: ${failed.test}`
  const found = REPORT.exec(failed.message)
  if (found === null) return { ...finding, by }
  const [, runs = '', size = '', seed = '', path = ''] = found
  return { ...finding, by, runs, size: options.shrink ? await shrunkSize(bug, failed, size, seed, path) : size }
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
