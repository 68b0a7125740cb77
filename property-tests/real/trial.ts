/** One database with its oracle, over many lives of its working process. */
import { setTimeout } from 'node:timers/promises'
import { AriesError, open } from '../../src/index.ts'
import type { CrashKind } from '../model.ts'
import { type End, Life } from './life.ts'
import { DATABASE_OPTIONS, listingOf } from './look.ts'
import { Oracle } from './oracle.ts'
import type { Message } from './protocol.ts'

export interface TrialOptions {
  readonly directory: string
  readonly seed: number
  readonly clients: number
}

export interface LifeOptions {
  readonly environment?: NodeJS.ProcessEnv
  /** The codes of the errors that the working process may run into. */
  readonly allowedErrors?: readonly string[]
  /** The exit code of a process that ends itself in the middle. */
  readonly suicideCode?: number
}

/**
 * A hang, not slowness: nothing that is waited for takes a hundredth of it. Counted in short pauses, so
 * that time in which this process itself was stopped counts for little.
 */
const HANG_PAUSES = 120
const PAUSE_MS = 1_000

class Hang extends Error {}

async function hangs(signal: AbortSignal): Promise<'hangs' | 'over'> {
  for (let pause = 0; pause < HANG_PAUSES; pause++) {
    if (!(await setTimeout(PAUSE_MS, true, { signal }).catch(() => false))) return 'over'
  }
  return 'hangs'
}

/** What can be heard: messages, and that a commit was acknowledged which outlives a kill. */
type Heard = Message['event'] | 'kept'

/** A working process, while something is done to it. */
export class Patient extends Life {
  readonly heard = new Set<Heard>()
  /** The commits that a kill may take back. */
  readonly #loose = new Set<number>()
  #waiting: (() => void)[] = []

  /** Resolves when one of these messages has come, or the process has ended. @throws when neither ever happens */
  async hears(...events: Heard[]): Promise<void> {
    const isHeard = (): boolean => events.some((event) => this.heard.has(event))
    const giveUp = new AbortController()
    const hang = hangs(giveUp.signal)
    const end = this.ended.then(() => 'over')
    try {
      while (!isHeard()) {
        const message = new Promise<string>((resolve) => this.#waiting.push(() => resolve('message')))
        const what = await Promise.race([message, end, hang])
        if (what === 'over') return
        if (what === 'hangs')
          throw new Hang(
            `the working process hangs: it should ${events.length > 0 ? `have told ${events.join(' or ')}` : 'have ended'}`,
          )
      }
    } finally {
      giveUp.abort()
    }
  }

  /** Resolves when the process has ended. @throws when it never does */
  ends(): Promise<void> {
    return this.hears()
  }

  /** Takes note of a message. */
  note(message: Message): void {
    this.heard.add(message.event)
    if (message.event === 'ask' && message.durability === 'none') this.#loose.add(message.id)
    if (message.event === 'ack' && !this.#loose.has(message.id)) this.heard.add('kept')
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

export class Trial {
  readonly oracle = new Oracle()
  readonly #options: TrialOptions
  #lives = 0
  #patient: Patient | undefined

  constructor(options: TrialOptions) {
    this.#options = options
  }

  get directory(): string {
    return this.#options.directory
  }

  /** Whether something is wrong, after which nothing more can be judged. */
  get isOver(): boolean {
    return this.oracle.violations.length > 0
  }

  /**
   * Starts a working process, lets `act` do to it what it wants, and hears it out. `act` has to bring
   * the process to its end, and says what of it outlives that.
   */
  async live(act: (patient: Patient) => Promise<CrashKind>, options: LifeOptions = {}): Promise<Patient> {
    const { seed, clients, directory } = this.#options
    this.oracle.allowedErrors = new Set(options.allowedErrors)
    const job = { seed, clients, directory, life: this.#lives++ }
    const patient: Patient = new Patient(job, options.environment ?? {}, (message) => {
      this.oracle.hear(message)
      patient.note(message)
    })
    this.#patient = patient
    try {
      const crash = await act(patient)
      this.#checkEnd(await patient.ended, options.suicideCode)
      this.oracle.ended(crash)
    } catch (error) {
      if (!(error instanceof Hang)) throw error
      this.oracle.violations.push(error.message)
    } finally {
      patient.kill()
      await patient.ended
    }
    return patient
  }

  /** Ends the working process at once. */
  stop(): void {
    this.#patient?.kill()
  }

  /** Opens the database in this very process, judges it, closes it, and opens it again: nothing is left to do then. */
  async finish(): Promise<void> {
    try {
      await this.#look()
      const wasNeeded = await this.#look()
      if (wasNeeded) this.oracle.violations.push('after a clean close there was something to recover (I15)')
    } catch (error) {
      if (!AriesError.is(error)) throw error
      this.oracle.violations.push(`in the end: ${error.message}`)
    }
  }

  /** Returns whether there was something to recover. */
  async #look(): Promise<boolean> {
    const database = await open(this.directory, DATABASE_OPTIONS)
    try {
      this.oracle.judge(await listingOf(database), database.check())
    } finally {
      await database.close()
    }
    return database.recovery.wasNeeded
  }

  #checkEnd({ code, signal, errorText }: End, suicideCode: number | undefined): void {
    // Asked to close when it was about to end anyway, it has no ears for it any more.
    if (signal === 'SIGKILL' || signal === 'SIGTERM' || code === 0 || code === suicideCode) return
    const how = signal ?? `exit code ${code}`
    this.oracle.violations.push(`the working process ended by itself with ${how}: ${errorText.trim()}`)
  }
}
