/**
 * What every implementation of the file-system port has in common: one suite, run against each. The
 * promises about syncs and crashes can only be seen on the simulated disk: simulated-file-system.test.ts.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type File, type FileSystem, readFully, writeFully } from '../../src/io/file-system.ts'
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts'
import { NodeFileSystem } from '../../src/io/node-file-system.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'

const IMPLEMENTATIONS: readonly (readonly [string, (directory: string) => FileSystem])[] = [
  ['node', (directory) => NodeFileSystem.open(directory, { createIfMissing: false })],
  ['memory', () => new MemoryFileSystem()],
  ['simulated', () => new SimulatedFileSystem()],
  ['simulated, short writes', () => new SimulatedFileSystem({ shortWrites: true })],
]

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aries-io-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function put(file: File, bytes: Uint8Array, offset: number): void {
  writeFully(file, bytes, 0, bytes.length, offset)
}

function content(file: File): number[] {
  const target = new Uint8Array(file.size())
  expect(readFully(file, target, 0, target.length, 0)).toBe(target.length)
  return [...target]
}

function bytesOf(...values: number[]): Uint8Array {
  return Uint8Array.from(values)
}

describe.each(IMPLEMENTATIONS)('%s file system', (_name, make) => {
  let fileSystem: FileSystem
  beforeEach(() => {
    fileSystem = make(directory)
  })

  test('a new directory is empty, named and writable', () => {
    expect(fileSystem.list()).toEqual([])
    expect(fileSystem.location).not.toBe('')
    expect(fileSystem.writable).toBe(true)
  })

  test('reads give what was written, before and after every kind of sync', async () => {
    const file = fileSystem.open('a', 'create')
    put(file, bytesOf(1, 2, 3), 0)
    expect(content(file)).toEqual([1, 2, 3])
    await file.sync()
    put(file, bytesOf(9), 1)
    expect(content(file)).toEqual([1, 9, 3])
    file.syncBlocking()
    fileSystem.syncDirectory()
    await fileSystem.syncNames()
    expect(content(file)).toEqual([1, 9, 3])
    file.close()
  })

  test('a write beyond the end leaves zeros between', () => {
    const file = fileSystem.open('a', 'create')
    put(file, bytesOf(7), 5)
    expect(content(file)).toEqual([0, 0, 0, 0, 0, 7])
    file.close()
  })

  test('a shortened and again extended file shows zeros, not its old bytes', () => {
    const file = fileSystem.open('a', 'create')
    put(file, bytesOf(1, 2, 3, 4), 0)
    file.truncate(1)
    expect(file.size()).toBe(1)
    file.truncate(3)
    expect(content(file)).toEqual([1, 0, 0])
    put(file, bytesOf(5), 4)
    expect(content(file)).toEqual([1, 0, 0, 0, 5])
    file.close()
  })

  test('a read returns fewer bytes before the end and 0 at and past it', () => {
    const file = fileSystem.open('a', 'create')
    put(file, bytesOf(1, 2, 3), 0)
    const target = new Uint8Array(8)
    expect(readFully(file, target, 2, 5, 1)).toBe(2)
    expect([...target]).toEqual([0, 0, 2, 3, 0, 0, 0, 0])
    expect(file.readAt(target, 0, 4, 3)).toBe(0)
    expect(file.readAt(target, 0, 4, 99)).toBe(0)
    file.close()
  })

  test('a write takes its range of the source, which may change afterwards', () => {
    const file = fileSystem.open('a', 'create')
    const source = bytesOf(0, 1, 2, 3)
    writeFully(file, source, 1, 2, 0)
    source.fill(9)
    expect(content(file)).toEqual([1, 2])
    file.close()
  })

  test('large content arrives whole', () => {
    const file = fileSystem.open('a', 'create')
    const large = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 31) & 0xff)
    put(file, large.subarray(0, 60_000), 0)
    put(file, large.subarray(60_000), 60_000)
    const back = new Uint8Array(100_000)
    expect(readFully(file, back, 0, back.length, 0)).toBe(100_000)
    expect(back).toEqual(large)
    file.close()
  })

  test('two opens of a name are one file', () => {
    const first = fileSystem.open('a', 'create')
    const second = fileSystem.open('a', 'write')
    const reader = fileSystem.open('a', 'read')
    put(second, bytesOf(4, 5), 0)
    expect(content(first)).toEqual([4, 5])
    expect(content(reader)).toEqual([4, 5])
    for (const file of [first, second, reader]) file.close()
  })

  test('names are listed sorted by code unit', () => {
    for (const name of ['b', 'a', 'B', '10', '9']) fileSystem.open(name, 'create').close()
    expect(fileSystem.list()).toEqual(['10', '9', 'B', 'a', 'b'])
  })

  test('create refuses a name that exists and leaves its content', () => {
    const file = fileSystem.open('a', 'create')
    put(file, bytesOf(1), 0)
    expect(() => fileSystem.open('a', 'create')).toThrow(expect.objectContaining({ code: 'EEXIST' }))
    expect(content(file)).toEqual([1])
    file.close()
  })

  test.each(['read', 'write'] as const)('opening a missing file to %s is ENOENT', (mode) => {
    expect(() => fileSystem.open('a', mode)).toThrow(expect.objectContaining({ code: 'ENOENT' }))
    expect(fileSystem.list()).toEqual([])
  })

  test('renaming or removing a missing file is ENOENT', () => {
    expect(() => fileSystem.rename('a', 'b')).toThrow(expect.objectContaining({ code: 'ENOENT' }))
    expect(() => fileSystem.remove('a')).toThrow(expect.objectContaining({ code: 'ENOENT' }))
  })

  test('a rename replaces its target', () => {
    const old = fileSystem.open('old', 'create')
    put(old, bytesOf(1), 0)
    const target = fileSystem.open('target', 'create')
    put(target, bytesOf(2), 0)
    fileSystem.rename('old', 'target')
    expect(fileSystem.list()).toEqual(['target'])
    const reopened = fileSystem.open('target', 'read')
    expect(content(reopened)).toEqual([1])
    for (const file of [old, target, reopened]) file.close()
  })

  test('a removed file lives on for who has it open, and its name is free', () => {
    const removed = fileSystem.open('a', 'create')
    put(removed, bytesOf(1), 0)
    fileSystem.remove('a')
    const fresh = fileSystem.open('a', 'create')
    expect(content(fresh)).toEqual([])
    expect(content(removed)).toEqual([1])
    removed.close()
    fresh.close()
  })

  test('a file opened to read cannot be changed', () => {
    fileSystem.open('a', 'create').close()
    const file = fileSystem.open('a', 'read')
    expect(() => file.writeAt(bytesOf(1), 0, 1, 0)).toThrow(expect.objectContaining({ code: 'EBADF' }))
    expect(() => file.truncate(5)).toThrow(expect.objectContaining({ code: 'EINVAL' }))
    expect(file.size()).toBe(0)
    file.close()
  })

  test('a closed file refuses everything', async () => {
    const file = fileSystem.open('a', 'create')
    file.close()
    expect(() => file.readAt(new Uint8Array(1), 0, 1, 0)).toThrow('after close')
    expect(() => file.writeAt(new Uint8Array(1), 0, 1, 0)).toThrow('after close')
    expect(() => file.size()).toThrow('after close')
    expect(() => file.syncBlocking()).toThrow('after close')
    expect(() => file.close()).toThrow('after close')
    await expect(file.sync()).rejects.toThrow('after close')
  })

  test('a file may be closed while it syncs', async () => {
    const file = fileSystem.open('a', 'create')
    put(file, bytesOf(1), 0)
    const synced = file.sync()
    file.close()
    await expect(synced).resolves.toBeUndefined()
  })

  test('the lock is exclusive until it is given back', async () => {
    const release = await fileSystem.lock()
    await expect(fileSystem.lock()).rejects.toMatchObject({ code: 'DB_LOCKED' })
    release()
    release()
    const releaseAgain = await fileSystem.lock()
    release()
    await expect(fileSystem.lock()).rejects.toMatchObject({ code: 'DB_LOCKED' })
    releaseAgain()
  })
})
