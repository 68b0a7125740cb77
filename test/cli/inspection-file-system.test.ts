/** The layer that keeps writes in memory: it reads as a directory would that had been written to. */
import { describe, expect, test } from 'vitest'
import { InspectionFileSystem } from '../../src/cli/inspection-file-system.ts'
import { randomBelow, randomFrom } from '../../src/common/random.ts'
import { type File, readFully, writeFully } from '../../src/io/file-system.ts'
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts'

function contentOf(file: File): Buffer {
  const bytes = Buffer.alloc(file.size())
  expect(readFully(file, bytes, 0, bytes.length, 0)).toBe(bytes.length)
  return bytes
}

function write(file: File, bytes: Uint8Array, fileOffset: number): void {
  writeFully(file, bytes, 0, bytes.length, fileOffset)
}

describe('InspectionFileSystem', () => {
  test('random writes and truncations read back as from a plain file, and the original keeps its bytes', async () => {
    for (let seed = 1; seed <= 50; seed++) {
      const random = randomFrom(seed)
      const bytes = (length: number) => Uint8Array.from({ length }, () => randomBelow(random, 256))
      const original = bytes(randomBelow(random, 20_000))
      const below = new MemoryFileSystem()
      write(below.open('data', 'create'), original, 0)
      const model = new MemoryFileSystem().open('data', 'create')
      write(model, original, 0)

      const layered = new InspectionFileSystem(below)
      const unlock = await layered.lock()
      const file = layered.open('data', 'write')
      for (let step = 0; step < 30; step++) {
        if (random() < 0.2) {
          const size = randomBelow(random, 24_000)
          file.truncate(size)
          model.truncate(size)
        } else {
          const [piece, at] = [bytes(randomBelow(random, 9_000)), randomBelow(random, 20_000)]
          write(file, piece, at)
          write(model, piece, at)
        }
        expect(contentOf(file).equals(contentOf(model))).toBe(true)
      }
      expect(contentOf(below.open('data', 'read')).equals(original)).toBe(true)
      unlock()
    }
  })

  test('created, renamed and removed names stay above', async () => {
    const below = new MemoryFileSystem()
    write(below.open('a', 'create'), Uint8Array.of(1, 2, 3), 0)
    below.open('b', 'create')
    const layered = new InspectionFileSystem(below)
    const unlock = await layered.lock()
    write(layered.open('c', 'create'), Uint8Array.of(9), 0)
    layered.remove('b')
    layered.rename('a', 'd')
    expect(layered.list()).toEqual(['c', 'd'])
    expect(contentOf(layered.open('d', 'read'))).toEqual(Buffer.of(1, 2, 3))
    expect(() => layered.open('a', 'read')).toThrow('ENOENT')
    expect(() => layered.remove('b')).toThrow('ENOENT')
    expect(() => layered.open('c', 'create')).toThrow('EEXIST')
    expect(below.list()).toEqual(['a', 'b'])
    unlock()
  })

  test('has a file of the directory open only while somebody has its own open', async () => {
    const below = new MemoryFileSystem()
    for (const name of ['a', 'b', 'c']) write(below.open(name, 'create'), Uint8Array.of(1), 0)
    let openCount = 0
    const open = below.open.bind(below)
    below.open = (name, mode) => {
      const file = open(name, mode)
      const close = file.close.bind(file)
      openCount++
      file.close = () => {
        openCount--
        close()
      }
      return file
    }
    const layered = new InspectionFileSystem(below)
    const unlock = await layered.lock()
    for (const name of ['a', 'b', 'c', 'a']) {
      const [first, second] = [layered.open(name, 'write'), layered.open(name, 'read')]
      write(first, Uint8Array.of(7), 9)
      first.close()
      expect(contentOf(second)).toEqual(Buffer.of(1, 0, 0, 0, 0, 0, 0, 0, 0, 7))
      expect(openCount).toBeLessThanOrEqual(1)
      second.close()
      expect(openCount).toBe(0)
    }
    layered.rename('a', 'd')
    expect(contentOf(layered.open('d', 'read'))[0]).toBe(1)
    unlock()
    expect(openCount).toBe(0)
  })

  test('holds the lock of the directory below', async () => {
    const below = new MemoryFileSystem()
    const unlock = await new InspectionFileSystem(below).lock()
    await expect(below.lock()).rejects.toMatchObject({ code: 'DB_LOCKED' })
    unlock()
    ;(await below.lock())()
  })
})
