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
