/** Reading what no checksum guards. */
import { expect, test } from 'vitest'
import { readTwice } from '../../src/io/file-system.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { durableFile, run } from './simulated-support.ts'

test('bytes that are wrong once are read until they are the same twice', () => {
  const disk = new SimulatedFileSystem()
  const file = durableFile(disk, 'a', run(1000, 7))
  for (const skip of [0, 1]) {
    disk.inject('read', { effect: 'flip' }, { skip })
    const bytes = new Uint8Array(1200)
    expect(readTwice(file, bytes, 100, 1100, 0)).toBe(1000)
    expect(bytes.slice(100, 1100)).toEqual(run(1000, 7))
  }
})

test('bytes that are different each time are an error, not a guess', () => {
  const disk = new SimulatedFileSystem()
  const file = durableFile(disk, 'a', run(1000, 7))
  disk.inject('read', { effect: 'flip' }, { times: Number.POSITIVE_INFINITY })
  expect(() => readTwice(file, new Uint8Array(900), 0, 900, 100)).toThrow(
    'IO_ERROR: a reads differently each time at byte 100',
  )
})
