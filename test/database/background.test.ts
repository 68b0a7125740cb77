/** When the background begins to work, and that nobody waits for what it will not do. */
import { describe, expect, test, vi } from 'vitest'
import { DATA_FILE_NAME } from '../../src/buffer/data-file.ts'
import { AriesError } from '../../src/common/errors.ts'
import { asLsn, NULL_LSN } from '../../src/common/ids.ts'
import type { Database } from '../../src/database/database.ts'
import { Maintenance, type MaintenanceParts } from '../../src/database/maintenance.ts'
import type { OpenOptions } from '../../src/database/options.ts'
import { FailStop } from '../../src/io/fail-stop.ts'
import { MemoryFileSystem } from '../../src/io/memory-file-system.ts'
import { nodeRuntime } from '../../src/io/node-runtime.ts'
import { SimulatedFileSystem } from '../../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../../src/io/simulated-runtime.ts'
import { expectRows, openOn, PAGE_SIZE, settle, textOf, textTable, waits, writeRows } from './support.ts'

type PoolStats = ReturnType<Database['stats']>['buffer']

interface Fill {
  readonly options: OpenOptions
  readonly few: number
  readonly many: number
  /** Bytes of a value. */
  readonly length: number
}

/** Puts few rows and then many, without a checkpoint; what is known of the pool after each. */
async function poolWhenFilled({ options, few, many, length }: Fill): Promise<[PoolStats, PoolStats]> {
  const db = await openOn(new SimulatedFileSystem(), { checkpointBytes: 1 << 30, ...options })
  const filledTo = async (from: number, to: number): Promise<PoolStats> => {
    await writeRows(db, from, to, length)
    await settle()
    return db.stats().buffer
  }
  const pool: [PoolStats, PoolStats] = [await filledTo(0, few), await filledTo(few, many)]
  await expectRows(db, many, length)
  await db.close()
  return pool
}

test('pages are written back when redo would become too long', async () => {
  const options = { poolBytes: 1000 * PAGE_SIZE, maxRedoBytes: 1 << 18 }
  const [before, after] = await poolWhenFilled({ options, few: 100, many: 1200, length: 500 })
  expect(before.pagesWritten, 'those of the empty database').toBeLessThan(5)
  expect(after.pagesWritten).toBeGreaterThan(50)
})

test('pages are written back many at a time, however few are too old for redo at a time', async () => {
  const disk = new SimulatedFileSystem()
  const db = await openOn(disk, { durability: 'none', poolBytes: 1000 * PAGE_SIZE, maxRedoBytes: 1 << 19 })
  await writeRows(db, 0, 1000, 1000)
  await textTable(db).clear()
  disk.trace = []
  const pagesBefore = db.stats().buffer.pagesWritten
  while (db.stats().background.uncleanLeaves > 0) await settle()
  const pages = db.stats().buffer.pagesWritten - pagesBefore
  expect(pages).toBeGreaterThan(100)
  const syncs = disk.trace.filter(({ operation, file }) => operation === 'sync' && file === DATA_FILE_NAME)
  expect(syncs.length).toBeLessThan(pages / 5)
  await db.close()
})

test('pages are written back when most of the pool is dirty', async () => {
  const options = { poolBytes: 100 * PAGE_SIZE, maxRedoBytes: 1 << 30 }
  const [before, after] = await poolWhenFilled({ options, few: 50, many: 400, length: 1000 })
  expect(before.pagesWritten, 'those of the empty database').toBeLessThan(5)
  expect(after.dirtyPages).toBeLessThanOrEqual(60)
})

/** What commits have left to be done. */
interface Pending {
  size: number
  backlog: number
  step(): boolean
  postpone?(): void
}

/** The background of a pool of 100 frames that is full, in which `writeBack` cleans pages. */
function fullPool(
  writeBack: (buffer: { dirtyCount: number }) => Promise<void> | undefined,
  pending: Pending = { size: 0, backlog: 0, step: () => false },
) {
  const runtime = new SimulatedRuntime(1)
  const buffer = {
    dirtyCount: 80,
    frameCount: 100,
    isReserveLow: false,
    minRecLsn: () => NULL_LSN,
    startWriteBack: () => writeBack(buffer),
  }
  const parts = {
    runtime,
    failStop: new FailStop(),
    buffer,
    log: { nextLsn: asLsn(8), room: { isStepDue: () => false, canRecycle: () => false, step: async () => false } },
    btree: { uncleanLeafCount: 0 },
    pending,
    checkpointer: { logBytesSince: 0, lowWater: { lsn: asLsn(8) } },
    settings: { flushIntervalMs: 100, maxRedoBytes: 1 << 20, checkpointBytes: 1 << 20, checkpointIntervalMs: 1000 },
    writable: true,
  }
  return { runtime, buffer, maintenance: new Maintenance(parts as unknown as MaintenanceParts) }
}

test('who waits for room goes on, when there is room before the background has looked', async () => {
  const { buffer, maintenance } = fullPool(() => undefined)
  const room = maintenance.room()
  buffer.dirtyCount = 50
  expect(await waits(room as Promise<void>)).toBe(false)
})

