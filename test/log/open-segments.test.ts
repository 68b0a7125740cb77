/** How many segment files are open at a time, and which ones may be closed. */
import { beforeEach, describe, expect, test } from 'vitest'
import { asLsn, type Lsn } from '../../src/common/ids.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { makeIdentity } from '../../src/log/identity.ts'
import { segmentName } from '../../src/log/segment.ts'
import { OPEN_SEGMENTS_MAX, Segments } from '../../src/log/segments.ts'
import { LogBench, PAGE_SIZE, SEGMENT_BYTES } from './support.ts'

/** More segments than may be open. */
const COUNT = OPEN_SEGMENTS_MAX + 20

let disk: SimulatedFileSystem
let bench: LogBench

beforeEach(() => {
  disk = new SimulatedFileSystem()
  bench = new LogBench(disk)
  disk.trace = []
})

const openNames = (): string[] => {
  const open = new Map<string, number>()
  for (const { operation, outcome, file } of disk.trace ?? []) {
    if (outcome === undefined && operation === 'open') open.set(file, (open.get(file) ?? 0) + 1)
    if (operation === 'close') open.set(file, (open.get(file) ?? 0) - 1)
  }
  return [...open].flatMap(([name, count]) => Array<string>(count).fill(name))
}

/** Appends until the log has come to segment `number`. */
const appendTo = (number: number): Lsn => {
  let lsn = bench.append(2000)
  while (lsn < number * SEGMENT_BYTES) lsn = bench.append(2000)
  return lsn
}

const FLUSHES: readonly (readonly [string, () => Promise<void> | void])[] = [
  ['shared', () => bench.log.flush()],
  ['forced', () => bench.log.flushTo(asLsn(bench.log.nextLsn - 1))],
]

describe('however long the log is, few of its files are open', () => {
  // One more is being made, and the log may reach into two with what is not durable yet.
  const limit = OPEN_SEGMENTS_MAX + 3

  test.each(FLUSHES)('while it is written, with %s flushes, and read back from its end', async (_, flush) => {
    disk.openFilesMax = limit
    const lsns: Lsn[] = []
    for (let number = 0; number < COUNT; number++) {
      lsns.push(appendTo(number))
      await flush()
      expect(openNames().length).toBeLessThanOrEqual(OPEN_SEGMENTS_MAX)
    }
    expect(openNames().length).toBe(OPEN_SEGMENTS_MAX)
    for (const lsn of lsns.reverse()) expect(bench.log.read(lsn).lsn).toBe(lsn)
    expect(openNames().length).toBe(OPEN_SEGMENTS_MAX)
    bench.log.close()
    expect(openNames()).toEqual([])
  })

  test('while it is read from its start', async () => {
    const lsn = appendTo(COUNT)
    await bench.log.flush()
    bench.log.close()
    disk.openFilesMax = limit
    expect(bench.scan().records.at(-1)?.lsn).toBe(lsn)
  })
})

test('what is used again and again stays open', async () => {
  for (let number = 0; number < COUNT; number++) {
    appendTo(number)
    await bench.log.flush()
    bench.segments.file(0)
  }
  const opened = disk.trace?.filter(({ operation, file }) => operation === 'open' && file === segmentName(0))
  expect(opened?.length).toBe(1)
})

describe('a file stays open', () => {
  const closed = (): string[] =>
    (disk.trace ?? []).filter(({ operation }) => operation === 'close').map(({ file }) => file)
  const isSegment = (name: string): boolean => name !== 'log-new'

  test('with writes that are not synced; once they are, it is closed when another is opened', async () => {
    appendTo(COUNT)
    bench.log.writeOut()
    expect(closed().filter(isSegment)).toEqual([])
    expect(openNames().length).toBeGreaterThan(COUNT)
    await bench.log.flush()
    expect(disk.trace?.filter(({ operation }) => operation === 'open').length).toBeGreaterThan(COUNT)
    appendTo(COUNT + 1)
    await bench.log.flush()
    expect(openNames().length).toBe(OPEN_SEGMENTS_MAX)
  })

  test('while a flush in flight syncs it, though it is durable by now', async () => {
    appendTo(COUNT)
    await bench.log.flush()
    const start = bench.log.nextLsn
    const runtime = new SimulatedRuntime()
    disk.runtime = runtime
    disk.inject('sync', { effect: 'slow', delayMs: 5 }, { times: Number.POSITIVE_INFINITY })
    appendTo(COUNT + 3)
    let isFlushed = false
    const flushed = bench.log.flush().then(() => {
      isFlushed = true
    })
    await new Promise(setImmediate)
    bench.log.flushTo(asLsn(bench.log.nextLsn - 1))
    disk.trace = []
    for (let number = 0; number < COUNT; number++) bench.segments.file(number)
    const inFlight = [0, 1, 2, 3].map((i) => segmentName(bench.segments.numberOf(start) + i))
    expect(closed().filter((name) => inFlight.includes(name))).toEqual([])
    for (; !isFlushed && !bench.failStop.failed; runtime.advance(5)) await new Promise(setImmediate)
    await flushed
    expect(bench.failStop.failed).toBe(false)
  })

  test('that was written again and is not synced yet', async () => {
    const end = appendTo(COUNT)
    await bench.log.flush()
    bench.log.close()
    const { segments } = new LogBench(disk, end)
    disk.trace = []
    segments.writeAgain(5 * SEGMENT_BYTES, end)
    for (let number = 0; number < COUNT; number++) segments.file(number)
    expect(closed().every((name) => name < segmentName(5))).toBe(true)
  })
})

test("who reads old segments between two steps of wiping is in nobody's way", () => {
  const segmentBytes = 3 * SEGMENT_BYTES
  const segments = new Segments(
    new SimulatedFileSystem(),
    makeIdentity(new Uint8Array(16).fill(7), PAGE_SIZE, segmentBytes),
  )
  for (let i = 0; i < COUNT; i++) segments.append()
  let steps = 0
  for (const _ of segments.wipeSteps(asLsn((COUNT - 1) * segmentBytes))) {
    for (let number = 0; number < COUNT - 1; number++) segments.file(number)
    steps++
  }
  expect(steps).toBe(3)
})

test('a close that fails is told, and the file is let go of', async () => {
  const lsns: Lsn[] = []
  for (let number = 0; number < COUNT; number++) {
    lsns.push(appendTo(number))
    await bench.log.flush()
  }
  disk.failNext('close', { errno: 'EIO' })
  expect(() => bench.log.read(lsns[0] as Lsn)).toThrow('IO_ERROR')
  expect(openNames().length).toBe(OPEN_SEGMENTS_MAX - 1)
  expect(bench.log.read(lsns[0] as Lsn).lsn).toBe(lsns[0])
  bench.log.close()
  expect(openNames()).toEqual([])
})
