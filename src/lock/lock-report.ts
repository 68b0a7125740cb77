/** What people are told about locks: who holds and waits for what, and why a wait failed. */
import { compareBytes } from '../common/bytes.ts'
import { AriesError } from '../common/errors.ts'
import { NULL_LSN, type TxnId } from '../common/ids.ts'
import { printableKey } from '../common/text.ts'
import type { TracedLock } from '../common/trace.ts'
import { resourceInWords } from '../common/trace-text.ts'
import { areCompatible, type LockMode, type LockModeName, modeName } from './lock-mode.ts'
import {
  isInTheWay,
  type LockHead,
  type LockingTransaction,
  type LockOwner,
  type LockTable,
  type LockWait,
} from './lock-owner.ts'

/** Something that is locked, and who has to do with it. Times are in milliseconds. */
export interface LockReport {
  /** A table by its name; a key of it, the gap before it, or both; the gap behind its last key. */
  readonly kind: 'table' | 'key' | 'end'
  /** The table's name; undefined when nobody has used that table by its name since the database was opened. */
  readonly table: string | undefined
  /** The number of the table's tree; for the name of a table that of the catalog. */
  readonly space: number
  /** The key as its codec has encoded it, a copy; for a table its name in UTF-8; empty for the end. */
  readonly key: Uint8Array
  /** The same to read: in quotes if it is text, else in hexadecimal; long ones are cut. */
  readonly keyText: string
  /** In the order in which they got it. */
  readonly holders: readonly LockHolder[]
  /** In the order in which they will be served. */
  readonly waiters: readonly LockWaiter[]
}

export interface LockHolder {
  readonly txnId: TxnId
  readonly mode: LockModeName
  /** How long the transaction has been open: it has had the lock for at most so long. */
  readonly openMs: number
  /** Its COMMIT is in the log and not durable yet: who overwrites the key without looking does not wait for it. */
  readonly isCommitting: boolean
}

export interface LockWaiter {
  readonly txnId: TxnId
  /** The mode it will hold. */
  readonly mode: LockModeName
  /** The mode it holds already, when this is an upgrade. */
  readonly heldMode: LockModeName | undefined
  readonly waitingMs: number
  /**
   * Whom it waits for: holders that are in its way, and, because nobody overtakes, who waits directly before it, which
   * for the first behind waiting upgrades is each of these. Whom those wait for it waits for as well.
   */
  readonly waitsFor: readonly TxnId[]
}

/** `held` and `waiting` are now, the others since the start. */
export interface LockStats {
  readonly held: number
  readonly waiting: number
  readonly waits: number
  readonly deadlocks: number
  readonly timeouts: number
  /** How often a transaction went over from locks on keys to one on their table. */
  readonly escalations: number
}

/** One step of a deadlock: this transaction waits for the next one in the list, the last for the first. */
export interface DeadlockStep extends Pick<LockReport, 'kind' | 'table' | 'space'> {
  readonly txnId: TxnId
  /** The mode it waits for. */
  readonly mode: LockModeName
  /** What it waits for, as `LockReport.keyText`. */
  readonly key: string
}

/** So many holders are named in the message of an error; its details have all. */
const NAMED_HOLDERS_MAX = 10

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** What people call the spaces of locks: tables are known by the names they were last used under. */
export class SpaceNames {
  readonly #tableSpace: number
  readonly #names = new Map<number, string>()

  constructor(tableSpace: number) {
    this.#tableSpace = tableSpace
  }

  set(space: number, table: string): void {
    this.#names.set(space, table)
  }

