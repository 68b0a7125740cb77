/**
 * The buffer manager alone, over its two files on a slow disk, with pages that hold nothing but the LSN
 * of their last change. While some batches are being written back, pages change and others are evicted; the
 * machine loses power at any moment, also during the restore that follows.
 *
 * After a crash every page is whole (I25, I33), and it has each change but those at or above the recLSN
 * that the dirty page table gave it at that moment (I10, I11), from which redo could go on.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BufferManager } from '../src/buffer/buffer-manager.ts'
import { DATA_FILE_NAME, DataFile } from '../src/buffer/data-file.ts'
import { DOUBLE_WRITE_FILE_NAME, DoubleWrite, doubleWriteBytes } from '../src/buffer/double-write.ts'
import { compareRanges } from '../src/common/bytes.ts'
import { asLsn, asPageId, type Lsn, type PageId } from '../src/common/ids.ts'
import { FailStop } from '../src/io/fail-stop.ts'
import { type FileSystem, writeFully } from '../src/io/file-system.ts'
import { SimulatedFileSystem } from '../src/io/simulated-file-system.ts'
import { SimulatedRuntime } from '../src/io/simulated-runtime.ts'
import { makeIdentity } from '../src/log/identity.ts'
import { formatPage, PAGE_HEADER_BYTES, PageType, pageLsnOf, sealPage, setPageLsn } from '../src/page/page.ts'
import { idle, PAGE_SIZE } from './lab.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const RUNS = 400
/** Enough for several batches at once. */
const FRAMES = 24
/** A few more than there are frames, so that the same pages come and go. */
const PAGES = 28
const SYNC_MS = 4
/**
 * Pages in their places lie far apart, so their sync may take longer: the copies of a later batch are durable before it
 * ends.
 */
const PLACES_SYNC_MS = [SYNC_MS, SYNC_MS, 4 * SYNC_MS]
const IDENTITY = makeIdentity(new Uint8Array(16).fill(9), PAGE_SIZE, 65_536)
/** So many other states that the same crash could have left are looked at, too. */
const OTHER_STATES = 7
/** A log that is durable all the time: it is the pages that are looked at. */
const LOG_END = asLsn(Number.MAX_SAFE_INTEGER)
const LOG = {
  flushedLsn: LOG_END,
  nextLsn: LOG_END,
  openedLsn: LOG_END,
  flushTo: () => undefined,
  waitDurable: async () => undefined,
}

type Step =
  | { readonly do: 'change'; readonly page: number; readonly count: number }
  | { readonly do: 'writeBack'; readonly whatever: boolean }
  | { readonly do: 'time'; readonly ms: number }
  | { readonly do: 'reopen' }
  | { readonly do: 'crash'; readonly after: number; readonly seed: number; readonly again: number }

const change: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('change' as const),
  page: fc.nat(PAGES - 1),
  count: fc.integer({ min: 1, max: 6 }),
})
const writeBack: fc.Arbitrary<Step> = fc.record({ do: fc.constant('writeBack' as const), whatever: fc.boolean() })
const time: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('time' as const),
  ms: fc.integer({ min: 1, max: SYNC_MS }),
})
const reopen: fc.Arbitrary<Step> = fc.constant({ do: 'reopen' })
const crash: fc.Arbitrary<Step> = fc.record({
  do: fc.constant('crash' as const),
  after: fc.nat(12),
  seed: fc.nat(1_000_000),
  again: fc.nat(4),
})

/** How often the steps come that bring batches about; all others always come alike. */
interface Pace {
  readonly change: number
  readonly writeBack: number
  readonly time: number
}

const stepsAt = (pace: Pace): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.oneof(
      { weight: pace.change, arbitrary: change },
      { weight: pace.writeBack, arbitrary: writeBack },
      { weight: pace.time, arbitrary: time },
      { weight: 1, arbitrary: reopen },
      { weight: 2, arbitrary: crash },
    ),
    { minLength: 4, maxLength: 60, size: 'max' },
  )

/**
 * With few batches in the background, the copies of one stay in its area while pages go out on demand many times. With
 * many, and time that goes on between any two, each meets every stage of the one before it.
 */
const lists = fc.oneof(
  stepsAt({ change: 11, writeBack: 4, time: 2 }),
  stepsAt({ change: 11, writeBack: 1, time: 2 }),
  stepsAt({ change: 8, writeBack: 5, time: 5 }),
)

const scripts = fc.record({ placesSyncMs: fc.constantFrom(...PLACES_SYNC_MS), steps: lists })

/** Makes all of a page tell its LSN, so that no two states of it can be mixed unnoticed. */
function fill(bytes: Uint8Array, view: DataView, page: number, lsn: Lsn): void {
  setPageLsn(view, page, lsn)
  bytes.fill(lsn & 0xff, page + PAGE_HEADER_BYTES, page + PAGE_SIZE)
}

