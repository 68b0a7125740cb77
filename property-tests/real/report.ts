/** What the two commands print: progress while they run, a row for each case in the end. */
import { SingleBar } from 'cli-progress'
import Table from 'cli-table3'
import { grouped, milliseconds, printLine } from '../../src/cli/output.ts'
import type { Oracle } from './oracle.ts'

const LINE_INTERVAL_MS = 15_000
const VIOLATIONS_SHOWN = 5

/** A case that was run, or why it was not. */
export type Row =
  | {
      readonly name: string
      readonly runs: number
      /** What it takes to tell whether the case reached what it is about. */
      readonly notes: readonly string[]
      readonly oracle: Pick<Oracle, 'figures' | 'violations'>
    }
  | { readonly name: string; readonly skipped: string }

/** A bar on a terminal, else a line now and then. */
export class Progress {
  readonly #name: string
  readonly #total: number
  readonly #bar: SingleBar | undefined
  #saidMs = performance.now()

  constructor(name: string, total: number) {
    this.#name = name
    this.#total = total
    if (process.stderr.isTTY !== true) return
    const format = `${name} {bar} {value} of {total} | {acknowledged} commits acknowledged | {eta_formatted} left`
    this.#bar = new SingleBar({ format, stream: process.stderr, clearOnComplete: true, hideCursor: true })
    this.#bar.start(total, 0, { acknowledged: 0 })
  }

  at(done: number, { figures }: Pick<Oracle, 'figures'>): void {
    const acknowledged = grouped(figures.acknowledged)
    if (this.#bar !== undefined) this.#bar.update(done, { acknowledged })
    else if (performance.now() - this.#saidMs > LINE_INTERVAL_MS) {
      this.#saidMs = performance.now()
      printLine(`${this.#name}: ${done} of ${this.#total}, ${acknowledged} commits acknowledged`)
    }
  }

  end(): void {
    this.#bar?.stop()
  }
}

export function printRows(rows: readonly Row[]): void {
  const head = ['case', 'runs', 'asked', 'acknowledged', 'in flight', 'losers', 'restart p50', 'max', 'violations']
  const table = new Table({
    head,
    colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
    style: { head: [], border: [], compact: true },
  })
  for (const row of rows) {
    if ('skipped' in row) table.push([row.name, { content: `skipped: ${row.skipped}`, colSpan: head.length - 1 }])
    else table.push(cellsOf(row))
  }
  printLine(table.toString())
  for (const row of rows) {
    if ('skipped' in row) continue
    for (const note of row.notes) printLine(`${row.name}: ${note}`)
    for (const violation of row.oracle.violations.slice(0, VIOLATIONS_SHOWN)) {
      printLine(`VIOLATION in ${row.name}: ${violation}`)
    }
  }
}

/** `3 DISK_FULL, 1 DB_FAILED`, the most frequent one first. */
export function countsOf(counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].sort(([, a], [, b]) => b - a)
  return sorted.length === 0 ? 'none' : sorted.map(([name, count]) => `${grouped(count)} ${name}`).join(', ')
}

function cellsOf({ name, runs, oracle }: Exclude<Row, { skipped: string }>): string[] {
  const { asked, acknowledged, inFlight, losers, restartsMs } = oracle.figures
  const sorted = [...restartsMs].sort((a, b) => a - b)
  const median = sorted[sorted.length >> 1]
  const slowest = sorted.at(-1)
  return [
    name,
    ...[runs, asked, acknowledged, inFlight, losers].map(grouped),
    median === undefined ? '' : milliseconds(median),
    slowest === undefined ? '' : milliseconds(slowest),
    grouped(oracle.violations.length),
  ]
}
