/** How a database under test is opened, and what it is found to hold. */
import { buffer, type Database, type OpenOptions, type RecoveryReport, utf8 } from '../../src/index.ts'
import type { Listing, Restart } from './protocol.ts'
import { digestOf } from './rows.ts'

const KIB = 1 << 10

/** Everything small, so that pages are evicted, checkpoints taken and segments recycled all the time. */
export const DATABASE_OPTIONS: OpenOptions = {
  createIfMissing: true,
  pageSize: 4 * KIB,
  segmentBytes: 256 * KIB,
  poolBytes: 256 * KIB,
  checkpointBytes: 256 * KIB,
  maxRedoBytes: 512 * KIB,
  flushIntervalMs: 20,
  lockTimeoutMs: 60,
}

/** Reads everything. */
export async function listingOf(database: Database): Promise<Listing> {
  const listing: (readonly [string, (readonly [string, string])[]])[] = []
  for (const name of await database.tables()) {
    const rows: (readonly [string, string])[] = []
    const table = database.table(name, { key: utf8, value: buffer })
    for await (const [key, value] of table.range()) rows.push([key, digestOf(value)])
    listing.push([name, rows])
  }
  return listing
}

export function restartOf({ wasNeeded, totalMs, analysis, redo, restoredPages }: RecoveryReport): Restart {
  return { wasNeeded, ms: totalMs, losers: analysis.losers, redone: redo.redone, restoredPages: restoredPages.length }
}
