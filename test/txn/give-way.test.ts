import { expect, test } from 'vitest'
import type { Runtime } from '../../src/io/runtime.ts'
import { GiveWay } from '../../src/txn/give-way.ts'

/** A runtime whose clock and turns are moved by hand. */
class HandRuntime implements Runtime {
  timeMs = 0
  #callbacks: (() => void)[] = []

  nowMs(): number {
    return this.timeMs
  }

  nextTurn(callback: () => void): void {
    this.#callbacks.push(callback)
  }

  turn(): void {
    for (const callback of this.#callbacks.splice(0)) callback()
  }

  after(): never {
    throw new Error('nothing here waits for a timer')
  }

  random(): never {
    throw new Error('nothing here is drawn')
  }
}

/** How many operations go on before one has to wait. */
function operationsBeforePause(giveWay: GiveWay): number {
  for (let count = 0; count < 10_000; count++) if (giveWay.count() !== undefined) return count
  return Number.POSITIVE_INFINITY
}

test('everybody gives way after 512 operations, until the next turn', async () => {
  const runtime = new HandRuntime()
  const giveWay = new GiveWay(runtime)
  expect(operationsBeforePause(giveWay)).toBe(511)
  const pause = giveWay.count()
  expect(giveWay.count()).toBe(pause)
  runtime.turn()
  await pause
  expect(operationsBeforePause(giveWay)).toBe(511)
})

test('everybody gives way when a turn has been going on for 2 ms', () => {
  const runtime = new HandRuntime()
  const giveWay = new GiveWay(runtime)
  for (let i = 0; i < 100; i++) expect(giveWay.count()).toBeUndefined()
  runtime.timeMs = 2
  expect(operationsBeforePause(giveWay)).toBeLessThan(16)
  runtime.turn()
  expect(operationsBeforePause(giveWay)).toBe(511)
  runtime.turn()
  runtime.timeMs = 3.9
  expect(operationsBeforePause(giveWay)).toBe(511)
})

test('at the beginning of a turn the clock is looked at after each operation, since the first may take long', () => {
  const runtime = new HandRuntime()
  const giveWay = new GiveWay(runtime)
  expect(giveWay.count()).toBeUndefined()
  runtime.timeMs = 2
  expect(giveWay.count()).toBeDefined()
})

/** Has so many wait to begin an operation; who has begun, in order, comes to stand in the list. */
function askToEnter(giveWay: GiveWay, count: number, entered: number[], took: () => void = () => undefined): void {
  for (let i = 0; i < count; i++) {
    const enter = (): void => {
      entered.push(i)
      took()
    }
    const pause = giveWay.enter()
    if (pause === undefined) enter()
    else void pause.then(enter)
  }
}

/** What was ready to run has run when it resolves, and what that had made ready too. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('of those who wait to begin only as many are woken as fit in a turn, each once and in order', async () => {
  const runtime = new HandRuntime()
  const giveWay = new GiveWay(runtime)
  const entered: number[] = []
  askToEnter(giveWay, 2000, entered)
  const perTurn: number[] = []
  for (let before = 0; before < 2000; before = entered.length) {
    await settled()
    perTurn.push(entered.length - before)
    runtime.turn()
  }
  expect(perTurn).toEqual([511, 512, 512, 465])
  expect(entered).toEqual(Array.from({ length: 2000 }, (_, i) => i))
  expect(giveWay.enter()).toBeUndefined()
})

test('of those who wait to begin only as many are woken as the clock leaves time for', async () => {
  const runtime = new HandRuntime()
  const giveWay = new GiveWay(runtime)
  while (giveWay.count() === undefined);
  const entered: number[] = []
  askToEnter(giveWay, 100, entered, () => {
    runtime.timeMs += 0.5
  })
  runtime.turn()
  await settled()
  expect(entered).toHaveLength(4)
  runtime.turn()
  await settled()
  expect(entered).toHaveLength(8)
})

test('who comes while others wait to begin waits behind them; who has begun goes on with the next turn', async () => {
  const runtime = new HandRuntime()
  const giveWay = new GiveWay(runtime)
  while (giveWay.count() === undefined);
  const entered: number[] = []
  askToEnter(giveWay, 600, entered)
  const begun = giveWay.count()
  runtime.turn()
  await begun
  expect(entered.length).toBeLessThan(10)
  let isLate = true
  void giveWay.enter()?.then(() => {
    isLate = entered.length < 600
  })
  for (let turn = 0; turn < 3; turn++) {
    await settled()
    runtime.turn()
  }
  expect(entered).toHaveLength(600)
  expect(isLate).toBe(false)
})
