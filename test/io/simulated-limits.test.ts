import { beforeEach, describe, expect, test } from 'vitest'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { durableFile, KILL, NOTHING, put, run } from './simulated-support.ts'

let disk: SimulatedFileSystem
beforeEach(() => {
  disk = new SimulatedFileSystem()
})

describe('full disk (F14)', () => {
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

describe('limits (F14, F15)', () => {
  test('no name for one more file, until one goes', () => {
    disk.filesMax = 1
    disk.open('a', 'create')
    expect(() => disk.open('b', 'create')).toThrow(expect.objectContaining({ code: 'ENOSPC' }))
    disk.open('a', 'read')
    disk.remove('a')
    disk.open('b', 'create')
    expect(disk.crash(KILL).filesMax).toBe(1)
  })

  test('a file that is to grow too big', () => {
    disk.fileBytesMax = 10
    const efbig = expect.objectContaining({ code: 'EFBIG' })
    const file = disk.open('a', 'create')
    expect(file.writeAt(run(8, 1), 0, 8, 4)).toBe(6)
    expect(() => file.writeAt(run(1, 1), 0, 1, 10)).toThrow(efbig)
    expect(() => file.truncate(11)).toThrow(efbig)
    expect(() => put(file, run(1, 1), 10)).toThrow(expect.objectContaining({ code: 'DISK_FULL' }))
    disk.capacityBytes = 10
    expect(() => file.writeAt(run(1, 1), 0, 1, 10)).toThrow(expect.objectContaining({ code: 'ENOSPC' }))
  })

  test('too many files open, until one is closed', () => {
    disk.openFilesMax = 2
    const a = disk.open('a', 'create')
    disk.open('b', 'create')
    const emfile = expect.objectContaining({ code: 'EMFILE' })
    expect(() => disk.open('a', 'read')).toThrow(emfile)
    expect(() => disk.open('c', 'create')).toThrow(emfile)
    a.close()
    disk.open('a', 'read')
    expect(() => disk.open('a', 'read')).toThrow(emfile)
  })

  test('a fault that lasts until space is freed', () => {
    const file = durableFile(disk, 'a', run(2, 1))
    durableFile(disk, 'b', run(1, 1))
    const enospc = expect.objectContaining({ code: 'ENOSPC' })
    const free: (() => void)[] = [() => file.truncate(1), () => disk.remove('b'), () => disk.rename('new', 'a')]
    for (const [index, freeing] of free.entries()) {
      if (index === 2) disk.open('new', 'create')
      disk.failNext('sync', { errno: 'ENOSPC', until: 'spaceFreed' })
      for (let i = 0; i < 3; i++) expect(() => file.syncBlocking()).toThrow(enospc)
      freeing()
      file.syncBlocking()
    }
    disk.failNext('sync', { errno: 'ENOSPC', until: 'spaceFreed' })
    file.truncate(5)
    expect(() => disk.remove('b')).toThrow('ENOENT')
    expect(() => file.syncBlocking()).toThrow(enospc)
  })
})
