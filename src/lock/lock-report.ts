/** What people are told about locks: who holds and waits for what, and why a wait failed. */
import { compareBytes } from '../common/bytes.ts'
import { AriesError } from '../common/errors.ts'
import type { TxnId } from '../common/ids.ts'
import { type LockModeName, modeName } from './lock-mode.ts'
import type { LockHead, LockOwner, LockTable, LockWait } from './lock-owner.ts'

/** One locked resource. */
export interface LockReport {
  readonly space: number
  /** The report's own copy. */
  readonly key: Uint8Array
  readonly holders: readonly LockHolderReport[]
  /** In the order they will be served. */
  readonly waiters: readonly LockWaiterReport[]
}

export interface LockHolderReport {
  readonly txnId: TxnId
  readonly mode: LockModeName
}

export interface LockWaiterReport {
  readonly txnId: TxnId
  /** The mode it will hold. */
  readonly mode: LockModeName
  /** The mode it holds already, when this is an upgrade. */
  readonly heldMode: LockModeName | undefined
}

/** One step of a deadlock: this transaction waits for the next one in the list, the last for the first. */
export interface DeadlockStep {
  readonly txnId: TxnId
  readonly mode: LockModeName
  readonly space: number
  /** The key it waits for, as `printableKey` writes it. */
  readonly key: string
}

const PRINTED_KEY_BYTES_MAX = 32

/** The key in quotes if it is plain ASCII, else in hexadecimal; long ones are cut. */
export function printableKey(key: Uint8Array): string {
  const shown = key.subarray(0, PRINTED_KEY_BYTES_MAX)
  const rest = key.length > shown.length ? `... (${key.length} bytes)` : ''
  if (shown.every((byte) => byte >= 0x20 && byte < 0x7f)) return `'${String.fromCharCode(...shown)}'${rest}`
  return `0x${Array.from(shown, (byte) => byte.toString(16).padStart(2, '0')).join('')}${rest}`
}

/** Every locked resource, by space and key. */
export function reportLocks(table: LockTable): LockReport[] {
  const reports: LockReport[] = []
  for (const head of table.heads()) reports.push(reportHead(head))
  return reports.sort((a, b) => a.space - b.space || compareBytes(a.key, b.key))
}

function reportHead(head: LockHead): LockReport {
  const holders: LockHolderReport[] = []
  for (let grant = head.firstGrant; grant !== undefined; grant = grant.nextOfHead) {
    holders.push({ txnId: grant.owner.transaction.txnId, mode: modeName(grant.mode) })
  }
  // The list has the latest first.
  holders.reverse()
  const waiters: LockWaiterReport[] = []
  for (let wait = head.queue?.first; wait !== undefined; wait = wait.next) {
    const heldMode = wait.held === undefined ? undefined : modeName(wait.held.mode)
    waiters.push({ txnId: wait.owner.transaction.txnId, mode: modeName(wait.mode), heldMode })
  }
  return { space: head.space, key: keyOf(head), holders, waiters }
}

/** The error of the member of `cycle` that has to give way. */
export function deadlockError(cycle: readonly LockOwner[], victim: LockOwner): AriesError {
  const steps = cycle.map(deadlockStep)
  const { txnId } = victim.transaction
  const story = steps.map((step) => `${step.txnId} waits for ${step.mode} on ${step.key} of tree ${step.space}`)
  return new AriesError(
    'TX_DEADLOCK',
    `transaction ${txnId} gives way to break a deadlock (${story.join(', ')}); run the transaction again`,
    { txnId, cycle: steps },
  )
}

function deadlockStep(owner: LockOwner): DeadlockStep {
  const { head, mode } = owner.waiting as LockWait
  return { txnId: owner.transaction.txnId, mode: modeName(mode), space: head.space, key: printableKey(keyOf(head)) }
}

/** The error of a wait that took longer than it was given. */
export function timeoutError(wait: LockWait, timeoutMs: number): AriesError {
  const { head, owner } = wait
  const { txnId } = owner.transaction
  const { space, holders } = reportHead(head)
  const key = printableKey(keyOf(head))
  const mode = modeName(wait.mode)
  const others = holders.map((holder) => holder.txnId).filter((holder) => holder !== txnId)
  return new AriesError(
    'TX_LOCK_TIMEOUT',
    `transaction ${txnId} waited ${timeoutMs} ms for ${mode} on ${key} of tree ${space}, held by ` +
      `${others.join(', ')}; run the transaction again, or raise lockTimeoutMs`,
    { txnId, mode, space, key, holders: others, timeoutMs },
  )
}

function keyOf(head: LockHead): Uint8Array {
  return head.key.slice(0, head.keyLength)
}
