/**
 * The runtime port for simulations: time stands still until a test moves it, and chance comes from a
 * seed. Turns go on by themselves, as promise callbacks, so that `await` works as usual; which of
 * several comes first depends on nothing but the order of the calls.
 */
import { assert } from '../common/assert.ts'
import { type Random, randomFrom } from '../common/random.ts'
import type { Cancel, Runtime } from './runtime.ts'

/** How many promise callbacks in a row may follow each other before the next turn begins. */
const CALLBACKS_PER_TURN = 8

interface Timer {
  readonly dueMs: number
  readonly callback: () => void
}

export class SimulatedRuntime implements Runtime {
  readonly #random: Random
  readonly #turns: (() => void)[] = []
  readonly #timers = new Set<Timer>()
  #nowMs = 0
  #turning = false

  constructor(seed = 1) {
    this.#random = randomFrom(seed)
  }

  nowMs(): number {
    return this.#nowMs
  }

  random(): number {
    return this.#random()
  }

  nextTurn(callback: () => void): void {
    this.#turns.push(callback)
    if (!this.#turning) void this.#turn()
  }

  after(delayMs: number, callback: () => void): Cancel {
    const timer: Timer = { dueMs: this.#nowMs + Math.max(0, delayMs), callback }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  /** Timers that have not run. */
  get timerCount(): number {
    return this.#timers.size
  }

  /** Moves the clock on and runs what falls due on the way, in order of time, then of scheduling. */
  advance(milliseconds: number): void {
    assert(milliseconds >= 0, 'time goes forward')
    const untilMs = this.#nowMs + milliseconds
    for (let next = this.#nextDue(untilMs); next !== undefined; next = this.#nextDue(untilMs)) {
      this.#timers.delete(next)
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      next.callback()
    }
    this.#nowMs = untilMs
  }

  #nextDue(untilMs: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.dueMs <= untilMs && (next === undefined || timer.dueMs < next.dueMs)) next = timer
    }
    return next
  }

  /** Runs the waiting callbacks, each turn those that were there when it began. */
  async #turn(): Promise<void> {
    this.#turning = true
    try {
      while (this.#turns.length > 0) {
        for (let i = 0; i < CALLBACKS_PER_TURN; i++) await undefined
        for (let ready = this.#turns.length; ready > 0; ready--) this.#turns.shift()?.()
      }
    } finally {
      this.#turning = false
    }
  }
}
