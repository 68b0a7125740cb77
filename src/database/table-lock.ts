/**
 * A table as one transaction has it locked, and how many locks on keys of it the transaction has taken.
 *
 *     locks on keys   0 ............ escalateAt ............ 16 x escalateAt
 *                     taken one by one | the table is tried now and then | the table is waited for
 *
 * Each lock on a key costs about 400 bytes, so a transaction that takes very many asks for the table
 * instead: S in place of locks that read, X in place of all. Reads and writes are counted apart, so a scan
 * that changes a row here and there leaves other readers alone. While others use the table it is not to be
 * had, and locks on keys go on; but not for ever, so that memory is bounded whatever others do.
 */
import type { PageId } from '../common/ids.ts'
import { coversKeys, LockMode, onlyReads, supremum } from '../lock/lock-mode.ts'

/** The table is tried again after another eighth of `escalateAt`: others may be gone. */
const TRIES_AFTERWARDS = 8
/** From so many times `escalateAt` on the table is waited for. */
const PATIENCE = 16

/** Locks on keys of one kind. */
interface Tally {
  count: number
  /** The count at which to try for the table. */
  dueAt: number
}

export class TableLock {
  readonly name: string
  /** Where the table is; undefined when that has to be looked up again. */
  tree: PageId | undefined = undefined
  /** The mode in which the table's name is held. */
  mode: LockMode
  readonly #escalateAt: number
  readonly #reads: Tally
  readonly #writes: Tally

  constructor(name: string, mode: LockMode, escalateAt: number) {
    this.name = name
    this.mode = mode
    this.#escalateAt = escalateAt
    this.#reads = { count: 0, dueAt: escalateAt }
    this.#writes = { count: 0, dueAt: escalateAt }
  }

  /** Whether the name is held in `mode` or a stronger one. */
  holds(mode: LockMode): boolean {
    return supremum(this.mode, mode) === this.mode
  }

  /** Whether a key needs no lock of this mode, because the table has it. */
  covers(mode: LockMode): boolean {
    return coversKeys(this.mode, mode)
  }

  /** Counts a lock on a key. */
  count(mode: LockMode): void {
    this.#tallyOf(mode).count++
  }

  /** The mode in which to ask for the table before another key is locked in `mode`; undefined: not now. */
  escalation(mode: LockMode): LockMode | undefined {
    const { count, dueAt } = this.#tallyOf(mode)
    if (count < dueAt) return undefined
    return onlyReads(mode) ? LockMode.S : LockMode.X
  }

  /** Notes that the table was not to be had; whether it has to be waited for now. */
  refused(mode: LockMode): boolean {
    const tally = this.#tallyOf(mode)
    if (tally.count >= this.#escalateAt * PATIENCE) return true
    tally.dueAt = tally.count + Math.ceil(this.#escalateAt / TRIES_AFTERWARDS)
    return false
  }

  /** Notes that the table is held in `mode` now, and what that covers is not held any more. */
  escalated(mode: LockMode): void {
    this.mode = mode
    for (const tally of mode === LockMode.X ? [this.#reads, this.#writes] : [this.#reads]) {
      tally.count = 0
      tally.dueAt = this.#escalateAt
    }
  }

  #tallyOf(mode: LockMode): Tally {
    return onlyReads(mode) ? this.#reads : this.#writes
  }
}
