/**
 * Properties seen from outside, on the way to the disk: the WAL rule (I1), commits that are durable when
 * they are acknowledged (I2), pageLSNs that name a record of their page (I4) and never go down (I3), a
 * master record whose checkpoint is durable (I13) and seen by the data file (I39), the double-write file before the
 * data file (I25, I33), and runs that repeat from their seed (I29).
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DATA_FILE_NAME } from '../src/buffer/data-file.ts'
import { AREA_COUNT, DOUBLE_WRITE_FILE_NAME } from '../src/buffer/double-write.ts'
import { META_PAGE } from '../src/buffer/meta-page.ts'
import { compareBytes, isZero } from '../src/common/bytes.ts'
import { asLsn } from '../src/common/ids.ts'
import type { File } from '../src/io/file-system.ts'
import type { SimulatedFileSystem, TraceEntry } from '../src/io/simulated-file-system.ts'
import type { LogReader } from '../src/log/log-reader.ts'
import { RecordType } from '../src/log/log-record.ts'
import { MASTER_FILE_NAME, readMaster } from '../src/log/master-record.ts'
import { pageIdOf, pageLsnOf } from '../src/page/page.ts'
import { Runner } from './commands/runner.ts'
import { contentOf, keyOf, printScript, scripts } from './commands/script.ts'
import { drive, newDisk, openLab, PAGE_SIZE, tableOf } from './lab.ts'
import { readerOf } from './log-scan.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'
import { type Mutation, WatchedFileSystem } from './watched-file-system.ts'

const RUNS = 60
/** Pages of a batch, at most, with a pool of eight frames. */
const BATCH_PAGES = 2

/** Looks at every change on its way to the disk and collects what is wrong with it. */
class Watchman {
  readonly problems: string[] = []
  pages = 0
  masters = 0
  readonly #disk: SimulatedFileSystem
  readonly #pageLsns = new Map<number, number>()

  constructor(disk: SimulatedFileSystem) {
    this.#disk = disk
  }

  look({ kind, file, offset, bytes }: Mutation): void {
    if (kind !== 'write' || bytes === undefined) return
    if (file === DATA_FILE_NAME && bytes.length === PAGE_SIZE) this.#lookAtPage(offset, bytes)
    if (file === MASTER_FILE_NAME && !isZero(bytes, 0, bytes.length)) this.#lookAtMaster(bytes)
  }

