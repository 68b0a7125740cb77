/**
 * How long the event loop is kept from timers and input. Two clocks: the histogram of perf_hooks, which is a
 * timer inside libuv, and a timer of our own; the longer of the two counts. Both tick each millisecond, which
 * is taken off.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Awaitable } from './engines/engine.ts'

const TICK_MS = 1

export interface Stalls {
  readonly maxMs: number
  readonly p99Ms: number
}

export async function stallsDuring(work: () => Awaitable<unknown>): Promise<Stalls> {
  const histogram = monitorEventLoopDelay({ resolution: TICK_MS })
  const gapsMs: number[] = []
  // What came before shall not count as the first gap.
  await new Promise((resolve) => setTimeout(resolve, 10 * TICK_MS))
  let lastMs = performance.now()
  const look = (): void => {
    const nowMs = performance.now()
    gapsMs.push(nowMs - lastMs)
    lastMs = nowMs
  }
  histogram.enable()
  const timer = setInterval(look, TICK_MS)
  try {
    await work()
    // Whatever kept the loop busy to the end is still to be seen.
    await new Promise((resolve) => setTimeout(resolve, 2 * TICK_MS))
    look()
  } finally {
    clearInterval(timer)
    histogram.disable()
  }
  const sorted = gapsMs.sort((a, b) => a - b)
  const p99 = sorted[Math.floor(sorted.length * 0.99)] ?? 0
  const maxMs = Math.max(sorted.at(-1) ?? 0, histogram.max / 1e6)
  return { maxMs: Math.max(0, maxMs - TICK_MS), p99Ms: Math.max(0, p99 - TICK_MS) }
}
