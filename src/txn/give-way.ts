/**
 * Giving way. Promises that are resolved already run one after the other without ever letting timers and
 * input in, so that clients who never wait would keep everybody else off. Operations are counted here, and
 * after so many, or so long, everybody waits for the next turn of the event loop.
 */
import type { Runtime } from '../io/runtime.ts'

const OPERATIONS_PER_TURN = 512
const TURN_MS = 2
/**
 * The clock is looked at once in so many operations, of which each is short; but after each of the first of a turn,
 * because code that has not run yet takes a hundred times as long.
 */
const OPERATIONS_PER_LOOK = 16

export class GiveWay {
  readonly #runtime: Runtime
  #operations = 0
  #turnStartedMs = 0
  #pause: Promise<void> | undefined

  constructor(runtime: Runtime) {
    this.#runtime = runtime
  }

  /** Counts operations. Now and then returns a promise to wait for, to everybody until it has resolved. */
  count(operations = 1): Promise<void> | undefined {
    if (this.#pause === undefined && this.#isTurnOver(operations)) this.#pause = this.#nextTurn()
    return this.#pause
  }

  #isTurnOver(more: number): boolean {
    const before = this.#operations
    this.#operations += more
    if (this.#operations >= OPERATIONS_PER_TURN) return true
    const isFirst = before < OPERATIONS_PER_LOOK
    const isDue = Math.floor(this.#operations / OPERATIONS_PER_LOOK) > Math.floor(before / OPERATIONS_PER_LOOK)
    return (isFirst || isDue) && this.#runtime.nowMs() - this.#turnStartedMs >= TURN_MS
  }

  #nextTurn(): Promise<void> {
    return new Promise((resolve) => {
      this.#runtime.nextTurn(() => {
        this.#operations = 0
        this.#turnStartedMs = this.#runtime.nowMs()
        this.#pause = undefined
        resolve()
      })
    })
  }
}
