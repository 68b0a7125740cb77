/** What a restart did, in a line for each pass. */
import type { RecoveryReport } from '../../index.ts'
import { counted, grouped, kibibytes, milliseconds } from '../output.ts'

/** As in `analysis  120 records ...`. */
export function reportLines(report: RecoveryReport): string[] {
  const lines = report.wasNeeded ? phasesOf(report) : [['recovery', 'not needed']]
  return lines.map(([phase, text]) => `${phase?.padEnd(9)} ${text}`)
}

function phasesOf({ analysis, redo, undo, restoredPages, totalMs }: RecoveryReport): [string, string][] {
  const skipped = Object.entries(redo.skipped).filter(([, count]) => count > 0)
  const reasons = skipped.map(([reason, count]) => `${reason} ${grouped(count)}`).join(', ')
  return [
    [
      'analysis',
      `${counted(analysis.records, 'record')} (${kibibytes(analysis.bytes)}): ${counted(analysis.losers, 'loser')}, ${counted(analysis.dirtyPages, 'dirty page')}; ${milliseconds(analysis.ms)}`,
    ],
    [
      'redo',
      `${counted(redo.records, 'record')} (${kibibytes(redo.bytes)}): ${grouped(redo.redone)} redone; skipped: ${reasons || 'none'}; ${milliseconds(redo.ms)}`,
    ],
    [
      'undo',
      `${counted(undo.losersUndone, 'loser')} undone with ${counted(undo.clrs, 'CLR')}; ${milliseconds(undo.ms)}`,
    ],
    ['restart', `${milliseconds(totalMs)} in all, ${counted(restoredPages.length, 'torn page')} restored`],
  ]
}
