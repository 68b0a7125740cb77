import { beforeEach, describe, expect, test } from 'vitest'
import { type PendingChange, SECTOR_BYTES } from '../../src/io/simulated-changes.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { durableFile, EVERYTHING, KILL, NOTHING, put, run, sectors, state, statesSeen } from './simulated-support.ts'

let disk: SimulatedFileSystem
beforeEach(() => {
  disk = new SimulatedFileSystem()
})

describe('power cut (F1, F2, F3, F5, F6)', () => {
  test('what was synced stays, in every crash', () => {
    durableFile(disk, 'a', sectors(3, 1))
    expect([...statesSeen(disk)]).toEqual(['a: 1536x1'])
  })

  test('what was not synced goes or stays as a whole in the two extremes', () => {
    const file = durableFile(disk, 'a', sectors(2, 1))
    put(file, sectors(2, 2), SECTOR_BYTES)
    expect(state(disk.crash(NOTHING))).toBe('a: 1024x1')
    expect(state(disk.crash(EVERYTHING))).toBe('a: 512x1 1024x2')
    expect(state(disk)).toBe('a: 512x1 1024x2')
  })

  test('a sync covers the writes before it begins, not those while it runs', async () => {
    const file = durableFile(disk, 'a', sectors(1, 1))
    put(file, sectors(1, 2))
    const synced = file.sync()
    put(file, sectors(1, 3), SECTOR_BYTES)
    expect(state(disk.crash(NOTHING))).toBe('a: 512x1')
    await synced
    expect(state(disk.crash(NOTHING))).toBe('a: 512x2')
    file.syncBlocking()
    expect(state(disk.crash(NOTHING))).toBe('a: 512x2 512x3')
  })

  test('a sync of one file says nothing about another', () => {
    const a = durableFile(disk, 'a', run(1, 1))
    const b = durableFile(disk, 'b', run(1, 1))
    put(a, run(1, 2))
    put(b, run(1, 2))
    b.syncBlocking()
    expect(state(disk.crash(NOTHING))).toBe('a: 1x1; b: 1x2')
  })

  test('a write inside a file is torn at sectors in every way', () => {
    const file = durableFile(disk, 'a', sectors(3, 1))
    put(file, sectors(3, 2))
    const seen = statesSeen(disk)
    // Every subset of three sectors.
    expect(seen.size).toBe(8)
    expect(seen).toContain('a: 512x2 1024x1')
    expect(seen).toContain('a: 1024x1 512x2')
    expect(seen).toContain('a: 512x2 512x1 512x2')
    for (const one of seen) expect(one).toMatch(/^a: ((512|1024|1536)x[12] ?)+$/)
  })

  test('writes survive in any order', () => {
    const file = durableFile(disk, 'a', run(1, 0))
    const other = durableFile(disk, 'b', run(1, 0))
    put(file, run(1, 1))
    put(other, run(1, 1))
    expect(statesSeen(disk)).toEqual(new Set(['a: 1x0; b: 1x0', 'a: 1x1; b: 1x0', 'a: 1x0; b: 1x1', 'a: 1x1; b: 1x1']))
  })

  test('a sector is one of its states, never a mix', () => {
    const file = durableFile(disk, 'a', run(300, 0))
    put(file, run(100, 1), 0)
    put(file, run(100, 2), 100)
    put(file, run(100, 3), 200)
    expect(statesSeen(disk)).toEqual(
      new Set(['a: 300x0', 'a: 100x1 200x0', 'a: 100x1 100x2 100x0', 'a: 100x1 100x2 100x3']),
    )
  })

  test('so is a sector at the edge of a write over several', () => {
    const file = durableFile(disk, 'a', sectors(2, 0))
    put(file, run(12, 1), 500)
    put(file, run(12, 2), 512)
    put(file, run(24, 3), 524)
    const lastOnly = disk.crash({ mode: 'pick', keep: (change) => change.kind === 'write' && change.bytes[0] === 3 })
    expect(state(lastOnly)).toBe('a: 512x0 12x2 24x3 476x0')
    const firstOnly = disk.crash({ mode: 'pick', keep: (change) => change.kind === 'write' && change.bytes[0] === 1 })
    expect(state(firstOnly)).toBe('a: 500x0 12x1 512x0')
  })

  test('at either edge what the sector held before survives with the write', () => {
    const file = durableFile(disk, 'a', sectors(3, 0))
    put(file, run(10, 1), 500)
    put(file, run(10, 2), 1030)
    put(file, run(514, 3), 510)
    const startsInside = disk.crash({
      mode: 'pick',
      keep: (change) => change.kind === 'write' && change.bytes[0] === 3,
    })
    expect(state(startsInside)).toBe('a: 500x0 10x1 514x3 512x0')
    put(file, run(516, 4), 512)
    const endsInside = disk.crash({ mode: 'pick', keep: (change) => change.kind === 'write' && change.bytes[0] === 4 })
    expect(state(endsInside)).toBe('a: 512x0 516x4 2x0 10x2 496x0')
  })

  test('a lost truncation has cleared the rest of a sector that is written again later', () => {
    const file = durableFile(disk, 'a', run(0, 0))
    put(file, sectors(1, 1))
    file.truncate(100)
    put(file, run(100, 2), 200)
    const withoutTruncation = (change: PendingChange): boolean => change.kind !== 'truncate'
    expect(state(disk.crash({ mode: 'pick', keep: withoutTruncation }))).toBe('a: 100x1 100x0 100x2 212x0')
    put(file, run(1, 3), 511)
    const lastAlone = (change: PendingChange): boolean => change.kind === 'write' && change.bytes[0] === 3
    expect(state(disk.crash({ mode: 'pick', keep: lastAlone }))).toBe('a: 100x1 100x0 100x2 211x0 1x3')
  })

  test('a truncation that survives ends the size that lost writes have given', () => {
    const file = durableFile(disk, 'a', run(0, 0))
    put(file, sectors(2, 1))
    file.truncate(600)
    put(file, run(10, 2), 520)
    const withoutFirst = (change: PendingChange): boolean => 'sizeBefore' in change && change.sizeBefore > 0
    expect(state(disk.crash({ mode: 'pick', keep: withoutFirst }))).toBe('a: 512x0 8x1 10x2 70x1')
  })

  test('a pending write has its own copy of the bytes', () => {
    const file = durableFile(disk, 'a', run(1, 0))
    const source = run(4, 1)
    put(file, source)
    source.fill(9)
    expect(state(disk.crash(EVERYTHING))).toBe('a: 4x1')
    file.syncBlocking()
    expect(state(disk.crash(NOTHING))).toBe('a: 4x1')
  })

  test('among the tears of a long write are long prefixes, suffixes and holes', () => {
    const file = durableFile(disk, 'a', sectors(24, 1))
    put(file, sectors(24, 2))
    const seen = [...statesSeen(disk)]
    expect(seen.some((one) => /^a: \d{4,}x2 \d{4,}x1$/.test(one))).toBe(true)
    expect(seen.some((one) => /^a: \d{4,}x1 \d{4,}x2$/.test(one))).toBe(true)
    expect(seen.some((one) => one.split(' ').length > 8)).toBe(true)
  })

  test('among the crashes are clean cuts at every moment', () => {
    const files = Array.from({ length: 12 }, (_, i) => durableFile(disk, `f${String(i).padStart(2, '0')}`, run(1, 0)))
    for (const file of files) put(file, run(1, 1))
    const cuts = [...statesSeen(disk, 1000)]
      .map((one) => one.replace(/f\d\d: 1x|; /g, ''))
      .filter((one) => /^1*0*$/.test(one))
    expect(new Set(cuts).size).toBe(13)
  })

  test('an extension can leave size without data, and data without size', () => {
    const file = durableFile(disk, 'a', sectors(1, 1))
    put(file, sectors(2, 2), SECTOR_BYTES)
    const seen = statesSeen(disk, 2000)
    expect(seen).toContain('a: 512x1 1024x0')
    expect(seen).toContain('a: 512x1 512x0 512x2')
    expect(seen).toContain('a: 512x1 512x2 512x0')
    expect(seen).toContain('a: 512x1')
  })

  test('a truncation can be lost or kept, without and with what was written after it', () => {
    const file = durableFile(disk, 'a', sectors(2, 1))
    file.truncate(0)
    put(file, run(100, 2))
    const seen = statesSeen(disk, 2000)
    expect(seen).toContain('a: 1024x1')
    expect(seen).toContain('a: ')
    expect(seen).toContain('a: 100x2')
    expect(seen).toContain('a: 100x2 412x0 512x1')
  })

  test('one that keeps all makes the changes durable', () => {
    const file = durableFile(disk, 'a', run(1, 1))
    put(file, run(1, 2))
    const after = disk.crash(EVERYTHING)
    expect(state(after.crash(NOTHING))).toBe('a: 1x2')
    expect(after.pendingChanges()).toEqual([])
  })

  test('a state is a disk of its own', () => {
    const file = durableFile(disk, 'a', run(2, 1))
    const after = disk.crash(NOTHING)
    const other = disk.crash(NOTHING)
    const reopened = after.open('a', 'write')
    put(reopened, run(1, 9))
    put(file, run(1, 7), 1)
    file.syncBlocking()
    expect(state(after)).toBe('a: 1x9 1x1')
    expect(state(after.crash(NOTHING))).toBe('a: 2x1')
    expect(state(other)).toBe('a: 2x1')
    expect(state(disk)).toBe('a: 1x1 1x7')
  })

  test('the lock is free again', async () => {
    await disk.lock()
    await expect(disk.crash(NOTHING).lock()).resolves.toBeTypeOf('function')
  })
})

