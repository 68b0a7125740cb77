/** How the demo shows itself: a progress bar, a few lines a round, a table at the end. */
import Table from 'cli-table3'
import { coloured, counted, grouped, milliseconds, printLine } from '../output.ts'
import { ProgressBar } from '../progress.ts'
import { reportLines } from '../show/recovery-report.ts'
import type { Plan } from './plan.ts'
import type { Round } from './run.ts'

const VIOLATIONS_SHOWN = 10

/** How far the demo is. */
export class DemoProgress {
  readonly #bar = new ProgressBar()
  readonly #plan: Plan

  constructor(plan: Plan) {
    this.#plan = plan
  }

  update(stepsCommitted: number, commits: number): void {
    const { batches, steps } = this.#plan
    const task = stepsCommitted < batches ? 'loading cities' : 'renaming cities'
    this.#bar.update(task, stepsCommitted, steps, ` | ${grouped(commits)} commits`)
  }

  hide(): void {
    this.#bar.hide()
  }
}

/** What a round showed, in a few lines. */
export function printRound(round: Round, kills: number): void {
  const { recovery, violations } = round
  const title = round.wasKilled ? `kill ${round.number} of ${kills}` : 'clean end'
  printLine()
  printLine(
    `${coloured('bold', title)}: ${grouped(round.acknowledged)} commits acknowledged, ${grouped(round.inFlight)} in flight`,
  )
  for (const line of reportLines(recovery)) printLine(`  ${line}`)
  for (const notice of recovery.notices) printLine(`  note      ${notice}`)
  if (violations.length === 0) printLine(`  ${coloured('green', 'verified')}  ${verifiedText(round)}`)
  for (const violation of violations.slice(0, VIOLATIONS_SHOWN))
    printLine(`  ${coloured('red', 'VIOLATED')}  ${violation}`)
  const more = violations.length - VIOLATIONS_SHOWN
  if (more > 0) printLine(`  and ${counted(more, 'further violation')}`)
}

function verifiedText(round: Round): string {
  const decided = `${grouped(round.inFlightCommitted)} of ${grouped(round.inFlight)} in flight had committed`
  return `${grouped(round.cities)} cities and their index, ${grouped(round.transfers)} transfers, the balances; ${decided}; ${milliseconds(round.verifyMs)}`
}

/** All rounds, one line each. */
export function printSummary(rounds: readonly Round[]): void {
  const right = 'right' as const
  const table = new Table({
    head: ['kill', 'acknowledged', 'in flight', 'cities', 'redone', 'skipped', 'losers', 'CLRs', 'restart', 'verified'],
    colAligns: ['left', right, right, right, right, right, right, right, right, 'left'],
    style: { head: [], border: [] },
  })
  for (const round of rounds) {
    const { redo, undo, totalMs } = round.recovery
    const skipped = Object.values(redo.skipped).reduce((sum, count) => sum + count, 0)
    table.push([
      round.wasKilled ? String(round.number) : 'none',
      grouped(round.acknowledged),
      grouped(round.inFlight),
      grouped(round.cities),
      grouped(redo.redone),
      grouped(skipped),
      grouped(undo.losersUndone),
      grouped(undo.clrs),
      milliseconds(totalMs),
      round.violations.length === 0 ? coloured('green', 'yes') : coloured('red', 'NO'),
    ])
  }
  printLine()
  printLine(table.toString())
}
