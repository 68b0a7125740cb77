/** What failing calls of a real file system leave: no descriptor, no half-made file, and nothing that is not durable. */
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { NodeFileSystem } from '../../src/io/node-file-system.ts'

const gate = vi.hoisted(() => ({
  opens: Number.POSITIVE_INFINITY,
  unreadable: '',
  failingCloses: 0,
  failFsync: 0,
  synced: [] as string[],
  paths: new Map<number, string>(),
}))

vi.mock('node:fs', async (original) => {
  const real = await original<typeof import('node:fs')>()
  const fail = (code: string): never => {
    throw Object.assign(new Error(code), { code })
  }
  return {
    ...real,
    openSync: (...args: Parameters<typeof real.openSync>) => {
      if (gate.opens-- <= 0) fail('EMFILE')
      if (args[0] === gate.unreadable) fail('EACCES')
      const fd = real.openSync(...args)
      gate.paths.set(fd, String(args[0]))
      return fd
    },
    closeSync: (fd: number) => {
      real.closeSync(fd)
      gate.paths.delete(fd)
      if (gate.failingCloses-- > 0) fail('EIO')
    },
    fsyncSync: (fd: number) => {
      if (gate.failFsync-- > 0) fail('EIO')
      gate.synced.push(gate.paths.get(fd) as string)
      real.fsyncSync(fd)
    },
  }
})

let directory: string
beforeEach(() => {
  directory = fs.mkdtempSync(join(tmpdir(), 'aries-leftovers-'))
  Object.assign(gate, { opens: Number.POSITIVE_INFINITY, unreadable: '', failingCloses: 0, failFsync: 0, synced: [] })
  gate.paths.clear()
})
afterEach(() => fs.rmSync(directory, { recursive: true, force: true }))

test('an open that runs out of descriptors half way leaves none open', () => {
  const fileSystem = NodeFileSystem.open(directory, { createIfMissing: false })
  fileSystem.open('a', 'create').close()
  expect(gate.paths.size).toBe(0)
  for (let i = 0; i < 3; i++) {
    gate.opens = 1
    expect(() => fileSystem.open('a', 'write')).toThrow('EMFILE')
  }
  expect(gate.paths.size, 'descriptors open').toBe(0)
})

test('a create that runs out of descriptors half way leaves no file', () => {
  const fileSystem = NodeFileSystem.open(directory, { createIfMissing: false })
  gate.opens = 1
  expect(() => fileSystem.open('b', 'create')).toThrow('EMFILE')
  gate.opens = Number.POSITIVE_INFINITY
  expect(fileSystem.list()).toEqual([])
})

test('a file whose close fails is closed all the same', () => {
  const fileSystem = NodeFileSystem.open(directory, { createIfMissing: false })
  const file = fileSystem.open('a', 'create')
  gate.failingCloses = 1
  expect(() => file.close()).toThrow('EIO')
  expect(gate.paths.size, 'descriptors open').toBe(0)
})

test('a directory whose making was interrupted is made durable by the next open', () => {
  const path = join(directory, 'new')
  gate.failFsync = 1
  expect(() => NodeFileSystem.open(path, { createIfMissing: true })).toThrow('EIO')
  gate.synced = []
  NodeFileSystem.open(path, { createIfMissing: true })
  expect(gate.synced, 'directories synced').toContain(directory)
})

test('below a parent that may not be opened a directory is taken as it is found, and a new one is not durable', () => {
  const found = join(directory, 'found')
  fs.mkdirSync(found)
  gate.unreadable = directory
  expect(NodeFileSystem.open(found, { createIfMissing: true }).list()).toEqual([])
  expect(() => NodeFileSystem.open(join(directory, 'new'), { createIfMissing: true })).toThrow('EACCES')
})
