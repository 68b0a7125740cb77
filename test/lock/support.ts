/** A clock that moves only when told, and transactions with names: what every lock test needs. */
import { asTxnId } from '../../src/common/ids.ts'
import type { Runtime } from '../../src/io/runtime.ts'
import { LockManager } from '../../src/lock/lock-manager.ts'
import { LockMode, type LockModeName } from '../../src/lock/lock-mode.ts'
import { LockOwner } from '../../src/lock/lock-owner.ts'

export class FakeRuntime implements Runtime {
  #nowMs = 0
  readonly #timers = new Set<{ atMs: number; callback: () => void }>()

  get timerCount(): number {
    return this.#timers.size
  }

  nowMs(): number {
    return this.#nowMs
  }

  nextTurn(callback: () => void): void {
    setImmediate(callback)
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  random(): number {
    return 0.5
  }

  advance(ms: number): void {
    this.#nowMs += ms
    for (const timer of [...this.#timers].sort((a, b) => a.atMs - b.atMs)) {
      if (timer.atMs <= this.#nowMs && this.#timers.delete(timer)) timer.callback()
    }
  }
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export interface OwnerFacts {
  logBytes?: number
  attempt?: number
  isRollingBack?: boolean
  preparedAs?: { name: string }
}

export function makeOwner(txnId: number, facts: OwnerFacts = {}): LockOwner {
  return new LockOwner({
    txnId: asTxnId(txnId),
    startedMs: 0,
    logBytes: facts.logBytes ?? 0,
    attempt: facts.attempt ?? 1,
    isRollingBack: facts.isRollingBack ?? false,
    preparedAs: facts.preparedAs,
  })
}

/** Runs every promise callback that is ready. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/**
 * A lock manager driven in a short notation. `lock` says how it went: `granted` at once or `waits`;
 * `events` collects how waits ended, in order: `T2 granted k`, `T3 TX_DEADLOCK k`.
 */
export class LockBench {
  readonly runtime = new FakeRuntime()
  readonly locks = new LockManager(this.runtime, { tableSpace: 1, escalateAt: 1 })
  readonly events: string[] = []
  readonly errors = new Map<string, unknown>()

  lock(
    owner: LockOwner,
    mode: LockModeName,
    key: string,
    timeoutMs = Number.POSITIVE_INFINITY,
    space = 1,
  ): 'granted' | 'waits' {
    const bytes = bytesOf(key)
    const wait = this.locks.acquire(owner, space, bytes, LockMode[mode], timeoutMs)
    if (wait === undefined) return 'granted'
    const name = `T${owner.transaction.txnId}`
    wait.then(
      () => this.events.push(`${name} granted ${key}`),
      (error: { code: string }) => {
        this.events.push(`${name} ${error.code} ${key}`)
        this.errors.set(name, error)
      },
    )
    return 'waits'
  }

  holds(owner: LockOwner, mode: LockModeName, key: string): boolean {
    const bytes = bytesOf(key)
    return this.locks.holds(owner, 1, bytes, LockMode[mode])
  }

  /** The state as text: `k: T1 S, T2 S | T3 X, T4 S>X`. */
  state(): string[] {
    const text = new TextDecoder()
    return this.locks.snapshot().map(({ key, holders, waiters }) => {
      const held = holders.map((holder) => `T${holder.txnId} ${holder.mode}`).join(', ')
      const waiting = waiters.map(({ txnId, mode, heldMode }) => `T${txnId} ${heldMode ? `${heldMode}>` : ''}${mode}`)
      return `${text.decode(key)}: ${held}${waiting.length > 0 ? ` | ${waiting.join(', ')}` : ''}`
    })
  }

  /** The events since the last call, once every ready promise callback has run. */
  async drain(): Promise<string[]> {
    await settle()
    return this.events.splice(0)
  }
}
