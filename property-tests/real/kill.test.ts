/** A short run of `npm run crash:kill`. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { randomFrom } from '../../src/common/random.ts'
import { killLoop } from './kill-loop.ts'
import { Trial } from './trial.ts'

const CYCLES = 6

const directory = mkdtempSync(join(tmpdir(), 'aries-real-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('a process that is killed', () => {
  test('loses nothing that it acknowledged at full or lazy, and shows nothing in part', async () => {
    const trial = new Trial({ directory, seed: 3, clients: 4 })
    const random = randomFrom(3)
    const figures = await killLoop(trial, { cycles: CYCLES, workMsMax: 300, random, onCycle: () => undefined })
    expect(trial.oracle.violations).toEqual([])
    await trial.finish()
    expect(trial.oracle.violations).toEqual([])
    expect(figures.atWork).toBeGreaterThan(0)
    expect(figures.atWork + figures.inRestart + figures.closed).toBe(CYCLES)
    expect(trial.oracle.figures.acknowledged).toBeGreaterThan(0)
  })
})
