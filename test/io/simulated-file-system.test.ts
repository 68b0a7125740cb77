import { beforeEach, describe, expect, test } from 'vitest'
import { AriesError } from '../../src/common/errors.ts'
import { type File, type FileSystem, readFully, writeFully } from '../../src/io/file-system.ts'
import { SECTOR_BYTES } from '../../src/io/simulated-changes.ts'
import { SimulatedCrash, SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'

const NOTHING = { mode: 'none' } as const
const EVERYTHING = { mode: 'all' } as const
const KILL = { mode: 'kill' } as const

let disk: SimulatedFileSystem
beforeEach(() => {
  disk = new SimulatedFileSystem()
})

function put(file: File, bytes: Uint8Array, offset = 0): void {
  writeFully(file, bytes, 0, bytes.length, offset)
}

/** `count` bytes, all `value`. */
function run(count: number, value: number): Uint8Array {
  return new Uint8Array(count).fill(value)
}

function sectors(count: number, value: number): Uint8Array {
  return run(count * SECTOR_BYTES, value)
}

function bytesOf(fileSystem: FileSystem, name: string): Uint8Array {
  const file = fileSystem.open(name, 'read')
  const bytes = new Uint8Array(file.size())
  readFully(file, bytes, 0, bytes.length, 0)
  file.close()
  return bytes
}

/** The bytes as text, runs of one value together: '512x1 100x0'. */
function shape(fileSystem: FileSystem, name: string): string {
  const runs: { value: number; count: number }[] = []
  for (const value of bytesOf(fileSystem, name)) {
    const last = runs.at(-1)
    if (last?.value === value) last.count++
    else runs.push({ value, count: 1 })
  }
  return runs.map(({ value, count }) => `${count}x${value}`).join(' ')
}

/** Every name with its content. */
function state(fileSystem: FileSystem): string {
  return fileSystem
    .list()
    .map((name) => `${name}: ${shape(fileSystem, name)}`)
    .join('; ')
}

/** A file whose content and name are durable. */
function durableFile(name: string, bytes: Uint8Array): File {
  const file = disk.open(name, 'create')
  put(file, bytes)
  file.syncBlocking()
  disk.syncDirectory()
  return file
}

/** All states that `seeds` random crashes of the disk lead to. */
function statesSeen(seeds = 500): Set<string> {
  const seen = new Set<string>()
  for (let seed = 0; seed < seeds; seed++) seen.add(state(disk.crash(seed)))
  return seen
}

describe('power cut', () => {
  test('what was synced stays, in every crash', () => {
    durableFile('a', sectors(3, 1))
    expect([...statesSeen()]).toEqual(['a: 1536x1'])
  })

  test('what was not synced goes or stays as a whole in the two extremes', () => {
    const file = durableFile('a', sectors(2, 1))
    put(file, sectors(2, 2), SECTOR_BYTES)
    expect(state(disk.crash(NOTHING))).toBe('a: 1024x1')
    expect(state(disk.crash(EVERYTHING))).toBe('a: 512x1 1024x2')
    expect(state(disk)).toBe('a: 512x1 1024x2')
  })

  test('a sync covers the writes before it begins, not those while it runs', async () => {
    const file = durableFile('a', sectors(1, 1))
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
    const a = durableFile('a', run(1, 1))
    const b = durableFile('b', run(1, 1))
    put(a, run(1, 2))
    put(b, run(1, 2))
    b.syncBlocking()
    expect(state(disk.crash(NOTHING))).toBe('a: 1x1; b: 1x2')
  })

  test('a write inside a file is torn at sectors in every way', () => {
    const file = durableFile('a', sectors(3, 1))
    put(file, sectors(3, 2))
    const seen = statesSeen()
    // Every subset of three sectors.
    expect(seen.size).toBe(8)
    expect(seen).toContain('a: 512x2 1024x1')
    expect(seen).toContain('a: 1024x1 512x2')
    expect(seen).toContain('a: 512x2 512x1 512x2')
    for (const one of seen) expect(one).toMatch(/^a: ((512|1024|1536)x[12] ?)+$/)
  })

  test('writes survive in any order', () => {
    const file = durableFile('a', run(1, 0))
    const other = durableFile('b', run(1, 0))
    put(file, run(1, 1))
    put(other, run(1, 1))
    expect(statesSeen()).toEqual(new Set(['a: 1x0; b: 1x0', 'a: 1x1; b: 1x0', 'a: 1x0; b: 1x1', 'a: 1x1; b: 1x1']))
  })

  test('a sector is one of its states, never a mix', () => {
    const file = durableFile('a', run(300, 0))
    put(file, run(100, 1), 0)
    put(file, run(100, 2), 100)
    put(file, run(100, 3), 200)
    expect(statesSeen()).toEqual(
      new Set(['a: 300x0', 'a: 100x1 200x0', 'a: 100x1 100x2 100x0', 'a: 100x1 100x2 100x3']),
    )
  })

  test('so is a sector at the edge of a write over several', () => {
    const file = durableFile('a', sectors(2, 0))
    put(file, run(12, 1), 500)
    put(file, run(12, 2), 512)
    put(file, run(24, 3), 524)
    const lastOnly = disk.crash({ mode: 'pick', keep: (change) => change.kind === 'write' && change.bytes[0] === 3 })
    expect(state(lastOnly)).toBe('a: 512x0 12x2 24x3 476x0')
    const firstOnly = disk.crash({ mode: 'pick', keep: (change) => change.kind === 'write' && change.bytes[0] === 1 })
    expect(state(firstOnly)).toBe('a: 500x0 12x1 512x0')
  })

  test('at either edge what the sector held before survives with the write', () => {
    const file = durableFile('a', sectors(3, 0))
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

  test('a pending write has its own copy of the bytes', () => {
    const file = durableFile('a', run(1, 0))
    const source = run(4, 1)
    put(file, source)
    source.fill(9)
    expect(state(disk.crash(EVERYTHING))).toBe('a: 4x1')
    file.syncBlocking()
    expect(state(disk.crash(NOTHING))).toBe('a: 4x1')
  })

  test('among the tears of a long write are long prefixes, suffixes and holes', () => {
    const file = durableFile('a', sectors(24, 1))
    put(file, sectors(24, 2))
    const seen = [...statesSeen()]
    expect(seen.some((one) => /^a: \d{4,}x2 \d{4,}x1$/.test(one))).toBe(true)
    expect(seen.some((one) => /^a: \d{4,}x1 \d{4,}x2$/.test(one))).toBe(true)
    expect(seen.some((one) => one.split(' ').length > 8)).toBe(true)
  })

  test('among the crashes are clean cuts at every moment', () => {
    const files = Array.from({ length: 12 }, (_, i) => durableFile(`f${String(i).padStart(2, '0')}`, run(1, 0)))
    for (const file of files) put(file, run(1, 1))
    const cuts = [...statesSeen(1000)]
      .map((one) => one.replace(/f\d\d: 1x|; /g, ''))
      .filter((one) => /^1*0*$/.test(one))
    expect(new Set(cuts).size).toBe(13)
  })

  test('an extension can leave size without data, and data without size', () => {
    const file = durableFile('a', sectors(1, 1))
    put(file, sectors(2, 2), SECTOR_BYTES)
    const seen = statesSeen(2000)
    expect(seen).toContain('a: 512x1 1024x0')
    expect(seen).toContain('a: 512x1 512x0 512x2')
    expect(seen).toContain('a: 512x1 512x2 512x0')
    expect(seen).toContain('a: 512x1')
  })

  test('a truncation can be lost or kept, without and with what was written after it', () => {
    const file = durableFile('a', sectors(2, 1))
    file.truncate(0)
    put(file, run(100, 2))
    const seen = statesSeen(2000)
    expect(seen).toContain('a: 1024x1')
    expect(seen).toContain('a: ')
    expect(seen).toContain('a: 100x2')
    expect(seen).toContain('a: 100x2 924x1')
  })

  test('one that keeps all makes the changes durable', () => {
    const file = durableFile('a', run(1, 1))
    put(file, run(1, 2))
    const after = disk.crash(EVERYTHING)
    expect(state(after.crash(NOTHING))).toBe('a: 1x2')
    expect(after.pendingChanges()).toEqual([])
  })

  test('a state is a disk of its own', () => {
    const file = durableFile('a', run(2, 1))
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

describe('names at a power cut', () => {
  test('a created file is gone before the directory is synced, although its bytes were synced', () => {
    const file = disk.open('a', 'create')
    put(file, run(1, 1))
    file.syncBlocking()
    expect(disk.crash(NOTHING).list()).toEqual([])
    expect(statesSeen()).toEqual(new Set(['', 'a: 1x1']))
    disk.syncDirectory()
    expect(state(disk.crash(NOTHING))).toBe('a: 1x1')
  })

  test('a durable name says nothing about the bytes', () => {
    const file = disk.open('a', 'create')
    put(file, run(1, 1))
    disk.syncDirectory()
    expect(state(disk.crash(NOTHING))).toBe('a: ')
  })

  test('a removed file is back, bytes and all, before the directory is synced', () => {
    durableFile('a', run(1, 1))
    disk.remove('a')
    expect(disk.list()).toEqual([])
    expect(statesSeen()).toEqual(new Set(['', 'a: 1x1']))
    disk.syncDirectory()
    expect(statesSeen()).toEqual(new Set(['']))
  })

  test('a rename is undone, done, or seen with both names; its target can be empty', () => {
    durableFile('master', run(1, 1))
    const fresh = durableFile('new', run(0, 0))
    put(fresh, run(1, 2))
    disk.rename('new', 'master')
    const seen = statesSeen(2000)
    expect(seen).toContain('master: 1x1; new: ')
    expect(seen).toContain('master: 1x2')
    expect(seen).toContain('master: ')
    expect(seen).toContain('master: 1x2; new: 1x2')
    for (const one of seen) expect(one).toMatch(/^master: /)
    disk.syncDirectory()
    expect(state(disk.crash(NOTHING))).toBe('master: ')
  })

  test('a lost creation does not let its removal hit an older file of the name', () => {
    durableFile('a', run(1, 1))
    disk.rename('a', 'b')
    disk.open('a', 'create').close()
    disk.remove('a')
    expect(state(disk.crash({ mode: 'pick', keep: (change) => change.kind === 'remove' }))).toBe('a: 1x1')
  })

  test('a name used again belongs to the later file or to none', () => {
    durableFile('a', run(1, 1))
    disk.remove('a')
    const second = disk.open('a', 'create')
    put(second, run(1, 2))
    second.syncBlocking()
    expect(statesSeen()).toEqual(new Set(['a: 1x1', '', 'a: 1x2']))
  })
})

describe('process kill', () => {
  test('loses nothing, and leaves what was not synced to the next power cut', () => {
    const file = durableFile('a', run(1, 1))
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
    expect(statesSeen(100).size).toBeGreaterThan(30)
  })
})

describe('crashAfter', () => {
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
    const file = durableFile('a', run(1, 1))
    put(file, run(1, 2))
    disk.crashAfter(1)
    await expect(file.sync()).rejects.toThrow(SimulatedCrash)
    expect(statesSeen()).toEqual(new Set(['a: 1x1', 'a: 1x2']))
  })

  test('a sync under way does not complete once the machine is off', async () => {
    const file = durableFile('a', run(1, 1))
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

  test('reads do not count', () => {
    const file = durableFile('a', run(1, 1))
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

describe('full disk', () => {
  test('a write that only partly fits is short, the next fails, room helps', () => {
    disk.capacityBytes = 10
    const file = disk.open('a', 'create')
    expect(file.writeAt(run(8, 1), 0, 8, 0)).toBe(8)
    expect(file.writeAt(run(8, 2), 0, 8, 8)).toBe(2)
    expect(() => file.writeAt(run(1, 3), 0, 1, 10)).toThrow(expect.objectContaining({ code: 'ENOSPC' }))
    expect(() => put(file, run(1, 3), 10)).toThrow(expect.objectContaining({ code: 'DISK_FULL' }))
    expect(() => file.truncate(11)).toThrow(expect.objectContaining({ code: 'ENOSPC' }))
    expect(file.writeAt(run(10, 4), 0, 10, 0)).toBe(10)
    disk.capacityBytes = 11
    expect(file.writeAt(run(1, 3), 0, 1, 10)).toBe(1)
  })

  test('files share the room; removing or shortening one makes some', () => {
    disk.capacityBytes = 10
    const a = disk.open('a', 'create')
    put(a, run(6, 1))
    const b = disk.open('b', 'create')
    expect(b.writeAt(run(6, 1), 0, 6, 0)).toBe(4)
    a.truncate(5)
    expect(b.writeAt(run(6, 1), 0, 6, 4)).toBe(1)
    disk.remove('a')
    expect(b.writeAt(run(6, 1), 0, 6, 5)).toBe(5)
  })

  test('the disk after a crash is as large', () => {
    disk.capacityBytes = 1
    expect(disk.crash(NOTHING).capacityBytes).toBe(1)
    expect(disk.crash(KILL).capacityBytes).toBe(1)
  })
})

describe('faults', () => {
  const eio = expect.objectContaining({ code: 'EIO' })

  test.each([
    ['open', () => disk.open('a', 'read')],
    ['open', () => disk.open('b', 'create')],
    ['rename', () => disk.rename('a', 'b')],
    ['remove', () => disk.remove('a')],
    ['syncDirectory', () => disk.syncDirectory()],
  ] as const)('%s can fail, once, and changes nothing then', (kind, operation) => {
    durableFile('a', run(1, 1))
    disk.failNext(kind, { errno: 'EIO' })
    expect(operation).toThrow(eio)
    expect(state(disk)).toBe('a: 1x1')
    operation()
  })

  test.each([
    ['read', (file: File) => file.readAt(new Uint8Array(1), 0, 1, 0)],
    ['write', (file: File) => file.writeAt(run(1, 2), 0, 1, 0)],
    ['truncate', (file: File) => file.truncate(0)],
    ['sync', (file: File) => file.syncBlocking()],
  ] as const)('%s of a file can fail, once, and changes nothing then', (kind, operation) => {
    const file = durableFile('a', run(1, 1))
    disk.failNext(kind, { errno: 'EIO' })
    expect(() => operation(file)).toThrow(eio)
    expect(state(disk)).toBe('a: 1x1')
    operation(file)
  })

  test('skip, times and file choose which operations fail', () => {
    const a = disk.open('log.1', 'create')
    const b = disk.open('data', 'create')
    disk.failNext('write', { errno: 'ENOSPC', file: /^log/, skip: 1, times: 2 })
    put(a, run(1, 1))
    put(b, run(1, 1))
    for (let i = 0; i < 2; i++) {
      expect(() => a.writeAt(run(1, 2), 0, 1, 0)).toThrow(expect.objectContaining({ code: 'ENOSPC' }))
      put(b, run(1, 2))
    }
    put(a, run(1, 3))
    expect(state(disk)).toBe('data: 1x2; log.1: 1x3')
  })

  test('a sticky fault stays until it is cleared', () => {
    const file = durableFile('a', run(1, 1))
    disk.failNext('read', { errno: 'EIO', times: Infinity })
    for (let i = 0; i < 5; i++) expect(() => bytesOf(disk, 'a')).toThrow('EIO')
    disk.clearFaults()
    file.readAt(new Uint8Array(1), 0, 1, 0)
  })

  test('a failed sync drops the pages: the cache shows them, no later sync saves them', async () => {
    const file = durableFile('a', run(2, 1))
    put(file, run(1, 2))
    disk.failNext('sync', { errno: 'EIO' })
    await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' })
    await file.sync()
    expect(state(disk)).toBe('a: 1x2 1x1')
    expect(state(disk.crash(EVERYTHING))).toBe('a: 2x1')
    put(file, run(1, 3), 1)
    await file.sync()
    expect(state(disk.crash(NOTHING))).toBe('a: 1x1 1x3')
  })

  test('or keeps them dirty when asked to', () => {
    const file = durableFile('a', run(1, 1))
    put(file, run(1, 2))
    disk.failNext('sync', { errno: 'EIO', dropPages: false })
    expect(() => file.syncBlocking()).toThrow(eio)
    file.syncBlocking()
    expect(state(disk.crash(NOTHING))).toBe('a: 1x2')
  })

  test('short writes transfer at least one byte, sometimes fewer than asked', () => {
    disk.shortWrites = true
    const file = disk.open('a', 'create')
    const counts = new Set<number>()
    for (let i = 0; i < 200; i++) counts.add(file.writeAt(run(3, 1), 0, 3, 0))
    expect([...counts].sort()).toEqual([1, 2, 3])
    for (let i = 0; i < 200; i++) expect(file.writeAt(run(1, 1), 0, 1, 0)).toBe(1)
  })

  test('a flipped bit shows at once and after a crash, and flips back', () => {
    durableFile('a', run(3, 0))
    disk.flipBit('a', 1, 7)
    expect([...bytesOf(disk, 'a')]).toEqual([0, 128, 0])
    expect([...bytesOf(disk.crash(NOTHING), 'a')]).toEqual([0, 128, 0])
    disk.flipBit('a', 1, 7)
    expect([...bytesOf(disk.crash(NOTHING), 'a')]).toEqual([0, 0, 0])
  })

  test('a read-only directory refuses every change and gives every read', () => {
    const file = durableFile('a', run(1, 1))
    disk.readOnly = true
    expect(disk.writable).toBe(false)
    const erofs = expect.objectContaining({ code: 'EROFS' })
    expect(() => disk.open('b', 'create')).toThrow(erofs)
    expect(() => disk.open('a', 'write')).toThrow(erofs)
    expect(() => disk.rename('a', 'b')).toThrow(erofs)
    expect(() => disk.remove('a')).toThrow(erofs)
    expect(() => file.writeAt(run(1, 2), 0, 1, 0)).toThrow(erofs)
    expect(() => file.truncate(0)).toThrow(erofs)
    expect(state(disk)).toBe('a: 1x1')
  })
})

test('the trace names every operation with its place', () => {
  disk.trace = []
  const file = disk.open('a', 'create')
  put(file, run(3, 1), 5)
  file.readAt(new Uint8Array(2), 0, 2, 6)
  file.syncBlocking()
  disk.syncDirectory()
  disk.rename('a', 'b')
  disk.remove('b')
  expect(disk.trace.map(({ operation, file, offset, length }) => `${operation} ${file} ${offset}+${length}`)).toEqual([
    'open a 0+0',
    'write a 5+3',
    'read a 6+2',
    'sync a 0+0',
    'syncDirectory  0+0',
    'rename a 0+0',
    'remove b 0+0',
  ])
  expect(disk.operations).toBe(7)
  expect(disk.mutations).toBe(6)
})

test('pending changes are listed across files and names, oldest first', () => {
  const file = durableFile('a', run(1, 1))
  put(file, run(600, 2), 500)
  disk.rename('a', 'b')
  file.truncate(1)
  expect(disk.pendingChanges().map(({ kind }) => kind)).toEqual(['write', 'rename', 'truncate'])
})
