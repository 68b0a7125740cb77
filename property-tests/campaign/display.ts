/** The figures of a campaign, as they grow, and the table at its end. */
import { SingleBar } from 'cli-progress'
import Table from 'cli-table3'
import { Coverage, type CoverageFigures } from '../exploration/coverage.ts'
import type { Report } from './messages.ts'

const DRAW_EVERY_MS = 500
/** Without a terminal: a line so often. */
const LINE_EVERY_MS = 30_000

export class CampaignFigures {
  readonly coverage = new Coverage()
  workloads = 0
  scripts = 0
  scriptRestarts = 0
  cpuMs = 0
  failures = 0

  add({ coverage, workloads, cpuMs, scripts, restarts }: Extract<Report, { kind: 'figures' }>): void {
    this.coverage.add(coverage)
    this.workloads += workloads
    this.cpuMs += cpuMs
    this.scripts += scripts
    this.scriptRestarts += restarts
  }
}

export class Display {
  readonly #totalMs: number
  readonly #figures: CampaignFigures
  readonly #startedMs = performance.now()

  constructor(totalMs: number, figures: CampaignFigures) {
    this.#totalMs = totalMs
    this.#figures = figures
  }

  /** Shows the figures until the time is over and there are some, or Ctrl-C; whether it was the latter. */
  untilOver(): Promise<boolean> {
    const bar = process.stdout.isTTY
      ? new SingleBar({ format: '{bar} {seconds}/{total} s | {text}', clearOnComplete: true })
      : undefined
    bar?.start(Math.round(this.#totalMs / 1000), 0, { text: '', seconds: 0 })
    let lineMs = 0
    return new Promise((resolve) => {
      const finish = (interrupted: boolean): void => {
        clearInterval(timer)
        process.off('SIGINT', interrupt)
        bar?.stop()
        resolve(interrupted)
      }
      const interrupt = (): void => finish(true)
      process.once('SIGINT', interrupt)
      const timer = setInterval(() => {
        const seconds = Math.round(this.#elapsedMs / 1000)
        bar?.update(Math.min(seconds, Math.round(this.#totalMs / 1000)), { text: this.#line(), seconds })
        if (bar === undefined && this.#elapsedMs - lineMs >= LINE_EVERY_MS) {
          lineMs = this.#elapsedMs
          console.log(`${seconds} s: ${this.#line()}`)
        }
        if (this.#elapsedMs >= this.#totalMs && this.#hasFigures) finish(false)
      }, DRAW_EVERY_MS)
    })
  }

  /** On a slow machine a short time may pass before the first state is judged. */
  get #hasFigures(): boolean {
    return this.#figures.coverage.total.distinct > 0 || this.#figures.failures > 0
  }

  get #elapsedMs(): number {
    return performance.now() - this.#startedMs
  }

  #line(): string {
    const { coverage, scripts, failures } = this.#figures
    const { points, distinct } = coverage.total
    const rate = Math.round((distinct / this.#elapsedMs) * 1000)
    return `${shown(distinct)} distinct states (${shown(rate)}/s) of ${shown(points)} crash points, ${shown(scripts)} scripts, ${failures} failures`
  }

  /** Prints what was covered, by the kind of I/O. */
  summary(workers: number): void {
    const { coverage, workloads, scripts, scriptRestarts, cpuMs, failures } = this.#figures
    const { total } = coverage
    console.log(coverageTable(coverage.figures))
    const seconds = this.#elapsedMs / 1000
    const perSecond = total.distinct / seconds
    console.log(
      `${shown(workloads)} workloads explored to their end; ${shown(Math.round(perSecond))} distinct states a second,`,
    )
    const cores = cpuMs / 1000 / seconds
    console.log(
      `${(cpuMs / total.distinct).toFixed(2)} ms of CPU each, with all checks (${workers} workers had ${cores.toFixed(1)} cores).`,
    )
    console.log(`${shown(scripts)} random scripts with ${shown(scriptRestarts)} restarts besides.`)
    console.log(failures === 0 ? 'No violation.' : `${failures} VIOLATIONS`)
  }
}

const shown = (value: number): string => value.toLocaleString('en-US')

/** A row for each kind of I/O; for each depth how many points were crashed at and how many states judged. */
function coverageTable(figures: CoverageFigures): string {
  const depths = [...new Set(Object.keys(figures).map((key) => splitKey(key)[0]))].sort()
  const places = [...new Set(Object.keys(figures).map((key) => splitKey(key)[1]))].sort()
  const table = new Table({
    head: ['crash before', ...depths.flatMap((depth) => [`points, crash ${depth}`, 'distinct states'])],
    colAligns: ['left', ...depths.flatMap(() => ['right' as const, 'right' as const])],
    style: { head: [], border: [], compact: true },
  })
  const sums = depths.map(() => ({ points: 0, distinct: 0 }))
  for (const place of places) {
    const tallies = depths.map((depth) => figures[`${depth} ${place}`])
    for (const [index, tally] of tallies.entries()) {
      const sum = sums[index] as { points: number; distinct: number }
      sum.points += tally?.points ?? 0
      sum.distinct += tally?.distinct ?? 0
    }
    table.push([place, ...tallies.flatMap((tally) => [shown(tally?.points ?? 0), shown(tally?.distinct ?? 0)])])
  }
  table.push(['all', ...sums.flatMap(({ points, distinct }) => [shown(points), shown(distinct)])])
  return table.toString()
}

function splitKey(key: string): [depth: string, place: string] {
  const space = key.indexOf(' ')
  return [key.slice(0, space), key.slice(space + 1)]
}
