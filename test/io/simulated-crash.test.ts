import { beforeEach, describe, expect, test } from 'vitest'
import { AriesError } from '../../src/common/errors.ts'
import { type PendingChange, SECTOR_BYTES } from '../../src/io/simulated-changes.ts'
import type { CrashState, CrashStateOptions } from '../../src/io/simulated-crash-states.ts'
import { SimulatedCrash, SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import {
  bytesOf,
  durableFile,
  KILL,
  NOTHING,
  put,
  run,
  sectors,
  shape,
  state,
  statesSeen,
} from './simulated-support.ts'

let disk: SimulatedFileSystem
beforeEach(() => {
  disk = new SimulatedFileSystem()
})

describe('crashAfter (F24)', () => {
  /** Six mutations. */
  function work(fileSystem: SimulatedFileSystem): void {
    const file = fileSystem.open('a', 'create')
    put(file, sectors(2, 1))
    file.syncBlocking()
    fileSystem.syncDirectory()
    file.truncate(0)
    fileSystem.rename('a', 'b')
  }

  test('strikes at every mutation in turn, and no later call gets through', () => {
    work(disk)
    expect(disk.mutations).toBe(6)
    for (let count = 1; count <= 6; count++) {
      const dying = new SimulatedFileSystem({ seed: count })
      dying.crashAfter(count)
      expect(() => work(dying)).toThrow('machine is off')
      expect(dying.poweredOff).toBe(true)
      expect(dying.mutations).toBe(count)
      expect(() => dying.list()).toThrow(SimulatedCrash)
      expect(() => dying.open('a', 'read')).toThrow(SimulatedCrash)
      expect(dying.mutations).toBe(count)
      dying.crash(NOTHING).open('c', 'create')
    }
    const living = new SimulatedFileSystem()
    living.crashAfter(7)
    work(living)
    expect(living.poweredOff).toBe(false)
  })

  test('a sync that it strikes has made nothing durable for sure', async () => {
    const file = durableFile(disk, 'a', run(1, 1))
    put(file, run(1, 2))
    disk.crashAfter(1)
    await expect(file.sync()).rejects.toThrow(SimulatedCrash)
    expect(statesSeen(disk)).toEqual(new Set(['a: 1x1', 'a: 1x2']))
  })

  test('a sync under way does not complete once the machine is off', async () => {
    const file = durableFile(disk, 'a', run(1, 1))
    put(file, run(1, 2))
    disk.crashAfter(2)
    const synced = file.sync()
    expect(() => put(file, run(1, 3))).toThrow('simulated machine is off')
    await expect(synced).rejects.toThrow(SimulatedCrash)
    expect(state(disk.crash(NOTHING))).toBe('a: 1x1')
  })

  test('the write that it strikes reaches even a killed process in part', () => {
    const lengths = new Set<number>()
    for (let seed = 0; seed < 200; seed++) {
      const dying = new SimulatedFileSystem({ seed })
      const file = dying.open('a', 'create')
      dying.crashAfter(1)
      expect(() => file.writeAt(run(4, 1), 0, 4, 0)).toThrow(SimulatedCrash)
      lengths.add(bytesOf(dying.crash(KILL), 'a').length)
    }
    expect([...lengths].sort()).toEqual([0, 1, 2, 3, 4])
  })

  test('the change of a name that it strikes happens or not, as a whole', () => {
    const seen: Record<string, Set<string>> = {
      create: new Set(),
      rename: new Set(),
      remove: new Set(),
      again: new Set(),
    }
    for (let seed = 0; seed < 50; seed++) {
      const steps: [string, (dying: SimulatedFileSystem) => void][] = [
        ['create', (dying) => dying.open('b', 'create')],
        ['rename', (dying) => dying.rename('a', 'b')],
        ['remove', (dying) => dying.remove('a')],
        ['again', (dying) => dying.open('a', 'create')],
      ]
      for (const [name, step] of steps) {
        const dying = new SimulatedFileSystem({ seed })
        durableFile(dying, 'a', run(1, 1))
        dying.crashAfter(1)
        expect(() => step(dying)).toThrow(SimulatedCrash)
        seen[name]?.add(state(dying.crash(KILL)))
      }
    }
    expect(seen['create']).toEqual(new Set(['a: 1x1', 'a: 1x1; b: ']))
    expect(seen['rename']).toEqual(new Set(['a: 1x1', 'b: 1x1']))
    expect(seen['remove']).toEqual(new Set(['a: 1x1', '']))
    expect(seen['again']).toEqual(new Set(['a: 1x1']))
  })

  test('is taken back by Infinity', () => {
    disk.crashAfter(1)
    disk.crashAfter(Number.POSITIVE_INFINITY)
    work(disk)
    expect(disk.poweredOff).toBe(false)
  })

  test('reads do not count', () => {
    const file = durableFile(disk, 'a', run(1, 1))
    disk.crashAfter(1)
    for (let i = 0; i < 10; i++) file.readAt(new Uint8Array(1), 0, 1, 0)
    expect(() => file.syncBlocking()).toThrow(SimulatedCrash)
    expect(() => file.readAt(new Uint8Array(1), 0, 1, 0)).toThrow(SimulatedCrash)
    expect(() => file.size()).toThrow(SimulatedCrash)
  })

  test('the crash is not an operating error', () => {
    disk.crashAfter(1)
    let thrown: unknown
    try {
      disk.open('a', 'create')
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(SimulatedCrash)
    expect(AriesError.is(thrown)).toBe(false)
  })

  test('works again on the disk after the crash', () => {
    disk.crashAfter(1)
    expect(() => disk.open('a', 'create')).toThrow(SimulatedCrash)
    const after = disk.crash(NOTHING)
    after.crashAfter(2)
    const file = after.open('b', 'create')
    expect(() => file.truncate(5)).toThrow(SimulatedCrash)
  })
})

describe('tears (F3, F4)', () => {
  const kept = (...parts: number[]) =>
    ({ mode: 'pick', keep: (_: PendingChange, part: number) => parts.includes(part) }) as const

  test('a disk of 4096-byte sectors tears nowhere else, and has whole states of them', () => {
    const file = durableFile(disk, 'a', run(12_288, 1))
    put(file, run(12_288, 2))
    for (let seed = 0; seed < 300; seed++) {
      const seen = state(disk.crash({ mode: 'random', seed, tearBytes: 4096 }))
      expect(seen).toMatch(/^a: ((4096|8192|12288)x[12] ?)+$/)
    }
    const pick = kept(1)
    expect(state(disk.crash({ ...pick, tearBytes: 4096 }))).toBe('a: 4096x1 4096x2 4096x1')
    put(file, run(10, 3), 5000)
    const last = (change: PendingChange): boolean => change.kind === 'write' && change.bytes[0] === 3
    expect(state(disk.crash({ mode: 'pick', keep: last, tearBytes: 4096 }))).toBe('a: 4096x1 904x2 10x3 3182x2 4096x1')
    expect(state(disk.crash({ mode: 'pick', keep: last }))).toBe('a: 4608x1 392x2 10x3 110x2 7168x1')
  })

  test('a write that begins or ends within such a sector survives with what the sector held', () => {
    const file = durableFile(disk, 'a', run(8192, 1))
    put(file, run(10, 2), 600)
    put(file, run(10, 3), 7000)
    put(file, run(3192, 4), 1000)
    put(file, run(2000, 5), 4096)
    const only = (value: number) =>
      ({
        mode: 'pick',
        keep: (change: PendingChange) => change.kind === 'write' && change.bytes[0] === value,
        tearBytes: 4096,
      }) as const
    expect(state(disk.crash(only(4)))).toBe('a: 600x1 10x2 390x1 3192x4 2808x1 10x3 1182x1')
    expect(state(disk.crash(only(5)))).toBe('a: 4096x1 2000x5 904x1 10x3 1182x1')
  })

  test('what is missing of a torn append is zeros, or garbage', () => {
    const file = durableFile(disk, 'a', sectors(1, 1))
    put(file, sectors(3, 2), SECTOR_BYTES)
    const pick = kept(0, 2)
    expect(state(disk.crash(pick))).toBe('a: 512x1 512x2 512x0 512x2')
    expect(state(disk.crash({ ...pick, missing: 'zeros' }))).toBe('a: 512x1 512x2 512x0 512x2')
    const garbage = bytesOf(disk.crash({ ...pick, missing: 'garbage' }), 'a')
    expect(new Set(garbage.subarray(1024, 1536)).size).toBeGreaterThan(100)
    expect(shape(garbage.subarray(0, 1024))).toBe('512x1 512x2')
    expect(shape(garbage.subarray(1536))).toBe('512x2')
    expect(bytesOf(disk.crash({ ...pick, missing: 'garbage' }), 'a')).toEqual(garbage)
  })

  test('the size may be durable before the end of a torn append', () => {
    const file = durableFile(disk, 'a', sectors(1, 1))
    put(file, sectors(2, 2), SECTOR_BYTES)
    const size = (_file: string, candidates: readonly number[]): number | undefined => candidates.at(-1)
    const image = bytesOf(disk.crash({ ...kept(0), size, missing: 'garbage' }), 'a')
    expect(image.length).toBe(1536)
    expect(new Set(image.subarray(1024)).size).toBeGreaterThan(100)
  })

  test('what is missing of a torn write over synced bytes is the old, unless a file is given up', () => {
    const file = durableFile(disk, 'a', sectors(2, 1))
    put(file, sectors(3, 2))
    const pick = { ...kept(1), missing: 'zeros' } as const
    expect(state(disk.crash(pick))).toBe('a: 512x1 512x2')
    expect(state(disk.crash({ ...pick, missingOver: /^b/ }))).toBe('a: 512x1 512x2')
    expect(state(disk.crash({ ...pick, missingOver: /^a/ }))).toBe('a: 512x0 512x2')
  })

  test('a write that is lost as a whole, or written again, leaves nothing missing', () => {
    const file = durableFile(disk, 'a', run(0, 0))
    put(file, sectors(2, 1))
    put(file, sectors(2, 2))
    put(file, sectors(1, 3), 1024)
    const [first, , third] = disk.pendingChanges().map(({ sequence }) => sequence)
    const thirdAlone = (change: PendingChange): boolean => change.sequence === third
    const tornThenWhole = (change: PendingChange, part: number): boolean => change.sequence !== first || part === 0
    expect(state(disk.crash({ mode: 'pick', keep: thirdAlone, missing: 'garbage' }))).toBe('a: 1024x0 512x3')
    expect(state(disk.crash({ mode: 'pick', keep: tornThenWhole, missing: 'garbage' }))).toBe('a: 1024x2 512x3')
  })

  test('a truncation that survives ends what is missing beyond it', () => {
    const file = durableFile(disk, 'a', run(0, 0))
    put(file, sectors(3, 1))
    file.truncate(SECTOR_BYTES)
    file.truncate(3 * SECTOR_BYTES)
    const torn = (change: PendingChange, part: number): boolean => change.kind === 'truncate' || part !== 1
    expect(state(disk.crash({ mode: 'pick', keep: torn, missing: 'garbage' }))).toBe('a: 512x1 1024x0')
  })
})

describe('all crash states', () => {
  const statesOf = (options?: CrashStateOptions): CrashState[] => [...disk.crashStates(options)]
  const shapes = (states: readonly CrashState[]): string[] => states.map((choice) => state(disk.crash(choice)))

  test('of no change there is one', () => {
    durableFile(disk, 'a', run(1, 1))
    expect(shapes(statesOf())).toEqual(['a: 1x1'])
  })

  test('of a few changes all subsets, prefixes first, then one torn, then sizes', () => {
    const file = durableFile(disk, 'a', sectors(2, 1))
    put(file, sectors(2, 2))
    put(file, sectors(1, 3), 1024)
    put(file, sectors(1, 4))
    expect(shapes(statesOf({ samples: 0 }))).toEqual([
      'a: 1024x1',
      'a: 1024x2',
      'a: 1024x2 512x3',
      'a: 512x4 512x2 512x3',
      'a: 1024x1 512x3',
      'a: 512x4 512x1',
      'a: 512x4 512x2',
      'a: 512x4 512x1 512x3',
      'a: 512x2 512x1',
      'a: 512x1 512x2',
      'a: 512x4 512x2',
      'a: 1024x1 512x0',
    ])
  })

  test('of a write of up to four sectors every subset survives (F3)', () => {
    const file = durableFile(disk, 'a', sectors(4, 0))
    put(file, sectors(4, 1))
    const seen = shapes(statesOf({ samples: 0 }))
    expect(seen).toHaveLength(16)
    expect(new Set(seen).size).toBe(16)
  })

  test('of a longer one the first sectors, the last, one alone and all but one, each once', () => {
    const file = durableFile(disk, 'a', sectors(6, 0))
    put(file, sectors(6, 1))
    const kept = statesOf({ samples: 0 }).map((choice) => {
      const bytes = bytesOf(disk.crash(choice), 'a')
      return Array.from({ length: 6 }, (_, sector) => bytes[sector * SECTOR_BYTES]).join('')
    })
    const ends = ['000000', '100000', '110000', '111000', '111100', '111110', '111111']
    const lasts = ['000001', '000011', '000111', '001111', '011111']
    const single = ['010000', '001000', '000100', '000010']
    const holes = ['101111', '110111', '111011', '111101']
    expect(kept.toSorted()).toEqual([...ends, ...lasts, ...single, ...holes].sort())
  })

  test('of a few changes the samples are as many as the torn states, and tear several at once', () => {
    const file = durableFile(disk, 'a', sectors(4, 0))
    put(file, sectors(2, 1))
    put(file, sectors(2, 2), 1024)
    const without = statesOf({ samples: 0 })
    expect(statesOf()).toHaveLength(without.length + 4)
    const withMore = statesOf({ samples: 200 })
    expect(withMore).toHaveLength(without.length + 200)
    const tearBoth = (states: readonly CrashState[]): boolean =>
      states.some((choice) => {
        const bytes = bytesOf(disk.crash(choice), 'a')
        return bytes[0] !== bytes[512] && bytes[1024] !== bytes[1536]
      })
    expect(tearBoth(without)).toBe(false)
    expect(tearBoth(withMore)).toBe(true)
  })

  test('a rename is torn into both names', () => {
    durableFile(disk, 'a', run(1, 1))
    disk.rename('a', 'b')
    expect(shapes(statesOf({ samples: 0 }))).toEqual(['a: 1x1', 'b: 1x1', 'a: 1x1; b: 1x1'])
  })

  test('a name is seen with its bytes, without, and the bytes without the name (F7, F8)', () => {
    durableFile(disk, 'master', run(1, 1))
    const fresh = disk.open('new', 'create')
    put(fresh, run(1, 2))
    disk.rename('new', 'master')
    const seen = shapes(statesOf())
    for (const one of ['master: ', 'master: 1x1', 'master: 1x2', 'master: 1x1; new: ', 'master: 1x1; new: 1x2']) {
      expect(seen).toContain(one)
    }
  })

  test('with ten changes all 1024 subsets, each once', () => {
    const file = durableFile(disk, 'a', run(10 * SECTOR_BYTES, 0))
    for (let i = 0; i < 10; i++) put(file, sectors(1, 1), i * SECTOR_BYTES)
    expect(statesOf()).toHaveLength(1024)
    expect(new Set(shapes(statesOf())).size).toBe(1024)
  })

  test('with more: prefixes, one lost, one alone, one torn, and samples that favour the newest', () => {
    const count = 12
    const file = durableFile(disk, 'a', run(2 * count * SECTOR_BYTES, 0))
    for (let i = 0; i < count; i++) put(file, sectors(2, 1), 2 * i * SECTOR_BYTES)
    const states = statesOf()
    expect(states).toHaveLength(count + 1 + 2 * (count - 1) + 2 * count + 200)
    const [all, one] = [run(2 * count * SECTOR_BYTES, 1), run(2 * count * SECTOR_BYTES, 0)]
    const seen = new Set(shapes(states))
    for (let i = 0; i < count; i++) {
      const without = all.slice()
      without.fill(0, 2 * i * SECTOR_BYTES, 2 * (i + 1) * SECTOR_BYTES)
      const alone = one.slice()
      alone.fill(1, 2 * i * SECTOR_BYTES, 2 * (i + 1) * SECTOR_BYTES)
      const torn = one.slice()
      torn.fill(1, 0, (2 * i + 1) * SECTOR_BYTES)
      for (const image of [without, alone, torn]) expect(seen).toContain(`a: ${shape(image)}`)
    }
    const samples = states.slice(-200)
    const oldKept = samples.filter((choice) => bytesOf(disk.crash(choice), 'a')[0] === 1)
    const newKept = samples.filter((choice) => bytesOf(disk.crash(choice), 'a').at(-1) === 1)
    expect(oldKept.length).toBeGreaterThan(170)
    expect(newKept.length).toBeLessThan(170)
    expect(new Set(shapes(samples)).size).toBeGreaterThan(150)
  })

  test('are the same each time, and others with another seed', () => {
    const file = durableFile(disk, 'a', run(0, 0))
    for (let i = 0; i < 12; i++) put(file, sectors(2, i), 300 * i)
    expect(shapes(statesOf())).toEqual(shapes(statesOf()))
    expect(statesOf().map(({ label }) => label)).toEqual(statesOf().map(({ label }) => label))
    expect(shapes(statesOf({ seed: 2 }).slice(-200))).not.toEqual(shapes(statesOf().slice(-200)))
    expect(statesOf({ samples: 7 }).length).toBe(statesOf().length - 193)
  })

  test('are made one by one, and tear as the options say', () => {
    const file = durableFile(disk, 'a', run(0, 0))
    for (let i = 0; i < 1000; i++) put(file, run(8192, 1), 8192 * i)
    const first = disk.crashStates().next().value as CrashState
    expect(state(disk.crash(first))).toBe('a: ')
    const coarse = [...disk.crashStates({ tearBytes: 4096, samples: 0 })].filter(({ label }) => label.includes('parts'))
    expect(coarse).toHaveLength(2 * 1000)
    expect(coarse[0]).toMatchObject({ tearBytes: 4096 })
  })
})