describe('names at a power cut (F7, F8)', () => {
  test('a created file is gone before the directory is synced, although its bytes were synced', () => {
    const file = disk.open('a', 'create')
    put(file, run(1, 1))
    file.syncBlocking()
    expect(disk.crash(NOTHING).list()).toEqual([])
    expect(statesSeen(disk)).toEqual(new Set(['', 'a: 1x1']))
    disk.syncDirectory()
    expect(state(disk.crash(NOTHING))).toBe('a: 1x1')
  })

  test('a durable name says nothing about the bytes', () => {
    const file = disk.open('a', 'create')
    put(file, run(1, 1))
    disk.syncDirectory()
    expect(state(disk.crash(NOTHING))).toBe('a: ')
  })

  test('a sync of the names that is under way makes durable what came before it, when it is done', async () => {
    disk.open('a', 'create')
    const synced = disk.syncNames()
    disk.open('b', 'create')
    expect(disk.crash(NOTHING).list()).toEqual([])
    await synced
    expect(disk.crash(NOTHING).list()).toEqual(['a'])
  })

  test('a removed file is back, bytes and all, before the directory is synced', () => {
    durableFile(disk, 'a', run(1, 1))
    disk.remove('a')
    expect(disk.list()).toEqual([])
    expect(statesSeen(disk)).toEqual(new Set(['', 'a: 1x1']))
    disk.syncDirectory()
    expect(statesSeen(disk)).toEqual(new Set(['']))
  })

  test('a rename is undone, done, or seen with both names; its target can be empty', () => {
    durableFile(disk, 'master', run(1, 1))
    const fresh = durableFile(disk, 'new', run(0, 0))
    put(fresh, run(1, 2))
    disk.rename('new', 'master')
    const seen = statesSeen(disk, 2000)
    expect(seen).toContain('master: 1x1; new: ')
    expect(seen).toContain('master: 1x2')
    expect(seen).toContain('master: ')
    expect(seen).toContain('master: 1x2; new: 1x2')
    for (const one of seen) expect(one).toMatch(/^master: /)
    disk.syncDirectory()
    expect(state(disk.crash(NOTHING))).toBe('master: ')
  })

  describe('two names of one file, which a rename cut in half leaves', () => {
    const half = { mode: 'pick', keep: (_change: PendingChange, part: number) => part === 0 } as const

    test('show the same bytes, whatever survives of them', () => {
      const file = durableFile(disk, 'a', run(0, 0))
      for (let i = 0; i < 4; i++) put(file, sectors(1, i), i * SECTOR_BYTES)
      disk.rename('a', 'b')
      const seen = [...statesSeen(disk)].filter((one) => one.includes(';'))
      expect(seen.length).toBeGreaterThan(5)
      for (const one of seen) expect(one).toMatch(/^a: (.*); b: \1$/)
    })

    test('show what is written under either, and count once as space', () => {
      durableFile(disk, 'a', sectors(1, 1))
      disk.rename('a', 'b')
      const after = disk.crash(half)
      expect(state(after)).toBe('a: 512x1; b: 512x1')
      put(after.open('a', 'write'), sectors(1, 2))
      expect(state(after)).toBe('a: 512x2; b: 512x2')
      after.capacityBytes = 1024
      put(after.open('b', 'write'), sectors(1, 3), SECTOR_BYTES)
      expect(state(after)).toBe('a: 512x2 512x3; b: 512x2 512x3')
      expect(state(after.crash(NOTHING))).toBe('a: 512x1; b: 512x1')
      expect(state(after.crash(EVERYTHING).crash(KILL))).toBe(state(after))
    })

    test('both stay when one is renamed to the other; either can be removed', () => {
      durableFile(disk, 'a', run(1, 1))
      disk.rename('a', 'b')
      const after = disk.crash(half)
      after.rename('a', 'b')
      expect(state(after)).toBe('a: 1x1; b: 1x1')
      expect(after.pendingChanges()).toEqual([])
      after.remove('a')
      expect(state(after)).toBe('b: 1x1')
    })
  })

  test('a lost creation does not let its removal hit an older file of the name', () => {
    durableFile(disk, 'a', run(1, 1))
    disk.rename('a', 'b')
    disk.open('a', 'create').close()
    disk.remove('a')
    expect(state(disk.crash({ mode: 'pick', keep: (change) => change.kind === 'remove' }))).toBe('a: 1x1')
  })

  test('a name used again belongs to the later file or to none', () => {
    durableFile(disk, 'a', run(1, 1))
    disk.remove('a')
    const second = disk.open('a', 'create')
    put(second, run(1, 2))
    second.syncBlocking()
    expect(statesSeen(disk)).toEqual(new Set(['a: 1x1', '', 'a: 1x2']))
  })
})

