/** How a crowd of clients shares the syncs of the log. */
import { describe, expect, test } from 'vitest'
import { LogBench } from './support.ts'

const CLIENTS = 64
const SYNC_MS = 5

interface Crowd {
  /** How often a client commits. */
  readonly rounds?: (client: number) => number
  /** What it does before each commit. */
  readonly work?: (client: number) => void | Promise<void>
}

/** How many of the clients each flush makes durable. */
async function flushesOfCrowd(bench: LogBench, { rounds = () => 20, work = () => {} }: Crowd = {}): Promise<number[]> {
  const { log, runtime } = bench
  const durableAtOnce: number[] = []
  let waiting: number[] = []
  let isOver = false
  const over = Promise.all(
    Array.from({ length: CLIENTS }, async (_, client) => {
      for (let round = 0; round < rounds(client); round++) {
        await work(client)
        const lsn = bench.append(50)
        waiting.push(lsn)
        await log.waitDurable(lsn)
        expect(log.flushedLsn).toBeGreaterThan(lsn)
        const before = waiting.length
        waiting = waiting.filter((each) => each >= log.flushedLsn)
        if (waiting.length < before) durableAtOnce.push(before - waiting.length)
      }
    }),
  ).finally(() => {
    isOver = true
  })
  for (; !isOver; runtime.advance(SYNC_MS)) await new Promise(setImmediate)
  await over
  return durableAtOnce
}

function onSlowDisk(): LogBench {
  const bench = new LogBench()
  bench.disk.runtime = bench.runtime
  bench.disk.inject('sync', { effect: 'slow', delayMs: SYNC_MS }, { times: Number.POSITIVE_INFINITY })
  return bench
}

const count = (all: readonly number[], wanted: number): number => all.filter((each) => each === wanted).length

describe('on a disk that is faster than the crowd', () => {
  test('one half waits for the disk while the other works', async () => {
    const bench = new LogBench()
    const durableAtOnce = await flushesOfCrowd(bench)
    // The first flush has all 64; then they part.
    expect(durableAtOnce[0]).toBe(64)
    expect(count(durableAtOnce, 32)).toBeGreaterThan(30)
    const after = new LogBench(bench.disk.crash({ mode: 'none' }))
    expect(after.scan().records).toHaveLength(64 * 20)
  })

  test('... and goes on doing so when some of one half stay away', async () => {
    const durableAtOnce = await flushesOfCrowd(new LogBench(), { rounds: (client) => (client < 60 ? 20 : 5) })
    expect(Math.max(...durableAtOnce.slice(1))).toBe(32)
    expect(count(durableAtOnce, 28)).toBeGreaterThan(10)
  })

  test('... also where a sync takes some time, but less than the work of all', async () => {
    const bench = onSlowDisk()
    const work = (): void => bench.runtime.advance(1)
    const durableAtOnce = await flushesOfCrowd(bench, { work })
    expect(count(durableAtOnce, 64)).toBeLessThan(8)
    expect(count(durableAtOnce, 32)).toBeGreaterThan(20)
  })

  test('when the sync of one half fails, the other half hears of it too', async () => {
    const bench = new LogBench()
    const { log, disk, failStop } = bench
    const outcomes = await Promise.allSettled(
      Array.from({ length: CLIENTS }, async (_, client) => {
        for (let round = 0; ; round++) {
          if (client === 0 && round === 5) disk.inject('sync', { effect: 'error', errno: 'EIO' })
          await log.waitDurable(bench.append(50))
        }
      }),
    )
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true)
    expect(failStop.failed).toBe(true)
  })
})

describe('on a disk that is slower than the crowd', () => {
  test('all of it share each sync', async () => {
    const durableAtOnce = await flushesOfCrowd(onSlowDisk())
    expect(count(durableAtOnce, 64)).toBe(20)
  })

  test('... though some need several turns for their work', async () => {
    const bench = onSlowDisk()
    const work = async (client: number): Promise<void> => {
      for (let turn = client; turn > 0; turn -= 10)
        await new Promise<void>((resolve) => bench.runtime.nextTurn(resolve))
    }
    const durableAtOnce = await flushesOfCrowd(bench, { work })
    expect(count(durableAtOnce, 64)).toBeGreaterThan(15)
  })

  test('... and nobody waits for those who stay away', async () => {
    const durableAtOnce = await flushesOfCrowd(onSlowDisk(), { rounds: (client) => (client < 40 ? 20 : 5) })
    expect(count(durableAtOnce, 64)).toBe(5)
    expect(count(durableAtOnce, 40)).toBe(15)
  })
})
