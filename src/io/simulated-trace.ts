/**
 * The trace of a simulated disk: every operation with what became of it, as text and back. A trace
 * that is replayed gives the same sequence of outcomes to the same sequence of calls, whatever faults,
 * seeds and counters first led to them; a call that is not the recorded one is an error at once.
 *
 *   open master create
 *   write log-000000000000 512+4096 : count=100
 *   sync data : errno=EIO dropped
 *   rename new master
 *   syncDirectory .
 *   write data 8192+4096 : toFile=data toOffset=4096
 *   truncate data 8192 : off count=1
 *
 * A LINE is an operation, its file (`.` is the directory), for an open the mode and for a rename the
 * new name, then the place: `offset+length`, or the size of a truncation. After a colon come the
 * outcomes below; none means that all went well. Empty lines and those that begin with # are skipped.
 */
import type { OpenMode } from './file-system.ts'
import type { Errno } from './system-error.ts'

/** Every call of the port that reaches the disk; `open` includes creation. */
export const OPERATION_KINDS = [
  'open',
  'read',
  'write',
  'truncate',
  'sync',
  'close',
  'size',
  'list',
  'rename',
  'remove',
  'syncDirectory',
] as const
export type OperationKind = (typeof OPERATION_KINDS)[number]

export interface Call {
  readonly operation: OperationKind
  /** Empty for the directory. */
  readonly file: string
  /** Of a truncation the size. */
  readonly offset: number
  readonly length: number
  /** Of an open. */
  readonly mode?: OpenMode
  /** The new name, of a rename. */
  readonly to?: string
}

/** What became of a call, nothing left to chance. Empty when all went well. */
export interface Outcome {
  /**
   * Bytes transferred, when fewer than could be; of a call with `errno` or `off` default 0. Of a change
   * of names or size that the machine died in: 1 when it happened.
   */
  readonly count?: number
  /** It fails with this. */
  readonly errno?: Errno
  /** A failed sync that made the changes clean, so that no later one saves them. */
  readonly dropped?: true
  /** A sync that said yes and did nothing. */
  readonly lie?: true
  /** How long a sync takes. */
  readonly delayMs?: number
  /** The bit, counted from the first byte read, that came back wrong. */
  readonly bit?: number
  /** Where a write went, or a read came from, instead. */
  readonly toFile?: string
  readonly toOffset?: number
  /** A write that shows until it is synced, and never reaches the disk. */
  readonly phantom?: true
  /** The machine died in it. */
  readonly off?: true
}

export interface TraceEntry extends Call {
  readonly outcome?: Outcome
}

/** A text that is no trace, or a run that is not the recorded one. */
export class TraceError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'TraceError'
  }
}

export function formatTrace(entries: readonly TraceEntry[]): string {
  return entries.map((entry) => `${formatEntry(entry)}\n`).join('')
}

/** One line, without its end. */
export function formatEntry({ outcome, ...call }: TraceEntry): string {
  const words = outcome === undefined ? [] : Object.entries(outcome).map(formatOutcome)
  return words.length === 0 ? formatCall(call) : `${formatCall(call)} : ${words.join(' ')}`
}

function formatCall({ operation, file, offset, length, mode, to }: Call): string {
  const words: string[] = [operation, file === '' ? '.' : encodeURIComponent(file)]
  if (mode !== undefined) words.push(mode)
  if (to !== undefined) words.push(encodeURIComponent(to))
  if (operation === 'read' || operation === 'write') words.push(`${offset}+${length}`)
  if (operation === 'truncate') words.push(String(offset))
  return words.join(' ')
}

function formatOutcome([key, value]: [string, unknown]): string {
  return value === true ? key : `${key}=${encodeURIComponent(String(value))}`
}

/** @throws TraceError with the number of the first line that is not one of a trace. */
export function parseTrace(text: string): TraceEntry[] {
  const entries: TraceEntry[] = []
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '' || line.startsWith('#')) return
    const entry = parseLine(line.trim())
    if (entry === undefined) throw new TraceError(`line ${index + 1} is not one of a trace: ${line}`)
    entries.push(entry)
  })
  return entries
}

const NUMBERS = new Set(['count', 'delayMs', 'bit', 'toOffset'])
const NAMES = new Set(['errno', 'toFile'])
const FLAGS = new Set(['dropped', 'lie', 'phantom', 'off'])

function parseLine(line: string): TraceEntry | undefined {
  const [left = '', right, ...more] = line.split(' : ')
  const call = parseCall(left.split(' '))
  if (call === undefined || more.length > 0) return undefined
  if (right === undefined) return call
  const outcome: Record<string, number | string | true> = {}
  for (const word of right.split(' ')) {
    const [key = '', value, ...rest] = word.split('=')
    if (rest.length > 0) return undefined
    if (FLAGS.has(key) && value === undefined) outcome[key] = true
    else if (NAMES.has(key) && value) outcome[key] = decodeURIComponent(value)
    else if (NUMBERS.has(key) && value && Number.isFinite(Number(value))) outcome[key] = Number(value)
    else return undefined
  }
  return { ...call, outcome: outcome as Outcome }
}

function parseCall(words: string[]): Call | undefined {
  const [operation, name, detail, ...more] = words
  if (!OPERATION_KINDS.includes(operation as OperationKind) || !name || more.length > 0) return undefined
  const call = { operation: operation as OperationKind, file: name === '.' ? '' : decodeURIComponent(name) }
  switch (operation) {
    case 'read':
    case 'write': {
      const place = /^(\d+)\+(\d+)$/.exec(detail ?? '')
      return place === null ? undefined : { ...call, offset: Number(place[1]), length: Number(place[2]) }
    }
    case 'truncate':
      return /^\d+$/.test(detail ?? '') ? { ...call, offset: Number(detail), length: 0 } : undefined
    case 'open':
      if (detail !== 'read' && detail !== 'write' && detail !== 'create') return undefined
      return { ...call, offset: 0, length: 0, mode: detail }
    case 'rename':
      return detail ? { ...call, offset: 0, length: 0, to: decodeURIComponent(detail) } : undefined
    default:
      return detail === undefined ? { ...call, offset: 0, length: 0 } : undefined
  }
}

/** A trace being replayed. Several disks may share one: that of a run and those after its crashes. */
export class TraceReplay {
  readonly #entries: readonly TraceEntry[]
  #position = 0

  constructor(entries: readonly TraceEntry[]) {
    this.#entries = entries
  }

  /** Calls still to come. */
  get remaining(): number {
    return this.#entries.length - this.#position
  }

  /** What became of this call. @throws TraceError when another one is recorded here, or none. */
  next(call: Call): Outcome {
    const entry = this.#entries[this.#position]
    if (entry === undefined) throw this.divergence(call, 'the trace has ended')
    const { outcome = {}, ...recorded } = entry
    const expected = formatCall(recorded)
    if (expected !== formatCall(call)) throw this.divergence(call, `the trace has: ${expected}`)
    this.#position++
    return outcome
  }

  divergence(call: Call, why: string): TraceError {
    return new TraceError(`the run leaves the trace at operation ${this.#position + 1}: ${formatCall(call)}; ${why}`)
  }
}
