/** The runtime port on Node (and, but for `unref`, on any JavaScript host). */
import type { Cancel, Runtime } from './runtime.ts'

/** A longer delay would overflow the timer and fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1

/** The process's own clock, event loop and random numbers. */
export const nodeRuntime: Runtime = {
  nowMs: () => performance.now(),
  nextTurn: (callback) => {
    setImmediate(callback)
  },
  after: (delayMs, callback, background): Cancel => {
    const timer = setTimeout(callback, Math.min(delayMs, TIMER_MS_MAX))
    if (background !== undefined) timer.unref()
    return () => clearTimeout(timer)
  },
  random: () => Math.random(),
}