  describe(head: LockHead): Pick<LockReport, 'kind' | 'table' | 'space' | 'key' | 'keyText'> {
    const { space } = head
    const key = head.key.slice(0, head.keyLength)
    const keyText = printableKey(key)
    if (space === this.#tableSpace) return { kind: 'table', table: decoder.decode(key), space, key, keyText }
    return { kind: key.length === 0 ? 'end' : 'key', table: this.#names.get(space), space, key, keyText }
  }

  /** The same in words. */
  inWords(head: LockHead): string {
    const { kind, table, space, keyText } = this.describe(head)
    return resourceInWords({ resource: kind, table, space, key: keyText })
  }
}

/** A lock as the trace tells it. */
export function tracedLock({ transaction }: LockOwner, head: LockHead, mode: LockMode, names: SpaceNames): TracedLock {
  const { kind, table, space, keyText } = names.describe(head)
  return { txnId: transaction.txnId, resource: kind, table, space, key: keyText, mode: modeName(mode) }
}

/** Every locked resource, by space and key. */
export function reportLocks(table: LockTable, names: SpaceNames, nowMs: number): LockReport[] {
  const reports: LockReport[] = []
  for (const head of table.heads()) {
    const holders = holdersOf(head, nowMs)
    const waiters: LockWaiter[] = []
    for (let wait = head.queue?.first; wait !== undefined; wait = wait.next) waiters.push(reportWait(wait, nowMs))
    reports.push({ ...names.describe(head), holders, waiters })
  }
  return reports.sort((a, b) => a.space - b.space || compareBytes(a.key, b.key))
}

function holdersOf(head: LockHead, nowMs: number): LockHolder[] {
  const holders: LockHolder[] = []
  for (let grant = head.firstGrant; grant !== undefined; grant = grant.nextOfHead) {
    const { transaction, yieldedLsn } = grant.owner
    const { txnId, startedMs } = transaction
    const isCommitting = yieldedLsn !== NULL_LSN
    holders.push({ txnId, mode: modeName(grant.mode), openMs: nowMs - startedMs, isCommitting })
  }
  // The list has the latest first.
  return holders.reverse()
}

function reportWait(wait: LockWait, nowMs: number): LockWaiter {
  return {
    txnId: wait.owner.transaction.txnId,
    mode: modeName(wait.mode),
    heldMode: wait.held === undefined ? undefined : modeName(wait.held.mode),
    waitingMs: nowMs - wait.sinceMs,
    waitsFor: blockersOf(wait),
  }
}

/**
 * The edges of the search for deadlocks, but those to who has yielded, which lead no further, and those to waits that
 * the wait directly ahead leads to: with them the report on many waiters would grow with their square.
 */
function blockersOf(wait: LockWait): TxnId[] {
  const blockers = new Set<TxnId>()
  for (let grant = wait.head.firstGrant; grant !== undefined; grant = grant.nextOfHead) {
    if (isInTheWay(grant, wait.held, wait.overwrites) && !areCompatible(wait.mode, grant.mode)) {
      blockers.add(grant.owner.transaction.txnId)
    }
  }
  if (wait.held === undefined) {
    for (let ahead = wait.previous; ahead !== undefined; ahead = ahead.previous) {
      blockers.add(ahead.owner.transaction.txnId)
      // An upgrade does not wait for the upgrades ahead of it.
      if (ahead.held === undefined) break
    }
  }
  return [...blockers]
}

/** The error of the member of `cycle` that has to give way. */
export function deadlockError(cycle: readonly LockOwner[], victim: LockOwner, names: SpaceNames): AriesError {
  const { txnId } = victim.transaction
  const steps: DeadlockStep[] = []
  const story: string[] = []
  for (const owner of cycle) {
    const { head, mode } = owner.waiting as LockWait
    const { kind, table, space, keyText } = names.describe(head)
    const step = { txnId: owner.transaction.txnId, mode: modeName(mode), kind, table, space, key: keyText }
    steps.push(step)
    story.push(`${step.txnId} waits for ${step.mode} on ${names.inWords(head)}`)
  }
  return new AriesError(
    'TX_DEADLOCK',
    `transaction ${txnId} gives way to break a deadlock (${story.join(', ')}); run the transaction again`,
    { txnId, cycle: steps },
  )
}

/** The error of a wait that took longer than it was given. */
export function timeoutError(wait: LockWait, timeoutMs: number, names: SpaceNames): AriesError {
  const { head, owner } = wait
  const { txnId } = owner.transaction
  const { kind, table, space, keyText } = names.describe(head)
  const mode = modeName(wait.mode)
  const holders: LockingTransaction[] = []
  for (let grant = head.firstGrant; grant !== undefined; grant = grant.nextOfHead) {
    if (grant.owner !== owner) holders.push(grant.owner.transaction)
  }
  // The list has the latest first.
  holders.reverse()
  return new AriesError(
    'TX_LOCK_TIMEOUT',
    `transaction ${txnId} waited ${timeoutMs} ms for ${mode} on ${names.inWords(head)}, held by ` +
      `${holdersInWords(holders)}; a holder that waits for this call itself never lets go: inside a transaction use ` +
      'tx.put, not table.put; else run the transaction again, or raise lockTimeoutMs',
    { txnId, mode, kind, table, space, key: keyText, holders: holders.map((holder) => holder.txnId), timeoutMs },
  )
}

/** The prepared ones come first: those do not end by themselves. */
function holdersInWords(holders: readonly LockingTransaction[]): string {
  const prepared = holders.filter(({ preparedAs }) => preparedAs !== undefined)
  const others = holders.filter(({ preparedAs }) => preparedAs === undefined)
  const named = [...prepared, ...others].slice(0, NAMED_HOLDERS_MAX)
  const rest = holders.length > named.length ? ` and ${holders.length - named.length} more` : ''
  return `${named.map(holderInWords).join(', ')}${rest}`
}

const holderInWords = ({ txnId, preparedAs }: LockingTransaction): string =>
  preparedAs === undefined ? String(txnId) : `${txnId} (prepared as ${JSON.stringify(preparedAs.name)})`
