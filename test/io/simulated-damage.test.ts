import { beforeEach, describe, expect, test } from 'vitest'
import { randomFrom } from '../../src/common/random.ts'
import { describeDamage, drawDamage } from '../../src/io/simulated-damage.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import {
  bytesOf,
  durableFile,
  EVERYTHING,
  KILL,
  NOTHING,
  put,
  run,
  sectors,
  shape,
  state,
} from './simulated-support.ts'

let disk: SimulatedFileSystem
beforeEach(() => {
  disk = new SimulatedFileSystem()
})

describe('rot at rest (F18)', () => {
  test('a flipped bit shows at once and after a crash, and flips back', () => {
    durableFile(disk, 'a', run(3, 0))
    disk.flipBit('a', 1, 7)
    expect([...bytesOf(disk, 'a')]).toEqual([0, 128, 0])
    expect([...bytesOf(disk.crash(NOTHING), 'a')]).toEqual([0, 128, 0])
    disk.flipBit('a', 1, 7)
    expect([...bytesOf(disk.crash(NOTHING), 'a')]).toEqual([0, 0, 0])
  })

  test.each([
    [{ kind: 'bit', offset: 3, bit: 1 }, '3x5 1x7 6x5'],
    [{ kind: 'byte', offset: 3, mask: 0xf0 }, '3x5 1x245 6x5'],
    [{ kind: 'zeros', offset: 3, length: 4 }, '3x5 4x0 3x5'],
    [{ kind: 'ones', offset: 3, length: 7 }, '3x5 7x255'],
    [{ kind: 'cut', size: 4 }, '4x5'],
  ] as const)('%o', (damage, expected) => {
    durableFile(disk, 'a', run(10, 5))
    const { operations } = disk
    disk.damage('a', damage)
    expect(disk.operations).toBe(operations)
    expect(state(disk)).toBe(`a: ${expected}`)
    expect(state(disk.crash(NOTHING))).toBe(`a: ${expected}`)
    expect(disk.pendingChanges()).toEqual([])
  })

  test('garbage belongs to its seed', () => {
    durableFile(disk, 'a', run(1000, 5))
    const garbage = (seed: number): Uint8Array => {
      disk.damage('a', { kind: 'garbage', offset: 200, length: 512, seed })
      return disk.contentOf('a')
    }
    const first = garbage(1)
    expect(shape(first.subarray(0, 200))).toBe('200x5')
    expect(shape(first.subarray(712))).toBe('288x5')
    expect(new Set(first.subarray(200, 712)).size).toBeGreaterThan(150)
    expect(garbage(2)).not.toEqual(first)
    expect(garbage(1)).toEqual(first)
  })

  test('lies within the file', () => {
    durableFile(disk, 'a', run(10, 5))
    expect(() => disk.damage('a', { kind: 'zeros', offset: 8, length: 3 })).toThrow('outside the file')
    expect(() => disk.flipBit('a', 10, 0)).toThrow('outside the file')
    expect(() => disk.flipBit('b', 0, 0)).toThrow('ENOENT')
  })

  test('comes from a seed, every kind of it, and has a line of its own', () => {
    const kinds = new Set<string>()
    const lines = new Set<string>()
    for (let seed = 0; seed < 300; seed++) {
      const damage = drawDamage(randomFrom(seed), 2000)
      expect(drawDamage(randomFrom(seed), 2000)).toEqual(damage)
      kinds.add(damage.kind)
      lines.add(describeDamage(damage))
      const image = new SimulatedFileSystem()
      durableFile(image, 'a', run(2000, 5))
      image.damage('a', damage)
      expect(damage.kind === 'missing' ? image.list() : state(image)).not.toBe('a: 2000x5')
    }
    expect([...kinds].sort()).toEqual(['bit', 'byte', 'cut', 'garbage', 'missing', 'ones', 'zeros'])
    expect(lines.size).toBeGreaterThan(150)
    expect(drawDamage(randomFrom(1), 0)).toEqual({ kind: 'missing' })
  })
})

describe('whole files (F22)', () => {
  test('missing', () => {
    durableFile(disk, 'a', run(1, 1))
    disk.damage('a', { kind: 'missing' })
    expect(disk.list()).toEqual([])
    expect(disk.crash(NOTHING).list()).toEqual([])
    expect(() => disk.open('a', 'read')).toThrow('ENOENT')
  })

  test('an old copy comes back, durable at once', () => {
    const file = durableFile(disk, 'master', run(2, 1))
    const old = disk.contentOf('master')
    put(file, run(3, 2))
    file.syncBlocking()
    disk.placeFile('master', old)
    expect(state(disk)).toBe('master: 2x1')
    expect(state(disk.crash(NOTHING))).toBe('master: 2x1')
    old.fill(9)
    expect(state(disk)).toBe('master: 2x1')
  })

  test('a file of another disk takes the place, or a new name', () => {
    const other = new SimulatedFileSystem()
    durableFile(other, 'log', run(2, 7))
    durableFile(disk, 'log', run(5, 1))
    disk.placeFile('log', other.contentOf('log'))
    disk.placeFile('more', other.contentOf('log'))
    expect(state(disk.crash(NOTHING))).toBe('log: 2x7; more: 2x7')
  })

  test('only at rest', () => {
    disk.open('a', 'create')
    expect(() => disk.damage('a', { kind: 'missing' })).toThrow('a is not at rest')
    expect(() => disk.placeFile('a', run(1, 1))).toThrow('a is not at rest')
  })
})

