/** Runs a workload: all its clients at once, each with its own meter. */
import { randomFrom } from '../../src/common/random.ts'
import type { Database } from '../../src/database/database.ts'
import type { Client, Workload } from './workloads.ts'

export interface StressOptions {
  readonly clients: number
  readonly seed: number
  readonly nowMs: () => number
  readonly pause: () => Promise<void>
}

/** What a client had to go through until its transaction had committed. */
export interface Ordeal {
  readonly index: number
  attempts: number
  waitedMs: number
}

/**
 * Resolves when every client has committed, with their ordeals in the order in which they did; rejects when
 * one fails. `onAttempt` hears of everything that shows that somebody goes on.
 */
export async function runWorkload(
  db: Database,
  workload: Workload,
  { clients, seed, nowMs, pause }: StressOptions,
  onAttempt: () => void = () => undefined,
): Promise<Ordeal[]> {
  const ordeals: Ordeal[] = []
  const all = Array.from({ length: clients }, async (_, index) => {
    const ordeal: Ordeal = { index, attempts: 0, waitedMs: 0 }
    const startMs = nowMs()
    const client: Client = {
      db,
      index,
      random: randomFrom(seed * clients + index + 1),
      pause,
      transaction: (work, options) =>
        db.transaction(
          (tx) => {
            ordeal.attempts++
            onAttempt()
            return work(tx)
          },
          { attempts: Number.POSITIVE_INFINITY, ...options },
        ),
    }
    await workload.run(client)
    ordeal.waitedMs = nowMs() - startMs
    ordeals.push(ordeal)
    onAttempt()
  })
  await Promise.all(all)
  return ordeals
}