/** Whether all of a page tells this LSN. */
function isOneState(bytes: Uint8Array, lsn: Lsn): boolean {
  const [first, second, end] = [PAGE_HEADER_BYTES, PAGE_HEADER_BYTES + 1, PAGE_SIZE]
  return bytes[first] === (lsn & 0xff) && compareRanges(bytes, first, end - 1, bytes, second, end) === 0
}

/** A disk with all pages as of LSN 1, and nothing in the double-write file. */
function newDisk(): SimulatedFileSystem {
  const disk = new SimulatedFileSystem()
  const pages = new Uint8Array(PAGES * PAGE_SIZE)
  const view = new DataView(pages.buffer)
  for (let id = 0; id < PAGES; id++) {
    formatPage(pages, view, id * PAGE_SIZE, PAGE_SIZE, asPageId(id), PageType.LEAF)
    fill(pages, view, id * PAGE_SIZE, asLsn(1))
    sealPage(pages, view, id * PAGE_SIZE, PAGE_SIZE, IDENTITY.databaseSeed)
  }
  for (const [name, content] of [
    [DATA_FILE_NAME, pages],
    [DOUBLE_WRITE_FILE_NAME, new Uint8Array(doubleWriteBytes(PAGE_SIZE))],
  ] as const) {
    const file = disk.open(name, 'create')
    writeFully(file, content, 0, content.length, 0)
    file.syncBlocking()
    file.close()
  }
  disk.syncDirectory()
  return disk
}

interface PageFiles {
  readonly dataFile: DataFile
  readonly doubleWrite: DoubleWrite
}

const openFiles = (disk: FileSystem): PageFiles => ({
  dataFile: new DataFile(disk.open(DATA_FILE_NAME, 'write'), IDENTITY, PAGES),
  doubleWrite: new DoubleWrite(disk.open(DOUBLE_WRITE_FILE_NAME, 'write'), IDENTITY),
})

class Run {
  readonly #placesSyncMs: number
  #disk = newDisk()
  #runtime = new SimulatedRuntime(1)
  /** By which each page takes longer than a slice of writing, so that everything else comes between two pages. */
  readonly #clock = { nowMs: () => ++this.#ticks, nextTurn: (callback: () => void) => this.#runtime.nextTurn(callback) }
  #ticks = 0
  #buffer: BufferManager
  #writing = new Set<Promise<unknown>>()
  #armed: Extract<Step, { do: 'crash' }> | undefined
  #lsn = 1
  /** The changes of each page, oldest first; what a restart found is the first. */
  readonly #changes = new Map<PageId, Lsn[]>()

  constructor(placesSyncMs: number) {
    this.#placesSyncMs = placesSyncMs
    this.#buffer = this.#open(openFiles(this.#disk))
    for (let id = 0; id < PAGES; id++) this.#changes.set(asPageId(id), [asLsn(1)])
  }

  #open({ dataFile, doubleWrite }: PageFiles): BufferManager {
    this.#disk.runtime = this.#runtime
    for (const [file, delayMs] of [
      [/^data$/, this.#placesSyncMs],
      [/^double-write$/, SYNC_MS],
    ] as const) {
      this.#disk.inject('sync', { effect: 'slow', delayMs }, { file, times: Number.POSITIVE_INFINITY })
    }
    return new BufferManager({
      identity: IDENTITY,
      poolBytes: FRAMES * PAGE_SIZE,
      log: LOG,
      dataFile,
      doubleWrite,
      failStop: new FailStop(),
      runtime: this.#clock,
    })
  }

  async take(step: Step): Promise<void> {
    try {
      await this.#take(step)
    } catch (error) {
      if (!this.#disk.poweredOff) throw error
    }
    await idle()
    if (this.#disk.poweredOff && this.#armed !== undefined) await this.#crash(this.#armed)
  }

  async #take(step: Step): Promise<void> {
    switch (step.do) {
      case 'change':
        for (let i = 0; i < step.count; i++) this.#change(asPageId((step.page + i) % PAGES))
        return
      case 'writeBack':
        return this.#writeBack(step.whatever)
      case 'time':
        return this.#runtime.advance(step.ms)
      case 'reopen':
        return this.#reopen()
      case 'crash':
        if (step.after === 0) return this.#crash(step)
        this.#armed ??= step
        this.#disk.crashAfter(this.#armed.after)
    }
  }

  #change(pageId: PageId): void {
    const { bytes, view } = this.#buffer
    const page = this.#buffer.fix(pageId)
    const changes = this.#changes.get(pageId) as Lsn[]
    expect(pageLsnOf(view, page), `what page ${pageId} is read as`).toBe(changes.at(-1))
    const lsn = asLsn(++this.#lsn)
    this.#buffer.markDirty(page, lsn)
    fill(bytes, view, page, lsn)
    changes.push(lsn)
    this.#buffer.unfix(page)
  }

  /** Begins a batch if one can be begun, as the background does: of old pages, or of the coldest. */
  #writeBack(whatever: boolean): void {
    const horizon = whatever ? Number.MAX_SAFE_INTEGER : this.#lsn - PAGES
    const disk = this.#disk
    const batch = this.#buffer.startWriteBack(asLsn(Math.max(0, horizon)), FRAMES / 2)
    if (batch === undefined) return
    const underWay = this.#writing.add(batch)
    const done = (): void => {
      underWay.delete(batch)
    }
    batch.then(done, (error: unknown) => {
      done()
      if (!disk.poweredOff) throw error
    })
  }

