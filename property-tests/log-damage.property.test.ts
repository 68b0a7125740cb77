/**
 * A log that is cut, and a log in which a bit is flipped. Nothing is ever silently older than what can be
 * proved to have been durable: a cut behind the last proof is a torn tail, which leaves a prefix of the
 * commits; any other is an error, and so is a flipped bit in what recovery needs (`LOG_CORRUPT`).
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AriesError } from '../src/common/errors.ts'
import type { SimulatedFileSystem } from '../src/io/simulated-file-system.ts'
import { flushedLsnOf } from '../src/log/log-reader.ts'
import { RecordType } from '../src/log/log-record.ts'
import { MASTER_FILE_NAME, readMaster } from '../src/log/master-record.ts'
import { segmentName } from '../src/log/segment.ts'
import { contentOf, keyOf } from './commands/script.ts'
import { newDisk, openLab, readAll, SEGMENT_BYTES, tableOf } from './lab.ts'
import { cutLogAt } from './log-cut.ts'
import { readLog } from './log-scan.ts'
import { type Content, Model } from './model.ts'
import { checkProperty, runsOf, TIMEOUT_MS } from './runs.ts'

const COMMITS = 24
const CUTS = 150
const FLIPS = 400
/** What proves that more had been durable: the master, a later flush marker, or a page on disk. */
const REFUSALS = ['LOG_CORRUPT', 'PAGE_LSN_BEYOND_LOG']

interface Written {
  readonly disk: SimulatedFileSystem
  readonly model: Model
  /** For each commit, the end of the durable log when it was acknowledged. */
  readonly endLsns: readonly number[]
}

/** A database killed after full commits of several sizes, with a checkpoint in their middle. */
async function written(): Promise<Written> {
  const disk = await newDisk()
  const { db, managers } = await openLab(disk, { frames: 256, checkpointBytes: 1 << 24 })
  const model = new Model()
  const endLsns: number[] = []
  for (let serial = 0; serial < COMMITS; serial++) {
    const tx = db.begin()
    const key = keyOf(0, serial)
    const value = contentOf(serial, serial % 5 === 4 ? 30_000 : 500)
    await tx.put(tableOf(db, 't'), key, value)
    const commit = model.commit([{ kind: 'put', table: 't', key, value }], 'full')
    await tx.commit()
    commit.acknowledged = true
    endLsns.push(managers.log.flushedLsn)
    if (serial === COMMITS / 2) await db.checkpoint()
  }
  return { disk: disk.crash({ mode: 'none' }), model, endLsns }
}

/** What opening gives: the content, or the code of the error. */
async function outcome(disk: SimulatedFileSystem): Promise<Content | string> {
  try {
    const { db } = await openLab(disk)
    return await readAll(db)
  } catch (error) {
    if (AriesError.is(error)) return error.code
    throw error
  }
}

function masterOf(disk: SimulatedFileSystem): { checkpointLsn: number; endLsn: number } {
  const file = disk.open(MASTER_FILE_NAME, 'read')
  const master = readMaster(file).records[0]?.master
  file.close()
  if (master === undefined) throw new Error('there is a master record')
  return master
}

/** The last number of a record may end in zeros, and so does the gap behind it: to cut them changes nothing. */
const ZEROS_MAX = 16

describe('a damaged log', () => {
  test(
    'cut at any place: a prefix that has all that is proved, or an error',
    async () => {
      const { disk, model, endLsns } = await written()
      const endLsn = endLsns.at(-1) as number
      const master = masterOf(disk)
      const counts = { torn: 0, corrupt: 0 }
      const anywhere = fc.integer({ min: 4096, max: endLsn - 1 })
      const inCheckpoint = fc.integer({ min: master.checkpointLsn + 1, max: master.endLsn - ZEROS_MAX })
      const place = fc.oneof({ weight: 4, arbitrary: anywhere }, { weight: 1, arbitrary: inCheckpoint })
      const property = fc.asyncProperty(place, async (lsn) => {
        const image = disk.crash({ mode: 'none' })
        cutLogAt(image, lsn, endLsn + 4096)
        const found = await outcome(image)
        if (typeof found === 'string') {
          expect(lsn + ZEROS_MAX < master.endLsn ? ['LOG_CORRUPT'] : REFUSALS).toContain(found)
          counts.corrupt++
        } else {
          expect(lsn + ZEROS_MAX, 'the master proves more').toBeGreaterThanOrEqual(master.endLsn)
          const whole = endLsns.filter((end) => end <= lsn).length
          expect(model.problemOf(found, whole)).toBeUndefined()
          counts.torn++
        }
      })
      await checkProperty(property, { numRuns: runsOf(CUTS) }, ([lsn]) => `cut at LSN ${lsn}`)
      expect(counts.torn).toBeGreaterThan(0)
      expect(counts.corrupt).toBeGreaterThan(0)
    },
    TIMEOUT_MS,
  )

  test(
    'a flipped bit in what a later flush marker proves: LOG_CORRUPT, or it did not matter',
    async () => {
      const { disk, model } = await written()
      const { checkpointLsn } = masterOf(disk)
      const proved = Math.max(
        ...readLog(disk).flatMap((r) => (r.type === RecordType.FLUSH_MARKER ? flushedLsnOf(r) : [])),
      )
      let corrupt = 0
      const place = fc.tuple(fc.integer({ min: checkpointLsn, max: proved - 1 }), fc.nat(7))
      const property = fc.asyncProperty(place, async ([lsn, bit]) => {
        const image = disk.crash({ mode: 'none' })
        image.flipBit(segmentName(Math.floor(lsn / SEGMENT_BYTES)), lsn % SEGMENT_BYTES, bit)
        const found = await outcome(image)
        if (typeof found !== 'string') expect(model.problemOf(found, model.commits.length)).toBeUndefined()
        else {
          expect(found).toBe('LOG_CORRUPT')
          corrupt++
        }
      })
      await checkProperty(property, { numRuns: runsOf(FLIPS) }, ([[lsn, bit]]) => `bit ${bit} of LSN ${lsn}`)
      expect(corrupt).toBeGreaterThan(FLIPS / 2)
    },
    TIMEOUT_MS,
  )
})
