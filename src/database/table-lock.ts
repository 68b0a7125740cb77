/**
 * A table as one transaction has it locked, and how many locks on keys of it the transaction has taken.
 *
 *     locks on keys   0 ............ escalateAt ............ 16 x escalateAt
 *                     taken one by one | the table is tried now and then | the table is waited for
 *
 * Each lock on a key costs about 380 bytes, so a transaction that takes very many asks for the table
 * instead: S in place of locks that read, X in place of all. Reads and writes are counted apart, so a scan
 * that changes a row here and there leaves other readers alone. While others use the table it is not to be
 * had, and locks on keys go on; but not for ever.
 *
 * INVARIANT I35: a transaction has at most 16 times `escalateAt` locks of each kind in a table, whatever others do.
 */
import type { PageId } from '../common/ids.ts'
import { coversKeys, LockMode, onlyReads, supremum } from '../lock/lock-mode.ts'

/** The table is tried again after another eighth of `escalateAt`: others may be gone. */
const TRIES_AFTERWARDS = 8
/** From so many times `escalateAt` on the table is waited for. */
const PATIENCE = 16

export class TableLock {
  readonly name: string
  /** Where the table is; undefined when that has to be looked up again. */
  tree: PageId | undefined = undefined
  /** The mode in which the table's name is held. */
  mode: LockMode
  /** Whether the transaction may hold locks on keys of it. */
  mayHoldKeys = false
  /** The next table of the transaction. */
  readonly next: TableLock | undefined
  readonly #escalateAt: number
  /** Locks on keys that read, and that write; and the counts at which to try for the table. */
  #reads = 0
  #writes = 0
  #readsDueAt: number
  #writesDueAt: number

  constructor(name: string, mode: LockMode, escalateAt: number, next: TableLock | undefined) {
    this.name = name
    this.mode = mode
    this.next = next
    this.#escalateAt = escalateAt
    this.#readsDueAt = escalateAt
    this.#writesDueAt = escalateAt
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
    this.mayHoldKeys = true
    if (onlyReads(mode)) this.#reads++
    else this.#writes++
  }

  /** The mode in which to ask for the table before another key is locked in `mode`; undefined: not now. */
  escalation(mode: LockMode): LockMode | undefined {
    if (onlyReads(mode)) return this.#reads < this.#readsDueAt ? undefined : LockMode.S
    return this.#writes < this.#writesDueAt ? undefined : LockMode.X
  }

  /** Notes that the table was not to be had; whether it has to be waited for now. */
  refused(mode: LockMode): boolean {
    const isRead = onlyReads(mode)
    const count = isRead ? this.#reads : this.#writes
    if (count >= this.#escalateAt * PATIENCE) return true
    const dueAt = count + Math.ceil(this.#escalateAt / TRIES_AFTERWARDS)
    if (isRead) this.#readsDueAt = dueAt
    else this.#writesDueAt = dueAt
    return false
  }

  /** Notes that the table is held in `mode` now, and what that covers is not held any more. */
  escalated(mode: LockMode): void {
    this.mode = mode
    this.#reads = 0
    this.#readsDueAt = this.#escalateAt
    if (mode !== LockMode.X) return
    this.mayHoldKeys = false
    this.#writes = 0
    this.#writesDueAt = this.#escalateAt
  }
}
