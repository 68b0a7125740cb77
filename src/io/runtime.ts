/**
 * The runtime port: time, turns of the event loop and randomness. The engine has no other source of
 * any of them, so a run under a simulated runtime replays from its seed.
 *
 * INVARIANT I29: the same seed gives the same run. `file-system.ts` is the only other way in.
 */
import { invalid } from '../common/options.ts'

/** Cancels what `after` scheduled; harmless when it has run. */
export type Cancel = () => void

export interface Runtime {
  /** Milliseconds of a clock that never goes back. Used for intervals and reports, never for order. */
  nowMs(): number
  /** Runs `callback` in a later turn, after the promise callbacks that are ready now. */
  nextTurn(callback: () => void): void
  /**
   * Runs `callback` once after `delayMs`. While somebody waits for it the process must stay alive; a
   * `background` timer must not keep it alive.
   */
  after(delayMs: number, callback: () => void, background?: 'background'): Cancel
  /** A number in [0, 1). */
  random(): number
}

/** Resolves in a later turn: whatever else is ready goes on before. */
export const laterTurn = (runtime: Pick<Runtime, 'nextTurn'>): Promise<void> =>
  new Promise((resolve) => runtime.nextTurn(resolve))

/** @throws `INVALID_ARGUMENT` */
export function checkRuntime(runtime: Runtime): void {
  for (const name of ['nowMs', 'nextTurn', 'after', 'random'] as const) {
    if (typeof runtime?.[name] !== 'function') throw invalid(`runtime must be an object with a function ${name}`)
  }
}
