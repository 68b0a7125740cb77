/**
 * The oracle beside a database of real processes: hears what the working process asks for and what it is
 * told, and says after each restart whether the content is legal. The rules are the model's (I18): the
 * commits that survive are a prefix of the order in which they were asked for, and reach at least to the
 * last one that was acknowledged at a level that outlives what happened.
 *
 * ```
 *   ask 0  ask 1  ack 0  ask 2  ask 3  ack 2  †        full: 0, 2   lazy: 1   none: 3
 *                                  the power is cut: 0 1 2 | 0 1 2 3      what may be found
 *                            the process is killed: 0 1 2 | 0 1 2 3
 * ```
 *
 * Besides: counters were raised by one from what the commit before left (I21); the structure is sound
 * (I22); an engine that has stopped acknowledges nothing that is asked of it afterwards (I28).
 */
import { assert } from '../../src/common/assert.ts'
import { compareBytes } from '../../src/common/bytes.ts'
import type { Durability } from '../../src/index.ts'
import { type Commit, type Content, type CrashKind, type Effect, Model } from '../model.ts'
import type { Change, Listing, Message, Restart } from './protocol.ts'
import { COUNTER_BYTES, COUNTERS, digestOf, valueFor } from './rows.ts'

/** What came up, over all lives. */
export class Figures {
  asked = 0
  acknowledged = 0
  /** Asked for and not acknowledged when the process ended. */
  inFlight = 0
  rolledBack = 0
  losers = 0
  restoredPages = 0
  /** Restarts after which commits acknowledged at less than `full` were gone, as they may be. */
  restartsWithLoss = 0
  /** Of the restarts that had something to do. */
  readonly restartsMs: number[] = []
  /** Errors by code, those of a full disk included. */
  readonly errors = new Map<string, number>()
}

/** After these the engine does nothing any more. */
const STOPPED: ReadonlySet<string> = new Set(['DB_FAILED', 'TX_OUTCOME_UNKNOWN'])
const LINES_MAX = 8
const encoder = new TextEncoder()

export class Oracle {
  readonly figures = new Figures()
  readonly violations: string[] = []
  /** The codes of the errors that may come up now. */
  allowedErrors: ReadonlySet<string> = new Set()
  readonly #model = new Model()
  /** Commits of the life at hand, by their number. */
  #commits = new Map<number, Commit>()
  /** The commits that a flush under way makes durable. */
  #beingFlushed: readonly Commit[] = []
  #hasFailed = false
  /** Commits that were asked of an engine that had stopped. */
  #late = new Set<number>()
  /** The worst that has happened since the content was last looked at. */
  #crash: CrashKind = 'kill'

  /** Takes note of a message. */
  hear(message: Message): void {
    switch (message.event) {
      case 'opened':
        this.#opened(message.restart)
        this.judge(message.listing, message.problems)
        break
      case 'ask':
        this.#ask(message.id, message.durability, message.changes)
        break
      case 'ack':
        this.#acknowledge(message.id)
        break
      case 'flush':
        this.#beingFlushed = [...this.#model.commits]
        break
      case 'flushed':
        for (const commit of this.#beingFlushed) commit.flushed = true
        break
      case 'closed':
        this.#closed()
        break
      case 'rolled-back':
        this.figures.rolledBack++
        break
      case 'full':
      case 'failed':
      case 'refused':
        this.#error(message.event, message.code, message.message)
    }
  }

  /** The process is gone. What it had not been told counts as in flight. */
  ended(crash: CrashKind): void {
    for (const commit of this.#commits.values()) if (!commit.acknowledged) this.figures.inFlight++
    this.#commits = new Map()
    this.#late = new Set()
    this.#beingFlushed = []
    this.#hasFailed = false
    if (crash === 'power') this.#crash = 'power'
  }

  /** Judges what a restart has left, and takes it as what is committed from now on. */
  judge(listing: Listing, problems: readonly string[]): void {
    for (const problem of problems) this.violations.push(`check: ${problem} (I22)`)
    const found: Content = new Map(
      listing.map(([name, rows]) => [name, new Map(rows.map(([key, digest]) => [key, encoder.encode(digest)]))]),
    )
    const acknowledged = this.#model.commits.findLastIndex((commit) => commit.acknowledged) + 1
    if (this.#model.problemOf(found, acknowledged) !== undefined) this.figures.restartsWithLoss++
    try {
      this.#model.recovered(found, this.#model.floor(this.#crash))
    } catch (error) {
      this.violations.push(`${abridged((error as Error).message)} (I18)`)
    }
    this.#crash = 'kill'
  }

  #opened({ wasNeeded, ms, losers, restoredPages }: Restart): void {
    if (wasNeeded) this.figures.restartsMs.push(ms)
    this.figures.losers += losers
    this.figures.restoredPages += restoredPages
  }

  #ask(id: number, durability: Durability, changes: readonly Change[]): void {
    const effects: Effect[] = []
    for (const change of changes) {
      this.#checkCount(effects, change)
      effects.push(effectOf(change))
    }
    this.#commits.set(id, this.#model.commit(effects, durability))
    if (this.#hasFailed) this.#late.add(id)
    this.figures.asked++
  }

  /** A counter is one more than what its reader, who holds a lock on it, must have found. */
  #checkCount(effects: readonly Effect[], change: Change): void {
    if (change.kind !== 'put' || change.table !== COUNTERS) return
    const before = this.#model.get(effects, COUNTERS, change.key)
    const expected = change.stamp === 1 ? undefined : digestBytes(change.stamp - 1, COUNTER_BYTES)
    const isSame =
      before === undefined || expected === undefined ? before === expected : compareBytes(before, expected) === 0
    if (!isSame) this.violations.push(`${change.key} was raised to ${change.stamp}, but another value was there (I21)`)
  }

  /** A clean close makes everything durable; that of an engine that has stopped only lets go of the files. */
  #closed(): void {
    if (this.#hasFailed) return
    for (const commit of this.#model.commits) commit.flushed = true
  }

  #acknowledge(id: number): void {
    const commit = this.#commits.get(id)
    assert(commit !== undefined, 'what is acknowledged was asked for')
    commit.acknowledged = true
    this.figures.acknowledged++
    if (this.#late.has(id)) this.violations.push(`commit ${id} was acknowledged by an engine that had stopped (I28)`)
  }

  #error(event: 'full' | 'failed' | 'refused', code: string, message: string): void {
    if (STOPPED.has(code)) this.#hasFailed = true
    this.figures.errors.set(code, (this.figures.errors.get(code) ?? 0) + 1)
    if (!this.allowedErrors.has(code))
      this.violations.push(`${event === 'refused' ? 'open' : 'an operation'} failed: ${message}`)
  }
}

function effectOf(change: Change): Effect {
  if (change.kind !== 'put') return change
  const { kind, table, key, stamp, size } = change
  return { kind, table, key, value: digestBytes(stamp, size) }
}

/** The digest of a value stands for it in the model. */
function digestBytes(stamp: number, size: number): Uint8Array {
  return encoder.encode(digestOf(valueFor(stamp, size)))
}

/** Why a content is no state says the model for each state; the first and the last ones tell it all. */
function abridged(text: string): string {
  const lines = text.split('\n')
  if (lines.length <= LINES_MAX) return text
  return [...lines.slice(0, 1), `  ... ${lines.length - LINES_MAX} more`, ...lines.slice(1 - LINES_MAX)].join('\n')
}
