/** Measuring rates: so many clients repeat an operation through a warm-up and then a window that counts. */
import type { Awaitable } from './engines/engine.ts'

export interface Times {
  readonly warmUpMs: number
  readonly windowMs: number
}

/** The clock is looked at once in so many operations. */
const OPERATIONS_A_LOOK = 16

/** Counts operations, all clients together, from the end of the warm-up to the end of the window. */
export class Window {
  readonly #warmUpEndMs: number
  readonly #windowMs: number
  #startedMs: number | undefined
  #endedMs: number | undefined
  #ticks = 0
  #counted = 0

  constructor({ warmUpMs, windowMs }: Times) {
    this.#warmUpEndMs = performance.now() + warmUpMs
    this.#windowMs = windowMs
  }

  get isOver(): boolean {
    return this.#endedMs !== undefined
  }

  get counts(): boolean {
    return this.#startedMs !== undefined && this.#endedMs === undefined
  }

  /** One more is done. */
  tick(): void {
    if (++this.#ticks % OPERATIONS_A_LOOK === 0) this.look(OPERATIONS_A_LOOK)
  }

  /** So many more are done. */
  look(operations: number): void {
    if (this.#endedMs !== undefined) return
    const nowMs = performance.now()
    if (this.#startedMs === undefined) {
      if (nowMs >= this.#warmUpEndMs) this.#startedMs = nowMs
      return
    }
    this.#counted += operations
    if (nowMs - this.#startedMs >= this.#windowMs) this.#endedMs = nowMs
  }

  get perSecond(): number {
    return (this.#counted * 1000) / ((this.#endedMs as number) - (this.#startedMs as number))
  }
}

/** Operations a second of so many clients that each wait for theirs before the next. */
export async function rateOf(times: Times, clients: number, operation: () => Awaitable<unknown>): Promise<number> {
  const window = new Window(times)
  const client = async (): Promise<void> => {
    while (!window.isOver) {
      await operation()
      window.tick()
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  return window.perSecond
}

/** Operations a second of one caller that waits for nothing. */
export function rateOfSync(times: Times, operation: () => void): number {
  const window = new Window(times)
  while (!window.isOver) {
    for (let i = 0; i < OPERATIONS_A_LOOK; i++) operation()
    window.look(OPERATIONS_A_LOOK)
  }
  return window.perSecond
}

/** Rows a second where one operation is for many rows. */
export async function rowRateOf(times: Times, operation: () => Awaitable<number>): Promise<number> {
  const window = new Window(times)
  while (!window.isOver) window.look(await operation())
  return window.perSecond
}

export interface Latencies {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  readonly p999: number
}

/** As `rateOf`, with how long the operations took, in microseconds. */
export async function latenciesOf(
  times: Times,
  clients: number,
  operation: () => Awaitable<unknown>,
): Promise<Latencies> {
  const window = new Window(times)
  const tookUs: number[] = []
  const client = async (): Promise<void> => {
    while (!window.isOver) {
      const startedMs = performance.now()
      await operation()
      if (window.counts) tookUs.push((performance.now() - startedMs) * 1000)
      window.tick()
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  const sorted = Float64Array.from(tookUs).sort()
  const quantile = (part: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
  return { perSecond: window.perSecond, p50: quantile(0.5), p99: quantile(0.99), p999: quantile(0.999) }
}