describe('many who wait for room', () => {
  /** Each dirties a page when it may go on; who did in each turn, by the order in which they came. */
  async function wentOn(count: number, writeBack: Parameters<typeof fullPool>[0]) {
    const { runtime, buffer, maintenance } = fullPool(writeBack)
    const turns: number[][] = [[]]
    let dirtyMax = 0
    const wait = async (index: number): Promise<void> => {
      await maintenance.room()
      const turn = turns.at(-1) as number[]
      if (turn.push(index) === 1) runtime.nextTurn(() => turns.push([]))
      dirtyMax = Math.max(dirtyMax, ++buffer.dirtyCount)
      // Another comes, who must not overtake those who wait.
      if (index < count) void wait(count + index)
    }
    for (let index = 0; index < count; index++) void wait(index)
    await settle(1000)
    return { order: turns.flat(), perTurn: Math.max(...turns.map(({ length }) => length)), dirtyMax }
  }

  const inOrder = (count: number): number[] => Array.from({ length: 2 * count }, (_, index) => index)

  test('go on in the order in which they came, and only as many as there is room for', async () => {
    const { order, dirtyMax } = await wentOn(1000, async (buffer) => {
      buffer.dirtyCount = Math.max(0, buffer.dirtyCount - 10)
    })
    expect(order).toEqual(inOrder(1000))
    expect(dirtyMax, 'one more than three quarters').toBe(76)
  })

  test('go on a few a turn when there is room for all at once', async () => {
    const { order, perTurn } = await wentOn(1000, async (buffer) => {
      buffer.dirtyCount = -10_000
    })
    expect(order).toEqual(inOrder(1000))
    expect(perTurn).toBe(32)
  })

  test('go on without room, a few a turn, when the background cannot make any', async () => {
    const { order, perTurn } = await wentOn(1000, () => undefined)
    expect(order).toEqual(inOrder(1000))
    expect(perTurn).toBe(32)
  })
})

describe('what commits leave to be done', () => {
  /** 64 clients write, and each time leave ten actions behind; the most that there were. */
  async function mostLeft(writes: number, step: (pending: Pending) => boolean) {
    const pending: Pending = { size: 0, backlog: 0, step: () => step(pending), postpone: () => undefined }
    const { runtime, buffer, maintenance } = fullPool(() => undefined, pending)
    buffer.dirtyCount = 0
    // Each takes so long that no more than one is done in a turn.
    let nowMs = 0
    vi.spyOn(runtime, 'nowMs').mockImplementation(() => nowMs++)
    let [most, left] = [0, writes]
    const write = async (): Promise<void> => {
      while (left-- > 0) {
        pending.size = pending.backlog += 10
        most = Math.max(most, pending.backlog)
        maintenance.poke()
        await maintenance.room()
      }
    }
    await Promise.all(Array.from({ length: 64 }, write))
    return most
  }

  test('is never much more than 4096 actions, however busy the others are', async () => {
    const carryOut = (pending: Pending): boolean => {
      pending.size = --pending.backlog
      return pending.backlog > 0
    }
    expect(await mostLeft(5000, carryOut)).toBeLessThanOrEqual(4096 + 64 * 10 + 10)
  })

  test('holds nobody up when it cannot be done', async () => {
    const fail = (): boolean => {
      throw new AriesError('PAGE_CORRUPT', 'page 7 is damaged')
    }
    expect(await mostLeft(5000, fail)).toBe(50_000)
  })

  test('is done as fast as it comes: a value that is replaced all the time takes no more and more pages', async () => {
    const db = await openOn(new MemoryFileSystem(), { durability: 'none', runtime: nodeRuntime })
    const table = textTable(db)
    for (let i = 0; i < 20_000; i++) await table.put('key', textOf(i, 2 * PAGE_SIZE))
    expect(db.stats().pages.allocated).toBeLessThan(20_000)
    await db.close()
  })
})

test('a close that has much to clean up does one step of it a turn', async () => {
  const runtime = new SimulatedRuntime(1)
  let turn = 0
  const stepsOfTurns: number[] = []
  const step = (): void => {
    if (stepsOfTurns[turn] === undefined) runtime.nextTurn(() => turn++)
    stepsOfTurns[turn] = (stepsOfTurns[turn] ?? 0) + 1
  }
  const pending = {
    size: 20,
    backlog: 20,
    step: () => {
      step()
      return --pending.size > 0
    },
  }
  const btree = {
    uncleanLeafCount: 30,
    cleanStep: () => {
      step()
      return --btree.uncleanLeafCount > 0
    },
  }
  const parts = { runtime, pending, btree, settings: { flushIntervalMs: 100 }, writable: false }
  await new Maintenance(parts as unknown as MaintenanceParts).finish()
  expect([pending.size, btree.uncleanLeafCount]).toEqual([0, 0])
  expect(Math.max(...stepsOfTurns), 'the last step of one kind and the first of the other').toBeLessThanOrEqual(2)
})
