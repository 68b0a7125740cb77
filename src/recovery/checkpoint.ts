/**
 * Fuzzy checkpoints (Mohan et al., TODS 1992, section 5.4): the two tables go into the log, no page
 * is forced and no one waits.
 *
 *   1. BEGIN_CHECKPOINT, then the tables as END_CHECKPOINT, in one synchronous step
 *   2. the log is flushed
 *   3. the meta page of the data file is written with the BEGIN_CHECKPOINT's LSN, durably: a data file that has not
 *      seen the checkpoint that the master record names is an older copy, and is refused (I39)
 *   4. the master record names the BEGIN_CHECKPOINT (I13)
 *   5. what lies below the low-water mark may be recycled (I12)
 *
 * A crash between any two steps is harmless (I30): the master still names the checkpoint before.
 */

import type { BufferManager } from '../buffer/buffer-manager.ts'
import { asLsn, type Lsn, NO_PAGE, NO_TXN, NULL_LSN } from '../common/ids.ts'
import { SILENT, type Tracer } from '../common/tracer.ts'
import type { LogManager } from '../log/log-manager.ts'
import { RecordType } from '../log/log-record.ts'
import type { MasterWriter } from '../log/master-record.ts'
import { ResourceId } from '../log/resource-manager.ts'
import { encodeCheckpoint } from './checkpoint-record.ts'
import type { TransactionTable } from './transaction-table.ts'

/** What holds the low-water mark where it is. */
export type LowWaterHolder = 'checkpoint' | 'dirty-page' | 'transaction'

export interface LowWaterMark {
  readonly lsn: Lsn
  readonly holder: LowWaterHolder
}

/**
 * The oldest LSN that a restart from the checkpoint at `checkpointLsn` can need:
 * min(checkpoint, every recLsn, the first record of every active transaction).
 */
export function lowWaterMark(checkpointLsn: Lsn, recLsns: Iterable<Lsn>, firstLsns: Iterable<Lsn>): LowWaterMark {
  let lsn = checkpointLsn
  let holder: LowWaterHolder = 'checkpoint'
  for (const recLsn of recLsns) {
    if (recLsn < lsn) {
      lsn = recLsn
      holder = 'dirty-page'
    }
  }
  for (const firstLsn of firstLsns) {
    if (firstLsn !== NULL_LSN && firstLsn < lsn) {
      lsn = firstLsn
      holder = 'transaction'
    }
  }
  return { lsn, holder }
}

export class Checkpointer {
  readonly #log: LogManager
  readonly #buffer: BufferManager
  readonly #table: TransactionTable
  readonly #master: MasterWriter
  readonly #nextTxnId: () => number
  #running: Promise<void> | undefined
  #checkpointLsn: Lsn
  /** Log end right behind the last checkpoint: nothing appended since means nothing to checkpoint. */
  #endLsn: Lsn
  #lowWater: LowWaterMark
  taken = 0
  tracer: Tracer = SILENT

  constructor(
    log: LogManager,
    buffer: BufferManager,
    table: TransactionTable,
    master: MasterWriter,
    nextTxnId: () => number,
    last: { checkpointLsn: Lsn; endLsn: Lsn; lowWater: LowWaterMark },
  ) {
    this.#log = log
    this.#buffer = buffer
    this.#table = table
    this.#master = master
    this.#nextTxnId = nextTxnId
    this.#checkpointLsn = last.checkpointLsn
    this.#endLsn = last.endLsn
    this.#lowWater = last.lowWater
  }

  /** The BEGIN_CHECKPOINT that the master record names. */
  get checkpointLsn(): Lsn {
    return this.#checkpointLsn
  }

  /** Log bytes appended since the last checkpoint. */
  get logBytesSince(): number {
    return this.#log.nextLsn - this.#endLsn
  }

  get lowWater(): LowWaterMark {
    return this.#lowWater
  }

  /** To be called before the log below `lowWater` goes: see `MasterWriter`. @throws `DB_FAILED` */
  repeatFoundMaster(): void {
    this.#master.repeatFound()
  }

  /**
   * Takes a checkpoint, or joins the one that is being taken. With `isClean`, declares that nothing
   * follows it: the database is being closed; another one declares no such thing, so it is not joined.
   * Rejects with `DB_FAILED`, or `DISK_FULL` when it can be tried again.
   */
  take(isClean = false): Promise<void> {
    if (isClean && this.#running !== undefined) return this.#running.then(() => this.take(true))
    this.#running ??= this.#take(isClean).finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async #take(isClean: boolean): Promise<void> {
    const dirtyPages = this.#buffer.dirtyPages()
    const minRecLsn = this.#buffer.minRecLsn()
    const transactions = [...this.#table]
    const parts = encodeCheckpoint(this.#nextTxnId(), transactions, dirtyPages)
    const lowWaterOf = (checkpointLsn: Lsn): LowWaterMark =>
      lowWaterMark(
        checkpointLsn,
        minRecLsn === NULL_LSN ? [] : [minRecLsn],
        transactions.map((entry) => entry.firstLsn),
      )
    this.#log.reserve(
      0,
      parts.reduce((bytes, part) => bytes + part.length + 64, 64),
    )
    const beginLsn = this.#append(RecordType.BEGIN_CHECKPOINT, new Uint8Array(0))
    for (const part of parts) this.#append(RecordType.END_CHECKPOINT, part)
    const endLsn = this.#log.nextLsn
    const lowWater = lowWaterOf(beginLsn)
    await this.#log.waitDurable(asLsn(endLsn - 1))
    await this.#buffer.stampCheckpoint(beginLsn)
    const pageCount = this.#buffer.syncedPageCount
    await this.#master.write({ checkpointLsn: beginLsn, endLsn, pageCount, isClean })
    this.#checkpointLsn = beginLsn
    this.#endLsn = endLsn
    this.#lowWater = lowWater
    this.taken++
    this.tracer.listener?.({ kind: 'checkpoint', lsn: beginLsn, endLsn, lowWaterLsn: lowWater.lsn })
  }

  #append(type: number, payload: Uint8Array): Lsn {
    const at = this.#log.start(type, ResourceId.NONE, 0, 0, NO_PAGE, NO_TXN, NULL_LSN, NULL_LSN, payload.length)
    this.#log.bytes.set(payload, at)
    return this.#log.finish().lsn
  }
}
