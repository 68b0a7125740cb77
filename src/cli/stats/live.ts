/** The figures of a running process, as it tells them to who asks (`src/io/figures.ts`). */
import type { PublishedFigures } from '../../database/stats.ts'
import type { DatabaseStats } from '../../index.ts'
import { askForFigures } from '../../io/figures.ts'
import { CliError } from '../errors.ts'
import { coloured, counted, grouped, kibibytes, milliseconds, printLine } from '../output.ts'

/** An answer from a process that has the database open and running. */
export interface LiveStats {
  readonly pid: number
  readonly openMs: number
  readonly stats: DatabaseStats
}

/** A process in the middle of a long synchronous step, such as a check, answers only after it. */
const ANSWER_MS_MAX = 5_000

/**
 * What the process says that has the database open; undefined when there is none that could be asked, or it is just
 * closing it.
 * @throws `CliError` when it does not answer, or has no figures to tell
 */
export async function askForLiveStats(directory: string): Promise<LiveStats | undefined> {
  const answer = await askForFigures(directory, ANSWER_MS_MAX)
  if (answer === 'closed') return undefined
  if (answer === 'silent') {
    throw new CliError(
      `${directory} is open in a process that tells no figures: it is busy, or is no database's user but looks at it`,
    )
  }
  const { pid, openMs, stats, error } = answer as Partial<PublishedFigures> & { readonly pid?: number }
  if (error?.code === 'DB_CLOSED') return undefined
  if (error !== undefined) throw new CliError(`${directory} is open in process ${pid}, which says: ${error.message}`)
  if (pid === undefined || openMs === undefined || stats === undefined) {
    throw new CliError(`${directory} is open in process ${pid}, which tells figures of another version of aries-db`)
  }
  return { pid, openMs, stats }
}

export function printLiveStats(directory: string, { pid, openMs, stats }: LiveStats): void {
  const { log, buffer, transactions, locks, versions, background, pages } = stats
  printLine(directory)
  const line = (name: string, text: string): void => printLine(`  ${name.padEnd(15)} ${text}`)
  line('open', `in process ${pid}, for ${duration(openMs)}`)
  line(
    'transactions',
    `${grouped(transactions.committed)} committed, ${grouped(transactions.aborted)} aborted, ${grouped(transactions.readOnly)} read-only`,
  )
  line('', `${transactions.active} active${inDoubtText(transactions)}${oldestText(transactions)}`)
  line('log', `ends at LSN ${log.endLsn}, durable up to LSN ${log.flushedLsn}; ${kibibytes(log.fileBytes)} of files`)
  line('', `needed from LSN ${log.oldestRequiredLsn}, by the oldest ${log.oldestRequiredBy}`)
  line(
    '',
    `a restart now would redo ${kibibytes(log.redoWindowBytes)}; ${kibibytes(log.reservedBytes)} held back for rollbacks`,
  )
  line('flushes', flushText(log))
  line(
    'buffer pool',
    `${grouped(buffer.residentPages)} of ${grouped(buffer.frames)} frames used, ${grouped(buffer.dirtyPages)} dirty`,
  )
  line(
    '',
    `${percent(buffer.hitRatio)} hits of ${grouped(buffer.hits + buffer.misses)}; ${counted(buffer.evictions, 'eviction')}`,
  )
  line(
    '',
    `${counted(buffer.pagesWritten, 'page')} written; ${counted(buffer.demandBatches, 'batch', 'batches')} because a frame was needed at once`,
  )
  line('locks', `${grouped(locks.held)} held, ${grouped(locks.waiting)} waited for`)
  line(
    '',
    `${counted(locks.waits, 'wait')}, ${counted(locks.deadlocks, 'deadlock')}, ${counted(locks.timeouts, 'timeout')}, ${counted(locks.escalations, 'escalation')}`,
  )
  if (versions.readers > 0) {
    line(
      'snapshots',
      `${versions.readers} open, the oldest for ${duration(versions.oldestAgeMs ?? 0)}; they keep ${counted(versions.entries, 'older version')} (${kibibytes(versions.bytes)})`,
    )
  }
  line(
    'background',
    `${counted(background.checkpoints, 'checkpoint')}; ${counted(background.pendingActions, 'pending action')}, ${grouped(background.uncleanLeaves)} leaves to clean`,
  )
  if (background.lastError !== undefined) line('', coloured('red', `the last error: ${background.lastError}`))
  const allocated = pages.allocated === undefined ? 'an unknown number' : grouped(pages.allocated)
  const deferred = pages.deferred > 0 ? `; ${grouped(pages.deferred)} left to redo` : ''
  line('pages', `${allocated} allocated of ${grouped(pages.inFile)}${deferred}`)
  if (pages.damaged.length > 0) line('', coloured('red', `damaged: ${pages.damaged.join(', ')}`))
}

const inDoubtText = ({ inDoubt }: DatabaseStats['transactions']): string =>
  inDoubt === 0 ? '' : `, ${inDoubt} in doubt`

const oldestText = ({ oldestId }: DatabaseStats['transactions']): string =>
  oldestId === undefined ? '' : `; transaction ${oldestId} has the oldest record`

function flushText({ flushes, flushTotalMs, commitsPerFlush, flushHistogram }: DatabaseStats['log']): string {
  if (flushes === 0) return 'none yet'
  const mean = milliseconds(flushTotalMs / flushes)
  return `${grouped(flushes)}, ${mean} on average, 99 % within ${quantile(flushHistogram, 0.99)}; ${commitsPerFlush.toFixed(1)} commits a flush`
}

/** The bound of the bucket in which the part `share` of the flushes is reached. JSON has no Infinity: the last has none. */
function quantile(
  histogram: readonly { readonly upToMs: number | null; readonly count: number }[],
  share: number,
): string {
  const total = histogram.reduce((sum, { count }) => sum + count, 0)
  let seen = 0
  for (const { upToMs, count } of histogram) {
    seen += count
    if (seen >= total * share && upToMs !== null) return milliseconds(upToMs)
  }
  return 'no bound'
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

/** 3 h 12 min, 12 min 5 s, 5 s. */
function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  if (hours > 0) return `${grouped(hours)} h ${minutes % 60} min`
  return minutes > 0 ? `${minutes} min ${seconds % 60} s` : `${seconds} s`
}
