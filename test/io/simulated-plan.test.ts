import { expect, test } from 'vitest'
import { readFully } from '../../src/io/file-system.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import {
  describeFault,
  drawCrash,
  type PlannedFault,
  type PlanOptions,
  planFaults,
} from '../../src/io/simulated-plan.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { formatTrace } from '../../src/io/simulated-trace.ts'
import { durableFile, put, run, sectors, state } from './simulated-support.ts'

const manyPlans = (options?: PlanOptions): PlannedFault[] =>
  Array.from({ length: 1000 }, (_, seed) => planFaults(seed, options)).flat()

const numbersOf = (faults: readonly PlannedFault[]): string[] => [...new Set(faults.map(({ fault }) => fault))].sort()

test('the seeds of each family reach every fault of it', () => {
  expect(numbersOf(manyPlans())).toEqual(['F11', 'F12', 'F13', 'F14', 'F15', 'F16', 'F17', 'F9'])
  expect(numbersOf(manyPlans({ slowSyncMs: 5 }))).toContain('F23')
  expect(numbersOf(manyPlans({ family: 'lies' }))).toEqual(['F10', 'F19', 'F20', 'F21'])
})

test('a plan belongs to its seed', () => {
  expect(planFaults(3)).toEqual(planFaults(3))
  expect(new Set(Array.from({ length: 100 }, (_, seed) => JSON.stringify(planFaults(seed)))).size).toBeGreaterThan(90)
})

test('early operations are hit as often as late ones, up to the horizon', () => {
  const skips = manyPlans({ horizon: 100, count: 1, family: 'lies' }).map(({ match }) => match.skip ?? 0)
  const early = skips.filter((skip) => skip < 9).length
  expect(early).toBeGreaterThan(400)
  expect(early).toBeLessThan(600)
  expect(Math.max(...skips)).toBeLessThan(100)
  expect(skips.filter((skip) => skip > 80).length).toBeGreaterThan(10)
})

test('the options choose how many, which files, and where transfers go', () => {
  for (const fault of manyPlans({ count: 2, file: /^log/, family: 'lies', alignBytes: 8192 })) {
    expect(fault.match.file).toEqual(/^log/)
    if (fault.effect.effect === 'misdirect') expect(fault.effect.alignBytes).toBe(8192)
  }
  expect(planFaults(1, { count: 4 })).toHaveLength(4)
})

test('of opens only creations are out of room', () => {
  for (const { kind, effect, match } of manyPlans()) {
    if (kind === 'open' && effect.effect === 'error' && effect.errno !== 'EMFILE') expect(match.mode).toBe('create')
  }
})

test('a fault has a line of its own', () => {
  expect(
    describeFault({ fault: 'F13', kind: 'write', effect: { effect: 'short', bytes: 5 }, match: { skip: 11 } }),
  ).toBe('F13 write 12 of every file, once: short, bytes 5')
  const range = { offset: 512, length: 512 }
  expect(
    describeFault({
      fault: 'F16',
      kind: 'read',
      effect: { effect: 'error', errno: 'EIO' },
      match: { range, until: 'overwritten', file: /^data$/ },
    }),
  ).toBe('F16 read 1 at 512+512 of ^data$, overwritten: error, errno EIO')
  expect(
    describeFault({
      fault: 'F10',
      kind: 'sync',
      effect: { effect: 'lie' },
      match: { times: Number.POSITIVE_INFINITY },
    }),
  ).toBe('F10 sync 1 of every file, for good: lie')
})

test('every planned fault can be injected, hits, and does the same again', () => {
  const work = (seed: number, family: 'errors' | 'lies'): SimulatedFileSystem => {
    const disk = new SimulatedFileSystem({ seed, runtime: new SimulatedRuntime() })
    disk.trace = []
    durableFile(disk, 'a', sectors(24, 1))
    durableFile(disk, 'b', sectors(24, 2))
    for (const { kind, effect, match } of planFaults(seed, { family, horizon: 5, slowSyncMs: 3 })) {
      disk.inject(kind, effect, match)
    }
    const attempt = (step: () => void): void => {
      try {
        step()
      } catch {
        // What fails is seen in the trace.
      }
    }
    for (let i = 0; i < 6; i++) {
      attempt(() => {
        const file = disk.open('a', 'write')
        attempt(() => put(file, run(4096, i), 4096 * (i % 3)))
        attempt(() => readFully(file, sectors(8, 0), 0, 4096, 0))
        attempt(() => file.truncate(sectors(24, 0).length))
        attempt(() => file.syncBlocking())
        attempt(() => file.close())
      })
      attempt(() => disk.open(`c${i}`, 'create'))
      attempt(() => disk.rename(`c${i}`, 'd'))
      attempt(() => disk.syncDirectory())
      attempt(() => disk.remove('d'))
      attempt(() => disk.list())
    }
    return disk
  }
  let hits = 0
  for (const family of ['errors', 'lies'] as const) {
    for (let seed = 0; seed < 100; seed++) {
      const [one, two] = [work(seed, family), work(seed, family)]
      expect(formatTrace(one.trace ?? [])).toBe(formatTrace(two.trace ?? []))
      if (one.faultsHit.length > 0) hits++
    }
  }
  expect(hits).toBeGreaterThan(150)
})

test('crashes are drawn with every kind of tear', () => {
  const draws = Array.from({ length: 200 }, (_, seed) => drawCrash(seed))
  expect(new Set(draws.map(({ tearBytes, missing }) => `${tearBytes} ${missing}`)).size).toBe(6)
  expect(drawCrash(7)).toEqual(drawCrash(7))
  const disk = new SimulatedFileSystem()
  const file = durableFile(disk, 'a', run(0, 0))
  put(file, sectors(16, 1))
  const seen = new Set(draws.map((choice) => state(disk.crash(choice))))
  expect([...seen].some((one) => /^a: (\d+x1 )?512x\d+ /.test(one) || one.length > 1000)).toBe(true)
})
