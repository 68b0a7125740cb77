/** Runs measurements: each in a fresh process, the engines taking turns, in directories that are gone afterwards. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Times } from './clock.ts'
import { syncFiles } from './disk.ts'
import type { Engine } from './engines/engine.ts'
import { Launcher } from './launch.ts'
import type { Measurement } from './measurement.ts'
import type { Answer, Task } from './task.ts'

export interface RunOptions {
  readonly runs: number
  readonly times: Times
  readonly scale: number
}

/** What was found: for each figure, for each engine, one value a run. */
export type Samples = Record<string, Record<string, number[]>>

export interface RunEvents {
  /** Something begins. */
  begin(measurement: Measurement, engine: Engine, what: string): void
  /** It failed; the engine is left out of the rest of the measurement. */
  failed(measurement: Measurement, engine: Engine, message: string): void
}

export class Runner {
  readonly #options: RunOptions
  readonly #events: RunEvents
  readonly #directory: string
  readonly #launcher = new Launcher()

  constructor(options: RunOptions, events: RunEvents) {
    this.#options = options
    this.#events = events
    this.#directory = mkdtempSync(join(process.env['ARIES_BENCH_DIR'] ?? tmpdir(), 'aries-bench-'))
  }

  get launcher(): Launcher {
    return this.#launcher
  }

  get directory(): string {
    return this.#directory
  }

  /** Ends what runs and removes all directories. */
  cleanUp(): void {
    this.#launcher.kill()
    // What was killed may still be letting go.
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 3 })
  }

  async measure(measurement: Measurement, engines: readonly Engine[]): Promise<Samples> {
    const samples: Samples = {}
    const taking = engines.filter((engine) => takesPart(engine, measurement))
    const failed = new Set<Engine>()
    for (let run = 0; run < this.#options.runs; run++) {
      for (let i = 0; i < taking.length; i++) {
        // Another one begins in each run.
        const engine = taking[(i + run) % taking.length] as Engine
        if (failed.has(engine)) continue
        try {
          const figures = await this.#measureOnce(measurement, engine, run)
          for (const [id, value] of Object.entries(figures)) {
            samples[id] ??= {}
            samples[id][engine.id] ??= []
            samples[id][engine.id]?.push(value)
          }
        } catch (error) {
          failed.add(engine)
          this.#events.failed(measurement, engine, error instanceof Error ? error.message : String(error))
        }
      }
    }
    return samples
  }

  /** Lets go of the rows that were loaded for measurements on that many. */
  dropDatasets(): void {
    rmSync(join(this.#directory, 'datasets'), { recursive: true, force: true })
  }

  async #measureOnce(measurement: Measurement, engine: Engine, run: number): Promise<Record<string, number>> {
    const dataset = await this.#datasetOf(measurement, engine)
    const work = join(this.#directory, 'work')
    rmSync(work, { recursive: true, force: true })
    const directory = dataset === undefined || measurement.changesDataset === true ? work : dataset
    if (dataset !== undefined && directory === work) {
      cpSync(dataset, work, { recursive: true })
      syncFiles(work)
    }
    this.#events.begin(measurement, engine, `run ${run + 1} of ${this.#options.runs}`)
    try {
      const before =
        measurement.untilKilled === undefined ? {} : await this.#perform('untilKilled', measurement, engine, directory)
      const after = await this.#perform('run', measurement, engine, directory)
      return { ...before.figures, ...after.figures }
    } finally {
      rmSync(work, { recursive: true, force: true })
    }
  }

  /** Loaded once for all measurements on as many rows, and for all forms of one engine. */
  async #datasetOf(measurement: Measurement, engine: Engine): Promise<string | undefined> {
    const { dataset } = measurement
    if (dataset === undefined) return undefined
    const size = dataset.isBeyondCache === true ? '-beyond-cache' : ''
    const name = `${engine.packageName ?? engine.id}-${dataset.rows}-${dataset.order}${size}`
    const directory = join(this.#directory, 'datasets', name)
    if (existsSync(directory)) return directory
    this.#events.begin(measurement, engine, 'loading its rows')
    mkdirSync(directory, { recursive: true })
    try {
      await this.#perform('load', measurement, engine, directory)
      syncFiles(directory)
    } catch (error) {
      rmSync(directory, { recursive: true, force: true })
      throw error
    }
    return directory
  }

  #perform(step: Task['step'], measurement: Measurement, engine: Engine, directory: string): Promise<Answer> {
    const { times, scale } = this.#options
    const task: Task = { step, engine: engine.id, measurement: measurement.id, directory, times, scale }
    return this.#launcher.perform(task)
  }
}

export function takesPart(engine: Engine, measurement: Measurement): boolean {
  const isForm = engine.onlyIn === undefined || engine.onlyIn.includes(measurement.id)
  return isForm && (measurement.suits?.(engine) ?? true)
}
