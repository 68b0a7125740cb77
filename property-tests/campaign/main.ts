/**
 * `npm run crash`: a campaign. Worker processes crash workloads at every change of the disk, restart
 * what is left and judge it (exploration/explorer.ts), and run random scripts with crashes
 * (commands/runner.ts), for as long as it is said. A state that is not restarted as it must be is saved
 * and can be gone to again:
 *
 *   npm run crash -- --minutes 30 --seed 1 --workers 2
 *   npm run crash -- --replay crash-failures/state-1.json
 */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import { describeViolation, Explorer } from '../exploration/explorer.ts'
import { workloadOf } from '../exploration/workloads.ts'
import { CampaignFigures, Display } from './display.ts'
import type { Assignment, Failure, Report } from './messages.ts'

const WORKER = fileURLToPath(new URL('./worker.ts', import.meta.url))

interface Options {
  readonly minutes: number
  readonly seed: number
  readonly workers: number
  readonly depth: number
  readonly states: number
  readonly failures: string
  readonly replay?: string
}

const positive = (text: string): number => {
  const value = Number(text)
  if (!(value > 0)) throw new InvalidArgumentError('It has to be a number above 0.')
  return value
}

const program = new Command('crash')
  .description('Crashes workloads at every change of a simulated disk and checks every restart.')
  .option('--minutes <n>', 'how long', positive, 1)
  .option('--seed <n>', 'what is drawn follows from it', positive, 1 + (Date.now() % 1_000_000))
  .option('--workers <n>', 'processes', positive, availableParallelism())
  .option('--depth <n>', 'crashes in a row', positive, 3)
  .option('--states <n>', 'states tried of a crash point at most', positive, 300)
  .option('--failures <directory>', 'where failing cases are saved', 'crash-failures')
  .option('--replay <file>', 'go to a saved failing case again instead')
  .addHelpText('after', '\nExits with 0 when nothing was found, 1 when something was, 130 when interrupted.')

async function replay(file: string): Promise<number> {
  const failure = JSON.parse(readFileSync(file, 'utf8')) as Failure
  if (failure.kind === 'script') {
    console.log(failure.text)
    console.log('\nPut the script into property-tests/regressions.ts and run the crash property.')
    return 1
  }
  const { violation, options } = failure
  const found = await new Explorer(options).retrace(workloadOf(violation.workload), violation.crashes)
  console.log(found === undefined ? 'This state is restarted as it must be.' : describeViolation(found))
  return found === undefined ? 0 : 1
}

/** Runs the workers; resolves when the time is over or the user has had enough. */
class Campaign {
  readonly #options: Options
  readonly #figures = new CampaignFigures()
  readonly #workers: ChildProcess[] = []
  readonly #saved: string[] = []
  #isOver = false

  constructor(options: Options) {
    this.#options = options
  }

  async run(): Promise<number> {
    const { minutes, seed, workers } = this.#options
    console.log(`seed ${seed}, ${workers} workers, ${minutes} minutes`)
    const display = new Display(minutes * 60_000, this.#figures)
    for (let index = 0; index < workers; index++) this.#start(index)
    const interrupted = await display.untilOver()
    this.#isOver = true
    for (const worker of this.#workers) worker.kill('SIGKILL')
    display.summary(workers)
    for (const file of this.#saved) console.log(`saved: ${file}; repeat with npm run crash -- --replay ${file}`)
    return interrupted ? 130 : this.#figures.failures > 0 ? 1 : 0
  }

  #start(index: number): void {
    const { seed, workers, depth, states } = this.#options
    const assignment: Assignment = { seed, index, count: workers, depth, statesPerPoint: states }
    const worker = fork(WORKER, [JSON.stringify(assignment)])
    worker.on('message', (report: Report) => this.#hear(report))
    worker.on('exit', (code, signal) => {
      if (this.#isOver) return
      this.#figures.failures++
      console.error(`worker ${index} died: ${signal ?? code}`)
    })
    this.#workers.push(worker)
  }

  #hear(report: Report): void {
    if (report.kind === 'figures') {
      this.#figures.add(report)
      return
    }
    this.#figures.failures++
    const { failure } = report
    mkdirSync(this.#options.failures, { recursive: true })
    const file = join(this.#options.failures, `${failure.kind}-${this.#options.seed}-${this.#figures.failures}.json`)
    writeFileSync(file, `${JSON.stringify(failure, undefined, 2)}\n`)
    this.#saved.push(file)
    console.error(failure.kind === 'state' ? describeViolation(failure.violation) : failure.text)
  }
}

const options = program.parse().opts<Options>()
process.exitCode = options.replay === undefined ? await new Campaign(options).run() : await replay(options.replay)
