/**
 * What the parent knows of the work: for each step and each transfer, whether it was announced, and how
 * it ended. After a kill some are in flight: they may be in the database or not, but only as a whole.
 * Once the database was looked at, that is settled, too, and may not change any more.
 *
 *   unknown -> begun -> committed     acknowledged, or found after a kill: must be there for good
 *                    -> gone          rolled back, or not found after a kill: must never show again
 *   A step that is gone is done again: gone -> begun.
 */
import type { Message, WorkKind } from './protocol.ts'

export type WorkState = 'unknown' | 'begun' | 'committed' | 'gone'

export class Ledger {
  readonly #states: Readonly<Record<WorkKind, WorkState[]>> = { step: [], transfer: [] }
  /** Acknowledged commits, of steps and transfers. */
  commits = 0
  stepsCommitted = 0

  /** Takes note of a message. */
  note(message: Message): void {
    if (message.event === 'ready') return
    const states = this.#states[message.kind]
    while (states.length < message.id) states.push('unknown')
    if (message.event === 'begin') states[message.id] = 'begun'
    if (message.event === 'abort') states[message.id] = 'gone'
    if (message.event !== 'commit') return
    states[message.id] = 'committed'
    this.commits++
    if (message.kind === 'step') this.stepsCommitted++
  }

  state(kind: WorkKind, id: number): WorkState {
    return this.#states[kind][id] ?? 'unknown'
  }

  /** The numbers of all work of a kind that is in a state. */
  all(kind: WorkKind, state: WorkState): number[] {
    return [...this.#states[kind].keys()].filter((id) => this.#states[kind][id] === state)
  }

  get inFlight(): number {
    return this.all('step', 'begun').length + this.all('transfer', 'begun').length
  }

  /** One more than the highest number announced. */
  next(kind: WorkKind): number {
    return this.#states[kind].length
  }

  /** Decides what was in flight: committed if `isThere`, else gone. Returns how many were there. */
  settle(isThere: (kind: WorkKind, id: number) => boolean): number {
    let found = 0
    for (const kind of ['step', 'transfer'] as const) {
      for (const id of this.all(kind, 'begun')) {
        const there = isThere(kind, id)
        this.#states[kind][id] = there ? 'committed' : 'gone'
        if (!there) continue
        found++
        if (kind === 'step') this.stepsCommitted++
      }
    }
    return found
  }
}
