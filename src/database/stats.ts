/** What `db.stats()` tells. All of it is read from counters; those of the allocated pages are in the space-map pages. */
import { AriesError, type ErrorCode } from '../common/errors.ts'
import { FLUSH_BUCKETS_MS } from '../log/flush-statistics.ts'
import type { Checkpointer, LowWaterHolder } from '../recovery/checkpoint.ts'
import { lowWaterMark } from '../recovery/checkpoint.ts'
import type { Managers } from './assemble.ts'
import type { Maintenance } from './maintenance.ts'

export interface DatabaseStats {
  readonly log: {
    /** Bytes of the log so far, since the database was made. */
    readonly endLsn: number
    readonly flushedLsn: number
    /** Bytes of segment files on disk. */
    readonly fileBytes: number
    /** Log bytes held back so that active transactions can roll back on a full disk. */
    readonly reservedBytes: number
    readonly flushes: number
    readonly flushedBytes: number
    readonly flushTotalMs: number
    /** Flushes by duration: `count` of those up to `upToMs`. */
    readonly flushHistogram: readonly { readonly upToMs: number; readonly count: number }[]
    readonly commitsPerFlush: number
    /** The oldest LSN that a restart could need, and what keeps it. */
    readonly oldestRequiredLsn: number
    readonly oldestRequiredBy: LowWaterHolder
    /** Log bytes that a restart would redo if the process died now. */
    readonly redoWindowBytes: number
  }
  readonly buffer: {
    readonly frames: number
    readonly residentPages: number
    readonly dirtyPages: number
    readonly hits: number
    readonly misses: number
    readonly hitRatio: number
    readonly evictions: number
    readonly pagesWritten: number
    /** Batches written because an operation needed a frame at once. */
    readonly demandBatches: number
    /** Batches put off because the disk was full. */
    readonly deferredBatches: number
  }
  readonly transactions: {
    /** Begun and not ended, those in doubt included. */
    readonly active: number
    /** Prepared, and waiting for their outcome. */
    readonly inDoubt: number
    readonly committed: number
    readonly aborted: number
    readonly readOnly: number
    /** The transaction whose first log record is the oldest. */
    readonly oldestId: number | undefined
  }
  readonly locks: {
    readonly held: number
    readonly waiting: number
    readonly waits: number
    readonly deadlocks: number
    readonly timeouts: number
    /** How often a transaction with many locks in one table locked the table as a whole instead. */
    readonly escalations: number
  }
  /** What is kept for snapshots and for transactions that read without locks. */
  readonly versions: {
    readonly readers: number
    /** How long the oldest snapshot has been open; undefined without one. */
    readonly oldestAgeMs: number | undefined
    /** Older values kept in memory, and what they take. */
    readonly entries: number
    readonly bytes: number
    /** Log bytes since the oldest commit whose freed pages a snapshot holds back. */
    readonly heldBackLogBytes: number
  }
  readonly background: {
    readonly checkpoints: number
    readonly pendingActions: number
    /** Leaves that still hold ghosts. */
    readonly uncleanLeaves: number
    /** The last error that background work will try to get over, such as a full disk. */
    readonly lastError: string | undefined
  }
  readonly pages: {
    /** Undefined when a page that says so is damaged or cannot be read now. */
    readonly allocated: number | undefined
    readonly inFile: number
    /** Pages that restart has left to be brought up to date later: see `deferRedo`. */
    readonly deferred: number
    readonly damaged: readonly number[]
  }
}

/** What a process tells others of a database that it has open. */
export interface PublishedFigures {
  /** How long it has had it open. */
  readonly openMs: number
  readonly stats?: DatabaseStats
  /** Why there are none: the engine has stopped, or is being closed. */
  readonly error?: { readonly code: ErrorCode; readonly message: string }
}

export function statsOf(
  managers: Managers,
  checkpointer: Checkpointer,
  maintenance: Maintenance,
  nowMs: number,
): DatabaseStats {
  const { log, buffer, transactions, locks } = managers
  const minRecLsn = buffer.minRecLsn()
  const oldestEntry = transactions.oldestEntry
  const required = lowWaterMark(
    checkpointer.checkpointLsn,
    minRecLsn === 0 ? [] : [minRecLsn],
    oldestEntry === undefined ? [] : [oldestEntry.firstLsn],
  )
  const redoStart = minRecLsn === 0 ? checkpointer.checkpointLsn : Math.min(minRecLsn, checkpointer.checkpointLsn)
  const { hits, misses, evictions, pagesWritten, demandBatches, deferredBatches } = buffer.statistics
  const { committed, aborted, readOnly } = transactions.statistics
  const { flushes, bytes, totalMs, histogram } = log.statistics
  const lockStats = locks.stats
  return {
    log: {
      endLsn: log.nextLsn,
      flushedLsn: log.flushedLsn,
      fileBytes: log.retention.bytes,
      reservedBytes: log.reservedBytes,
      flushes,
      flushedBytes: bytes,
      flushTotalMs: totalMs,
      flushHistogram: histogram.map((count, i) => ({ upToMs: FLUSH_BUCKETS_MS[i] ?? Number.POSITIVE_INFINITY, count })),
      commitsPerFlush: flushes === 0 ? 0 : committed / flushes,
      oldestRequiredLsn: required.lsn,
      oldestRequiredBy: required.holder,
      redoWindowBytes: log.nextLsn - redoStart,
    },
    buffer: {
      frames: buffer.frameCount,
      residentPages: buffer.residentCount,
      dirtyPages: buffer.dirtyCount,
      hits,
      misses,
      hitRatio: hits + misses === 0 ? 1 : hits / (hits + misses),
      evictions,
      pagesWritten,
      demandBatches,
      deferredBatches,
    },
    transactions: {
      active: transactions.active.size,
      inDoubt: transactions.inDoubt.length,
      committed,
      aborted,
      readOnly,
      oldestId: oldestEntry?.id,
    },
    locks: lockStats,
    versions: versionStats(managers, nowMs),
    background: {
      checkpoints: checkpointer.taken,
      pendingActions: managers.pending.size,
      uncleanLeaves: managers.btree.uncleanLeafCount,
      lastError: maintenance.lastError?.message,
    },
    pages: {
      allocated: allocatedPages(managers),
      inFile: buffer.pageCount,
      deferred: buffer.deferred?.count ?? 0,
      damaged: buffer.quarantined,
    },
  }
}

function versionStats({ versions, pending, log }: Managers, nowMs: number): DatabaseStats['versions'] {
  const { readers, oldestOpenedMs, entries, bytes } = versions.stats
  const { heldBackLsn } = pending
  return {
    readers,
    oldestAgeMs: oldestOpenedMs === undefined ? undefined : nowMs - oldestOpenedMs,
    entries,
    bytes,
    heldBackLogBytes: heldBackLsn === undefined ? 0 : log.nextLsn - heldBackLsn,
  }
}

function allocatedPages(managers: Managers): number | undefined {
  try {
    return managers.space.allocatedPageCount()
  } catch (error) {
    // Figures are asked for when something is wrong, and are told all the same.
    if (AriesError.is(error)) return undefined
    throw error
  }
}
