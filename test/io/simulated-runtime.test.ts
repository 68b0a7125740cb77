import { expect, test } from 'vitest'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'

test('timers run when the clock is moved, in order of time, then of scheduling', () => {
  const runtime = new SimulatedRuntime()
  const ran: string[] = []
  const note = (name: string) => () => ran.push(`${name} at ${runtime.nowMs()}`)
  runtime.after(20, note('late'))
  runtime.after(10, note('first'))
  runtime.after(10, note('second'))
  runtime.advance(9)
  expect(ran).toEqual([])
  runtime.advance(11)
  expect(ran).toEqual(['first at 10', 'second at 10', 'late at 20'])
  expect(runtime.nowMs()).toBe(20)
})

test('a timer set by a timer runs in the same advance when it falls due', () => {
  const runtime = new SimulatedRuntime()
  const ran: number[] = []
  const tick = () => {
    ran.push(runtime.nowMs())
    runtime.after(10, tick)
  }
  runtime.after(10, tick)
  runtime.advance(35)
  expect(ran).toEqual([10, 20, 30])
  expect(runtime.timerCount).toBe(1)
})

test('a cancelled timer does not run', () => {
  const runtime = new SimulatedRuntime()
  const cancel = runtime.after(5, () => expect.unreachable())
  cancel()
  cancel()
  runtime.advance(10)
})

test('a turn comes by itself, after the promise callbacks that are ready', async () => {
  const runtime = new SimulatedRuntime()
  const ran: string[] = []
  await new Promise<void>((resolve) => {
    runtime.nextTurn(() => {
      ran.push('turn 1')
      runtime.nextTurn(() => {
        ran.push('turn 2')
        resolve()
      })
      void Promise.resolve().then(() => ran.push('callback of turn 1'))
    })
    runtime.nextTurn(() => ran.push('turn 1 too'))
    void Promise.resolve().then(() => Promise.resolve().then(() => ran.push('callback')))
  })
  expect(ran).toEqual(['callback', 'turn 1', 'turn 1 too', 'callback of turn 1', 'turn 2'])
})

test('random numbers repeat with the seed, lie in [0, 1) and differ between seeds', () => {
  const draw = (seed: number) => {
    const runtime = new SimulatedRuntime(seed)
    return Array.from({ length: 1000 }, () => runtime.random())
  }
  expect(draw(7)).toEqual(draw(7))
  expect(draw(7)).not.toEqual(draw(8))
  for (const number of draw(7)) expect(number >= 0 && number < 1).toBe(true)
  const mean = draw(7).reduce((sum, number) => sum + number, 0) / 1000
  expect(mean).toBeGreaterThan(0.45)
  expect(mean).toBeLessThan(0.55)
})
