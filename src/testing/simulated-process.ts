/**
 * One life of a program on a simulated disk: from opening the database to the end of what it does, or
 * to the crash.
 *
 * DEATH. A process that dies does not run its `catch` and `finally` blocks. So the promises that the
 * program gets, from the database and from `sleep`, never settle once the machine is off or the life is
 * over: whatever waited for one stays where it is. What it says afterwards is not heard.
 *
 * TIME stands still while anything can go on, and moves in steps when the program waits for nothing but
 * the clock.
 */
import { type Database, type OpenOptions, open } from '../index.ts'
import type { SimulatedFileSystem } from '../io/simulated-file-system.ts'
import { SimulatedRuntime } from '../io/simulated-runtime.ts'
import { databaseHandle } from './handles.ts'

/** Something that happened in a life, for the timeline. */
export interface TimelineEvent {
  /** How many operations the disk had done before it. */
  readonly operations: number
  readonly kind: 'note' | 'ack' | 'did' | 'phase'
  readonly text: string
}

/** How a life ended: in the crash, well, or with an error of the program or of opening. */
export type ProcessEnd =
  | { readonly how: 'crashed' }
  | { readonly how: 'done' }
  | { readonly how: 'failed'; readonly phase: string; readonly error: unknown }

// Fake timers of a test framework must not stop the simulation.
const { setImmediate } = globalThis
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

/** How far the clock moves when nothing else goes on. Who waits long is waited for in longer steps. */
const STEP_MS = 10
const STEPS_UNTIL_DOUBLE = 500
/** A life that takes longer waits for good. */
const LIFE_MS_MAX = 2 * 3_600_000

export class SimulatedProcess {
  readonly disk: SimulatedFileSystem
  readonly events: TimelineEvent[] = []
  readonly runtime: SimulatedRuntime
  readonly #options: OpenOptions
  readonly #records: boolean
  #phase = 'open'
  #over = false

  /** @param records whether the events say what the program did with the database */
  constructor(disk: SimulatedFileSystem, options: OpenOptions, seed: number, records: boolean) {
    this.disk = disk
    this.disk.trace = []
    this.runtime = new SimulatedRuntime(seed)
    this.#options = options
    this.#records = records
  }

  /** Opens the database, does `work`, and says how that ended. What is still open then is dropped. */
  async run(work: (handle: Database, database: Database) => Promise<void>): Promise<ProcessEnd> {
    const { disk, runtime } = this
    const life = open(disk, { ...this.#options, runtime }).then((db) => work(databaseHandle(db, this), db))
    let end: ProcessEnd | undefined
    life.then(
      () => {
        end ??= { how: 'done' }
      },
      (error: unknown) => {
        end ??= { how: 'failed', phase: this.#phase, error }
      },
    )
    for (let step = 0; runtime.nowMs() < LIFE_MS_MAX; step++) {
      await turn()
      if (end !== undefined || disk.poweredOff) break
      runtime.advance(STEP_MS * 2 ** Math.floor(step / STEPS_UNTIL_DOUBLE))
    }
    if (disk.poweredOff) end = { how: 'crashed' }
    this.#over = true
    return end ?? { how: 'failed', phase: this.#phase, error: endless(this.#phase) }
  }

  /** Whether the program has ceased to be. */
  get isDead(): boolean {
    return this.#over || this.disk.poweredOff
  }

  /** What begins now, for messages. */
  enter(phase: string): void {
    this.#phase = phase
    this.#happened('phase', phase)
  }

  note(text: string): void {
    if (!this.isDead) this.#happened('note', text)
  }

  acknowledged(text: () => string): void {
    if (this.#records) this.#happened('ack', text())
  }

  /** Something that the program did with the database. */
  did(text: () => string): void {
    if (this.#records && !this.isDead) this.#happened('did', text())
  }

  sleep(milliseconds: number): Promise<void> {
    return this.guard(new Promise((resolve) => void this.runtime.after(milliseconds, resolve)))
  }

  /** The same promise, as long as there is somebody to hear of it. */
  guard<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      promise.then(
        (value) => {
          if (!this.isDead) resolve(value)
        },
        (error: unknown) => {
          if (!this.isDead) reject(error)
        },
      )
    })
  }

  #happened(kind: TimelineEvent['kind'], text: string): void {
    this.events.push({ operations: this.disk.trace?.length ?? 0, kind, text })
  }
}

function endless(phase: string): Error {
  return new Error(
    `the ${phase} never ends: it waits for something that does not come. Time is simulated; wait with sleep, not with a timer`,
  )
}