  /** The log as a power cut now would leave it. */
  durableLog(): LogReader {
    const found = readerOf(this.#disk.crash({ mode: 'none' }))
    if (found === undefined) throw new Error('there is a master record')
    return found.reader
  }

  #lookAtPage(offset: number, bytes: Uint8Array): void {
    this.pages++
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    const pageId = pageIdOf(view, 0)
    const pageLsn = pageLsnOf(view, 0)
    const say = (what: string): void => void this.problems.push(`page ${pageId} with pageLSN ${pageLsn}: ${what}`)
    if (pageId * PAGE_SIZE !== offset) say(`written at ${offset}`)
    if (pageLsn < (this.#pageLsns.get(pageId) ?? 0)) say(`had ${this.#pageLsns.get(pageId)} before (I3)`)
    this.#pageLsns.set(pageId, pageLsn)
    const log = this.durableLog()
    if (!log.isValidAt(pageLsn)) say('the durable log does not reach it (I1)')
    else if (pageId === META_PAGE) {
      if (log.readAt(pageLsn).type !== RecordType.BEGIN_CHECKPOINT) say('the record is no BEGIN_CHECKPOINT (I39)')
    } else if (log.readAt(pageLsn).pageId !== pageId) say('the record is of another page (I4)')
    if (pageId !== META_PAGE && !this.#isInDoubleWrite(bytes)) say('no durable copy in the double-write file (I25)')
  }

  #isInDoubleWrite(page: Uint8Array): boolean {
    const file = this.#disk.crash({ mode: 'none' }).open(DOUBLE_WRITE_FILE_NAME, 'read')
    const areaBytes = file.size() / AREA_COUNT
    const copy = new Uint8Array(PAGE_SIZE)
    for (let index = 0; index < AREA_COUNT * BATCH_PAGES; index++) {
      const at = (index % AREA_COUNT) * areaBytes + (1 + Math.floor(index / AREA_COUNT)) * PAGE_SIZE
      file.readAt(copy, 0, PAGE_SIZE, at)
      if (compareBytes(copy, page) === 0) return true
    }
    return false
  }

  #lookAtMaster(bytes: Uint8Array): void {
    this.masters++
    const { master } = readMaster(fileOf(bytes)).records[0] ?? {}
    if (master === undefined) return void this.problems.push('a master record that cannot be read')
    const data = this.#disk.crash({ mode: 'none' }).open(DATA_FILE_NAME, 'read')
    if (data.size() < master.pageCount * PAGE_SIZE)
      this.problems.push(`master with ${master.pageCount} pages: durable are ${data.size()} bytes (I13)`)
    const meta = new Uint8Array(PAGE_SIZE)
    data.readAt(meta, 0, PAGE_SIZE, 0)
    if (pageLsnOf(new DataView(meta.buffer), 0) < master.checkpointLsn)
      this.problems.push(`master with checkpoint ${master.checkpointLsn}: the data file has not seen it (I39)`)
    const log = this.durableLog()
    log.seek(master.checkpointLsn)
    while (log.position < master.endLsn) {
      if (log.next() === undefined) {
        this.problems.push(`master with checkpoint ${master.checkpointLsn}: durable only to ${log.position} (I13)`)
        return
      }
    }
  }
}

/** A file that holds these bytes and nothing else. */
function fileOf(bytes: Uint8Array): File {
  const readAt: File['readAt'] = (target, start, length, offset) => {
    const part = bytes.subarray(offset, offset + length)
    target.set(part, start)
    return part.length
  }
  return { name: MASTER_FILE_NAME, readAt } as File
}

const work = fc.array(
  fc.record({
    from: fc.nat(200),
    count: fc.integer({ min: 1, max: 60 }),
    bytes: fc.oneof(fc.nat(900), fc.integer({ min: 3000, max: 20_000 })),
    end: fc.constantFrom('full', 'full', 'lazy', 'none', 'abort', 'checkpoint'),
  }),
  { minLength: 1, maxLength: 10 },
)

describe('on the way to the disk', () => {
  test(
    'pages, master records and acknowledgements come after what they depend on',
    async () => {
      let pages = 0
      let masters = 0
      const property = fc.asyncProperty(work, async (steps) => {
        const disk = await newDisk()
        const watchman = new Watchman(disk)
        const { db, runtime } = await openLab(new WatchedFileSystem(disk, (mutation) => watchman.look(mutation)))
        const table = tableOf(db, 't')
        for (const [serial, { from, count, bytes, end }] of steps.entries()) {
          const tx = db.begin()
          for (let i = 0; i < count; i++) await tx.put(table, keyOf(0, from + i), contentOf(serial, bytes))
          if (end === 'abort') await tx.abort()
          else if (end !== 'full') await drive(runtime, tx.commit({ durability: end === 'checkpoint' ? 'none' : end }))
          else {
            const committed = tx.commit({ durability: end }).then(() => watchman.durableLog())
            const reader = db.begin()
            await drive(runtime, reader.get(table, keyOf(0, from)))
            expect(committedIn(watchman.durableLog()), 'durable when others see it (I21)').toContain(tx.id)
            await reader.commit()
            expect(committedIn(await drive(runtime, committed)), 'durable when acknowledged (I2)').toContain(tx.id)
          }
          if (end === 'checkpoint') await drive(runtime, db.checkpoint())
        }
        await drive(runtime, db.close())
        expect(watchman.problems).toEqual([])
        pages += watchman.pages
        masters += watchman.masters
      })
      await checkProperty(property, { numRuns: runsOf(RUNS) }, (steps) => JSON.stringify(steps))
      expect(pages).toBeGreaterThan(100)
      expect(masters).toBeGreaterThan(10)
    },
    TIMEOUT_MS,
  )

  test(
    'a checkpoint right after the data file grew names no page that it does not durably have',
    async () => {
      const options = { frames: 512 }
      const disk = await newDisk()
      const first = await openLab(disk, options)
      const { space, buffer } = first.managers
      for (let i = 0; buffer.pageCount - space.allocatedPageCount() > 4; i++) {
        await tableOf(first.db, 't').put(keyOf(0, i), contentOf(i, 9000))
      }
      const { pageCount } = buffer
      await drive(first.runtime, first.db.close())
      const watchman = new Watchman(disk)
      const { db, managers, runtime } = await openLab(
        new WatchedFileSystem(disk, (each) => watchman.look(each)),
        options,
      )
      const tx = db.begin()
      await tx.put(tableOf(db, 't'), 'last', contentOf(0, 20_000))
      expect(managers.buffer.pageCount, 'the file has grown').toBeGreaterThan(pageCount)
      await drive(runtime, db.checkpoint())
      expect(watchman.problems).toEqual([])
      // What was found is written again before the new one.
      expect(watchman.masters).toBe(2)
    },
    TIMEOUT_MS,
  )

  test(
    'the same script does the same on the disk',
    async () => {
      const property = fc.asyncProperty(scripts, async (script) => {
        const first: TraceEntry[] = []
        const second: TraceEntry[] = []
        await Runner.run(script, first)
        await Runner.run(script, second)
        expect(second.length).toBe(first.length)
        const difference = first.findIndex((entry, i) => JSON.stringify(entry) !== JSON.stringify(second[i]))
        expect([first[difference], second[difference]]).toEqual([undefined, undefined])
      })
      await checkProperty(property, { numRuns: runsOf(30) }, ([script]) => printScript(script))
    },
    TIMEOUT_MS,
  )
})

/** The transactions whose COMMIT the log holds. */
function committedIn(log: LogReader): number[] {
  const ids: number[] = []
  log.seek(asLsn(log.position))
  for (let record = log.next(); record !== undefined; record = log.next()) {
    if (record.type === RecordType.COMMIT) ids.push(record.txnId)
  }
  return ids
}
