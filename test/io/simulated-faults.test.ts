import { beforeEach, describe, expect, test } from 'vitest'
import { type File, readFully } from '../../src/io/file-system.ts'
import type { PendingChange } from '../../src/io/simulated-changes.ts'
import { SimulatedCrash, SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { bytesOf, durableFile, EVERYTHING, NOTHING, put, run, sectors, shape, state } from './simulated-support.ts'

const BYTE = { offset: 0, length: 1 }

let disk: SimulatedFileSystem
beforeEach(() => {
  disk = new SimulatedFileSystem()
})

describe('failing operations (F9, F14, F15, F16)', () => {
  const eio = expect.objectContaining({ code: 'EIO' })

  test.each([
    ['open', () => disk.open('a', 'read')],
    ['open', () => disk.open('b', 'create')],
    ['rename', () => disk.rename('a', 'b')],
    ['remove', () => disk.remove('a')],
    ['syncDirectory', () => disk.syncDirectory()],
  ] as const)('%s can fail, once, and changes nothing then', (kind, operation) => {
    durableFile(disk, 'a', run(1, 1))
    disk.failNext(kind, { errno: 'EIO' })
    expect(operation).toThrow(eio)
    expect(state(disk)).toBe('a: 1x1')
    operation()
  })

  test.each([/a/g, /a/y])('a pattern of files means the same each time, whatever its flags: %s', (pattern) => {
    const file = durableFile(disk, 'a', run(1, 1))
    disk.failNext('write', { errno: 'EIO', file: pattern, times: 3 })
    for (let i = 0; i < 3; i++) expect(() => put(file, run(1, 2))).toThrow('EIO')
    put(file, run(1, 3))
    disk.inject('read', { effect: 'error', errno: 'EIO' }, { file: pattern, range: BYTE, until: 'overwritten' })
    expect(() => bytesOf(disk, 'a')).toThrow('EIO')
    put(file, run(1, 4))
    expect(state(disk)).toBe('a: 1x4')
    const torn = { mode: 'pick', missing: 'zeros', missingOver: pattern } as const
    put(file, sectors(2, 5))
    file.syncBlocking()
    put(file, sectors(2, 6))
    const firstOnly = { ...torn, keep: (_change: PendingChange, part: number) => part === 0 }
    for (let i = 0; i < 2; i++) expect(state(disk.crash(firstOnly))).toBe('a: 512x6 512x0')
  })

  test.each([
    ['read', (file: File) => file.readAt(new Uint8Array(1), 0, 1, 0)],
    ['write', (file: File) => file.writeAt(run(1, 2), 0, 1, 0)],
    ['truncate', (file: File) => file.truncate(0)],
    ['sync', (file: File) => file.syncBlocking()],
  ] as const)('%s of a file can fail, once, and changes nothing then', (kind, operation) => {
    const file = durableFile(disk, 'a', run(1, 1))
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
    const file = durableFile(disk, 'a', run(1, 1))
    disk.failNext('read', { errno: 'EIO', times: Infinity })
    for (let i = 0; i < 5; i++) expect(() => bytesOf(disk, 'a')).toThrow('EIO')
    disk.clearFaults()
    file.readAt(new Uint8Array(1), 0, 1, 0)
  })

  test('a failed sync drops the pages: the cache shows them, no later sync saves them', async () => {
    const file = durableFile(disk, 'a', run(2, 1))
    put(file, run(1, 2))
    disk.failNext('sync', { errno: 'EIO' })
    await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' })
    await file.sync()
    expect(state(disk)).toBe('a: 1x2 1x1')
    expect(state(disk.crash(EVERYTHING))).toBe('a: 2x1')
  })

  test('a later write brings the page of the cache that it falls into whole, not the other dropped ones', async () => {
    const file = durableFile(disk, 'a', run(8192, 1))
    put(file, run(8192, 2))
    disk.failNext('sync', { errno: 'EIO' })
    await expect(file.sync()).rejects.toMatchObject({ code: 'EIO' })
    put(file, run(1, 3), 4097)
    await file.sync()
    expect(state(disk.crash(NOTHING))).toBe('a: 4096x1 1x2 1x3 4094x2')
  })

  test('or keeps them dirty when asked to', () => {
    const file = durableFile(disk, 'a', run(1, 1))
    put(file, run(1, 2))
    disk.failNext('sync', { errno: 'EIO', dropPages: false })
    expect(() => file.syncBlocking()).toThrow(eio)
    file.syncBlocking()
    expect(state(disk.crash(NOTHING))).toBe('a: 1x2')
  })

  test('short writes (F13) transfer at least one byte, sometimes fewer than asked', () => {
    disk.shortWrites = true
    const file = disk.open('a', 'create')
    const counts = new Set<number>()
    for (let i = 0; i < 200; i++) counts.add(file.writeAt(run(3, 1), 0, 3, 0))
    expect([...counts].sort()).toEqual([1, 2, 3])
    for (let i = 0; i < 200; i++) expect(file.writeAt(run(1, 1), 0, 1, 0)).toBe(1)
  })

  test('a read-only directory refuses every change and gives every read', () => {
    const file = durableFile(disk, 'a', run(1, 1))
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

describe('syncs', () => {
  test('one that lies says yes and does nothing; a true one saves all (F10)', async () => {
    const file = durableFile(disk, 'a', run(1, 1))
    put(file, run(1, 2))
    disk.inject('sync', { effect: 'lie' }, { times: 2 })
    await file.sync()
    file.syncBlocking()
    expect(state(disk.crash(NOTHING))).toBe('a: 1x1')
    file.syncBlocking()
    expect(state(disk.crash(NOTHING))).toBe('a: 1x2')
    disk.rename('a', 'b')
    disk.inject('syncDirectory', { effect: 'lie' })
    disk.syncDirectory()
    expect(disk.crash(NOTHING).list()).toEqual(['a'])
    disk.syncDirectory()
    expect(disk.crash(NOTHING).list()).toEqual(['b'])
  })

  test('a failed directory sync drops the names: none later saves them (F11)', () => {
    durableFile(disk, 'a', run(1, 1))
    disk.open('b', 'create')
    disk.failNext('syncDirectory', { errno: 'EIO' })
    expect(() => disk.syncDirectory()).toThrow('EIO')
    disk.open('c', 'create')
    disk.syncDirectory()
    expect(disk.list()).toEqual(['a', 'b', 'c'])
    expect(disk.crash(EVERYTHING).list()).toEqual(['a', 'c'])
    disk.open('d', 'create')
    disk.failNext('syncDirectory', { errno: 'EIO', dropPages: false })
    expect(() => disk.syncDirectory()).toThrow('EIO')
    disk.syncDirectory()
    expect(disk.crash(NOTHING).list()).toEqual(['a', 'c', 'd'])
  })

  test('a close that fails has closed (F11)', () => {
    disk.openFilesMax = 1
    const file = disk.open('a', 'create')
    disk.failNext('close', { errno: 'EIO' })
    expect(() => file.close()).toThrow('EIO')
    expect(() => file.size()).toThrow('file used after close')
    disk.open('a', 'read').close()
  })

  test('closing is no error when the machine is off', () => {
    const file = disk.open('a', 'create')
    disk.crashAfter(1)
    expect(() => file.truncate(1)).toThrow(SimulatedCrash)
    file.close()
  })

  test('slow ones complete by the clock, out of order (F23)', async () => {
    const runtime = new SimulatedRuntime()
    disk.runtime = runtime
    const [a, b] = [durableFile(disk, 'a', run(1, 1)), durableFile(disk, 'b', run(1, 1))]
    for (const file of [a, b]) put(file, run(1, 2))
    disk.inject('sync', { effect: 'slow', delayMs: 10 }, { file: /a/ })
    disk.inject('sync', { effect: 'slow', delayMs: 5 }, { file: /b/ })
    const done: string[] = []
    const syncs = [a, b].map(async (file) => {
      await file.sync()
      done.push(file.name)
    })
    const turns = async (): Promise<void> => {
      for (let i = 0; i < 10; i++) await undefined
    }
    await turns()
    expect(done).toEqual([])
    expect(state(disk.crash(NOTHING))).toBe('a: 1x1; b: 1x1')
    runtime.advance(5)
    await turns()
    expect(done).toEqual(['b'])
    expect(state(disk.crash(NOTHING))).toBe('a: 1x1; b: 1x2')
    put(a, run(1, 3))
    runtime.advance(5)
    await Promise.all(syncs)
    expect(done).toEqual(['b', 'a'])
    expect(state(disk.crash(NOTHING))).toBe('a: 1x2; b: 1x2')
  })

  test('delays are spread by the seed (F23)', async () => {
    const delays = (seed: number): (number | undefined)[] => {
      const runtime = new SimulatedRuntime()
      const spread = new SimulatedFileSystem({ seed, runtime })
      spread.trace = []
      spread.inject('sync', { effect: 'slow', delayMs: 2, spreadMs: 8 }, { times: Number.POSITIVE_INFINITY })
      const file = spread.open('a', 'create')
      for (let i = 0; i < 20; i++) void file.sync()
      return spread.trace.slice(1).map(({ outcome }) => outcome?.delayMs)
    }
    expect(new Set(delays(1)).size).toBe(20)
    for (const delay of delays(1)) expect(delay).toBeGreaterThanOrEqual(2)
    for (const delay of delays(1)) expect(delay).toBeLessThan(10)
    expect(delays(1)).toEqual(delays(1))
    expect(delays(1)).not.toEqual(delays(2))
  })
})

describe('transfers', () => {
  test('a failed write can leave a part (F12)', () => {
    const file = durableFile(disk, 'a', run(4, 1))
    disk.failNext('write', { errno: 'EIO', doneBytes: 3 })
    expect(() => put(file, run(4, 2))).toThrow(expect.objectContaining({ code: 'IO_ERROR' }))
    expect(state(disk)).toBe('a: 3x2 1x1')
    const parts = new Set<string>()
    for (let seed = 0; seed < 100; seed++) {
      const other = new SimulatedFileSystem({ seed })
      const torn = durableFile(other, 'a', run(0, 0))
      other.failNext('write', { errno: 'ENOSPC', doneBytes: 'random' })
      expect(() => torn.writeAt(run(2, 1), 0, 2, 0)).toThrow('ENOSPC')
      parts.add(state(other))
    }
    expect(parts).toEqual(new Set(['a: ', 'a: 1x1', 'a: 2x1']))
  })

  test('the n-th write is short, by as much as asked; the loop goes on (F13)', () => {
    const file = disk.open('a', 'create')
    disk.inject('write', { effect: 'short', bytes: 3 }, { skip: 1 })
    expect(file.writeAt(run(8, 1), 0, 8, 0)).toBe(8)
    expect(file.writeAt(run(8, 2), 0, 8, 0)).toBe(3)
    expect(state(disk)).toBe('a: 3x2 5x1')
    disk.inject('write', { effect: 'short' }, { times: 3 })
    put(file, run(8, 3))
    expect(state(disk)).toBe('a: 8x3')
    disk.inject('write', { effect: 'short', bytes: 9 }, { times: 2 })
    expect(file.writeAt(run(8, 1), 0, 8, 0)).toBe(7)
    expect(file.writeAt(run(1, 1), 0, 1, 0)).toBe(1)
  })

  test('a read is short, and none at the end (F17)', () => {
    const file = durableFile(disk, 'a', run(8, 1))
    disk.inject('read', { effect: 'short', bytes: 3 })
    const target = run(8, 0)
    expect(file.readAt(target, 0, 8, 0)).toBe(3)
    expect(shape(target)).toBe('3x1 5x0')
    disk.inject('read', { effect: 'short' }, { times: 3 })
    expect(readFully(file, target, 0, 8, 0)).toBe(8)
    disk.inject('read', { effect: 'short' }, { times: 9 })
    expect(readFully(file, target, 0, 8, 5)).toBe(3)
    expect(file.readAt(target, 0, 8, 8)).toBe(0)
    expect(file.readAt(target, 0, 8, 100)).toBe(0)
  })

  test('a bad sector fails each read that touches it, until it is written over (F16)', () => {
    const file = durableFile(disk, 'a', sectors(4, 1))
    disk.failNext('read', { errno: 'EIO', range: { offset: 1024, length: 512 }, until: 'overwritten' })
    const target = sectors(4, 0)
    const read = (offset: number, length: number): number => file.readAt(target, 0, length, offset)
    expect(read(0, 1024)).toBe(1024)
    expect(read(1536, 512)).toBe(512)
    for (let i = 0; i < 3; i++) expect(() => read(1000, 25)).toThrow('EIO')
    expect(() => read(1535, 1)).toThrow('EIO')
    put(file, run(511, 2), 1024)
    expect(() => read(1024, 1)).toThrow('EIO')
    put(file, sectors(1, 2), 1024)
    expect(read(1024, 1)).toBe(1)
  })

  test('a transient one fails once in its range (F16)', () => {
    const file = durableFile(disk, 'a', sectors(2, 1))
    disk.failNext('read', { errno: 'EIO', range: { offset: 0, length: 512 } })
    file.readAt(sectors(1, 0), 0, 512, 512)
    expect(() => file.readAt(sectors(1, 0), 0, 512, 0)).toThrow('EIO')
    file.readAt(sectors(1, 0), 0, 512, 0)
  })

  test.each(['EINTR', 'EAGAIN'] as const)('%s is tried again, but not for ever (F15)', (errno) => {
    const file = durableFile(disk, 'a', run(0, 0))
    disk.shortWrites = true
    for (const kind of ['write', 'read'] as const) disk.failNext(kind, { errno, times: 100 })
    put(file, run(4, 1))
    const target = run(4, 0)
    expect(readFully(file, target, 0, 4, 0)).toBe(4)
    expect(shape(target)).toBe('4x1')
    for (const kind of ['write', 'read'] as const) disk.failNext(kind, { errno, times: 101 })
    const failure = expect.objectContaining({ code: 'IO_ERROR', details: { file: 'a', errno } })
    expect(() => put(file, run(4, 1))).toThrow(failure)
    expect(() => readFully(file, target, 0, 4, 0)).toThrow(failure)
    expect(disk.faultsHit).toHaveLength(402)
  })
})

describe('rules', () => {
  test('size, list and opens of one mode can fail too', () => {
    const file = durableFile(disk, 'a', run(1, 1))
    disk.failNext('size', { errno: 'EIO' })
    disk.failNext('list', { errno: 'EMFILE' })
    disk.failNext('open', { errno: 'ENOSPC', mode: 'create' })
    expect(() => file.size()).toThrow('EIO')
    expect(() => disk.list()).toThrow('EMFILE')
    disk.open('a', 'write')
    expect(() => disk.open('b', 'create')).toThrow('ENOSPC')
  })

  test('the disk tells what they hit, and only that', () => {
    const file = durableFile(disk, 'a', run(1, 1))
    disk.failNext('write', { errno: 'EIO', skip: 1 })
    put(file, run(1, 2))
    expect(() => put(file, run(2, 3), 7)).toThrow('EIO')
    expect(disk.faultsHit).toEqual([{ operation: 'write', file: 'a', offset: 7, length: 2, outcome: { errno: 'EIO' } }])
  })

  test('an effect must fit the operation', () => {
    expect(() => disk.inject('sync', { effect: 'short' })).toThrow('the effect short comes to read, write, not to sync')
    expect(() => disk.failNext('read', { errno: 'EIO', until: 'overwritten' })).toThrow('only a range')
  })

  test('an effect that is no error leaves one of the disk its own', () => {
    const file = disk.open('a', 'create')
    disk.capacityBytes = 2
    disk.inject('write', { effect: 'phantom' }, { times: 2 })
    expect(file.writeAt(run(4, 1), 0, 4, 0)).toBe(2)
    expect(() => file.writeAt(run(4, 1), 0, 4, 2)).toThrow('ENOSPC')
    file.syncBlocking()
    expect(state(disk)).toBe('a: 2x0')
  })
})