describe('process kill (F25)', () => {
  test('loses nothing, and leaves what was not synced to the next power cut', () => {
    const file = durableFile(disk, 'a', run(1, 1))
    put(file, run(1, 2))
    disk.open('b', 'create')
    const after = disk.crash(KILL)
    expect(state(after)).toBe('a: 1x2; b: ')
    expect(state(after.crash(NOTHING))).toBe('a: 1x1')
    after.open('a', 'write').syncBlocking()
    after.syncDirectory()
    expect(state(after.crash(NOTHING))).toBe('a: 1x2; b: ')
    expect(state(disk.crash(NOTHING))).toBe('a: 1x1')
  })
})

describe('determinism', () => {
  function script(seed: number): SimulatedFileSystem {
    const scripted = new SimulatedFileSystem({ seed, shortWrites: true })
    scripted.trace = []
    for (const name of ['a', 'b', 'c']) {
      const file = scripted.open(name, 'create')
      put(file, sectors(4, 1))
      if (name !== 'c') file.syncBlocking()
      put(file, sectors(4, 2), 700)
    }
    scripted.rename('a', 'd')
    return scripted
  }

  test('the same seed gives the same operations and the same crash', () => {
    const [one, two] = [script(5), script(5)]
    expect(one.trace).toEqual(two.trace)
    for (let seed = 0; seed < 50; seed++) expect(state(one.crash(seed))).toBe(state(two.crash(seed)))
  })

  test('the state of a seed does not depend on states drawn before', () => {
    const one = script(5)
    const first = state(one.crash(3))
    for (let seed = 0; seed < 20; seed++) one.crash(seed)
    expect(state(one.crash(3))).toBe(first)
  })

  test('other seeds give other operations and crashes', () => {
    expect(script(5).trace).not.toEqual(script(6).trace)
    disk = script(5)
    expect(statesSeen(disk, 100).size).toBeGreaterThan(30)
  })
})

test('pending changes are listed across files and names, oldest first', () => {
  const file = durableFile(disk, 'a', run(1, 1))
  put(file, run(600, 2), 500)
  disk.rename('a', 'b')
  file.truncate(1)
  expect(disk.pendingChanges().map(({ kind }) => kind)).toEqual(['write', 'rename', 'truncate'])
})

test('pending changes of one file may be more than a call takes arguments', () => {
  const file = durableFile(disk, 'a', run(1, 1))
  for (let i = 0; i < 150_000; i++) put(file, run(1, 2))
  expect(disk.pendingChanges().length).toBe(150_000)
})

test('pending changes include those of a file that was made and removed meanwhile', () => {
  const file = disk.open('a', 'create')
  put(file, run(1, 1))
  disk.remove('a')
  expect(disk.pendingChanges().map(({ kind }) => kind)).toEqual(['create', 'write', 'remove'])
})
