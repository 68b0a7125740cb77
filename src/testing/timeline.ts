/**
 * The timeline of a case: what the program did and what went to the disk, in order, then what the crash
 * left, and so on through every life. Changes to the disk carry their number, which is their crash
 * point; reads are left out, and equal changes in a row share a line.
 *
 *   workload
 *          transaction 5: put accounts "alice" {"balance":70}
 *          transaction 5: commit ...
 *      12  write log, 512 bytes
 *      13  sync log: what was written to it is durable
 *          transaction 5: commit done
 *          ack "5"
 *      14  write log, 512 bytes  <- the machine stops here
 *   power cut: nothing unsynced reached the disk
 *          lost  write log, 512 bytes
 *   open
 *          recovery redid 3 changes, rolled back 0 transactions
 *   invariant
 */
import { type PendingChange, partCount } from '../io/simulated-changes.ts'
import type { TraceEntry } from '../io/simulated-file-system.ts'
import type { Cut } from './crash-case.ts'
import { describePersisted, type KeptChange } from './persisted.ts'
import { isMutation, type LifeRecord } from './runner.ts'
import type { TimelineEvent } from './simulated-process.ts'

/** Of a longer life only the last lines are shown. */
const LINES_OF_LIFE_MAX = 60
const PENDING_LINES_MAX = 20

export function renderTimeline(lives: readonly LifeRecord[]): string {
  return lives.flatMap((life, index) => [...renderLife(life, index), ...renderCrash(life)]).join('\n')
}

function renderLife({ events, trace, cut }: LifeRecord, index: number): string[] {
  const lines: string[] = []
  const disk = new DiskLines(lines)
  // Opening went well when anything came after it; what it wrote is of no interest then.
  let operation = events[0]?.operations ?? 0
  disk.skip(trace.slice(0, operation))
  // No crash comes after the invariant: what the engine writes meanwhile decides nothing.
  const shownUpTo = events.find(({ kind, text }) => kind === 'phase' && text === 'invariant')?.operations
  const upTo = (end: number): void => {
    for (; operation < Math.min(end, shownUpTo ?? end); operation++) disk.add(trace[operation] as TraceEntry)
    disk.finish()
  }
  for (const event of events) {
    upTo(event.operations)
    lines.push(renderEvent(event))
  }
  upTo(trace.length)
  if (cut !== undefined && lines.length > 0) lines.push(`${lines.pop()}  <- the machine stops here`)
  const hidden = lines.length - LINES_OF_LIFE_MAX
  const shown = hidden > 1 ? [line(`(${hidden} earlier lines left out)`), ...lines.slice(hidden)] : lines
  return [index === 0 ? 'open' : 'open again', ...shown]
}

function renderEvent({ kind, text }: TimelineEvent): string {
  if (kind === 'phase') return text
  return line(kind === 'did' ? text : `${kind} ${text}`)
}

function line(text: string, number?: number): string {
  return `${String(number ?? '').padStart(6)}  ${text}`
}

/** Changes to the disk, equal ones in a row on one line. */
class DiskLines {
  readonly #lines: string[]
  #mutations = 0
  #first: TraceEntry | undefined
  #count = 0
  #bytes = 0

  constructor(lines: string[]) {
    this.#lines = lines
  }

  /** Counts changes that are not shown. */
  skip(entries: readonly TraceEntry[]): void {
    this.#mutations += entries.filter(isMutation).length
    if (this.#mutations > 0) this.#lines.push(line(`(${this.#mutations} changes to the disk)`))
  }

  add(entry: TraceEntry): void {
    if (!isMutation(entry)) return
    const first = this.#first
    const isMore = first?.operation === 'write' && entry.operation === 'write' && first.file === entry.file
    if (!isMore) {
      this.finish()
      this.#first = entry
    }
    this.#mutations++
    this.#count++
    this.#bytes += entry.length
  }

  finish(): void {
    const entry = this.#first
    if (entry === undefined) return
    const times = this.#count === 1 ? '' : `${this.#count} times, `
    const text =
      entry.operation === 'write' ? `write ${fileName(entry.file)}, ${times}${this.#bytes} bytes` : describe(entry)
    this.#lines.push(line(text, this.#mutations))
    this.#first = undefined
    this.#count = 0
    this.#bytes = 0
  }
}

function describe({ operation, file, offset, to, outcome }: TraceEntry): string {
  const name = fileName(file)
  switch (operation) {
    case 'sync':
      return `sync ${name}${outcome?.off === true ? '' : ': what was written to it is durable'}`
    case 'syncDirectory':
      return `sync of the directory${outcome?.off === true ? '' : ': new and changed names are durable'}`
    case 'rename':
      return `rename ${name} to ${to}`
    case 'truncate':
      return `cut ${name} to ${offset} bytes`
    case 'open':
      return `create ${name}`
    default:
      return `${operation} ${name}`
  }
}

/** Which segment of the log it is does not matter to a reader. */
function fileName(file: string): string {
  return /^log-\d+$/.test(file) ? 'log' : file
}

function renderCrash({ cut, pending }: LifeRecord): string[] {
  if (cut === undefined) return []
  const lines = pending.map((change, index) => line(`${fate(change, index, cut)}  ${describePending(change)}`))
  const hidden = lines.length - PENDING_LINES_MAX
  const shown = hidden > 1 ? [line(`(${hidden} older ones left out)`), ...lines.slice(hidden)] : lines
  return [describePersisted(cut.persisted), ...(pending.length === 0 ? [line('(nothing was unsynced)')] : shown)]
}

function fate(change: PendingChange, index: number, { persisted }: Cut): string {
  switch (persisted.mode) {
    case 'kill':
    case 'all':
      return 'kept'
    case 'none':
      return 'lost'
    case 'random':
      return 'drawn'
    case 'keep': {
      const kept = persisted.kept.find((one) => one.change === index + 1)
      return kept === undefined ? 'lost' : keptParts(kept, partCount(change))
    }
  }
}

function keptParts({ parts }: KeptChange, count: number): string {
  return parts === undefined ? 'kept' : `torn, kept sectors ${parts.join(', ')} of ${count}:`
}

function describePending(change: PendingChange): string {
  const name = fileName(change.file)
  switch (change.kind) {
    case 'write':
      return `write ${name}, ${change.bytes.length} bytes at ${change.offset}`
    case 'truncate':
      return `cut ${name} to ${change.sizeAfter} bytes`
    case 'rename':
      return `rename ${name} to ${change.to}`
    default:
      return `${change.kind} ${name}`
  }
}
