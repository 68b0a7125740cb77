import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readFully, writeFully } from '../../src/io/file-system.ts'
import { NodeFileSystem } from '../../src/io/node-file-system.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'aries-io-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

test('a missing directory is DB_NOT_FOUND and is not made', () => {
  const path = join(directory, 'missing')
  expect(() => NodeFileSystem.open(path, { createIfMissing: false })).toThrow(
    expect.objectContaining({ code: 'DB_NOT_FOUND', details: { file: path } }),
  )
  expect(existsSync(path)).toBe(false)
})

test('createIfMissing makes the directory and its parents', () => {
  const path = join(directory, 'a', 'b')
  const fileSystem = NodeFileSystem.open(path, { createIfMissing: true })
  expect(statSync(path).isDirectory()).toBe(true)
  expect(fileSystem.location).toBe(path)
  NodeFileSystem.open(path, { createIfMissing: true })
})

test('a path that is a file is INVALID_ARGUMENT', () => {
  const path = join(directory, 'file')
  writeFileSync(path, 'hello')
  for (const createIfMissing of [true, false]) {
    expect(() => NodeFileSystem.open(path, { createIfMissing })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    )
  }
})

test('a directory below a file cannot be made', () => {
  writeFileSync(join(directory, 'file'), '')
  expect(() => NodeFileSystem.open(join(directory, 'file', 'below'), { createIfMissing: true })).toThrow(
    expect.objectContaining({ code: 'IO_ERROR' }),
  )
})

test.each(['', '.', '..', '../x', 'a/b', 'a\\b'])('the name %j does not reach the disk', (name) => {
  const fileSystem = NodeFileSystem.open(directory, { createIfMissing: false })
  expect(() => fileSystem.open(name, 'create')).toThrow('names are flat')
  expect(() => fileSystem.remove(name)).toThrow('names are flat')
  expect(fileSystem.list()).toEqual([])
})

test('a long write is taken in pieces, so that later ones into it stay cheap', () => {
  const file = NodeFileSystem.open(directory, { createIfMissing: false }).open('long', 'create')
  const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 7) >>> 3)
  expect(file.writeAt(bytes, 0, bytes.length, 0)).toBe(65_536)
  writeFully(file, bytes, 0, bytes.length, 0)
  const read = new Uint8Array(bytes.length)
  expect(readFully(file, read, 0, read.length, 0)).toBe(bytes.length)
  expect(read).toEqual(bytes)
  file.close()
})