  async #reopen(): Promise<void> {
    const all = this.#settle().then(() => this.#buffer.writeAll())
    let isDone = false
    const done = (): void => {
      isDone = true
    }
    all.then(done, done)
    for (; !isDone; await idle()) this.#runtime.advance(SYNC_MS)
    await all
    this.#buffer.close()
    this.#disk = this.#disk.crash({ mode: 'none' })
    this.#armed = undefined
    this.#buffer = this.#open(openFiles(this.#disk))
  }

  async #settle(): Promise<void> {
    await Promise.all(this.#writing)
  }

  async #crash({ seed, again }: Extract<Step, { do: 'crash' }>): Promise<void> {
    const recLsns = new Map(this.#buffer.dirtyPages())
    const old = this.#disk
    for (let other = 1; other <= OTHER_STATES; other++) this.#verify(this.#restoreOn(old.crash(-seed - other)), recLsns)
    this.#disk = old.crash(seed)
    old.crashAfter(1)
    this.#armed = undefined
    this.#writing = new Set()
    this.#runtime = new SimulatedRuntime(1)
    if (again > 0) {
      this.#disk.crashAfter(again)
      try {
        this.#restoreOn(this.#disk)
      } catch (error) {
        if (!this.#disk.poweredOff) throw error
      }
      this.#disk = this.#disk.crash(seed + 1)
    }
    const files = this.#restoreOn(this.#disk)
    for (const [pageId, found] of this.#verify(files, recLsns)) this.#changes.set(pageId, [found])
    this.#disk.crashAfter(Number.POSITIVE_INFINITY)
    this.#buffer = this.#open(files)
  }

  /** As a restart begins: what is found is made durable, then torn pages are put back. */
  #restoreOn(disk: SimulatedFileSystem): PageFiles {
    for (const name of [DATA_FILE_NAME, DOUBLE_WRITE_FILE_NAME]) {
      const file = disk.open(name, 'write')
      file.syncBlocking()
      file.close()
    }
    const files = openFiles(disk)
    files.doubleWrite.restore(files.dataFile)
    return files
  }

  /** The states that the pages show, if they may show them. */
  #verify({ dataFile }: PageFiles, recLsns: ReadonlyMap<PageId, Lsn>): Map<PageId, Lsn> {
    const shown = new Map<PageId, Lsn>()
    const bytes = new Uint8Array(PAGE_SIZE)
    const view = new DataView(bytes.buffer)
    for (const [pageId, changes] of this.#changes) {
      const fault = dataFile.read(pageId, bytes, view, 0)
      if (fault !== undefined) throw new Error(`page ${pageId} is ${fault}, and not restored (I25, I33)`)
      const found = pageLsnOf(view, 0)
      if (!isOneState(bytes, found)) throw new Error(`page ${pageId} is of several states (I24)`)
      if (!changes.includes(found)) throw new Error(`page ${pageId} has ${found}, which it never had`)
      const recLsn = recLsns.get(pageId) ?? Number.POSITIVE_INFINITY
      const missing = changes.find((lsn) => lsn > found) ?? Number.POSITIVE_INFINITY
      if (missing < recLsn) {
        throw new Error(`page ${pageId} has ${found}, lacks ${missing}, and redo begins at ${recLsn} (I10, I11)`)
      }
      shown.set(pageId, found)
    }
    return shown
  }
}

describe('pages on a slow disk', () => {
  test(
    'are whole after a crash, and lack nothing that redo would not bring back',
    async () => {
      const property = fc.asyncProperty(scripts, async ({ placesSyncMs, steps }) => {
        const run = new Run(placesSyncMs)
        for (const step of steps) await run.take(step)
        await run.take({ do: 'crash', after: 0, seed: steps.length, again: 0 })
      })
      await checkProperty(property, { numRuns: runsOf(RUNS) }, ([{ placesSyncMs, steps }]) =>
        [`placesSyncMs: ${placesSyncMs}`, ...steps.map((s) => JSON.stringify(s))].join('\n'),
      )
    },
    TIMEOUT_MS,
  )
})
