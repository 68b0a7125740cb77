/** Which records have been undone, over all restarts: none is, twice (I7), as far as the CLRs that say so are there. */
import type { TraceEvent } from '../../src/common/trace.ts'

export class UndoneRecords {
  /** Undone record to its CLR. */
  readonly #clrLsns = new Map<number, number>()
  #lastClrLsn = 0

  /** Takes note of an event of the engine; what is wrong with it, if anything is. */
  note(event: TraceEvent): Error | undefined {
    if (event.kind === 'analysis') this.#forgetFrom(event.endLsn)
    // After a restart that had nothing to do, which says nothing of where the log ends.
    if (event.kind === 'appended' && event.lsn <= this.#lastClrLsn) this.#forgetFrom(event.lsn)
    if (event.kind !== 'undone') return undefined
    const before = this.#clrLsns.get(event.lsn)
    // The CLR of a part leaves the rest of its record to the next.
    const isPart = event.undoNextLsn === event.lsn
    if (!isPart) this.#clrLsns.set(event.lsn, event.clrLsn)
    this.#lastClrLsn = Math.max(this.#lastClrLsn, event.clrLsn)
    if (before === undefined) return undefined
    return new Error(`record ${event.lsn} is undone by ${before} and by ${event.clrLsn} (I7)`)
  }

  /** The CLRs from `endLsn` on are lost. */
  #forgetFrom(endLsn: number): void {
    for (const [lsn, clrLsn] of this.#clrLsns) if (clrLsn >= endLsn) this.#clrLsns.delete(lsn)
    this.#lastClrLsn = Math.max(0, ...this.#clrLsns.values())
  }
}
