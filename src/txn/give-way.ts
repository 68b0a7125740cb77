/**
 * Giving way. Promises that are resolved already run one after the other without ever letting timers and
 * input in, so that clients who never wait would keep everybody else off. Operations are counted here, and
 * after so many, or so long, everybody waits for the next turn of the event loop.
 *
 * ```
 *   have begun: locks, a transaction   --- count --->  all of them go on in the next turn
 *   would begin: nothing yet           --- enter --->  a queue; a turn takes as many off it as fit in
 * ```
 *
 * Any number may wait to begin, for a client need not wait for one operation before it asks for the next. If all
 * were woken and found the turn over, as all but a few would, the work would grow with the square of their number.
 */
import { Queue } from '../common/queue.ts'
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
  readonly #toEnter = new Queue<() => void>()
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

  /**
   * Counts an operation that nothing has been done for yet. When the turn is over, or others wait to begin, returns
   * a promise to wait for, after which the operation is to be done at once and without asking again.
   */
  enter(): Promise<void> | undefined {
    if (this.#toEnter.first === undefined && this.count() === undefined) return undefined
    return new Promise((resolve) => this.#toEnter.push(resolve))
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
        void this.#letEnter()
      })
    })
  }

  /** Lets those in the queue begin, a few at a time: what these do has been done when the clock is looked at. */
  async #letEnter(): Promise<void> {
    while (this.#toEnter.first !== undefined) {
      const few = this.#operations < OPERATIONS_PER_LOOK ? 1 : OPERATIONS_PER_LOOK
      let entered = 0
      for (; entered < few && this.#toEnter.first !== undefined; entered++) {
        this.#toEnter.first()
        this.#toEnter.shift()
      }
      await undefined
      if (this.count(entered) !== undefined) return
    }
  }
}
