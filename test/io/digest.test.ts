import { describe, expect, test } from 'vitest'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'

function diskWith(write: (disk: SimulatedFileSystem) => void): SimulatedFileSystem {
  const disk = new SimulatedFileSystem()
  write(disk)
  return disk
}

function put(disk: SimulatedFileSystem, name: string, bytes: Uint8Array, offset: number): void {
  const file = disk.open(name, disk.list().includes(name) ? 'write' : 'create')
  file.writeAt(bytes, 0, bytes.length, offset)
  file.close()
}

const page = (byte: number): Uint8Array => new Uint8Array(4096).fill(byte)

describe('the digest of a disk', () => {
  test('is the same for the same bytes, however they came there', () => {
    const whole = diskWith((disk) => put(disk, 'a', new Uint8Array(40_000).fill(7), 0))
    const pieces = diskWith((disk) => {
      for (let at = 0; at < 40_000; at += 1000) put(disk, 'a', new Uint8Array(1000).fill(7), at)
    })
    expect(pieces.crash({ mode: 'all' }).digest()).toBe(whole.crash({ mode: 'all' }).digest())
  })

  test('is the same for zeros and for a hole', () => {
    const hole = diskWith((disk) => put(disk, 'a', page(1), 65_536))
    const zeros = diskWith((disk) => {
      put(disk, 'a', new Uint8Array(65_536), 0)
      put(disk, 'a', page(1), 65_536)
    })
    expect(hole.crash({ mode: 'all' }).digest()).toBe(zeros.crash({ mode: 'all' }).digest())
  })

  test.each([
    ['a byte', (disk: SimulatedFileSystem) => put(disk, 'a', new Uint8Array([2]), 20_000)],
    ['the length', (disk: SimulatedFileSystem) => put(disk, 'a', new Uint8Array(1), 40_000)],
    ['the name', (disk: SimulatedFileSystem) => disk.rename('a', 'b')],
    ['another file', (disk: SimulatedFileSystem) => put(disk, 'b', new Uint8Array(0), 0)],
  ])('is another when %s differs', (_what, change) => {
    const disk = diskWith((each) => put(each, 'a', new Uint8Array(40_000).fill(7), 0)).crash({ mode: 'all' })
    const before = disk.digest()
    change(disk)
    expect(disk.digest()).not.toBe(before)
    expect(disk.crash({ mode: 'all' }).digest()).not.toBe(before)
    expect(disk.crash({ mode: 'none' }).digest()).toBe(before)
  })

  test('tells bytes that are durable from bytes that only show', () => {
    const disk = diskWith((each) => put(each, 'a', page(1), 0)).crash({ mode: 'all' })
    put(disk, 'a', page(2), 0)
    const unsynced = disk.digest()
    disk.open('a', 'write').syncBlocking()
    expect(disk.digest()).not.toBe(unsynced)
  })

  test('tells two places that were exchanged', () => {
    const one = diskWith((disk) => {
      put(disk, 'a', page(1), 0)
      put(disk, 'a', page(2), 65_536)
    })
    const other = diskWith((disk) => {
      put(disk, 'a', page(2), 0)
      put(disk, 'a', page(1), 65_536)
    })
    expect(one.digest()).not.toBe(other.digest())
  })
})
