/** The runtime port on Node (and, but for `unref`, on any JavaScript host). */
import type { Cancel, Runtime } from './runtime.ts'

/** The process's own clock, event loop and random numbers. */
export const nodeRuntime: Runtime = {
  nowMs: () => performance.now(),
  nextTurn: (callback) => {
    setImmediate(callback)
  },
  after: (delayMs, callback): Cancel => {
    const timer = setTimeout(callback, delayMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
  random: () => Math.random(),
}
