/** The figures of a running process again and again, as rates: a line each time, as vmstat and iostat print them. */
import { setTimeout as pause } from 'node:timers/promises'
import type { DatabaseStats } from '../../index.ts'
import { coloured, grouped, printLine, warn } from '../output.ts'
import { askForLiveStats, type LiveStats } from './live.ts'

interface Column {
  readonly head: string
  readonly width: number
  value(now: DatabaseStats, before: DatabaseStats, seconds: number): string
}

const rate = (head: string, width: number, count: (stats: DatabaseStats) => number): Column => ({
  head,
  width,
  value: (now, before, seconds) => grouped((count(now) - count(before)) / seconds),
})

const gauge = (head: string, width: number, read: (stats: DatabaseStats) => number): Column => ({
  head,
  width,
  value: (now) => grouped(read(now)),
})

const COLUMNS: readonly Column[] = [
  rate('commits/s', 10, ({ transactions }) => transactions.committed + transactions.readOnly),
  rate('aborts/s', 9, ({ transactions }) => transactions.aborted),
  gauge('active', 7, ({ transactions }) => transactions.active),
  gauge('locks', 9, ({ locks }) => locks.held),
  gauge('waiting', 8, ({ locks }) => locks.waiting),
  rate('log KiB/s', 10, ({ log }) => log.endLsn / 1024),
  rate('flushes/s', 10, ({ log }) => log.flushes),
  { head: 'hits %', width: 7, value: hitsOf },
  gauge('dirty', 8, ({ buffer }) => buffer.dirtyPages),
  rate('written/s', 10, ({ buffer }) => buffer.pagesWritten),
  gauge('redo KiB', 10, ({ log }) => log.redoWindowBytes / 1024),
]

/** Of the pages asked for since the last time. */
function hitsOf({ buffer: now }: DatabaseStats, { buffer: before }: DatabaseStats): string {
  const hits = now.hits - before.hits
  const all = hits + now.misses - before.misses
  return all === 0 ? '-' : ((100 * hits) / all).toFixed(1)
}

/** After so many lines the head is shown again. */
const LINES_A_HEAD = 20

/**
 * Prints until the process has closed the database. `first` is what it said already.
 * @throws an `AbortError` when `signal` is aborted; `CliError` when the process does not answer any more
 */
export async function watchStats(
  directory: string,
  first: LiveStats,
  seconds: number,
  isJson: boolean,
  signal: AbortSignal,
): Promise<void> {
  let before = first
  if (isJson) printLine(JSON.stringify({ directory, ...first }))
  for (let lines = 0; ; lines++) {
    if (!isJson && lines % LINES_A_HEAD === 0) {
      printLine(coloured('bold', COLUMNS.map(({ head, width }) => head.padStart(width)).join('')))
    }
    await pause(seconds * 1000, undefined, { signal })
    const now = await askForLiveStats(directory)
    if (now?.pid !== before.pid || now.openMs < before.openMs) {
      warn(`process ${before.pid} has closed the database`)
      return
    }
    if (isJson) printLine(JSON.stringify({ directory, ...now }))
    else printLine(lineOf(now, before))
    before = now
  }
}

function lineOf(now: LiveStats, before: LiveStats): string {
  const seconds = (now.openMs - before.openMs) / 1000
  return COLUMNS.map(({ width, value }) => value(now.stats, before.stats, seconds).padStart(width)).join('')
}
