/**
 * The stress workloads in small, on a simulated disk with its own clock: everybody gets through, nothing is
 * left behind, and it is the same each time. Nobody is forgotten: if all wait and no timer of the clock lets
 * one go on, the test fails.
 */
import { describe, expect, test } from 'vitest'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { openOn } from '../../test/database/support.ts'
import { idle } from '../lab.ts'
import { type Ordeal, runWorkload } from './stress.ts'
import { fill, HOT_KEYS, problemsAfter, WORKLOADS, type Workload } from './workloads.ts'

const CLIENTS = 80
const SYNC_MS = 2
/** Longer than any backoff: when nobody has begun or ended an attempt for so long, nobody will. */
const STANDSTILL_MS = 1000

async function stress(workload: Workload): Promise<Ordeal[]> {
  const runtime = new SimulatedRuntime(1)
  const disk = new SimulatedFileSystem({ runtime })
  const db = await openOn(disk, { runtime, lockTimeoutMs: Number.POSITIVE_INFINITY })
  await fill(db, workload)
  disk.inject('sync', { effect: 'slow', delayMs: SYNC_MS }, { times: Number.POSITIVE_INFINITY })
  let lastMs = runtime.nowMs()
  let isOver = false
  const running = runWorkload(
    db,
    workload,
    { clients: CLIENTS, seed: 1, nowMs: () => runtime.nowMs(), pause: idle },
    () => {
      lastMs = runtime.nowMs()
    },
  ).finally(() => {
    isOver = true
  })
  running.catch(() => undefined)
  for (;;) {
    await idle()
    if (isOver) break
    if (runtime.nowMs() - lastMs > STANDSTILL_MS) throw new Error('nobody goes on')
    runtime.advance(1)
  }
  const ordeals = await running
  disk.inject('sync', { effect: 'slow', delayMs: 0 }, { times: Number.POSITIVE_INFINITY })
  let problems: string[] | undefined
  void problemsAfter(db, workload, CLIENTS).then((found) => {
    problems = found
  })
  while (problems === undefined) {
    await idle()
    runtime.advance(1)
  }
  expect(problems).toEqual([])
  return ordeals
}

describe.each(WORKLOADS)('$name', (workload) => {
  test('everybody gets through, in the same order each time', async () => {
    const ordeals = await stress(workload)
    expect(ordeals.length).toBe(CLIENTS)
    expect(await stress(workload)).toEqual(ordeals)
  })
})

test('who came first to a hot key is served first', async () => {
  const ordeals = await stress(WORKLOADS[0] as Workload)
  for (let key = 0; key < HOT_KEYS; key++) {
    const served = ordeals.filter(({ index }) => index % HOT_KEYS === key).map(({ index }) => index)
    expect(served).toEqual(served.toSorted((a, b) => a - b))
  }
})
