/**
 * The demo itself: work, kill, look, again.
 *
 *   round 1..kills   start a worker -> SIGKILL -> open (restart runs) -> verify -> close
 *   last round       start a worker -> it finishes and closes -> open (nothing to recover) -> verify
 *
 * When the kills come is drawn from the seed: all the work is cut into as many slices as there are
 * kills, and each kill falls at a random step of its slice, a few random milliseconds later. So the
 * first ones hit the load, the later ones the renaming.
 */
import { randomBelow, randomFrom } from '../../common/random.ts'
import { AriesError, open, type RecoveryReport } from '../../index.ts'
import { CliError, ExitCode } from '../errors.ts'
import { isDamage } from '../open.ts'
import { Ledger } from './ledger.ts'
import type { PlaceSource } from './places.ts'
import type { Plan } from './plan.ts'
import type { Job, Message } from './protocol.ts'
import { openAccounts } from './tables.ts'
import { isThere, readContent, violationsOf } from './verify.ts'
import { WorkerProcess } from './worker-process.ts'

const KILL_DELAY_MS_MAX = 20

export interface DemoOptions {
  /** The file of this program, which is started again as the worker. */
  readonly program: string
  readonly directory: string
  readonly source: PlaceSource
  readonly plan: Plan
  readonly kills: number
}

/** What one round showed. */
export interface Round {
  /** Its number from 1; the last one ends without a kill. */
  readonly number: number
  readonly wasKilled: boolean
  readonly cities: number
  readonly transfers: number
  /** Commits acknowledged so far, over all rounds. */
  readonly acknowledged: number
  /** Transactions begun, but neither acknowledged nor rolled back, when the worker died. */
  readonly inFlight: number
  /** How many of these turned out to be committed. */
  readonly inFlightCommitted: number
  readonly recovery: RecoveryReport
  readonly verifyMs: number
  readonly workMs: number
  readonly violations: readonly string[]
}

export interface Listener {
  /** A commit or abort was told; called often. */
  onProgress(stepsCommitted: number, commits: number): void
  onRound(round: Round): void
}

export class Demo {
  readonly #options: DemoOptions
  readonly #listener: Listener
  readonly #ledger = new Ledger()
  #worker: WorkerProcess | undefined

  constructor(options: DemoOptions, listener: Listener) {
    this.#options = options
    this.#listener = listener
  }

  /** Runs all rounds, or until one shows a violation. */
  async run(): Promise<Round[]> {
    await this.#prepare()
    const rounds: Round[] = []
    for (const kill of [...this.#killMoments(), undefined]) {
      const round = await this.#round(rounds.length + 1, kill)
      rounds.push(round)
      this.#listener.onRound(round)
      if (round.violations.length > 0) break
    }
    return rounds
  }

  /** Ends the working process at once. */
  stop(): void {
    this.#worker?.kill()
  }

  async #prepare(): Promise<void> {
    const database = await open(this.#options.directory, { createIfMissing: true })
    await openAccounts(database)
    await database.close()
  }

  #killMoments(): { afterSteps: number; delayMs: number }[] {
    const { plan, kills } = this.#options
    const random = randomFrom(plan.seed)
    return Array.from({ length: kills }, (_, i) => ({
      afterSteps: Math.floor(((i + random()) * plan.steps) / kills),
      delayMs: randomBelow(random, KILL_DELAY_MS_MAX),
    }))
  }

  async #round(number: number, kill: { afterSteps: number; delayMs: number } | undefined): Promise<Round> {
    const startedMs = performance.now()
    await this.#workUntil(kill)
    const workMs = performance.now() - startedMs
    try {
      return { number, wasKilled: kill !== undefined, workMs, ...(await this.#look()) }
    } catch (error) {
      throw asViolation(error)
    }
  }

  /** Lets a worker work until it is killed, or without a `kill`, until all is done. */
  async #workUntil(kill: { afterSteps: number; delayMs: number } | undefined): Promise<void> {
    let isDoomed = false
    const worker = new WorkerProcess(this.#options.program, this.#nextJob(kill === undefined), (message: Message) => {
      this.#ledger.note(message)
      if (message.event !== 'commit') return
      this.#listener.onProgress(this.#ledger.stepsCommitted, this.#ledger.commits)
      if (kill === undefined || isDoomed || this.#ledger.stepsCommitted < kill.afterSteps) return
      isDoomed = true
      setTimeout(() => worker.kill(), kill.delayMs)
    })
    this.#worker = worker
    await worker.end(kill === undefined ? 'finished' : 'killed')
  }

  #nextJob(endsWhenDone: boolean): Job {
    const { directory, source, plan } = this.#options
    const nextStep = this.#ledger.next('step')
    return {
      directory,
      source,
      seed: plan.seed,
      missedSteps: this.#ledger.all('step', 'gone').concat(this.#ledger.all('step', 'unknown')),
      nextStep,
      nextTransfer: this.#ledger.next('transfer'),
      endsWhenDone,
    }
  }

  /** Opens the database, which recovers it, and holds it against the ledger. */
  async #look(): Promise<Omit<Round, 'number' | 'wasKilled' | 'workMs'>> {
    const { directory, plan } = this.#options
    const ledger = this.#ledger
    const acknowledged = ledger.commits
    const inFlight = ledger.inFlight
    const database = await open(directory)
    const startedMs = performance.now()
    const content = await readContent(database)
    const violations = violationsOf(content, ledger, plan)
    const inFlightCommitted = ledger.settle((kind, id) => isThere(content, plan, kind, id))
    await database.close()
    return {
      cities: content.cities.size,
      transfers: content.transfers.size,
      acknowledged,
      inFlight,
      inFlightCommitted,
      recovery: database.recovery,
      verifyMs: performance.now() - startedMs,
      violations,
    }
  }
}

/** After a kill, damage and broken invariants are violations, too; a full disk, say, is not. */
function asViolation(error: unknown): unknown {
  if (AriesError.is(error) && !isDamage(error)) return error
  const message = error instanceof Error ? error.message : String(error)
  return new CliError(`VIOLATED: the database cannot be read after the kill: ${message}`, ExitCode.PROBLEMS)
}
