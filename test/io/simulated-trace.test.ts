import { beforeEach, describe, expect, test } from 'vitest'
import { SimulatedCrash, SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { planFaults } from '../../src/io/simulated-plan.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { formatTrace, parseTrace, TraceError, TraceReplay } from '../../src/io/simulated-trace.ts'
import { EVERYTHING, KILL, NOTHING, put, run, shape, state } from './simulated-support.ts'

let disk: SimulatedFileSystem
beforeEach(() => {
  disk = new SimulatedFileSystem()
})

test('the trace names every operation with its place', () => {
  disk.trace = []
  const file = disk.open('a', 'create')
  put(file, run(3, 1), 5)
  file.readAt(new Uint8Array(2), 0, 2, 6)
  file.syncBlocking()
  disk.syncDirectory()
  disk.rename('a', 'b')
  disk.remove('b')
  expect(disk.trace.map(({ operation, file, offset, length }) => `${operation} ${file} ${offset}+${length}`)).toEqual([
    'open a 0+0',
    'write a 5+3',
    'read a 6+2',
    'sync a 0+0',
    'syncDirectory  0+0',
    'rename a 0+0',
    'remove b 0+0',
  ])
  expect(disk.operations).toBe(7)
  expect(disk.mutations).toBe(6)
})

/** Work with every operation, errors let be; returns what each call gave. */
async function work(on: SimulatedFileSystem): Promise<string[]> {
  const given: string[] = []
  const attempt = async (step: () => unknown): Promise<void> => {
    try {
      given.push(String(await step()))
    } catch (error) {
      if (error instanceof TraceError) throw error
      given.push(String(error))
    }
  }
  const target = run(5000, 0)
  for (let i = 0; i < 6; i++) {
    await attempt(() => on.open(`f ${i}`, 'create').close())
    await attempt(async () => {
      const file = on.open(`f ${i >> 1}`, 'write')
      for (let j = 0; j < 4; j++) await attempt(() => file.writeAt(run(4096, 16 * i + j), 0, 4096, 4096 * j))
      await attempt(() => file.sync())
      await attempt(() => file.readAt(target, 0, 4096, 4096) + shape(target))
      await attempt(() => file.truncate(2048 * i))
      await attempt(() => file.size())
      await attempt(() => file.close())
    })
    await attempt(() => on.rename(`f ${i}`, 'g'))
    await attempt(() => on.syncDirectory())
    await attempt(() => on.list())
  }
  await attempt(() => on.remove('g'))
  return given
}

describe('text', () => {
  test('has a line for each operation, with what became of it', async () => {
    disk.trace = []
    disk.failNext('sync', { errno: 'EIO' })
    disk.inject('write', { effect: 'misdirect', toFile: 'a b', toOffset: 0 }, { skip: 1 })
    disk.inject('read', { effect: 'flip', bit: 9 })
    const file = disk.open('a b', 'create')
    put(file, run(3, 1), 5)
    put(file, run(3, 1), 5)
    expect(() => file.syncBlocking()).toThrow('EIO')
    file.readAt(new Uint8Array(2), 0, 2, 6)
    file.truncate(9)
    file.size()
    file.close()
    disk.rename('a b', 'ü.1')
    disk.list()
    disk.syncDirectory()
    disk.crashAfter(1)
    expect(() => disk.remove('ü.1')).toThrow(SimulatedCrash)
    const text = formatTrace(disk.trace)
    expect(text.replace(/count=[01]/, 'count=?')).toBe(
      [
        'open a%20b create',
        'write a%20b 5+3',
        'write a%20b 5+3 : toFile=a%20b toOffset=0',
        'sync a%20b : errno=EIO dropped',
        'read a%20b 6+2 : bit=9',
        'truncate a%20b 9',
        'size a%20b',
        'close a%20b',
        'rename a%20b %C3%BC.1',
        'list .',
        'syncDirectory .',
        'remove %C3%BC.1 : off count=?',
        '',
      ].join('\n'),
    )
    expect(parseTrace(text)).toEqual(disk.trace)
  })

  test('may have comments and empty lines', () => {
    expect(parseTrace('# seed 5\n\nlist .\n')).toEqual([{ operation: 'list', file: '', offset: 0, length: 0 }])
  })

  test.each([
    'jump a',
    'open a',
    'open a wild',
    'read a',
    'read a 5',
    'write a 5+x',
    'truncate a',
    'rename a',
    'sync a b',
    'sync',
    'sync a : errno',
    'sync a : errno=',
    'sync a : colour=red',
    'sync a : lie=1',
    'read a 0+1 : count=many',
    'sync a : lie : lie',
  ])('that is none is refused with its line: %s', (line) => {
    expect(() => parseTrace(`list .\n${line}\n`)).toThrow(`line 2 is not one of a trace: ${line}`)
  })
})

describe('replay', () => {
  const everyState = (of: SimulatedFileSystem): string[] => {
    const choices = [KILL, NOTHING, EVERYTHING, 1, 2, 3]
    return choices.map((choice) => state(of.crash(choice)))
  }

  test('gives the outcomes of any faults, short writes and crash again, without them', async () => {
    for (const family of ['errors', 'lies'] as const) {
      for (let seed = 0; seed < 60; seed++) {
        const first = new SimulatedFileSystem({ seed, shortWrites: seed % 2 === 0, capacityBytes: 40_000 })
        first.trace = []
        for (const { kind, effect, match } of planFaults(seed, { family, horizon: 20 })) {
          first.inject(kind, effect, match)
        }
        if (seed % 3 === 0) first.crashAfter(1 + seed)
        const given = await work(first)
        const second = new SimulatedFileSystem({ seed: 999, capacityBytes: 40_000 })
        second.trace = []
        second.replaying = new TraceReplay(parseTrace(formatTrace(first.trace)))
        expect(await work(second)).toEqual(given)
        expect(second.replaying.remaining).toBe(0)
        expect(formatTrace(second.trace)).toBe(formatTrace(first.trace))
        expect(second.poweredOff).toBe(first.poweredOff)
        expect(everyState(second)).toEqual(everyState(first))
      }
    }
  })

  test('takes the same time for slow syncs', async () => {
    disk.runtime = new SimulatedRuntime()
    disk.replaying = new TraceReplay(parseTrace('open a create\nsync a : delayMs=5'))
    const file = disk.open('a', 'create')
    let done = false
    const synced = file.sync().then(() => {
      done = true
    })
    for (let i = 0; i < 10; i++) await undefined
    expect(done).toBe(false)
    ;(disk.runtime as SimulatedRuntime).advance(5)
    await synced
  })

  test('goes on over a crash, on the disk after it', () => {
    const replay = new TraceReplay(parseTrace('open a create : off count=1\nlist .'))
    disk.replaying = replay
    expect(() => disk.open('a', 'create')).toThrow(SimulatedCrash)
    const after = disk.crash(EVERYTHING)
    after.replaying = replay
    expect(after.list()).toEqual(['a'])
    expect(replay.remaining).toBe(0)
  })

  test('stops where the run leaves the trace, and says how', () => {
    disk.replaying = new TraceReplay(parseTrace('open a create\nwrite a 0+4'))
    const file = disk.open('a', 'create')
    expect(() => file.writeAt(run(5, 1), 0, 5, 0)).toThrow(
      new TraceError('the run leaves the trace at operation 2: write a 0+5; the trace has: write a 0+4'),
    )
    expect(() => file.syncBlocking()).toThrow('operation 2: sync a; the trace has: write a 0+4')
    put(file, run(4, 1))
    expect(() => file.size()).toThrow('operation 3: size a; the trace has ended')
  })

  test('stops where the disk is another one', () => {
    disk.replaying = new TraceReplay(parseTrace('open a read'))
    expect(() => disk.open('a', 'read')).toThrow('open a read; it went well in the trace, now ENOENT is in its way')
  })

  test('tells apart the mode of an open and the target of a rename', () => {
    disk.replaying = new TraceReplay(parseTrace('open a create\nrename a b'))
    expect(() => disk.open('a', 'read')).toThrow('the trace has: open a create')
    disk.open('a', 'create')
    expect(() => disk.rename('a', 'c')).toThrow('the trace has: rename a b')
  })
})
