/** What an exploration has seen: crash points and states, by the kind of I/O that the crash came before. */
import { segmentNumberOf } from '../../src/log/segment.ts'
import type { Mutation } from '../watched-file-system.ts'
import { THE_END } from './moment.ts'

export interface Tally {
  points: number
  /** States that were met, also again. */
  states: number
  /** States that no earlier one equals; they were restarted and checked. */
  distinct: number
}

/** Figures as plain data, so that they can be sent and added up, by depth and place: `2 write log`. */
export type CoverageFigures = Record<string, Tally>

export class Coverage {
  readonly #tallies = new Map<string, Tally>()

  /** Of the crashes at a kind of I/O, the `depth`-th in a row. */
  of(depth: number, place: string): Tally {
    return this.#at(`${depth} ${place}`)
  }

  #at(key: string): Tally {
    let tally = this.#tallies.get(key)
    if (tally === undefined) {
      tally = { points: 0, states: 0, distinct: 0 }
      this.#tallies.set(key, tally)
    }
    return tally
  }

  add(figures: CoverageFigures): void {
    for (const [key, { points, states, distinct }] of Object.entries(figures)) {
      const tally = this.#at(key)
      tally.points += points
      tally.states += states
      tally.distinct += distinct
    }
  }

  get figures(): CoverageFigures {
    return Object.fromEntries([...this.#tallies].sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** The figures, which begin anew at zero. */
  take(): CoverageFigures {
    const { figures } = this
    this.#tallies.clear()
    return figures
  }

  get total(): Tally {
    const total = { points: 0, states: 0, distinct: 0 }
    for (const { points, states, distinct } of this.#tallies.values()) {
      total.points += points
      total.states += states
      total.distinct += distinct
    }
    return total
  }
}

/** The kind of I/O that `mutation` is, by which crashes before it are counted. */
export function placeOf(mutation: Mutation): string {
  if (mutation === THE_END) return 'the end'
  const { kind, file } = mutation
  if (file === '') return kind
  return `${kind} ${segmentNumberOf(file) === undefined ? file : 'log'}`
}
