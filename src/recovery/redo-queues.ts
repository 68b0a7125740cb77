/**
 * Queues of log records that wait to be redone, one for each group of pages.
 *
 * ```
 *   log       | p7 | p3 | p9 | p7 | p5 | p3 | ...        LSNs rise, pages come in any order
 *                |    |    +-----------------------+
 *                v    v                            v
 *   queue 3   | p7 | p3 | p7 | p3 |    queue 1  | p9 | p5 |        page p waits in queue p mod 4
 * ```
 *
 * The pages of a log come in random order, so that nearly each record finds its page outside the
 * processor's caches, or, when the pool is smaller than what has to be redone, on disk. Of the pages of
 * one group many records are redone in one go, while these few pages are near.
 *
 * WHY THE ORDER MAY CHANGE. Redo of a record looks at nothing but its page. All records of a page wait
 * in the same queue, and leave it in the order of the log; which page is brought up to date first
 * matters to nobody. The paper has these queues, "on a per page or group of pages basis", under
 * exploiting parallelism in section 6.2. We have one process, and want them for the caches only.
 *
 * A crash meanwhile leaves some pages further on than others. So does any other: the next redo asks
 * each page how far it is (I14).
 *
 * Each queue is a fixed stretch of one piece of memory: what LSN the next record has (8 bytes), then its
 * bytes as they are in the log. A queue that is full is emptied, then filled anew; a record too long for
 * an empty one does not wait.
 */
import { copyBytes, getU53, setU53 } from '../common/bytes.ts'
import { asLsn } from '../common/ids.ts'
import { alignRecord, LogRecordView } from '../log/log-record.ts'

const QUEUES_MAX = 1024
/** More queues would each be too short to be worth it. */
const QUEUE_BYTES_MIN = 4096
const LSN_BYTES = 8

export class RedoQueues {
  readonly #redo: (record: LogRecordView) => void
  readonly #bytes: Uint8Array
  readonly #view: DataView
  readonly #queueBytes: number
  /** How many bytes of each queue are taken. */
  readonly #used: Uint32Array
  readonly #record = new LogRecordView()

  /**
   * `redo` is given each record, of one page in the order they came. The queues take `bytes` of memory;
   * with none, no record waits.
   */
  constructor(bytes: number, redo: (record: LogRecordView) => void) {
    const count = Math.min(QUEUES_MAX, Math.max(1, Math.floor(bytes / QUEUE_BYTES_MIN)))
    this.#redo = redo
    this.#queueBytes = Math.floor(bytes / count) & -LSN_BYTES
    this.#used = new Uint32Array(count)
    this.#bytes = new Uint8Array(count * this.#queueBytes)
    this.#view = new DataView(this.#bytes.buffer)
  }

  /** The record waits, or is redone after those of its queue that wait. It is copied. */
  add(record: LogRecordView): void {
    const queue = record.pageId % this.#used.length
    const bytes = LSN_BYTES + alignRecord(record.length)
    if (this.#usedOf(queue) + bytes > this.#queueBytes) this.#empty(queue)
    if (bytes > this.#queueBytes) {
      this.#redo(record)
      return
    }
    const at = queue * this.#queueBytes + this.#usedOf(queue)
    setU53(this.#view, at, record.lsn)
    copyBytes(this.#bytes, at + LSN_BYTES, record.bytes, record.payloadEnd - record.length, record.length)
    this.#used[queue] = this.#usedOf(queue) + bytes
  }

  /** Redoes all that wait. */
  emptyAll(): void {
    for (let queue = 0; queue < this.#used.length; queue++) this.#empty(queue)
  }

  #empty(queue: number): void {
    const start = queue * this.#queueBytes
    const end = start + this.#usedOf(queue)
    for (let at = start; at < end; ) {
      const record = this.#record.set(this.#bytes, this.#view, at + LSN_BYTES, asLsn(getU53(this.#view, at)))
      this.#redo(record)
      at += LSN_BYTES + alignRecord(record.length)
    }
    this.#used[queue] = 0
  }

  #usedOf(queue: number): number {
    return this.#used[queue] as number
  }
}
