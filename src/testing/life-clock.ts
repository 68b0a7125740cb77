/** The clock of one life: simulated time that goes from one timer to the next. */
import type { Cancel } from '../io/runtime.ts'
import { SimulatedRuntime } from '../io/simulated-runtime.ts'

interface Due {
  readonly dueMs: number
  /** Nobody waits for it. */
  readonly isBackground: boolean
}

export class LifeClock extends SimulatedRuntime {
  readonly #due = new Set<Due>()

  override after(delayMs: number, callback: () => void, background?: 'background'): Cancel {
    const due = { dueMs: this.nowMs() + Math.max(0, delayMs), isBackground: background !== undefined }
    this.#due.add(due)
    const cancel = super.after(delayMs, () => {
      this.#due.delete(due)
      callback()
    })
    return () => {
      this.#due.delete(due)
      cancel()
    }
  }

  /** Whether a timer runs that somebody waits for. */
  get isAwaited(): boolean {
    return this.#awaited.length > 0
  }

  /** Goes on to the next timer and runs all that are due at that time. Without a timer the clock stands still. */
  advanceToNext(): void {
    const next = earliest([...this.#due])
    if (next !== undefined) this.advance(next.dueMs - this.nowMs())
  }

  /** Goes on to the next timer that somebody waits for, at most `milliseconds`, over any number in the background. */
  advanceAtMost(milliseconds: number): void {
    const next = earliest(this.#awaited)
    if (next === undefined) this.advanceToNext()
    else this.advance(Math.min(next.dueMs - this.nowMs(), milliseconds))
  }

  get #awaited(): Due[] {
    return [...this.#due].filter(({ isBackground }) => !isBackground)
  }
}

function earliest(timers: readonly Due[]): Due | undefined {
  return timers.reduce<Due | undefined>(
    (least, timer) => (least === undefined || timer.dueMs < least.dueMs ? timer : least),
    undefined,
  )
}