describe('transfers to and from the wrong place', () => {
  test('a read is bad once, in one bit (F19)', () => {
    const file = durableFile(disk, 'a', run(4, 0))
    disk.inject('read', { effect: 'flip', bit: 17 })
    expect([...bytesOf(disk, 'a')]).toEqual([0, 0, 2, 0])
    expect([...bytesOf(disk, 'a')]).toEqual([0, 0, 0, 0])
    disk.inject('read', { effect: 'flip' })
    const bits = [...bytesOf(disk, 'a')].filter((byte) => byte !== 0)
    expect(bits).toHaveLength(1)
    expect(Math.log2(bits[0] ?? 0) % 1).toBe(0)
    disk.inject('read', { effect: 'flip' })
    expect(file.readAt(run(4, 0), 0, 4, 4)).toBe(0)
  })

  test('a write goes to another page of the file; the right place keeps the old (F20)', () => {
    const file = durableFile(disk, 'a', run(12_288, 1))
    disk.inject('write', { effect: 'misdirect', toOffset: 8192 })
    put(file, run(4096, 2), 4096)
    expect(state(disk)).toBe('a: 8192x1 4096x2')
    expect(state(disk.crash(NOTHING))).toBe('a: 8192x1 4096x2')
    file.syncBlocking()
    expect(state(disk.crash(NOTHING))).toBe('a: 8192x1 4096x2')
  })

  test('to a page of the seed, never its own (F20)', () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 50; seed++) {
      const image = new SimulatedFileSystem({ seed })
      const file = durableFile(image, 'a', run(12_288, 1))
      image.inject('write', { effect: 'misdirect' })
      put(file, run(4096, 2), 4096)
      seen.add(state(image))
    }
    expect(seen).toEqual(new Set(['a: 4096x2 8192x1', 'a: 8192x1 4096x2']))
  })

  test('to another file, where newer bytes of the cache stay (F20)', () => {
    const file = durableFile(disk, 'a', run(4, 1))
    const other = durableFile(disk, 'b', run(4, 1))
    put(other, run(1, 3), 1)
    disk.inject('write', { effect: 'misdirect', otherFile: true })
    put(file, run(8, 2), 0)
    expect(state(disk)).toBe('a: 4x1 4x0; b: 1x2 1x3 2x2')
    expect(state(disk.crash(NOTHING))).toBe('a: 4x1; b: 4x2')
    other.syncBlocking()
    expect(state(disk.crash(NOTHING))).toBe('a: 4x1; b: 1x2 1x3 2x2')
  })

  test('one that has nowhere else to go is lost (F20)', () => {
    const file = durableFile(disk, 'a', run(4096, 1))
    disk.inject('write', { effect: 'misdirect' })
    put(file, run(4096, 2))
    expect(state(disk)).toBe('a: 4096x1')
  })

  test('a read comes from elsewhere, once (F21)', () => {
    const file = durableFile(disk, 'a', new Uint8Array([...run(4096, 1), ...run(4096, 2)]))
    durableFile(disk, 'b', run(6, 7))
    const target = run(4096, 9)
    disk.inject('read', { effect: 'misdirect' })
    disk.inject('read', { effect: 'misdirect', toFile: 'b' })
    expect(file.readAt(target, 0, 4096, 0)).toBe(4096)
    expect(shape(target)).toBe('4096x2')
    expect(file.readAt(target, 0, 4096, 0)).toBe(4096)
    expect(shape(target)).toBe('6x7 4090x0')
    file.readAt(target, 0, 4096, 0)
    expect(shape(target)).toBe('4096x1')
  })

  test('a phantom write shows until it is synced, then the old is back (F21)', () => {
    const file = durableFile(disk, 'a', sectors(2, 1))
    disk.inject('write', { effect: 'phantom' })
    put(file, sectors(2, 2), 512)
    expect(state(disk)).toBe('a: 512x1 1024x2')
    expect(state(disk.crash(EVERYTHING))).toBe('a: 1024x1')
    expect(state(disk.crash(KILL))).toBe('a: 512x1 1024x2')
    file.syncBlocking()
    expect(state(disk)).toBe('a: 1024x1 512x0')
    expect(state(disk.crash(NOTHING))).toBe('a: 1024x1 512x0')
  })

  test('a later write of the same place stays, synced or not (F21)', async () => {
    const file = durableFile(disk, 'a', run(30, 1))
    disk.inject('write', { effect: 'phantom' })
    put(file, run(20, 2))
    put(file, run(5, 3), 5)
    const synced = file.sync()
    put(file, run(5, 4), 15)
    await synced
    expect(state(disk.crash(NOTHING))).toBe('a: 5x1 5x3 20x1')
    expect(state(disk)).toBe('a: 5x1 5x3 5x1 5x4 10x1')
  })
})
