/** What a case of `npm run crash:real` is, and what all of them work with. */
import { join } from 'node:path'
import type { Random } from '../../src/common/random.ts'
import type { Cleanup } from './command.ts'
import type { Needs } from './machine.ts'
import { Trial } from './trial.ts'

/** Something that is done to a database over and over. */
export interface Case {
  readonly name: string
  readonly needs: Needs
  /** How often. */
  readonly runs: (counts: Counts) => number
  /** @throws `Unavailable` when this machine cannot do it after all */
  readonly run: (bench: Bench) => Promise<Outcome>
}

export interface Counts {
  /** Power cuts of each file system. */
  readonly cuts: number
  /** Faults of each other kind. */
  readonly faults: number
}

export interface Outcome {
  readonly trial: Trial
  readonly notes: readonly string[]
}

/** Errors of an engine that met a failing disk: it has stopped, and says so. */
export const STOPPED = ['DB_FAILED', 'TX_OUTCOME_UNKNOWN', 'IO_ERROR']

export interface BenchOptions {
  readonly seed: number
  readonly clients: number
  /** How often the case does what it does. */
  readonly runs: number
  readonly random: Random
  readonly cleanup: Cleanup
  /** Called when the thing was done once more. */
  readonly onRun: (trial: Trial, done: number) => void
}

export class Bench {
  readonly #options: BenchOptions

  constructor(options: BenchOptions) {
    this.#options = options
  }

  get cleanup(): Cleanup {
    return this.#options.cleanup
  }

  /** A trial with a new database below `directory`, which ends with this process at the latest. */
  trialIn(directory: string): Trial {
    const { seed, clients } = this.#options
    const trial = new Trial({ seed, clients, directory: join(directory, 'database') })
    this.cleanup.add(() => trial.stop())
    return trial
  }

  /** A number below `bound`, not always a whole one. */
  draw(bound: number): number {
    return this.#options.random() * bound
  }

  /** Whether it is time for what comes up in a share of the runs. */
  isTimeFor(share: number): boolean {
    return this.#options.random() < share
  }

  /** Does it as often as it was asked for, or until something is wrong. */
  async repeat(trial: Trial, once: (run: number) => Promise<void>): Promise<void> {
    const { runs, onRun } = this.#options
    for (let run = 1; run <= runs && !trial.isOver; run++) {
      await once(run)
      onRun(trial, run)
    }
  }
}
