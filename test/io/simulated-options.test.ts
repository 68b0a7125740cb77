/** What is asked of the simulated disk and makes no sense is refused, and as the argument that it is. */
import { expect, test } from 'vitest'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { durableFile, put, run, state } from './simulated-support.ts'

const NEVER = undefined as never

/** A disk with a durable file of ten bytes, as a caller without types sees it. */
function untyped(): Record<keyof SimulatedFileSystem, (...parameters: unknown[]) => unknown> {
  const disk = new SimulatedFileSystem()
  durableFile(disk, 'a', run(10, 1))
  return disk as never
}

test.each<[unknown, string]>([
  [null, 'the options of SimulatedFileSystem must be an object'],
  [{ capacity: 10 }, 'SimulatedFileSystem has no option capacity; it has capacityBytes'],
  [{ seed: 'x' }, 'seed must be a whole number, got x'],
  [{ seed: 0.5 }, 'seed must be a whole number'],
  [{ shortWrites: 1 }, 'shortWrites must be true or false'],
  [{ runtime: {} }, 'runtime must be an object with a function nowMs'],
  [{ capacityBytes: Number.NaN }, 'capacityBytes must be a number from 0 to Infinity, got NaN'],
  [{ filesMax: -1 }, 'filesMax'],
  [{ fileBytesMax: '1' }, 'fileBytesMax'],
  [{ openFilesMax: null }, 'openFilesMax'],
])('new SimulatedFileSystem(%j)', (options, message) => {
  expect(() => new SimulatedFileSystem(options as never)).toThrow(invalid(message))
})

test.each<[method: keyof SimulatedFileSystem, parameters: unknown[], message: string]>([
  ['crashAfter', [0], 'crashAfter must be a number from 1 to Infinity, got 0'],
  ['crashAfter', [Number.NaN], 'crashAfter'],
  ['crash', [NEVER], 'the options of crash must be an object'],
  ['crash', [Number.NaN], 'seed must be a whole number'],
  ['crash', [{}], 'the mode of a crash must be one of kill, all, none, random, pick, got undefined'],
  ['crash', [{ mode: 'nothing' }], 'the mode of a crash'],
  ['crash', [{ mode: 'random' }], 'seed must be a whole number, got undefined'],
  ['crash', [{ mode: 'random', seed: 1, tears: 512 }], 'crash has no option tears'],
  ['crash', [{ mode: 'random', seed: 1, tearBytes: 0 }], 'tearBytes must be one of 512, 4096, got 0'],
  ['crash', [{ mode: 'random', seed: 1, missing: 'new' }], 'missing must be one of old, zeros, garbage, got new'],
  ['crash', [{ mode: 'random', seed: 1, missingOver: 'a' }], 'missingOver must be a regular expression'],
  ['crash', [{ mode: 'pick' }], 'needs a function keep'],
  ['crash', [{ mode: 'pick', keep: () => true, size: 5 }], 'size of a crash must be a function'],
  ['crash', [{ mode: 'pick', keep: () => true, tearBytes: 100 }], 'tearBytes'],
  ['crashStates', [{ sample: 5 }], 'crashStates has no option sample'],
  ['crashStates', [{ samples: -1 }], 'samples'],
  ['crashStates', [{ seed: 'x' }], 'seed'],
  ['crashStates', [{ tearBytes: 1024 }], 'tearBytes'],
  ['failNext', ['writes', { errno: 'EIO' }], 'the operation must be one of open, read, write'],
  ['failNext', ['write', NEVER], 'the options of failNext must be an object'],
  ['failNext', ['write', {}], 'errno must be one of ENOENT'],
  ['failNext', ['write', { errno: 'EFOO' }], 'errno must be one of ENOENT'],
  ['failNext', ['write', { errno: 'EIO', skips: 1 }], 'failNext has no option skips'],
  ['failNext', ['write', { errno: 'EIO', doneBytes: 'some' }], 'doneBytes'],
  ['failNext', ['sync', { errno: 'EIO', dropPages: 'no' }], 'dropPages must be true or false'],
  ['failNext', ['write', { errno: 'EIO', times: Number.NaN }], 'times'],
  ['failNext', ['write', { errno: 'EIO', skip: 0.5 }], 'skip'],
  ['failNext', ['write', { errno: 'EIO', file: 'a' }], 'file must be a regular expression, got a'],
  ['failNext', ['open', { errno: 'EIO', mode: 'append' }], 'mode must be one of read, write, create'],
  ['failNext', ['read', { errno: 'EIO', range: { offset: 0 } }], 'the length of range'],
  ['failNext', ['read', { errno: 'EIO', until: 'later' }], 'until must be one of spaceFreed, overwritten'],
  ['inject', ['writes', { effect: 'lie' }], 'the operation must be one of'],
  ['inject', ['read', { effect: 'lie' }], 'the effect lie comes to sync, syncDirectory, not to read'],
  ['inject', ['read', NEVER], 'the effect must be one of error, short'],
  ['inject', ['read', { effect: 'explode' }], 'the effect must be one of error, short'],
  ['inject', ['read', { effect: 'flip', bits: 3 }], 'the effect flip has no option bits; it has effect, bit'],
  ['inject', ['read', { effect: 'flip', bit: Number.NaN }], 'bit must be a number'],
  ['inject', ['sync', { effect: 'slow' }], 'delayMs must be a number'],
  ['inject', ['sync', { effect: 'error' }], 'errno'],
  ['inject', ['read', { effect: 'short' }, { time: 2 }], 'a fault has no option time'],
  ['damage', ['a', { kind: 'bits' }], 'the kind of damage must be one of bit, byte'],
  ['damage', ['a', { kind: 'bit', offset: 0, bit: 8 }], 'bit must be a number from 0 to 7'],
  ['damage', ['a', { kind: 'byte', offset: 0, mask: 0 }], 'mask must be a number from 1 to 255'],
  ['damage', ['a', { kind: 'zeros', offset: 0 }], 'length must be a whole number'],
  ['damage', ['a', { kind: 'cut', size: 11 }], 'the size that a cut leaves must be a number from 0 to 10'],
  ['flipBit', ['a', 10, 0], 'damage at 10+1 lies outside the file'],
])('%s(...%j)', (method, parameters, message) => {
  expect(() => untyped()[method](...parameters)).toThrow(invalid(message))
})

test('a slow sync without a clock to go by', async () => {
  const disk = new SimulatedFileSystem()
  const file = durableFile(disk, 'a', run(1, 1))
  disk.inject('sync', { effect: 'slow', delayMs: 5 })
  await expect(file.sync()).rejects.toThrow(invalid('slow syncs need a runtime'))
})

test('a file that is not there is the error of an open', () => {
  const disk = new SimulatedFileSystem()
  const missing = expect.objectContaining({ code: 'ENOENT' })
  expect(() => disk.contentOf('a')).toThrow(missing)
  expect(() => disk.digestOf('a')).toThrow(missing)
  expect(() => disk.damage('a', { kind: 'missing' })).toThrow(missing)
  expect(() => disk.flipBit('a', 0, 0)).toThrow(missing)
})

test('what was refused has changed nothing', () => {
  const disk = new SimulatedFileSystem()
  const file = durableFile(disk, 'a', run(1, 1))
  expect(() => disk.failNext('write', { errno: 'EIO', skip: -1 })).toThrow(invalid('skip'))
  expect(() => disk.crashAfter(0)).toThrow(invalid('crashAfter'))
  put(file, run(1, 2))
  expect(state(disk)).toBe('a: 1x2')
})

function invalid(message: string): unknown {
  return expect.objectContaining({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(message) })
}
