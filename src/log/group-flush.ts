/**
 * Group commit: many who wait for their record to be durable share one sync of the log.
 *
 * ```
 *   flushedLsn         end of the flush in flight            nextLsn
 *   --+-------------------------+-------------------------------+--
 *     | these wait for it       | these wait for the next flush |
 * ```
 *
 * One flush is in flight; whoever asks meanwhile shares the next one. A flush starts in the turn after
 * the first request, so that everyone who is ready now goes with it. No timers.
 *
 * When many wait, those who come back from one flush would all be in the next, and the disk would rest while
 * they work; so a flush starts as soon as half of the crowd is ready for it, and two halves take turns. The
 * second half is seldom whole, because some wait for locks; it goes when the disk is free and a third of the
 * crowd is there. Where a sync takes longer than the work of all of them, the processor would rest instead,
 * and each sync serve only half of them; so there a flush waits for the whole crowd, turn by turn, as long as
 * each turn brings somebody.
 *
 * (DeWitt et al., Implementation Techniques for Main Memory Database Systems, SIGMOD 1984.)
 *
 * INVARIANTS: I28 (a sync that has failed is never tried again: everyone who waits is told, and the
 * engine stops).
 */
import type { Lsn } from '../common/ids.ts'
import type { FailStop } from '../io/fail-stop.ts'
import type { File } from '../io/file-system.ts'
import type { Runtime } from '../io/runtime.ts'
import { FlushPace } from './flush-pace.ts'

/** So many who wait are a crowd. */
const CROWD_MIN = 32
const ALL = 1
const HALF = 1 / 2
const THIRD = 1 / 3

/** What the flush needs of the log manager. */
export interface FlushedLog {
  /** Hands everything to the operating system and returns where it ends. @throws `DB_FAILED` */
  writeOut(): Lsn
  /** The files with writes that no sync has begun for. */
  readonly unsynced: Set<File>
  /** Every byte below is durable. */
  flushedLsn(): Lsn
  /** Says that all below `lsn` is durable now, and how long the sync of it took. */
  durableUpTo(lsn: Lsn, tookMs: number): void
  /** Whether anybody could use the time while a sync is under way. */
  isSomebodyAtWork(): boolean
}

interface Flush {
  /** How many wait for it. */
  waiters: number
  /** What it makes durable; zero until it is in flight. */
  startLsn: number
  endLsn: number
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class GroupFlush {
  readonly #log: FlushedLog
  readonly #runtime: Runtime
  readonly #failStop: FailStop
  #inFlight: Flush | undefined
  #next: Flush | undefined
  /** How many waited when the last flush had ended, for it and for the next. */
  #crowd = 0
  readonly #pace: FlushPace

  constructor(log: FlushedLog, runtime: Runtime, failStop: FailStop) {
    this.#log = log
    this.#runtime = runtime
    this.#failStop = failStop
    this.#pace = new FlushPace(runtime)
  }

  /** The first byte that the flush in flight is making durable, if there is one. */
  get inFlightStartLsn(): number | undefined {
    return this.#inFlight?.startLsn
  }

  /** Resolves when the record at `lsn`, which is not durable yet, is. Rejects with `DB_FAILED`. */
  wait(lsn: Lsn): Promise<void> {
    if (this.#failStop.failed) return Promise.reject(this.#failStop.error())
    if (this.#inFlight !== undefined && lsn < this.#inFlight.endLsn) {
      this.#inFlight.waiters++
      return this.#inFlight.promise
    }
    if (this.#next === undefined) {
      this.#next = makeFlush()
      if (this.#inFlight === undefined) this.#flushNextTurn()
    }
    const { promise } = this.#next
    this.#pace.joined(++this.#next.waiters)
    if (this.#isReady(HALF)) void this.#flush()
    return promise
  }

  get #waitersOfNext(): number {
    return this.#next?.waiters ?? 0
  }

  get #isCrowd(): boolean {
    return this.#crowd >= CROWD_MIN
  }

  /** Whether no flush is in flight, and this part of the crowd waits for the next; on a slow disk, all of it. */
  #isReady(part: number): boolean {
    if (this.#inFlight !== undefined || !this.#isCrowd) return false
    return this.#waitersOfNext >= (this.#pace.isDiskSlower ? ALL : part) * this.#crowd
  }

  /** Flushes in the next turn; on a slow disk in a later one, while the crowd is coming: `before` had come so far. */
  #flushNextTurn(before = 0): void {
    this.#runtime.nextTurn(() => {
      const waiters = this.#waitersOfNext
      const isComing = waiters > before && waiters < this.#crowd && this.#isCrowd && this.#pace.isDiskSlower
      if (isComing && this.#inFlight === undefined) this.#flushNextTurn(waiters)
      else void this.#flush()
    })
  }

  async #flush(): Promise<void> {
    const flush = this.#next
    if (flush === undefined || this.#inFlight !== undefined) return
    const isIdle = !this.#isCrowd && !this.#log.isSomebodyAtWork()
    this.#inFlight = flush
    this.#next = undefined
    this.#pace.flushing()
    try {
      await this.#sync(flush, isIdle)
    } catch (error) {
      this.#inFlight = undefined
      flush.reject(this.#failStop.fail(error))
      this.#rejectNext()
      return
    }
    this.#inFlight = undefined
    this.#crowd = flush.waiters + this.#waitersOfNext
    this.#continue()
    if (this.#isCrowd) this.#pace.resumed(flush.waiters, this.#waitersOfNext, this.#crowd)
    flush.resolve()
  }

  async #sync(flush: Flush, isIdle: boolean): Promise<void> {
    flush.startLsn = this.#log.flushedLsn()
    const endLsn = this.#log.writeOut()
    flush.endLsn = endLsn
    const startedMs = this.#runtime.nowMs()
    const files = [...this.#log.unsynced]
    this.#log.unsynced.clear()
    for (const file of files) await file.sync(isIdle)
    this.#failStop.check()
    const tookMs = this.#runtime.nowMs() - startedMs
    this.#pace.synced(tookMs)
    this.#log.durableUpTo(endLsn, tookMs)
  }

  /** Starts the next flush, if anybody waits for it: at once, before those who wait for this one go on, or in a turn. */
  #continue(): void {
    if (this.#next === undefined) return
    if (this.#isReady(THIRD)) void this.#flush()
    else this.#flushNextTurn()
  }

  #rejectNext(): void {
    this.#next?.reject(this.#failStop.error())
    this.#next = undefined
  }
}

function makeFlush(): Flush {
  let resolve!: () => void
  let reject!: (error: unknown) => void
  const promise = new Promise<void>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  // Whoever waits handles the rejection; a flush that nobody waits for any more must not be reported
  // as unhandled, because the fail-stop already carries its error.
  promise.catch(() => {})
  return { waiters: 0, startLsn: 0, endLsn: 0, promise, resolve, reject }
}
