/** How the damage campaign shows itself: a bar or lines while it runs, a table at its end. */
import cliProgress from 'cli-progress'
import Table from 'cli-table3'
import { grouped, printLine } from '../../src/cli/output.ts'
import type { Tally } from './campaign.ts'
import type { Group } from './cases.ts'
import { OUTCOMES, type Outcome } from './judge.ts'

const LINE_INTERVAL_MS = 15_000

/** A bar on a terminal, else a line now and then. */
export class Progress {
  readonly #bar: cliProgress.SingleBar | undefined
  readonly #total: number
  readonly #startedMs = performance.now()
  #done = 0
  #saidMs = performance.now()

  constructor(total: number) {
    this.#total = total
    if (process.stderr.isTTY !== true) return
    const format = '{bar} {value} of {total} damages | {rate}/s | {eta_formatted} left | {violations} violations'
    this.#bar = new cliProgress.SingleBar({ format, stream: process.stderr, clearOnComplete: true, hideCursor: true })
    this.#bar.start(total, 0, { rate: 0, violations: 0 })
  }

  add(cases: number, violations: number): void {
    this.#done += cases
    const nowMs = performance.now()
    const rate = Math.round((this.#done * 1000) / (nowMs - this.#startedMs))
    if (this.#bar !== undefined) this.#bar.update(this.#done, { rate, violations })
    else if (nowMs - this.#saidMs > LINE_INTERVAL_MS) {
      this.#saidMs = nowMs
      printLine(`${grouped(this.#done)} of ${grouped(this.#total)} damages, ${rate}/s, ${violations} violations`)
    }
  }

  end(): void {
    this.#bar?.stop()
    const seconds = (performance.now() - this.#startedMs) / 1000
    printLine(`${grouped(this.#done)} damages in ${grouped(seconds)} s, ${grouped(this.#done / seconds)} a second`)
  }
}

const sumOf = (tallies: readonly Tally[], outcome: Outcome): number =>
  tallies.reduce((sum, { outcomes }) => sum + (outcomes[outcome] ?? 0), 0)

/** The table of groups by outcomes; outcomes that never came up are left out, but for violations. */
export function tableOf(groups: readonly Group[], tallies: readonly Tally[]): string {
  const shown = OUTCOMES.filter((outcome) => outcome === 'violation' || sumOf(tallies, outcome) > 0)
  const table = new Table({
    head: ['database', 'file', 'damage', 'possible', 'done', ...shown],
    colAligns: ['left', 'left', 'left', ...Array.from({ length: 2 + shown.length }, () => 'right' as const)],
    style: { head: [], border: [], compact: true },
  })
  const row = (name: readonly string[], possible: number, some: readonly Tally[]): void => {
    const counts = shown.map((outcome) => sumOf(some, outcome))
    const done = OUTCOMES.reduce((sum, outcome) => sum + sumOf(some, outcome), 0)
    table.push([...name, ...[possible, done, ...counts].map((count) => (count === 0 ? '' : grouped(count)))])
  }
  for (const [i, { specimen, file, kind, count }] of groups.entries()) {
    row([specimen.name, file.replace(/0{6,}/, '0…'), kind], count, [tallies[i] as Tally])
  }
  row(
    ['all', '', ''],
    groups.reduce((sum, { count }) => sum + count, 0),
    tallies,
  )
  return table.toString()
}
